//! G2: eight workers and two people at work on the same payments and sales: no payment and no sale is
//! ever matched twice.

use crate::database::Database;
use crate::ground::Ground;
use crate::seeds::{draw, seeds};
use crate::support::Place;
use harmonia_core::agent::Agent;
use harmonia_core::changes::{Lanes, Queue, Redress};
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_gateway::files::ExportFolder;
use harmonia_journey::agents::Agents;
use harmonia_journey::ports::{BuiltInLinks, Holder, Store, Uids, WithinProcess};
use harmonia_journey::redress::{RedressError, Redressed, force};
use harmonia_journey::room::Room;
use harmonia_journey::{Journey, drive};
use harmonia_store::PostgresStore;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Payments of a seed, each of which both sides want to match.
const RACES: usize = 200;
const WORKERS: usize = 8;
const PEOPLE: usize = 2;
const LANES: u16 = 16;
const BATCH: usize = 5;

/// What must find nothing: payments and sales that are matched more than once.
const TWICE: [&str; 2] = [
    "SELECT payment_transaction_id::text FROM pairing
     WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL
     GROUP BY 1 HAVING count(*) > 1",
    "SELECT scheme_transaction_id::text FROM pairing
     WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL
     GROUP BY 1 HAVING count(*) > 1",
];

#[test]
fn raced_for_by_workers_and_people_nothing_is_matched_twice() {
    if Database::of_tests().is_none() {
        return;
    }
    let (mut forced, mut refused) = (0, 0);
    for seed in seeds(1) {
        let (made, lost) = race(seed);
        forced += made;
        refused += lost;
        println!("raced, seed {seed}: {RACES} races, people won {made} and lost {lost}");
    }
    println!("people won {forced} and lost {refused} races; nothing is matched twice");
    assert!(forced > 0 && refused > 0, "there was no race");
}

/// How many matches people made, and how many they were refused.
fn race(seed: u64) -> (usize, usize) {
    let ground = Ground::postgres(Place::new(), Database::of_tests().unwrap())
        .with("TXM_LEASE_SECONDS", 60)
        .with("TXM_MATCHING_LANES", LANES)
        .with("TXM_BATCH_SIZE", BATCH);
    prepare(&ground);
    let pairs = wanted(&ground, seed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (forced, refused) = runtime.block_on(all_at_once(&ground, pairs));
    for query in TWICE {
        assert_eq!(ground.texts(query), [""; 0], "seed {seed}");
    }
    ground.ok(&["drain"]);
    ground.ok(&["audit"]);
    let matched = ground.texts("SELECT id::text FROM matched_transaction WHERE status = 'MATCHED'");
    let open = ground.texts(
        "SELECT transaction_id FROM payment_transaction
         WHERE status <> 'MATCHED' AND pending_reason IS NULL",
    );
    assert_eq!(
        open, [""; 0],
        "seed {seed}: neither matched nor open with a reason"
    );
    assert!(matched.len() > RACES / 2, "seed {seed}: {}", matched.len());
    (forced, refused)
}

/// Payments and sales in pairs of one amount: the rule wants each with the sale of its own second.
fn prepare(ground: &Ground) {
    let mids = "example-payment-provider,shop-1,primary,example-loyalty-scheme,place-1,,,,,a\n";
    ground.ok(&["mids", "import", &ground.write("mids.csv", mids)]);
    let cards = "card_token,scheme_slug,loyalty_id,first_six,last_four\n\
                 token-1,example-loyalty-scheme,member-1,412345,6789\n";
    ground.ok(&["cards", "import", &ground.write("cards.csv", cards)]);
    let record = |side: &str, number: usize, last: &str| {
        let (second, amount) = (number % 60, 100 + number / 2);
        format!(
            "shop-1\u{1f}{side}-{number}\u{1f}2026-06-02T12:00:{second:02}Z\u{1f}{amount}\u{1f}{last}"
        )
    };
    for (feed, side, last) in [
        ("example-loyalty-scheme", "sale", "10"),
        ("example-payment-provider", "payment", "token-1"),
    ] {
        let records: Vec<String> = (0..RACES)
            .map(|number| record(side, number, last))
            .collect();
        let file = ground.write(&format!("{side}.dat"), records.join("\u{1e}"));
        ground.ok(&["import", feed, &file]);
    }
}

/// Who wins how many: matches that people made, and those that they were refused.
async fn all_at_once(ground: &Ground, pairs: Vec<(i64, i64)>) -> (usize, usize) {
    let pairs = Arc::new(pairs);
    let uri = ground.database().unwrap().uri();
    // All are there before anybody begins, people first: workers are many.
    let mut journeys = Vec::new();
    for _ in 0..WORKERS + PEOPLE {
        journeys.push(journey(&uri, ground).await);
    }
    let working = journeys.split_off(PEOPLE);
    let mut people = Vec::new();
    for (person, journey) in journeys.into_iter().enumerate() {
        let pairs = Arc::clone(&pairs);
        people.push(tokio::spawn(async move {
            redress(&journey, &pairs, person).await
        }));
    }
    let mut workers = Vec::new();
    for journey in working {
        workers.push(tokio::spawn(async move {
            drive::until_idle(&journey, &Queue::ALL, &drive::never()).await
        }));
    }
    let (mut forced, mut refused) = (0, 0);
    for person in people {
        let (made, lost) = person.await.unwrap();
        forced += made;
        refused += lost;
    }
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    (forced, refused)
}

/// What people want: a payment with its own sale, or with that of its neighbour, from the last on:
/// workers begin with the first.
fn wanted(ground: &Ground, seed: u64) -> Vec<(i64, i64)> {
    let ids = |what: &str| -> Vec<i64> {
        let ids = ground.texts(&format!("SELECT id::text FROM {what} ORDER BY id"));
        ids.iter().map(|id| id.parse().unwrap()).collect()
    };
    let (payments, sales) = (ids("payment_transaction"), ids("scheme_transaction"));
    assert_eq!((payments.len(), sales.len()), (RACES, RACES));
    let mut random = seed;
    let wanted = payments.iter().enumerate().rev().map(|(at, payment)| {
        let other = draw(&mut random, 2) == 0;
        (*payment, sales[if other { at ^ 1 } else { at }])
    });
    wanted.collect()
}

async fn redress(journey: &Journey, pairs: &[(i64, i64)], person: usize) -> (usize, usize) {
    let by = Redress {
        operator: format!("person-{person}").into(),
        reason: "the till's clock was wrong".into(),
    };
    let (mut made, mut lost) = (0, 0);
    for (payment, sale) in pairs {
        match force(journey, PaymentId(*payment), SaleId(*sale), &by).await {
            Ok(Redressed::Done) => made += 1,
            Ok(Redressed::Proposed) => panic!("a small amount asked for a second person"),
            Err(RedressError::Meanwhile | RedressError::NotPending { .. }) => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (made, lost)
}

async fn journey(uri: &str, ground: &Ground) -> Journey {
    let store = PostgresStore::open(uri, &ground.path("data"), 60_000_000).await;
    let store = store.unwrap();
    let clock = store.clock();
    let store: Arc<dyn Store> = Arc::new(store);
    let agents = ["example-loyalty-scheme", "example-payment-provider"].map(agent);
    let agents = Agents::register(agents.into(), store.as_ref())
        .await
        .unwrap();
    Journey {
        identity: Arc::new(BuiltInLinks(Arc::clone(&store))),
        signals: Arc::new(WithinProcess::new(Arc::clone(&store))),
        room: Room::default(),
        lease: Duration::from_secs(60),
        store,
        courier: Arc::new(ExportFolder(ground.path("files/exports"))),
        announcer: None,
        merchants: harmonia_journey::deliver::Merchants::out_of_reach(),
        clock,
        uids: Uids,
        agents: Arc::new(agents),
        holder: Holder::new(Uids),
        batch: BATCH,
        lanes: Lanes::new(LANES),
    }
}

fn agent(slug: &str) -> Agent {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let path = folder.join(format!("{slug}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    Agent::parse(&path.display().to_string(), &text).unwrap()
}
