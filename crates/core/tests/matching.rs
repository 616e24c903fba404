//! Matching, against fixtures and against its laws.
//!
//! A fixture is `fixtures/matching/<scheme>.<case>.jsonl`: sales (`kind: scheme`) and payments
//! (`kind: payment`), each in its `order`, all sales in before the first payment is decided; beside
//! it `….expected.json` maps each payment to its sale, or to null. The rules are the scheme's own.
//! `MATCHING_FIXTURES` names another folder of the same shape to go through as well.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::agent::Agent;
use harmonia_core::card::{CardDigits, FirstSix, LastFour};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{Decision, MidSet, Payment, Rules, Sale, SaleIndex, decide, why};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::{Instant, Moment, Precision, SECOND_US, Zone};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

#[test]
fn fixtures_match_as_they_must() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/matching");
    let more = std::env::var_os("MATCHING_FIXTURES").map(PathBuf::from);
    let mut checked = 0;
    for folder in [Some(own), more].into_iter().flatten() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                check(&path);
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "there are no fixtures");
}

fn check(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let rules = rules_of(name.split('.').next().unwrap());
    let expected = std::fs::read(path.with_extension("expected.json")).unwrap();
    let expected: BTreeMap<String, Option<String>> = serde_json::from_slice(&expected).unwrap();
    let mut rows: Vec<Value> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    rows.sort_by_key(|row| row["order"].as_i64());
    let mut world = World::default();
    for row in &rows {
        world.add(row, &rules.zone);
    }
    let found = world.decide(&rules);
    let mut wrong = Vec::new();
    for (payment, sale) in &expected {
        let got = found.get(payment).cloned().flatten();
        if got != *sale {
            let case = rows
                .iter()
                .find(|row| row["transaction_id"] == payment.as_str());
            let case = case.map_or("", |row| row["case"].as_str().unwrap_or(""));
            wrong.push(format!(
                "{payment} ({case}): expected {sale:?}, got {got:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{name}: {} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn rules_of(slug: &str) -> Rules {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../agents/{slug}.toml"));
    let text = std::fs::read_to_string(&file).unwrap();
    let agent = Agent::parse(&format!("{slug}.toml"), &text).unwrap();
    agent.matching.unwrap()
}

#[derive(Default)]
struct World {
    sets: HashMap<Vec<String>, MidSetId>,
    sales: Vec<(Sale, Vec<String>)>,
    payments: Vec<(Payment, String)>,
    ids: HashMap<i64, String>,
}

impl World {
    fn add(&mut self, row: &Value, zone: &Zone) {
        let text = |key: &str| row[key].as_str().filter(|text| !text.trim().is_empty());
        let number = self.ids.len() as i64 + 1;
        self.ids
            .insert(number, row["transaction_id"].as_str().unwrap().to_owned());
        let amount = Money {
            minor: row["amount"].as_i64().unwrap(),
            currency: Currency::new(text("currency").unwrap_or("GBP")).unwrap(),
        };
        let digits = |six: &str, four: &str| CardDigits {
            first_six: text(six).and_then(FirstSix::new),
            last_four: text(four).and_then(LastFour::new),
        };
        let when = moment(row, zone);
        let auth_code = text("auth_code").map(|code| code.trim().into());
        if row["kind"] == "scheme" {
            let mut mids: Vec<String> = serde_json::from_value(row["mids"].clone()).unwrap();
            mids.sort();
            let next = MidSetId(self.sets.len() as i64 + 1);
            let mid_set = *self.sets.entry(mids.clone()).or_insert(next);
            let sale = Sale {
                id: SaleId(number),
                mid_set,
                provider: text("payment_provider").map(|slug| Slug::new(slug).unwrap()),
                when,
                amount,
                auth_code,
                digits: digits("first_six", "last_four"),
                imported_at: Instant(0),
            };
            self.sales.push((sale, mids));
        } else {
            let mid = match &row["mids"] {
                Value::Array(mids) => mids[0].as_str().unwrap().to_owned(),
                _ => text("mid").unwrap().to_owned(),
            };
            let payment = Payment {
                id: PaymentId(number),
                scheme: SchemeId(1),
                provider: Slug::new(text("payment_provider").unwrap()).unwrap(),
                mid_sets: [].into(),
                when,
                amount,
                auth_code,
                digits: digits("first_six", "last_four"),
                user_card: digits("user_first_six", "user_last_four"),
                imported_at: Instant(0),
            };
            self.payments.push((payment, mid));
        }
    }

    fn decide(self, rules: &Rules) -> HashMap<String, Option<String>> {
        let days: HashSet<MidSetId> = self
            .sales
            .iter()
            .filter(|(sale, _)| !sale.when.has_time())
            .map(|(sale, _)| sale.mid_set)
            .collect();
        let payments: Vec<Payment> = self
            .payments
            .into_iter()
            .map(|(payment, mid)| {
                let holding = self.sets.iter().filter(|(mids, _)| mids.contains(&mid));
                let mid_sets = holding
                    .map(|(_, id)| MidSet {
                        id: *id,
                        has_days: days.contains(id),
                    })
                    .collect();
                Payment {
                    mid_sets,
                    ..payment
                }
            })
            .collect();
        let mut sales = SaleIndex::new(self.sales.into_iter().map(|(sale, _)| sale).collect());
        decide(&payments, &mut sales, |_| Some(rules))
            .into_iter()
            .map(|(payment, decision)| {
                let sale = match decision {
                    Decision::Matched {
                        sale: Some(sale), ..
                    } => Some(self.ids[&sale.0].clone()),
                    _ => None,
                };
                (self.ids[&payment.0].clone(), sale)
            })
            .collect()
    }
}

fn moment(row: &Value, zone: &Zone) -> Moment {
    let timestamp: jiff::Timestamp = row["date"].as_str().unwrap().parse().unwrap();
    let start = Instant(timestamp.as_microsecond());
    if row["has_time"] == false {
        let midnight = zone.midnight(zone.local_day(start));
        return Moment {
            start: midnight,
            precision: Precision::Day,
        };
    }
    let precision = match row["precision"].as_str() {
        Some("minute") => Precision::Minute,
        _ => Precision::Second,
    };
    Moment { start, precision }
}

// The laws, on small random worlds in which nearly everything collides.

const RULES: [&str; 4] = [
    "tolerance = \"60s\"\n[visa]\nkeep = [\"provider\", \"auth_code+day | time\"]\n\
     break_tie = [\"time\", \"dpan | card\"]",
    "tolerance = \"180s\"\n[default]\nkeep = [\"provider\", \"time\", \"dpan\"]\n\
     break_tie = [\"dpan | card\"]",
    "[default]\nkeep = [\"exact_time\"]",
    "tolerance = \"2s\"\n[default]\nkeep = [\"time\"]\nbreak_tie = [\"exact_time\", \"last_four\"]",
];

fn rules() -> impl Strategy<Value = Rules> {
    prop::sample::select(RULES.to_vec()).prop_map(|text| {
        let zone = Zone::named("Europe/London").unwrap();
        Rules::compile(&text.parse().unwrap(), &zone).unwrap()
    })
}

fn a_moment() -> impl Strategy<Value = Moment> {
    let zone = Zone::named("Europe/London").unwrap();
    // Around the midnight on which British clocks go back.
    let base = 1_792_800_000 * SECOND_US;
    (0..400_i64, prop::sample::select(vec![0_u8, 0, 0, 1, 2])).prop_map(move |(second, kind)| {
        let start = Instant(base + second * SECOND_US);
        match kind {
            0 => Moment {
                start,
                precision: Precision::Second,
            },
            1 => Moment {
                start: Instant(start.0 - start.0.rem_euclid(60 * SECOND_US)),
                precision: Precision::Minute,
            },
            _ => Moment {
                start: zone.midnight(zone.local_day(start)),
                precision: Precision::Day,
            },
        }
    })
}

fn digits() -> impl Strategy<Value = CardDigits> {
    prop::sample::select(vec![
        CardDigits::default(),
        CardDigits {
            first_six: FirstSix::new("411111"),
            last_four: LastFour::new("1111"),
        },
        CardDigits {
            first_six: FirstSix::new("522222"),
            last_four: LastFour::new("2222"),
        },
        CardDigits {
            first_six: None,
            last_four: LastFour::new("1111"),
        },
    ])
}

fn auth_code() -> impl Strategy<Value = Option<compact_str::CompactString>> {
    prop::sample::select(vec![None, Some("1".into()), Some("2".into())])
}

fn amount() -> impl Strategy<Value = Money> {
    prop::sample::select(vec![250, 999]).prop_map(|minor| Money {
        minor,
        currency: Currency::GBP,
    })
}

fn sales() -> impl Strategy<Value = Vec<Sale>> {
    let one = (
        1..3_i64,
        prop::sample::select(vec![None, Some("visa"), Some("amex")]),
        a_moment(),
        amount(),
        auth_code(),
        digits(),
    );
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let sale = |(number, one): (i64, _)| {
            let (set, provider, when, amount, auth_code, digits): (
                i64,
                Option<&str>,
                Moment,
                Money,
                Option<compact_str::CompactString>,
                CardDigits,
            ) = one;
            Sale {
                id: SaleId(number),
                mid_set: MidSetId(set),
                provider: provider.map(|slug| Slug::new(slug).unwrap()),
                when,
                amount,
                auth_code,
                digits,
                imported_at: Instant(0),
            }
        };
        (1..).zip(all).map(sale).collect()
    })
}

fn payments() -> impl Strategy<Value = Vec<Payment>> {
    let one = (
        a_moment(),
        amount(),
        auth_code(),
        digits(),
        digits(),
        1..4_u8,
    );
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let payment = |(number, one): (i64, _)| {
            let (when, amount, auth_code, digits, user_card, sets): (
                Moment,
                Money,
                Option<compact_str::CompactString>,
                CardDigits,
                CardDigits,
                u8,
            ) = one;
            let sets = (1..3).filter(|set| sets & set != 0);
            Payment {
                id: PaymentId(number),
                scheme: SchemeId(1),
                provider: Slug::new("visa").unwrap(),
                mid_sets: sets
                    .map(|id| MidSet {
                        id: MidSetId(i64::from(id)),
                        has_days: true,
                    })
                    .collect(),
                when,
                amount,
                auth_code,
                digits,
                user_card,
                imported_at: Instant(0),
            }
        };
        (1..).zip(all).map(payment).collect()
    })
}

fn run(rules: &Rules, payments: &[Payment], sales: &[Sale]) -> Vec<(PaymentId, Decision)> {
    decide(payments, &mut SaleIndex::new(sales.to_vec()), |_| {
        Some(rules)
    })
}

fn sale_of(decision: &Decision) -> Option<SaleId> {
    match decision {
        Decision::Matched { sale, .. } => *sale,
        Decision::Open(_) => None,
    }
}

/// Every open sale with the payment's MID and amount that passes the rule, found by asking `why`
/// about each: no index, no range, no early end.
fn brute_force(rules: &Rules, payments: &[Payment], sales: &[Sale]) -> Vec<Option<SaleId>> {
    let mut open: Vec<&Sale> = sales.iter().collect();
    let mut found = Vec::new();
    for payment in payments {
        let Some(rule) = rules.for_provider(&payment.provider) else {
            found.push(None);
            continue;
        };
        let answers = |sale: &Sale| why::answers(payment, sale, rule, rules);
        let mut left: Vec<&Sale> = open
            .iter()
            .copied()
            .filter(|sale| payment.mid_sets.iter().any(|set| set.id == sale.mid_set))
            .filter(|sale| sale.amount == payment.amount)
            .filter(|sale| why::is_kept(&answers(sale)))
            .collect();
        for step in &rule.break_tie {
            let name = step.to_string();
            let holds = |sale: &&Sale| {
                let mut asked = answers(sale)
                    .into_iter()
                    .filter(|answer| answer.part == "break_tie" && answer.step == name);
                asked.all(|answer| answer.passes != Some(false))
            };
            if left.len() > 1 && left.iter().any(holds) {
                left.retain(holds);
            }
        }
        let sale = (left.len() == 1).then(|| left[0].id);
        open.retain(|other| Some(other.id) != sale);
        found.push(sale);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_looking_at_everything_finds(
        rules in rules(), payments in payments(), sales in sales(),
    ) {
        let decided = run(&rules, &payments, &sales);
        let found: Vec<Option<SaleId>> = decided.iter().map(|(_, d)| sale_of(d)).collect();
        prop_assert_eq!(found, brute_force(&rules, &payments, &sales));
    }

    #[test]
    fn no_sale_is_taken_twice_and_the_order_of_sales_is_nothing(
        rules in rules(), payments in payments(), sales in sales(), seed in any::<u64>(),
    ) {
        let decided = run(&rules, &payments, &sales);
        let taken: Vec<SaleId> = decided.iter().filter_map(|(_, d)| sale_of(d)).collect();
        prop_assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len());
        let mut shuffled = sales.clone();
        shuffled.sort_by_key(|sale| (sale.id.0 as u64).wrapping_mul(seed | 1).rotate_left(17));
        prop_assert_eq!(decided, run(&rules, &payments, &shuffled));
    }

    #[test]
    fn batches_of_any_size_decide_the_same(
        rules in rules(), payments in payments(), sales in sales(), size in 1..8_usize,
    ) {
        let whole = run(&rules, &payments, &sales);
        let mut open = sales.clone();
        let mut parts = Vec::new();
        for batch in payments.chunks(size) {
            let decided = run(&rules, batch, &open);
            let taken: HashSet<SaleId> = decided.iter().filter_map(|(_, d)| sale_of(d)).collect();
            open.retain(|sale| !taken.contains(&sale.id));
            parts.extend(decided);
        }
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn transactions_of_another_shop_change_nothing(
        rules in rules(), payments in payments(), sales in sales(), others in sales(),
    ) {
        let decided = run(&rules, &payments, &sales);
        let mut more = sales.clone();
        more.extend(others.into_iter().map(|sale| Sale {
            id: SaleId(sale.id.0 + 1_000),
            mid_set: MidSetId(sale.mid_set.0 + 1_000),
            ..sale
        }));
        prop_assert_eq!(decided, run(&rules, &payments, &more));
    }
}
