//! The truth read back, and how well a matcher did against it.

use crate::clerk::TRUTH_HEADER;
use crate::label::Label;
use compact_str::CompactString;
use csv::StringRecord;
use hashbrown::HashMap;
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Which payment was which sale, as `truth.csv` tells it.
///
/// Each id is held once, with the number of its purchase: a payment and a sale of one purchase are
/// a true pair. An auth and its settlement, which share an id, are two rows of one purchase; so are
/// the parts of a split shipment, which share the sale; and a refund shares the payment's id. A
/// million purchases take some 170 MB with counted ids, 260 MB with random ones.
#[derive(Debug, Default)]
pub struct Truth {
    payments: HashMap<CompactString, usize>,
    sales: HashMap<CompactString, usize>,
    purchases: Vec<Purchase>,
}

/// All rows of one purchase.
#[derive(Clone, Copy, Debug)]
struct Purchase {
    /// Whether there are both a payment and a sale.
    is_pair: bool,
    /// Whether the rule can tell from each of its payments: what is right of an authorisation alone
    /// or of a settlement alone is not held against a matcher that was given the other.
    decidable: bool,
}

impl Purchase {
    /// Takes a further row into account. Once there is a pair, what has no sale (a refund) says
    /// nothing of it.
    fn add(&mut self, row: Self) {
        if row.is_pair && !self.is_pair {
            *self = row;
        } else if row.is_pair == self.is_pair {
            self.decidable &= row.decidable;
        }
    }
}

/// How good a set of matches is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Against all true pairs.
    pub all: Counts,
    /// Against those that the scheme's rule can decide, as each row says:
    /// [`Fault::is_decidable`](crate::Fault::is_decidable). A wrong match is left out only when
    /// neither its payment nor its sale could have been decided.
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
        let mut found = vec![false; self.purchases.len()];
        for (payment, sale) in matches {
            let paid = self.payments.get(payment.as_ref()).copied();
            let rung_up = self.sales.get(sale.as_ref()).copied();
            match paid {
                Some(purchase) if paid == rung_up => found[purchase] = true,
                _ => score.count_wrong(self.could_decide(paid, rung_up)),
            }
        }
        for (purchase, found) in self.purchases.iter().zip(found) {
            score.count_purchase(*purchase, found);
        }
        score
    }

    /// Whether a rule could have known better than to match these two.
    fn could_decide(&self, paid: Option<usize>, rung_up: Option<usize>) -> bool {
        [paid, rung_up]
            .into_iter()
            .any(|one| one.is_none_or(|one| self.purchases[one].decidable))
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
        let decidable = Label::parse(fault)?.decidable;
        let is_pair = !payment.is_empty() && !sale.is_empty();
        let row = Purchase { is_pair, decidable };
        let purchase = self.purchase_of(payment, sale)?;
        match self.purchases.get_mut(purchase) {
            Some(known) => known.add(row),
            None => self.purchases.push(row),
        }
        insert(&mut self.payments, payment, purchase);
        insert(&mut self.sales, sale, purchase);
        Ok(())
    }

    /// Which purchase a row is of; the next one, where its ids are new.
    fn purchase_of(&self, payment: &str, sale: &str) -> Result<usize, String> {
        let was_there = |id: &str| Err(format!("{id} was there before"));
        match (self.payments.get(payment), self.sales.get(sale)) {
            (None, None) => Ok(self.purchases.len()),
            // Another part of what was sold together; a sale alone is never told twice.
            (None, Some(_)) if payment.is_empty() => was_there(sale),
            (None, Some(purchase)) => Ok(*purchase),
            // The same payment in another feed; what it paid for is one sale, if any.
            (Some(purchase), None) if sale.is_empty() => Ok(*purchase),
            (Some(paid), Some(rung_up)) if paid == rung_up => Ok(*paid),
            (Some(_), _) => was_there(payment),
        }
    }
}

fn insert(purchases: &mut HashMap<CompactString, usize>, id: &str, purchase: usize) {
    if !id.is_empty() && !purchases.contains_key(id) {
        purchases.insert(id.into(), purchase);
    }
}

impl Score {
    fn count_wrong(&mut self, decidable: bool) {
        self.all.false_positives += 1;
        self.decidable.false_positives += u64::from(decidable);
    }

    fn count_purchase(&mut self, purchase: Purchase, found: bool) {
        if !purchase.is_pair {
            return;
        }
        self.all.count_pair(found);
        if purchase.decidable {
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
    fn the_rows_of_one_purchase_are_one_pair() {
        // Authorised, settled and given back; then sent in two parts, of which a rule finds none.
        let rows = "p1,s1,refund\np1,s1,refund\np1,,refund\n\
            p2,s2,\np2,s2,split_shipment\np3,s2,split_shipment\n";
        let truth = truth(rows).unwrap();
        let score = |matches: &[(&str, &str)]| truth.score(matches.iter().copied());
        let found = score(&[("p1", "s1"), ("p3", "s2")]);
        assert_eq!(found.all, counts(2, 0, 0));
        assert_eq!(found.decidable, counts(1, 0, 0));
        assert_eq!(score(&[("p1", "s2")]).all, counts(0, 1, 2));
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
            ("p1,s1,\n,s1,\n", "line 3: s1 was there before"),
            ("p1,,\np1,s1,\n", "line 3: p1 was there before"),
            ("p1,s1,\np2,s2,\np1,s2,\n", "line 4: p1 was there before"),
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
