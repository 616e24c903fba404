//! The ledger: whether an export may be sent, and where it stands after what came of that.
//!
//! Two rules keep a merchant from being told twice. What may have arrived without an answer is sent again
//! by itself only while the merchant surely still knows its key: within its `dedup_window`, counted from
//! the moment at which the first request was frozen, less the time that a request may take. And it stays
//! uncertain until an answer settles it, however many later requests surely did not arrive.

use crate::state::ExportState;
use crate::time::Instant;
use std::time::Duration;

/// How a merchant keeps from taking a request twice, as its agent file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// For how long it knows a key again; `None` where it does not say, and nothing may be repeated.
    pub dedup: Option<Duration>,
    /// How long one request may take.
    pub within: Duration,
    /// Whether it can be asked what it has: then one may be sent once more that it does not have.
    pub has_history: bool,
}

impl Window {
    /// Until when a request may begin to be sent once more that was first sent at a time.
    pub fn ends_at(self, first_sent_at: Instant) -> Option<Instant> {
        let left = self.dedup?.checked_sub(self.within)?;
        let left_us = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        Some(Instant(first_sent_at.0.saturating_add(left_us)))
    }
}

/// What is to be done about an export whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is sent.
    Send,
    /// It may have arrived, and the merchant still knows its key: the same is sent once more, if that
    /// begins before this time.
    Repeat(Instant),
    /// It may have arrived, and must not be repeated: the merchant can be asked, or a person.
    Ask,
    /// Its time has not come: not before then.
    Wait(Instant),
    /// Nothing: it waits for a person, or is settled.
    Rest,
}

/// What is to be done about an export that stands in a state, is due at a time, and was first sent at one.
/// In flight is what nobody has in hand any more: whoever did is gone.
pub fn turn(
    state: ExportState,
    due_at: Option<Instant>,
    first_sent_at: Option<Instant>,
    window: Window,
    now: Instant,
) -> Turn {
    let is_early = due_at.filter(|due| *due > now);
    match (state, is_early) {
        (ExportState::Retrying | ExportState::Uncertain, Some(due)) => Turn::Wait(due),
        (ExportState::Pending | ExportState::Retrying, _) => Turn::Send,
        (ExportState::Uncertain, None) if due_at.is_none() => Turn::Rest,
        (ExportState::InFlight | ExportState::Uncertain, _) => {
            let ends_at = first_sent_at.and_then(|first| window.ends_at(first));
            match ends_at.filter(|ends_at| now < *ends_at) {
                Some(ends_at) => Turn::Repeat(ends_at),
                None => Turn::Ask,
            }
        }
        _ => Turn::Rest,
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The merchant has it.
    Delivered,
    /// The merchant has it already, or is not to hear of it: why.
    Skipped(String),
    /// The merchant wants it again, or nothing of it arrived: why.
    Again(String),
    /// The merchant will not take it: why.
    Refused(String),
    /// It may have arrived: why nobody knows.
    Unanswered(String),
    /// It cannot be sent until somebody mends something: what.
    NotConfigured(String),
}

/// What was known of an export when its try began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether a request before this one may have arrived.
    pub is_uncertain: bool,
    /// When the first request may have left.
    pub first_sent_at: Option<Instant>,
    /// When the retry plan tries it again; `None` where it gives up.
    pub next_try: Option<Instant>,
}

/// Where an export stands after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: ExportState,
    /// Why, where it is not delivered.
    pub reason: Option<String>,
    /// When it is sent again by itself.
    pub due_at: Option<Instant>,
}

/// Where an export stands after what came of a try that ended now.
pub fn stands(outcome: Outcome, known: Known, window: Window, now: Instant) -> Standing {
    let at = |state, reason, due_at| Standing {
        state,
        reason: Some(reason),
        due_at,
    };
    let in_window = || again_within(known, window, now);
    match outcome {
        Outcome::Delivered => Standing {
            state: ExportState::Delivered,
            reason: None,
            due_at: None,
        },
        Outcome::Skipped(reason) => at(ExportState::Skipped, reason, None),
        Outcome::Refused(reason) => at(ExportState::Failed, reason, None),
        Outcome::Unanswered(reason) => at(ExportState::Uncertain, reason, in_window()),
        Outcome::NotConfigured(reason) if known.is_uncertain => {
            at(ExportState::Uncertain, reason, None)
        }
        Outcome::NotConfigured(reason) => at(ExportState::Held, reason, None),
        Outcome::Again(reason) if known.is_uncertain => at(
            ExportState::Uncertain,
            format!("it may have arrived before; then: {reason}"),
            in_window(),
        ),
        Outcome::Again(reason) => match known.next_try {
            Some(due) => at(ExportState::Retrying, reason, Some(due)),
            None => at(
                ExportState::Failed,
                format!("given up after the last try of its plan: {reason}"),
                None,
            ),
        },
    }
}

/// When what may have arrived is sent again: when the retry plan says so; where that is too late, when
/// half of what is left of the window is over. A merchant that can be asked is asked at any time. `None` where nothing is left of one or the other.
fn again_within(known: Known, window: Window, now: Instant) -> Option<Instant> {
    let next_try = known.next_try?;
    if window.has_history {
        return Some(next_try);
    }
    let ends_at = window.ends_at(known.first_sent_at?)?;
    let half_us = (ends_at.0 - now.0) / 2;
    match next_try < ends_at {
        true => Some(next_try),
        false => (half_us >= SHORTEST_US).then(|| now.plus(half_us)),
    }
}

/// Less than this is not worth waiting for: the window could be over when the turn comes.
const SHORTEST_US: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use ExportState::{Delivered, Failed, Held, InFlight, Pending, Retrying, Skipped, Uncertain};

    const NOW: Instant = Instant(1_000_000_000);
    const FIRST: Instant = Instant(940_000_000);

    fn window(dedup_s: u64) -> Window {
        Window {
            dedup: Some(Duration::from_secs(dedup_s)),
            within: Duration::from_secs(10),
            has_history: false,
        }
    }

    const NONE: Window = Window {
        dedup: None,
        within: Duration::from_secs(10),
        has_history: false,
    };

    #[test]
    fn what_may_have_arrived_is_repeated_within_the_window_alone() {
        // First sent 60 s ago; a request takes up to 10.
        for (dedup_s, expected) in [
            (100, Turn::Repeat(Instant(1_030_000_000))),
            (71, Turn::Repeat(Instant(1_001_000_000))),
            (70, Turn::Ask),
            (5, Turn::Ask),
        ] {
            let found = turn(InFlight, None, Some(FIRST), window(dedup_s), NOW);
            assert_eq!(found, expected, "{dedup_s}");
            let found = turn(Uncertain, Some(NOW), Some(FIRST), window(dedup_s), NOW);
            assert_eq!(found, expected, "{dedup_s}");
        }
        for state in [InFlight, Uncertain] {
            assert_eq!(turn(state, Some(NOW), Some(FIRST), NONE, NOW), Turn::Ask);
            assert_eq!(turn(state, Some(NOW), None, window(9999), NOW), Turn::Ask);
        }
    }

    #[test]
    fn each_state_has_its_turn() {
        let at = |state, due| turn(state, due, Some(FIRST), window(100), NOW);
        let later = NOW.plus(1);
        assert_eq!(at(Pending, None), Turn::Send);
        assert_eq!(at(Retrying, Some(NOW)), Turn::Send);
        assert_eq!(at(Retrying, Some(later)), Turn::Wait(later));
        assert_eq!(at(Uncertain, Some(later)), Turn::Wait(later));
        assert_eq!(at(Uncertain, None), Turn::Rest);
        for state in [Held, Failed, Delivered, Skipped, ExportState::Cancelled] {
            assert_eq!(at(state, None), Turn::Rest, "{state}");
        }
    }

    #[test]
    fn every_outcome_is_a_lawful_move_from_in_flight() {
        let outcomes = |reason: &str| {
            let reason = reason.to_owned();
            [
                Outcome::Delivered,
                Outcome::Skipped(reason.clone()),
                Outcome::Again(reason.clone()),
                Outcome::Refused(reason.clone()),
                Outcome::Unanswered(reason.clone()),
                Outcome::NotConfigured(reason),
            ]
        };
        for is_uncertain in [false, true] {
            for next_try in [None, Some(NOW.plus(5))] {
                let known = Known {
                    is_uncertain,
                    first_sent_at: Some(FIRST),
                    next_try,
                };
                for outcome in outcomes("x") {
                    let stands = stands(outcome.clone(), known, window(100), NOW);
                    assert!(InFlight.may_become(stands.state), "{outcome:?}");
                    // What may be out is never again taken for what is not.
                    let is_open = matches!(stands.state, Retrying | Held);
                    assert!(!(is_uncertain && is_open), "{outcome:?}");
                    let is_due = matches!(stands.state, Retrying | Uncertain);
                    assert!(is_due || stands.due_at.is_none(), "{outcome:?}");
                }
            }
        }
    }

    #[test]
    fn an_uncertain_one_is_due_only_while_the_window_is_open() {
        let known = |next_try| Known {
            is_uncertain: false,
            first_sent_at: Some(FIRST),
            next_try,
        };
        let due = |next_try, window| {
            let outcome = Outcome::Unanswered("no answer".to_owned());
            let stands = stands(outcome, known(next_try), window, NOW);
            assert_eq!(stands.state, Uncertain);
            stands.due_at
        };
        let (soon, late) = (Some(NOW.plus(5_000_000)), Some(NOW.plus(900_000_000)));
        assert_eq!(due(soon, window(100)), soon);
        // 30 s are left: half of them.
        assert_eq!(due(late, window(100)), Some(NOW.plus(15_000_000)));
        assert_eq!(due(soon, window(70)), None);
        assert_eq!(due(late, window(70)), None);
        assert_eq!(due(None, window(100)), None);
        assert_eq!(due(soon, NONE), None);
        let asked = Window {
            has_history: true,
            ..NONE
        };
        assert_eq!(due(late, asked), late);
    }

    #[test]
    fn a_plan_that_is_through_gives_up() {
        let known = Known {
            is_uncertain: false,
            first_sent_at: Some(FIRST),
            next_try: None,
        };
        let stands = stands(Outcome::Again("status 503".into()), known, NONE, NOW);
        assert_eq!(stands.state, Failed);
        assert!(stands.reason.unwrap().contains("status 503"));
    }
}
