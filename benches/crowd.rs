//! The worst shop there is: as many sales as payments of one MID and one amount on one day, in
//! memory and through the whole journey on SQLite.
//!
//! `cargo bench --bench crowd -- [memory|journey] [KIND…] [SIZES…]`, by default both, every kind, at
//! 25,000, 50,000 and 100,000: what grows with the square of the size is seen at once. The rules are
//! those of `iceland-bonus-card`.

use harmonia_benches::{agents, journey};
use harmonia_core::card::{CardDigits, FirstSix, LastFour};
use harmonia_core::changes::Queue;
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{Decision, MidSet, Payment, Sale, SaleIndex, decide};
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_gateway::files::LocalFile;
use harmonia_journey::drive;
use harmonia_journey::import::{ImportReport, import_file};
use harmonia_journey::onboard::{link_cards, onboard_mids, read_mids};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant as Clock;

const SCHEME: &str = "iceland-bonus-card";
const PAYMENTS: &str = "visa-settlement";
/// How many members shop there.
const CARDS: usize = 1000;
/// When 2 June 2026 begins in London.
const MIDNIGHT_S: i64 = 1_780_354_800;

/// What is known of the crowd's purchases.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    auth_codes: bool,
    /// How the till writes a time.
    sale: &'static str,
    /// How the network does.
    payment: &'static str,
}

const SECOND: &str = "%Y-%m-%dT%H:%M:%SZ";
const MINUTE: &str = "%Y-%m-%dT%H:%MZ";

const KINDS: [Kind; 5] = [
    kind("codes", true, SECOND, SECOND),
    kind("seconds", false, SECOND, SECOND),
    kind("minutes", false, MINUTE, MINUTE),
    kind("days-and-codes", true, "2026-06-02", SECOND),
    kind("days", false, "2026-06-02", SECOND),
];

const fn kind(
    name: &'static str,
    auth_codes: bool,
    sale: &'static str,
    payment: &'static str,
) -> Kind {
    Kind {
        name,
        auth_codes,
        sale,
        payment,
    }
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let named = |name: &str| args.iter().any(|arg| arg == name);
    let sizes: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![25_000, 50_000, 100_000]
    } else {
        sizes
    };
    let every_kind = !KINDS.iter().any(|kind| named(kind.name));
    println!("where    kind            size      decide s  matched   import s");
    for (place, run) in [
        ("memory", in_memory as fn(Kind, usize) -> Took),
        ("journey", through_the_journey),
    ] {
        if !named(place) && (named("memory") || named("journey")) {
            continue;
        }
        for kind in KINDS {
            for size in sizes.iter().filter(|_| every_kind || named(kind.name)) {
                let took = run(kind, *size);
                println!(
                    "{place:<8} {:<15} {size:<9} {:<9.2} {:<9} {:.2}",
                    kind.name, took.decide_s, took.matched, took.import_s
                );
            }
        }
    }
}

/// How long it took, and how many were matched: a fast run that matches nothing is not fast.
struct Took {
    decide_s: f64,
    matched: u64,
    import_s: f64,
}

/// The crowd's sales and payments, a line each, in Harmonia's own format. The card of a purchase is
/// known to the till, and both clocks are up to twenty seconds apart.
fn crowd(kind: Kind, size: usize) -> (String, String) {
    let (mut sales, mut payments) = (String::new(), String::new());
    let written = |format: &str, second: i64| {
        let timestamp = jiff::Timestamp::from_second(second).unwrap();
        timestamp.strftime(format).to_string()
    };
    for number in 0..size {
        let second = MIDNIGHT_S + 60 + (number * 86_000 / size) as i64;
        let paid = second + (number * 7 % 41) as i64 - 20;
        let card = number * 7919 % CARDS;
        let code = if kind.auth_codes {
            format!(r#","auth_code":"{number:06}""#)
        } else {
            String::new()
        };
        writeln!(
            sales,
            r#"{{"transaction_id":"s{number}","mids":["shop-7"],"date":"{}","amount":1099,"currency":"GBP","payment_provider":"visa","first_six":"424242","last_four":"{card:04}"{code}}}"#,
            written(kind.sale, second)
        )
        .unwrap();
        writeln!(
            payments,
            r#"{{"transaction_id":"p{number}","mid":"shop-7","date":"{}","amount":1099,"currency":"GBP","card_token":"token-{card:04}"{code}}}"#,
            written(kind.payment, paid)
        )
        .unwrap();
    }
    (sales, payments)
}

fn read(feed: &Feed, text: String) -> Vec<Outcome> {
    let mut reader = feed
        .canonical()
        .reader(std::io::Cursor::new(text.into_bytes()))
        .unwrap();
    let mut raw = RawRecord::default();
    let mut outcomes = Vec::new();
    while reader.next(&mut raw).unwrap() {
        outcomes.push(feed.canonical().read(&raw));
    }
    outcomes
}

fn in_memory(kind: Kind, size: usize) -> Took {
    let agents = agents();
    let feed = |name: &str| agents.iter().find_map(|agent| agent.feed(name)).unwrap();
    let (sales, payments) = crowd(kind, size);
    let mid_sets: Arc<[MidSet]> = Arc::new([MidSet {
        id: MidSetId(1),
        has_days: kind.sale == "2026-06-02",
    }]);
    let sales: Vec<Sale> = (1..)
        .zip(read(feed(SCHEME), sales))
        .map(|(number, outcome)| match outcome {
            Outcome::Sale(record) => Sale {
                id: SaleId(number),
                mid_set: MidSetId(1),
                provider: record.payment_provider,
                when: record.when,
                amount: record.amount,
                auth_code: record.auth_code,
                digits: record.digits,
                imported_at: Instant(0),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let payments: Vec<Payment> = (1..)
        .zip(read(feed(PAYMENTS), payments))
        .map(|(number, outcome)| match outcome {
            Outcome::Payment(record) => Payment {
                id: PaymentId(number),
                scheme: SchemeId(1),
                provider: Slug::new("visa").unwrap(),
                mid_sets: Arc::clone(&mid_sets),
                when: record.when,
                amount: record.amount,
                auth_code: record.auth_code,
                digits: record.digits,
                user_card: CardDigits {
                    first_six: FirstSix::new("424242"),
                    last_four: LastFour::new(&record.card_token.0[6..]),
                },
                imported_at: Instant(SECOND_US),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let rules = agents
        .iter()
        .find(|agent| agent.slug.as_str() == SCHEME)
        .and_then(|agent| agent.matching.as_ref());
    let started = Clock::now();
    let decided = decide(&payments, &mut SaleIndex::new(sales), |_| rules);
    let decide_s = started.elapsed().as_secs_f64();
    let matched = decided
        .iter()
        .filter(|(_, decision)| matches!(decision, Decision::Matched { .. }));
    Took {
        decide_s,
        matched: matched.count() as u64,
        import_s: 0.0,
    }
}

fn through_the_journey(kind: Kind, size: usize) -> Took {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into())).unwrap();
    let (sales, payments) = crowd(kind, size);
    runtime.block_on(async {
        let journey = journey(&folder.path().join("data"), 10_000).await;
        let mids = format!("visa,shop-7,PRIMARY,{SCHEME},,,,,,A\n");
        let mids = read_mids(mids.as_bytes()).unwrap();
        onboard_mids(
            journey.store.as_ref(),
            mids,
            harmonia_benches::entry("mids.import"),
            journey.now(),
        )
        .await
        .unwrap();
        let mut cards = "card_token,scheme_slug,loyalty_id,first_six,last_four\n".to_owned();
        for card in 0..CARDS {
            writeln!(
                cards,
                "token-{card:04},{SCHEME},member-{card},424242,{card:04}"
            )
            .unwrap();
        }
        link_cards(
            &journey,
            std::io::Cursor::new(cards.into_bytes()),
            harmonia_benches::entry("cards.import"),
        )
        .await
        .unwrap();
        let started = Clock::now();
        for (name, text) in [(SCHEME, sales), (PAYMENTS, payments)] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let feed = journey.agents.feed(name).unwrap().canonical();
            let file = Arc::new(LocalFile(path));
            let report = import_file(&journey, &feed, file, &drive::never(), &|_| {})
                .await
                .unwrap();
            match report {
                ImportReport::Imported(outcome) => assert_eq!(outcome.new, size as u64),
                other => panic!("{other:?}"),
            }
        }
        let import_s = started.elapsed().as_secs_f64();
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let started = Clock::now();
        drive::until_idle(&journey, &[Queue::Identify, Queue::Matching], &stop)
            .await
            .unwrap();
        let decide_s = started.elapsed().as_secs_f64();
        let status = journey.store.status(journey.now()).await.unwrap();
        Took {
            decide_s,
            matched: status.matched.count,
            import_s,
        }
    })
}
