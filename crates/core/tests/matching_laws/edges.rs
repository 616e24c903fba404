//! Where time ends, to the microsecond: tolerances, minutes, and the days on which clocks change.

use harmonia_core::card::CardDigits;
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{Decision, MidSet, Payment, Rules, Sale, SaleIndex, decide};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::{Instant, Moment, Precision, Zone};

const POUNDS: Money = Money {
    minor: 999,
    currency: Currency::GBP,
};

/// Whether a payment and a sale of these moments are one purchase, by a rule in London's time.
#[track_caller]
fn meet(keep: &str, payment: Moment, sale: Moment) -> bool {
    meet_in("Europe/London", keep, payment, sale)
}

#[track_caller]
fn meet_in(zone: &str, keep: &str, payment: Moment, sale: Moment) -> bool {
    let table = format!("tolerance = \"60s\"\n[default]\nkeep = [\"{keep}\"]");
    let zone = Zone::named(zone).unwrap();
    let rules = Rules::compile(&table.parse().unwrap(), &zone).unwrap();
    let payment = Payment {
        id: PaymentId(1),
        scheme: SchemeId(1),
        provider: Slug::new("visa").unwrap(),
        mid_sets: [MidSet {
            id: MidSetId(1),
            has_days: !sale.has_time(),
        }]
        .into(),
        when: payment,
        amount: POUNDS,
        auth_code: None,
        digits: CardDigits::default(),
        user_card: CardDigits::default(),
        imported_at: Instant(0),
    };
    let sale = Sale {
        id: SaleId(1),
        mid_set: MidSetId(1),
        provider: None,
        when: sale,
        amount: POUNDS,
        auth_code: None,
        digits: CardDigits::default(),
        imported_at: Instant(0),
    };
    let decided = decide(&[payment], &mut SaleIndex::new(vec![sale]), |_| {
        Some(&rules)
    });
    matches!(decided[0].1, Decision::Matched { .. })
}

fn at(text: &str, precision: Precision) -> Moment {
    let timestamp: jiff::Timestamp = text.parse().unwrap();
    Moment {
        start: Instant(timestamp.as_microsecond()),
        precision,
    }
}

fn instant(text: &str) -> Moment {
    at(text, Precision::Microsecond)
}

fn minute(text: &str) -> Moment {
    at(text, Precision::Minute)
}

/// The day that begins at this instant.
fn day(text: &str) -> Moment {
    at(text, Precision::Day)
}

#[test]
fn a_tolerance_includes_both_its_ends_and_not_a_microsecond_more() {
    let noon = instant("2026-06-02T12:00:00Z");
    for (text, near) in [
        ("2026-06-02T11:58:59.999999Z", false),
        ("2026-06-02T11:59:00Z", true),
        ("2026-06-02T12:01:00Z", true),
        ("2026-06-02T12:01:00.000001Z", false),
    ] {
        assert_eq!(meet("time", noon, instant(text)), near, "{text}");
        assert_eq!(
            meet("time", instant(text), noon),
            near,
            "{text}, the other way"
        );
    }
}

#[test]
fn a_minute_is_all_of_its_microseconds() {
    let noon = minute("2026-06-02T12:00:00Z");
    for (text, near) in [
        ("2026-06-02T11:58:59.999999Z", false),
        ("2026-06-02T11:59:00Z", true),
        ("2026-06-02T12:01:59.999999Z", true),
        ("2026-06-02T12:02:00Z", false),
    ] {
        assert_eq!(meet("time", noon, instant(text)), near, "{text}");
        assert_eq!(
            meet("time", instant(text), noon),
            near,
            "{text}, the other way"
        );
    }
    for (text, near) in [
        ("2026-06-02T11:58:00Z", false), // its last microsecond is a minute and one before noon
        ("2026-06-02T11:59:00Z", true),
        ("2026-06-02T12:01:00Z", true),
        ("2026-06-02T12:02:00Z", false),
    ] {
        assert_eq!(meet("time", noon, minute(text)), near, "{text}");
    }
}

#[test]
fn a_day_is_local_and_no_tolerance_stretches_it() {
    // The day clocks go back has 25 hours, the day they go forward 23.
    for (start, inside, outside) in [
        (
            "2026-10-24T23:00:00Z",
            ["2026-10-24T23:00:00Z", "2026-10-25T23:59:59.999999Z"],
            ["2026-10-24T22:59:59.999999Z", "2026-10-26T00:00:00Z"],
        ),
        (
            "2026-03-29T00:00:00Z",
            ["2026-03-29T00:00:00Z", "2026-03-29T22:59:59.999999Z"],
            ["2026-03-28T23:59:59.999999Z", "2026-03-29T23:00:00Z"],
        ),
    ] {
        for keep in ["time", "day"] {
            for (texts, on_it) in [(inside, true), (outside, false)] {
                for text in texts {
                    let words = format!("{keep}: {text} on {start}");
                    assert_eq!(meet(keep, instant(text), day(start)), on_it, "{words}");
                    assert_eq!(meet(keep, day(start), instant(text)), on_it, "{words}");
                }
            }
        }
        assert!(meet("time", day(start), day(start)));
    }
}

/// Where clocks go back at one o'clock to midnight, there are two midnights: the day has the first.
#[test]
fn a_day_begins_with_its_first_midnight() {
    let first = "2024-11-03T04:00:00Z";
    for text in [
        first,
        "2024-11-03T04:30:00Z",
        "2024-11-03T05:30:00Z",
        "2024-11-04T04:59:59Z",
    ] {
        for keep in ["time", "day"] {
            assert!(
                meet_in("America/Havana", keep, instant(text), day(first)),
                "{keep}: {text}"
            );
            assert!(
                meet_in("America/Havana", keep, day(first), instant(text)),
                "{keep}: {text}"
            );
        }
    }
    let quarter_past = instant("2024-11-03T04:15:00Z");
    let evening = instant("2024-11-04T04:59:59Z");
    assert!(meet_in("America/Havana", "day", quarter_past, evening));
    assert!(meet_in("America/Havana", "day", evening, quarter_past));
}

#[test]
fn an_hour_that_comes_twice_is_told_apart_by_its_instant() {
    let (first, second) = ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
    assert!(!meet("time", instant(first), instant(second)));
    assert!(!meet("exact_time", instant(first), instant(second)));
    assert!(meet("day", instant(first), instant(second)));
}
