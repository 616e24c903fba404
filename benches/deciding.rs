//! Deciding in memory: payments a second, from sales in no order to decisions.
//!
//! The payments and sales are those of a generated world: several MIDs, prices that repeat, busy
//! seconds, skewed clocks. Building the index of the sales is part of what is measured. Once in
//! batches of ten thousand, as the journey decides, and once all million at once; on one thread, and
//! `in_lanes` on one and on two.

use compact_str::CompactString;
use divan::counter::ItemsCount;
use harmonia_core::card::{CardDigits, FirstSix, LastFour};
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{
    Decision, MidSet, Payment, Rules, Sale, SaleIndex, decide, decide_in_lanes,
};
use harmonia_core::time::{Instant, SECOND_US, Zone};
use harmonia_sim::{Options, PAYMENT_PROVIDER, SCHEME, generate};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

const PAIRS: u64 = 1_000_000;
const BATCH: usize = 10_000;

fn main() {
    divan::main();
}

struct World {
    payments: Vec<Payment>,
    sales: Vec<Sale>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let files = generate(&Options::new(PAIRS, 7), folder.path(), &mut |_| {})
            .unwrap()
            .files;
        let agents = harmonia_benches::agents();
        let feed = |name: &str| agents.iter().find_map(|agent| agent.feed(name)).unwrap();
        let mut sets: HashMap<CompactString, MidSet> = HashMap::new();
        let mut set = |mid: &CompactString| {
            let id = MidSetId(sets.len() as i64 + 1);
            *sets.entry(mid.clone()).or_insert(MidSet {
                id,
                has_days: false,
            })
        };
        let visa = Slug::new(PAYMENT_PROVIDER).unwrap();
        let digits = |number: usize| CardDigits {
            first_six: FirstSix::new("424242"),
            last_four: LastFour::new(&format!("{:04}", number % 10_000)),
        };
        let mut payments = Vec::new();
        for (number, outcome) in (1..).zip(read(feed(PAYMENT_PROVIDER), &files.payments)) {
            let Outcome::Payment(record) = outcome else {
                continue;
            };
            payments.push(Payment {
                id: PaymentId(number),
                scheme: SchemeId(1),
                provider: visa.clone(),
                mid_sets: Arc::new([set(record.identifiers.primary.as_ref().unwrap())]),
                when: record.when,
                amount: record.amount,
                auth_code: Some(compact_str::format_compact!("{:06}", number % 999_983)),
                digits: CardDigits::default(),
                user_card: digits(number as usize % 9973),
                imported_at: Instant(0),
            });
        }
        let mut sales = Vec::new();
        for (number, outcome) in (1..).zip(read(feed(SCHEME), &files.sales)) {
            let Outcome::Sale(record) = outcome else {
                continue;
            };
            sales.push(Sale {
                id: SaleId(number),
                mid_set: set(&record.place.mids[0]).id,
                provider: Some(visa.clone()),
                when: record.when,
                amount: record.amount,
                auth_code: None,
                digits: digits(number as usize % 9973),
                imported_at: Instant(0),
            });
        }
        World { payments, sales }
    })
}

fn read(feed: &Feed, file: &std::path::Path) -> Vec<Outcome> {
    let mut reader = feed.reader(std::fs::File::open(file).unwrap()).unwrap();
    let mut raw = RawRecord::default();
    let mut outcomes = Vec::new();
    while reader.next(&mut raw).unwrap() {
        outcomes.push(feed.read(&raw));
    }
    outcomes
}

/// The world cut into batches as the journey cuts it: ten thousand payments in the order they came,
/// with the sales that are open and near enough in time.
fn batches(rules: &'static Rules) -> Vec<(&'static [Payment], Vec<Sale>)> {
    let world = world();
    let mut open: Vec<Sale> = world.sales.clone();
    open.sort_by_key(|sale| sale.when.start);
    let mut batches = Vec::new();
    for payments in world.payments.chunks(BATCH) {
        let times = payments.iter().map(|payment| payment.when.start.0);
        let (first, last) = (times.clone().min().unwrap(), times.max().unwrap());
        let near = first - 180 * SECOND_US..=last + 180 * SECOND_US;
        let from = open.partition_point(|sale| sale.when.start.0 < *near.start());
        let to = open.partition_point(|sale| sale.when.start.0 <= *near.end());
        let candidates = open[from..to].to_vec();
        let decided = decide(payments, &mut SaleIndex::new(candidates.clone()), |_| {
            Some(rules)
        });
        let taken: HashSet<SaleId> = decided
            .iter()
            .filter_map(|(_, decision)| match decision {
                Decision::Matched { sale, .. } => *sale,
                Decision::Open(_) => None,
            })
            .collect();
        open.retain(|sale| !taken.contains(&sale.id));
        batches.push((payments, candidates));
    }
    batches
}

fn in_batches(bencher: divan::Bencher<'_, '_>, rules: &'static Rules) {
    let batches = batches(rules);
    bencher
        .counter(ItemsCount::new(world().payments.len()))
        .with_inputs(|| batches.clone())
        .bench_local_values(|batches| {
            let mut decided = 0;
            for (payments, sales) in batches {
                let mut sales = SaleIndex::new(sales);
                decided += divan::black_box(decide(payments, &mut sales, |_| Some(rules))).len();
            }
            decided
        });
}

fn at_once(bencher: divan::Bencher<'_, '_>, rules: &'static Rules) {
    let world = world();
    bencher
        .counter(ItemsCount::new(world.payments.len()))
        .with_inputs(|| world.sales.clone())
        .bench_local_values(|sales| {
            let mut sales = SaleIndex::new(sales);
            decide(&world.payments, &mut sales, |_| Some(rules))
        });
}

fn in_lanes(bencher: divan::Bencher<'_, '_>, rules: &'static Rules, threads: usize) {
    let world = world();
    bencher
        .counter(ItemsCount::new(world.payments.len()))
        .bench_local(|| decide_in_lanes(&world.payments, &world.sales, threads, |_| Some(rules)));
}

fn batches_in_lanes(bencher: divan::Bencher<'_, '_>, rules: &'static Rules, threads: usize) {
    let batches = batches(rules);
    bencher
        .counter(ItemsCount::new(world().payments.len()))
        .bench_local(|| {
            let mut decided = 0;
            for (payments, sales) in &batches {
                let decisions = decide_in_lanes(payments, sales, threads, |_| Some(rules));
                decided += divan::black_box(decisions).len();
            }
            decided
        });
}

/// The rule of the demonstration: the same instant.
fn exact_time() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| compile("[default]\nkeep = [\"exact_time\"]"))
}

/// A rule with a tolerance and tie-breakers, as merchants have: within three minutes, then by time,
/// then by card.
fn tolerance() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        compile(
            "tolerance = \"180s\"\n[default]\nkeep = [\"provider\", \"time\"]\n\
             break_tie = [\"exact_time\", \"dpan | card\"]",
        )
    })
}

fn compile(text: &str) -> Rules {
    let zone = Zone::named("Europe/London").unwrap();
    Rules::compile(&text.parse().unwrap(), &zone).unwrap()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn exact_time_in_batches(bencher: divan::Bencher<'_, '_>) {
    in_batches(bencher, exact_time());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn tolerance_in_batches(bencher: divan::Bencher<'_, '_>) {
    in_batches(bencher, tolerance());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn exact_time_at_once(bencher: divan::Bencher<'_, '_>) {
    at_once(bencher, exact_time());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn tolerance_at_once(bencher: divan::Bencher<'_, '_>) {
    at_once(bencher, tolerance());
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn exact_time_in_lanes(bencher: divan::Bencher<'_, '_>, threads: usize) {
    in_lanes(bencher, exact_time(), threads);
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn tolerance_in_lanes(bencher: divan::Bencher<'_, '_>, threads: usize) {
    in_lanes(bencher, tolerance(), threads);
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn tolerance_in_batches_in_lanes(bencher: divan::Bencher<'_, '_>, threads: usize) {
    batches_in_lanes(bencher, tolerance(), threads);
}
