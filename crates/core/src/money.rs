//! Money: whole minor units and a currency. Nothing here is ever a float.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Minor units in one major unit. Every currency of today's feeds has a hundred; the number is
/// stored beside each amount so that another one needs no new schema.
pub const MINOR_UNITS: i64 = 100;

/// The largest amount a record may carry, in minor units either way: ten thousand million pounds.
/// What is larger is a misread file, not a purchase, and sums of amounts stay far from overflow.
pub const MAX_AMOUNT_MINOR: i64 = 1_000_000_000_000;

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Pounds sterling.
    pub const GBP: Self = Self(*b"GBP");

    /// Takes a code such as `GBP`; `None` when it is not three upper-case letters.
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(bytes))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = compact_str::CompactString::deserialize(deserializer)?;
        Self::new(&code)
            .ok_or_else(|| serde::de::Error::custom(format!("{code:?} is not a currency code")))
    }
}

/// An amount of money: what was spent, or with a minus what was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    /// Minor units (pence).
    pub minor: i64,
    /// The currency the minor units are of.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// `GBP 12.34`, with a minus before the digits of a refund.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, Major(self.minor))
    }
}

/// Minor units, shown as a decimal of major units: `1234` as `12.34`.
pub struct Major(pub i64);

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        let unit = MINOR_UNITS.unsigned_abs();
        write!(f, "{sign}{}.{:02}", size / unit, size % unit)
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing there.
    #[error("the amount is empty")]
    Empty,
    /// Something other than digits, one point and a leading sign: an exponent, a separator, a word.
    #[error("the amount is not a plain decimal number (no exponent, no thousands separator)")]
    NotDecimal,
    /// A point in what should be whole minor units.
    #[error("the amount is in whole minor units (pence), and has a decimal point")]
    NotWhole,
    /// More than two places, which could only be taken by rounding.
    #[error("the amount has more than two decimal places")]
    TooPrecise,
    /// Larger than [`MAX_AMOUNT_MINOR`].
    #[error("the amount is too large to be a purchase")]
    TooLarge,
}

/// Reads a decimal of major units (`12.34`, `.00`, `-5`, `7.5`) into minor units, exactly.
///
/// # Errors
/// [`AmountError`] says why the text is refused; nothing is ever rounded.
pub fn parse_major(text: &str) -> Result<i64, AmountError> {
    let (negative, digits) = sign(text)?;
    let (whole, fraction) = match memchr::memchr(b'.', digits) {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &digits[digits.len()..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(AmountError::NotDecimal);
    }
    if fraction.len() > 2 {
        let plain = fraction.iter().all(u8::is_ascii_digit);
        return Err(if plain {
            AmountError::TooPrecise
        } else {
            AmountError::NotDecimal
        });
    }
    let major = number(whole)?;
    let mut minor = number(fraction)?;
    if fraction.len() == 1 {
        minor *= 10;
    }
    bounded(
        major.saturating_mul(MINOR_UNITS).saturating_add(minor),
        negative,
    )
}

/// Reads a whole number of minor units (`1234`, `-50`, `000000000499`).
///
/// # Errors
/// [`AmountError`] says why the text is refused.
pub fn parse_minor(text: &str) -> Result<i64, AmountError> {
    let (negative, digits) = sign(text)?;
    if digits.is_empty() {
        return Err(AmountError::NotDecimal);
    }
    if digits.contains(&b'.') && parse_major(text).is_ok() {
        return Err(AmountError::NotWhole);
    }
    bounded(number(digits)?, negative)
}

fn sign(text: &str) -> Result<(bool, &[u8]), AmountError> {
    match text.as_bytes() {
        [] => Err(AmountError::Empty),
        [b'-', rest @ ..] => Ok((true, rest)),
        [b'+', rest @ ..] => Ok((false, rest)),
        all => Ok((false, all)),
    }
}

/// Digits to a number; saturates far above [`MAX_AMOUNT_MINOR`], so that twenty digits are "too
/// large" and not an overflow.
fn number(digits: &[u8]) -> Result<i64, AmountError> {
    digits.iter().try_fold(0_i64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(AmountError::NotDecimal);
        }
        Ok(value.saturating_mul(10).saturating_add(i64::from(digit)))
    })
}

fn bounded(size: i64, negative: bool) -> Result<i64, AmountError> {
    if size > MAX_AMOUNT_MINOR {
        return Err(AmountError::TooLarge);
    }
    Ok(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, minor) in [
            ("12.34", 1234),
            (".00", 0),
            ("-5", -500),
            ("7.5", 750),
            ("0.01", 1),
            ("5.", 500),
        ] {
            assert_eq!(parse_major(text), Ok(minor), "{text}");
        }
        for (text, error) in [
            ("", AmountError::Empty),
            ("-", AmountError::NotDecimal),
            (".", AmountError::NotDecimal),
            ("1e3", AmountError::NotDecimal),
            ("1,000.00", AmountError::NotDecimal),
            ("12.345", AmountError::TooPrecise),
            ("12.3e5", AmountError::NotDecimal),
            ("£5", AmountError::NotDecimal),
            ("--5", AmountError::NotDecimal),
            ("99999999999999999999", AmountError::TooLarge),
        ] {
            assert_eq!(parse_major(text), Err(error), "{text}");
        }
    }

    #[test]
    fn minor_units_are_whole() {
        assert_eq!(parse_minor("000000000499"), Ok(499));
        assert_eq!(parse_minor("-50"), Ok(-50));
        assert_eq!(parse_minor("4.99"), Err(AmountError::NotWhole));
        assert_eq!(parse_minor("-"), Err(AmountError::NotDecimal));
        assert_eq!(
            parse_minor("12345678901234567890"),
            Err(AmountError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_what_is_read(minor in -MAX_AMOUNT_MINOR..=MAX_AMOUNT_MINOR) {
            prop_assert_eq!(parse_major(&Major(minor).to_string()), Ok(minor));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse_major(&text);
            let _ = parse_minor(&text);
        }
    }
}
