//! The laws of matching, held against [`naive`]: a second reading of the rules that shares no code
//! with the first.
//!
//! Each law goes through random rules and worlds, the same ones every time. A run in `s/tests` is
//! short; `HARMONIA_LAWS=1000000 cargo test --release -p harmonia-core --test matching_laws --
//! --nocapture` permutes a million times, goes through a tenth as many worlds by each other law, and
//! says how many of each there were.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a long run says how long it was")]

mod edges;
mod naive;
mod world;

use harmonia_core::ids::{MidSetId, PaymentId, SaleId};
use harmonia_core::matching::backtest::{
    Comparison, History, PastPayment, PastSale, Report, backtest,
};
use harmonia_core::matching::filter::gap_us;
use harmonia_core::matching::{
    Decision, Evidence, OpenReason, Payment, Rules, Sale, SaleIndex, decide, decide_in_lanes, near,
    why,
};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::Instant;
use naive::Outcome;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::collections::{HashMap, HashSet};
use world::{Dice, World, knowing_days, world};

type Decided = Vec<(PaymentId, Decision)>;
type Checked = Result<(), TestCaseError>;

/// How many worlds there are in a law's short run.
const SHORT: u32 = 256;
/// How often each world is permuted.
const PERMUTATIONS: u32 = 8;

/// How many permutations were asked for, if it is to be a long run.
fn asked() -> Option<u32> {
    let asked = std::env::var("HARMONIA_LAWS").ok()?;
    Some(asked.parse().unwrap())
}

/// Holds a law against so many worlds. What breaks it is made as small as can be, and shown.
fn law<S: Strategy>(name: &str, worlds: u32, strategy: &S, check: impl Fn(S::Value) -> Checked) {
    let mut runner = TestRunner::new(Config {
        cases: worlds,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    });
    match runner.run(strategy, check) {
        Ok(()) => println!("{name}: {worlds} worlds"),
        Err(TestError::Fail(reason, world)) => panic!("{name}: {reason}\n{world:#?}"),
        Err(TestError::Abort(reason)) => panic!("{name}: {reason}"),
    }
}

/// So many worlds as a law other than that of permutations takes.
fn worlds() -> u32 {
    asked().map_or(SHORT, |asked| (asked / 10).max(1))
}

fn run(rules: &Rules, payments: &[Payment], sales: &[Sale]) -> Decided {
    let mut sales = SaleIndex::new(sales.to_vec());
    decide(payments, &mut sales, |_| Some(rules))
}

fn sale_of(decision: &Decision) -> Option<SaleId> {
    match decision {
        Decision::Matched { sale, .. } => *sale,
        Decision::Open(_) => None,
    }
}

#[test]
fn everything_is_decided_as_the_naive_reading_decides_it() {
    law("naive reading", worlds(), &world(13), |world| {
        let rules = world.rules();
        let decided = run(&rules, &world.payments, &world.sales);
        agrees_with_the_naive_reading(&world, &decided)
    });
}

/// A till so busy that its sales are looked up by auth code.
#[test]
fn a_crowd_is_decided_as_the_naive_reading_decides_it() {
    law("crowds", worlds() / 16, &world(240), |world| {
        let world = crowded(world);
        let decided = run(&world.rules(), &world.payments, &world.sales);
        agrees_with_the_naive_reading(&world, &decided)
    });
}

/// A world of one till, all of whose sales, and half of whose payments, are of one amount.
fn crowded(mut world: World) -> World {
    let one = Money {
        minor: 250,
        currency: Currency::GBP,
    };
    for sale in &mut world.sales {
        sale.mid_set = MidSetId(1);
        sale.amount = one;
    }
    for payment in world.payments.iter_mut().step_by(2) {
        payment.amount = one;
    }
    world.payments = knowing_days(world.payments, &world.sales);
    world
}

fn agrees_with_the_naive_reading(world: &World, decided: &Decided) -> Checked {
    let turns = naive::decide(&world.written, &world.payments, &world.sales);
    prop_assert_eq!(turns.len(), decided.len());
    for ((payment, turn), (id, decision)) in world.payments.iter().zip(&turns).zip(decided) {
        prop_assert_eq!(payment.id, *id);
        let found = match decision {
            Decision::Open(OpenReason::NoRule) => Outcome::NoRule,
            Decision::Open(OpenReason::NoSale) => Outcome::NoSale,
            Decision::Open(OpenReason::Ambiguous) => Outcome::Ambiguous,
            Decision::Matched {
                sale: Some(sale),
                evidence,
                ..
            } => {
                // What earlier steps left counts only sales in reach, which the later ones allow.
                let steps = world.written.rule(payment).unwrap().keep.len();
                Outcome::Matched(sale.0, evidence.kept[steps..].to_vec())
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        prop_assert_eq!(&found, &turn.outcome, "payment {}", id);
        if let Decision::Matched { sale, evidence, .. } = decision {
            let sale = turn.candidates.iter().find(|one| Some(one.id) == *sale);
            evidence_is_true(world, payment, sale.unwrap(), evidence)?;
        }
    }
    Ok(())
}

fn evidence_is_true(world: &World, payment: &Payment, sale: &Sale, told: &Evidence) -> Checked {
    let equal = |name: &str| naive::has(payment, name) && world.written.passes(name, payment, sale);
    prop_assert_eq!(told.equal.auth_code, equal("auth_code"));
    prop_assert_eq!(told.equal.dpan, equal("dpan"));
    prop_assert_eq!(told.equal.card, equal("card"));
    if payment.when.has_time() && sale.when.has_time() {
        prop_assert_eq!(told.gap_us, world.written.apart(payment.when, sale.when));
    }
    Ok(())
}

#[test]
fn nothing_is_used_twice_and_every_match_keeps_its_rule() {
    law("one to one, by rule", worlds(), &world(20), |world| {
        let decided = run(&world.rules(), &world.payments, &world.sales);
        let ids: Vec<PaymentId> = world.payments.iter().map(|payment| payment.id).collect();
        let told: Vec<PaymentId> = decided.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(&told, &ids, "each payment once, in its order");
        let mut used = HashSet::new();
        for (payment, (_, decision)) in world.payments.iter().zip(&decided) {
            let Some(id) = sale_of(decision) else {
                continue;
            };
            prop_assert!(used.insert(id), "sale {} is used twice", id);
            let sale = world.sales.iter().find(|sale| sale.id == id).unwrap();
            prop_assert!(world.written.is_candidate(payment, sale));
            for step in &world.written.rule(payment).unwrap().keep {
                prop_assert!(world.written.passes_step(step, payment, sale), "{:?}", step);
            }
        }
        Ok(())
    });
}

#[test]
fn the_order_of_sales_and_of_payments_that_do_not_compete_is_nothing() {
    let worlds = asked().map_or(SHORT, |asked| asked.div_ceil(PERMUTATIONS));
    let strategy = (world(16), any::<u64>());
    law("permutations", worlds, &strategy, |(world, seed)| {
        let rules = world.rules();
        let decided: HashMap<PaymentId, Decision> = run(&rules, &world.payments, &world.sales)
            .into_iter()
            .collect();
        let rivals = rivals(&world.payments);
        let mut dice = Dice(seed);
        for _ in 0..PERMUTATIONS {
            let mut sales = world.sales.clone();
            dice.shuffle(&mut sales);
            let payments = shuffled_within_reason(&world.payments, &rivals, &mut dice);
            for (id, decision) in run(&rules, &payments, &sales) {
                prop_assert_eq!(&decided[&id], &decision, "payment {}", id);
            }
        }
        Ok(())
    });
    println!(
        "permutations: {} in all",
        u64::from(worlds) * u64::from(PERMUTATIONS)
    );
}

/// For each payment the number of its group: payments of one amount that have a MID list in common,
/// directly or by way of others, may want the same sale.
fn rivals(payments: &[Payment]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..payments.len()).collect();
    let meet = |one: &Payment, other: &Payment| {
        let mut sets = one.mid_sets.iter();
        one.amount == other.amount && sets.any(|set| other.mid_sets.contains(set))
    };
    for one in 0..payments.len() {
        for other in 0..one {
            let (from, to) = (group[one], group[other]);
            if from != to && meet(&payments[one], &payments[other]) {
                group
                    .iter_mut()
                    .filter(|g| **g == from)
                    .for_each(|g| *g = to);
            }
        }
    }
    group
}

/// The payments in another order, in which rivals keep theirs.
fn shuffled_within_reason(payments: &[Payment], rivals: &[usize], dice: &mut Dice) -> Vec<Payment> {
    let mut groups = rivals.to_vec();
    dice.shuffle(&mut groups);
    let mut next: HashMap<usize, usize> = HashMap::new();
    let mut take = |group: usize| {
        let from = next.entry(group).or_default();
        let at = *from + rivals[*from..].iter().position(|g| *g == group).unwrap();
        *from = at + 1;
        payments[at].clone()
    };
    groups.into_iter().map(&mut take).collect()
}

#[test]
fn strangers_change_nothing() {
    let strategy = (world(13), world(13), any::<u64>());
    law("strangers", worlds(), &strategy, |(world, others, seed)| {
        let rules = world.rules();
        let decided: HashMap<PaymentId, Decision> = run(&rules, &world.payments, &world.sales)
            .into_iter()
            .collect();
        let mut dice = Dice(seed);
        let (mut payments, mut sales) = (world.payments.clone(), world.sales.clone());
        for (at, mut payment) in others.payments.into_iter().enumerate() {
            payment.id = PaymentId(payment.id.0 + 1000);
            let far = |set: &mut harmonia_core::matching::MidSet| set.id.0 += 1000;
            match at % 3 {
                0 => payment.amount.minor += 1000,
                1 => payment.amount.currency = Currency::new("SEK").unwrap(),
                _ => {
                    let mut sets = payment.mid_sets.to_vec();
                    sets.iter_mut().for_each(far);
                    payment.mid_sets = sets.into();
                }
            }
            payments.insert(dice.below(payments.len() + 1), payment);
        }
        for (at, mut sale) in others.sales.into_iter().enumerate() {
            sale.id = SaleId(sale.id.0 + 1000);
            match at % 4 {
                0 => sale.amount.minor += 1000,
                1 => sale.amount.currency = Currency::new("SEK").unwrap(),
                2 => sale.mid_set.0 += 1000,
                _ => sale.imported_at.0 += 400 * 3_600_000_000,
            }
            sales.insert(dice.below(sales.len() + 1), sale);
        }
        let payments = knowing_days(payments, &sales);
        for (id, decision) in run(&rules, &payments, &sales) {
            if let Some(before) = decided.get(&id) {
                prop_assert_eq!(before, &decision, "payment {}", id);
            }
        }
        Ok(())
    });
}

#[test]
fn batches_of_1_and_7_and_1000_decide_the_same() {
    law("batches", worlds(), &world(30), |world| {
        batches_agree(&world)
    });
}

/// The same of a crowd, which the index finds otherwise while it is large.
#[test]
fn batches_of_a_crowd_decide_the_same() {
    law("batches of crowds", worlds() / 16, &world(150), |world| {
        batches_agree(&crowded(world))
    });
}

/// What is told of a match does not hang on how many others wait at its till: 70 sales are looked up
/// by auth code, the last 60 of them alone are not.
#[test]
fn the_evidence_of_a_crowd_is_that_of_few() {
    let mut runner = TestRunner::deterministic();
    let mut one = |filled: &dyn Fn(&World) -> bool| loop {
        let world = world(2).new_tree(&mut runner).unwrap().current();
        if filled(&world) {
            return world;
        }
    };
    let like = one(&|world| !world.payments.is_empty() && !world.sales.is_empty());
    let (payment, sale) = (&like.payments[0], &like.sales[0]);
    let code = |number: i64| Some(compact_str::format_compact!("{number:06}"));
    let world = crowded(World {
        payments: (0..140)
            .map(|number| Payment {
                id: PaymentId(number),
                auth_code: code(number / 2),
                mid_sets: [harmonia_core::matching::MidSet {
                    id: MidSetId(1),
                    has_days: false,
                }]
                .into(),
                when: sale.when,
                imported_at: sale.imported_at,
                ..payment.clone()
            })
            .collect(),
        sales: (0..70)
            .map(|number| Sale {
                id: SaleId(number),
                auth_code: code(number),
                ..sale.clone()
            })
            .collect(),
        written: naive::Written {
            rules: vec![(
                "default",
                naive::Rule {
                    keep: vec![vec![vec!["auth_code", "day"]]],
                    break_tie: Vec::new(),
                },
            )],
            ..like.written.clone()
        },
    });
    let decided = run(&world.rules(), &world.payments, &world.sales);
    let matched = decided.iter().filter(|(_, one)| sale_of(one).is_some());
    assert_eq!(matched.count(), 70);
    batches_agree(&world).unwrap();
}

fn batches_agree(world: &World) -> Checked {
    let rules = world.rules();
    let whole = run(&rules, &world.payments, &world.sales);
    for size in [1, 7, 1000] {
        let mut open = world.sales.clone();
        let mut parts = Vec::new();
        for batch in world.payments.chunks(size) {
            let decided = run(&rules, batch, &open);
            let taken: HashSet<SaleId> =
                decided.iter().filter_map(|(_, one)| sale_of(one)).collect();
            open.retain(|sale| !taken.contains(&sale.id));
            parts.extend(decided);
        }
        prop_assert_eq!(&whole, &parts, "batches of {}", size);
    }
    Ok(())
}

#[test]
fn why_says_what_was_decided() {
    law("why", worlds(), &world(13), |world| {
        let rules = world.rules();
        let decided = run(&rules, &world.payments, &world.sales);
        let turns = naive::decide(&world.written, &world.payments, &world.sales);
        for ((payment, turn), (_, decision)) in world.payments.iter().zip(turns).zip(decided) {
            let Some(rule) = rules.for_provider(&payment.provider) else {
                continue;
            };
            let fits = |sale: &Sale| why::is_kept(&why::answers(payment, sale, rule, &rules));
            let fitting: Vec<SaleId> = turn
                .candidates
                .iter()
                .filter(|sale| fits(sale))
                .map(|sale| sale.id)
                .collect();
            match decision {
                Decision::Open(OpenReason::NoSale) => prop_assert_eq!(fitting, []),
                Decision::Open(_) => prop_assert!(fitting.len() > 1),
                Decision::Matched { sale, evidence, .. } => {
                    prop_assert!(fitting.contains(&sale.unwrap()));
                    prop_assert_eq!(evidence.kept[rule.keep.len()] as usize, fitting.len());
                }
            }
        }
        Ok(())
    });
}

/// What is told of a payment's candidates, tie-breakers and all, is what it was given at its turn.
#[test]
fn what_is_told_of_candidates_is_what_was_decided() {
    law("candidates told", worlds(), &world(13), |world| {
        let rules = world.rules();
        let decided = run(&rules, &world.payments, &world.sales);
        let mut taken: HashSet<SaleId> = HashSet::new();
        for (payment, (_, decision)) in world.payments.iter().zip(&decided) {
            let candidates: Vec<why::Candidate<'_>> = world
                .sales
                .iter()
                .map(|sale| why::Candidate {
                    sale,
                    taken_by: taken.contains(&sale.id).then_some("another"),
                    barred: false,
                })
                .collect();
            let judged = why::judge(payment, Some(&rules), &candidates);
            let fitting: Vec<SaleId> = candidates
                .iter()
                .zip(&judged)
                .filter(|(_, judged)| judged.ends == why::Ends::Fits)
                .map(|(candidate, _)| candidate.sale.id)
                .collect();
            for (candidate, judged) in candidates.iter().zip(&judged) {
                told_as_it_is(candidate, judged)?;
            }
            match decision {
                Decision::Matched { sale, .. } => {
                    prop_assert_eq!(&fitting, &sale.iter().copied().collect::<Vec<_>>());
                }
                Decision::Open(OpenReason::Ambiguous) => prop_assert!(fitting.len() > 1),
                Decision::Open(_) => prop_assert_eq!(&fitting, &[]),
            }
            taken.extend(sale_of(decision));
        }
        Ok(())
    });
}

/// What does not fit says why: something rules it out, a filter fails it, or a tie was lost.
fn told_as_it_is(candidate: &why::Candidate<'_>, judged: &why::Judged) -> Checked {
    let is_named = candidate.taken_by.is_some()
        == judged.obstacles.contains(&why::Obstacle::Taken {
            by: "another".into(),
        });
    prop_assert!(is_named, "{judged:?}");
    match &judged.ends {
        why::Ends::RuledOut => {
            prop_assert!(!judged.obstacles.is_empty() || judged.answers.is_empty());
        }
        why::Ends::Fails => prop_assert!(judged.failed().next().is_some()),
        why::Ends::LosesTie { step } => {
            let mut of_step = judged.answers.iter().filter(|answer| answer.step == *step);
            prop_assert!(of_step.any(|answer| answer.passes == Some(false)));
        }
        why::Ends::Fits => prop_assert!(judged.is_kept()),
    }
    Ok(())
}

/// A near miss is open to one objection, and small; whatever is one is among what is asked for.
#[test]
fn a_near_miss_is_asked_for_and_misses_by_one_thing() {
    law("near misses", worlds(), &world(13), |world| {
        let rules = world.rules();
        for payment in &world.payments {
            let questions = near::questions(payment, &rules);
            for sale in &world.sales {
                let Some(found) = near::near_miss(payment, sale, &rules) else {
                    continue;
                };
                let candidate = why::Candidate {
                    sale,
                    taken_by: None,
                    barred: false,
                };
                let judged = &why::judge(payment, Some(&rules), &[candidate])[0];
                prop_assert!(!judged.is_kept());
                prop_assert_eq!(judged.obstacles.len() + judged.failed().count(), 1);
                prop_assert!(found.gap_us >= 0);
                let asked = questions.iter().any(|one| {
                    one.mid_set == sale.mid_set
                        && one.currency == sale.amount.currency
                        && (one.least..=one.most).contains(&sale.amount.minor)
                        && (one.reach.from..=one.reach.to).contains(&sale.when.start)
                });
                prop_assert!(asked, "{payment:?} {sale:?} {questions:?}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_gap_is_the_same_both_ways() {
    law("gaps", worlds(), &world(6), |world| {
        let zone = &world.rules().zone;
        for payment in &world.payments {
            for sale in &world.sales {
                let (there, back) = (
                    gap_us(payment.when, sale.when, zone),
                    gap_us(sale.when, payment.when, zone),
                );
                prop_assert_eq!(there, back);
            }
        }
        Ok(())
    });
}

/// A past made by the rules in force is what they make of it again; other rules differ by as much one
/// way as the other, and every payment is counted once.
#[test]
fn a_backtest_accounts_for_every_payment() {
    let strategy = (world(13), world::rules_in("UTC"));
    law("backtests", worlds(), &strategy, |(world, other)| {
        let world = imported_at_once(world);
        let rules = world.rules();
        let other = World {
            written: other,
            ..world.clone()
        };
        let others = other.rules();
        let there = backtested(&world, &rules, &others);
        let again = backtested(&world, &rules, &rules);
        let back = backtested(&world, &others, &rules);
        prop_assert!(again.against_history.is_nothing());
        prop_assert_eq!(&there.against_history, &there.against_in_force);
        let Comparison {
            won,
            lost,
            changed,
            same,
            open,
            ..
        } = &there.against_history;
        prop_assert_eq!(won, &back.against_history.lost);
        prop_assert_eq!(lost, &back.against_history.won);
        prop_assert_eq!(changed, &back.against_history.changed);
        let all = [won, lost, changed, same, open].map(|tally| tally.count);
        prop_assert_eq!(all.iter().sum::<u64>(), world.payments.len() as u64);
        for one in &there.differences {
            prop_assert!(!one.because.is_empty(), "{:?}", one);
            prop_assert!(one.in_force != one.after);
        }
        Ok(())
    });
}

/// A world whose payments came in the order of their numbers.
fn imported_at_once(mut world: World) -> World {
    world
        .payments
        .iter_mut()
        .for_each(|one| one.imported_at = Instant(0));
    world
}

/// What changed rules make of a past that rules made.
fn backtested(world: &World, in_force: &Rules, changed: &Rules) -> Report {
    let mut history = History::default();
    let decided = run(in_force, &world.payments, &world.sales);
    let past = |(payment, (_, decision)): (&Payment, &(PaymentId, Decision))| PastPayment {
        payment: payment.clone(),
        identified: true,
        standing: decision.into(),
        forced: false,
    };
    history.add_payments(world.payments.iter().zip(&decided).map(past).collect());
    let sales = world.sales.iter().map(|sale| PastSale {
        sale: sale.clone(),
        held_by: None,
    });
    history.add_sales(sales.collect());
    backtest(history, Some(in_force), Some(changed), 2, 1000)
}

/// Many worlds side by side, each with amounts of its own, so that there are lanes enough.
#[test]
fn any_number_of_threads_decides_the_same() {
    let strategy = prop::collection::vec(world(30), 600..700);
    law("threads", (worlds() / 128).max(2), &strategy, |worlds| {
        let rules = worlds[0].rules();
        let (mut payments, mut sales) = (Vec::new(), Vec::new());
        for (number, world) in (0..).zip(worlds) {
            for mut payment in world.payments {
                payment.id.0 += number * 1000;
                payment.amount.minor += number * 7;
                payments.push(payment);
            }
            for mut sale in world.sales {
                sale.id.0 += number * 1000;
                sale.amount.minor += number * 7;
                sales.push(sale);
            }
        }
        Dice(1).shuffle(&mut payments);
        let payments = knowing_days(payments, &sales);
        let decided = run(&rules, &payments, &sales);
        for threads in [1, 2, 8] {
            let in_lanes = decide_in_lanes(&payments, &sales, threads, |_| Some(&rules));
            prop_assert!(decided == in_lanes, "{} threads decide otherwise", threads);
        }
        Ok(())
    });
}
