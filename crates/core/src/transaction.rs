//! The two kinds of transaction as their feeds tell them: payments and sales, typed and checked,
//! before anything is known of schemes, identities or matches.

use crate::card::{CardDigits, CardToken};
use crate::ids::Slug;
use crate::money::Money;
use crate::time::{Day, Instant, Moment};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What a feed brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeedType {
    /// What a merchant's tills say was bought.
    Merchant,
    /// A card authorised, seconds after the purchase; it may never settle.
    Auth,
    /// Money moved, hours to days later.
    Settled,
    /// Money went back; the amount is negative.
    Refund,
    /// What a merchant answered to an export: no transaction, but what became of one that it was told.
    Answer,
}

impl FeedType {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Merchant,
        Self::Auth,
        Self::Settled,
        Self::Refund,
        Self::Answer,
    ];

    /// The name in tables and agent files' examples: `MERCHANT`, `AUTH`, `SETTLED`, `REFUND`,
    /// `ANSWER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "MERCHANT",
            Self::Auth => "AUTH",
            Self::Settled => "SETTLED",
            Self::Refund => "REFUND",
            Self::Answer => "ANSWER",
        }
    }

    /// The feed type named so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|feed_type| feed_type.as_str() == name)
    }

    /// Whether records of this type are payments; the others are sales, or answers.
    pub fn is_payment(self) -> bool {
        matches!(self, Self::Auth | Self::Settled | Self::Refund)
    }
}

impl fmt::Display for FeedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The merchant identifiers a payment carries. At least one is present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identifiers {
    /// The acceptor's own identifier: the MID proper.
    pub primary: Option<CompactString>,
    /// A store or location id of the network.
    pub secondary: Option<CompactString>,
    /// The network's id of the whole merchant.
    pub psimi: Option<CompactString>,
}

/// Where a sale was made, as the till says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// A location of the merchant, standing for all MIDs onboarded for it.
    pub location: Option<CompactString>,
    /// MIDs; where a location is given too, these count when it is not known.
    pub mids: Vec<CompactString>,
}

/// A payment as its feed tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentRecord {
    /// The provider's own id, or what stands for it.
    pub transaction_id: CompactString,
    /// What the AUTH and the SETTLED of one purchase share; `None` where the feed names none, and
    /// the transaction id stands for it.
    pub settlement_key: Option<CompactString>,
    /// Which terminal or merchant took it.
    pub identifiers: Identifiers,
    /// When it was paid.
    pub when: Moment,
    /// What was paid; negative for a refund.
    pub amount: Money,
    /// Whose card, as the network names it.
    pub card_token: CardToken,
    /// The authorisation code, trimmed; blanks only is none.
    pub auth_code: Option<CompactString>,
    /// The approval code, trimmed; blanks only is none.
    pub approval_code: Option<CompactString>,
    /// The card's digits, where the feed has them.
    pub digits: CardDigits,
    /// Further fields to keep, as a JSON object.
    pub extra: Option<Box<str>>,
}

/// A sale as the merchant's feed tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct SaleRecord {
    /// The till's own id, or what stands for it.
    pub transaction_id: CompactString,
    /// Where.
    pub place: Place,
    /// The card network, where the till knows it.
    pub payment_provider: Option<Slug>,
    /// When it was rung up.
    pub when: Moment,
    /// What was bought, in money.
    pub amount: Money,
    /// The authorisation code, trimmed; blanks only is none.
    pub auth_code: Option<CompactString>,
    /// The card's digits (or its phone's), where the till has them.
    pub digits: CardDigits,
    /// Further fields to keep, as a JSON object.
    pub extra: Option<Box<str>>,
}

/// What a merchant answered to one export, as its feed tells it. At least one of the two ids is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRecord {
    /// The export's own key, as the merchant was told it.
    pub export_uid: Option<Uuid>,
    /// The id of the transaction that the merchant was told of.
    pub transaction_id: Option<CompactString>,
    /// What the merchant made of it, in its own words.
    pub result: CompactString,
}

/// By what a transaction is known, and what two records of one must agree in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The provider's own id, or what stands for it.
    pub transaction_id: CompactString,
    /// When it was; it is known under the UTC day of it.
    pub date: Instant,
    /// How much it was.
    pub amount: Money,
}

impl Told {
    /// The day under which it is known.
    pub fn day(&self) -> Day {
        self.date.day()
    }
}

impl PaymentRecord {
    /// By what it is known.
    pub fn told(&self) -> Told {
        Told {
            transaction_id: self.transaction_id.clone(),
            date: self.when.start,
            amount: self.amount,
        }
    }
}

impl SaleRecord {
    /// By what it is known.
    pub fn told(&self) -> Told {
        Told {
            transaction_id: self.transaction_id.clone(),
            date: self.when.start,
            amount: self.amount,
        }
    }
}
