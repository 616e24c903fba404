//! Small worlds in which nearly everything collides: few shops, amounts, cards and auth codes, all
//! within minutes of a moment at which a clock somewhere is changed.

use crate::naive::{Rule, Step, Written, midnight};
use compact_str::CompactString;
use harmonia_core::card::{CardDigits, FirstSix, LastFour};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{MidSet, Payment, Rules, Sale};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::{Instant, Moment, Precision, Zone};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

/// Rules, payments in their order, and sales.
#[derive(Clone, Debug)]
pub struct World {
    pub written: Written,
    pub payments: Vec<Payment>,
    pub sales: Vec<Sale>,
}

impl World {
    /// The rules, compiled as an agent file's are.
    pub fn rules(&self) -> Rules {
        let table = self.written.toml().parse().unwrap();
        Rules::compile(&table, &zone(self.written.zone)).unwrap()
    }
}

/// A zone by its name; reading one from the database takes longer than deciding a world.
fn zone(name: &'static str) -> Zone {
    static ZONES: OnceLock<Mutex<HashMap<&str, Zone>>> = OnceLock::new();
    let zones = ZONES.get_or_init(Mutex::default);
    let mut zones = zones.lock().unwrap();
    zones
        .entry(name)
        .or_insert_with(|| Zone::named(name).unwrap())
        .clone()
}

const FILTERS: [&str; 9] = [
    "provider",
    "auth_code",
    "day",
    "time",
    "exact_time",
    "dpan",
    "dpan_last_four",
    "card",
    "last_four",
];

/// A zone, and moments near which its clocks change or its days do; at last a quiet noon.
const PLACES: [(&str, &[&str]); 4] = [
    (
        "Europe/London",
        &[
            "2026-10-24T22:57:00Z", // midnight before the autumn change
            "2026-10-25T00:57:00Z", // 01:57 for the first time, then 01:00 again
            "2026-10-25T23:57:00Z",
            "2026-03-28T23:57:00Z",
            "2026-03-29T00:57:00Z", // 00:57, then 02:00
            "2026-03-29T22:57:00Z",
            "2026-06-02T12:00:00Z",
        ],
    ),
    (
        "America/Havana",
        &[
            "2026-11-01T03:57:00Z", // midnight comes a first time
            "2024-11-03T04:57:00Z", // and a second time
            "2024-11-04T04:57:00Z",
            "2024-03-10T04:57:00Z", // midnight does not come: 01:00 follows 23:59
        ],
    ),
    ("UTC", &["2026-06-02T23:57:00Z"]),
    (
        "Australia/Lord_Howe",
        &["2026-04-04T14:27:00Z", "2026-10-03T15:27:00Z"],
    ),
];

pub fn rules_in(zone: &'static str) -> impl Strategy<Value = Written> {
    let filters = prop::collection::vec(prop::sample::select(FILTERS.to_vec()), 1..3);
    let step = prop::collection::vec(filters, 1..3);
    let steps = |count| prop::collection::vec(step.clone(), count);
    // Rules as merchants have them narrow by time first; any others are lawful too.
    let timely: Vec<Step> = vec![
        vec![vec!["time"]],
        vec![vec!["auth_code", "day"], vec!["time"]],
        vec![vec!["exact_time"]],
        vec![vec!["day"]],
    ];
    let first = prop::option::weighted(0.8, prop::sample::select(timely));
    let rule = (first, steps(0..3), steps(0..3)).prop_map(|(first, more, break_tie)| {
        let mut keep: Vec<Step> = first.into_iter().chain(more).collect();
        if keep.is_empty() {
            keep.push(vec![vec!["provider"]]);
        }
        Rule { keep, break_tie }
    });
    let rules = (rule.clone(), prop::option::weighted(0.7, rule));
    let tolerances = prop::sample::select(vec![0, 1, 2, 60, 180]);
    let windows = prop::sample::select(vec![1, 336]);
    (rules, tolerances, windows).prop_map(move |((visa, default), tolerance_s, window_h)| {
        let mut rules = vec![("visa", visa)];
        rules.extend(default.map(|rule| ("default", rule)));
        Written {
            zone,
            tolerance_s,
            window_h,
            rules,
        }
    })
}

fn digits() -> impl Strategy<Value = CardDigits> {
    let six = prop::sample::select(vec![None, FirstSix::new("411111"), FirstSix::new("522222")]);
    let four = prop::sample::select(vec![None, LastFour::new("1111"), LastFour::new("2222")]);
    (six, four).prop_map(|(first_six, last_four)| CardDigits {
        first_six,
        last_four,
    })
}

fn auth_code() -> impl Strategy<Value = Option<CompactString>> {
    prop::sample::select(vec![None, Some("1".into()), Some("2".into())])
}

fn amount() -> impl Strategy<Value = Money> {
    let amounts = [(250, "GBP"), (999, "GBP"), (999, "EUR"), (-250, "GBP")];
    prop::sample::select(amounts.to_vec()).prop_map(|(minor, currency)| Money {
        minor,
        currency: Currency::new(currency).unwrap(),
    })
}

/// Imported together, or apart by an hour to the microsecond.
fn imported_at() -> impl Strategy<Value = Instant> {
    let hour = 3_600_000_000;
    prop::sample::select(vec![0, 0, 0, 0, hour - 1, hour, hour + 1]).prop_map(Instant)
}

fn moment(zone: &'static str, near: &'static str) -> impl Strategy<Value = Moment> {
    let base: jiff::Timestamp = near.parse().unwrap();
    let base = base.as_microsecond();
    let kinds = vec![0_u8, 0, 0, 0, 1, 1, 2, 3];
    let micros = prop::sample::select(vec![0_i64, 0, 0, 1, 999_999]);
    // Whole steps of the tolerances are common, so that edges are met.
    let seconds = prop_oneof![
        0..400_i64,
        prop::sample::select(vec![0, 60, 120, 180, 240, 300])
    ];
    (seconds, micros, prop::sample::select(kinds), -1..2_i64).prop_map(
        move |(second, micro, kind, day)| {
            let start = base + second * 1_000_000;
            let of = |start: i64, precision| Moment {
                start: Instant(start),
                precision,
            };
            match kind {
                0 => of(start, Precision::Second),
                1 => of(start + micro, Precision::Microsecond),
                2 => of(start - start.rem_euclid(60_000_000), Precision::Minute),
                _ => {
                    let date = jiff::Timestamp::from_microsecond(start)
                        .unwrap()
                        .to_zoned(jiff::tz::TimeZone::get(zone).unwrap())
                        .date();
                    let day = jiff::Span::new().days(day);
                    let midnight = midnight(zone, date.checked_add(day).unwrap());
                    of(midnight.0, Precision::Day)
                }
            }
        },
    )
}

fn sales(zone: &'static str, near: &'static str, size: usize) -> impl Strategy<Value = Vec<Sale>> {
    let providers = vec![None, Some("visa"), Some("amex")];
    let one = (
        1..4_i64,
        prop::sample::select(providers),
        moment(zone, near),
        amount(),
        auth_code(),
        digits(),
        imported_at(),
    );
    prop::collection::vec(one, 0..size).prop_map(|all| {
        let sale = |(number, (set, provider, when, amount, auth_code, digits, imported_at))| Sale {
            id: SaleId(number),
            mid_set: MidSetId(set),
            provider: Option::map(provider, |slug: &str| Slug::new(slug).unwrap()),
            when,
            amount,
            auth_code,
            digits,
            imported_at,
        };
        (1..).zip(all).map(sale).collect()
    })
}

fn payments(
    zone: &'static str,
    near: &'static str,
    size: usize,
) -> impl Strategy<Value = Vec<Payment>> {
    let one = (
        prop::sample::select(vec!["visa", "visa", "amex"]),
        1..8_u8,
        moment(zone, near),
        amount(),
        auth_code(),
        (digits(), digits()),
        imported_at(),
    );
    prop::collection::vec(one, 0..size).prop_map(|all| {
        let payment = |(number, one): (i64, _)| {
            let (provider, sets, when, amount, auth_code, (digits, user_card), imported_at) = one;
            let sets = (0..3_u8).filter(|set| sets >> set & 1 == 1);
            Payment {
                id: PaymentId(number),
                scheme: SchemeId(1),
                provider: Slug::new(provider).unwrap(),
                mid_sets: sets
                    .map(|set| MidSet {
                        id: MidSetId(i64::from(set) + 1),
                        has_days: false,
                    })
                    .collect(),
                when,
                amount,
                auth_code,
                digits,
                user_card,
                imported_at,
            }
        };
        (1..).zip(all).map(payment).collect()
    })
}

/// A world of fewer than so many payments, and sales.
pub fn world(size: usize) -> impl Strategy<Value = World> {
    let places: Vec<(&'static str, &'static str)> = PLACES
        .iter()
        .flat_map(|(zone, moments)| moments.iter().map(|moment| (*zone, *moment)))
        .collect();
    prop::sample::select(places).prop_flat_map(move |(zone, near)| {
        let parts = (
            rules_in(zone),
            payments(zone, near, size),
            sales(zone, near, size),
        );
        parts.prop_map(|(written, payments, sales)| {
            let payments = knowing_days(payments, &sales);
            World {
                written,
                payments,
                sales,
            }
        })
    })
}

/// The payments, told which of their MID lists have sales known only to the day.
pub fn knowing_days(mut payments: Vec<Payment>, sales: &[Sale]) -> Vec<Payment> {
    let has_days = |set: MidSetId| {
        let mut of_set = sales.iter().filter(|sale| sale.mid_set == set);
        of_set.any(|sale| !sale.when.has_time())
    };
    for payment in &mut payments {
        payment.mid_sets = payment
            .mid_sets
            .iter()
            .map(|set| MidSet {
                id: set.id,
                has_days: has_days(set.id),
            })
            .collect();
    }
    payments
}

/// A sequence of numbers that looks random and is the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) % bound.max(1) as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
