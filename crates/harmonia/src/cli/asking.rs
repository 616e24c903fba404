//! What is asked, by those who answer customers and by those who look after matches.

use super::values::{amount, currency, instant, limit, said_time, within};
use crate::operator::OperatorArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which kind of transaction is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A card payment
    Payment,
    /// A merchant's sale
    Sale,
}

/// `harmonia why`
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// What it is
    #[arg(value_enum)]
    pub kind: Kind,
    /// The provider's or merchant's own id of it
    pub transaction_id: String,
}

/// `harmonia review`
#[derive(Debug, Args)]
#[command(long_about = REVIEW)]
pub struct ReviewArgs {
    /// Only one scheme's: its slug
    #[arg(long, value_name = "SLUG")]
    pub scheme: Option<String>,
    /// Only what is in the list for this reason: proposal, ambiguous, contested, undone, near-miss
    #[arg(long, value_name = "NAME", value_parser = topic)]
    pub reason: Option<harmonia_journey::review::Topic>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit)]
    pub limit: usize,
    /// Go on after this payment's row, as the end of the list before says
    #[arg(long, value_name = "ROW", default_value_t = 0)]
    pub after: i64,
}

const REVIEW: &str = "List what people should look at, oldest first, each with the reason, its age and \
the sale that is suggested; writes nothing.

What waits for a second person comes first; then payments that several sales fit, those whose sale went \
to another payment that it fits less well, and those whose match was undone; at last near misses: \
payments without a sale where one open sale differs in one thing only, and that by little (the time by \
half an hour more than the rule allows, the amount by a quarter, or the authorisation code). An item is \
gone as soon as its payment is matched.";

/// `harmonia claim`
#[derive(Debug, Args)]
#[command(long_about = CLAIM)]
pub struct ClaimArgs {
    /// How much it was, as on the receipt: 10.99
    #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true)]
    pub amount: i64,
    /// In which currency
    #[arg(long, value_name = "CODE", default_value = "GBP", value_parser = currency)]
    pub currency: harmonia_core::money::Currency,
    /// When: a day (2026-06-02) or a time (2026-06-02T15:46) by the shop's clock, or a moment
    /// (2026-06-02T14:46:00Z)
    #[arg(long, value_name = "DATE", value_parser = said_time)]
    pub date: harmonia_journey::claim::SaidTime,
    /// How far off that may be: 30m, 2h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = within)]
    pub within: i64,
    /// The card's token, as the card network names it
    #[arg(long, value_name = "TOKEN", conflicts_with = "loyalty_id")]
    pub card: Option<String>,
    /// The member's number in the scheme
    #[arg(long, value_name = "ID")]
    pub loyalty_id: Option<String>,
    /// The last four digits of the card
    // Read by the command: what is wrong here is repeated, and may be a whole card number.
    #[arg(long, value_name = "DDDD")]
    pub last_four: Option<String>,
    /// The scheme: its slug
    #[arg(long, value_name = "SLUG")]
    pub scheme: Option<String>,
    /// The shop: the location id under which its terminals are onboarded
    #[arg(long, value_name = "ID", conflicts_with = "mid")]
    pub location: Option<String>,
    /// The terminal's merchant identifier
    #[arg(long, value_name = "MID")]
    pub mid: Option<String>,
}

const CLAIM: &str = "Find out what became of a purchase that a customer misses; writes nothing.

Amount and date are needed; the card, the member, the card's last four digits, the scheme and the shop \
narrow it down. Every stage is looked through: what came, what was rejected or waits for its MID, whose \
card it was, what is open and why, what is matched, what the merchant was told. The answer is one \
verdict and one next step.";

/// `harmonia lifecycle`
#[derive(Debug, Args)]
pub struct LifecycleArgs {
    /// The provider's or merchant's own id of it
    pub transaction_id: String,
}

/// `harmonia matches`
#[derive(Debug, Args)]
pub struct MatchesArgs {
    /// Only those made since: 2026-06-02, 2026-06-02T14:00:00Z
    #[arg(long, value_parser = instant)]
    pub since: Option<harmonia_core::time::Instant>,
    /// At most so many
    #[arg(long)]
    pub limit: Option<usize>,
}

/// `harmonia rejects`
#[derive(Debug, Args)]
pub struct RejectsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RejectsAction,
}

/// What to do with bad records.
#[derive(Debug, Subcommand)]
pub enum RejectsAction {
    /// List them
    List {
        /// Only those of a state: REJECTED, QUARANTINED, or REPLAYED (taken up after all)
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Take them up again, as the agent files are now
    Replay {
        /// Which, by the numbers of `rejects list`
        #[arg(required_unless_present = "all")]
        rejects: Vec<i64>,
        /// Every one that is rejected or quarantined
        #[arg(long, conflicts_with_all = ["rejects", "record"])]
        all: bool,
        /// The record as it should be: a JSON object like the `data` of `rejects list --json`, or
        /// @FILE with one
        #[arg(long)]
        record: Option<String>,
    },
}

/// `harmonia exports`
#[derive(Debug, Args)]
pub struct ExportsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ExportsAction,
}

/// What to do with exports.
#[derive(Debug, Subcommand)]
pub enum ExportsAction {
    /// List them
    List {
        /// Which
        #[command(flatten)]
        among: AmongArgs,
        /// At most so many
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Send them now, whatever their plan says: what failed, is held or waits for another try, and what
    /// may have arrived
    Retry(HandlingArgs),
    /// Keep them back, until they are released
    Hold(HandlingArgs),
    /// Let go what is held
    Release(HandlingArgs),
    /// Give them up: the merchant is not told
    Cancel(HandlingArgs),
    /// Say that the merchant has what may have arrived
    Delivered(HandlingArgs),
    /// Print the bodies for given export transactions, without sending; needs no database
    Render {
        /// The merchant's slug
        agent: String,
        /// Export transactions, one JSON object a line; standard input without it
        file: Option<PathBuf>,
    },
}

/// Which exports are meant.
#[derive(Debug, Args)]
pub struct AmongArgs {
    /// Only those of a state: PENDING, IN_FLIGHT, DELIVERED, RETRYING, UNCERTAIN, HELD, FAILED, SKIPPED,
    /// CANCELLED
    #[arg(long, visible_alias = "state")]
    pub status: Option<String>,
    /// Only those of a scheme
    #[arg(long, value_name = "SLUG")]
    pub scheme: Option<String>,
    /// Only those made since: 2026-06-02, 2026-06-02T14:00:00Z
    #[arg(long, value_parser = instant)]
    pub since: Option<harmonia_core::time::Instant>,
}

/// What people do to exports: to which, why, and whether they are asked first.
#[derive(Debug, Args)]
pub struct HandlingArgs {
    /// The exports, by the numbers that `exports list` shows
    #[arg(conflicts_with_all = ["status", "scheme", "since"])]
    pub exports: Vec<i64>,
    /// Or those that this command can take, among these
    #[command(flatten)]
    pub among: AmongArgs,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Who and why
    #[command(flatten)]
    pub by: ByArgs,
}

/// `harmonia audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// List what people did instead, oldest first
    #[arg(long)]
    pub log: bool,
}

/// `harmonia backtest`
#[derive(Debug, Args)]
#[command(long_about = BACKTEST)]
pub struct BacktestArgs {
    /// The changed agent file: a copy in another folder, under its own name
    #[arg(long, value_name = "FILE")]
    pub agent: PathBuf,
    /// Only payments made since: 2026-06-02, 2026-06-02T14:00:00Z
    #[arg(long, value_name = "DATE", value_parser = instant)]
    pub since: Option<harmonia_core::time::Instant>,
    /// Only payments made before: 2026-07-01, 2026-07-01T14:00:00Z
    #[arg(long, value_name = "DATE", value_parser = instant)]
    pub until: Option<harmonia_core::time::Instant>,
    /// How many payments to show of each kind of difference
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

const BACKTEST: &str = "Say what a changed agent file's rules would have made of the past; writes nothing.

The scheme's stored payments are decided once more, in the order they came, each against every sale \
that is in by now: by the rules in force and by the changed ones. What differs is counted against what \
became of the payments, and against the rules in force. Matches that people made are held to be the \
truth, and both sets of rules are measured by them. Payments whose card is not known are left out. With \
--since or --until, a sale that a payment of another time has stays with it.";

/// `harmonia match`
#[derive(Debug, Args)]
pub struct MatchArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MatchAction,
}

/// What a person does to matches.
#[derive(Debug, Subcommand)]
pub enum MatchAction {
    /// Match one payment and one sale that are both pending, whatever the rules say
    Force {
        /// The payment: its row (see `harmonia lifecycle`), or its own transaction id
        #[arg(long, value_name = "ID")]
        payment: String,
        /// The sale: its row, or its own transaction id
        #[arg(long, value_name = "ID")]
        sale: String,
        /// Who, and why
        #[command(flatten)]
        by: ByArgs,
    },
    /// Undo a match whose merchant was not told yet; no rule makes it again
    Undo {
        /// The match: its row (see `harmonia matches`)
        #[arg(required_unless_present = "payment")]
        id: Option<i64>,
        /// The match of this payment: its row, or its own transaction id
        #[arg(long, value_name = "ID", conflicts_with = "id")]
        payment: Option<String>,
        /// Who, and why
        #[command(flatten)]
        by: ByArgs,
    },
    /// List what waits for a second person
    Proposals,
}

/// Who does something, and why.
#[derive(Debug, Args)]
pub struct ByArgs {
    /// Why: it is kept for ever, with your name
    #[arg(long)]
    pub reason: String,
    /// Who
    #[command(flatten)]
    pub who: OperatorArgs,
}

fn topic(name: &str) -> Result<harmonia_journey::review::Topic, String> {
    use harmonia_journey::review::Topic;
    Topic::from_name(name).ok_or_else(|| {
        let known = Topic::ALL.map(Topic::as_str);
        format!("{name:?} is not a reason: use {}", known.join(", "))
    })
}
