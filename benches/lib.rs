//! What the benchmarks share: a journey on a fresh store, wired as the binary wires it, and what it
//! took.

#[cfg(feature = "postgres")]
pub mod by_hand;
#[cfg(feature = "postgres")]
pub mod database;
pub mod measure;

use harmonia_core::agent::Agent;
use harmonia_core::changes::AuditEntry;
use harmonia_gateway::files::{ExportFolder, LocalFile};
use harmonia_journey::agents::Agents;
use harmonia_journey::import::{ImportReport, import_file};
use harmonia_journey::onboard::{link_cards, onboard_mids, read_mids};
use harmonia_journey::ports::{BuiltInLinks, Holder, Store, SystemClock, Uids, WithinProcess};
use harmonia_journey::{Journey, drive};
use harmonia_sim::Summary;
use harmonia_store::SqliteStore;
use std::path::Path;
use std::sync::Arc;

/// The agents of the demonstration, and a few of which records are read.
pub fn agents() -> Vec<Agent> {
    [
        "example-loyalty-scheme",
        "example-payment-provider",
        "iceland-bonus-card",
        "mastercard",
        "visa",
    ]
    .map(|slug| agent(&folder().join(format!("{slug}.toml"))))
    .into()
}

/// Every agent there is.
pub fn all_agents() -> Vec<Agent> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| agent(path)).collect()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents")
}

fn agent(path: &Path) -> Agent {
    let text = std::fs::read_to_string(path).unwrap();
    Agent::parse(&path.display().to_string(), &text).unwrap()
}

/// A message of `visa-settlement`; `whole` with all that the network sends, of which the mapping
/// reads a third.
pub fn visa_settlement(number: usize, whole: bool) -> String {
    let second = number % 86_400;
    let time = format!(
        "2026-06-02T{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    let amount = format!("{}.{:02}", number % 90, number % 100);
    let mid = format!("mid-{}a", number % 97);
    let read = [
        ("MerchantCardAcceptorId", mid.clone()),
        ("VipTransactionId", format!("{:032x}", number * 7919)),
        ("VisaMerchantId", mid),
        ("VisaStoreId", format!("{:040x}=", number * 31)),
        ("SettlementAmount", amount.clone()),
        ("MerchantDateTimeGMT", time.clone()),
        ("AuthCode", format!("{:06}", number * 13 % 1_000_000)),
    ];
    let besides = [
        ("BillingAmount", amount.as_str()),
        ("TimeStampYYMMDD", time.as_str()),
        ("MerchantAcquirerBin", "3423432"),
        ("TransactionAmount", amount.as_str()),
        ("VisaMerchantName", "The Shop"),
        ("VisaStoreName", "The Shop"),
        ("SettlementDate", time.as_str()),
        ("SettlementCurrencyCodeNumeric", "826"),
        ("SettlementBillingAmount", amount.as_str()),
        ("SettlementBillingCurrency", "GBP"),
        ("SettlementUSDAmount", amount.as_str()),
        ("CurrencyCodeNumeric", "840"),
        ("BillingCurrencyCode", "840"),
        ("USDAmount", amount.as_str()),
        ("MerchantLocalPurchaseDate ", "2026-06-02"),
        ("MerchantGroup.0.Name", "A GROUP"),
        ("MerchantGroup.0.ExternalId", "MYSTORE"),
        ("PanLastFour", "2345"),
    ];
    let pair =
        |name: &str, value: &str| format!(r#"{{"Key": "Transaction.{name}", "Value": "{value}"}}"#);
    let mut pairs: Vec<String> = read.iter().map(|(name, value)| pair(name, value)).collect();
    if whole {
        pairs.extend(besides.iter().map(|(name, value)| pair(name, value)));
    }
    format!(
        r#"{{"CardId": "{number:09x}", "ExternalUserId": "token-{:012x}", "MessageElementsCollection": [{}], "MessageId": "12345678", "MessageName": "SettlementMessage", "UserDefinedFieldsCollection": [{{"Key": "TransactionType", "Value": "SETTLE"}}], "UserProfileId": "f292f99d-babf-528a-8d8a-19fa5f14f4"}}"#,
        number % 100_000,
        pairs.join(", ")
    )
}

/// How long leases hold.
const LEASE_US: i64 = harmonia_store::sqlite::DEFAULT_LEASE_US;

/// A journey on a fresh store in a folder; with the feature `postgres` and `BENCH_POSTGRES_URI`, on a
/// new database of that server.
pub async fn journey(folder: &Path, batch: usize) -> Journey {
    #[cfg(feature = "postgres")]
    if let Ok(server) = std::env::var("BENCH_POSTGRES_URI") {
        let name = format!("harmonia_bench_{}", std::process::id());
        let database = database::Database::fresh(&server, &name).await;
        return journey_on(&database, folder, batch).await;
    }
    journey_of(agents(), folder, batch).await
}

/// A journey on a PostgreSQL database.
#[cfg(feature = "postgres")]
pub async fn journey_on(database: &database::Database, folder: &Path, batch: usize) -> Journey {
    let store = harmonia_store::PostgresStore::open(&database.uri(), folder, LEASE_US).await;
    wired(
        agents(),
        Arc::new(store.unwrap()),
        Holder::new(Uids),
        folder,
        batch,
    )
    .await
}

/// A journey of some agents on a fresh embedded store in a folder.
pub async fn journey_of(agents: Vec<Agent>, folder: &Path, batch: usize) -> Journey {
    let holder = Holder::new(Uids);
    let store = SqliteStore::open(folder, &holder, LEASE_US).unwrap();
    wired(agents, Arc::new(store), holder, folder, batch).await
}

async fn wired(
    agents: Vec<Agent>,
    store: Arc<dyn Store>,
    holder: Holder,
    folder: &Path,
    batch: usize,
) -> Journey {
    let agents = Agents::register(agents, store.as_ref()).await.unwrap();
    Journey {
        identity: Arc::new(BuiltInLinks(Arc::clone(&store))),
        signals: Arc::new(WithinProcess::new(Arc::clone(&store))),
        store,
        courier: Arc::new(ExportFolder(folder.join("exports"))),
        announcer: None,
        merchants: harmonia_journey::deliver::Merchants::out_of_reach(),
        clock: Arc::new(SystemClock),
        uids: Uids,
        agents: Arc::new(agents),
        holder,
        lease: std::time::Duration::from_micros(LEASE_US.unsigned_abs()),
        batch,
        room: harmonia_journey::room::Room::default(),
        lanes: harmonia_core::changes::Lanes::ONE,
    }
}

/// What is done, for the audit log.
pub fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        operator: "bench".into(),
        action,
        detail: Default::default(),
    }
}

/// Onboards a generated world's MIDs and links its cards.
pub async fn onboard(journey: &Journey, world: &Summary) {
    link(journey, &world.files.mids, &world.files.cards).await;
}

/// Onboards the MIDs of one file and links the cards of another.
pub async fn link(journey: &Journey, mids: &Path, cards: &Path) {
    let mids = read_mids(&std::fs::read(mids).unwrap()).unwrap();
    onboard_mids(
        journey.store.as_ref(),
        mids,
        entry("mids.import"),
        journey.now(),
    )
    .await
    .unwrap();
    let cards = std::fs::File::open(cards).unwrap();
    link_cards(
        journey,
        std::io::BufReader::new(cards),
        entry("cards.import"),
    )
    .await
    .unwrap();
}

/// Imports a file through a feed, to its end.
pub async fn import(journey: &Journey, feed: &str, file: &Path) {
    let feed = journey.agents.feed(feed).unwrap().clone();
    let file = Arc::new(LocalFile(file.to_owned()));
    let report = import_file(journey, &feed, file, &drive::never(), &|_| {})
        .await
        .unwrap();
    assert!(matches!(report, ImportReport::Imported(_)), "{report:?}");
}

/// A fast journey that lost something is not fast.
pub async fn check(journey: &Journey, world: &Summary) {
    let status = journey.store.status(journey.now()).await.unwrap();
    let unknown_mids = world.payments - status.payments.count;
    assert!(
        unknown_mids * 100 < world.payments,
        "{} payments were lost",
        unknown_mids
    );
    assert!(
        status.matched.count * 10 > world.payments * 9,
        "{} matched",
        status.matched.count
    );
}
