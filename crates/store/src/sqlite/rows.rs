//! Rows to values and back: the one place that knows how each type is stored.

use compact_str::CompactString;
use harmonia_core::card::{CardDigits, Digits};
use harmonia_core::ids::Slug;
use harmonia_core::money::{Currency, Money};
use harmonia_core::term::Term;
use harmonia_core::time::{Instant, Moment, Precision};
use rusqlite::Row;
use rusqlite::types::Type;

/// Reads a column that is not NULL and must be what its check promises.
pub fn invalid(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// A text, without a `String` in between.
pub fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<CompactString> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

/// A text or NULL.
pub fn optional_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<CompactString>> {
    Ok(row
        .get_ref(column)?
        .as_str_or_null()?
        .map(CompactString::from))
}

/// A slug.
pub fn slug(row: &Row<'_>, column: usize) -> rusqlite::Result<Slug> {
    Slug::new(row.get_ref(column)?.as_str()?).map_err(|error| invalid(column, &error))
}

/// A slug or NULL.
pub fn optional_slug(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Slug>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| Slug::new(text).map_err(|error| invalid(column, &error)))
        .transpose()
}

/// Card digits or NULL.
pub fn digits<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Digits<N>>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| Digits::new(text).ok_or_else(|| invalid(column, "not digits")))
        .transpose()
}

/// First six and last four, in two columns next to each other.
pub fn card_digits(row: &Row<'_>, column: usize) -> rusqlite::Result<CardDigits> {
    Ok(CardDigits {
        first_six: digits(row, column)?,
        last_four: digits(row, column + 1)?,
    })
}

/// A date and its precision, in two columns next to each other.
pub fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    let precision = Precision::from_code(row.get(column + 1)?)
        .ok_or_else(|| invalid(column + 1, "not a precision"))?;
    Ok(Moment {
        start: instant(row, column)?,
        precision,
    })
}

/// A time.
pub fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Instant> {
    row.get(column).map(Instant)
}

/// When a term begins and ends, in two columns next to each other.
pub fn term(row: &Row<'_>, column: usize) -> rusqlite::Result<Term> {
    Ok(Term {
        from: instant(row, column)?,
        until: row.get::<_, Option<i64>>(column + 1)?.map(Instant),
    })
}

/// An amount and its currency, in two columns next to each other.
pub fn money(row: &Row<'_>, column: usize) -> rusqlite::Result<Money> {
    let currency = Currency::new(row.get_ref(column + 1)?.as_str()?)
        .ok_or_else(|| invalid(column + 1, "not a currency"))?;
    Ok(Money {
        minor: row.get(column)?,
        currency,
    })
}
