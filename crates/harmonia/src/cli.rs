//! The command line: what can be asked, in the words its users have for it.

use crate::operator::OperatorArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use harmonia_core::changes::Queue;
use std::path::PathBuf;

/// Matches card payments with till sales, and tells merchants which member to reward.
#[derive(Debug, Parser)]
#[command(version, after_help = settings_help(), max_term_width = 100)]
pub struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole journey on generated input whose truth is known
    Demo(DemoArgs),
    /// Do everything in one process: watch folders, serve the API, match, tell merchants; until
    /// stopped
    Run,
    /// Serve the HTTP API alone, until stopped
    Serve,
    /// Take up what waits in some queues, or in all, until stopped; any number on any machines
    Worker(WorkerArgs),
    /// Say when something is due, until stopped; of any number one does, the others stand by
    Scheduler,
    /// Keys of the HTTP API: create, list, revoke
    Keys(KeysArgs),
    /// Bring the database's schema up to date
    Migrate(MigrateArgs),
    /// Import files through a feed, or watch where it arrives
    Import(ImportArgs),
    /// Work until nothing is due, then stop
    Drain(DrainArgs),
    /// Run a batch export now, and the sweeps that feed it
    Export(ExportArgs),
    /// Merchant identifiers: onboard, list, remove
    Mids(MidsArgs),
    /// The built-in card-link table: load, list
    Cards(CardsArgs),
    /// Check agent files and run their examples
    Check(CheckArgs),
    /// Say what a changed agent file's rules would have made of the past; writes nothing
    Backtest(BacktestArgs),
    /// Explain why a payment or a sale was matched, or was not
    Why(WhyArgs),
    /// List what people should look at: ambiguous, contested, undone, nearly matched
    Review(ReviewArgs),
    /// Find out what became of a purchase that a customer misses
    Claim(ClaimArgs),
    /// Tell the whole story of one transaction
    Lifecycle(LifecycleArgs),
    /// List matches
    Matches(MatchesArgs),
    /// Make a match by hand, or undo one
    Match(MatchArgs),
    /// Records that could not be taken, or wait for a MID
    Rejects(RejectsArgs),
    /// What merchants are told
    Exports(ExportsArgs),
    /// Write sample feeds with their MIDs, cards and truth
    Generate(GenerateArgs),
    /// What can be set while Harmonia runs: list, get, set
    Config(ConfigArgs),
    /// Take out transactions that are old and finished, for ever
    Purge(PurgeArgs),
    /// Where everything stands
    Status,
    /// Check the invariants; exit 1 when one does not hold
    Audit(AuditArgs),
}

/// `harmonia audit`
/// What a worker works on.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Queues, with commas between: import, identify, matching, matching_slow, streaming, export
    #[arg(long, value_delimiter = ',', value_parser = queue, default_values = Queue::NAMES)]
    pub queues: Vec<Queue>,
}

fn queue(name: &str) -> Result<Queue, String> {
    Queue::from_name(name).ok_or_else(|| {
        let names = Queue::NAMES.join(", ");
        format!("there is no queue {name}: there are {names}")
    })
}

#[derive(Debug, Args)]
pub struct AuditArgs {
    /// List what people did instead, oldest first
    #[arg(long)]
    pub log: bool,
}

/// `harmonia demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many purchases to generate
    #[arg(short = 'n', long = "pairs", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub purchases: u64,
    /// Which of the many worlds of this size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How transaction ids look
    #[arg(long, value_enum, default_value_t = Ids::Counter)]
    pub ids: Ids,
    /// Do the work in processes of their own, as on many machines
    #[arg(long)]
    pub apart: bool,
}

/// How transaction ids look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ids {
    /// One after the other
    Counter,
    /// Random, like UUIDs
    Random,
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

fn lifetime(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is not a time: write 12h, 90d or 52w, at most 100 years");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let hours: u64 = match &text[digits.len()..] {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(wrong()),
    };
    let most = 100 * 366 * 24;
    let hours = number.checked_mul(hours);
    let hours = hours.filter(|hours| (1..=most).contains(hours));
    hours
        .map(|hours| std::time::Duration::from_secs(hours * 3600))
        .ok_or_else(wrong)
}

/// `harmonia migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Only say what is applied and what would be
    #[arg(long)]
    pub status: bool,
}

/// `harmonia import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A merchant's slug, or one feed of a payment provider
    pub agent: String,
    /// Files to import, where they lie; without any, what has arrived in the feed's folder
    pub files: Vec<PathBuf>,
    /// The format of the files, if it is not the feed's own
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Import what is there now and stop, instead of watching
    #[arg(long)]
    pub once: bool,
    /// Say what importing the files would do, record by record, and write nothing
    #[arg(long, requires = "files", conflicts_with = "once")]
    pub preview: bool,
}

/// A format that every feed takes besides its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Harmonia's own: JSON lines or a JSON list
    Canonical,
}

/// `harmonia export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The slug of the agent whose exports leave in batches
    pub agent: String,
}

/// `harmonia drain`
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Give up, with exit code 1, when there is still work after this long: 30s, 5m, 1h
    #[arg(long, value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
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

/// A day, whose beginning depends on a time zone, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// A day.
    Day(harmonia_core::time::Day),
    /// A moment.
    Moment(harmonia_core::time::Instant),
}

fn date(text: &str) -> Result<Date, String> {
    if let Ok(day) = day(text) {
        return Ok(Date::Day(day));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(Date::Moment(harmonia_core::time::Instant(
            moment.as_microsecond(),
        ))),
        Err(_) => Err(format!(
            "{text:?} is not a date: write 2026-06-01, or a moment such as 2026-06-01T04:00:00Z"
        )),
    }
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

fn topic(name: &str) -> Result<harmonia_journey::review::Topic, String> {
    use harmonia_journey::review::Topic;
    Topic::from_name(name).ok_or_else(|| {
        let known = Topic::ALL.map(Topic::as_str);
        format!("{name:?} is not a reason: use {}", known.join(", "))
    })
}

fn limit(text: &str) -> Result<usize, String> {
    let parsed = text.parse().ok().filter(|limit| (1..=1000).contains(limit));
    parsed.ok_or_else(|| format!("{text:?} is not a limit: write a number from 1 to 1000"))
}

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

fn amount(text: &str) -> Result<i64, String> {
    harmonia_core::money::parse_major(text)
        .map_err(|error| format!("{error}: write it as on the receipt, 10.99"))
}

fn currency(text: &str) -> Result<harmonia_core::money::Currency, String> {
    harmonia_core::money::Currency::new(text)
        .ok_or_else(|| format!("{text:?} is not a currency: write a code such as GBP"))
}

fn within(text: &str) -> Result<i64, String> {
    let within = duration(text)?;
    let micros = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    if micros > harmonia_core::time::DAY_US {
        return Err("write at most 24h: for another day, name it with --date".to_owned());
    }
    Ok(micros)
}

fn said_time(text: &str) -> Result<harmonia_journey::claim::SaidTime, String> {
    use harmonia_journey::claim::SaidTime;
    if let Ok(date) = date(text) {
        return Ok(match date {
            Date::Day(day) => SaidTime::Day(day),
            Date::Moment(moment) => SaidTime::Moment(moment),
        });
    }
    let wrong = || {
        format!(
            "{text:?} is not a date: write 2026-06-02, 2026-06-02T15:46 by the shop's clock, or \
             2026-06-02T14:46:00Z"
        )
    };
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
    let wall = civil
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|_| wrong())?;
    let wall = wall.timestamp().as_microsecond();
    Ok(SaidTime::Clock(harmonia_core::time::WallClock(wall)))
}

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
        /// Only those of a state: PENDING, DELIVERED, RETRYING, HELD, FAILED
        #[arg(long)]
        status: Option<String>,
        /// At most so many
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Print the bodies for given export transactions, without sending; needs no database
    Render {
        /// The merchant's slug
        agent: String,
        /// Export transactions, one JSON object a line; standard input without it
        file: Option<PathBuf>,
    },
}

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

/// `harmonia generate`
#[derive(Debug, Args)]
#[command(long_about = GENERATE)]
pub struct GenerateArgs {
    /// How many purchases
    #[arg(short = 'n', long = "pairs", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub purchases: u64,
    /// Which of the many worlds of this size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How transaction ids look
    #[arg(long, value_enum, default_value_t = Ids::Counter)]
    pub ids: Ids,
    /// Where to put the files
    #[arg(long)]
    pub out: PathBuf,
    /// Whose sales: the slug of a loyalty scheme
    #[arg(long, value_name = "SLUG", default_value = harmonia_sim::SCHEME)]
    pub scheme: String,
    /// Which card networks its customers pay by, with commas between [default: visa, mastercard and
    /// amex; the example has one of its own]
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    pub providers: Vec<String>,
    /// Also write the older file (`amex-file`) of networks that have one: their settlements once more
    #[arg(long)]
    pub older_files: bool,
    /// What goes wrong, with commas between, each as often as it usually does: `all`, `none`, or of
    /// no-sale, no-payment, unlinked-card, clock-skew, duplicate, ambiguous, unknown-mid,
    /// wrong-amount, and for real schemes tips, partial-capture, split-shipment, wrong-auth-code,
    /// missing-auth-code, daylight-saving, wrong-mid, late-feed, refund [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub faults: Vec<String>,
    /// How often one of them happens, in purchases of a million; may be given for several
    #[arg(long = "fault", value_name = "NAME=PER-MILLION", value_parser = fault_rate)]
    pub rates: Vec<(harmonia_sim::Fault, u32)>,
    /// How many days the purchases are spread over [default: as many as keep a day below 300,000,
    /// three at least]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: Option<u32>,
    /// The first day of trade [default: 2026-06-01]; the clocks change on 2026-03-29 and 2026-10-25
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub first_day: Option<harmonia_core::time::Day>,
}

const GENERATE: &str = "Write sample feeds with their MIDs, cards and truth.

Without --scheme, the two example feeds. With it, the scheme's sales as its tills write them, and of \
each payment provider the authorisations, the settlements and, where something was given back, the \
refunds: a folder for each feed. Beside them mids.csv, cards.csv and truth.csv, which says of each \
payment which sale it was, and what went wrong.";

/// The fault of that name, with hyphens or as `truth.csv` has it.
pub fn fault(name: &str) -> Result<harmonia_sim::Fault, String> {
    harmonia_sim::Fault::from_name(&name.replace('-', "_")).ok_or_else(|| {
        let known = harmonia_sim::Fault::ALL.map(|fault| fault.as_str().replace('_', "-"));
        format!("{name:?} is not a fault: take {}", known.join(", "))
    })
}

fn fault_rate(text: &str) -> Result<(harmonia_sim::Fault, u32), String> {
    let wrong = || format!("{text:?} is not a rate: write tips=20000, purchases in a million");
    let (name, rate) = text.split_once('=').ok_or_else(wrong)?;
    Ok((fault(name)?, rate.parse().map_err(|_| wrong())?))
}

fn day(text: &str) -> Result<harmonia_core::time::Day, String> {
    let parsed = || {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        harmonia_core::time::Day::from_ymd(year, month, day)
    };
    parsed().ok_or_else(|| format!("{text:?} is not a day: write 2026-06-01"))
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write 30s, 5m or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "ms" => return Ok(std::time::Duration::from_millis(number)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(std::time::Duration::from_secs(number.saturating_mul(unit)))
}

fn instant(text: &str) -> Result<harmonia_core::time::Instant, String> {
    let wrong = || format!("{text:?} is not a time: write 2026-06-02 or 2026-06-02T14:00:00Z");
    let utc = jiff::tz::TimeZone::UTC;
    let timestamp = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        day.to_zoned(utc)
            .map(|zoned| zoned.timestamp())
            .map_err(|_| wrong())
    })?;
    Ok(harmonia_core::time::Instant(timestamp.as_microsecond()))
}

/// The configuration keys, for the end of `config --help`.
fn config_help() -> String {
    let mut text = String::from("Keys:\n");
    for key in harmonia_core::config::ALL {
        text.push_str(&format!(
            "  {} [{}]\n     {}\n",
            key.name, key.default, key.doc
        ));
    }
    text
}

/// The settings, for the end of `--help`.
fn settings_help() -> String {
    let mut text = String::from("Settings, from the environment or a .env file:\n");
    for setting in harmonia_core::settings::ALL {
        text.push_str(&format!(
            "  {} [{}]\n     {}\n",
            setting.name, setting.default, setting.doc
        ));
    }
    text.push_str("\nExit codes: 0 done; 1 failed; 2 wrong usage.");
    text
}
