//! Why a payment and a sale are, or are not, one purchase: every filter with its two values.

use super::filter::{Filter, gap_us};
use super::rules::{Rule, Rules, Step};
use super::{Payment, Sale};
use crate::time::{SECOND_US, Zone};
use serde::Serialize;

/// One filter's answer for one payment and one sale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Where it stands: `keep` or `break_tie`.
    pub part: &'static str,
    /// The step as the agent file writes it.
    pub step: String,
    /// The filter asked.
    pub filter: &'static str,
    /// The payment's value.
    pub payment: String,
    /// The sale's value.
    pub sale: String,
    /// Whether it passes; `None` where the payment lacks what it asks for, so that it is skipped.
    pub passes: Option<bool>,
    /// By how much it missed, in words, where that can be said.
    pub missed_by: Option<String>,
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
        Answer {
            part,
            step: step.to_string(),
            filter: filter.as_str(),
            payment: payment_value,
            sale: sale_value,
            passes,
            missed_by: missed_by(filter, passes, payment, sale, rules),
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
            zone.local_day(payment.when.start).to_string(),
            zone.local_day(sale.when.start).to_string(),
        ),
        Filter::Time | Filter::ExactTime => {
            (payment.when.start.to_string(), sale.when.start.to_string())
        }
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

fn missed_by(
    filter: Filter,
    passes: Option<bool>,
    payment: &Payment,
    sale: &Sale,
    rules: &Rules,
) -> Option<String> {
    let tolerance_us = match filter {
        Filter::Time => rules.tolerance_us,
        Filter::ExactTime => 0,
        _ => return None,
    };
    if passes != Some(false) {
        return None;
    }
    let gap = gap_us(payment.when, sale.when, &rules.zone)?;
    let over = gap - tolerance_us;
    #[expect(
        clippy::cast_precision_loss,
        reason = "shown to a person, to a tenth of a second"
    )]
    let seconds = over as f64 / SECOND_US as f64;
    Some(format!("{seconds:.1} s"))
}
