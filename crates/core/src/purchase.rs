//! AUTH and SETTLED of one purchase: which of them counts, and what becomes of the other.
//!
//! A card is authorised within seconds and settled hours or days later; the two come by different
//! feeds, in either order, and share a settlement key. One purchase is rewarded once, so one row of
//! it counts at a time:
//!
//! - an AUTH counts until a SETTLED with its key is known, and is then `SUPERSEDED`;
//! - a SETTLED takes over from an AUTH that is still open, with what that knew and it does not;
//! - a SETTLED whose AUTH is matched already is its `SETTLEMENT`, with the difference in money; so it
//!   is where the AUTH was swept, because the merchant was told of the purchase then;
//! - a second AUTH, or a second SETTLED, of one key is a `DUPLICATE` of the first.
//!
//! A refund shares the key and is never the same purchase.

use crate::card::CardDigits;
use crate::ids::{PaymentId, SchemeId};
use crate::matching::Payment;
use crate::money::Money;
use crate::transaction::FeedType;
use compact_str::CompactString;
use serde::Serialize;

/// How a payment ends that is not matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndKind {
    /// An AUTH whose purchase counts by its SETTLED.
    Superseded,
    /// A SETTLED whose AUTH was matched, or swept, before it came.
    Settlement,
    /// A second AUTH, or a second SETTLED, of one purchase.
    Duplicate,
    /// Sent straight to the merchant.
    Streamed,
    /// Given up after the scheme's time for it, and handed to the export of the unmatched.
    Unmatched,
}

impl EndKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Superseded,
        Self::Settlement,
        Self::Duplicate,
        Self::Streamed,
        Self::Unmatched,
    ];

    /// The stored name, which is also the payment's status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "SUPERSEDED",
            Self::Settlement => "SETTLEMENT",
            Self::Duplicate => "DUPLICATE",
            Self::Streamed => "STREAMED",
            Self::Unmatched => "UNMATCHED",
        }
    }

    /// The kind of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What it means, in words for a person.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Superseded => "an authorisation whose purchase counts by its settlement",
            Self::Settlement => {
                "the settlement of a purchase that was matched, or swept, by its authorisation"
            }
            Self::Duplicate => "another payment of the same type has the same settlement key",
            Self::Streamed => "sent straight to the merchant, as its scheme wants it",
            Self::Unmatched => {
                "given up after the scheme's time, and handed to its own export; what comes later is \
                 not matched with it"
            }
        }
    }

    /// Whether the merchant is told of it.
    pub fn is_exported(self) -> bool {
        matches!(self, Self::Streamed | Self::Unmatched)
    }
}

/// Where a payment of a purchase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Neither matched nor ended.
    Open,
    /// It has its match.
    Matched,
    /// It ended otherwise.
    Ended(EndKind),
}

/// One AUTH or SETTLED of a purchase.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its row; rows are numbered in the order they came.
    pub id: PaymentId,
    /// AUTH or SETTLED.
    pub feed_type: FeedType,
    /// The scheme its MID belongs to.
    pub scheme: SchemeId,
    /// How much.
    pub amount: Money,
    /// Its authorisation code.
    pub auth_code: Option<CompactString>,
    /// The digits its feed gave.
    pub digits: CardDigits,
    /// Where it stands.
    pub stage: Stage,
}

/// What a payment is within its purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It counts: it is to be identified and matched, or streamed.
    Counts {
        /// The AUTH it takes over from, if there is one.
        after: Option<PaymentId>,
        /// Whether that AUTH is still to be marked as superseded.
        supersedes: bool,
    },
    /// It does not count.
    Ends {
        /// How it ends.
        kind: EndKind,
        /// The payment of the purchase that counts instead.
        other: PaymentId,
        /// For a settlement: its amount less that of the AUTH, in minor units.
        difference_minor: Option<i64>,
    },
}

impl Role {
    /// The role of a payment that shares its key with no other.
    pub const ALONE: Self = Self::Counts {
        after: None,
        supersedes: false,
    };
}

/// What a payment that had no turn yet, or is open, is within its purchase.
///
/// `parts` are the AUTHs and SETTLEDs with its key that are known, itself among them, in the order
/// they came. `streamed` are payments that are sent on as they are: they stand for themselves, and
/// only a second of one type is too many.
pub fn role(payment: PaymentId, feed_type: FeedType, parts: &[Part], streamed: bool) -> Role {
    let first = |wanted: FeedType| parts.iter().find(|part| part.feed_type == wanted);
    if let Some(same) = first(feed_type).filter(|part| part.id < payment) {
        return ends(EndKind::Duplicate, same.id);
    }
    if streamed {
        return Role::ALONE;
    }
    match feed_type {
        FeedType::Auth => match first(FeedType::Settled) {
            Some(settled) => ends(EndKind::Superseded, settled.id),
            None => Role::ALONE,
        },
        FeedType::Settled => match first(FeedType::Auth) {
            Some(auth) => settled(payment, auth, parts),
            None => Role::ALONE,
        },
        FeedType::Merchant | FeedType::Refund | FeedType::Answer => Role::ALONE,
    }
}

fn ends(kind: EndKind, other: PaymentId) -> Role {
    Role::Ends {
        kind,
        other,
        difference_minor: None,
    }
}

fn settled(payment: PaymentId, auth: &Part, parts: &[Part]) -> Role {
    let is_told = matches!(
        auth.stage,
        Stage::Matched | Stage::Ended(EndKind::Unmatched)
    );
    if !is_told {
        return Role::Counts {
            after: Some(auth.id),
            supersedes: auth.stage == Stage::Open,
        };
    }
    let own = parts.iter().find(|part| part.id == payment);
    Role::Ends {
        kind: EndKind::Settlement,
        other: auth.id,
        difference_minor: own
            .filter(|own| own.amount.currency == auth.amount.currency)
            .map(|own| own.amount.minor - auth.amount.minor),
    }
}

/// Lends a SETTLED what its AUTH knew and it does not: digits and authorisation code.
pub fn inherit(payment: &mut Payment, auth: &Part) {
    if payment.auth_code.is_none() {
        payment.auth_code.clone_from(&auth.auth_code);
    }
    if payment.digits.first_six.is_none() && payment.digits.last_four.is_none() {
        payment.digits = auth.digits;
    } else if payment.digits.first_six.is_none()
        && payment.digits.last_four == auth.digits.last_four
    {
        payment.digits.first_six = auth.digits.first_six;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn part(id: i64, feed_type: FeedType, minor: i64, stage: Stage) -> Part {
        Part {
            id: PaymentId(id),
            feed_type,
            scheme: SchemeId(1),
            amount: Money {
                minor,
                currency: Currency::GBP,
            },
            auth_code: None,
            digits: CardDigits::default(),
            stage,
        }
    }

    #[test]
    fn a_settlement_takes_over_from_an_open_authorisation_in_either_order() {
        for (auth, settled) in [(1, 2), (2, 1)] {
            let mut parts = vec![
                part(auth, FeedType::Auth, 100, Stage::Open),
                part(settled, FeedType::Settled, 120, Stage::Open),
            ];
            parts.sort_by_key(|part| part.id);
            assert_eq!(
                role(PaymentId(auth), FeedType::Auth, &parts, false),
                ends(EndKind::Superseded, PaymentId(settled))
            );
            assert_eq!(
                role(PaymentId(settled), FeedType::Settled, &parts, false),
                Role::Counts {
                    after: Some(PaymentId(auth)),
                    supersedes: true
                }
            );
        }
    }

    #[test]
    fn a_settlement_of_a_matched_authorisation_is_recorded_with_its_difference() {
        let parts = [
            part(1, FeedType::Auth, 1000, Stage::Matched),
            part(2, FeedType::Settled, 1150, Stage::Open),
        ];
        assert_eq!(
            role(PaymentId(2), FeedType::Settled, &parts, false),
            Role::Ends {
                kind: EndKind::Settlement,
                other: PaymentId(1),
                difference_minor: Some(150),
            }
        );
    }

    #[test]
    fn a_purchase_that_was_swept_by_its_authorisation_is_not_told_again_by_its_settlement() {
        let swept = Stage::Ended(EndKind::Unmatched);
        let parts = [
            part(1, FeedType::Auth, 1000, swept),
            part(2, FeedType::Settled, 1000, Stage::Open),
        ];
        assert_eq!(
            role(PaymentId(2), FeedType::Settled, &parts, false),
            Role::Ends {
                kind: EndKind::Settlement,
                other: PaymentId(1),
                difference_minor: Some(0),
            }
        );
    }

    #[test]
    fn the_second_of_a_type_is_a_duplicate_and_streams_stand_for_themselves() {
        let parts = [
            part(1, FeedType::Auth, 1000, Stage::Open),
            part(2, FeedType::Auth, 1000, Stage::Open),
            part(3, FeedType::Settled, 1000, Stage::Open),
        ];
        for streamed in [false, true] {
            assert_eq!(
                role(PaymentId(2), FeedType::Auth, &parts, streamed),
                ends(EndKind::Duplicate, PaymentId(1))
            );
        }
        assert_eq!(
            role(PaymentId(1), FeedType::Auth, &parts, true),
            Role::ALONE
        );
        assert_eq!(
            role(PaymentId(3), FeedType::Settled, &parts, true),
            Role::ALONE
        );
        assert_eq!(
            role(PaymentId(9), FeedType::Refund, &parts, false),
            Role::ALONE
        );
    }
}
