//! Each fault does what it says.

use crate::reading::{Row, World, world};
use harmonia_core::time::{Day, HOUR_US, Instant, MINUTE_US};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_sim::{Fault, FaultRates, GenerateError, Options, generate_scheme};
use std::collections::HashSet;

/// A world in which half of all purchases have one fault.
fn world_of(scheme: &str, fault: Fault) -> World {
    let world = world(scheme, &[], &options(fault));
    let made = world.summary.faults[&fault];
    let told = world.purchases_with(fault.as_str()).len() as u64;
    assert_eq!(made, told, "{fault}");
    assert!((80..=220).contains(&made), "{fault}: {made} of 300");
    world
}

fn options(fault: Fault) -> Options {
    Options {
        faults: FaultRates::NONE.with(fault, 500_000),
        ..Options::new(300, 5)
    }
}

/// Authorisation, settlement and sale of a purchase whose rows these are.
fn told<'a>(
    world: &'a World,
    rows: &[Row],
) -> (&'a PaymentRecord, &'a PaymentRecord, &'a SaleRecord) {
    let id = &rows[0].payment;
    let payment = |feed_type| world.payment(feed_type, id).unwrap();
    let sale = &world.sales[&rows[0].sale];
    (payment(FeedType::Auth), payment(FeedType::Settled), sale)
}

#[track_caller]
fn each(
    scheme: &str,
    fault: Fault,
    check: impl Fn(&World, &[Row], (&PaymentRecord, &PaymentRecord, &SaleRecord)),
) {
    let world = world_of(scheme, fault);
    for rows in world.purchases_with(fault.as_str()) {
        check(&world, &rows, told(&world, &rows));
    }
}

#[test]
fn tips_settle_for_more_than_was_authorised() {
    each(
        "wasabi-club",
        Fault::Tips,
        |_, rows, (auth, settled, sale)| {
            assert!(settled.amount.minor > auth.amount.minor);
            assert_eq!(sale.amount, auth.amount);
            assert_eq!(
                rows.iter().map(Row::is_decidable).collect::<Vec<_>>(),
                [true, false]
            );
        },
    );
    each(
        "tgi-fridays",
        Fault::Tips,
        |_, rows, (auth, settled, sale)| {
            assert!(settled.amount.minor > auth.amount.minor);
            assert_eq!(sale.amount, settled.amount);
            assert_eq!(
                rows.iter().map(Row::is_decidable).collect::<Vec<_>>(),
                [false, true]
            );
        },
    );
}

#[test]
fn a_partial_capture_settles_for_less() {
    each(
        "costa",
        Fault::PartialCapture,
        |_, _, (auth, settled, sale)| {
            assert!((1..auth.amount.minor).contains(&settled.amount.minor));
            assert_eq!(sale.amount, auth.amount);
        },
    );
}

#[test]
fn a_split_shipment_settles_twice_under_two_ids() {
    each(
        "itsu",
        Fault::SplitShipment,
        |world, rows, (auth, first, _)| {
            let ids: HashSet<&str> = rows.iter().map(|row| row.payment.as_str()).collect();
            assert_eq!((rows.len(), ids.len()), (3, 2));
            let second = world.payment(FeedType::Settled, &rows[2].payment).unwrap();
            assert_eq!(first.amount.minor + second.amount.minor, auth.amount.minor);
            assert_eq!(first.card_token, second.card_token);
            assert!(world.payment(FeedType::Auth, &rows[2].payment).is_none());
        },
    );
}

#[test]
fn auth_codes_are_wrong_or_missing() {
    each(
        "iceland-bonus-card",
        Fault::WrongAuthCode,
        |_, _, (_, settled, sale)| {
            let code = settled
                .auth_code
                .as_ref()
                .or(settled.approval_code.as_ref());
            assert!(code.is_some() && sale.auth_code.is_some() && sale.auth_code.as_ref() != code);
        },
    );
    let world = world_of("iceland-bonus-card", Fault::MissingAuthCode);
    let mut missing = [0, 0];
    for rows in world.purchases_with("missing_auth_code") {
        let (auth, settled, sale) = told(&world, &rows);
        let code = settled
            .auth_code
            .as_ref()
            .or(settled.approval_code.as_ref());
        assert!(code.is_some() != sale.auth_code.is_some());
        missing[usize::from(code.is_some())] += 1;
        assert!(code.is_some() || auth.auth_code.is_none());
    }
    assert!(missing[0] > 20 && missing[1] > 20);
}

#[test]
fn a_till_is_wrong_in_time_amount_or_place() {
    each("wasabi-club", Fault::ClockSkew, |_, _, (auth, _, sale)| {
        let skew = (auth.when.start.0 - sale.when.start.0).abs();
        assert!((1..=5 * MINUTE_US).contains(&skew));
    });
    each(
        "stonegate",
        Fault::WrongAmount,
        |_, rows, (auth, settled, sale)| {
            assert!(sale.amount != auth.amount && settled.amount == auth.amount);
            assert!(rows.iter().all(|row| !row.is_decidable()));
        },
    );
    each(
        "wasabi-club",
        Fault::WrongMid,
        |world, _, (auth, settled, sale)| {
            let mid = settled.identifiers.primary.as_deref().unwrap();
            let till = sale.place.mids[0].as_str();
            assert_eq!(auth.identifiers.primary.as_deref(), Some(mid));
            let mids = world.mids(sale.payment_provider.as_ref().unwrap().as_str());
            assert_ne!(mids[mid], mids[till], "another location");
        },
    );
    each(
        "stonegate",
        Fault::UnknownMid,
        |world, _, (auth, _, sale)| {
            let mids = world.mids(sale.payment_provider.as_ref().unwrap().as_str());
            assert!(!mids.contains_key(auth.identifiers.primary.as_deref().unwrap()));
            assert!(
                !mids
                    .values()
                    .any(|known| Some(known.as_str()) == sale.place.location.as_deref())
            );
            assert_eq!(auth.identifiers.psimi, None, "it would be known by that");
        },
    );
}

#[test]
fn one_side_says_nothing_or_says_it_twice_or_late() {
    let no_sale = world_of("wasabi-club", Fault::NoSale);
    let no_payment = world_of("wasabi-club", Fault::NoPayment);
    for rows in no_sale.purchases_with("no_sale") {
        assert!(rows.len() == 2 && rows.iter().all(|row| row.sale.is_empty()));
    }
    for rows in no_payment.purchases_with("no_payment") {
        assert!(rows.len() == 1 && rows[0].payment.is_empty());
    }
    let twice = world_of("wasabi-club", Fault::Duplicate);
    assert_eq!(twice.duplicates, twice.summary.faults[&Fault::Duplicate]);
    let late = world_of("harvey-nichols", Fault::LateFeed);
    assert_eq!(late.late_sales, late.summary.faults[&Fault::LateFeed]);
}

#[test]
fn what_is_given_back_is_a_refund_of_the_same_payment() {
    let world = world_of("wasabi-club", Fault::Refund);
    for rows in world.purchases_with("refund") {
        let (_, settled, _) = told(&world, &rows);
        let refund = world.payment(FeedType::Refund, &rows[2].payment).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(
            (rows[2].payment.as_str(), rows[2].sale.as_str()),
            (&*rows[0].payment, "")
        );
        assert_eq!(refund.amount.minor, -settled.amount.minor);
        assert_eq!(refund.settlement_key, settled.settlement_key);
        assert_eq!(refund.card_token, settled.card_token);
        assert!(refund.when.start >= settled.when.start);
    }
    let quiet = crate::reading::world("wasabi-club", &[], &options(Fault::NoSale));
    assert!(
        quiet
            .summary
            .feeds
            .iter()
            .all(|file| !file.feed.ends_with("refund"))
    );
}

#[test]
fn cards_are_unlinked_and_purchases_ambiguous() {
    each(
        "wasabi-club",
        Fault::UnlinkedCard,
        |world, _, (auth, settled, _)| {
            let cards = crate::reading::rows(&world.summary.cards_file, true);
            assert!(cards.iter().all(|card| card[0] != *auth.card_token.0));
            assert_eq!(auth.card_token, settled.card_token);
        },
    );
    let world = world("wasabi-club", &["amex"], &options(Fault::Ambiguous));
    let twins = world.purchases_with("ambiguous");
    assert!(twins.len() > 80 && twins.len().is_multiple_of(2));
    let mut seen = HashSet::new();
    for rows in &twins {
        let (auth, _, _) = told(&world, rows);
        seen.insert((
            auth.when.start,
            auth.amount.minor,
            auth.identifiers.primary.clone(),
        ));
    }
    assert_eq!(seen.len() * 2, twins.len());
}

fn night(month: u32, day: u32) -> Vec<(Instant, Instant, Instant)> {
    let options = Options {
        first_day: Day::from_ymd(2026, month, day).unwrap(),
        days: 1,
        ..options(Fault::DaylightSaving)
    };
    let world = world("iceland-bonus-card", &["visa"], &options);
    let purchases = world.purchases_with("daylight_saving");
    assert!(purchases.len() >= 140);
    let times = purchases.iter().map(|rows| {
        let (auth, settled, sale) = told(&world, rows);
        assert!(rows.iter().all(Row::is_decidable), "the auth code decides");
        (auth.when.start, settled.when.start, sale.when.start)
    });
    times.collect()
}

#[test]
fn in_autumn_an_hour_happens_twice_and_the_till_is_read_as_in_the_second() {
    let midnight = Day::from_ymd(2026, 10, 25).unwrap().midnight().0;
    let mut moved = 0;
    for (auth, settled, sale) in night(10, 25) {
        assert_eq!(auth, settled);
        let first = auth.0 < midnight + HOUR_US;
        moved += i32::from(first);
        assert_eq!(sale.0 - auth.0, if first { HOUR_US } else { 0 });
    }
    assert!(moved > 20);
}

#[test]
fn in_spring_an_hour_is_missing_and_a_till_that_shows_it_is_read_rightly() {
    for (auth, settled, sale) in night(3, 29) {
        assert!(auth == settled && auth == sale);
    }
    let options = Options {
        first_day: Day::from_ymd(2026, 3, 29).unwrap(),
        days: 1,
        ..options(Fault::DaylightSaving)
    };
    let world = world("wasabi-club", &["visa"], &options);
    let sales = &world.bytes()[std::path::Path::new("wasabi-club/sales-5.csv")];
    let text = String::from_utf8_lossy(sales).into_owned();
    assert!(text.contains(",29/03/2026,01:"), "there is no such hour");
    let none = crate::reading::world(
        "wasabi-club",
        &["visa"],
        &Options {
            first_day: Day::from_ymd(2026, 3, 30).unwrap(),
            ..options
        },
    );
    assert!(none.summary.faults.is_empty());
}

#[test]
fn what_cannot_befall_a_scheme_does_not() {
    let faults = Fault::ALL.into_iter();
    let faults = faults.fold(FaultRates::NONE, |rates, fault| rates.with(fault, 50_000));
    let world = world(
        "the-works",
        &[],
        &Options {
            faults,
            ..options(Fault::Tips)
        },
    );
    assert!(world.sales.is_empty() && world.rows.iter().all(|row| row.sale.is_empty()));
    let without_sale = [
        Fault::NoSale,
        Fault::NoPayment,
        Fault::ClockSkew,
        Fault::LateFeed,
    ];
    assert!(
        without_sale
            .iter()
            .all(|fault| !world.summary.faults.contains_key(fault))
    );
    assert!(world.summary.faults.contains_key(&Fault::Tips));
}

#[test]
fn what_nobody_knows_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |scheme: &str, provider: &str| {
        let providers = [provider.to_owned()];
        let options = Options::new(1, 1);
        let result = generate_scheme(scheme, &providers, &options, folder.path(), &mut |_| ());
        result.unwrap_err()
    };
    for (error, wanted) in [
        (
            refused("harrods", "visa"),
            "no scheme \"harrods\" to generate: take iceland-",
        ),
        (
            refused("itsu", "diners"),
            "no payment provider \"diners\" to generate: take visa, ",
        ),
    ] {
        assert!(matches!(error, GenerateError::UnknownName { .. }));
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let options = options(Fault::Tips);
    let error = harmonia_sim::generate(&options, folder.path(), &mut |_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the fault tips is none of the example"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
