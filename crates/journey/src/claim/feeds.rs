//! The feeds that should have brought what is missing: whether anything of the day has come.

use super::looking::Looked;
use super::scope::Scope;
use super::{Claim, Row};
use crate::ports::StoreError;
use crate::{Journey, quiet};
use harmonia_core::claim::Verdict;
use harmonia_core::feed::Feed;
use harmonia_core::feed::expected::Punctuality;
use harmonia_core::transaction::FeedType;
use harmonia_core::words;

/// How one feed stands with the records of the days meant.
pub struct FeedOfDay {
    /// Its name.
    pub name: String,
    /// How many there are.
    pub records: u64,
    /// What it says.
    pub row: Row,
}

/// The feeds that should have brought what is missing, and whether anything of the day came.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn feeds(
    journey: &Journey,
    claim: &Claim,
    scope: &Scope,
    looked: &Looked,
    verdict: Verdict,
) -> Result<Vec<FeedOfDay>, StoreError> {
    let all = journey.agents.all().iter().flat_map(|agent| &agent.feeds);
    let wanted: Vec<&Feed> = match verdict {
        Verdict::NotReceivedPayment => {
            let networks: Vec<_> = scope.terms.iter().map(|term| &term.provider).collect();
            let is_refund = claim.amount.minor < 0;
            all.filter(|feed| {
                let is_kind = feed.feed_type.is_payment()
                    && (is_refund || feed.feed_type != FeedType::Refund);
                is_kind && (networks.is_empty() || networks.contains(&&feed.provider_slug))
            })
            .collect()
        }
        Verdict::NotReceivedSale => {
            let scheme = looked
                .payments
                .first()
                .map(|found| found.seen.payment.scheme);
            all.filter(|feed| {
                !feed.feed_type.is_payment() && journey.agents.scheme(&feed.provider_slug) == scheme
            })
            .collect()
        }
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for feed in wanted {
        found.push(of_day(journey, scope, feed).await?);
    }
    Ok(found)
}

async fn of_day(journey: &Journey, scope: &Scope, feed: &Feed) -> Result<FeedOfDay, StoreError> {
    let store = journey.store.as_ref();
    let mut records = 0;
    for day in scope.days() {
        let known = store.known_of_day(&feed.provider_slug, feed.feed_type, day);
        records += known.await?;
    }
    let quiet = quiet::standing(feed, store, journey.now()).await?;
    let last = quiet.last_arrival.map_or_else(
        || "nothing ever came by it".to_owned(),
        |last| format!("the last of it came {}", words::instant(last, &scope.zone)),
    );
    let late = match quiet.standing {
        Some(Punctuality::Late) => ", and it is late",
        Some(Punctuality::Missing) => ", and it is missing",
        Some(Punctuality::OnTime) | None => "",
    };
    let count = usize::try_from(records).unwrap_or(usize::MAX);
    let says = format!("{} of that day; {last}{late}", words::many(count, "record"));
    Ok(FeedOfDay {
        name: feed.name.to_string(),
        records,
        row: Row {
            kind: "feed",
            row: None,
            id: feed.name.to_string(),
            says,
        },
    })
}
