//! AUTH and SETTLED of one purchase: only one of them goes on to be identified and matched.

use crate::Journey;
use crate::ports::{StoreError, UndecidedPayment};
use harmonia_core::changes::{Changes, NewEnd, NewIdentity};
use harmonia_core::ids::PaymentId;
use harmonia_core::purchase::{EndKind, Part, Role, Stage, inherit, role};
use hashbrown::{HashMap, HashSet};

/// The payments of a batch that count, each with what its authorisation knew. Those that do not, and
/// the authorisations that a settlement takes over from, end in `changes`.
///
/// # Errors
/// [`StoreError`] when what is known of an authorisation cannot be loaded.
pub async fn that_count(
    journey: &Journey,
    payments: Vec<UndecidedPayment>,
    changes: &mut Changes,
) -> Result<Vec<UndecidedPayment>, StoreError> {
    if payments.iter().all(|found| found.parts.len() < 2) {
        return Ok(payments);
    }
    let here: HashSet<PaymentId> = payments.iter().map(|found| found.payment.id).collect();
    let mut heirs: Vec<(PaymentId, PaymentId)> = Vec::new();
    let mut counting = Vec::with_capacity(payments.len());
    for mut found in payments {
        let id = found.payment.id;
        let scheme = found.payment.scheme;
        let streamed = journey.agents.streams(scheme, found.feed_type);
        match role(id, found.feed_type, &found.parts, streamed) {
            Role::Ends {
                kind,
                other,
                difference_minor,
            } => {
                let mut end = end(id, &found, kind, other);
                end.difference_minor = difference_minor;
                let is_matched =
                    part(&found.parts, other).is_some_and(|part| part.stage == Stage::Matched);
                if is_matched && wants_correction(journey, &end) {
                    end.export_uid = Some(journey.uids.next());
                    heirs.push((id, other));
                }
                changes.ends.push(end);
            }
            Role::Counts { after, supersedes } => {
                let auth = after.and_then(|auth| part(&found.parts, auth).cloned());
                if let Some(auth) = auth {
                    inherit(&mut found.payment, &auth);
                    // One that is in this batch ends at its own turn.
                    if supersedes && !here.contains(&auth.id) {
                        let mut superseded = end(auth.id, &found, EndKind::Superseded, id);
                        superseded.scheme = auth.scheme;
                        superseded.was_open = true;
                        changes.ends.push(superseded);
                    }
                    if auth.scheme == scheme && found.identity.is_none() {
                        heirs.push((id, auth.id));
                    }
                }
                counting.push(found);
            }
        }
    }
    keep_identities(journey, &heirs, &mut counting, changes).await?;
    Ok(counting)
}

fn end(payment: PaymentId, found: &UndecidedPayment, kind: EndKind, other: PaymentId) -> NewEnd {
    NewEnd {
        payment,
        scheme: found.payment.scheme,
        kind,
        other: Some(other),
        difference_minor: None,
        export_uid: None,
        export_as: None,
        was_open: found.open.is_some(),
    }
}

fn part(parts: &[Part], id: PaymentId) -> Option<&Part> {
    parts.iter().find(|part| part.id == id)
}

/// Whether the merchant wants to hear that a settlement differs from what it was told.
fn wants_correction(journey: &Journey, end: &NewEnd) -> bool {
    let differs = end
        .difference_minor
        .is_some_and(|difference| difference != 0);
    let plan = journey.agents.plan(end.scheme);
    differs && plan.is_some_and(|plan| plan.corrections)
}

/// Whose card an authorisation was is whose card its settlement is: it is not asked again.
async fn keep_identities(
    journey: &Journey,
    heirs: &[(PaymentId, PaymentId)],
    counting: &mut [UndecidedPayment],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if heirs.is_empty() {
        return Ok(());
    }
    let auths: Vec<PaymentId> = heirs.iter().map(|(_, auth)| *auth).collect();
    let links = journey.store.identities(&auths).await?;
    let mut kept = HashMap::new();
    for ((payment, _), link) in heirs.iter().zip(links) {
        if let Some(link) = link {
            let payment = *payment;
            kept.insert(payment, link.clone());
            changes.identities.push(NewIdentity { payment, link });
        }
    }
    for found in counting {
        if let Some(link) = kept.remove(&found.payment.id) {
            found.payment.user_card = link.digits;
            found.identity = Some(link);
        }
    }
    Ok(())
}
