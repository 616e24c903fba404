//! Several for one: after all that is one to one is decided, what is left of a scheme is looked at for
//! sales that were paid in parts, and payments that paid several sales.

use crate::Journey;
use crate::export::delivery_jobs;
use crate::ports::{AmountProbe, StoreError, Undecided, UndecidedPayment};
use harmonia_core::changes::{Changes, NewJob, NewMatch, NewWork, Part, Queue, Span};
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::matching::decide::evidence;
use harmonia_core::matching::rules::Several;
use harmonia_core::matching::several::{Group, OpenPayment, groups, reach};
use harmonia_core::matching::{MatchKind, Reach, Rules, Sale};
use harmonia_core::purchase::{Role, role};
use hashbrown::HashMap;

/// The queues whose work has to be done before.
pub const BEFORE: &[Queue] = &[Queue::Matching, Queue::Identify];

/// The job that looks at a scheme, if its rules ask for that.
pub fn job(journey: &Journey, scheme: SchemeId, changes: &Changes) -> Option<NewJob> {
    let rules = journey.agents.rules(scheme)?;
    rules.allow_several().then_some(NewJob {
        queue: Queue::MatchingSlow,
        lane: None,
        ready_at: changes.at,
        work: NewWork::Several(scheme),
    })
}

/// Matches what is open in a scheme and adds up. At most `journey.batch` payments are looked at, the
/// newest.
///
/// # Errors
/// [`StoreError`] when something cannot be loaded.
pub async fn prepare(journey: &Journey, scheme: SchemeId) -> Result<Changes, StoreError> {
    let mut changes = Changes::done(journey.now());
    let Some(rules) = journey.agents.rules(scheme) else {
        return Ok(changes);
    };
    let open = journey
        .store
        .newest_without_sale(scheme, journey.batch)
        .await?;
    let span = Span::Ids(open.iter().map(|payment| payment.0).collect());
    let Undecided { payments, .. } = journey.store.undecided(&span).await?;
    let payments: Vec<UndecidedPayment> = payments.into_iter().filter(counts).collect();
    let probes = probes(&payments, rules);
    let sales = journey.store.sales_between(&probes).await?;
    let found = groups(&as_open(&payments), &sales, rules);
    let payments: HashMap<PaymentId, UndecidedPayment> = payments
        .into_iter()
        .map(|found| (found.payment.id, found))
        .collect();
    let sales: HashMap<SaleId, Sale> = sales.into_iter().map(|sale| (sale.id, sale)).collect();
    for group in &found {
        changes
            .matches
            .extend(matches(journey, group, &payments, &sales, rules));
    }
    let told = delivery_jobs(journey, &changes);
    changes.jobs.extend(told);
    Ok(changes)
}

/// Whether a payment is identified, and the one of its purchase that counts.
fn counts(found: &UndecidedPayment) -> bool {
    let role = role(found.payment.id, found.feed_type, &found.parts, false);
    found.identity.is_some() && matches!(role, Role::Counts { .. })
}

fn as_open(payments: &[UndecidedPayment]) -> Vec<OpenPayment> {
    let open = |found: &UndecidedPayment| OpenPayment {
        card: found.card_token.clone(),
        barred: found.barred.clone(),
        payment: found.clone().as_decided(),
    };
    payments.iter().map(open).collect()
}

/// What to ask of the store: sales that are more than each payment, where several of one card may
/// have paid one; and sales that are less, where one may have paid several.
fn probes(payments: &[UndecidedPayment], rules: &Rules) -> Vec<AmountProbe> {
    let mut of_one_card: HashMap<_, u32> = HashMap::new();
    for found in payments {
        *of_one_card.entry(&found.card_token).or_default() += 1;
    }
    let mut probes = Vec::new();
    for found in payments {
        let Some(rule) = rules.for_provider(&found.payment.provider) else {
            continue;
        };
        let amount = found.payment.amount.minor;
        let (more, less) = if amount > 0 {
            ((amount + 1, i64::MAX), (1, amount - 1))
        } else {
            ((i64::MIN, amount - 1), (amount + 1, -1))
        };
        if let Some(split) = rule.split.filter(|_| of_one_card[&found.card_token] > 1) {
            probes.extend(around(found, split, rules, more));
        }
        if let Some(combine) = rule.combine {
            probes.extend(around(found, combine, rules, less));
        }
    }
    probes
}

fn around<'a>(
    found: &'a UndecidedPayment,
    several: Several,
    rules: &Rules,
    minor: (i64, i64),
) -> impl Iterator<Item = AmountProbe> + use<'a> {
    let (from, to) = reach(&found.payment, several, rules);
    let reach = Reach { from, to };
    let sets = found.payment.mid_sets.iter();
    sets.map(move |set| AmountProbe {
        mid_set: set.id,
        currency: found.payment.amount.currency,
        minor,
        reach: if set.has_days {
            reach.for_days()
        } else {
            reach
        },
    })
}

/// The matches of a group: one for each part.
fn matches(
    journey: &Journey,
    group: &Group,
    payments: &HashMap<PaymentId, UndecidedPayment>,
    sales: &HashMap<SaleId, Sale>,
    rules: &Rules,
) -> Vec<NewMatch> {
    let mut matches = Vec::new();
    for (of_sale, payment) in (0..).zip(&group.payments) {
        for (of_payment, sale) in (0..).zip(&group.sales) {
            let (Some(found), Some(sale)) = (payments.get(payment), sales.get(sale)) else {
                continue;
            };
            matches.push(NewMatch {
                payment: *payment,
                sale: Some(sale.id),
                scheme: found.payment.scheme,
                kind: MatchKind::Loyalty,
                evidence: evidence(Default::default(), &found.payment, sale, rules),
                export_uid: journey.uids.next(),
                was_open: true,
                part: Part {
                    of_sale,
                    of_payment,
                },
                redress: None,
            });
        }
    }
    matches
}
