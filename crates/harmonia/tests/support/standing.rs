//! Everything that must be the same however a journey went, and what must hold by itself.

use crate::ground::Ground;
use std::collections::BTreeMap;
use std::path::Path;

/// What is compared: a name, and a query of one text a row.
const COMPARED: &[(&str, &str)] = &[
    (
        "payments",
        "SELECT concat_ws(' ', provider_slug, transaction_id, spend_amount, spend_currency,
                          transaction_date, mid, card_token, status, pending_reason)
         FROM payment_transaction",
    ),
    (
        "sales",
        "SELECT concat_ws(' ', provider_slug, transaction_id, spend_amount, spend_currency,
                          transaction_date, mids, extra_fields, status)
         FROM scheme_transaction",
    ),
    (
        "identities",
        "SELECT concat_ws(' ', p.transaction_id, u.loyalty_id)
         FROM user_identity u JOIN payment_transaction p ON p.id = u.payment_transaction_id",
    ),
    (
        "pairs",
        "SELECT concat_ws(' ', p.transaction_id, s.transaction_id, m.status, m.evidence)
         FROM matched_transaction m
         JOIN payment_transaction p ON p.id = m.payment_transaction_id
         JOIN scheme_transaction s ON s.id = m.scheme_transaction_id",
    ),
    (
        "exports",
        "SELECT concat_ws(' ', p.transaction_id, s.transaction_id, e.spend_amount, e.loyalty_id,
                          e.status, e.status_reason)
         FROM export_transaction e
         JOIN matched_transaction m ON m.id = e.matched_transaction_id
         JOIN payment_transaction p ON p.id = m.payment_transaction_id
         JOIN scheme_transaction s ON s.id = m.scheme_transaction_id",
    ),
    (
        "rejects",
        "SELECT concat_ws(' ', f.feed_type, r.number, r.state, r.reason, r.field, r.detail, r.data)
         FROM rejected_record r JOIN feed f ON f.id = r.feed_id",
    ),
    (
        "raw records",
        "SELECT concat_ws(' ', identified, number, data) FROM import_transaction",
    ),
];

/// What must find nothing: a name, and a query of one text a row.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        "files whose counts do not add up, or that were not read to their end",
        "SELECT concat_ws(' ', id, source, state, refusal) FROM import_file_log
         WHERE state <> 'IMPORTED'
            OR records_read <> new + duplicate + skipped + rejected + quarantined",
    ),
    (
        "matches without exactly one export",
        "SELECT concat_ws(' ', m.id, count(e.id)) FROM matched_transaction m
         LEFT JOIN export_transaction e ON e.matched_transaction_id = m.id
         GROUP BY m.id HAVING count(e.id) <> 1",
    ),
    (
        "rows that the file log does not know of",
        "SELECT concat_ws(' ', rows.count, log.count)
         FROM (SELECT count(*) AS count FROM import_transaction WHERE identified) rows,
              (SELECT sum(new) AS count FROM import_file_log) log
         WHERE rows.count <> log.count",
    ),
];

/// Everything, sorted, under the name of what it is.
#[derive(Default)]
pub struct Standing(BTreeMap<&'static str, Vec<String>>);

impl Standing {
    /// How a place stands where all work is done.
    pub fn of(place: &Ground) -> Self {
        assert_eq!(place.leased(), [""; 0], "jobs that somebody still holds");
        assert!(place.is_done(), "jobs that are due, or soon");
        for (what, query) in FORBIDDEN {
            assert_eq!(place.texts(query), [""; 0], "{what}");
        }
        place.ok(&["audit"]);
        let compared = COMPARED
            .iter()
            .map(|(name, query)| (*name, place.texts(query)));
        let lines = (
            "export file lines",
            lines_below(&place.path("files/exports")),
        );
        let sorted = compared.chain([lines]).map(|(name, mut rows)| {
            rows.sort_unstable();
            (name, rows)
        });
        Self(sorted.collect())
    }

    /// How many there are of something.
    pub fn count(&self, what: &str) -> usize {
        self.0[what].len()
    }

    /// Wants it to be another's equal, and shows where it is not.
    pub fn assert_is(&self, other: &Self, when: &str) {
        for (what, rows) in &self.0 {
            let wanted = &other.0[what];
            let lacks = without(wanted, rows);
            let exceeds = without(rows, wanted);
            assert!(
                lacks.is_empty() && exceeds.is_empty(),
                "{when}: {what}: {} missing: {:#?}\n{} too many: {:#?}",
                lacks.len(),
                &lacks[..lacks.len().min(5)],
                exceeds.len(),
                &exceeds[..exceeds.len().min(5)],
            );
        }
    }
}

/// The rows of one sorted list that another lacks, each as often as it lacks it.
fn without<'a>(rows: &'a [String], others: &[String]) -> Vec<&'a String> {
    let mut others = others.iter().peekable();
    let is_missing = |row: &&String| {
        while others.next_if(|other| other < row).is_some() {}
        others.next_if(|other| other == row).is_none()
    };
    rows.iter().filter(is_missing).collect()
}

/// All lines of all files below a folder.
fn lines_below(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lines.extend(lines_below(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.is_empty() || text.ends_with('\n'),
                "{} is torn",
                path.display()
            );
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines
}
