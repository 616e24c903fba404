//! Which payment and which sale are one purchase.
//!
//! [`rules`] compiles a scheme's `[matching]` table; [`filter`] is the vocabulary those rules are
//! written in; [`reach`] says which sales a payment's rule could accept at all, so that nothing
//! else is ever loaded; [`decide()`] takes payments in the order they came and gives each its
//! sale, or the reason why it stays open, and [`lanes`] does so on several threads; [`contest`]
//! finds those that came too late with better evidence; [`why`] explains any one of them to a
//! person, and [`near`] says which sale was nearly a payment's; [`several`] finds what was paid in
//! parts; [`backtest`] says what other rules would have made of the past.
//!
//! A decision is a function of the payments, the sales and their order. There is no clock, no
//! batch size and no number of workers in it.

pub mod backtest;
pub mod contest;
pub mod decide;
pub mod filter;
pub mod lanes;
pub mod near;
pub mod reach;
pub mod rules;
pub mod sales;
pub mod several;
pub mod why;

pub use decide::{Decision, Evidence, MatchKind, OpenReason, decide};
pub use lanes::decide_in_lanes;
pub use reach::Reach;
pub use rules::Rules;
pub use sales::SaleIndex;

use crate::card::CardDigits;
use crate::ids::{MidSetId, PaymentId, SaleId, SchemeId, Slug};
use crate::money::Money;
use crate::time::{Instant, Moment};
use compact_str::CompactString;
use std::sync::Arc;

/// A payment, identified and ready to be decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Payment {
    /// Its row.
    pub id: PaymentId,
    /// The scheme its MID belongs to.
    pub scheme: SchemeId,
    /// Its network.
    pub provider: Slug,
    /// Every MID list of the scheme's sales that holds its MID.
    pub mid_sets: Arc<[MidSet]>,
    /// When it was paid.
    pub when: Moment,
    /// What was paid.
    pub amount: Money,
    /// Its authorisation code.
    pub auth_code: Option<CompactString>,
    /// The digits its feed gave.
    pub digits: CardDigits,
    /// The digits of the identified user's card.
    pub user_card: CardDigits,
    /// The stamp of the commit that brought it.
    pub imported_at: Instant,
}

impl AsRef<Self> for Payment {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A sale that may be a payment's other half.
#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    /// Its row.
    pub id: SaleId,
    /// The list of MIDs it may have been paid at.
    pub mid_set: MidSetId,
    /// The card network, where the till knew it.
    pub provider: Option<Slug>,
    /// When it was rung up.
    pub when: Moment,
    /// What was bought, in money.
    pub amount: Money,
    /// Its authorisation code.
    pub auth_code: Option<CompactString>,
    /// The digits the till saw.
    pub digits: CardDigits,
    /// The stamp of the commit that brought it.
    pub imported_at: Instant,
}

/// One distinct list of MIDs that sales of a scheme carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MidSet {
    /// Its row.
    pub id: MidSetId,
    /// Whether any of its sales is known only to the day, and so stored at its midnight.
    pub has_days: bool,
}
