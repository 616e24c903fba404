//! Giving each payment its sale, in the order the payments came.

use super::filter::{Filter, gap_us};
use super::rules::{Kind, Rule, Rules, Step};
use super::sales::Place;
use super::{Payment, Sale, SaleIndex};
use crate::ids::{PaymentId, SaleId};
use crate::money::Money;
use serde::Serialize;
use smallvec::SmallVec;
use std::fmt::{self, Write as _};

/// How a match came about. `NON_LOYALTY` and `MIXED` are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MatchKind {
    /// A payment and a sale, by rule.
    Loyalty,
    /// A payment alone, on sight.
    Spotted,
    /// A payment and a sale, by a person.
    Forced,
}

impl MatchKind {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loyalty => "LOYALTY",
            Self::Spotted => "SPOTTED",
            Self::Forced => "FORCED",
        }
    }
}

/// Why a payment is still open after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OpenReason {
    /// Nobody knows the card yet.
    Unidentified,
    /// The identity service knows no such scheme.
    NoScheme,
    /// The card is known, but not its account in this scheme.
    NoAccount,
    /// The card's account is known, but not its digits.
    NoCardInformation,
    /// The scheme's agent file has no `[matching]`.
    NotMatched,
    /// The scheme has no rule for this provider.
    NoRule,
    /// No open sale fits.
    NoSale,
    /// More than one open sale fits, and nothing tells them apart.
    Ambiguous,
    /// No open sale fits, and one that fits better than it does the payment that took it is gone.
    Contested,
    /// Its match was undone by a person.
    Undone,
}

impl OpenReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Unidentified,
        Self::NoScheme,
        Self::NoAccount,
        Self::NoCardInformation,
        Self::NotMatched,
        Self::NoRule,
        Self::NoSale,
        Self::Ambiguous,
        Self::Contested,
        Self::Undone,
    ];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unidentified => "UNIDENTIFIED",
            Self::NoScheme => "NO_SCHEME",
            Self::NoAccount => "NO_ACCOUNT",
            Self::NoCardInformation => "NO_CARD_INFORMATION",
            Self::NotMatched => "NOT_MATCHED",
            Self::NoRule => "NO_RULE",
            Self::NoSale => "NO_SALE",
            Self::Ambiguous => "AMBIGUOUS",
            Self::Contested => "CONTESTED",
            Self::Undone => "UNDONE",
        }
    }

    /// The reason of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// What it means, in words for a person.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Unidentified => "nobody has linked this card yet; it is asked again",
            Self::NoScheme => "the identity service knows no such scheme; it is asked again",
            Self::NoAccount => "the card is linked, but has no account in this scheme",
            Self::NoCardInformation => "the card is linked, but its digits are not known",
            Self::NotMatched => "the scheme's agent file has no [matching] section",
            Self::NoRule => "the scheme has no matching rule for this payment provider",
            Self::NoSale => "no open sale fits it yet; a later sale reopens it",
            Self::Ambiguous => "more than one sale fits and nothing tells them apart",
            Self::Contested => {
                "the sale that fits it best was taken by an earlier payment that it fits less well"
            }
            Self::Undone => {
                "its match was undone by a person; another sale may still be found for it"
            }
        }
    }

    /// Whether a person should look at it.
    pub fn is_for_review(self) -> bool {
        matches!(self, Self::Ambiguous | Self::Contested | Self::Undone)
    }

    /// Whether the payment waits for whose card it was.
    pub fn waits_for_identity(self) -> bool {
        matches!(
            self,
            Self::Unidentified | Self::NoScheme | Self::NoAccount | Self::NoCardInformation
        )
    }
}

impl fmt::Display for OpenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a payment at its turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It has its match; a spotted one has no sale.
    Matched {
        /// How.
        kind: MatchKind,
        /// The sale.
        sale: Option<SaleId>,
        /// What decided it.
        evidence: Evidence,
    },
    /// It stays open.
    Open(OpenReason),
}

/// Counts of candidates, step by step; few enough to need no memory of their own.
pub type Kept = SmallVec<[u32; 4]>;

/// What decided a match: enough to tell a person why, without running the rule again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How many sales were in reach, then how many each step of `keep`, and each tie-breaker that
    /// was needed, left.
    pub kept: Kept,
    /// How far apart the two times are, in microseconds.
    pub gap_us: i64,
    /// Which fields were equal.
    pub equal: Equal,
}

/// Which fields of a payment and its sale were equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Equal {
    /// The auth codes.
    pub auth_code: bool,
    /// The digits of the payment's own feed.
    pub dpan: bool,
    /// The digits of the user's card.
    pub card: bool,
}

impl Evidence {
    /// The stored JSON: `{"kept":[2,1],"gap_us":0,"equal":["auth_code"]}`.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(80);
        json.push_str("{\"kept\":[");
        for (at, count) in self.kept.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}{count}");
        }
        let _ = write!(json, "],\"gap_us\":{},\"equal\":[", self.gap_us);
        let equal = [
            (self.equal.auth_code, "\"auth_code\""),
            (self.equal.dpan, "\"dpan\""),
            (self.equal.card, "\"card\""),
        ];
        let mut comma = "";
        for (_, name) in equal.iter().filter(|(holds, _)| *holds) {
            json.push_str(comma);
            json.push_str(name);
            comma = ",";
        }
        json.push_str("]}");
        json
    }
}

/// Decides payments one after the other, each against the sales that are open when its turn comes.
/// The decisions come in the order of the payments.
///
/// A scheme without rules leaves its payments open.
pub fn decide<'a, P: AsRef<Payment>>(
    payments: &[P],
    sales: &mut SaleIndex,
    rules_of: impl Fn(&Payment) -> Option<&'a Rules>,
) -> Vec<(PaymentId, Decision)> {
    let mut candidates = Vec::new();
    let mut decisions: Vec<(PaymentId, Decision)> = payments
        .iter()
        .map(|payment| (payment.as_ref().id, Decision::Open(OpenReason::NotMatched)))
        .collect();
    for (_, turn) in turns(payments) {
        let payment = payments[turn].as_ref();
        let Some(rules) = rules_of(payment) else {
            continue;
        };
        decisions[turn].1 = decide_payment(payment, rules, sales, &mut candidates);
    }
    decisions
}

/// The payments' turns: amount by amount, and within one in their own order. Only payments of one
/// amount can compete for a sale, so this gives what one turn after the other gives, with all that
/// is looked at close together.
fn turns<P: AsRef<Payment>>(payments: &[P]) -> Vec<(Money, usize)> {
    let amount = |(turn, payment): (usize, &P)| (payment.as_ref().amount, turn);
    let mut turns: Vec<(Money, usize)> = payments.iter().enumerate().map(amount).collect();
    turns.sort_unstable();
    turns
}

fn decide_payment(
    payment: &Payment,
    rules: &Rules,
    sales: &mut SaleIndex,
    candidates: &mut Vec<Place>,
) -> Decision {
    if rules.kind == Kind::Spotted {
        let evidence = Evidence::default();
        return Decision::Matched {
            kind: MatchKind::Spotted,
            sale: None,
            evidence,
        };
    }
    match rules.for_provider(&payment.provider) {
        None => Decision::Open(OpenReason::NoRule),
        Some(rule) => decide_one(payment, rule, rules, sales, candidates),
    }
}

fn decide_one(
    payment: &Payment,
    rule: &Rule,
    rules: &Rules,
    sales: &mut SaleIndex,
    candidates: &mut Vec<Place>,
) -> Decision {
    candidates.clear();
    sales.in_reach(payment, rule, rules, candidates);
    let mut kept = Kept::new();
    kept.push(count(candidates));
    for step in &rule.keep {
        if candidates.is_empty() {
            break;
        }
        let filters = step.for_payment(payment);
        candidates.retain(|place| passes(filters, rules, payment, sales.sale(*place)));
        kept.push(count(candidates));
    }
    for step in &rule.break_tie {
        if candidates.len() < 2 {
            break;
        }
        break_tie(step, payment, rules, sales, candidates);
        kept.push(count(candidates));
    }
    match candidates.as_slice() {
        [] => Decision::Open(OpenReason::NoSale),
        [place] => {
            let evidence = evidence(kept, payment, sales.sale(*place), rules);
            sales.take(*place);
            let sale = Some(sales.sale(*place).id);
            Decision::Matched {
                kind: MatchKind::Loyalty,
                sale,
                evidence,
            }
        }
        _ => Decision::Open(OpenReason::Ambiguous),
    }
}

/// Applies a tie-breaker, unless it would leave no candidate.
fn break_tie(
    step: &Step,
    payment: &Payment,
    rules: &Rules,
    sales: &SaleIndex,
    candidates: &mut Vec<Place>,
) {
    let filters = step.for_payment(payment);
    let holds = |place: &Place| passes(filters, rules, payment, sales.sale(*place));
    if candidates.iter().any(holds) {
        candidates.retain(holds);
    }
}

fn passes(filters: &[Filter], rules: &Rules, payment: &Payment, sale: &Sale) -> bool {
    filters
        .iter()
        .all(|filter| filter.passes(rules, payment, sale))
}

/// What a payment and a sale have in common, with the counts of candidates that were `kept`.
pub fn evidence(kept: Kept, payment: &Payment, sale: &Sale, rules: &Rules) -> Evidence {
    let holds = |filter: Filter| filter.applies(payment) && filter.passes(rules, payment, sale);
    Evidence {
        kept,
        gap_us: gap_us(payment.when, sale.when, &rules.zone).unwrap_or(0),
        equal: Equal {
            auth_code: holds(Filter::AuthCode),
            dpan: holds(Filter::Dpan),
            card: holds(Filter::Card),
        },
    }
}

fn count(candidates: &[Place]) -> u32 {
    u32::try_from(candidates.len()).unwrap_or(u32::MAX)
}
