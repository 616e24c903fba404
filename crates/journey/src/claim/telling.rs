//! The answer to a claim, in words: what it means, the one next step, and the rows it rests on.

use super::feeds::{FeedOfDay, feeds};
use super::looking::{Found, Looked, Lost};
use super::rows::{NAMED, each_once, lost_rows, payment_rows, sale_row};
use super::scope::Scope;
use super::{Answer, Claim, SaidTime, Where, Who};
use crate::Journey;
use crate::ports::{SaleStory, StoreError, TransactionRow};
use crate::review::{force, in_words};
use harmonia_core::claim::{Stands, Verdict};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::OpenReason;
use harmonia_core::state::ExportState;
use harmonia_core::words;

/// What to do next: in words, and the command for it.
struct Step {
    words: String,
    command: Option<String>,
}

impl Step {
    fn say(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            command: None,
        }
    }

    fn run(words: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            command: Some(command.into()),
        }
    }
}

/// Puts a verdict in words.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn tell(
    journey: &Journey,
    claim: &Claim,
    scope: &Scope,
    looked: &Looked,
    verdict: Verdict,
) -> Result<Answer, StoreError> {
    let feeds = feeds(journey, claim, scope, looked, verdict).await?;
    let step = match verdict {
        Verdict::Several => Step::say(format!(
            "ask the customer for {}, and ask again with it",
            ask_for(claim, looked).join(", or ")
        )),
        Verdict::NotReceivedPayment => missing(scope, &feeds, "the card network"),
        Verdict::NotReceivedSale => missing(scope, &feeds, "the merchant"),
        Verdict::Rejected | Verdict::UnknownMid | Verdict::UnknownLocation => {
            mend(claim, looked, verdict)
        }
        _ => looked.payments.first().map_or_else(
            || Step::say("ask again"),
            |found| of_payment(journey, found),
        ),
    };
    let mut rests_on = Vec::new();
    for found in looked.payments.iter().take(NAMED) {
        rests_on.extend(payment_rows(found, &scope.zone));
    }
    rests_on.extend(lost_rows(looked, verdict));
    let open = looked
        .sales
        .iter()
        .filter(|story| story.matched_to.is_none());
    let sales = open.take(NAMED);
    rests_on.extend(sales.map(|story| sale_row(story, &scope.zone)));
    rests_on.extend(feeds.into_iter().map(|feed| feed.row));
    let rests_on = each_once(rests_on);
    Ok(Answer {
        looked_for: looked_for(journey, claim, scope),
        verdict,
        meaning: meaning(looked, verdict),
        next_step: step.words,
        command: step.command,
        ask_for: match verdict {
            Verdict::Several => ask_for(claim, looked),
            _ => Vec::new(),
        },
        notes: notes(claim, scope, looked, verdict),
        rests_on,
    })
}

fn looked_for(journey: &Journey, claim: &Claim, scope: &Scope) -> String {
    let mut text = format!("{} {}", claim.amount, scope.in_words(claim));
    match &claim.who {
        Some(Who::Card(card)) => text.push_str(&format!(", card {}", masked(&card.0))),
        Some(Who::Member(member)) => text.push_str(&format!(", member {}", masked(member))),
        None => {}
    }
    if let Some(digits) = claim.last_four {
        text.push_str(&format!(", a card ending in {digits}"));
    }
    match &claim.place {
        Some(Where::Location(id)) => text.push_str(&format!(", at location {id}")),
        Some(Where::Mid(mid)) => text.push_str(&format!(", at MID {mid}")),
        None => {}
    }
    if let Some(scheme) = scope.scheme {
        text.push_str(&format!(", {}", name_of(journey, scheme)));
    }
    text
}

/// What was typed for a token may be the number of the card itself.
fn masked(text: &str) -> String {
    harmonia_core::card::mask_card_numbers(text).unwrap_or_else(|| text.to_owned())
}

fn name_of(journey: &Journey, scheme: SchemeId) -> &str {
    let agent = journey.agents.of_scheme(scheme);
    agent.map_or("a scheme without an agent file", |agent| &agent.name)
}

/// What the verdict means, with the particulars of the one payment.
fn meaning(looked: &Looked, verdict: Verdict) -> String {
    let mut text = verdict.meaning().to_owned();
    if let [found] = looked.payments.as_slice()
        && let Some((miss, story)) = found.misses.first()
        && verdict == Verdict::OpenNearMiss
    {
        text.push_str(&format!(" The nearest is {}.", in_words(story, miss)));
    }
    text
}

/// What to do about a payment, by where it stands.
fn of_payment(journey: &Journey, found: &Found) -> Step {
    let seen = &found.seen;
    let (id, own) = (seen.payment.id, seen.transaction_id());
    let scheme = name_of(journey, seen.payment.scheme);
    let review = |reason: &str| {
        format!(
            "harmonia review --reason {reason} --limit 1 --after {}",
            id.0 - 1
        )
    };
    match found.stands {
        Stands::Told => delivered(found, scheme),
        Stands::Untold => untold(found, scheme),
        Stands::Proposed => Step::run(
            "have a second person look at it and confirm it by the same command",
            "harmonia match proposals",
        ),
        Stands::Waits => Step::run(
            "nothing has to be done where `harmonia run` is at work; else work off what is due",
            "harmonia drain",
        ),
        Stands::Unlinked => unlinked(found, scheme),
        Stands::NoRule => Step::run(
            format!(
                "tell the customer that {scheme} does not reward payments by {}; if it should, its \
                 agent file lacks the rule",
                seen.payment.provider
            ),
            format!("harmonia why payment {own}"),
        ),
        Stands::Ambiguous => Step::run(
            "ask the customer which of the sales it was (the time, the till), and match that one by \
             hand",
            review("ambiguous"),
        ),
        Stands::Contested if seen.open_reason() == Some(OpenReason::Contested) => Step::run(
            "compare both payments with the sale; if it is this one's, undo the other match first",
            review("contested"),
        ),
        Stands::Contested => Step::run(
            "compare both payments with the sale; if it is this one's, undo the other match first",
            format!("harmonia why payment {own}"),
        ),
        Stands::Undone => Step::run(
            "read why it was undone, and match it by hand if that was wrong",
            review("undone"),
        ),
        Stands::NearMiss => Step {
            words: "compare the two with the receipt; if they are one purchase, match them by hand"
                .to_owned(),
            command: found
                .misses
                .first()
                .map(|(_, story)| force(id, story.sale.id)),
        },
        Stands::NoSale => Step::say("ask the merchant for the sale"),
        Stands::GivenUp => Step::run(
            "ask the merchant what became of it: it has been reported as unmatched",
            format!("harmonia lifecycle {own}"),
        ),
    }
}

fn delivered(found: &Found, scheme: &str) -> Step {
    let seen = &found.seen;
    let member = seen.story.loyalty_id.as_deref();
    let told = match member {
        Some(member) => format!("told to reward member {member}"),
        None => "told".to_owned(),
    };
    let exports = seen.story.exports.iter();
    let named = exports
        .last()
        .map_or(seen.transaction_id(), |one| &one.transaction_id);
    Step::run(
        format!(
            "tell the customer that {scheme} was {told}; if the points are not there, ask {scheme} \
             about its transaction {named}"
        ),
        format!("harmonia lifecycle {}", seen.transaction_id()),
    )
}

/// What to do about an export that did not arrive, by where it stands.
fn untold(found: &Found, scheme: &str) -> Step {
    let exports = found.seen.story.exports.iter();
    let mut late = exports.filter(|one| one.status != ExportState::Delivered.as_str());
    let Some(export) = late.next_back() else {
        return Step::run(
            format!("{scheme} is not told of its matches: its agent file has no export for it"),
            format!("harmonia lifecycle {}", found.seen.transaction_id()),
        );
    };
    let why = export.status_reason.as_deref().unwrap_or("no reason given");
    let list = format!("harmonia exports list --status {}", export.status);
    match ExportState::from_name(&export.status) {
        Some(ExportState::Pending) => Step::run(
            format!(
                "{scheme} is told with the next delivery; where `harmonia run` is not at work:"
            ),
            "harmonia drain",
        ),
        Some(ExportState::Retrying) => Step::run(
            format!("it is tried again by itself; the last try failed: {why}"),
            list,
        ),
        Some(ExportState::InFlight) => {
            Step::run("it is being sent at this moment: look again soon", list)
        }
        Some(ExportState::Uncertain) => Step::run(
            format!(
                "the merchant may have been told; ask it, then say so with `harmonia exports \
                 delivered` or `retry`: {why}"
            ),
            list,
        ),
        Some(ExportState::Skipped) => Step::run(
            format!("the merchant was not told, on purpose: {why}"),
            format!("harmonia lifecycle {}", found.seen.transaction_id()),
        ),
        Some(ExportState::Cancelled) => Step::run(
            format!("the merchant is not told: {why}"),
            format!("harmonia lifecycle {}", found.seen.transaction_id()),
        ),
        _ => Step::run(
            format!("somebody has to put right what keeps it back: {why}"),
            list,
        ),
    }
}

fn unlinked(found: &Found, scheme: &str) -> Step {
    let card = found
        .seen
        .undecided
        .as_ref()
        .map(|one| one.card_token.0.as_str());
    let card = card.unwrap_or("the card");
    let words = match found.seen.open_reason() {
        Some(OpenReason::NoScheme) => {
            return Step::run(
                format!(
                    "the identity service does not know {scheme}: have it set up there, or see \
                     TXM_HERMES_SLUGS_TO_FORMAT; the payment then goes on by itself"
                ),
                "harmonia status",
            );
        }
        Some(OpenReason::NoAccount) => format!(
            "card {card} is linked, but without an account in {scheme}: have the member joined to it, \
             and link the card again"
        ),
        Some(OpenReason::NoCardInformation) => format!(
            "card {card} is linked, but without its digits: link it again with first_six and last_four"
        ),
        _ => format!("have the member link card {card} in {scheme}"),
    };
    Step::run(
        format!("{words}; the payment then goes on by itself"),
        "harmonia cards import FILE.csv",
    )
}

/// What to do about records that were not taken.
fn mend(claim: &Claim, looked: &Looked, verdict: Verdict) -> Step {
    let lost = looked.lost_payments.first().or(looked.lost_sales.first());
    let Some(Lost { row, .. }) = lost else {
        let place = match &claim.place {
            Some(Where::Location(id)) => format!("location {id}"),
            Some(Where::Mid(mid)) => format!("MID {mid}"),
            None => "the MID".to_owned(),
        };
        return Step::run(
            format!(
                "{place} was not onboarded for that time: check it, or onboard it; what waits for it \
                 goes on by itself"
            ),
            "harmonia mids import FILE.csv",
        );
    };
    match verdict {
        Verdict::Rejected => Step::run(
            format!(
                "mend the record and take it up again ({}{}), or have it sent again whole",
                row.field
                    .as_ref()
                    .map_or_else(String::new, |field| format!("{field}: ")),
                row.detail
            ),
            format!("harmonia rejects replay {} --record '{{…}}'", row.id),
        ),
        _ => Step::run(
            format!(
                "onboard it, and the record goes on by itself: {}",
                row.detail
            ),
            "harmonia mids import FILE.csv",
        ),
    }
}

/// What to do about what never came.
fn missing(scope: &Scope, feeds: &[FeedOfDay], whom: &str) -> Step {
    let silent: Vec<&str> = feeds
        .iter()
        .filter(|feed| feed.records == 0)
        .map(|feed| feed.name.as_str())
        .collect();
    let days = words::day(
        scope.from.plus((scope.to.0 - scope.from.0) / 2),
        &scope.zone,
    );
    if feeds.is_empty() {
        return Step::say(format!(
            "ask {whom} for the purchase: no feed brings it by itself"
        ));
    }
    if silent.len() == feeds.len() {
        let command = "harmonia status";
        return Step::run(
            format!(
                "wait for, or ask for, what is missing: nothing of {days} has come by {}",
                silent.join(", ")
            ),
            command,
        );
    }
    let but = if silent.is_empty() {
        String::new()
    } else {
        format!(" (nothing of that day has come by {})", silent.join(", "))
    };
    Step::say(format!(
        "check amount, date and shop with the customer's receipt; if they are right, ask {whom} for \
         the purchase: other records of {days} are here{but}"
    ))
}

/// What would tell apart the purchases that may be meant.
fn ask_for(claim: &Claim, looked: &Looked) -> Vec<&'static str> {
    let mut asks = Vec::new();
    if !matches!(claim.when, SaidTime::Moment(_) | SaidTime::Clock(_)) {
        asks.push("the time of day on the receipt (--date 2026-06-02T15:46)");
    }
    let payments = || {
        looked
            .payments
            .iter()
            .map(|found| &found.seen.story.transaction)
    };
    let differ = |of: fn(&TransactionRow) -> String| {
        let mut values = payments().map(of);
        let first = values.next();
        values.any(|other| Some(other) != first)
    };
    if claim.place.is_none() && differ(|row| row.mids.join(",")) {
        asks.push("the shop (--location or --mid)");
    }
    if claim.scheme.is_none() && differ(|row| row.scheme_slug.clone()) {
        asks.push("the scheme (--scheme)");
    }
    if claim.who.is_none() {
        asks.push("the member's number or the card (--loyalty-id or --card)");
    }
    if claim.last_four.is_none() {
        asks.push("the last four digits of the card (--last-four)");
    }
    if asks.is_empty() {
        asks.push("a time that is more exact (--within 5m)");
    }
    asks
}

fn notes(claim: &Claim, scope: &Scope, looked: &Looked, verdict: Verdict) -> Vec<String> {
    let mut notes = Vec::new();
    if looked.is_more {
        notes.push("there are more payments than were looked at: narrow it down".to_owned());
    }
    if looked.others_cards > 0 {
        notes.push(format!(
            "{} of that amount and time by other cards",
            words::many(looked.others_cards, "payment")
        ));
    }
    if let Some(Who::Card(card)) = &claim.who
        && scope.links.is_empty()
    {
        notes.push(format!(
            "card {} is not linked in any scheme",
            masked(&card.0)
        ));
    }
    let missing = [
        Verdict::NotReceivedPayment,
        Verdict::UnknownMid,
        Verdict::Rejected,
    ];
    if looked.payments.is_empty() && missing.contains(&verdict) {
        let open = looked
            .sales
            .iter()
            .filter(|story| story.matched_to.is_none())
            .count();
        notes.push(match (open, looked.lost_sales.len()) {
            (0, 0) => "no sale of that amount and time is open either".to_owned(),
            (0, lost) => format!(
                "{} of a sale that may be it was not taken",
                words::many(lost, "record")
            ),
            (open, _) => format!(
                "the shop has told of {} of that amount that has no payment",
                words::many(open, "sale")
            ),
        });
    }
    let others: Vec<&SaleStory> = looked
        .sales
        .iter()
        .filter(|one| one.matched_to.is_some())
        .collect();
    notes.extend(match others.as_slice() {
        [] => None,
        [one] => Some(format!(
            "sale {} of that amount and time belongs to payment {}, by another card",
            one.transaction_id,
            one.matched_to.as_deref().unwrap_or("–")
        )),
        several => Some(format!(
            "{} sales of that amount and time belong to payments by other cards",
            several.len()
        )),
    });
    notes
}
