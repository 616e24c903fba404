//! Rows to values and back: the one place that knows how each type is stored.

use super::failure::Failure;
use bytes::{BufMut, BytesMut};
use compact_str::CompactString;
use harmonia_core::card::{CardDigits, Digits};
use harmonia_core::ids::Slug;
use harmonia_core::money::{Currency, Money};
use harmonia_core::term::Term;
use harmonia_core::time::{Day, Instant, Moment, Precision};
use harmonia_core::transaction::FeedType;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Microseconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH_US: i64 = 946_684_800_000_000;
/// Days from 1970 to 2000.
const EPOCH_DAYS: i32 = 10_957;
/// The first time that a `timestamptz` holds, 4713 BC, in microseconds since 2000.
const FIRST_US: i64 = -211_813_488_000_000_000;

/// An instant as PostgreSQL stores it. What is beyond its years is before all of them; no instant is
/// after them, for they end thirty years after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Instant);

impl Time {
    /// Microseconds since 2000, or minus infinity.
    pub fn stored(self) -> i64 {
        match self.0.0.saturating_sub(EPOCH_US) {
            before if before < FIRST_US => i64::MIN,
            within => within,
        }
    }
}

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.stored());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let stored = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Instant(match stored {
            i64::MIN | i64::MAX => stored,
            within => within.saturating_add(EPOCH_US),
        })))
    }

    accepts!(TIMESTAMPTZ);
}

/// A day as PostgreSQL stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub Day);

impl Date {
    /// Days since 2000. The days of feeds are far within what a `date` holds.
    pub fn stored(self) -> i32 {
        match self.0.0.saturating_sub(EPOCH_DAYS) {
            // Further back than a `date` goes: before all of them.
            before if before < -2_000_000 => i32::MIN,
            within => within,
        }
    }
}

impl ToSql for Date {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(self.stored());
        Ok(IsNull::No)
    }

    accepts!(DATE);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Date {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let stored = i32::from_be_bytes(raw.try_into()?);
        Ok(Self(Day(stored.saturating_add(EPOCH_DAYS))))
    }

    accepts!(DATE);
}

/// A column that is not what its check promises.
pub fn invalid(column: usize, what: &str) -> Failure {
    Failure::Invalid(format!("column {column} of an answer is {what}"))
}

/// A column of a type that the driver knows.
pub fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    Ok(row.try_get(column)?)
}

/// A number that is not negative.
pub fn count(row: &Row, column: usize) -> Result<u64, Failure> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| invalid(column, "less than nothing"))
}

/// A text, without a `String` in between.
pub fn text(row: &Row, column: usize) -> Result<CompactString, Failure> {
    Ok(get::<&str>(row, column)?.into())
}

/// A text or NULL.
pub fn optional_text(row: &Row, column: usize) -> Result<Option<CompactString>, Failure> {
    Ok(get::<Option<&str>>(row, column)?.map(CompactString::from))
}

/// A slug.
pub fn slug(row: &Row, column: usize) -> Result<Slug, Failure> {
    Slug::new(get::<&str>(row, column)?).map_err(|error| invalid(column, &error))
}

/// A slug or NULL.
pub fn optional_slug(row: &Row, column: usize) -> Result<Option<Slug>, Failure> {
    let text = get::<Option<&str>>(row, column)?;
    text.map(|text| Slug::new(text).map_err(|error| invalid(column, &error)))
        .transpose()
}

/// What a feed brings.
pub fn feed_type(row: &Row, column: usize) -> Result<FeedType, Failure> {
    FeedType::from_name(get(row, column)?).ok_or_else(|| invalid(column, "not a feed type"))
}

fn digits<const N: usize>(row: &Row, column: usize) -> Result<Option<Digits<N>>, Failure> {
    let text = get::<Option<&str>>(row, column)?;
    text.map(|text| Digits::new(text).ok_or_else(|| invalid(column, "not digits")))
        .transpose()
}

/// First six and last four, in two columns next to each other.
pub fn card_digits(row: &Row, column: usize) -> Result<CardDigits, Failure> {
    Ok(CardDigits {
        first_six: digits(row, column)?,
        last_four: digits(row, column + 1)?,
    })
}

/// A date and its precision, in two columns next to each other.
pub fn moment(row: &Row, column: usize) -> Result<Moment, Failure> {
    Ok(Moment {
        start: instant(row, column)?,
        precision: precision(row, column + 1)?,
    })
}

/// How exactly a date is known.
pub fn precision(row: &Row, column: usize) -> Result<Precision, Failure> {
    Precision::from_code(get::<i16>(row, column)?.into())
        .ok_or_else(|| invalid(column, "not a precision"))
}

/// A time.
pub fn instant(row: &Row, column: usize) -> Result<Instant, Failure> {
    Ok(get::<Time>(row, column)?.0)
}

/// A time or NULL.
pub fn optional_instant(row: &Row, column: usize) -> Result<Option<Instant>, Failure> {
    Ok(get::<Option<Time>>(row, column)?.map(|time| time.0))
}

/// When a term begins and ends, in two columns next to each other.
pub fn term(row: &Row, column: usize) -> Result<Term, Failure> {
    Ok(Term {
        from: instant(row, column)?,
        until: optional_instant(row, column + 1)?,
    })
}

/// An amount and its currency, in two columns next to each other.
pub fn money(row: &Row, column: usize) -> Result<Money, Failure> {
    let currency = Currency::new(get(row, column + 1)?)
        .ok_or_else(|| invalid(column + 1, "not a currency"))?;
    Ok(Money {
        minor: get(row, column)?,
        currency,
    })
}

/// Two numbers, or a text and a number: what most counts are.
pub fn named_count(row: &Row) -> Result<(String, u64), Failure> {
    Ok((get(row, 0)?, count(row, 1)?))
}

/// A text without what PostgreSQL's texts cannot hold: a null character becomes the sign for it.
pub fn storable(text: &str) -> CompactString {
    if text.contains('\0') {
        text.replace('\0', "\u{2400}").into()
    } else {
        text.into()
    }
}

/// A number of rows to be asked for at most.
pub fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_all_years_is_before_them() {
        assert_eq!(Time(Instant(i64::MIN)).stored(), i64::MIN);
        assert_eq!(Time(Instant(EPOCH_US)).stored(), 0);
        assert_eq!(Date(Day(EPOCH_DAYS)).stored(), 0);
        for told in [harmonia_core::term::SINCE_EVER, Instant(i64::MAX)] {
            let raw = Time(told).stored().to_be_bytes();
            let read = Time::from_sql(&Type::TIMESTAMPTZ, &raw).unwrap();
            assert_eq!(read, Time(told));
        }
    }

    #[test]
    fn a_null_character_becomes_the_sign_for_it() {
        assert_eq!(storable("a\0b"), "a\u{2400}b");
        assert_eq!(storable("ab"), "ab");
    }
}
