//! Months: raw records and attempts are kept in parts, one for each month, and rows of no month in one
//! more, the rest.
//!
//! Whoever commits makes the part of its month and of the next before it begins, so that none is wanting
//! when a month turns; should that fail, its rows are of the rest, which is always there. What is of a
//! month that is purged already is of the rest too: so nothing new comes into a part that is to go.

use super::failure::{Failure, chain};
use super::rows::Date;
use super::{Shared, lock, sql};
use harmonia_core::time::{Day, Instant};
use std::borrow::Cow;

/// A month, by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(Day);

impl Month {
    /// None: where the rest is.
    pub const REST: Self = Self(Day(i32::MIN));

    /// The month of a stamp, in UTC. Beyond the years 1 to 9999 there are none.
    pub fn of(at: Instant) -> Self {
        at.day().first_of_month().map_or(Self::REST, Self)
    }

    /// The month that begins on a day.
    pub fn beginning(first: Day) -> Self {
        Self(first)
    }

    /// Its first day.
    pub fn first(self) -> Day {
        self.0
    }

    /// As PostgreSQL stores it.
    pub fn stored(self) -> Date {
        Date(self.0)
    }

    /// Whether all of it is before a day. The rest never is.
    pub fn is_before(self, day: Day) -> bool {
        let next = Day(self.0.0.saturating_add(31)).first_of_month();
        self != Self::REST && next.is_some_and(|next| next <= day)
    }

    /// A statement that copies rows into a table, as one that copies them straight into this month's
    /// part of it: to find the part for each row would take longer.
    pub fn within(self, copy: &str) -> Cow<'_, str> {
        let Some((before, columns)) = copy.split_once(" (") else {
            return Cow::Borrowed(copy);
        };
        let part = match self {
            Self::REST => "rest".to_owned(),
            Self(first) => first.to_string().replace('-', "_")[..7].to_owned(),
        };
        Cow::Owned(format!("{before}_{part} ({columns}"))
    }
}

/// Makes the parts of a stamp's month and of the next, unless they are known to be there.
pub async fn make(shared: &Shared, client: &deadpool_postgres::Client, at: Instant) {
    let month = Month::of(at);
    if month == Month::REST || lock(&shared.known).months.contains(&month) {
        return;
    }
    let made = async {
        let statement = client.prepare_cached(sql::month::make).await?;
        client.execute(&statement, &[&month.stored()]).await
    };
    match made.await {
        Ok(_) => {
            lock(&shared.known).months.insert(month);
        }
        Err(error) => tracing::warn!(
            month = %month.first(),
            error = chain(&error),
            "a part for this month could not be made: its rows are put among the rest"
        ),
    }
}

/// The month of what a commit of this stamp writes, where nothing before a day is kept.
pub fn writable(shared: &Shared, at: Instant, kept_from: Option<Day>) -> Month {
    let month = Month::of(at);
    let is_gone = kept_from.is_some_and(|day| month.is_before(day));
    match lock(&shared.known).months.contains(&month) && !is_gone {
        true => month,
        false => Month::REST,
    }
}

/// The months of which a table has parts, in their order.
pub async fn list(
    session: &super::connection::Session<'_>,
    table: &str,
) -> Result<Vec<Month>, Failure> {
    let month =
        |row: &tokio_postgres::Row| Ok(Month::beginning(super::rows::get::<Date>(row, 0)?.0));
    session.list(sql::month::list, &[&table], month).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_core::retention::begin_of;

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::from_ymd(year, month, day).unwrap()
    }

    #[test]
    fn a_month_is_over_when_the_next_begins() {
        let leap = Month::of(begin_of(day(2028, 3, 1)).plus(-1));
        assert_eq!(leap.first(), day(2028, 2, 1));
        assert!(!leap.is_before(day(2028, 2, 29)));
        assert!(leap.is_before(day(2028, 3, 1)));
        let december = Month::of(begin_of(day(2026, 12, 31)));
        assert!(!december.is_before(day(2026, 12, 31)));
        assert!(december.is_before(day(2027, 1, 1)));
    }

    #[test]
    fn the_rest_is_of_no_month_and_never_over() {
        assert_eq!(Month::of(Instant(i64::MIN)), Month::REST);
        assert_eq!(Month::of(Instant(i64::MAX)), Month::REST);
        assert!(!Month::REST.is_before(Day(i32::MAX)));
        assert_eq!(Month::REST.stored().stored(), i32::MIN, "minus infinity");
    }

    #[test]
    fn a_copy_goes_straight_into_its_part() {
        let june = Month::beginning(day(2026, 6, 1));
        let copy = june.within(sql::raw::copy);
        assert!(
            copy.contains("\nCOPY import_transaction_2026_06 (id, "),
            "{copy}"
        );
        let copy = Month::REST.within(sql::raw::copy);
        assert!(
            copy.contains("\nCOPY import_transaction_rest (id, "),
            "{copy}"
        );
        assert!(copy.ends_with("FROM STDIN (FORMAT binary)\n"), "{copy}");
    }
}
