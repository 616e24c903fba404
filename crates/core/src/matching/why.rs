//! Why a payment and a sale are, or are not, one purchase: every filter with its two values, what
//! rules a pair out before any filter is asked, and what the tie-breakers made of those that are left.

use super::filter::{Filter, gap_us};
use super::rules::{Kind, Rule, Rules, Step};
use super::{Payment, Sale};
use crate::money::{Major, Money};
use crate::time::{Instant, Zone};
use crate::words;
use serde::Serialize;
use std::fmt;

/// One filter's answer for one payment and one sale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Where it stands: `keep` or `break_tie`.
    pub part: &'static str,
    /// The step as the agent file writes it.
    pub step: String,
    /// The filter asked.
    pub filter: &'static str,
    /// The payment's value; times by the clock of the rules' zone.
    pub payment: String,
    /// The sale's value.
    pub sale: String,
    /// Whether it passes; `None` where the payment lacks what it asks for, so that it is skipped.
    pub passes: Option<bool>,
    /// By how much it missed, in words, where that can be said.
    pub missed_by: Option<String>,
    /// The same in microseconds.
    pub missed_by_us: Option<i64>,
}

/// A sale that may be a payment's other half, and what stands between the two whatever the rules say.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The sale.
    pub sale: &'a Sale,
    /// The payment it is matched to, if that is another.
    pub taken_by: Option<&'a str>,
    /// Whether a person undid this very match.
    pub barred: bool,
}

/// What rules a pair out before any filter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The amounts differ, or their currencies.
    Amount {
        /// What was paid.
        paid: Money,
        /// What was sold.
        sold: Money,
    },
    /// The sale was made at another MID.
    Mid,
    /// The two were imported further apart than the window.
    Window {
        /// How far apart, in microseconds.
        apart_us: i64,
        /// How far they may be.
        window_us: i64,
    },
    /// A person undid this very match.
    Undone,
    /// The sale is matched to another payment.
    Taken {
        /// That payment's own id.
        by: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount { paid, sold } => {
                write!(f, "the amounts differ: {paid} and {sold}")?;
                if paid.currency == sold.currency {
                    let apart = Major((paid.minor - sold.minor).saturating_abs());
                    write!(f, ", by {} {apart}", paid.currency)?;
                }
                Ok(())
            }
            Self::Mid => f.write_str("the sale was made at another MID"),
            Self::Window {
                apart_us,
                window_us,
            } => write!(
                f,
                "the two were imported further apart than the window: {}, and it is {}",
                words::duration(*apart_us),
                words::duration(*window_us)
            ),
            Self::Undone => f.write_str("a person undid this very match"),
            Self::Taken { by } => write!(f, "the sale is matched to payment {by}"),
        }
    }
}

/// Where a candidate ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Something rules it out.
    RuledOut,
    /// A filter of `keep` fails it.
    Fails,
    /// Others pass this tie-breaker, and it does not.
    LosesTie {
        /// The step as the agent file writes it.
        step: String,
    },
    /// Nothing speaks against it.
    Fits,
}

/// One candidate, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What rules it out.
    pub obstacles: Vec<Obstacle>,
    /// What every filter says of it; none where no rule is asked.
    pub answers: Vec<Answer>,
    /// Where it ends.
    pub ends: Ends,
}

impl Judged {
    /// Whether every filter of `keep` lets it pass and nothing rules it out.
    pub fn is_kept(&self) -> bool {
        matches!(self.ends, Ends::Fits | Ends::LosesTie { .. })
    }

    /// The answers of `keep` that fail it.
    pub fn failed(&self) -> impl Iterator<Item = &Answer> {
        self.answers
            .iter()
            .filter(|answer| answer.part == "keep" && answer.passes == Some(false))
    }
}

/// Judges candidates of one payment as deciding it against them would: what it would be given is the
/// one candidate that fits, if there is just one. The judgements are in the order of the candidates.
///
/// Without rules, or without one for the payment's provider, and where payments are accepted on
/// sight, no filter is asked and nothing fits.
pub fn judge(
    payment: &Payment,
    rules: Option<&Rules>,
    candidates: &[Candidate<'_>],
) -> Vec<Judged> {
    let rules = rules.filter(|rules| rules.kind == Kind::Loyalty);
    let rule = rules.and_then(|rules| Some((rules, rules.for_provider(&payment.provider)?)));
    let mut judged: Vec<Judged> = candidates
        .iter()
        .map(|candidate| alone(payment, rule, candidate))
        .collect();
    let Some((rules, rule)) = rule else {
        return judged;
    };
    let mut left: Vec<usize> = (0..judged.len())
        .filter(|at| judged[*at].ends == Ends::Fits)
        .collect();
    for step in &rule.break_tie {
        if left.len() < 2 {
            break;
        }
        let filters = step.for_payment(payment);
        let holds = |at: &usize| {
            filters
                .iter()
                .all(|filter| filter.passes(rules, payment, candidates[*at].sale))
        };
        let (winners, losers): (Vec<usize>, Vec<usize>) = left.iter().partition(|at| holds(at));
        // One that would leave none is passed over.
        if winners.is_empty() {
            continue;
        }
        for loser in losers {
            let step = step.to_string();
            judged[loser].ends = Ends::LosesTie { step };
        }
        left = winners;
    }
    judged
}

/// What is to be said of a candidate whatever the others are.
fn alone(payment: &Payment, rule: Option<(&Rules, &Rule)>, candidate: &Candidate<'_>) -> Judged {
    let Candidate {
        sale,
        taken_by,
        barred,
    } = *candidate;
    let mut obstacles = Vec::new();
    if sale.amount != payment.amount {
        let (paid, sold) = (payment.amount, sale.amount);
        obstacles.push(Obstacle::Amount { paid, sold });
    }
    if payment.mid_sets.iter().all(|set| set.id != sale.mid_set) {
        obstacles.push(Obstacle::Mid);
    }
    if barred {
        obstacles.push(Obstacle::Undone);
    }
    if let Some(by) = taken_by {
        let by = by.to_owned();
        obstacles.push(Obstacle::Taken { by });
    }
    let mut answers = Vec::new();
    if let Some((rules, rule)) = rule {
        let apart_us = (sale.imported_at.0 - payment.imported_at.0).abs();
        if apart_us > rules.window_us {
            let window_us = rules.window_us;
            obstacles.push(Obstacle::Window {
                apart_us,
                window_us,
            });
        }
        answers = self::answers(payment, sale, rule, rules);
    }
    let ends = if !obstacles.is_empty() || rule.is_none() {
        Ends::RuledOut
    } else if is_kept(&answers) {
        Ends::Fits
    } else {
        Ends::Fails
    };
    Judged {
        obstacles,
        answers,
        ends,
    }
}

/// Asks every filter of the rule about one payment and one sale.
pub fn answers(payment: &Payment, sale: &Sale, rule: &Rule, rules: &Rules) -> Vec<Answer> {
    let part = |name: &'static str, steps: &[Step]| -> Vec<Answer> {
        steps
            .iter()
            .flat_map(|step| step_answers(name, step, payment, sale, rules))
            .collect()
    };
    let mut all = part("keep", &rule.keep);
    all.extend(part("break_tie", &rule.break_tie));
    all
}

/// Whether every filter of `keep` passes or is skipped.
pub fn is_kept(answers: &[Answer]) -> bool {
    answers
        .iter()
        .all(|answer| answer.part != "keep" || answer.passes != Some(false))
}

fn step_answers(
    part: &'static str,
    step: &Step,
    payment: &Payment,
    sale: &Sale,
    rules: &Rules,
) -> Vec<Answer> {
    let filters = step.for_payment(payment);
    let answer = |filter: Filter, passes: Option<bool>| {
        let (payment_value, sale_value) = values(filter, payment, sale, &rules.zone);
        let missed_by_us = missed_by_us(filter, passes, payment, sale, rules);
        Answer {
            part,
            step: step.to_string(),
            filter: filter.as_str(),
            payment: payment_value,
            sale: sale_value,
            passes,
            missed_by: missed_by_us.map(words::duration),
            missed_by_us,
        }
    };
    if filters.is_empty() {
        let first = step.alternatives().flatten().next();
        return first
            .map(|filter| answer(*filter, None))
            .into_iter()
            .collect();
    }
    filters
        .iter()
        .map(|filter| answer(*filter, Some(filter.passes(rules, payment, sale))))
        .collect()
}

fn values(filter: Filter, payment: &Payment, sale: &Sale, zone: &Zone) -> (String, String) {
    fn shown(value: Option<impl ToString>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| value.to_string())
    }
    let both = |digits: crate::card::CardDigits| {
        format!("{}…{}", shown(digits.first_six), shown(digits.last_four))
    };
    match filter {
        Filter::Provider => (
            payment.provider.to_string(),
            sale.provider
                .as_ref()
                .map_or("any".into(), ToString::to_string),
        ),
        Filter::AuthCode => (
            shown(payment.auth_code.as_ref()),
            shown(sale.auth_code.as_ref()),
        ),
        Filter::Day => (
            words::day(payment.when.start, zone),
            words::day(sale.when.start, zone),
        ),
        Filter::Time | Filter::ExactTime => (
            words::moment(payment.when, zone),
            words::moment(sale.when, zone),
        ),
        Filter::Dpan => (both(payment.digits), both(sale.digits)),
        Filter::DpanLastFour => (
            shown(payment.digits.last_four),
            shown(sale.digits.last_four),
        ),
        Filter::Card => (both(payment.user_card), both(sale.digits)),
        Filter::LastFour => (
            shown(payment.user_card.last_four),
            shown(sale.digits.last_four),
        ),
    }
}

/// By how much a time missed what it may be off by, or a day the other day.
fn missed_by_us(
    filter: Filter,
    passes: Option<bool>,
    payment: &Payment,
    sale: &Sale,
    rules: &Rules,
) -> Option<i64> {
    if passes != Some(false) {
        return None;
    }
    match filter {
        Filter::Time => Some(gap_us(payment.when, sale.when, &rules.zone)? - rules.tolerance_us),
        Filter::ExactTime => Some((payment.when.start.0 - sale.when.start.0).abs()),
        Filter::Day => Some(days_apart_us(
            payment.when.start,
            sale.when.start,
            &rules.zone,
        )),
        _ => None,
    }
}

fn days_apart_us(one: Instant, other: Instant, zone: &Zone) -> i64 {
    let (one, other) = (zone.local_day(one), zone.local_day(other));
    (one.midnight().0 - other.midnight().0).abs()
}
