//! The truth read back, and how well a matcher did against it.

use crate::clerk::TRUTH_HEADER;
use crate::fault::Fault;
use compact_str::CompactString;
use csv::StringRecord;
use hashbrown::HashMap;
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Which payment was which sale, as `truth.csv` tells it.
///
/// Each id is held once, with the number of its row: a payment and a sale of the same row are a
/// true pair. A million purchases take some 170 MB with counted ids, 260 MB with random ones.
#[derive(Debug, Default)]
pub struct Truth {
    payments: HashMap<CompactString, usize>,
    sales: HashMap<CompactString, usize>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    fault: Option<Fault>,
    /// Whether there are both a payment and a sale.
    is_pair: bool,
}

impl Row {
    fn is_decidable(self) -> bool {
        self.fault.is_none_or(Fault::is_decidable)
    }
}

/// How good a set of matches is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Against all true pairs.
    pub all: Counts,
    /// Against those that the scheme's rule can decide: [`Fault::is_decidable`]. A wrong match is
    /// left out only when neither its payment nor its sale could have been decided.
    pub decidable: Counts,
}

/// Right and wrong matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// True pairs that were matched; one that was named twice counts once.
    pub true_positives: u64,
    /// Matches that are no true pair, ids that the truth has never heard of among them.
    pub false_positives: u64,
    /// True pairs that were not matched.
    pub false_negatives: u64,
}

impl Counts {
    /// Of what was matched, the share that is right, from 0 to 1; 1 where nothing was matched.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.false_positives)
    }

    /// Of the true pairs, the share that was matched, from 0 to 1; 1 where there are none.
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.false_negatives)
    }
}

fn share(part: u64, rest: u64) -> f64 {
    if part + rest == 0 {
        1.0
    } else {
        part as f64 / (part + rest) as f64
    }
}

/// Why a truth could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TruthError {
    path: PathBuf,
    problem: String,
}

impl Truth {
    /// Reads the `truth.csv` of a generated world.
    ///
    /// # Errors
    /// [`TruthError`] names the file, and the line where one is wrong: it cannot be read, has
    /// another header, an unknown fault, a row without ids, or an id twice.
    pub fn load(path: &Path) -> Result<Self, TruthError> {
        std::fs::File::open(path)
            .map_err(|error| error.to_string())
            .and_then(Self::read)
            .map_err(|problem| TruthError {
                path: path.into(),
                problem,
            })
    }

    /// What these matches, pairs of payment id and sale id in any order, are worth.
    pub fn score<P, S>(&self, matches: impl IntoIterator<Item = (P, S)>) -> Score
    where
        P: AsRef<str>,
        S: AsRef<str>,
    {
        let mut score = Score::default();
        let mut found = vec![false; self.rows.len()];
        for (payment, sale) in matches {
            let payment_row = self.payments.get(payment.as_ref()).copied();
            let sale_row = self.sales.get(sale.as_ref()).copied();
            match payment_row {
                Some(row) if payment_row == sale_row => found[row] = true,
                _ => score.count_wrong(self.could_decide(payment_row, sale_row)),
            }
        }
        for (row, found) in self.rows.iter().zip(found) {
            score.count_row(*row, found);
        }
        score
    }

    /// Whether a rule could have known better than to match these two.
    fn could_decide(&self, payment_row: Option<usize>, sale_row: Option<usize>) -> bool {
        [payment_row, sale_row]
            .into_iter()
            .any(|row| row.is_none_or(|row| self.rows[row].is_decidable()))
    }

    fn read(input: impl Read) -> Result<Self, String> {
        let mut table = csv::Reader::from_reader(input);
        let header = table.headers().map_err(|error| error.to_string())?;
        if *header != TRUTH_HEADER[..] {
            return Err(format!("the header is not {}", TRUTH_HEADER.join(",")));
        }
        let mut truth = Self::default();
        let mut record = StringRecord::new();
        while table
            .read_record(&mut record)
            .map_err(|error| error.to_string())?
        {
            let line = record.position().map_or(0, csv::Position::line);
            truth
                .add(&record)
                .map_err(|problem| format!("line {line}: {problem}"))?;
        }
        Ok(truth)
    }

    fn add(&mut self, record: &StringRecord) -> Result<(), String> {
        // The reader holds every row to the header's three columns.
        let [payment, sale, fault] = [0, 1, 2].map(|column| &record[column]);
        if payment.is_empty() && sale.is_empty() {
            return Err("neither a payment nor a sale".into());
        }
        let fault = match fault {
            "" => None,
            name => Some(Fault::from_name(name).ok_or_else(|| format!("no fault is {name:?}"))?),
        };
        insert(&mut self.payments, payment, self.rows.len())?;
        insert(&mut self.sales, sale, self.rows.len())?;
        let is_pair = !payment.is_empty() && !sale.is_empty();
        self.rows.push(Row { fault, is_pair });
        Ok(())
    }
}

fn insert(rows: &mut HashMap<CompactString, usize>, id: &str, row: usize) -> Result<(), String> {
    if !id.is_empty() && rows.insert(id.into(), row).is_some() {
        return Err(format!("{id} was there before"));
    }
    Ok(())
}

impl Score {
    fn count_wrong(&mut self, decidable: bool) {
        self.all.false_positives += 1;
        self.decidable.false_positives += u64::from(decidable);
    }

    fn count_row(&mut self, row: Row, found: bool) {
        if !row.is_pair {
            return;
        }
        self.all.count_pair(found);
        if row.is_decidable() {
            self.decidable.count_pair(found);
        }
    }
}

impl Counts {
    fn count_pair(&mut self, found: bool) {
        self.true_positives += u64::from(found);
        self.false_negatives += u64::from(!found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "payment_transaction_id,scheme_transaction_id,fault\n";

    fn truth(rows: &str) -> Result<Truth, String> {
        Truth::read(format!("{HEADER}{rows}").as_bytes())
    }

    fn counts(true_positives: u64, false_positives: u64, false_negatives: u64) -> Counts {
        Counts {
            true_positives,
            false_positives,
            false_negatives,
        }
    }

    #[test]
    fn matches_are_scored_against_all_pairs_and_against_those_that_can_be_decided() {
        let rows = "p1,s1,\np2,s2,duplicate\np3,s3,ambiguous\np4,s4,ambiguous\np5,,no_sale\n";
        let truth = truth(rows).unwrap();
        let score = |matches: &[(&str, &str)]| truth.score(matches.iter().copied());
        for (matches, all, decidable) in [
            (&[][..], counts(0, 0, 4), counts(0, 0, 2)),
            (
                &[("p1", "s1"), ("p2", "s2")],
                counts(2, 0, 2),
                counts(2, 0, 0),
            ),
            (
                &[("p1", "s1"), ("p1", "s1")],
                counts(1, 0, 3),
                counts(1, 0, 1),
            ),
            (&[("p3", "s3")], counts(1, 0, 3), counts(0, 0, 2)), // right, by luck
            (&[("p3", "s4")], counts(0, 1, 4), counts(0, 0, 2)), // wrong, nobody could know
            (&[("p3", "s1")], counts(0, 1, 4), counts(0, 1, 2)), // s1 was decidable
            (&[("p5", "s4")], counts(0, 1, 4), counts(0, 1, 2)), // p5 has no sale, plainly
            (&[("p1", "s9")], counts(0, 1, 4), counts(0, 1, 2)), // s9 is nobody's
        ] {
            assert_eq!(score(matches), Score { all, decidable }, "{matches:?}");
        }
    }

    #[test]
    fn shares_are_from_nought_to_one() {
        assert_eq!(counts(0, 0, 0).precision(), 1.0);
        assert_eq!(counts(3, 1, 0).precision(), 0.75);
        assert_eq!(counts(1, 0, 3).recall(), 0.25);
    }

    #[test]
    fn a_broken_truth_is_refused_with_its_line() {
        for (rows, problem) in [
            ("p1,s1,\np1,s2,\n", "line 3: p1 was there before"),
            ("p1,s1,\np2,s1,\n", "line 3: s1 was there before"),
            (",,no_sale\n", "line 2: neither a payment nor a sale"),
            ("p1,s1,bad_luck\n", "line 2: no fault is \"bad_luck\""),
        ] {
            assert_eq!(truth(rows).unwrap_err(), problem);
        }
        assert!(truth("p1,s1\n").unwrap_err().contains("line: 2"));
        assert!(Truth::read(&b"a,b,c\n"[..]).unwrap_err().contains("header"));
        let error = Truth::load(Path::new("/nowhere/truth.csv")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/truth.csv: "));
    }
}
