//! Claims: what became of a purchase that a customer misses.
//!
//! What is known of it narrows down where it can be (`scope`); every stage is looked through for it
//! (`looking`), with the feeds that should have brought what is missing (`feeds`); core judges what that
//! comes to, and `telling` puts it in words: one verdict, one next step, and the rows they rest on
//! (`rows`). Nothing is written.

mod feeds;
mod looking;
mod rows;
mod scope;
mod telling;

use crate::Journey;
use crate::ports::StoreError;
use compact_str::CompactString;
use harmonia_core::card::{CardToken, LastFour};
use harmonia_core::claim::{Verdict, judge};
use harmonia_core::ids::SchemeId;
use harmonia_core::money::Money;
use harmonia_core::time::{Day, Instant, WallClock};
use serde::Serialize;

/// When somebody says it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidTime {
    /// On a day by the shop's clock.
    Day(Day),
    /// At a time by the shop's clock.
    Clock(WallClock),
    /// At a moment.
    Moment(Instant),
}

/// Whose purchase it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A card, by its token.
    Card(CardToken),
    /// A member of the scheme, by the number there.
    Member(CompactString),
}

/// Where it is said to have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// A location, by the id under which its terminals are onboarded.
    Location(CompactString),
    /// A terminal, by its merchant identifier.
    Mid(CompactString),
}

/// What somebody says of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How much it was.
    pub amount: Money,
    /// When.
    pub when: SaidTime,
    /// How far off that may be, in microseconds.
    pub within_us: i64,
    /// Whose.
    pub who: Option<Who>,
    /// The last four digits of the card.
    pub last_four: Option<LastFour>,
    /// The scheme.
    pub scheme: Option<SchemeId>,
    /// Where.
    pub place: Option<Where>,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What was looked for, in words.
    pub looked_for: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it means, in words for a customer.
    pub meaning: String,
    /// What to do next, in words.
    pub next_step: String,
    /// The command that does it, where there is one.
    pub command: Option<String>,
    /// What to ask the customer for, where more than one purchase may be meant.
    pub ask_for: Vec<&'static str>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// The rows that the verdict rests on.
    pub rests_on: Vec<Row>,
}

/// A row that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is: `payment`, `sale`, `match`, `export`, `reject`, `feed`.
    pub kind: &'static str,
    /// Its row; feeds have none.
    pub row: Option<i64>,
    /// The id that its provider or merchant knows it by, or its name.
    pub id: String,
    /// What it says, in words.
    pub says: String,
}

/// Finds out what became of the purchase that is meant.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn answer(journey: &Journey, claim: &Claim) -> Result<Answer, StoreError> {
    let scope = scope::Scope::of(journey, claim).await?;
    let found = looking::look(journey, claim, &scope).await?;
    let verdict = judge(&found.findings(&scope));
    telling::tell(journey, claim, &scope, &found, verdict).await
}
