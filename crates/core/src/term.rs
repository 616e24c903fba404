//! Terms: from when until when a merchant identifier is in force, and what onboarding does to them.
//!
//! An identifier can pass from one scheme to another, or from one place to another, on a date. Whose
//! it was is asked by the date of the transaction, so that what comes late still finds its own.

use crate::ids::MidId;
use crate::time::Instant;
use serde::{Serialize, Serializer};
use std::fmt;

/// The year 1: before anything that a feed may tell.
pub const SINCE_EVER: Instant = Instant(-62_135_596_800_000_000);

/// A stretch of time: its first moment is in it, its end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Term {
    /// The first moment; [`SINCE_EVER`] where there is no beginning, which is told as nothing.
    #[serde(rename = "valid_from", serialize_with = "told")]
    pub from: Instant,
    /// The end; `None` where there is none.
    #[serde(rename = "valid_to")]
    pub until: Option<Instant>,
}

fn told<S: Serializer>(from: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    (*from != SINCE_EVER).then_some(*from).serialize(serializer)
}

impl Term {
    /// Since ever, without end.
    pub const ALWAYS: Self = Self {
        from: SINCE_EVER,
        until: None,
    };

    /// From a moment on, without end.
    pub fn since(from: Instant) -> Self {
        Self { from, until: None }
    }

    /// Whether there is no moment in it.
    pub fn is_empty(self) -> bool {
        self.until.is_some_and(|until| until <= self.from)
    }

    /// Whether a moment is in it.
    pub fn contains(self, at: Instant) -> bool {
        self.from <= at && self.is_not_over(at)
    }

    /// Whether a moment is before its end.
    pub fn is_not_over(self, at: Instant) -> bool {
        self.until.is_none_or(|until| at < until)
    }

    /// Whether all of another is in it.
    pub fn covers(self, other: Self) -> bool {
        let ends_later = match (self.until, other.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(its)) => its <= mine,
        };
        self.from <= other.from && ends_later
    }

    /// Whether a moment is in both.
    pub fn overlaps(self, other: Self) -> bool {
        !self.is_empty()
            && !other.is_empty()
            && self.is_not_over(other.from)
            && other.is_not_over(self.from)
    }

    /// What is left before another, and after it.
    pub fn minus(self, other: Self) -> Left {
        if !self.overlaps(other) {
            return (Some(self), None);
        }
        let head = Self {
            from: self.from,
            until: Some(other.from),
        };
        let tail = other.until.map(|until| Self {
            from: until,
            until: self.until,
        });
        let real = |term: Self| (!term.is_empty()).then_some(term);
        (real(head), tail.and_then(real))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.until) {
            (SINCE_EVER, None) => f.write_str("always"),
            (SINCE_EVER, Some(until)) => write!(f, "until {until}"),
            (from, None) => write!(f, "from {from}"),
            (from, Some(until)) => write!(f, "from {from} until {until}"),
        }
    }
}

/// What is left of a term before another, and after it.
pub type Left = (Option<Term>, Option<Term>);

/// A row of an identifier: whose it is within which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The row.
    pub id: MidId,
    /// Its term, which is not empty.
    pub term: Term,
    /// Whether it is of the scheme that is now onboarded or leaves.
    pub same_scheme: bool,
    /// Whether everything else that is told of it is the same too.
    pub same_place: bool,
}

/// What onboarding an identifier does to its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rearranged {
    /// The rows that lose some of their term, each with what is left of it before and after.
    pub cut: Vec<(MidId, Left)>,
    /// The term of a new row.
    pub add: Option<Term>,
}

/// What an identifier's being put in force does: in the term that is said, or by itself. Nothing, where
/// it is told already.
///
/// Without a beginning it begins where it last ended, or else since ever: sales and payments of before
/// somebody got round to onboarding it are its own too. Without any dates, a row of its scheme that has
/// no end is corrected: the new one has all of its term. One that is there already ends when it is said.
pub fn put_in_force(
    held: &[Held],
    from: Option<Instant>,
    until: Option<Instant>,
    now: Instant,
) -> Option<Rearranged> {
    let endless = held.iter().find(|row| row.term.until.is_none());
    let last_end = || {
        let ends = held.iter().filter_map(|row| row.term.until);
        ends.filter(|end| until.is_none_or(|until| *end < until))
            .max()
    };
    let term = match (from, until, endless) {
        (None, None, Some(row)) if row.same_scheme => row.term,
        (None, None, Some(_)) => Term::since(now),
        (from, until, _) => Term {
            from: from.or_else(last_end).unwrap_or(SINCE_EVER),
            until,
        },
    };
    if term.is_empty() {
        return None;
    }
    let is_told = |row: &&Held| row.same_scheme && row.same_place && row.term.covers(term);
    if let Some(row) = held.iter().find(is_told) {
        // It is told of before; what is new is at most that it ends.
        let ends_later = until.is_some() && row.term.until != until;
        return ends_later.then(|| Rearranged {
            cut: cut(std::iter::once(row), Term::since(until.unwrap_or(now))),
            add: None,
        });
    }
    Some(Rearranged {
        cut: cut(held.iter(), term),
        add: Some(term),
    })
}

/// What an identifier's being taken out of force does to its scheme's rows: they end, now or when it is
/// said. What comes late of before then still finds them.
pub fn take_out_of_force(held: &[Held], from: Option<Instant>, now: Instant) -> Option<Rearranged> {
    let own = held.iter().filter(|row| row.same_scheme);
    let cut = cut(own, Term::since(from.unwrap_or(now)));
    (!cut.is_empty()).then_some(Rearranged { cut, add: None })
}

fn cut<'a>(held: impl Iterator<Item = &'a Held>, term: Term) -> Vec<(MidId, Left)> {
    held.filter(|row| row.term.overlaps(term))
        .map(|row| (row.id, row.term.minus(term)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(from: i64, until: Option<i64>) -> Term {
        Term {
            from: Instant(from),
            until: until.map(Instant),
        }
    }

    fn held(id: i64, term: Term, same_scheme: bool, same_place: bool) -> Held {
        Held {
            id: MidId(id),
            term,
            same_scheme,
            same_place,
        }
    }

    const NOW: Instant = Instant(100);

    #[test]
    fn the_first_is_in_force_since_ever() {
        let first = put_in_force(&[], None, None, NOW).unwrap();
        assert_eq!((first.add, first.cut), (Some(Term::ALWAYS), vec![]));
        let told = [held(1, Term::ALWAYS, true, true)];
        assert_eq!(put_in_force(&told, None, None, NOW), None);
        assert_eq!(put_in_force(&told, Some(Instant(7)), None, NOW), None);
    }

    #[test]
    fn another_place_without_dates_is_a_correction() {
        let before = [held(1, term(5, None), true, false)];
        let moved = put_in_force(&before, None, None, NOW).unwrap();
        assert_eq!(moved.add, Some(term(5, None)));
        assert_eq!(moved.cut, [(MidId(1), (None, None))]);
    }

    #[test]
    fn another_place_from_a_date_leaves_the_time_before() {
        let before = [held(1, Term::ALWAYS, true, false)];
        let moved = put_in_force(&before, Some(Instant(50)), Some(Instant(60)), NOW).unwrap();
        assert_eq!(moved.add, Some(term(50, Some(60))));
        let head = Term {
            until: Some(Instant(50)),
            ..Term::ALWAYS
        };
        assert_eq!(moved.cut, [(MidId(1), (Some(head), Some(term(60, None))))]);
    }

    #[test]
    fn what_is_told_already_may_end() {
        let before = [held(1, Term::ALWAYS, true, true)];
        let ends = put_in_force(&before, None, Some(Instant(60)), NOW).unwrap();
        let head = Term {
            until: Some(Instant(60)),
            ..Term::ALWAYS
        };
        assert_eq!(ends.add, None);
        assert_eq!(ends.cut, [(MidId(1), (Some(head), None))]);
        let ended = [held(1, head, true, true)];
        assert_eq!(put_in_force(&ended, None, Some(Instant(60)), NOW), None);
        let sooner = put_in_force(&ended, None, Some(Instant(50)), NOW).unwrap();
        assert_eq!(sooner.cut[0].1.0.unwrap().until, Some(Instant(50)));
    }

    #[test]
    fn what_was_removed_begins_again_where_it_ended() {
        let removed = take_out_of_force(&[held(1, Term::ALWAYS, true, true)], None, NOW).unwrap();
        let head = removed.cut[0].1.0.unwrap();
        assert_eq!((head.until, removed.cut[0].1.1), (Some(NOW), None));
        let again = put_in_force(&[held(1, head, false, false)], None, None, Instant(200)).unwrap();
        assert_eq!((again.add, again.cut), (Some(term(100, None)), vec![]));
        let others = [held(1, Term::ALWAYS, false, false)];
        assert_eq!(take_out_of_force(&others, None, NOW), None);
    }

    fn any_term() -> impl Strategy<Value = Term> {
        (0..20_i64, prop::option::of(0..20_i64)).prop_map(|(from, until)| term(from, until))
    }

    proptest! {
        #[test]
        fn a_moment_is_left_or_taken(one in any_term(), other in any_term(), at in -2..25_i64) {
            let at = Instant(at);
            let (head, tail) = one.minus(other);
            let left = [head, tail].into_iter().flatten().any(|part| part.contains(at));
            let wanted = one.contains(at) && !(one.overlaps(other) && other.contains(at));
            prop_assert_eq!(left, wanted);
            if one.covers(other) && other.contains(at) {
                prop_assert!(one.contains(at));
            }
            if one.contains(at) && other.contains(at) {
                prop_assert!(one.overlaps(other));
            }
        }
    }
}
