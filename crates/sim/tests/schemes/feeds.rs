//! Every feed of every scheme and network, read by its agent file: whole, and of one mind with the
//! truth and with the other feeds.

use crate::reading::{AGENTS, World, rows, world};
use harmonia_core::feed::{Outcome, RawRecord};
use harmonia_core::ids::Slug;
use harmonia_core::time::{Day, Instant, MINUTE_US, Moment, Precision};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_sim::{Fault, FaultRates, IdStyle, Options, Truth, provider_slugs, scheme_slugs};
use std::collections::{BTreeMap, HashMap};

/// Often enough that some happen in a small world.
fn many_faults() -> FaultRates {
    let all = Fault::ALL.into_iter();
    all.fold(FaultRates::NONE, |rates, fault| rates.with(fault, 40_000))
}

fn options(purchases: u64) -> Options {
    Options {
        faults: many_faults(),
        ..Options::new(purchases, 42)
    }
}

#[test]
fn every_feed_of_every_scheme_and_network_is_read_whole() {
    for scheme in scheme_slugs() {
        for provider in provider_slugs() {
            let world = world(scheme, &[provider], &options(300));
            check_ids(&world);
            check_pairs(&world, provider);
        }
    }
}

#[test]
fn all_networks_together_are_one_world() {
    for scheme in scheme_slugs() {
        let world = world(scheme, &[], &options(1_000));
        check_ids(&world);
        assert_eq!(world.summary.providers.len(), 3);
        let rates = world.summary.true_pairs;
        assert!(rates == 0 || rates > 500, "{scheme}: {rates} pairs");
    }
}

#[test]
fn the_nights_when_the_clocks_change_are_read_whole() {
    for (month, day) in [(3, 28), (10, 24)] {
        let options = Options {
            first_day: Day::from_ymd(2026, month, day).unwrap(),
            faults: FaultRates::NONE.with(Fault::DaylightSaving, 300_000),
            ..options(400)
        };
        for scheme in scheme_slugs() {
            let world = world(scheme, &[], &options);
            check_ids(&world);
            assert!(world.summary.faults[&Fault::DaylightSaving] >= 40);
        }
    }
}

#[test]
fn random_ids_are_known_to_the_truth_too() {
    for scheme in ["wasabi-club", "stonegate"] {
        check_ids(&world(
            scheme,
            &[],
            &Options {
                ids: IdStyle::Random,
                ..options(500)
            },
        ));
    }
}

/// Truth, summary and feeds know the same ids.
fn check_ids(world: &World) {
    let [payments, sales] = world.ids();
    let name = &world.summary.scheme;
    let read: Vec<&str> = world.sales.keys().map(String::as_str).collect();
    assert_eq!(sales.into_iter().collect::<Vec<_>>(), read, "{name}");
    let mut read: BTreeMap<&str, u64> = BTreeMap::new();
    for id in world.payments.values().flat_map(|of_feed| of_feed.keys()) {
        *read.entry(id).or_default() += 1;
    }
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    let with_payment = world.rows.iter().filter(|row| !row.payment.is_empty());
    for row in with_payment.clone() {
        *told.entry(&row.payment).or_default() += 1;
    }
    assert_eq!(told, read, "{name}");
    assert_eq!(payments.len(), read.len());
    assert_eq!(world.summary.payments, with_payment.count() as u64);
    assert_eq!(world.summary.sales, world.sales.len() as u64);
    let duplicates = world.summary.faults.get(&Fault::Duplicate);
    assert_eq!(world.duplicates, duplicates.copied().unwrap_or(0), "{name}");
    check_score(world);
}

/// The truth, matched with itself, is all right, and what it calls decidable is what was counted.
fn check_score(world: &World) {
    let truth = Truth::load(&world.summary.truth_file).unwrap();
    let pairs = world.rows.iter().map(|row| (&row.payment, &row.sale));
    let pairs = pairs.filter(|(payment, sale)| !payment.is_empty() && !sale.is_empty());
    let score = truth.score(pairs);
    assert_eq!(score.all.true_positives, world.summary.true_pairs);
    assert_eq!(score.all.false_positives + score.all.false_negatives, 0);
    assert_eq!(
        score.decidable.true_positives,
        world.summary.decidable_pairs
    );
}

/// What is one purchase is told alike by all, where nothing went wrong.
fn check_pairs(world: &World, provider: &str) {
    let mids = world.mids(provider);
    let cards = cards(world);
    let mut checked = 0;
    for row in world
        .rows
        .iter()
        .filter(|row| row.fault.is_empty() || row.fault == "no_rule")
    {
        let auth = world.payment(FeedType::Auth, &row.payment).unwrap();
        let settled = world.payment(FeedType::Settled, &row.payment).unwrap();
        assert_eq!(key(auth), key(settled), "{row:?}");
        assert_eq!(auth.amount, settled.amount);
        assert_eq!(auth.card_token, settled.card_token);
        assert_eq!(auth.approval_code, settled.approval_code);
        assert_eq!(auth.identifiers.primary, settled.identifiers.primary);
        assert!(same_time(auth.when, settled.when), "{row:?}");
        let location = &mids[auth.identifiers.primary.as_deref().unwrap()];
        let digits = &cards[auth.card_token.0.as_str()];
        check_network(auth, settled, provider);
        if row.sale.is_empty() {
            assert!(world.sales.is_empty() || provider == "amex", "{row:?}");
            continue;
        }
        let sale = &world.sales[&row.sale];
        check_sale(sale, settled, (location, digits));
        checked += 1;
    }
    let sales_of_provider = world
        .sales
        .values()
        .any(|sale| sale.payment_provider.is_some());
    assert!(checked > 50 || !sales_of_provider, "{checked}");
}

fn check_network(auth: &PaymentRecord, settled: &PaymentRecord, provider: &str) {
    let codes = [&auth.auth_code, &settled.auth_code].map(Option::is_some);
    let digits = settled.digits.both().is_some();
    let (wanted_codes, precision) = match provider {
        "visa" => ([true, true], Precision::Second),
        "mastercard" => ([false, true], Precision::Minute),
        _ => ([false, false], Precision::Second),
    };
    assert_eq!(codes, wanted_codes, "{provider}");
    assert_eq!(settled.when.precision, precision);
    assert_eq!(auth.when.precision, Precision::Second);
    assert_eq!(auth.approval_code.is_some(), provider == "amex");
    assert_eq!(digits, provider == "amex");
    let further = settled.identifiers.secondary.is_some() && settled.identifiers.psimi.is_some();
    assert_eq!(further, provider != "amex");
}

fn check_sale(sale: &SaleRecord, settled: &PaymentRecord, place: (&String, &(String, String))) {
    let (location, (first_six, last_four)) = place;
    assert_eq!(sale.amount, settled.amount);
    assert!(same_time(sale.when, settled.when), "{sale:?} {settled:?}");
    let code = settled
        .auth_code
        .as_ref()
        .or(settled.approval_code.as_ref());
    assert_eq!(sale.auth_code.as_ref(), code);
    let by_mid = sale.place.mids.first() == settled.identifiers.primary.as_ref();
    assert!(by_mid || sale.place.location.as_deref() == Some(location));
    for (till, card) in [
        (
            sale.digits.first_six.as_ref().map(|digits| digits.as_str()),
            first_six,
        ),
        (
            sale.digits.last_four.as_ref().map(|digits| digits.as_str()),
            last_four,
        ),
    ] {
        assert!(till.is_none_or(|till| till == card));
    }
}

/// First six and last four of each linked card.
fn cards(world: &World) -> HashMap<String, (String, String)> {
    let rows = rows(&world.summary.cards_file, true).into_iter();
    rows.map(|row| (row[0].to_owned(), (row[6].to_owned(), row[7].to_owned())))
        .collect()
}

fn key(payment: &PaymentRecord) -> &str {
    payment
        .settlement_key
        .as_ref()
        .unwrap_or(&payment.transaction_id)
}

/// The same instant, or one in the minute that is all that is known.
fn same_time(one: Moment, other: Moment) -> bool {
    let minute = |at: Instant| at.0.div_euclid(MINUTE_US);
    match other.precision {
        Precision::Minute => minute(one.start) == minute(other.start),
        _ => one.start == other.start,
    }
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_or_scheme_another_world() {
    for scheme in ["iceland-bonus-card", "stonegate", "harvey-nichols"] {
        let one = world(scheme, &[], &options(500));
        assert_eq!(
            one.bytes(),
            world(scheme, &[], &options(500)).bytes(),
            "{scheme}"
        );
        let other_seed = Options {
            seed: 43,
            ..options(500)
        };
        for other in [
            world(scheme, &[], &other_seed),
            world("costa", &[], &options(500)),
        ] {
            let shared = |one: &World, other: &World| {
                let [payments, sales] = one.ids();
                let [others, other_sales] = other.ids();
                !payments.is_disjoint(&others) || !sales.is_disjoint(&other_sales)
            };
            assert!(!shared(&one, &other), "{scheme}");
        }
    }
}

#[test]
fn every_scheme_and_network_with_an_agent_file_is_played() {
    use harmonia_core::agent::Role;
    for agent in crate::reading::AGENTS.iter() {
        let slug = agent.slug.as_str();
        let played = match agent.role {
            Role::LoyaltyScheme => scheme_slugs().any(|known| known == slug),
            Role::PaymentProvider => provider_slugs().any(|known| known == slug),
            // Nothing happens in it: it is told of what a scheme gave up.
            Role::Export => true,
        };
        assert!(played || slug.starts_with("example-"), "{slug}");
    }
}

#[test]
fn the_older_file_tells_the_settlements_once_more() {
    for scheme in ["iceland-bonus-card", "wasabi-club"] {
        let usual = options(600);
        let with_older = Options {
            older_files: true,
            ..usual.clone()
        };
        let (one, other) = (
            world(scheme, &["amex"], &usual),
            world(scheme, &["amex"], &with_older),
        );
        let file = other
            .summary
            .feeds
            .iter()
            .find(|file| file.feed == "amex-file");
        let settled = other
            .summary
            .feeds
            .iter()
            .find(|file| file.feed == "amex-settlement");
        let (file, settled) = (file.unwrap(), settled.unwrap());
        assert_eq!(file.records, settled.records);
        // Whichever is read first, the other one has nothing new: ids, times and amounts are the same.
        let read = read_alone("amex-file", &file.path);
        let known = &other.payments[&(slug("amex"), FeedType::Settled)];
        assert_eq!(read.len(), known.len());
        for (id, record) in &read {
            let told = record.told();
            assert_eq!(told, known[id].told());
            assert_eq!(record.identifiers, known[id].identifiers);
            assert_eq!(record.card_token, known[id].card_token);
        }
        check_ids(&other);
        let mut bytes = other.bytes();
        bytes.retain(|path, _| !path.display().to_string().contains("amex-file"));
        assert_eq!(one.bytes(), bytes, "everything else is the same");
        assert!(
            one.summary
                .feeds
                .iter()
                .all(|file| file.feed != "amex-file")
        );
    }
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

/// The payments of one file, by id.
fn read_alone(feed: &str, path: &std::path::Path) -> BTreeMap<String, PaymentRecord> {
    let mut feeds = AGENTS.iter().flat_map(|agent| &agent.feeds);
    let feed = feeds.find(|known| known.name.as_str() == feed).unwrap();
    let mut reader = feed.reader(std::fs::File::open(path).unwrap()).unwrap();
    let mut raw = RawRecord::default();
    let mut read = BTreeMap::new();
    while reader.next(&mut raw).unwrap() {
        if let Outcome::Payment(record) = feed.read(&raw) {
            read.insert(record.transaction_id.to_string(), record);
        }
    }
    read
}
