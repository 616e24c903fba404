//! Where and when the purchase can be that somebody asks for.

use super::{Claim, SaidTime, Where, Who};
use crate::Journey;
use crate::ports::{Sought, StoreError};
use compact_str::CompactString;
use harmonia_core::identify::{LinkedCard, MerchantIdentifier};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::filter::span;
use harmonia_core::time::{Day, Instant, MINUTE_US, Moment, Zone};
use harmonia_core::words;

/// Where and when it can be.
pub struct Scope {
    /// By whose clock times are told.
    pub zone: Zone,
    /// From when on, as it was said: without what it may be off by.
    said: (Instant, Instant),
    /// The moments it may be at.
    pub from: Instant,
    /// The last of them.
    pub to: Instant,
    /// The scheme, where it is named or follows from the place.
    pub scheme: Option<SchemeId>,
    /// The MIDs it may have been at, where a place is named.
    pub mids: Option<Vec<CompactString>>,
    /// Whether nobody onboarded that place.
    pub unknown_place: bool,
    /// Where the card is linked, if one is named.
    pub links: Vec<LinkedCard>,
    /// The identifiers of the place.
    pub terms: Vec<MerchantIdentifier>,
}

impl Scope {
    /// What a claim comes to.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn of(journey: &Journey, claim: &Claim) -> Result<Self, StoreError> {
        let links = match &claim.who {
            Some(Who::Card(card)) => journey.store.links_of_card(card).await?,
            _ => Vec::new(),
        };
        let mut terms = match &claim.place {
            Some(_) => journey.store.mid_terms().await?,
            None => Vec::new(),
        };
        terms.retain(|term| {
            claim.scheme.is_none_or(|scheme| scheme == term.scheme)
                && match &claim.place {
                    Some(Where::Mid(mid)) => term.identifier == *mid,
                    Some(Where::Location(id)) => term.location_id.as_ref() == Some(id),
                    None => false,
                }
        });
        let mids = claim.place.as_ref().map(|place| match place {
            Where::Mid(mid) => vec![mid.clone()],
            Where::Location(_) => {
                let mut mids: Vec<_> = terms.iter().map(|term| term.identifier.clone()).collect();
                mids.sort_unstable();
                mids.dedup();
                mids
            }
        });
        let scheme = claim
            .scheme
            .or_else(|| only(terms.iter().map(|term| term.scheme)));
        let linked = || links.iter().map(|link| link.scheme);
        let zones = match scheme {
            Some(scheme) => zones_of(journey, [scheme]),
            None if !links.is_empty() => zones_of(journey, linked()),
            None => zones_of(journey, journey.agents.schemes().map(|(_, id)| id)),
        };
        let said = zones
            .iter()
            .map(|zone| as_said(claim.when, zone))
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
            .unwrap_or_else(|| as_said(claim.when, &Zone::utc()));
        let (from, to) = (said.0.plus(-claim.within_us), said.1.plus(claim.within_us));
        let in_force = terms
            .iter()
            .any(|term| term.term.from <= to && term.term.until.is_none_or(|until| until > from));
        Ok(Self {
            zone: zones.into_iter().next().unwrap_or_else(Zone::utc),
            said,
            from,
            to,
            scheme,
            mids,
            unknown_place: claim.place.is_some() && !in_force,
            links,
            terms,
        })
    }

    /// What to ask the store for. What is known only to the day is stored at its midnight.
    pub fn sought(&self, claim: &Claim) -> Sought {
        let day = self.zone.local_day(self.from);
        Sought {
            amount: claim.amount,
            // What is known to the minute is stored at the minute's first instant.
            from: self.from.plus(1 - MINUTE_US),
            to: self.to,
            days_from: self.zone.midnight(day),
            scheme: self.scheme,
            mids: self.mids.clone(),
            card_token: match &claim.who {
                Some(Who::Card(card)) => Some(card.clone()),
                _ => None,
            },
        }
    }

    /// Whether something was at one of the moments it may have been at.
    pub fn holds(&self, when: Moment) -> bool {
        let (first, last) = span(when, &self.zone);
        last >= self.from && first <= self.to
    }

    /// The UTC days that records of it would be known under, without what the date may be off by.
    pub fn days(&self) -> Vec<Day> {
        let (first, last) = (self.said.0.day().0, self.said.1.day().0);
        (first..=last).map(Day).collect()
    }

    /// When, in words.
    pub fn in_words(&self, claim: &Claim) -> String {
        let within = words::duration(claim.within_us);
        let name = self.zone.name();
        match claim.when {
            SaidTime::Day(_) => format!(
                "on {} ({name}), give or take {within}",
                words::day(self.said.0, &self.zone)
            ),
            SaidTime::Clock(_) | SaidTime::Moment(_) => format!(
                "at {}, give or take {within}",
                words::instant(self.said.0, &self.zone)
            ),
        }
    }
}

/// The first and the last moment that somebody means by a time.
fn as_said(when: SaidTime, zone: &Zone) -> (Instant, Instant) {
    match when {
        SaidTime::Day(day) => (zone.midnight(day), zone.next_midnight(day).plus(-1)),
        SaidTime::Clock(clock) => {
            let instant = zone.instant(clock);
            (instant, instant)
        }
        SaidTime::Moment(instant) => (instant, instant),
    }
}

fn zones_of(journey: &Journey, schemes: impl IntoIterator<Item = SchemeId>) -> Vec<Zone> {
    let mut zones: Vec<Zone> = schemes
        .into_iter()
        .map(|scheme| journey.agents.zone(scheme))
        .collect();
    // The zone of most, so that times are told by the likeliest clock.
    let names: Vec<String> = zones.iter().map(|zone| zone.name().to_owned()).collect();
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    zones.sort_by(|one, other| {
        let more = count(other.name()).cmp(&count(one.name()));
        more.then_with(|| one.name().cmp(other.name()))
    });
    zones.dedup_by(|one, other| one.name() == other.name());
    zones
}

fn only<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}
