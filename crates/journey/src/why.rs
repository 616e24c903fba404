//! Why: what stops a payment or a sale, and what speaks for and against each of the nearest candidates.
//!
//! Loaded here and judged in core, so that the command line and every other door say the same.

use crate::Journey;
use crate::ports::{
    MatchRow, RejectRow, SaleStory, Side, StoreError, Story, TransactionRow, UndecidedPayment,
};
use crate::rejected;
use harmonia_core::changes::Span;
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::matching::near::failed;
use harmonia_core::matching::rules::Kind;
use harmonia_core::matching::why::{self, Answer, Ends, Judged};
use harmonia_core::matching::{OpenReason, Payment};
use harmonia_core::money::Major;
use harmonia_core::purchase::EndKind;
use harmonia_core::time::Zone;
use harmonia_core::words;
use serde::Serialize;

/// How many of the nearest candidates are explained.
pub const CANDIDATES: usize = 20;

/// The explanation of one transaction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The transaction; `None` where its record could not be taken.
    pub transaction: Option<TransactionRow>,
    /// The record that could not be taken, where that is so.
    pub reject: Option<RejectRow>,
    /// Whose clock the times in words are by.
    pub zone: String,
    /// Where it stands, and what it comes down to.
    pub verdict: Vec<String>,
    /// What stops everything, whatever the candidates.
    pub stops: Vec<Stop>,
    /// The nearest candidates, the nearest first.
    pub candidates: Vec<Candidate>,
}

/// Something that stops everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Its name.
    pub reason: String,
    /// What it means, in words.
    pub text: String,
}

impl Stop {
    fn new(reason: &str, text: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            text: text.into(),
        }
    }
}

/// One candidate and what every filter says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// The payment's own id.
    pub payment: String,
    /// The payment's row.
    pub payment_transaction_id: i64,
    /// The sale's own id.
    pub sale: String,
    /// The sale's row.
    pub scheme_transaction_id: i64,
    /// What was sold for, minor units.
    pub amount_minor: i64,
    /// What rules it out before any filter is asked.
    pub ruled_out: Vec<String>,
    /// Whether nothing rules it out and every filter of `keep` lets it pass.
    pub kept: bool,
    /// The tie-breaker that others passed and it did not.
    pub lost_tie: Option<String>,
    /// The other payment that the sale is matched to.
    pub taken_by: Option<String>,
    /// What every filter says.
    pub filters: Vec<Answer>,
}

impl Candidate {
    fn new(payment: (PaymentId, &str), story: &SaleStory, judged: Judged) -> Self {
        Self {
            payment: payment.1.to_owned(),
            payment_transaction_id: payment.0.0,
            sale: story.transaction_id.clone(),
            scheme_transaction_id: story.sale.id.0,
            amount_minor: story.sale.amount.minor,
            kept: judged.is_kept(),
            ruled_out: judged.obstacles.iter().map(ToString::to_string).collect(),
            taken_by: story
                .matched_to
                .clone()
                .filter(|_| story.matched_to_row != Some(payment.0)),
            lost_tie: match judged.ends {
                Ends::LosesTie { step } => Some(step),
                _ => None,
            },
            filters: judged.answers,
        }
    }

    /// What it comes down to, in words.
    pub fn summary(&self) -> String {
        if !self.ruled_out.is_empty() {
            return self.ruled_out.join("; ");
        }
        let keep = self.filters.iter().filter(|answer| answer.part == "keep");
        let mut fails = keep.filter(|answer| answer.passes == Some(false));
        match (fails.next(), &self.lost_tie) {
            (Some(answer), _) => failed(answer),
            (None, Some(step)) => format!("fits, and others fit better by {step}"),
            (None, None) if self.kept => "fits".to_owned(),
            (None, None) => "no filter is asked".to_owned(),
        }
    }
}

/// Explains every payment or sale with an id of the provider's own; where there is none, the newest
/// record with that id that could not be taken. Nothing at all: an empty list.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn explain(
    journey: &Journey,
    side: Side,
    transaction_id: &str,
) -> Result<Vec<Explanation>, StoreError> {
    let mut explanations = Vec::new();
    for transaction in journey.store.find(side, transaction_id).await? {
        explanations.push(of_transaction(journey, transaction).await?);
    }
    if explanations.is_empty() {
        let is_of_side = |row: &RejectRow| rejected::side_of(journey, row) == Some(side);
        let store = journey.store.as_ref();
        let reject = rejected::with_id(store, transaction_id, is_of_side).await?;
        explanations.extend(reject.map(|reject| of_reject(journey, reject)));
    }
    Ok(explanations)
}

/// Explains one payment or sale.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn of_transaction(
    journey: &Journey,
    transaction: TransactionRow,
) -> Result<Explanation, StoreError> {
    match transaction.side {
        Side::Payment => of_payment(journey, transaction).await,
        Side::Sale => of_sale(journey, transaction).await,
    }
}

fn of_reject(journey: &Journey, reject: RejectRow) -> Explanation {
    let feed = journey.agents.feed(&reject.feed);
    let agent = feed.and_then(|feed| journey.agents.find(feed.provider_slug.as_str()));
    let zone = agent.map_or("UTC", |agent| agent.zone.name()).to_owned();
    let state = match reject.state.as_str() {
        "QUARANTINED" => "it waits, and goes on by itself when that is mended",
        _ => "it was not taken",
    };
    Explanation {
        transaction: None,
        verdict: vec![format!(
            "{state}: reject {} from line {} of {}",
            reject.id, reject.number, reject.source
        )],
        stops: vec![Stop::new(&reject.reason, reject.detail.clone())],
        zone,
        reject: Some(reject),
        candidates: Vec::new(),
    }
}

/// A payment as it would be decided now.
pub struct Seen {
    /// What deciding sees of it.
    pub payment: Payment,
    /// Its row as a person reads it, its matches and its exports.
    pub story: Story,
    /// The sales that people have parted from it.
    pub barred: Vec<SaleId>,
    /// The card, as the network names it, where the payment is pending.
    pub undecided: Option<UndecidedPayment>,
}

impl Seen {
    /// Loads a payment; `None` where there is no such row.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn load(journey: &Journey, id: PaymentId) -> Result<Option<Self>, StoreError> {
        let Some(story) = journey.store.story(Side::Payment, id.0).await? else {
            return Ok(None);
        };
        let undecided = journey.store.undecided(&Span::Ids(vec![id.0])).await?;
        let undecided = undecided.payments.into_iter().next();
        let voided = story.matches.iter().filter(|one| one.voided_at.is_some());
        let mut barred: Vec<SaleId> = voided
            .filter_map(|one| one.scheme_transaction_id.map(SaleId))
            .collect();
        let payment = match &undecided {
            Some(found) => {
                barred.extend(&found.barred);
                Some(found.clone().as_decided())
            }
            None => journey.store.payment_to_explain(id).await?,
        };
        Ok(payment.map(|payment| Self {
            payment,
            story,
            barred,
            undecided,
        }))
    }

    /// The payment's own id.
    pub fn transaction_id(&self) -> &str {
        &self.story.transaction.transaction_id
    }

    /// The match that is in force.
    pub fn in_force(&self) -> Option<&MatchRow> {
        let mut matches = self.story.matches.iter();
        matches.find(|one| one.voided_at.is_none())
    }

    /// Judges sales as candidates of this payment.
    pub fn judge(&self, journey: &Journey, sales: &[SaleStory]) -> Vec<Candidate> {
        let asked: Vec<why::Candidate<'_>> = sales
            .iter()
            .map(|story| why::Candidate {
                sale: &story.sale,
                taken_by: story
                    .matched_to
                    .as_deref()
                    .filter(|_| story.matched_to_row != Some(self.payment.id)),
                barred: self.barred.contains(&story.sale.id),
            })
            .collect();
        let rules = journey.agents.rules(self.payment.scheme);
        let judged = why::judge(&self.payment, rules, &asked);
        let own = (self.payment.id, self.transaction_id());
        sales
            .iter()
            .zip(judged)
            .map(|(story, judged)| Candidate::new(own, story, judged))
            .collect()
    }

    /// What stops everything, whatever the candidates.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn stops(&self, journey: &Journey) -> Result<Vec<Stop>, StoreError> {
        let zone = journey.agents.zone(self.payment.scheme);
        let mut stops = Vec::new();
        if let Some(made) = self.in_force() {
            stops.push(Stop::new("MATCHED", match_in_words(made, &zone)));
        }
        if let Some(end) = &self.story.end {
            stops.push(Stop::new(&end.kind, ended_in_words(&self.story)));
        }
        let reason = self.open_reason();
        if let Some(reason) = reason.filter(|reason| reason.waits_for_identity()) {
            stops.push(Stop::new(reason.as_str(), reason.explanation()));
        }
        let rules = journey.agents.rules(self.payment.scheme);
        let without = match rules {
            None => Some(OpenReason::NotMatched),
            Some(rules) if rules.kind == Kind::Spotted => None,
            Some(rules) => match rules.for_provider(&self.payment.provider) {
                None => Some(OpenReason::NoRule),
                Some(_) => None,
            },
        };
        let is_over = self.story.end.is_some() || self.in_force().is_some();
        if let Some(without) = without.filter(|_| !is_over) {
            stops.push(Stop::new(without.as_str(), without.explanation()));
        }
        for undone in self
            .story
            .matches
            .iter()
            .filter(|one| one.voided_at.is_some())
        {
            stops.push(Stop::new("UNDONE", undone_in_words(undone, &zone)));
        }
        stops.extend(self.contested(journey).await?);
        stops.extend(self.proposed(journey).await?);
        if self.payment.mid_sets.is_empty() && !is_over {
            stops.push(Stop::new("NO_SALES", "no sale was ever made at its MID"));
        }
        Ok(stops)
    }

    /// Why it is open, if it had its turn.
    pub fn open_reason(&self) -> Option<OpenReason> {
        let reason = self.story.transaction.pending_reason.as_deref();
        reason.and_then(OpenReason::from_name)
    }

    async fn contested(&self, journey: &Journey) -> Result<Option<Stop>, StoreError> {
        let sale = self.story.transaction.contested_scheme_transaction_id;
        let Some(sale) = sale else {
            return Ok(None);
        };
        let story = journey.store.sale_to_explain(SaleId(sale)).await?;
        Ok(story.map(|story| {
            let text = match &story.matched_to {
                Some(other) => format!(
                    "sale {} fits it better than payment {other}, which came first and has it",
                    story.transaction_id
                ),
                None => format!(
                    "sale {}, which fits it best, was another's and is free again",
                    story.transaction_id
                ),
            };
            Stop::new("CONTESTED", text)
        }))
    }

    async fn proposed(&self, journey: &Journey) -> Result<Vec<Stop>, StoreError> {
        let proposals = journey.store.proposals().await?;
        let own = proposals
            .into_iter()
            .filter(|one| one.payment_transaction_id == self.payment.id.0);
        let in_words = |one: crate::ports::ProposalRow| {
            let what = match one.scheme_transaction_id {
                Some(sale) => format!("{} with sale row {sale}", one.action),
                None => one.action,
            };
            Stop::new(
                "PROPOSED",
                format!(
                    "{} asked for {what} ({}): a second person has to confirm it",
                    one.operator, one.reason
                ),
            )
        };
        Ok(own.map(in_words).collect())
    }
}

async fn of_payment(
    journey: &Journey,
    transaction: TransactionRow,
) -> Result<Explanation, StoreError> {
    let id = PaymentId(transaction.id);
    let mut explanation = Explanation {
        verdict: standing(&transaction),
        zone: "UTC".to_owned(),
        reject: None,
        stops: Vec::new(),
        candidates: Vec::new(),
        transaction: Some(transaction),
    };
    let Some(seen) = Seen::load(journey, id).await? else {
        return Ok(explanation);
    };
    explanation.zone = journey.agents.zone(seen.payment.scheme).name().to_owned();
    explanation.stops = seen.stops(journey).await?;
    let sales = journey.store.neighbours(id, CANDIDATES).await?;
    explanation.candidates = seen.judge(journey, &sales);
    let looks_for_sale = matches!(
        seen.open_reason(),
        Some(OpenReason::NoSale | OpenReason::Undone)
    );
    if looks_for_sale && let Some(nearest) = explanation.candidates.first() {
        let summary = nearest.summary();
        let nearest = format!("the nearest sale is {}: {summary}", nearest.sale);
        explanation.verdict.push(nearest);
    }
    Ok(explanation)
}

async fn of_sale(
    journey: &Journey,
    transaction: TransactionRow,
) -> Result<Explanation, StoreError> {
    let id = SaleId(transaction.id);
    let mut explanation = Explanation {
        verdict: standing(&transaction),
        zone: "UTC".to_owned(),
        reject: None,
        stops: Vec::new(),
        candidates: Vec::new(),
        transaction: Some(transaction),
    };
    let story = journey.store.sale_to_explain(id).await?;
    let own = journey.store.story(Side::Sale, id.0).await?;
    let (Some(story), Some(own)) = (story, own) else {
        return Ok(explanation);
    };
    let zone = zone_of(journey, &own.transaction);
    explanation.zone = zone.name().to_owned();
    for made in &own.matches {
        explanation.stops.push(match made.voided_at {
            None => Stop::new("MATCHED", match_in_words(made, &zone)),
            Some(_) => Stop::new("UNDONE", undone_in_words(made, &zone)),
        });
    }
    for payment in journey.store.payments_near(id, CANDIDATES).await? {
        let Some(seen) = Seen::load(journey, payment).await? else {
            continue;
        };
        let sales = std::slice::from_ref(&story);
        for mut one in seen.judge(journey, sales) {
            one.ruled_out.extend(seen.busy(journey, id).await?);
            one.kept &= one.ruled_out.is_empty();
            explanation.candidates.push(one);
        }
    }
    Ok(explanation)
}

impl Seen {
    /// What keeps this payment from being given a sale, apart from the sale itself.
    async fn busy(&self, journey: &Journey, sale: SaleId) -> Result<Vec<String>, StoreError> {
        let mut busy = Vec::new();
        let own = Some(sale.0);
        if let Some(made) = self.in_force() {
            if made.scheme_transaction_id == own {
                return Ok(busy);
            }
            busy.push(match &made.sale {
                Some(other) => format!("the payment is matched to another sale, {other}"),
                None => "the payment was accepted on sight".to_owned(),
            });
        }
        if self.story.end.is_some() {
            busy.push(ended_in_words(&self.story));
        }
        let said = ["MATCHED", "UNDONE", "CONTESTED", "PROPOSED", "NO_SALES"];
        let stops = self.stops(journey).await?;
        busy.extend(
            stops
                .into_iter()
                .filter(|stop| {
                    !said.contains(&stop.reason.as_str())
                        && EndKind::from_name(&stop.reason).is_none()
                })
                .map(|stop| stop.text),
        );
        Ok(busy)
    }
}

/// The clock of a transaction's scheme.
pub fn zone_of(journey: &Journey, transaction: &TransactionRow) -> Zone {
    let slug = harmonia_core::ids::Slug::new(&transaction.scheme_slug);
    let scheme: Option<SchemeId> = slug.ok().and_then(|slug| journey.agents.scheme(&slug));
    scheme.map_or_else(Zone::utc, |scheme| journey.agents.zone(scheme))
}

/// Where a transaction stands, in words.
pub fn standing(transaction: &TransactionRow) -> Vec<String> {
    let reason = transaction.pending_reason.as_deref();
    let meaning = reason
        .and_then(OpenReason::from_name)
        .map(OpenReason::explanation);
    let status = transaction.status.as_str();
    vec![match (status, reason, meaning) {
        ("MATCHED", _, _) => "matched".to_owned(),
        ("PENDING", Some(reason), meaning) => {
            format!("open, {reason}: {}", meaning.unwrap_or(""))
        }
        ("PENDING", None, _) if transaction.side == Side::Payment => {
            "open: its turn has not come yet".to_owned()
        }
        ("PENDING", None, _) => "open: no payment has been found for it yet".to_owned(),
        _ => match EndKind::from_name(status) {
            Some(kind) => format!("ended, {status}: {}", kind.explanation()),
            None => status.to_owned(),
        },
    }]
}

/// What a payment is matched to, and how that came about.
pub fn match_in_words(made: &MatchRow, zone: &Zone) -> String {
    let at = words::instant(made.created_at, zone);
    let by = match (&made.operator, &made.reason) {
        (Some(operator), Some(reason)) => format!("by {operator} ({reason})"),
        _ => "by rule".to_owned(),
    };
    match &made.sale {
        Some(sale) => format!(
            "payment {} and sale {sale} are match {}, made {by} at {at}",
            made.payment, made.id
        ),
        None => format!(
            "payment {} was accepted on sight, without a sale: match {}, at {at}",
            made.payment, made.id
        ),
    }
}

fn undone_in_words(made: &MatchRow, zone: &Zone) -> String {
    let at = made.voided_at.map(|at| words::instant(at, zone));
    format!(
        "match {} of payment {} with {} was undone by {} at {} ({}): no rule makes it again",
        made.id,
        made.payment,
        made.sale
            .as_ref()
            .map_or_else(|| "no sale".to_owned(), |sale| format!("sale {sale}")),
        made.voided_by.as_deref().unwrap_or("somebody"),
        at.as_deref().unwrap_or("some time"),
        made.void_reason.as_deref().unwrap_or("no reason given")
    )
}

/// How a payment ended without a match, with the payment that counts instead.
fn ended_in_words(story: &Story) -> String {
    let Some(end) = &story.end else {
        return String::new();
    };
    let meaning = EndKind::from_name(&end.kind).map_or("", EndKind::explanation);
    let mut text = meaning.to_owned();
    if let (Some(other), Some(row)) = (&end.other, end.other_payment_transaction_id) {
        let feed_type = end.other_feed_type.as_deref().unwrap_or_default();
        text.push_str(&format!(": {feed_type} {other} (row {row}) counts instead"));
    }
    if let Some(difference) = end.difference_minor.filter(|minor| *minor != 0) {
        text.push_str(&format!(", which differs by {}", Major(difference)));
    }
    text
}
