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
    ExportState {
        /// Made with its match, not yet sent.
        Pending = "PENDING" => [Delivered, Retrying, Held, Failed, Cancelled],
        /// The merchant has it.
        Delivered = "DELIVERED" => [],
        /// A try failed; another is due.
        Retrying = "RETRYING" => [Delivered, Retrying, Held, Failed, Cancelled],
        /// Kept back until somebody mends what is missing or releases it.
        Held = "HELD" => [Pending, Cancelled],
        /// Given up.
        Failed = "FAILED" => [Pending, Cancelled],
        /// Its match was undone before it was sent: the merchant is never told.
        Cancelled = "CANCELLED" => [],
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
    fn names_read_back() {
        for state in ExportState::ALL {
            assert_eq!(ExportState::from_name(state.as_str()), Some(*state));
        }
    }
}
