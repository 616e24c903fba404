//! What an export can tell of.

use super::filters::derived;
use crate::ids::Slug;
use crate::money::Currency;
use crate::time::Instant;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Everything an export can tell of. Names are those a body template uses. Whose it is, and by what the
/// merchant knows the member, is not shown where it is printed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTransaction {
    /// The sale's id, or a spotted payment's.
    pub transaction_id: CompactString,
    /// The payment's feed type.
    pub feed_type: Option<CompactString>,
    /// The scheme.
    pub provider_slug: Option<Slug>,
    /// When, RFC 3339; without an offset it is UTC.
    pub transaction_date: CompactString,
    /// Minor units.
    pub spend_amount: i64,
    /// The currency.
    pub spend_currency: Option<Currency>,
    /// The member's number.
    pub loyalty_id: Option<CompactString>,
    /// The payment's MID.
    pub mid: Option<CompactString>,
    /// The identifier by which the payment found its scheme.
    pub primary_identifier: Option<CompactString>,
    /// The merchant's name for the place.
    pub location_id: Option<CompactString>,
    /// The merchant's own internal id.
    pub merchant_internal_id: Option<CompactString>,
    /// The user.
    pub user_id: Option<i64>,
    /// The user's account in the scheme.
    pub scheme_account_id: Option<i64>,
    /// The user's payment card.
    pub payment_card_account_id: Option<i64>,
    /// The payment's auth code.
    pub auth_code: Option<CompactString>,
    /// The payment's approval code.
    pub approval_code: Option<CompactString>,
    /// What AUTH and SETTLED of the purchase share.
    pub settlement_key: Option<CompactString>,
    /// The last four digits of the user's card.
    pub last_four: Option<CompactString>,
    /// The month it expires in.
    pub expiry_month: Option<i64>,
    /// The year it expires in.
    pub expiry_year: Option<i64>,
    /// The network.
    pub payment_provider_slug: Option<CompactString>,
    /// The idempotency key.
    pub export_uid: Option<Uuid>,
    /// The payment's further fields, overlaid by the sale's.
    #[serde(default)]
    pub extra_fields: Option<serde_json::Value>,
    /// What the merchant needs of the account.
    #[serde(default)]
    pub credentials: Option<serde_json::Value>,
    /// Where a settlement differs from the amount that was told: by how much, in minor units. The
    /// merchant has been told of this transaction before.
    #[serde(default)]
    pub correction: Option<i64>,
}

impl fmt::Debug for ExportTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportTransaction")
            .field("transaction_id", &self.transaction_id)
            .field("provider_slug", &self.provider_slug)
            .field("export_uid", &self.export_uid)
            .finish_non_exhaustive()
    }
}

impl ExportTransaction {
    /// A made-up match in which everything is known.
    pub(super) fn sample() -> Self {
        let text = |text: &str| Some(CompactString::from(text));
        Self {
            transaction_id: "sale-1".into(),
            feed_type: text("SETTLED"),
            provider_slug: Slug::new("shop").ok(),
            transaction_date: "2026-06-02T14:46:00Z".into(),
            spend_amount: 1099,
            spend_currency: Some(Currency::GBP),
            loyalty_id: text("member-1"),
            mid: text("mid-1"),
            primary_identifier: text("mid-1"),
            location_id: text("store-1"),
            merchant_internal_id: text("internal-1"),
            user_id: Some(1),
            scheme_account_id: Some(1),
            payment_card_account_id: Some(1),
            auth_code: text("123456"),
            approval_code: text("123456"),
            settlement_key: text("key-1"),
            last_four: text("1111"),
            expiry_month: Some(1),
            expiry_year: Some(2030),
            payment_provider_slug: text("visa"),
            export_uid: Some(Uuid::nil()),
            extra_fields: Some(serde_json::json!({})),
            credentials: Some(serde_json::json!({})),
            correction: None,
        }
    }

    /// A made-up match in which everything is known, the parts of objects that are needed too.
    pub(super) fn whole_sample(needs: &[String]) -> Self {
        let sparse = Self::sparse_sample(needs);
        let sample = Self::sample();
        Self {
            extra_fields: sparse.extra_fields.or(sample.extra_fields),
            credentials: sparse.credentials.or(sample.credentials),
            ..Self::sample()
        }
    }

    /// A made-up one of which only what every export has is known, and what is said to be needed.
    pub(super) fn sparse_sample(needs: &[String]) -> Self {
        let sample = serde_json::to_value(Self::sample()).unwrap_or_default();
        let always = ["transaction_id", "transaction_date", "spend_amount"];
        let mut known = serde_json::Map::new();
        for (name, value) in sample.as_object().into_iter().flatten() {
            if always.contains(&name.as_str()) || needs.contains(name) {
                known.insert(name.clone(), value.clone());
            }
        }
        for need in needs {
            if let Some((object, key)) = need.split_once('.') {
                let object = known.entry(object).or_insert_with(|| serde_json::json!({}));
                // A text that is a number as well, whatever is made of it.
                object[key] = "1".into();
            }
        }
        serde_json::from_value(known.into()).unwrap_or_else(|_| Self::sample())
    }

    /// The key that stands for it wherever it is told of: its own, or where it has none yet, one of its
    /// scheme and transaction.
    pub fn key(&self) -> Uuid {
        self.export_uid.unwrap_or_else(|| {
            let scheme = self.provider_slug.as_ref().map_or("", Slug::as_str);
            unkeyed(scheme, &self.transaction_id)
        })
    }

    /// When the purchase was; `None` where its date is none.
    pub fn purchased_at(&self) -> Option<Instant> {
        let instant = super::filters::instant(&self.transaction_date).ok()?;
        Some(Instant(instant.as_microsecond()))
    }
}

/// The key of an export that has none.
pub(super) fn unkeyed(scheme: &str, transaction: &str) -> Uuid {
    derived(Uuid::nil(), &format!("{scheme}/{transaction}"))
}

/// The names by which templates know what an export tells.
pub(super) const FIELDS: [&str; 26] = [
    "transaction_id",
    "feed_type",
    "provider_slug",
    "transaction_date",
    "spend_amount",
    "spend_currency",
    "loyalty_id",
    "mid",
    "primary_identifier",
    "location_id",
    "merchant_internal_id",
    "user_id",
    "scheme_account_id",
    "payment_card_account_id",
    "auth_code",
    "approval_code",
    "settlement_key",
    "last_four",
    "expiry_month",
    "expiry_year",
    "payment_provider_slug",
    "export_uid",
    "extra_fields",
    "credentials",
    "correction",
    "found",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_know_all_that_an_export_tells_by_its_name() {
        let sample = serde_json::to_value(ExportTransaction::sample()).unwrap();
        let names: Vec<&str> = sample
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, FIELDS[..25]);
    }

    #[test]
    fn an_export_without_a_key_has_the_same_one_each_time_and_another_than_others() {
        let unkeyed = |id: &str| ExportTransaction {
            export_uid: None,
            transaction_id: id.into(),
            ..ExportTransaction::sample()
        };
        assert_eq!(unkeyed("a").key(), unkeyed("a").key());
        assert_ne!(unkeyed("a").key(), unkeyed("b").key());
    }
}
