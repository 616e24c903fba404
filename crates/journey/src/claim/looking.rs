//! Looking through every stage for what may be the purchase that somebody asks for.

use super::scope::Scope;
use super::{Claim, Where, Who};
use crate::ports::{Paid, RejectRow, SaleStory, Side, Sold, Sought, StoreError};
use crate::review::misses;
use crate::why::{Candidate, Seen};
use crate::{Journey, rejected};
use harmonia_core::card::LastFour;
use harmonia_core::changes::CardInScheme;
use harmonia_core::claim::{Findings, NotTaken, Stands, Told, may_be, says_amount};
use harmonia_core::feed::{Feed, Outcome};
use harmonia_core::identify::{self, CardLink};
use harmonia_core::ids::{PaymentId, RejectId};
use harmonia_core::matching::near::NearMiss;
use harmonia_core::matching::{OpenReason, why};
use harmonia_core::money::Money;
use harmonia_core::problem::RejectReason;
use harmonia_core::purchase::EndKind;
use harmonia_core::state::{ExportState, RejectState};
use harmonia_core::time::{DAY_US, Moment};

/// The most payments, and the most sales, that are loaded.
const MOST: usize = 50;
/// The most payments that are looked at for whether the card is theirs.
const FOUND: usize = 5_000;
/// The most records that were not taken.
const LOST: usize = 10;
/// How many of the nearest sales are judged.
const NEIGHBOURS: usize = 20;

/// A payment that may be the one meant.
pub struct Found {
    /// The payment.
    pub seen: Seen,
    /// Where it stands.
    pub stands: Stands,
    /// Sales that are nearly it, the nearest first.
    pub misses: Vec<(NearMiss, SaleStory)>,
    /// Sales that fit it, or would if they were not another's.
    pub candidates: Vec<Candidate>,
}

/// A record that may be the one meant and was not taken.
pub struct Lost {
    /// The record.
    pub row: RejectRow,
    /// Why.
    pub reason: NotTaken,
}

/// All that may be the purchase meant.
#[derive(Default)]
pub struct Looked {
    /// Payments, each purchase once.
    pub payments: Vec<Found>,
    /// Payments that it can be but for the card.
    pub others_cards: usize,
    /// Whether there are more payments than were looked at.
    pub is_more: bool,
    /// Sales of that amount and time without a payment among those above.
    pub sales: Vec<SaleStory>,
    /// Records of payments that were not taken.
    pub lost_payments: Vec<Lost>,
    /// Records of sales that were not taken.
    pub lost_sales: Vec<Lost>,
}

impl Looked {
    /// What is to be judged of it.
    pub fn findings(&self, scope: &Scope) -> Findings {
        let reasons = |lost: &[Lost]| lost.iter().map(|lost| lost.reason).collect();
        Findings {
            payments: self.payments.iter().map(|found| found.stands).collect(),
            lost_payments: reasons(&self.lost_payments),
            lost_sales: reasons(&self.lost_sales),
            unknown_place: scope.unknown_place,
            too_many: self.is_more,
        }
    }
}

/// How well a payment fits whose purchase it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Maybe,
    Yes,
}

/// Looks through everything.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn look(journey: &Journey, claim: &Claim, scope: &Scope) -> Result<Looked, StoreError> {
    let mut looked = Looked::default();
    let sought = scope.sought(claim);
    let mut paid = journey.store.paid(&sought, FOUND + 1).await?;
    looked.is_more = paid.len() > FOUND;
    paid.retain(|one| scope.holds(one.when));
    let mut fitting = fitting(journey, claim, &paid, &mut looked).await?;
    if fitting.is_empty() && sought.card_token.is_some() {
        let by_any = Sought {
            card_token: None,
            ..sought.clone()
        };
        let mut others = journey.store.paid(&by_any, FOUND).await?;
        others.retain(|one| scope.holds(one.when));
        looked.others_cards = others.len();
    }
    let mut sold = journey.store.sold(&sought, MOST + 1).await?;
    sold.retain(|one| scope.holds(one.sale.when));
    let mut stories = sale_stories(journey, &sold).await?;
    if claim.who.is_none() && claim.last_four.is_none() {
        // A sale of that amount may be matched to a payment of another, by a person.
        for payment in stories.iter().filter_map(|story| story.matched_to_row) {
            if fitting.iter().all(|seen| seen.payment.id != payment) {
                fitting.extend(counting(journey, payment).await?);
            }
        }
    }
    let mut known: Vec<PaymentId> = Vec::new();
    for seen in fitting {
        if !known.contains(&seen.payment.id) {
            known.push(seen.payment.id);
            looked.payments.push(stand(journey, seen).await?);
        }
    }
    stories.retain(|story| {
        story
            .matched_to_row
            .is_none_or(|payment| !known.contains(&payment))
    });
    looked.sales = stories;
    lost(journey, claim, scope, &mut looked).await?;
    Ok(looked)
}

/// The payments that fit whose purchase it is said to be: those that surely do, or else those that may.
async fn fitting(
    journey: &Journey,
    claim: &Claim,
    paid: &[Paid],
    looked: &mut Looked,
) -> Result<Vec<Seen>, StoreError> {
    let fits = fits(journey, claim, paid).await?;
    looked.others_cards = fits.iter().filter(|fit| **fit == Fit::No).count();
    let best = if fits.contains(&Fit::Yes) {
        Fit::Yes
    } else {
        Fit::Maybe
    };
    let mut counted = Vec::new();
    let chosen = paid.iter().zip(&fits).filter(|(_, fit)| **fit == best);
    for (at, (one, _)) in chosen.enumerate() {
        if at >= MOST {
            looked.is_more = true;
            break;
        }
        counted.extend(counting(journey, one.id).await?);
    }
    Ok(counted)
}

/// How well each payment fits. Whose card it was is what was found out then, or else what is known now.
async fn fits(journey: &Journey, claim: &Claim, paid: &[Paid]) -> Result<Vec<Fit>, StoreError> {
    let member = match &claim.who {
        Some(Who::Member(member)) => Some(member),
        _ => None,
    };
    if member.is_none() && claim.last_four.is_none() {
        return Ok(vec![Fit::Yes; paid.len()]);
    }
    let ids: Vec<PaymentId> = paid.iter().map(|one| one.id).collect();
    let identities = journey.store.identities(&ids).await?;
    let cards: Vec<CardInScheme> = paid
        .iter()
        .map(|one| CardInScheme {
            scheme: one.scheme,
            card_token: one.card_token.clone(),
        })
        .collect();
    let links = journey.store.card_links(&cards).await?;
    let known = identities.into_iter().zip(links);
    Ok(paid
        .iter()
        .zip(known)
        .map(|(one, (identity, link))| {
            let link = identity.or(link);
            let of_member = member.map_or(Fit::Yes, |member| fits_member(member, link.as_ref()));
            let digits = claim.last_four;
            let of_card = digits.map_or(Fit::Yes, |said| fits_digits(said, one, link.as_ref()));
            of_member.min(of_card)
        })
        .collect())
}

fn fits_member(member: &str, link: Option<&CardLink>) -> Fit {
    match link.and_then(|link| link.loyalty_id.as_deref()) {
        Some(own) if own == member => Fit::Yes,
        Some(_) => Fit::No,
        None => Fit::Maybe,
    }
}

/// A phone pays with digits of its own; the customer knows those of the card.
fn fits_digits(said: LastFour, paid: &Paid, link: Option<&CardLink>) -> Fit {
    let linked = link.and_then(|link| link.digits.last_four);
    match [paid.digits.last_four, linked] {
        [None, None] => Fit::Maybe,
        known if known.contains(&Some(said)) => Fit::Yes,
        _ => Fit::No,
    }
}

/// The payment of a purchase that counts.
async fn counting(journey: &Journey, id: PaymentId) -> Result<Option<Seen>, StoreError> {
    match Seen::load(journey, id).await? {
        Some(seen) => as_counting(journey, seen).await,
        None => Ok(None),
    }
}

async fn as_counting(journey: &Journey, mut seen: Seen) -> Result<Option<Seen>, StoreError> {
    // An authorisation leads to its settlement, or a settlement to its authorisation, in one step; a
    // duplicate to either.
    for _ in 0..3 {
        let other = seen
            .story
            .end
            .as_ref()
            .and_then(|end| end.other_payment_transaction_id);
        let Some(other) = other else {
            break;
        };
        match Seen::load(journey, PaymentId(other)).await? {
            Some(counting) => seen = counting,
            None => break,
        }
    }
    Ok(Some(seen))
}

async fn sale_stories(journey: &Journey, sold: &[Sold]) -> Result<Vec<SaleStory>, StoreError> {
    let mut stories = Vec::new();
    for one in sold.iter().take(MOST) {
        stories.extend(journey.store.sale_to_explain(one.sale.id).await?);
    }
    Ok(stories)
}

/// Where a payment stands.
async fn stand(journey: &Journey, seen: Seen) -> Result<Found, StoreError> {
    let mut found = Found {
        stands: Stands::Waits,
        misses: Vec::new(),
        candidates: Vec::new(),
        seen,
    };
    let proposals = journey.store.proposals().await?;
    let is_own = |payment: i64| payment == found.seen.payment.id.0;
    let is_pending = found.seen.undecided.is_some();
    if is_pending
        && proposals
            .iter()
            .any(|one| is_own(one.payment_transaction_id) && one.action == "match.force")
    {
        found.stands = Stands::Proposed;
        return Ok(found);
    }
    let ended = found
        .seen
        .story
        .end
        .as_ref()
        .and_then(|end| EndKind::from_name(&end.kind));
    if found.seen.in_force().is_some() || ended == Some(EndKind::Streamed) {
        found.stands = told(&found.seen);
        return Ok(found);
    }
    if ended.is_some() {
        found.stands = Stands::GivenUp;
        return Ok(found);
    }
    found.stands = match found.seen.open_reason() {
        None => Stands::Waits,
        Some(reason) if reason.waits_for_identity() => linked(journey, &found.seen).await?,
        Some(OpenReason::NotMatched | OpenReason::NoRule) => Stands::NoRule,
        Some(OpenReason::Ambiguous) => Stands::Ambiguous,
        Some(OpenReason::Contested) => Stands::Contested,
        Some(OpenReason::Undone) => Stands::Undone,
        Some(_) => Stands::NoSale,
    };
    let looks_for_sale = [Stands::NoSale, Stands::Ambiguous, Stands::Contested];
    if looks_for_sale.contains(&found.stands) {
        near(journey, &mut found).await?;
    }
    Ok(found)
}

/// Whether the merchant was told of all there is to tell.
fn told(seen: &Seen) -> Stands {
    let cancelled = ExportState::Cancelled.as_str();
    let own = || {
        seen.story
            .exports
            .iter()
            .filter(|one| one.status != cancelled)
    };
    let is_delivered = own().all(|one| one.status == ExportState::Delivered.as_str());
    if own().next().is_some() && is_delivered {
        Stands::Told
    } else {
        Stands::Untold
    }
}

/// A card that was linked since waits for its payment to be asked about again.
async fn linked(journey: &Journey, seen: &Seen) -> Result<Stands, StoreError> {
    let Some(found) = &seen.undecided else {
        return Ok(Stands::Unlinked);
    };
    let links = journey.store.links_of_card(&found.card_token).await?;
    let link = links
        .into_iter()
        .find(|link| link.scheme == seen.payment.scheme);
    let link = link.map(|link| link.link);
    Ok(
        match identify::decide(link.ok_or(OpenReason::Unidentified)) {
            Ok(_) => Stands::Waits,
            Err(_) => Stands::Unlinked,
        },
    )
}

/// Which sales are near a payment that has none.
async fn near(journey: &Journey, found: &mut Found) -> Result<(), StoreError> {
    let seen = &found.seen;
    let near = journey
        .store
        .neighbours(seen.payment.id, NEIGHBOURS)
        .await?;
    let mut candidates = seen.judge(journey, &near);
    candidates.retain(|one| {
        let is_taken_alone = one.taken_by.is_some() && one.ruled_out.len() == 1;
        one.kept || is_taken_alone && why::is_kept(&one.filters)
    });
    found.candidates = candidates;
    if found.stands != Stands::NoSale {
        return Ok(());
    }
    if found.candidates.iter().any(|one| one.kept) {
        found.stands = Stands::Waits;
        return Ok(());
    }
    for miss in misses(journey, &seen.payment, &seen.barred).await? {
        let story = journey.store.sale_to_explain(miss.sale).await?;
        found.misses.extend(story.map(|story| (miss, story)));
    }
    if !found.misses.is_empty() {
        found.stands = Stands::NearMiss;
    } else if !found.candidates.is_empty() {
        found.stands = Stands::Contested;
    }
    Ok(())
}

/// The records that may be it and were not taken. A record came when its purchase was made, or later.
async fn lost(
    journey: &Journey,
    claim: &Claim,
    scope: &Scope,
    looked: &mut Looked,
) -> Result<(), StoreError> {
    let since = scope.from.plus(-DAY_US);
    let days = scope.days();
    let mids: Vec<&str> = scope.mids.iter().flatten().map(AsRef::as_ref).collect();
    let told = Told {
        amount_minor: claim.amount.minor,
        days: &days,
        card_token: match &claim.who {
            Some(Who::Card(card)) => Some(&card.0),
            _ => None,
        },
        mids: &mids,
    };
    let may_be_it = |row: &RejectRow| {
        let Some(feed) = journey.agents.feed(&row.feed) else {
            return may_be(&row.data, told, false);
        };
        if feed.feed_type.is_payment() || is_of_scheme(journey, scope, feed) {
            // What is sound is read again, and compared as what it means.
            let is_sound = row.state == RejectState::Quarantined.as_str();
            return is_sound && says_amount(&row.data, claim.amount.minor)
                || !is_sound && may_be(&row.data, told, feed.feed_type.is_payment());
        }
        false
    };
    let store = journey.store.as_ref();
    let rows = rejected::since(store, since, LOST * 10, may_be_it).await?;
    for row in rows {
        if row.state == RejectState::Quarantined.as_str()
            && !means(journey, claim, scope, &row).await?
        {
            continue;
        }
        let reason = match RejectReason::from_name(&row.reason) {
            Some(RejectReason::UnknownLocation) => NotTaken::UnknownLocation,
            Some(reason) if reason.is_quarantine() => NotTaken::UnknownMid,
            _ => NotTaken::Rejected,
        };
        let is_sale = rejected::side_of(journey, &row) == Some(Side::Sale);
        let list = if is_sale {
            &mut looked.lost_sales
        } else {
            &mut looked.lost_payments
        };
        if list.len() < LOST {
            list.push(Lost { row, reason });
        }
    }
    Ok(())
}

fn is_of_scheme(journey: &Journey, scope: &Scope, feed: &Feed) -> bool {
    let own = journey.agents.scheme(&feed.provider_slug);
    scope.scheme.is_none() || scope.scheme == own
}

/// Whether a record that waits for its MID or location means the purchase.
async fn means(
    journey: &Journey,
    claim: &Claim,
    scope: &Scope,
    row: &RejectRow,
) -> Result<bool, StoreError> {
    let kept = journey.store.kept_record(RejectId(row.id)).await?;
    let (Some(kept), Some(feed)) = (kept, journey.agents.feed(&row.feed)) else {
        return Ok(false);
    };
    let feed = if kept.canonical {
        feed.canonical()
    } else {
        feed.clone()
    };
    let raw = feed.recall(&kept.data, kept.number, kept.occurrence);
    let is_then = |amount: Money, when: Moment| amount == claim.amount && scope.holds(when);
    Ok(match feed.read(&raw) {
        Outcome::Payment(record) => {
            let is_card = match &claim.who {
                Some(Who::Card(card)) => record.card_token == *card,
                _ => true,
            };
            let own = &record.identifiers;
            let is_there = match &claim.place {
                Some(Where::Mid(mid)) => [&own.primary, &own.secondary, &own.psimi]
                    .into_iter()
                    .any(|own| own.as_ref() == Some(mid)),
                _ => true,
            };
            let digits = (record.digits.last_four, claim.last_four);
            let is_digits = !matches!(digits, (Some(own), Some(said)) if own != said);
            is_card && is_there && is_digits && is_then(record.amount, record.when)
        }
        Outcome::Sale(record) => is_then(record.amount, record.when),
        Outcome::Answer(_) | Outcome::Skipped | Outcome::Rejected(_) => false,
    })
}
