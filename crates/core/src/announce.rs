//! What others are told beside the merchants: that an export was tried, that one was not sent because the
//! merchant has it already, that a merchant is no longer told.
//!
//! An announcement is written in the commit of what it tells, and leaves from there (the outbox): nothing
//! waits for it, and none is lost. It is told at least once, under an id by which it is known again.

use crate::ids::Slug;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// To whom an announcement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// An export was tried: for those who show customers their purchases, and for the data warehouse.
    ExportAttempt,
    /// Something happened to an export that is no try: for the data warehouse.
    ExportEvent,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 2] = [Self::ExportAttempt, Self::ExportEvent];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExportAttempt => "export.attempt",
            Self::ExportEvent => "export.event",
        }
    }

    /// The topic that is stored under a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// Something that others are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// By what it is known again, should it come twice.
    pub uid: Uuid,
    /// The merchant it is about.
    pub provider: Slug,
    /// What is told: a JSON document, without secrets.
    pub body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back() {
        for topic in Topic::ALL {
            assert_eq!(Topic::from_name(topic.as_str()), Some(topic));
        }
    }
}
