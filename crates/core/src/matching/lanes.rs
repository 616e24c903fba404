//! Deciding on several threads at once.
//!
//! Only payments of one scheme, currency and amount can compete for a sale: those are a lane, and
//! lanes know nothing of each other. So a batch is cut into parts of whole lanes, small enough for
//! a processor's cache, and each part is decided by itself, by whichever thread is free. What
//! comes out is what [`decide()`] gives, whatever the number of threads.

use super::{Decision, OpenReason, Payment, Rules, Sale, SaleIndex, decide};
use crate::ids::PaymentId;
use crate::money::Money;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// How many payments or sales a part should hold: what a core's own cache takes.
const PART: usize = 1024;
/// How many payments are worth a thread: starting one takes as long as deciding some hundred.
const WORTH_A_THREAD: usize = 1024;

/// The decisions of a part, with the part's number.
type Decided = (usize, Vec<(PaymentId, Decision)>);

/// Decides payments as [`decide()`] does, on so many threads at the most, of which the caller's is
/// one. The decisions come in the order of the payments; the order of the sales does not matter.
///
/// Each part copies the sales it looks at, so that the memory it takes beside its arguments and its
/// answer is a few bytes for each of them.
pub fn decide_in_lanes<'a, P: AsRef<Payment> + Sync>(
    payments: &[P],
    sales: &[Sale],
    threads: usize,
    rules_of: impl Fn(&Payment) -> Option<&'a Rules> + Sync,
) -> Vec<(PaymentId, Decision)> {
    let parts = parts_for(payments.len().max(sales.len()));
    let turns = Parts::of(
        parts,
        payments.iter().map(|payment| payment.as_ref().amount),
    );
    let places = Parts::of(parts, sales.iter().map(|sale| sale.amount));
    let decide_part = |part: usize| {
        let payments: Vec<&P> = turns.part(part).map(|turn| &payments[turn]).collect();
        if payments.is_empty() {
            return Vec::new();
        }
        let sales = places.part(part).map(|place| sales[place].clone());
        decide(&payments, &mut SaleIndex::new(sales.collect()), &rules_of)
    };
    let threads = threads.min(parts).min(payments.len() / WORTH_A_THREAD);
    let mut decisions: Vec<(PaymentId, Decision)> = payments
        .iter()
        .map(|payment| (payment.as_ref().id, Decision::Open(OpenReason::NotMatched)))
        .collect();
    for (part, decided) in on_threads(threads, parts, &decide_part) {
        for (turn, decision) in turns.part(part).zip(decided) {
            decisions[turn] = decision;
        }
    }
    decisions
}

/// Has every part decided, by as many threads as there may be.
fn on_threads(
    threads: usize,
    parts: usize,
    decide_part: &(impl Fn(usize) -> Vec<(PaymentId, Decision)> + Sync),
) -> Vec<Decided> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|part| *part < parts);
        let mine = std::iter::from_fn(take);
        mine.map(|part| (part, decide_part(part))).collect()
    };
    thread::scope(|scope| {
        // A thread that cannot be had is no loss but of time: the others take its parts.
        let helpers: Vec<ScopedJoinHandle<'_, Vec<Decided>>> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut decided: Vec<Decided> = work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => decided.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        decided
    })
}

/// How many parts a batch is cut into: a power of two.
fn parts_for(transactions: usize) -> usize {
    (transactions / PART).next_power_of_two().min(1 << 16)
}

/// Places of transactions by the part they belong to, within one in their own order.
struct Parts {
    places: Vec<u32>,
    /// Where each part begins, and at last where the last one ends.
    starts: Vec<usize>,
}

impl Parts {
    /// Cuts transactions of these amounts into so many parts, a power of two. All of one amount are
    /// in one part.
    fn of(parts: usize, amounts: impl Iterator<Item = Money> + Clone) -> Self {
        let mut starts = vec![0; parts + 1];
        for amount in amounts.clone() {
            starts[part_of(amount, parts) + 1] += 1;
        }
        for part in 0..parts {
            starts[part + 1] += starts[part];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts[parts]];
        for (place, amount) in (0..).zip(amounts) {
            let slot = &mut next[part_of(amount, parts)];
            places[*slot] = place;
            *slot += 1;
        }
        Self { places, starts }
    }

    fn part(&self, part: usize) -> impl Iterator<Item = usize> {
        let places = &self.places[self.starts[part]..self.starts[part + 1]];
        places.iter().map(|place| *place as usize)
    }
}

/// Amounts next to each other are spread over all parts, the same way on every machine.
fn part_of(amount: Money, parts: usize) -> usize {
    let currency = amount.currency.as_str().bytes();
    let seed = currency.fold(0, |seed: u64, letter| seed << 8 | u64::from(letter));
    let spread = (amount.minor.cast_unsigned() ^ seed << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "less than the number of parts"
    )]
    let part = ((u128::from(spread) * parts as u128) >> 64) as usize;
    part
}
