//! Missing transactions: what became of a purchase that somebody asks for, as one verdict.
//!
//! A customer knows a card, an amount, a day and a shop. Everything that may be that purchase is
//! looked up elsewhere; here it is judged what the answer is, and whether a record that could not be
//! taken may have been it.

use crate::money::{parse_major, parse_minor};
use crate::time::Day;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

macro_rules! verdicts {
    ($($verdict:ident = $text:literal, $meaning:literal;)+) => {
        /// The answer to a claim.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verdict {
            $(#[doc = $meaning] $verdict,)+
        }

        impl Verdict {
            /// Every verdict.
            pub const ALL: &[Self] = &[$(Self::$verdict),+];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$verdict => $text,)+ }
            }

            /// What it means, in words for a customer.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$verdict => $meaning,)+ }
            }
        }
    };
}

verdicts! {
    NotReceivedPayment = "NOT_RECEIVED_PAYMENT",
        "The card network has not told us of this payment.";
    NotReceivedSale = "NOT_RECEIVED_SALE",
        "We have the payment, but the shop has not told us of the sale.";
    Rejected = "REJECTED",
        "A record of this purchase came, but something in it is wrong and it could not be taken.";
    UnknownMid = "UNKNOWN_MID",
        "The terminal it was paid at is not registered with us, so nobody knows which shop it was.";
    UnknownLocation = "UNKNOWN_LOCATION",
        "The shop told us of the sale, but its location is not registered with us.";
    CardNotLinked = "CARD_NOT_LINKED",
        "We have the payment, but the card is not linked to a member of the scheme.";
    NoRule = "NO_RULE",
        "We have the payment, but this scheme does not take payments of this kind.";
    OpenNearMiss = "OPEN_NEAR_MISS",
        "We have the payment and a sale that is nearly it, but the two differ.";
    OpenAmbiguous = "OPEN_AMBIGUOUS",
        "We have the payment, but several sales fit it and nothing tells them apart.";
    OpenContested = "OPEN_CONTESTED",
        "We have the payment, but the sale that fits it was given to another payment.";
    OpenUndone = "OPEN_UNDONE",
        "It was matched, and a person undid that.";
    Waiting = "WAITING",
        "Everything is here; its turn has not come yet.";
    WaitingForSecondPerson = "WAITING_FOR_SECOND_PERSON",
        "One person has asked to match it by hand, and a second has to confirm that.";
    GivenUp = "GIVEN_UP",
        "No sale was found within the time the scheme allows, and it was reported as unmatched.";
    MatchedNotDelivered = "MATCHED_NOT_DELIVERED",
        "It is matched, but the merchant has not been told yet.";
    Delivered = "DELIVERED",
        "It is matched and the merchant has been told: the reward is the merchant's to give.";
    Several = "SEVERAL",
        "More than one purchase may be meant: more has to be known.";
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where a payment that may be the one meant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stands {
    /// The merchant has been told.
    Told,
    /// It is matched, or to be sent on, and the merchant has not been told.
    Untold,
    /// It waits for a second person.
    Proposed,
    /// Its turn has not come.
    Waits,
    /// Its card is not linked well enough.
    Unlinked,
    /// No rule decides it.
    NoRule,
    /// Several sales fit.
    Ambiguous,
    /// The sale that fits is another's.
    Contested,
    /// A person undid its match.
    Undone,
    /// A sale is nearly it.
    NearMiss,
    /// No sale is near it.
    NoSale,
    /// It was given up.
    GivenUp,
}

/// Why a record that may be the one meant was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotTaken {
    /// Nobody onboarded its MID.
    UnknownMid,
    /// Nobody onboarded its location.
    UnknownLocation,
    /// Something is wrong with it.
    Rejected,
}

/// Everything that may be the purchase meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Where each payment stands, each purchase once.
    pub payments: Vec<Stands>,
    /// Records of payments that were not taken.
    pub lost_payments: Vec<NotTaken>,
    /// Records of sales that were not taken.
    pub lost_sales: Vec<NotTaken>,
    /// Whether the MID or location named is known to nobody.
    pub unknown_place: bool,
    /// Whether there is more than was looked at.
    pub too_many: bool,
}

/// The one answer to what was found. The furthest that the purchase got says it; a record that was not
/// taken counts where nothing that was taken may be it.
pub fn judge(found: &Findings) -> Verdict {
    let taken = |lost: &[NotTaken]| match lost.first() {
        None => None,
        Some(NotTaken::UnknownMid) => Some(Verdict::UnknownMid),
        Some(NotTaken::UnknownLocation) => Some(Verdict::UnknownLocation),
        Some(NotTaken::Rejected) => Some(Verdict::Rejected),
    };
    let stands = match found.payments.as_slice() {
        _ if found.too_many => return Verdict::Several,
        [] if found.lost_payments.len() > 1 => return Verdict::Several,
        [] => {
            let missing = if found.unknown_place {
                Verdict::UnknownMid
            } else {
                Verdict::NotReceivedPayment
            };
            return taken(&found.lost_payments).unwrap_or(missing);
        }
        [one] => *one,
        _ => return Verdict::Several,
    };
    match stands {
        Stands::Told => Verdict::Delivered,
        Stands::Untold => Verdict::MatchedNotDelivered,
        Stands::Proposed => Verdict::WaitingForSecondPerson,
        Stands::Waits => Verdict::Waiting,
        Stands::Unlinked => Verdict::CardNotLinked,
        Stands::NoRule => Verdict::NoRule,
        Stands::Ambiguous => Verdict::OpenAmbiguous,
        Stands::Contested => Verdict::OpenContested,
        Stands::Undone => Verdict::OpenUndone,
        Stands::NearMiss => Verdict::OpenNearMiss,
        Stands::NoSale => taken(&found.lost_sales).unwrap_or(Verdict::NotReceivedSale),
        Stands::GivenUp => Verdict::GivenUp,
    }
}

/// What a claim says of a record that nobody could read.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The amount, in minor units.
    pub amount_minor: i64,
    /// The days it may have been on.
    pub days: &'a [Day],
    /// The card's token, where it is known.
    pub card_token: Option<&'a str>,
    /// The MIDs it may have been at, where they are known.
    pub mids: &'a [&'a str],
}

/// Whether a record that could not be read may be of the purchase meant: it names the card, where that
/// is known and `names_card` says that records of its kind do; and at least two of amount, day, MID
/// and card.
pub fn may_be(data: &str, told: Told<'_>, names_card: bool) -> bool {
    let has_card = told.card_token.map(|token| says(data, token));
    if names_card && has_card == Some(false) {
        return false;
    }
    let has = [
        has_card == Some(true),
        says_amount(data, told.amount_minor),
        told.days.iter().any(|day| says_day(data, *day)),
        told.mids.iter().any(|mid| says(data, mid)),
    ];
    has.into_iter().filter(|has| *has).count() >= 2
}

/// Whether any value of a raw record, as it is kept, is this very text.
pub fn says(data: &str, text: &str) -> bool {
    any_value(data, &mut |value| value.trim() == text)
}

/// Whether any value of a raw record is this amount, in major or in minor units.
pub fn says_amount(data: &str, minor: i64) -> bool {
    any_value(data, &mut |value| {
        let value = value.trim();
        parse_major(value) == Ok(minor) || parse_minor(value) == Ok(minor)
    })
}

/// Whether any value of a raw record holds this day, in one of the ways that feeds write it.
pub fn says_day(data: &str, day: Day) -> bool {
    let iso = day.to_string();
    let mut parts = iso.split('-');
    let (Some(year), Some(month), Some(date)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let written = [
        format!("{year}{month}{date}"),
        format!("{date}/{month}/{year}"),
        format!("{date}{month}{year}"),
        iso.clone(),
    ];
    any_value(data, &mut |value| {
        written.iter().any(|day| value.contains(day.as_str()))
    })
}

/// Whether a test holds of any text or number in a record: a JSON object, or what is left of one.
fn any_value(data: &str, holds: &mut dyn FnMut(&str) -> bool) -> bool {
    match serde_json::from_str::<Value>(data) {
        Ok(value) => value_holds(&value, holds),
        Err(_) => words_hold(data, holds),
    }
}

fn value_holds(value: &Value, holds: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => holds(&number.to_string()),
        Value::String(text) => holds(text) || words_hold(text, holds),
        Value::Array(values) => values.iter().any(|value| value_holds(value, holds)),
        Value::Object(fields) => fields.values().any(|value| value_holds(value, holds)),
    }
}

/// A record that could not be parted is one text: its words are looked at.
fn words_hold(text: &str, holds: &mut dyn FnMut(&str) -> bool) -> bool {
    let is_end = |c: char| !(c.is_alphanumeric() || "-_.:/+".contains(c));
    text.split(is_end)
        .any(|word| !word.is_empty() && holds(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(payments: &[Stands]) -> Findings {
        Findings {
            payments: payments.to_vec(),
            ..Findings::default()
        }
    }

    #[test]
    fn one_payment_says_how_far_it_got() {
        for (stands, verdict) in [
            (Stands::Told, Verdict::Delivered),
            (Stands::Untold, Verdict::MatchedNotDelivered),
            (Stands::Proposed, Verdict::WaitingForSecondPerson),
            (Stands::Waits, Verdict::Waiting),
            (Stands::Unlinked, Verdict::CardNotLinked),
            (Stands::NoRule, Verdict::NoRule),
            (Stands::Ambiguous, Verdict::OpenAmbiguous),
            (Stands::Contested, Verdict::OpenContested),
            (Stands::Undone, Verdict::OpenUndone),
            (Stands::NearMiss, Verdict::OpenNearMiss),
            (Stands::NoSale, Verdict::NotReceivedSale),
            (Stands::GivenUp, Verdict::GivenUp),
        ] {
            let mut one = found(&[stands]);
            assert_eq!(judge(&one), verdict);
            // What was taken says more than what was not, but where only the sale is missing.
            one.lost_payments.push(NotTaken::Rejected);
            one.lost_sales.push(NotTaken::UnknownLocation);
            let expected = match stands {
                Stands::NoSale => Verdict::UnknownLocation,
                _ => verdict,
            };
            assert_eq!(judge(&one), expected);
            let two = found(&[stands, Stands::Told]);
            assert_eq!(judge(&two), Verdict::Several);
            one.too_many = true;
            assert_eq!(judge(&one), Verdict::Several);
        }
    }

    #[test]
    fn without_a_payment_the_records_that_were_not_taken_say_it() {
        assert_eq!(judge(&found(&[])), Verdict::NotReceivedPayment);
        for (lost, verdict) in [
            (NotTaken::UnknownMid, Verdict::UnknownMid),
            (NotTaken::Rejected, Verdict::Rejected),
        ] {
            let mut findings = found(&[]);
            findings.lost_payments = vec![lost];
            findings.unknown_place = true;
            assert_eq!(judge(&findings), verdict);
            findings.lost_payments.push(lost);
            assert_eq!(judge(&findings), Verdict::Several);
        }
        let mut findings = found(&[]);
        findings.lost_sales = vec![NotTaken::Rejected];
        assert_eq!(judge(&findings), Verdict::NotReceivedPayment);
        findings.unknown_place = true;
        assert_eq!(judge(&findings), Verdict::UnknownMid);
    }

    #[test]
    fn each_verdict_has_a_name_and_a_meaning_of_its_own() {
        let names: std::collections::HashSet<&str> =
            Verdict::ALL.iter().map(|one| one.as_str()).collect();
        let meanings: std::collections::HashSet<&str> =
            Verdict::ALL.iter().map(|one| one.meaning()).collect();
        assert_eq!((names.len(), meanings.len()), (17, 17));
        assert_eq!(
            serde_json::to_value(Verdict::OpenNearMiss).unwrap(),
            "OPEN_NEAR_MISS"
        );
    }

    #[test]
    fn a_record_says_a_value_whole_and_an_amount_however_it_is_written() {
        let data =
            r#"{"id":"pay-1","amount":"000000001099","when":["2026-06-02T12:00:00Z"],"n":7}"#;
        assert!(says(data, "pay-1") && says(data, "7"));
        assert!(!says(data, "pay"));
        assert!(says_amount(data, 1099) && !says_amount(data, 109));
        assert!(says_amount(r#"{"a":10.99}"#, 1099));
        let day = Day::from_ymd(2026, 6, 2).unwrap();
        assert!(says_day(data, day));
        assert!(says_day(r#"{"d":"02/06/2026 12:00"}"#, day));
        assert!(!says_day(data, Day(day.0 + 1)));
        let unreadable = "{\"unreadable\":\"shop-1|pay-1|20260602|10.99\"}";
        assert!(says(unreadable, "pay-1") && says_amount(unreadable, 1099));
        assert!(says_day("shop-1,20260602,x", day));
    }

    #[test]
    fn two_things_have_to_agree_and_the_card_where_it_is_named() {
        let day = [Day::from_ymd(2026, 6, 2).unwrap()];
        let told = |card_token| Told {
            amount_minor: 1099,
            days: &day,
            card_token,
            mids: &["shop-1"],
        };
        let data = r#"{"mid":"shop-1","when":"2026-06-31","amount":"10.99","card":"token-1"}"#;
        assert!(may_be(data, told(None), true));
        assert!(may_be(data, told(Some("token-1")), true));
        assert!(!may_be(data, told(Some("token-2")), true));
        assert!(
            may_be(data, told(Some("token-2")), false),
            "a sale names no card"
        );
        let amount_alone = r#"{"mid":"shop-2","when":"x","amount":"10.99","card":"token-1"}"#;
        assert!(!may_be(amount_alone, told(None), true));
        assert!(may_be(amount_alone, told(Some("token-1")), true));
    }
}
