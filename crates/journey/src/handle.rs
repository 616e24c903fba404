//! Handling: what people decide about exports, by name and with a reason.
//!
//! A person may do what no plan would: send once more what may have arrived, or say that it did. What is
//! delivered, skipped or cancelled is over for them too, and what is in flight is waited for. Each export
//! is moved from the state it was seen in, in one commit with the job that delivers it and the line of the
//! audit log.

use crate::Journey;
use crate::ports::{CommitError, ExportRow, Lease, StoreError};
use harmonia_core::changes::{
    AuditEntry, Changes, Handled, Lane, NewJob, NewWork, Queue, Redress, Span, Work,
};
use harmonia_core::export::Destination;
use harmonia_core::ids::{ExportId, SchemeId, Slug};
use harmonia_core::state::ExportState::{
    self, Cancelled, Delivered, Failed, Held, Pending, Retrying, Uncertain,
};
use serde_json::json;
use std::collections::BTreeMap;

/// What a person can do to exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Sends them now, whatever their plan says, and those too that may have arrived.
    Retry,
    /// Keeps them back.
    Hold,
    /// Lets go those that are kept back.
    Release,
    /// Gives them up: the merchant is not told.
    Cancel,
    /// Says that the merchant has those that may have arrived.
    Delivered,
}

impl Handling {
    /// The name in the log of what people did.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "exports.retry",
            Self::Hold => "exports.hold",
            Self::Release => "exports.release",
            Self::Cancel => "exports.cancel",
            Self::Delivered => "exports.delivered",
        }
    }

    /// The states that it takes exports from.
    pub fn from(self) -> &'static [ExportState] {
        match self {
            Self::Retry => &[Retrying, Uncertain, Held, Failed],
            Self::Hold => &[Pending, Retrying],
            Self::Release => &[Held],
            Self::Cancel => &[Pending, Retrying, Uncertain, Held, Failed],
            Self::Delivered => &[Uncertain],
        }
    }

    /// The state that it takes them to.
    fn to(self) -> ExportState {
        match self {
            Self::Retry | Self::Release => Pending,
            Self::Hold => Held,
            Self::Cancel => Cancelled,
            Self::Delivered => Delivered,
        }
    }
}

/// Why it was not done. Nothing of the batch has changed.
#[derive(Debug, thiserror::Error)]
pub enum HandlingError {
    /// It cannot be done to an export that stands there.
    #[error("export {id} is {state}: only what is {} can be taken by this command", wanted.join(", "))]
    Unlawful {
        /// Which.
        id: i64,
        /// Where it stands.
        state: String,
        /// Where it would have to.
        wanted: Vec<&'static str>,
    },
    /// Nobody says how its merchant is told.
    #[error("export {id} is of {scheme}, which has no agent file: put it in the agents folder")]
    NoAgent {
        /// Which.
        id: i64,
        /// Whose.
        scheme: String,
    },
    /// It moved on, or is being delivered.
    #[error(
        "some of them have moved on, or are being delivered at this moment: look, and try again"
    )]
    Meanwhile,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for HandlingError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict | CommitError::StaleLease => Self::Meanwhile,
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

/// Does it to exports, a batch a commit. Returns to how many.
///
/// # Errors
/// [`HandlingError`]: what was in an earlier batch is done, this batch and those after it are not.
pub async fn handle(
    journey: &Journey,
    rows: &[ExportRow],
    handling: Handling,
    by: &Redress,
) -> Result<usize, HandlingError> {
    let checked: Vec<(SchemeId, Handled)> = rows
        .iter()
        .map(|row| check(journey, row, handling, by))
        .collect::<Result<_, _>>()?;
    for batch in checked.chunks(journey.batch.max(1)) {
        let mut changes = Changes::none(journey.now());
        let mut released = BTreeMap::<SchemeId, Vec<i64>>::new();
        for (scheme, one) in batch {
            if one.to == Pending {
                released.entry(*scheme).or_default().push(one.export.0);
            }
            changes.handled.push(one.clone());
        }
        let ids: Vec<i64> = batch.iter().map(|(_, one)| one.export.0).collect();
        changes.audit.push(AuditEntry {
            operator: by.operator.clone(),
            action: handling.as_str(),
            detail: json!({ "exports": ids, "reason": by.reason }),
        });
        changes
            .jobs
            .extend(released.into_iter().map(|(scheme, ids)| NewJob {
                queue: Queue::Export,
                lane: Some(Lane::delivery(scheme)),
                ready_at: changes.at,
                work: NewWork::Known(Work::Exports {
                    scheme,
                    exports: Span::Ids(ids),
                }),
            }));
        journey.commit(Lease::Operator, changes).await?;
    }
    Ok(checked.len())
}

fn check(
    journey: &Journey,
    row: &ExportRow,
    handling: Handling,
    by: &Redress,
) -> Result<(SchemeId, Handled), HandlingError> {
    let lawful = handling.from();
    let from = ExportState::from_name(&row.status).filter(|state| lawful.contains(state));
    let from = from.ok_or_else(|| HandlingError::Unlawful {
        id: row.id,
        state: row.status.clone(),
        wanted: lawful.iter().map(|state| state.as_str()).collect(),
    })?;
    let agents = &journey.agents;
    let slug = Slug::new(&row.provider_slug).ok();
    let scheme = slug.and_then(|slug| agents.scheme(&slug).or_else(|| agents.export(&slug)));
    let scheme = scheme.ok_or_else(|| HandlingError::NoAgent {
        id: row.id,
        scheme: row.provider_slug.clone(),
    })?;
    // Over HTTP, what is about to be sent is moved first, and this is refused. A file may hold it already.
    let plan = agents.plan(scheme);
    let is_http = plan.is_some_and(|plan| plan.destination == Destination::Http);
    let handled = Handled {
        export: ExportId(row.id),
        from,
        to: handling.to(),
        reason: format!("{}: {}", by.operator, by.reason),
        unless_held: (!is_http).then(|| Lane::delivery(scheme)),
    };
    Ok((scheme, handled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_make_lawful_moves_alone() {
        let all = [
            Handling::Retry,
            Handling::Hold,
            Handling::Release,
            Handling::Cancel,
            Handling::Delivered,
        ];
        for handling in all {
            for state in handling.from() {
                assert!(state.may_become(handling.to()), "{handling:?} {state}");
                assert!(!state.is_settled(), "{handling:?} {state}");
            }
        }
    }
}
