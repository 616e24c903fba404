//! The rows that the answer to a claim rests on.

use super::Row;
use super::looking::{Found, Looked, Lost};
use crate::ports::{ExportRow, SaleStory};
use crate::review::in_words;
use crate::why::{match_in_words, standing};
use harmonia_core::claim::Verdict;
use harmonia_core::money::Major;
use harmonia_core::time::Zone;
use harmonia_core::words;

/// The most rows of one kind that are named.
pub const NAMED: usize = 10;

/// What a payment says: itself, its match, its exports, and the sales that are near it.
pub fn payment_rows(found: &Found, zone: &Zone) -> Vec<Row> {
    let seen = &found.seen;
    let transaction = &seen.story.transaction;
    let mut rows = vec![Row {
        kind: "payment",
        row: Some(transaction.id),
        id: transaction.transaction_id.clone(),
        says: format!(
            "{} {} at {}, {} {} at MID {}: {}",
            transaction.spend_currency,
            Major(transaction.spend_amount),
            words::moment(seen.payment.when, zone),
            transaction.provider_slug,
            transaction.feed_type,
            transaction.mids.join(", "),
            standing(transaction).join("; ")
        ),
    }];
    if let Some(made) = seen.in_force() {
        rows.push(Row {
            kind: "match",
            row: Some(made.id),
            id: made.sale.clone().unwrap_or_else(|| made.payment.clone()),
            says: match_in_words(made, zone),
        });
    }
    rows.extend(
        seen.story
            .exports
            .iter()
            .map(|export| export_row(export, zone)),
    );
    let misses = found.misses.iter().take(NAMED);
    rows.extend(misses.map(|(miss, story)| Row {
        kind: "sale",
        row: Some(story.sale.id.0),
        id: story.transaction_id.clone(),
        says: in_words(story, miss),
    }));
    let candidates = found.candidates.iter().take(NAMED);
    rows.extend(candidates.map(|one| Row {
        kind: "sale",
        row: Some(one.scheme_transaction_id),
        id: one.sale.clone(),
        says: one.summary(),
    }));
    rows
}

fn export_row(export: &ExportRow, zone: &Zone) -> Row {
    let more = export.status_reason.as_ref().or(export.response.as_ref());
    Row {
        kind: "export",
        row: Some(export.id),
        id: export.export_uid.clone(),
        says: format!(
            "{} of {}, made {}{}",
            export.status,
            export.transaction_id,
            words::instant(export.created_at, zone),
            more.map_or_else(String::new, |more| format!(": {more}"))
        ),
    }
}

/// The records that were not taken, where the verdict rests on them.
pub fn lost_rows(looked: &Looked, verdict: Verdict) -> Vec<Row> {
    let rests = [
        Verdict::Rejected,
        Verdict::UnknownMid,
        Verdict::UnknownLocation,
        Verdict::NotReceivedPayment,
        Verdict::Several,
    ];
    let lost = looked.lost_payments.iter().chain(&looked.lost_sales);
    lost.filter(|_| rests.contains(&verdict))
        .map(|Lost { row, .. }| Row {
            kind: "reject",
            row: Some(row.id),
            id: format!("{} line {}", row.source, row.number),
            says: format!(
                "{} {}{}: {}",
                row.state,
                row.reason,
                row.field
                    .as_ref()
                    .map_or_else(String::new, |field| format!(", {field}")),
                row.detail
            ),
        })
        .collect()
}

/// An open sale.
pub fn sale_row(story: &SaleStory, zone: &Zone) -> Row {
    let when = words::moment(story.sale.when, zone);
    Row {
        kind: "sale",
        row: Some(story.sale.id.0),
        id: story.transaction_id.clone(),
        says: format!("{} at {when}: has no payment", story.sale.amount),
    }
}

/// The rows, each with the first that was said of it.
pub fn each_once(rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let is_there = |other: &Row| (other.kind, other.row) == (row.kind, row.row);
        if row.row.is_none() || !kept.iter().any(is_there) {
            kept.push(row);
        }
    }
    kept
}
