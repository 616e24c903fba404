//! The one table of lawful states and of the moves between them. The schema's checks name the same
//! states; what is not in these tables cannot be stored.

use serde::Serialize;
use std::fmt;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal
        => [$($next:ident),*]),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum $name {
            $($(#[$state_doc])* #[serde(rename = $text)] $state,)+
        }

        impl $name {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$state),+];

            /// The stored name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$state => $text,)+ }
            }

            /// The state stored under a name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.as_str() == name)
            }

            /// Whether this state may be left for that one.
            pub fn may_become(self, next: Self) -> bool {
                match self { $(Self::$state => [$(Self::$next),*].contains(&next),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

states! {
    /// Where an imported file stands.
    FileState {
        /// Being read; a crash leaves it so, and the next import goes on where it stopped.
        Importing = "IMPORTING" => [Imported, Refused],
        /// Read to its end.
        Imported = "IMPORTED" => [],
        /// Not taken: nothing in it could be trusted.
        Refused = "REFUSED" => [],
    }
}

states! {
    /// Where an export stands on its way to the merchant.
    ///
    /// `PENDING` is before anything is sent, or after a person wants it sent once more. Sent over HTTP, it
    /// is `IN_FLIGHT` from the commit that freezes its request to the commit that says what came of it.
    /// What may have arrived without an answer is `UNCERTAIN` until an answer settles it: never `RETRYING`,
    /// which is safe to send again at any time.
    ExportState {
        /// Made with its match, not yet sent; or released by a person.
        Pending = "PENDING"
            => [InFlight, Delivered, Retrying, Held, Failed, Skipped, Cancelled],
        /// Being sent, or it was when its process ended: then nobody knows whether it arrived.
        InFlight = "IN_FLIGHT"
            => [InFlight, Delivered, Retrying, Uncertain, Held, Failed, Skipped],
        /// The merchant has it.
        Delivered = "DELIVERED" => [],
        /// A try failed, and surely nothing came of it; another is due.
        Retrying = "RETRYING"
            => [InFlight, Pending, Delivered, Retrying, Held, Failed, Skipped, Cancelled],
        /// It may have arrived, and no answer came.
        Uncertain = "UNCERTAIN"
            => [InFlight, Pending, Delivered, Uncertain, Failed, Skipped, Cancelled],
        /// Kept back until somebody mends what is missing or releases it.
        Held = "HELD" => [Pending, Cancelled],
        /// Given up.
        Failed = "FAILED" => [Pending, Cancelled],
        /// Not to be sent: the merchant has it already, or does not want to hear of it.
        Skipped = "SKIPPED" => [],
        /// Its match was undone before it was sent, or a person gave it up: the merchant is not told.
        Cancelled = "CANCELLED" => [],
    }
}

impl ExportState {
    /// Whether it is over: nothing moves it any more.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Delivered | Self::Skipped | Self::Cancelled)
    }

    /// Whether the merchant is not being told and, unless a request was sent before a person had a hand in
    /// it, surely does not know of it: its match can be undone.
    pub fn is_surely_untold(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Retrying | Self::Held | Self::Failed
        )
    }
}

states! {
    /// Where a record that was not taken stands.
    RejectState {
        /// Something is wrong with it; it waits for a person.
        Rejected = "REJECTED" => [Quarantined, Replayed],
        /// Sound, but nobody onboarded its MID or location; it goes on by itself when they do.
        Quarantined = "QUARANTINED" => [Rejected, Replayed],
        /// Taken up after all, or found to be in already.
        Replayed = "REPLAYED" => [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_delivered_is_never_queued_again() {
        for next in ExportState::ALL {
            assert!(!ExportState::Delivered.may_become(*next));
        }
    }

    #[test]
    fn what_may_have_arrived_is_never_taken_for_what_did_not() {
        assert!(!ExportState::Uncertain.may_become(ExportState::Retrying));
        assert!(!ExportState::Uncertain.may_become(ExportState::Held));
        assert!(!ExportState::InFlight.may_become(ExportState::Pending));
        assert!(!ExportState::InFlight.may_become(ExportState::Cancelled));
    }

    #[test]
    fn what_is_settled_is_never_left() {
        for state in ExportState::ALL {
            let is_left = ExportState::ALL.iter().any(|next| state.may_become(*next));
            assert_eq!(state.is_settled(), !is_left, "{state}");
        }
    }

    #[test]
    fn names_read_back() {
        for state in ExportState::ALL {
            assert_eq!(ExportState::from_name(state.as_str()), Some(*state));
        }
    }
}
