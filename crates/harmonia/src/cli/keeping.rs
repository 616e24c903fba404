//! What is kept in order: the schema, identifiers, cards, keys, configuration, agent files, and how
//! long all is kept.

use super::values::{Date, date, lifetime};
use crate::operator::OperatorArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `harmonia migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Only say what is applied and what would be
    #[arg(long)]
    pub status: bool,
}

/// `harmonia mids`
#[derive(Debug, Args)]
pub struct MidsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MidsAction,
}

/// What to do with merchant identifiers.
#[derive(Debug, Subcommand)]
pub enum MidsAction {
    /// Onboard (or with action D remove) the identifiers of a CSV file
    Import {
        /// No header; ten columns: provider, identifier, type, scheme, location id, internal id,
        /// scheme name, location, postcode, action (A or D)
        file: PathBuf,
        /// From when on what is added is in force, and what is deleted is not: a day in the scheme's
        /// time zone (2026-06-01) or a moment (2026-06-01T04:00:00Z) [default: added: since ever, or
        /// since it last ended; deleted: now]
        #[arg(long, value_name = "DATE", value_parser = date)]
        from: Option<Date>,
        /// Until when what is added is in force: a day, which is no longer in it, or a moment
        /// [default: without end]
        #[arg(long, value_name = "DATE", value_parser = date)]
        until: Option<Date>,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
    /// List the identifiers that are in force or will be, with their dates
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
    },
    /// Take one identifier out of force; what comes late of before then still finds it
    Remove {
        /// The payment provider
        provider: String,
        /// PRIMARY, SECONDARY or PSIMI
        identifier_type: String,
        /// The identifier
        identifier: String,
        /// From when on: a day in the scheme's time zone, or a moment [default: now]
        #[arg(long, value_name = "DATE", value_parser = date)]
        from: Option<Date>,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
}

/// `harmonia cards`
#[derive(Debug, Args)]
pub struct CardsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: CardsAction,
}

/// What to do with linked cards.
#[derive(Debug, Subcommand)]
pub enum CardsAction {
    /// Link the cards of a CSV file
    Import {
        /// With a header: card_token, scheme_slug, loyalty_id, user_id, scheme_account_id,
        /// payment_card_account_id, first_six, last_four, expiry_month, expiry_year, credentials
        file: PathBuf,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
    /// List linked cards
    List {
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
}

/// `harmonia check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Agent files; without any, all of TXM_AGENTS_DIR
    pub files: Vec<PathBuf>,
}

/// `harmonia keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What to do with keys of the API.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a key and show it, this once
    Create {
        /// What it is for; no two keys in force have one name
        #[arg(long, value_parser = key_name)]
        name: String,
        /// What it may be used for, with commas between: feeds:write, config:read, config:write,
        /// identifiers:read, identifiers:write, transactions:read, transactions:write
        #[arg(long, value_name = "SCOPES", value_parser = scopes)]
        scopes: Scopes,
        /// When it ends: 12h, 90d, 52w; without it, when it is revoked
        #[arg(long, value_name = "AFTER", value_parser = lifetime)]
        expires: Option<std::time::Duration>,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
    /// List them: what they may be used for, until when, and when they were used last
    List,
    /// Take a key back, for good
    Revoke {
        /// Its name, or its number in the list
        key: String,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
}

/// Scopes of a key, each once.
#[derive(Clone, Debug)]
pub struct Scopes(pub Vec<harmonia_core::access::Scope>);

/// `harmonia config`
#[derive(Debug, Args)]
#[command(after_help = config_help())]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with configuration keys.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// List every key, with its value
    List,
    /// Print the value of a key; nothing where it is not set
    Get {
        /// The key, with or without txmatch:config:
        key: String,
    },
    /// Set a key; every process sees it within seconds
    Set {
        /// The key, with or without txmatch:config:
        key: String,
        /// Its value
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
    /// Put a key at its default again
    Unset {
        /// The key, with or without txmatch:config:
        key: String,
        /// Who does it
        #[command(flatten)]
        who: OperatorArgs,
    },
}

/// `harmonia purge`
#[derive(Debug, Args)]
#[command(long_about = PURGE)]
pub struct PurgeArgs {
    /// How many days to keep, 2 at least [default: what txmatch:config:retention-days says]
    #[arg(long, value_parser = clap::value_parser!(u32)
        .range(i64::from(harmonia_core::retention::LEAST_DAYS)..=i64::from(harmonia_core::retention::MOST_DAYS)))]
    pub days: Option<u32>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Who does it
    #[command(flatten)]
    pub who: OperatorArgs,
}

const PURGE: &str = "Take out transactions that are old and finished, for ever.

What goes: payments that are matched and delivered, with their sales, matches, exports and raw \
records, and sales that stayed unpaid, where everything about them is of an earlier day and was \
imported before it. What stays, however old: open payments, exports that were not delivered, records \
that wait or were rejected, the log of files and the audit log. From then on what is of an earlier \
day and not known is rejected as TOO_OLD when it comes. It may be stopped and begun again.";

fn scopes(text: &str) -> Result<Scopes, String> {
    harmonia_core::access::Scope::list(text).map(Scopes)
}

fn key_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let lawful = !name.is_empty() && name.len() <= 64 && !name.chars().any(char::is_control);
    // A key is also revoked by its number: a name must not look like one.
    if lawful && name.parse::<i64>().is_err() {
        Ok(name.to_owned())
    } else {
        Err("a name has 1 to 64 characters and is not a number: write till-server".to_owned())
    }
}

/// The configuration keys, for the end of `config --help`.
fn config_help() -> String {
    let mut text = String::from("Keys:\n");
    use harmonia_core::config::{ALL, SCHEDULES};
    for key in ALL.iter().chain([&SCHEDULES]) {
        text.push_str(&format!(
            "  {} [{}]\n     {}\n",
            key.name, key.default, key.doc
        ));
    }
    text
}
