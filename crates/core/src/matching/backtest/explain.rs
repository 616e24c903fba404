//! Why a payment would stand elsewhere: the step in which two sets of rules part ways, or who has
//! the sale.

use super::{Difference, History, Report, Standing, sale_of};
use crate::ids::{PaymentId, SaleId};
use crate::matching::rules::{Kind, Rule};
use crate::matching::why::{self, Answer};
use crate::matching::{Decision, OpenReason, Payment, Rules, Sale};
use hashbrown::HashMap;
use std::fmt::Write as _;

/// The rules in force and the changed ones.
#[derive(Clone, Copy)]
pub(super) struct BothRules<'a> {
    pub in_force: Option<&'a Rules>,
    pub changed: Option<&'a Rules>,
}

/// Fills in why each difference, and each miss, that is told one by one came about.
pub(super) fn explain(
    report: &mut Report,
    history: &History,
    decided: &[(PaymentId, Decision)],
    rules: BothRules<'_>,
) {
    let mut wanted: HashMap<PaymentId, usize> = HashMap::new();
    wanted.extend(report.differences.iter().map(|one| (one.payment, 0)));
    wanted.extend(report.misses.iter().map(|one| (one.payment, 0)));
    let mut owners: HashMap<SaleId, Option<usize>> = HashMap::new();
    let before = report.differences.iter().map(|one| one.before);
    owners.extend(before.filter_map(sale_of).map(|sale| (sale, None)));
    owners.extend(report.misses.iter().map(|miss| (miss.sale, None)));
    for (turn, (payment, decision)) in decided.iter().enumerate() {
        if let Some(place) = wanted.get_mut(payment) {
            *place = turn;
        }
        if let Some(owner) = sale_of(decision.into()).and_then(|sale| owners.get_mut(&sale)) {
            *owner = Some(turn);
        }
    }
    // Who has a sale by a payment's turn.
    let owner = |sale: SaleId, turn: usize| {
        let owner = owners.get(&sale).copied().flatten();
        owner
            .filter(|owner| *owner < turn)
            .map(|owner| decided[owner].0)
    };
    let turn = |payment: PaymentId| wanted.get(&payment).copied().unwrap_or_default();
    let taken = |payment: PaymentId, sale: SaleId, after: Standing| {
        let turn = turn(payment);
        Taken {
            payment: &history.payments[turn].payment,
            sale: history.sale(sale),
            other: sale_of(after).and_then(|id| history.sale(id)),
            rival: owner(sale, turn),
            after,
        }
    };
    for one in &mut report.differences {
        if let Some(sale) = sale_of(one.before) {
            let (why, rival) = taken(one.payment, sale, one.after).why(rules.changed);
            one.because.push(why);
            one.rival = rival;
        }
        let turn = turn(one.payment);
        if let Some(sale) = sale_of(one.after).and_then(|sale| history.sale(sale)) {
            let payment = &history.payments[turn].payment;
            one.because
                .extend(until_now(payment, sale, rules.in_force, one));
        }
        if one.after == Standing::Matched(None) && one.because.is_empty() {
            one.because
                .push("the changed rules accept payments on sight, without a sale".to_owned());
        }
        if let Decision::Matched { evidence, .. } = &decided[turn].1 {
            one.evidence = Some(evidence.to_json());
        }
    }
    for one in &mut report.misses {
        let (why, rival) = taken(one.payment, one.sale, one.after).why(rules.changed);
        one.because.push(why);
        one.rival = rival;
    }
}

/// Why the rules in force would not give a payment the sale that changed ones would; nothing where
/// they would.
fn until_now(
    payment: &Payment,
    sale: &Sale,
    rules: Option<&Rules>,
    one: &Difference,
) -> Option<String> {
    if one.in_force == one.after {
        return None;
    }
    if let Some(obstacle) = obstacle(payment, sale, rules) {
        return Some(format!(
            "the rules in force keep the new sale away: {obstacle}"
        ));
    }
    let instead = match one.in_force {
        Standing::Matched(_) => "choose another",
        Standing::Open(Some(OpenReason::Ambiguous)) => "another, and nothing tells them apart",
        Standing::Open(_) => "have given it to a payment that came earlier",
    };
    Some(format!(
        "the rules in force let the new sale pass as well, and {instead}"
    ))
}

/// A sale that a payment has and that changed rules would not give it.
struct Taken<'a> {
    payment: &'a Payment,
    sale: Option<&'a Sale>,
    /// The sale it would have instead.
    other: Option<&'a Sale>,
    /// Who would have taken the sale by the payment's turn.
    rival: Option<PaymentId>,
    after: Standing,
}

impl Taken<'_> {
    /// Why, and the payment that has the sale if that is why.
    fn why(&self, rules: Option<&Rules>) -> (String, Option<PaymentId>) {
        let Some(sale) = self.sale else {
            let words = "the old sale was imported further away than any window reaches";
            return (words.to_owned(), None);
        };
        if let Some(obstacle) = obstacle(self.payment, sale, rules) {
            let words = format!("the changed rules keep the old sale away: {obstacle}");
            return (words, None);
        }
        if self.rival.is_some() {
            let words = "the changed rules give the old sale to a payment that came earlier";
            return (words.to_owned(), self.rival);
        }
        let step = self
            .other
            .and_then(|other| preferred(self.payment, sale, other, rules?));
        let words = match (step, self.after) {
            (Some(step), _) => format!("the old sale still fits, and {step} prefers the new one"),
            (None, Standing::Open(_)) => {
                "the old sale still fits, and so does another: nothing tells them apart".to_owned()
            }
            (None, Standing::Matched(_)) => {
                "the old sale still fits, and another tie-breaker chose".to_owned()
            }
        };
        (words, None)
    }
}

/// What keeps a payment and a sale apart, before any other is looked at; none if nothing does.
fn obstacle(payment: &Payment, sale: &Sale, rules: Option<&Rules>) -> Option<String> {
    let Some(rules) = rules else {
        return Some(OpenReason::NotMatched.explanation().to_owned());
    };
    if rules.kind == Kind::Spotted {
        return Some("payments are accepted on sight, without a sale".to_owned());
    }
    let Some(rule) = rules.for_provider(&payment.provider) else {
        return Some(format!("there is no rule for {}", payment.provider));
    };
    if payment.amount != sale.amount {
        let (paid, sold) = (payment.amount, sale.amount);
        return Some(format!("the amounts differ, {paid} and {sold}"));
    }
    if payment.mid_sets.iter().all(|set| set.id != sale.mid_set) {
        return Some("the sale was made at another MID".to_owned());
    }
    if (payment.imported_at.0 - sale.imported_at.0).abs() > rules.window_us {
        return Some("the two were imported further apart than the window".to_owned());
    }
    let answers = why::answers(payment, sale, rule, rules);
    let mut failed = answers
        .iter()
        .filter(|answer| answer.part == "keep" && answer.passes == Some(false));
    failed.next().map(shown)
}

fn shown(answer: &Answer) -> String {
    let mut text = format!(
        "keep {:?}: {} differs, {} and {}",
        answer.step, answer.filter, answer.payment, answer.sale
    );
    if let Some(by) = &answer.missed_by {
        // Writing to a string cannot fail.
        let _ = write!(text, ", too far by {by}");
    }
    text
}

/// The first tie-breaker that lets one sale pass and not the other.
fn preferred(payment: &Payment, sale: &Sale, other: &Sale, rules: &Rules) -> Option<String> {
    let rule: &Rule = rules.for_provider(&payment.provider)?;
    let fails = |sale: &Sale, step: &str| {
        let answers = why::answers(payment, sale, rule, rules);
        let mut of_step = answers
            .iter()
            .filter(|answer| answer.part == "break_tie" && answer.step == step);
        of_step.any(|answer| answer.passes == Some(false))
    };
    let mut steps = rule.break_tie.iter().map(ToString::to_string);
    let step = steps.find(|step| fails(sale, step) && !fails(other, step))?;
    Some(format!("break_tie {step:?}"))
}
