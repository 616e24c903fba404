//! The truth against the rules of the agent files: of each payment, the rule keeps its own sale
//! where the truth says that it can be decided, and never another.

use crate::reading::{World, agent, rows, world};
use harmonia_core::card::CardDigits;
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::rules::Kind;
use harmonia_core::matching::{Payment, Rules, Sale};
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_sim::{Fault, FaultRates, Options, scheme_slugs};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

#[test]
fn the_truth_is_what_the_rules_of_the_agent_files_say() {
    let faults = Fault::ALL.into_iter();
    let faults = faults.fold(FaultRates::NONE, |rates, fault| rates.with(fault, 40_000));
    for (first_day, days) in [((2026, 10, 25), 1), ((2026, 3, 28), 2)] {
        for scheme in scheme_slugs() {
            let (year, month, day) = first_day;
            check(&world(
                scheme,
                &[],
                // Crowded: purchases are near each other in time and alike in amount.
                &Options {
                    first_day: Day::from_ymd(year, month, day).unwrap(),
                    days,
                    faults: faults.clone(),
                    ..Options::new(3_000, 7)
                },
            ));
        }
    }
}

fn check(world: &World) {
    let agent = agent(&world.summary.scheme);
    let Some(rules) = agent.matching.as_ref() else {
        // Its payments are sent on as they come: nothing is matched, and the truth has no sale.
        assert!(world.sales.is_empty(), "{}", world.summary.scheme);
        return;
    };
    let places = Places::of(world);
    let mut sales: HashMap<(&str, i64), Vec<(&str, &SaleRecord)>> = HashMap::new();
    for (id, sale) in &world.sales {
        let key = (places.of_sale(sale), sale.amount.minor);
        sales.entry(key).or_default().push((id, sale));
    }
    let truth = truth_of(world);
    for ((provider, feed_type), payments) in &world.payments {
        for (id, payment) in payments.iter().filter(|_| *feed_type != FeedType::Refund) {
            let key = (places.of_payment(provider, payment), payment.amount.minor);
            let near = sales.get(&key).into_iter().flatten();
            let kept: BTreeSet<&str> = near
                .filter(|(_, sale)| keeps(rules, provider, payment, sale))
                .map(|(id, _)| *id)
                .collect();
            let (own, labels) = &truth[id.as_str()];
            let fault = labels[0].0.split(':').next().unwrap();
            let alone = kept.iter().all(|sale| sale == own) || fault == "ambiguous";
            assert!(
                alone,
                "{}: {id} {fault} keeps {kept:?}",
                world.summary.scheme
            );
            let known = !matches!(fault, "unlinked_card" | "unknown_mid");
            let decided = known && kept.len() == 1 && kept.contains(own);
            // Authorisation and settlement share an id: each has a row, in this order.
            let row = labels.get(usize::from(*feed_type == FeedType::Settled));
            let (label, decidable) = row.unwrap_or(&labels[0]);
            if !own.is_empty() {
                let name = &world.summary.scheme;
                assert_eq!(decided, *decidable, "{name} {feed_type} {id} {label}");
            }
        }
    }
}

/// A payment's sale, and what is said of its rows: the label, and whether it can be decided.
type Told<'a> = (&'a str, Vec<(&'a str, bool)>);

/// What is told of each payment.
fn truth_of(world: &World) -> HashMap<&str, Told<'_>> {
    let mut truth: HashMap<&str, Told<'_>> = HashMap::new();
    for row in world.rows.iter().filter(|row| !row.payment.is_empty()) {
        let entry = truth.entry(&row.payment).or_insert((&row.sale, Vec::new()));
        entry.1.push((&row.fault, row.is_decidable()));
    }
    truth
}

/// Whether all of a rule's filters pass.
fn keeps(rules: &Rules, provider: &Slug, payment: &PaymentRecord, sale: &SaleRecord) -> bool {
    if rules.kind != Kind::Loyalty {
        return false;
    }
    let Some(rule) = rules.for_provider(provider) else {
        return false;
    };
    let payment = Payment {
        id: PaymentId(1),
        scheme: SchemeId(1),
        provider: provider.clone(),
        mid_sets: Arc::new([]),
        when: payment.when,
        amount: payment.amount,
        auth_code: payment.auth_code.clone(),
        digits: payment.digits,
        user_card: CardDigits::default(),
        imported_at: Instant(0),
    };
    let sale = Sale {
        id: SaleId(1),
        mid_set: MidSetId(1),
        provider: sale.payment_provider.clone(),
        when: sale.when,
        amount: sale.amount,
        auth_code: sale.auth_code.clone(),
        digits: sale.digits,
        imported_at: Instant(0),
    };
    rule.keep.iter().all(|step| {
        let mut filters = step.for_payment(&payment).iter();
        filters.all(|filter| filter.passes(rules, &payment, &sale))
    })
}

/// Which MIDs stand for one place: a location's, where sales name it, else each for itself.
struct Places {
    locations: HashMap<(String, String), String>,
    known: HashSet<String>,
}

impl Places {
    fn of(world: &World) -> Self {
        let rows = rows(&world.summary.mids_file, false).into_iter();
        let primary = rows.filter(|row| &row[2] == "PRIMARY");
        let entry = |row: csv::StringRecord| ((row[0].into(), row[1].into()), row[4].into());
        let locations: HashMap<_, String> = primary.map(entry).collect();
        let known = locations.values().cloned().collect();
        let by_location = world
            .sales
            .values()
            .any(|sale| sale.place.location.is_some());
        Self {
            locations: if by_location {
                locations
            } else {
                HashMap::new()
            },
            known,
        }
    }

    fn of_sale<'a>(&self, sale: &'a SaleRecord) -> &'a str {
        let location = sale.place.location.as_deref();
        match location.filter(|location| self.known.contains(*location)) {
            Some(location) => location,
            None => sale
                .place
                .mids
                .first()
                .map_or("nowhere", |mid| mid.as_str()),
        }
    }

    fn of_payment<'a>(&'a self, provider: &Slug, payment: &'a PaymentRecord) -> &'a str {
        let mid = payment.identifiers.primary.as_deref().unwrap();
        let key = (provider.to_string(), mid.to_owned());
        self.locations.get(&key).map_or(mid, String::as_str)
    }
}
