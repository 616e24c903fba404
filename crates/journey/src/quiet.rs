//! Quiet: which feeds are late or missing, have gaps, or bring much less or more than usual.

use crate::ports::{Store, StoreError};
use harmonia_core::feed::Feed;
use harmonia_core::feed::expected::{Punctuality, gaps, last_whole_day, unusual, usual};
use harmonia_core::time::Instant;
use serde::Serialize;

/// How many days the usual volume of a feed is made of.
const USUAL_DAYS: i64 = 14;
/// How many of a feed's newest files are looked at for gaps in their numbers.
const NUMBERED_FILES: usize = 100;

/// How one feed stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedStanding {
    /// The feed.
    pub feed: String,
    /// When it is expected, in words; `None` where its agent file does not say.
    pub expected: Option<String>,
    /// When something of it was imported last.
    pub last_arrival: Option<Instant>,
    /// How it stands against what is expected.
    pub standing: Option<Punctuality>,
    /// Numbers of files that did not come between those that did.
    pub gaps: Vec<u64>,
    /// How its volume is unusual.
    pub volume: Option<String>,
    /// How many records came on the last whole day, where any did.
    pub last_day: Option<u64>,
    /// The usual volume of a day: the median of the days before it, where there are any.
    pub usual_day: Option<u64>,
}

/// How each of these feeds stands that is expected or has ever brought anything.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn standings<'a>(
    feeds: impl Iterator<Item = &'a Feed>,
    store: &dyn Store,
    now: Instant,
) -> Result<Vec<FeedStanding>, StoreError> {
    let mut standings = Vec::new();
    for feed in feeds {
        let standing = standing(feed, store, now).await?;
        if standing.expected.is_some() || standing.last_arrival.is_some() {
            standings.push(standing);
        }
    }
    Ok(standings)
}

/// How one feed stands.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn standing(
    feed: &Feed,
    store: &dyn Store,
    now: Instant,
) -> Result<FeedStanding, StoreError> {
    let last_day = last_whole_day(now);
    let arrivals = store
        .arrivals(&feed.name, last_day - USUAL_DAYS, NUMBERED_FILES)
        .await?;
    let expected = feed.expected.as_ref();
    let of_last_day = |(day, _): &&(i64, u64)| *day == last_day;
    let latest = arrivals.records.iter().find(of_last_day);
    let before: Vec<u64> = arrivals
        .records
        .iter()
        .filter(|(day, _)| *day < last_day)
        .map(|(_, records)| *records)
        .collect();
    let numbered = expected.is_some_and(|expected| expected.numbered);
    let sources = arrivals.sources.iter().map(String::as_str);
    Ok(FeedStanding {
        feed: feed.name.to_string(),
        expected: expected.map(|expected| expected.rhythm.describe()),
        last_arrival: arrivals.last,
        standing: expected.map(|expected| {
            // Nothing tells since when a feed is expected that never came: it is missing.
            expected.rhythm.judge(arrivals.last, Instant(0), now)
        }),
        gaps: if numbered { gaps(sources) } else { Vec::new() },
        volume: latest.and_then(|(_, records)| unusual(*records, &before)),
        last_day: latest.map(|(_, records)| *records),
        usual_day: usual(&before),
    })
}
