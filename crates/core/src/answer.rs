//! What a merchant answers to an export, and what is wrong with an answer to none.
//!
//! An export is found by its uid, or where the answer names none, by the id of the transaction that
//! was told. The newest answer counts; the same one coming again adds nothing, whatever came between.

use crate::problem::{Reject, RejectReason};
use crate::transaction::AnswerRecord;

/// Nobody asked: the uid or the transaction is not that of an export of this agent.
pub fn unknown_export(record: &AnswerRecord) -> Reject {
    let id = record.transaction_id.as_deref().unwrap_or_default();
    let what = match record.export_uid {
        Some(uid) => format!("the uid {uid}"),
        None => format!("the transaction id {id:?}"),
    };
    Reject::record(
        RejectReason::UnknownExport,
        format_args!(
            "nothing with {what} was exported here: is it of another system, or was it purged? See \
             `harmonia exports list`"
        ),
    )
}

/// The uid is that of an export of another transaction than the answer names: told is its id.
pub fn other_transaction(record: &AnswerRecord, told: &str) -> Option<Reject> {
    let named = record.transaction_id.as_deref()?;
    (named != told).then(|| {
        Reject::record(
            RejectReason::Conflict,
            format_args!(
                "the uid is that of transaction {told}, and the row names {named}: ask its sender \
                 which is right"
            ),
        )
    })
}

/// More than one export of a transaction with this id: only a uid tells them apart.
pub fn ambiguous(record: &AnswerRecord) -> Reject {
    let id = record.transaction_id.as_deref().unwrap_or_default();
    Reject::record(
        RejectReason::UnknownExport,
        format_args!(
            "transaction {id:?} was exported more than once here: the row must name the uid of the \
             one it answers"
        ),
    )
}
