//! Redress: matches that a person makes or undoes, by name and with a reason.
//!
//! A person may do what no rule would, but not what the database forbids: both sides have to be
//! free, the payment has to be somebody's, and a merchant that was told is not un-told. Above a
//! configured amount, one person asks and another confirms by asking for the same.

use crate::Journey;
use crate::export::delivery_jobs;
use crate::identify::identify;
use crate::ports::{
    CommitError, ExportRow, IdentityError, Lease, MatchRow, ProposalRow, Side, StoreError, Story,
    TransactionRow, Undecided, UndecidedPayment,
};
use crate::purchase;
use harmonia_core::changes::{
    AuditEntry, Changes, Lane, NewEnd, NewJob, NewMatch, NewWork, Part, Proposal, ProposalChange,
    Queue, Redress, RedressAction, Span, StillOpen, Void, Work,
};
use harmonia_core::ids::{MatchId, PaymentId, SaleId, SchemeId};
use harmonia_core::matching::decide::evidence;
use harmonia_core::matching::{Evidence, MatchKind, OpenReason, Sale};
use harmonia_core::purchase::{EndKind, Role};
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use serde_json::json;

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Redressed {
    /// It is done.
    Done,
    /// It waits for a second person.
    Proposed,
}

/// Why it was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RedressError {
    /// No such row.
    #[error("there is no {what} {id}: see `harmonia lifecycle` for the ids of a transaction")]
    Unknown {
        /// Payment, sale or match.
        what: &'static str,
        /// The row asked for.
        id: i64,
    },
    /// It is not free to be matched.
    #[error("the {side} {transaction_id} (row {id}) is not pending, it is {status}: {hint}")]
    NotPending {
        /// Payment or sale.
        side: &'static str,
        /// Its row.
        id: i64,
        /// Its own id.
        transaction_id: String,
        /// Where it stands.
        status: String,
        /// What to do.
        hint: String,
    },
    /// They are two merchants'.
    #[error(
        "the payment was made at {payment}, the sale is of {sale}: a match is within one scheme"
    )]
    OtherScheme {
        /// The payment's scheme.
        payment: String,
        /// The sale's scheme.
        sale: String,
    },
    /// Nobody to reward.
    #[error("whose payment it is cannot be found out ({reason}): {hint}")]
    Unidentified {
        /// Why.
        reason: OpenReason,
        /// In words.
        hint: &'static str,
    },
    /// The merchant was told.
    #[error("match {id} cannot be undone: its export is {state}, {hint}")]
    Told {
        /// The match.
        id: i64,
        /// Where its export stands.
        state: String,
        /// Why that forbids it.
        hint: &'static str,
    },
    /// It is undone already.
    #[error("match {id} was undone before, by {by}")]
    Undone {
        /// The match.
        id: i64,
        /// Who undid it.
        by: String,
    },
    /// One person asked twice.
    #[error(
        "{operator} has asked for this already: above {limit} a second person has to confirm it, \
         by asking for the same"
    )]
    SamePerson {
        /// Who.
        operator: String,
        /// Above which amount, in words.
        limit: String,
    },
    /// Somebody else was faster, or is at it.
    #[error("one of the two was matched, or its merchant is being told, at this moment: try again")]
    Meanwhile,
    /// The identity source does not answer.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for RedressError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            CommitError::Conflict | CommitError::StaleLease => Self::Meanwhile,
        }
    }
}

/// Makes a match between one payment and one sale that are both pending. The payment is identified
/// first if it was not.
///
/// # Errors
/// [`RedressError`] names what stands in the way; nothing has changed then.
pub async fn force(
    journey: &Journey,
    payment: PaymentId,
    sale: SaleId,
    by: &Redress,
) -> Result<Redressed, RedressError> {
    let told_payment = pending(journey, Side::Payment, payment.0).await?;
    let told_sale = pending(journey, Side::Sale, sale.0).await?;
    if told_payment.scheme_slug != told_sale.scheme_slug {
        return Err(RedressError::OtherScheme {
            payment: told_payment.scheme_slug,
            sale: told_sale.scheme_slug,
        });
    }
    let mut changes = Changes::none(journey.now());
    let found = ready(journey, payment, &told_payment, &mut changes).await?;
    let proposal = Proposal {
        action: RedressAction::Force,
        payment,
        sale: Some(sale),
    };
    let detail = json!({
        "payment_transaction_id": payment, "payment": told_payment.transaction_id,
        "scheme_transaction_id": sale, "sale": told_sale.transaction_id,
        "spend_amount": told_sale.spend_amount, "spend_currency": told_sale.spend_currency,
        "reason": by.reason,
    });
    let larger = told_payment
        .spend_amount
        .abs()
        .max(told_sale.spend_amount.abs());
    let asked = Asked {
        proposal,
        detail,
        larger,
    };
    let Some(mut changes) = asked.confirmed(journey, by, changes).await? else {
        return Ok(Redressed::Proposed);
    };
    let story = journey.store.sale_to_explain(sale).await?;
    let story = story.ok_or(RedressError::Meanwhile)?;
    changes.matches.push(NewMatch {
        payment,
        sale: Some(sale),
        scheme: found.payment.scheme,
        kind: MatchKind::Forced,
        evidence: what_they_share(journey, &found, &story.sale),
        export_uid: journey.uids.next(),
        was_open: true,
        part: Part::default(),
        redress: Some(by.clone()),
    });
    let told = delivery_jobs(journey, &changes);
    changes.jobs.extend(told);
    journey.commit(Lease::Operator, changes).await?;
    Ok(Redressed::Done)
}

/// A transaction, if it is pending.
async fn pending(journey: &Journey, side: Side, id: i64) -> Result<TransactionRow, RedressError> {
    let what = match side {
        Side::Payment => "payment",
        Side::Sale => "sale",
    };
    let story = journey.store.story(side, id).await?;
    let Story {
        transaction,
        matches,
        end,
        ..
    } = story.ok_or(RedressError::Unknown { what, id })?;
    if transaction.status == "PENDING" {
        return Ok(transaction);
    }
    let in_force = matches.iter().find(|one| one.voided_at.is_none());
    let hint = match (in_force, end.and_then(|end| end.other)) {
        (Some(one), _) => format!(
            "it is in match {} with {}; undo that first",
            one.id,
            match side {
                Side::Payment => one.sale.clone().unwrap_or_else(|| "no sale".to_owned()),
                Side::Sale => one.payment.clone(),
            }
        ),
        (None, Some(other)) => format!("its purchase counts by {other}"),
        (None, None) => "it has left the pending list".to_owned(),
    };
    Err(RedressError::NotPending {
        side: what,
        id,
        transaction_id: transaction.transaction_id,
        status: transaction.status,
        hint,
    })
}

/// The payment as it would be matched: identified, and the one of its purchase that counts. What
/// that adds is in `changes`.
async fn ready(
    journey: &Journey,
    payment: PaymentId,
    told: &TransactionRow,
    changes: &mut Changes,
) -> Result<UndecidedPayment, RedressError> {
    let span = Span::Ids(vec![payment.0]);
    let Undecided { payments, seen } = journey.store.undecided(&span).await?;
    let role = payments.first().map_or(Role::ALONE, |found| {
        harmonia_core::purchase::role(payment, found.feed_type, &found.parts, false)
    });
    if let Role::Ends { kind, other, .. } = role {
        return Err(RedressError::NotPending {
            side: "payment",
            id: payment.0,
            transaction_id: told.transaction_id.clone(),
            status: kind.as_str().to_owned(),
            hint: format!("its purchase counts by payment {other}"),
        });
    }
    let counting = purchase::that_count(journey, payments, changes).await?;
    let mut identified = identify(journey, counting, seen).await?;
    if let Some(open) = identified.open.first() {
        return Err(RedressError::Unidentified {
            reason: open.reason,
            hint: open.reason.explanation(),
        });
    }
    changes.identities.append(&mut identified.identities);
    identified.ready.pop().ok_or(RedressError::Meanwhile)
}

fn what_they_share(journey: &Journey, found: &UndecidedPayment, sale: &Sale) -> Evidence {
    let rules = journey.agents.rules(found.payment.scheme);
    rules.map_or_else(Evidence::default, |rules| {
        evidence(Default::default(), &found.payment, sale, rules)
    })
}

/// Undoes a match whose merchant was not told yet: both its sides are free again, and no rule will
/// make this pair again. What was recorded as its settlement counts instead.
///
/// # Errors
/// [`RedressError`] names what stands in the way; nothing has changed then.
pub async fn undo(journey: &Journey, id: MatchId, by: &Redress) -> Result<Redressed, RedressError> {
    let row = match_row(journey, id).await?;
    if let Some(by) = row.voided_by {
        return Err(RedressError::Undone { id: id.0, by });
    }
    let payment = PaymentId(row.payment_transaction_id);
    let sale = row.scheme_transaction_id.map(SaleId);
    let whole = whole_match(journey, &row).await?;
    for (part, exports) in &whole {
        refuse_told(journey, id, part, exports).await?;
    }
    let proposal = Proposal {
        action: RedressAction::Undo,
        payment,
        sale,
    };
    let detail = json!({
        "match": id, "payment_transaction_id": payment, "payment": row.payment,
        "scheme_transaction_id": sale, "sale": row.sale,
        "spend_amount": row.spend_amount, "spend_currency": row.spend_currency,
        "reason": by.reason,
    });
    let asked = Asked {
        proposal,
        detail,
        larger: row.spend_amount.abs(),
    };
    let changes = Changes::none(journey.now());
    let Some(mut changes) = asked.confirmed(journey, by, changes).await? else {
        return Ok(Redressed::Proposed);
    };
    for (part, _) in &whole {
        free(journey, part, by, &mut changes).await?;
    }
    journey.commit(Lease::Operator, changes).await?;
    Ok(Redressed::Done)
}

async fn match_row(journey: &Journey, id: MatchId) -> Result<MatchRow, RedressError> {
    let found = journey.store.matches(None, id.0 - 1, 1).await?;
    let found = found.into_iter().find(|row| row.id == id.0);
    found.ok_or(RedressError::Unknown {
        what: "match",
        id: id.0,
    })
}

/// All parts of a match: a sale that several payments paid is undone as one, and so is a payment for
/// several sales. With each, its exports.
async fn whole_match(
    journey: &Journey,
    row: &MatchRow,
) -> Result<Vec<(MatchRow, Vec<ExportRow>)>, RedressError> {
    let mut parts: Vec<(MatchRow, Vec<ExportRow>)> = Vec::new();
    let mut stories = vec![
        journey
            .store
            .story(Side::Payment, row.payment_transaction_id)
            .await?,
    ];
    if let Some(sale) = row.scheme_transaction_id {
        stories.push(journey.store.story(Side::Sale, sale).await?);
    }
    for story in stories.into_iter().flatten() {
        for part in story.matches {
            let is_known = parts.iter().any(|(known, _)| known.id == part.id);
            if part.voided_at.is_none() && !is_known {
                let exports = story
                    .exports
                    .iter()
                    .filter(|export| export.matched_transaction_id == Some(part.id));
                let exports = exports.cloned().collect();
                parts.push((part, exports));
            }
        }
    }
    Ok(parts)
}

/// Refuses where the merchant of a part knows of it, or may. What a person gave up is theirs to judge; what
/// was ever sent may have arrived, wherever it stands since then.
async fn refuse_told(
    journey: &Journey,
    id: MatchId,
    part: &MatchRow,
    exports: &[ExportRow],
) -> Result<(), RedressError> {
    if exports.is_empty() {
        return Ok(());
    }
    let ids = Span::Ids(exports.iter().map(|export| export.id).collect());
    let scheme = scheme_of(journey, part)?;
    let sent = journey.store.sent_before(scheme, &ids).await?;
    let was_sent = |id: i64| {
        let mut sent = sent.iter().filter(|one| one.first_sent_at.is_some());
        sent.any(|one| one.export.0 == id)
    };
    for export in exports {
        let hint = match ExportState::from_name(&export.status) {
            Some(ExportState::Cancelled) => continue,
            Some(state) if state.is_surely_untold() && !was_sent(export.id) => continue,
            Some(state) if state.is_surely_untold() => {
                "and a request of it was sent: if the merchant surely does not have it, cancel the \
                 export first (harmonia exports cancel)"
            }
            Some(ExportState::Delivered) => "the merchant has rewarded the member",
            _ => "the merchant may have been told",
        };
        return Err(RedressError::Told {
            id: id.0,
            state: export.status.clone(),
            hint,
        });
    }
    Ok(())
}

/// Voids one part of a match, opens its payment (or the settlement of it) for what may come, and has
/// the payments that its sale may belong to looked at again.
async fn free(
    journey: &Journey,
    part: &MatchRow,
    by: &Redress,
    changes: &mut Changes,
) -> Result<(), RedressError> {
    let void = |id: MatchId| Void {
        id,
        redress: by.clone(),
    };
    let payment = PaymentId(part.payment_transaction_id);
    changes.voids.push(void(MatchId(part.id)));
    let scheme = scheme_of(journey, part)?;
    let settlements = journey.store.settlements(payment).await?;
    let mut counts = payment;
    for (row, settlement) in settlements {
        changes.voids.push(void(row));
        if counts == payment {
            counts = settlement;
            changes.ends.push(NewEnd {
                payment,
                scheme,
                kind: EndKind::Superseded,
                other: Some(settlement),
                difference_minor: None,
                export_uid: None,
                export_as: None,
                was_open: true,
            });
        }
    }
    if changes.open.iter().all(|open| open.payment != counts) {
        changes.open.push(StillOpen {
            payment: counts,
            reason: OpenReason::Undone,
            sale: None,
            seen: i64::MAX,
        });
    }
    if let Some(sale) = part.scheme_transaction_id.map(SaleId) {
        let story = journey.store.sale_to_explain(sale).await?;
        let amount = story.ok_or(RedressError::Meanwhile)?.sale.amount;
        let route = journey.routes().await?.of(Queue::Matching, scheme, amount);
        changes.jobs.push(look_again(route, sale, changes.at));
    }
    Ok(())
}

fn look_again((queue, lane): (Queue, Lane), sale: SaleId, ready_at: Instant) -> NewJob {
    NewJob {
        queue,
        lane: Some(lane),
        ready_at,
        work: NewWork::Known(Work::Sales(Span::Ids(vec![sale.0]))),
    }
}

fn scheme_of(journey: &Journey, part: &MatchRow) -> Result<SchemeId, RedressError> {
    let mut schemes = journey.agents.schemes();
    let found = schemes.find(|(slug, _)| slug.as_str() == part.scheme_slug);
    found.map(|(_, id)| id).ok_or_else(|| {
        RedressError::Store(StoreError::Broken(format!(
            "the scheme {} has no agent file any more: put it back first",
            part.scheme_slug
        )))
    })
}

/// What a person asks for.
struct Asked {
    proposal: Proposal,
    detail: serde_json::Value,
    larger: i64,
}

impl Asked {
    /// The changes with what is to be logged, if one person is enough or another asked before;
    /// `None` when this is the first of two, which has been noted.
    async fn confirmed(
        self,
        journey: &Journey,
        by: &Redress,
        mut changes: Changes,
    ) -> Result<Option<Changes>, RedressError> {
        let action = self.proposal.action.as_str();
        let two_people_above = journey.config().await?.two_people_above;
        let two_people_above = two_people_above.map_err(StoreError::Broken)?;
        let mut detail = self.detail;
        if let Some(limit) = two_people_above.filter(|limit| self.larger > *limit) {
            let proposals = journey.store.proposals().await?;
            let Some(before) = proposals.iter().find(|row| is_row_of(row, &self.proposal)) else {
                let mut changes = Changes::none(journey.now());
                changes.proposals.push(ProposalChange::Made {
                    proposal: self.proposal,
                    redress: by.clone(),
                });
                let proposed = match self.proposal.action {
                    RedressAction::Force => "match.force.propose",
                    RedressAction::Undo => "match.undo.propose",
                };
                changes.audit.push(entry(by, proposed, detail));
                journey.commit(Lease::Operator, changes).await?;
                return Ok(None);
            };
            if *before.operator == *by.operator {
                return Err(RedressError::SamePerson {
                    operator: before.operator.clone(),
                    limit: harmonia_core::money::Major(limit).to_string(),
                });
            }
            detail["proposed_by"] = before.operator.clone().into();
            detail["proposed_because"] = before.reason.clone().into();
        }
        changes
            .proposals
            .push(ProposalChange::Closed(self.proposal));
        changes.audit.push(entry(by, action, detail));
        Ok(Some(changes))
    }
}

fn is_row_of(row: &ProposalRow, proposal: &Proposal) -> bool {
    row.action == proposal.action.as_str()
        && row.payment_transaction_id == proposal.payment.0
        && row.scheme_transaction_id == proposal.sale.map(|sale| sale.0)
}

fn entry(by: &Redress, action: &'static str, detail: serde_json::Value) -> AuditEntry {
    AuditEntry {
        operator: by.operator.clone(),
        action,
        detail,
    }
}
