//! Commits that are made side by side and take effect one after the other.
//!
//! A store with several writers can write the rows of one batch of a file while those of the batch before
//! it become durable. What must not change by that: rows are numbered in the order of their records, and
//! no commit is made unless the one before it was.

use compact_str::CompactString;
use harmonia_core::money::Money;
use harmonia_core::time::Instant;
use hashbrown::HashMap;
use tokio::sync::watch;

/// How far a commit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begun,
    /// It has its numbers: whoever follows may take the next.
    Numbered,
    Over(Before),
}

/// What became of the commit before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It was made as it was begun.
    Made {
        /// Whether all of its records were new.
        all_new: bool,
    },
    /// It was made at another try: its numbers may be later than those that were taken meanwhile.
    MadeAnew,
    /// It was not made.
    Undone,
}

/// The place of a commit in a row of them. One that is dropped says that its commit was not made.
#[derive(Debug)]
pub struct Turn {
    before: Option<watch::Receiver<Stage>>,
    own: watch::Sender<Stage>,
    /// The transactions of the commit before that come again in this one: when each was, and how much.
    pub again: HashMap<CompactString, (Instant, Money)>,
}

impl Turn {
    /// The first of a row: nothing is waited for.
    pub fn first() -> Self {
        Self {
            before: None,
            own: watch::channel(Stage::Begun).0,
            again: HashMap::new(),
        }
    }

    /// The one after this.
    pub fn next(&self) -> Self {
        Self {
            before: Some(self.own.subscribe()),
            ..Self::first()
        }
    }

    /// Waits until the commit before has its numbers, or is over.
    pub async fn to_take_numbers(&self) {
        self.wait(|stage| *stage != Stage::Begun).await;
    }

    /// Lets the commit after this take its numbers.
    pub fn took_numbers(&self) {
        self.own.send_if_modified(|stage| {
            let begun = *stage == Stage::Begun;
            if begun {
                *stage = Stage::Numbered;
            }
            begun
        });
    }

    /// Waits until the commit before is over, and says what became of it.
    pub async fn to_commit(&self) -> Before {
        match self.wait(|stage| matches!(stage, Stage::Over(_))).await {
            Some(Stage::Over(before)) => before,
            _ => Before::Undone,
        }
    }

    /// Whether the commit before is over, so that nothing has to be waited for.
    pub fn has_come(&self) -> bool {
        let is_over = |before: &watch::Receiver<Stage>| matches!(*before.borrow(), Stage::Over(_));
        self.before.as_ref().is_none_or(is_over)
    }

    /// This commit is durable.
    pub fn made(self, how: Before) {
        self.own.send_replace(Stage::Over(how));
    }

    /// The stage that was waited for; `None` where the commit before was dropped.
    async fn wait(&self, is_it: impl FnMut(&Stage) -> bool) -> Option<Stage> {
        let Some(before) = &self.before else {
            return Some(Stage::Over(Before::Made { all_new: true }));
        };
        let mut before = before.clone();
        let reached = before.wait_for(is_it).await;
        reached.ok().map(|stage| *stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    /// Whether a future is over at its first poll.
    async fn is_ready<T>(waiting: impl Future<Output = T>) -> bool {
        let mut waiting = pin!(waiting);
        poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn numbers_come_in_turn_and_so_do_commits() {
        let first = Turn::first();
        let second = first.next();
        assert!(first.has_come() && !second.has_come());
        assert!(!is_ready(second.to_take_numbers()).await);
        first.took_numbers();
        assert!(is_ready(second.to_take_numbers()).await);
        assert!(!is_ready(second.to_commit()).await);
        let made = Before::Made { all_new: false };
        first.made(made);
        assert_eq!(second.to_commit().await, made);
        assert!(second.has_come());
    }

    #[tokio::test]
    async fn what_was_made_anew_or_not_at_all_is_told() {
        let first = Turn::first();
        let second = first.next();
        let third = second.next();
        first.made(Before::MadeAnew);
        assert_eq!(second.to_commit().await, Before::MadeAnew);
        drop(second);
        third.to_take_numbers().await;
        assert_eq!(third.to_commit().await, Before::Undone);
    }
}
