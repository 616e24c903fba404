//! What other rules would have made of the past.
//!
//! The stored payments of a scheme are decided once more, in the order they came, with every sale in:
//! by the rules in force, and by changed ones. Each is held against what became of the payments, and
//! the two against each other: a difference from history alone may come of the order in which things
//! arrived, one between the two sets of rules comes of the rules. Matches that people made are
//! the truth that both are measured by, and stand in neither comparison.

mod explain;

use super::{Decision, OpenReason, Payment, Rules, Sale, decide_in_lanes};
use crate::ids::{PaymentId, SaleId};
use crate::money::{Currency, Money};
use explain::{BothRules, explain};
use hashbrown::HashMap;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a payment stands: in history, or after rules were run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has its match; a spotted one has no sale.
    Matched(Option<SaleId>),
    /// It is open; without a reason where its turn has not come yet.
    Open(Option<OpenReason>),
}

impl From<&Decision> for Standing {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Matched { sale, .. } => Self::Matched(*sale),
            Decision::Open(reason) => Self::Open(Some(*reason)),
        }
    }
}

/// A stored payment and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PastPayment {
    /// What deciding sees of it.
    pub payment: Payment,
    /// Whether its card is known: a payment whose card is not is never decided.
    pub identified: bool,
    /// Where it stands.
    pub standing: Standing,
    /// Whether a person matched it.
    pub forced: bool,
}

impl AsRef<Payment> for PastPayment {
    fn as_ref(&self) -> &Payment {
        &self.payment
    }
}

/// A stored sale, and the payment it is matched to.
#[derive(Clone, Debug, PartialEq)]
pub struct PastSale {
    /// What deciding sees of it.
    pub sale: Sale,
    /// Who has it.
    pub held_by: Option<PaymentId>,
}

/// A stretch of the past, ready to be decided again.
#[derive(Debug, Default)]
pub struct History {
    payments: Vec<PastPayment>,
    sales: Vec<Sale>,
    unidentified: Tally,
}

impl History {
    /// Adds payments; all of them come before the first sale, by their ids.
    pub fn add_payments(&mut self, payments: Vec<PastPayment>) {
        for past in payments {
            if past.identified {
                self.payments.push(past);
            } else {
                self.unidentified.add(past.payment.amount);
            }
        }
    }

    /// Adds sales, by their ids. One that a payment has which is not decided again stays with it.
    pub fn add_sales(&mut self, sales: Vec<PastSale>) {
        let is_here = |payment: PaymentId| {
            let by_id = |past: &PastPayment| past.payment.id;
            self.payments.binary_search_by_key(&payment, by_id).is_ok()
        };
        let free = sales
            .into_iter()
            .filter(|past| past.held_by.is_none_or(is_here));
        self.sales.extend(free.map(|past| past.sale));
    }

    /// A sale of this stretch.
    pub fn sale(&self, id: SaleId) -> Option<&Sale> {
        let at = self.sales.binary_search_by_key(&id, |sale| sale.id).ok()?;
        Some(&self.sales[at])
    }
}

/// How many, and how much in each currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their amounts added up, in minor units.
    pub amount_minor: BTreeMap<Currency, i64>,
}

impl Tally {
    fn add(&mut self, amount: Money) {
        self.count += 1;
        let sum = self.amount_minor.entry(amount.currency).or_default();
        *sum = sum.saturating_add(amount.minor);
    }
}

/// How two ways of deciding the same payments differ. Payments that people matched are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Was open, would match.
    pub won: Tally,
    /// Was matched, would be open.
    pub lost: Tally,
    /// Would match another sale, or with a sale instead of on sight, or the other way round.
    pub changed: Tally,
    /// Would match as it did.
    pub same: Tally,
    /// Was open, would be.
    pub open: Tally,
    /// Was open because more than one sale fits.
    pub ambiguous_before: Tally,
    /// Would be.
    pub ambiguous_after: Tally,
}

impl Comparison {
    fn add(&mut self, amount: Money, before: Standing, after: Standing) {
        let ambiguous = Standing::Open(Some(OpenReason::Ambiguous));
        if before == ambiguous {
            self.ambiguous_before.add(amount);
        }
        if after == ambiguous {
            self.ambiguous_after.add(amount);
        }
        let tally = match (Change::of(before, after), after) {
            (Some(Change::Won), _) => &mut self.won,
            (Some(Change::Lost), _) => &mut self.lost,
            (Some(Change::Changed), _) => &mut self.changed,
            (None, Standing::Matched(_)) => &mut self.same,
            (None, Standing::Open(_)) => &mut self.open,
        };
        tally.add(amount);
    }

    /// Whether every payment stands as it stood, open ones for whatever reason.
    pub fn is_nothing(&self) -> bool {
        self.won.count + self.lost.count + self.changed.count == 0
    }
}

/// How a payment's standing would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Was open, would match.
    Won,
    /// Was matched, would be open.
    Lost,
    /// Would match another sale, or none instead of one, or one instead of none.
    Changed,
}

impl Change {
    /// The change from one standing to another, if there is one.
    pub fn of(before: Standing, after: Standing) -> Option<Self> {
        match (before, after) {
            (Standing::Open(_), Standing::Matched(_)) => Some(Self::Won),
            (Standing::Matched(_), Standing::Open(_)) => Some(Self::Lost),
            (Standing::Matched(one), Standing::Matched(other)) => {
                (one != other).then_some(Self::Changed)
            }
            (Standing::Open(_), Standing::Open(_)) => None,
        }
    }
}

/// How rules do by the matches that people made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    /// Pairs the rules would make as well.
    pub reproduced: u64,
    /// Pairs of which the rules would give one side to another.
    pub contradicted: u64,
    /// Pairs of which the rules would leave both sides alone.
    pub missed: u64,
    /// Of the pairs that the rules would make with a payment or a sale that a person matched, the
    /// share that is as the person has it; none where there is no such pair.
    pub precision: Option<f64>,
    /// Of the pairs that people made, the share that the rules would make; none where there is none.
    pub recall: Option<f64>,
}

/// One payment whose standing would change, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// How it would change.
    pub change: Change,
    /// The payment.
    pub payment: PaymentId,
    /// What was paid.
    pub amount: Money,
    /// Where it stands in history.
    pub before: Standing,
    /// Where the changed rules would put it.
    pub after: Standing,
    /// Where the rules in force would put it now. Where that is the same, the change does not come of
    /// the changed rules: it came before its sale, say, or while another was not in yet.
    pub in_force: Standing,
    /// What decides: the step that the old sale, or by the rules in force the new one, fails.
    pub because: Vec<String>,
    /// The payment that the old sale would go to, where that is why.
    pub rival: Option<PaymentId>,
    /// What decided the match that the changed rules would make, as [`super::Evidence::to_json`]
    /// has it.
    pub evidence: Option<String>,
}

/// A pair a person made that rules would not make, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// The payment.
    pub payment: PaymentId,
    /// The sale that a person gave it.
    pub sale: SaleId,
    /// Where the changed rules would put the payment.
    pub after: Standing,
    /// What is in the way.
    pub because: Vec<String>,
    /// The payment that the sale would go to, where that is why.
    pub rival: Option<PaymentId>,
}

/// What changed rules would have made of a stretch of the past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Payments decided again.
    pub payments: Tally,
    /// Payments whose card nobody knows: no rule is asked about them.
    pub unidentified: Tally,
    /// Sales they were decided against.
    pub sales: u64,
    /// The changed rules against what became of the payments.
    pub against_history: Comparison,
    /// The changed rules against those in force, both over the same past.
    pub against_in_force: Comparison,
    /// Matches that people made.
    pub forced: Tally,
    /// The rules in force by those.
    pub truth_in_force: Truth,
    /// The changed rules by those.
    pub truth_changed: Truth,
    /// Differences from history: of each kind the first, those that come of the changed rules before
    /// others.
    pub differences: Vec<Difference>,
    /// Pairs that people made and the changed rules would not: the first.
    pub misses: Vec<Miss>,
}

/// Decides a stretch of the past by the rules in force and by changed ones, on so many threads at
/// most, and compares. A scheme that is not matched has no rules. Of each kind of difference up to
/// `shown` are told one by one.
pub fn backtest(
    mut history: History,
    in_force: Option<&Rules>,
    changed: Option<&Rules>,
    threads: usize,
    shown: usize,
) -> Report {
    // In the order they came: one that waited for its MID has an older number than its time.
    history
        .payments
        .sort_by_key(|past| (past.payment.imported_at, past.payment.id));
    let run = |rules| decide_in_lanes(&history.payments, &history.sales, threads, |_| rules);
    let stand = |decided: &[(PaymentId, Decision)]| -> Vec<Standing> {
        decided.iter().map(|(_, one)| one.into()).collect()
    };
    let as_in_force = (in_force != changed).then(|| stand(&run(in_force)));
    let decided = run(changed);
    let after = stand(&decided);
    let before = as_in_force.as_deref().unwrap_or(&after);
    let mut report = compare(&history, before, &after, shown);
    let rules = BothRules { in_force, changed };
    explain(&mut report, &history, &decided, rules);
    report
}

fn compare(history: &History, in_force: &[Standing], after: &[Standing], shown: usize) -> Report {
    let mut report = Report {
        unidentified: history.unidentified.clone(),
        sales: history.sales.len() as u64,
        truth_in_force: truth(&history.payments, in_force),
        truth_changed: truth(&history.payments, after),
        ..Report::default()
    };
    let mut found: BTreeMap<(Change, bool), Vec<Difference>> = BTreeMap::new();
    for (past, (in_force, after)) in history.payments.iter().zip(in_force.iter().zip(after)) {
        let (amount, before) = (past.payment.amount, past.standing);
        report.payments.add(amount);
        if past.forced {
            report.forced.add(amount);
            report
                .misses
                .extend(miss(past, *after, report.misses.len() < shown));
            continue;
        }
        report.against_in_force.add(amount, *in_force, *after);
        report.against_history.add(amount, before, *after);
        if let Some(change) = Change::of(before, *after) {
            let in_force_too = in_force == after;
            let alike = found.entry((change, in_force_too)).or_default();
            if alike.len() < shown {
                alike.push(Difference {
                    change,
                    payment: past.payment.id,
                    amount,
                    before,
                    after: *after,
                    in_force: *in_force,
                    because: Vec::new(),
                    rival: None,
                    evidence: None,
                });
            }
        }
    }
    for change in [Change::Won, Change::Lost, Change::Changed] {
        let mut take = |in_force_too| found.remove(&(change, in_force_too)).unwrap_or_default();
        let of_kind = take(false).into_iter().chain(take(true));
        report.differences.extend(of_kind.take(shown));
    }
    report
}

fn miss(past: &PastPayment, after: Standing, wanted: bool) -> Option<Miss> {
    let Standing::Matched(Some(sale)) = past.standing else {
        return None;
    };
    (wanted && after != past.standing).then(|| Miss {
        payment: past.payment.id,
        sale,
        after,
        because: Vec::new(),
        rival: None,
    })
}

/// Holds what rules would do against the matches that people made.
fn truth(payments: &[PastPayment], after: &[Standing]) -> Truth {
    let mut owner: HashMap<SaleId, PaymentId> = HashMap::new();
    for past in payments.iter().filter(|past| past.forced) {
        if let Standing::Matched(Some(sale)) = past.standing {
            owner.insert(sale, past.payment.id);
        }
    }
    let mut truth = Truth::default();
    // Sales that people gave to one payment and the rules would give to another.
    let mut taken: HashMap<SaleId, PaymentId> = HashMap::new();
    let (mut right, mut wrong) = (0, 0);
    for (past, after) in payments.iter().zip(after) {
        let Standing::Matched(Some(sale)) = after else {
            continue;
        };
        let rightful = owner.get(sale);
        if past.forced && past.standing == *after {
            right += 1;
        } else if past.forced || rightful.is_some() {
            wrong += 1;
            taken.insert(*sale, past.payment.id);
        }
    }
    for (past, after) in payments.iter().zip(after).filter(|(past, _)| past.forced) {
        let Standing::Matched(Some(sale)) = past.standing else {
            continue;
        };
        if past.standing == *after {
            truth.reproduced += 1;
        } else if matches!(after, Standing::Matched(_)) || taken.contains_key(&sale) {
            truth.contradicted += 1;
        } else {
            truth.missed += 1;
        }
    }
    truth.precision = share(right, right + wrong);
    truth.recall = share(truth.reproduced, owner.len() as u64);
    truth
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown to a person")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn sale_of(standing: Standing) -> Option<SaleId> {
    match standing {
        Standing::Matched(sale) => sale,
        Standing::Open(_) => None,
    }
}
