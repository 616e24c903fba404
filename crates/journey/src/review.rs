//! Review: what people should look at, with the reason, its age and the sale that is suggested.
//!
//! Computed when it is asked for, so an item closes by itself as soon as its payment is matched, by
//! a rule or by a person. Nothing of it grows with history: what is ambiguous, contested or undone has
//! an index of its own, and near misses are looked for among open payments alone, so many at a time.

use crate::Journey;
use crate::candidates::probes;
use crate::ports::{ForReview, ProposalRow, SaleStory, Side, StoreError, TransactionRow};
use crate::why::{Candidate, Seen};
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::matching::filter::gap_us;
use harmonia_core::matching::near::{NearMiss, nearest, questions};
use harmonia_core::matching::{OpenReason, Sale};
use harmonia_core::time::Instant;
use harmonia_core::words;
use serde::Serialize;

/// How many sales that are nearly a payment's are loaded for each question.
const NEARLY: usize = 20;
/// How many open payments without a sale are looked at, with a few probes each, before a page ends.
const PROBED: usize = 2_000;
/// How many open payments of any reason are passed over for that.
const LOOKS: usize = 1_000_000;
/// How many payments are probed between two looks at whether the page is full.
const STRETCH: usize = 100;

/// Why something is in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// One person asked for it and another has to confirm it.
    Proposal,
    /// Several sales fit.
    Ambiguous,
    /// The sale that fits is another payment's.
    Contested,
    /// Its match was undone.
    Undone,
    /// A sale is nearly it.
    NearMiss,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [
        Self::Proposal,
        Self::Ambiguous,
        Self::Contested,
        Self::Undone,
        Self::NearMiss,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Ambiguous => "ambiguous",
            Self::Contested => "contested",
            Self::Undone => "undone",
            Self::NearMiss => "near-miss",
        }
    }

    /// The topic of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }

    fn of(reason: OpenReason) -> Self {
        match reason {
            OpenReason::Contested => Self::Contested,
            OpenReason::Undone => Self::Undone,
            _ => Self::Ambiguous,
        }
    }

    fn reason(self) -> Option<OpenReason> {
        match self {
            Self::Ambiguous => Some(OpenReason::Ambiguous),
            Self::Contested => Some(OpenReason::Contested),
            Self::Undone => Some(OpenReason::Undone),
            Self::Proposal | Self::NearMiss => None,
        }
    }
}

/// What is wanted of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Only one scheme's.
    pub scheme: Option<SchemeId>,
    /// Only one topic; without it all, near misses last.
    pub topic: Option<Topic>,
    /// Only payments after this row.
    pub after: PaymentId,
    /// At most so many.
    pub limit: usize,
}

/// Some of the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// Where the list goes on, if it may.
    pub next: Option<Next>,
}

/// Where the list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The topic to name; `None` where the list of all goes on.
    pub reason: Option<Topic>,
    /// The row to go on after.
    pub after: i64,
}

/// Something a person should look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Why it is in the list.
    pub topic: Topic,
    /// The payment.
    pub payment: TransactionRow,
    /// Whose clock the times in words are by.
    pub zone: String,
    /// Since when it has been here: the stamp of its import, or of the proposal.
    pub since: Instant,
    /// How long that is, in microseconds.
    pub age_us: i64,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// For a contested sale, the payment that has it.
    pub holder: Option<TransactionRow>,
    /// The sales that may be its other half, the suggested one first.
    pub candidates: Vec<Candidate>,
    /// The row of the sale that is suggested.
    pub suggested: Option<i64>,
    /// The command that would settle it so.
    pub command: Option<String>,
}

/// The part of the list that is wanted.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn page(journey: &Journey, wanted: &Wanted) -> Result<Page, StoreError> {
    let mut page = Page::default();
    if matches!(wanted.topic, None | Some(Topic::Proposal)) && wanted.after.0 == 0 {
        proposals(journey, wanted, &mut page).await?;
    }
    if wanted.topic.is_none_or(|topic| topic.reason().is_some()) {
        marked(journey, wanted, &mut page).await?;
        if page.next.is_some() {
            return Ok(page);
        }
    }
    match wanted.topic {
        Some(Topic::NearMiss) => near_misses(journey, wanted, wanted.after, &mut page).await?,
        // The list of all has come to the near misses, which begin at their own beginning.
        None => near_misses(journey, wanted, PaymentId(0), &mut page).await?,
        Some(_) => {}
    }
    Ok(page)
}

/// What waits for a second person: few, and all of it on the first page.
async fn proposals(journey: &Journey, wanted: &Wanted, page: &mut Page) -> Result<(), StoreError> {
    for proposal in journey.store.proposals().await? {
        let id = PaymentId(proposal.payment_transaction_id);
        let Some(seen) = Seen::load(journey, id).await? else {
            continue;
        };
        if wanted
            .scheme
            .is_none_or(|scheme| scheme == seen.payment.scheme)
        {
            page.items.push(proposed(journey, &seen, proposal).await?);
        }
    }
    Ok(())
}

async fn proposed(
    journey: &Journey,
    seen: &Seen,
    proposal: ProposalRow,
) -> Result<Item, StoreError> {
    let sale = proposal.scheme_transaction_id;
    let mut item = item(journey, seen, Topic::Proposal);
    item.since = proposal.created_at;
    item.age_us = age_us(journey, proposal.created_at);
    item.reasons = vec![format!(
        "{} asked for {} at {}: {}; a second person has to confirm it",
        proposal.operator,
        proposal.action,
        words::instant(
            proposal.created_at,
            &journey.agents.zone(seen.payment.scheme)
        ),
        proposal.reason
    )];
    if let Some(sale) = sale
        && let Some(story) = journey.store.sale_to_explain(SaleId(sale)).await?
    {
        item.candidates = seen.judge(journey, &[story]);
        item.suggested = Some(sale);
    }
    item.command = match (proposal.action.as_str(), sale) {
        ("match.force", Some(sale)) => Some(force(seen.payment.id, SaleId(sale))),
        ("match.undo", _) => Some(format!(
            "harmonia match undo --payment {} --reason …",
            seen.payment.id
        )),
        _ => None,
    };
    Ok(item)
}

/// What is ambiguous, contested or undone.
async fn marked(journey: &Journey, wanted: &Wanted, page: &mut Page) -> Result<(), StoreError> {
    let left = wanted.limit.saturating_sub(page.items.len());
    let reason = wanted.topic.and_then(Topic::reason);
    let found = journey
        .store
        .for_review(wanted.scheme, reason, wanted.after, left.saturating_add(1))
        .await?;
    let is_more = found.len() > left;
    let mut last = wanted.after;
    for marked in found.into_iter().take(left) {
        last = marked.payment;
        page.items.extend(marked_item(journey, marked).await?);
    }
    if is_more {
        page.next = Some(Next {
            reason: wanted.topic,
            after: last.0,
        });
    }
    Ok(())
}

/// One of them; `None` when it was settled meanwhile.
async fn marked_item(journey: &Journey, marked: ForReview) -> Result<Option<Item>, StoreError> {
    let Some(seen) = Seen::load(journey, marked.payment).await? else {
        return Ok(None);
    };
    let Some(found) = &seen.undecided else {
        return Ok(None);
    };
    let mut item = item(journey, &seen, Topic::of(marked.reason));
    let mut sales: Vec<SaleStory> = Vec::new();
    if let Some(sale) = marked.sale {
        sales.extend(journey.store.sale_to_explain(sale).await?);
        item.holder = holder(journey, &sales).await?;
    }
    let mut found = found.clone();
    found.payment = seen.payment.clone();
    let open = journey
        .store
        .candidates(&probes(journey, &[&found]))
        .await?;
    for sale in nearest_first(journey, &seen, open) {
        if sales.iter().all(|story| story.sale.id != sale) {
            sales.extend(journey.store.sale_to_explain(sale).await?);
        }
    }
    let mut candidates = seen.judge(journey, &sales);
    candidates.retain(|one| one.kept || Some(SaleId(one.scheme_transaction_id)) == marked.sale);
    if marked.reason == OpenReason::Ambiguous {
        candidates.sort_by_key(|one| one.lost_tie.is_some());
    }
    item.reasons = reasons(journey, &seen, marked, &candidates).await?;
    let fits = candidates
        .iter()
        .find(|one| one.kept && one.lost_tie.is_none());
    item.suggested = fits.map(|one| one.scheme_transaction_id);
    if let Some(sale) = item.suggested {
        item.command = Some(force(seen.payment.id, SaleId(sale)));
    } else if let (Some(holder), Some(_)) = (&item.holder, marked.sale) {
        // It can be given away only once it is free.
        item.command = Some(format!(
            "harmonia match undo --payment {} --reason …",
            holder.id
        ));
        item.suggested = marked.sale.map(|sale| sale.0);
    }
    item.candidates = candidates;
    Ok(Some(item))
}

/// The payment that has the sale.
async fn holder(
    journey: &Journey,
    sales: &[SaleStory],
) -> Result<Option<TransactionRow>, StoreError> {
    let Some(payment) = sales.first().and_then(|story| story.matched_to_row) else {
        return Ok(None);
    };
    let story = journey.store.story(Side::Payment, payment.0).await?;
    Ok(story.map(|story| story.transaction))
}

/// Sales by their time's distance from the payment's.
fn nearest_first(journey: &Journey, seen: &Seen, mut sales: Vec<Sale>) -> Vec<SaleId> {
    let zone = journey.agents.zone(seen.payment.scheme);
    sales.sort_by_key(|sale| {
        let gap = gap_us(seen.payment.when, sale.when, &zone);
        (gap.unwrap_or(i64::MAX), sale.id)
    });
    sales.into_iter().map(|sale| sale.id).collect()
}

async fn reasons(
    journey: &Journey,
    seen: &Seen,
    marked: ForReview,
    candidates: &[Candidate],
) -> Result<Vec<String>, StoreError> {
    let mut reasons = vec![marked.reason.explanation().to_owned()];
    let stops = seen.stops(journey).await?;
    let own = stops
        .into_iter()
        .filter(|stop| ["CONTESTED", "UNDONE", "PROPOSED"].contains(&stop.reason.as_str()));
    reasons.extend(own.map(|stop| stop.text));
    if marked.reason == OpenReason::Ambiguous {
        let fits = candidates
            .iter()
            .filter(|one| one.lost_tie.is_none())
            .count();
        reasons.push(match fits {
            0 => "none of the sales that fitted it is open any more".to_owned(),
            1 => "only one of the sales that fitted it is open still".to_owned(),
            many => format!("{many} sales fit it"),
        });
    }
    Ok(reasons)
}

/// Open payments without a sale for which one is nearly right.
async fn near_misses(
    journey: &Journey,
    wanted: &Wanted,
    after: PaymentId,
    page: &mut Page,
) -> Result<(), StoreError> {
    let mut after = after;
    let mut probed = 0;
    loop {
        let found = journey
            .store
            .without_sale(wanted.scheme, after, STRETCH, LOOKS)
            .await?;
        let is_short = found.payments.len() < STRETCH;
        for payment in found.payments {
            if page.items.len() >= wanted.limit {
                page.next = Some(near_miss_after(after));
                return Ok(());
            }
            page.items.extend(near_miss_item(journey, payment).await?);
            after = payment;
            probed += 1;
        }
        let Some(through) = found.through else {
            return Ok(());
        };
        after = through;
        // A stretch that came back short was all the looks there are for a page.
        let is_tired = probed >= PROBED || is_short;
        if is_tired || page.items.len() >= wanted.limit {
            page.next = Some(near_miss_after(after));
            return Ok(());
        }
    }
}

fn near_miss_after(payment: PaymentId) -> Next {
    Next {
        reason: Some(Topic::NearMiss),
        after: payment.0,
    }
}

async fn near_miss_item(journey: &Journey, payment: PaymentId) -> Result<Option<Item>, StoreError> {
    let undecided = harmonia_core::changes::Span::Ids(vec![payment.0]);
    let Some(found) = journey.store.undecided(&undecided).await?.payments.pop() else {
        return Ok(None);
    };
    let barred = found.barred.clone();
    let misses = misses(journey, &found.as_decided(), &barred).await?;
    if misses.is_empty() {
        return Ok(None);
    }
    let Some(seen) = Seen::load(journey, payment).await? else {
        return Ok(None);
    };
    let mut item = item(journey, &seen, Topic::NearMiss);
    let mut stories = Vec::new();
    for miss in &misses {
        let story = journey.store.sale_to_explain(miss.sale).await?;
        if let Some(story) = story.filter(|story| story.matched_to.is_none()) {
            item.reasons.push(in_words(&story, miss));
            stories.push(story);
        }
    }
    item.candidates = seen.judge(journey, &stories);
    item.suggested = stories.first().map(|story| story.sale.id.0);
    item.command = item.suggested.map(|sale| force(payment, SaleId(sale)));
    Ok(item.suggested.is_some().then_some(item))
}

/// A near miss, in words.
pub fn in_words(story: &SaleStory, miss: &NearMiss) -> String {
    format!("sale {}: {}", story.transaction_id, miss.missed.describe())
}

/// The open sales that are nearly a payment's, the nearest first; those that a person has parted from it
/// are not among them.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn misses(
    journey: &Journey,
    payment: &harmonia_core::matching::Payment,
    barred: &[SaleId],
) -> Result<Vec<NearMiss>, StoreError> {
    let Some(rules) = journey.agents.rules(payment.scheme) else {
        return Ok(Vec::new());
    };
    let mut sales = journey
        .store
        .nearly(&questions(payment, rules), NEARLY)
        .await?;
    sales.retain(|sale| !barred.contains(&sale.id));
    Ok(nearest(payment, &sales, rules))
}

/// The command that makes a match by hand.
pub fn force(payment: PaymentId, sale: SaleId) -> String {
    format!("harmonia match force --payment {payment} --sale {sale} --reason …")
}

fn item(journey: &Journey, seen: &Seen, topic: Topic) -> Item {
    let since = seen.payment.imported_at;
    Item {
        topic,
        payment: seen.story.transaction.clone(),
        zone: journey.agents.zone(seen.payment.scheme).name().to_owned(),
        since,
        age_us: age_us(journey, since),
        reasons: Vec::new(),
        holder: None,
        candidates: Vec::new(),
        suggested: None,
        command: None,
    }
}

fn age_us(journey: &Journey, since: Instant) -> i64 {
    journey.now().0.saturating_sub(since.0).max(0)
}
