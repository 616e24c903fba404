//! Typed ids: a payment's id cannot be handed to something that wants a sale's.
//!
//! Row ids are the store's own integers; a [`Slug`] is the name by which agent files, the command
//! line and other programs know a merchant, a network or a feed.

use crate::problem::Quoted;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

row_ids! {
    /// A raw record in `import_transaction`. A typed transaction read from it has the same number,
    /// so the two never need a column to find each other.
    RawId,
    /// A payment in `payment_transaction`.
    PaymentId,
    /// A sale in `scheme_transaction`.
    SaleId,
    /// A loyalty scheme, as the store numbers it.
    SchemeId,
    /// A feed of an agent (one payment network's settlements, one merchant's sales).
    FeedId,
    /// One onboarded merchant identifier.
    MidId,
    /// One distinct list of MIDs that sales of a scheme carry.
    MidSetId,
    /// A match in `matched_transaction`.
    MatchId,
    /// An export in `export_transaction`.
    ExportId,
    /// A row of `outbox`.
    OutboxId,
    /// A file in `import_file_log`.
    FileId,
    /// A record in `rejected_record`, rejected or quarantined.
    RejectId,
    /// A key of the API.
    ApiKeyId,
    /// A job of the queue.
    JobId,
    /// One commit of an import: the batch that is matched together.
    MatchGroup,
}

impl RawId {
    /// The payment that was read from this raw record, if one was.
    pub fn payment(self) -> PaymentId {
        PaymentId(self.0)
    }

    /// The sale that was read from this raw record, if one was.
    pub fn sale(self) -> SaleId {
        SaleId(self.0)
    }
}

/// The short name of an agent, a scheme, a payment provider or a feed: lower-case letters, digits
/// and single hyphens, at most 64 characters, as it appears in file names and URLs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(CompactString);

impl Slug {
    /// Checks and takes a slug.
    ///
    /// # Errors
    /// Says what is wrong with the text, in words fit for an error message.
    pub fn new(text: &str) -> Result<Self, String> {
        let lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
        if text.is_empty() || text.len() > 64 || hyphens || !text.chars().all(lawful) {
            return Err(format!(
                "{} is not a slug: use lower-case letters, digits and single hyphens, \
                 at most 64 characters",
                Quoted(text)
            ));
        }
        Ok(Self(text.into()))
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How another program writes a slug that it knows by another name: what stands before it, and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlugFormat {
    before: CompactString,
    after: CompactString,
}

impl SlugFormat {
    /// Reads a text in which `{}` is the slug.
    ///
    /// # Errors
    /// Says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "write {} once, where the slug stands, as in {}-mock".to_owned();
        let (before, after) = text.split_once("{}").ok_or_else(wrong)?;
        let lawful = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !before.chars().chain(after.chars()).all(lawful) {
            return Err(format!(
                "{}, and beside it letters, digits, hyphens, points and underscores alone",
                wrong()
            ));
        }
        Ok(Self {
            before: before.into(),
            after: after.into(),
        })
    }

    /// What the slug is there.
    pub fn of(&self, slug: &Slug) -> String {
        format!("{}{slug}{}", self.before, self.after)
    }
}

impl std::borrow::Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_written_as_others_know_it() {
        let shop = Slug::new("shop").unwrap();
        assert_eq!(SlugFormat::parse("{}").unwrap().of(&shop), "shop");
        assert_eq!(
            SlugFormat::parse("x_{}-mock").unwrap().of(&shop),
            "x_shop-mock"
        );
        for wrong in ["", "shop", "{}{}", "{}/..", "{slug}"] {
            assert!(SlugFormat::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_slug_is_what_fits_in_a_url_and_a_file_name() {
        for good in ["visa", "iceland-bonus-card", "bpl-trenette", "a1"] {
            assert!(Slug::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "Visa",
            "a b",
            "a/b",
            "../a",
            &"a".repeat(65),
        ] {
            assert!(Slug::new(bad).is_err(), "{bad}");
        }
    }
}
