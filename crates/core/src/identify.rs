//! Whose purchase a payment was: its MID tells the scheme, its card token the person.

use crate::card::{CardDigits, CardToken};
use crate::feed::mask;
use crate::ids::{MidId, SchemeId, Slug};
use crate::matching::OpenReason;
use crate::problem::{Reject, RejectReason};
use crate::term::Term;
use crate::time::Instant;
use crate::transaction::{Identifiers, Place};
use compact_str::CompactString;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of merchant identifier, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum IdentifierType {
    /// The acceptor's own identifier: the MID proper.
    Primary,
    /// A store or location id of the network.
    Secondary,
    /// The network's id of the whole merchant.
    Psimi,
}

impl IdentifierType {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Psimi];

    /// The name in tables and CSV files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Secondary => "SECONDARY",
            Self::Psimi => "PSIMI",
        }
    }

    /// The type of a name in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for IdentifierType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One onboarded merchant identifier, and when it is or was in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MerchantIdentifier {
    /// Its row.
    pub id: MidId,
    /// The network whose payments carry it.
    pub provider: Slug,
    /// What kind of identifier it is.
    pub identifier_type: IdentifierType,
    /// The identifier itself.
    pub identifier: CompactString,
    /// The scheme it belongs to.
    pub scheme: SchemeId,
    /// That scheme's slug.
    pub scheme_slug: Slug,
    /// The merchant's name for the place, if it has one.
    pub location_id: Option<CompactString>,
    /// The merchant's own internal id.
    pub merchant_internal_id: Option<CompactString>,
    /// When it is in force.
    #[serde(flatten)]
    pub term: Term,
}

/// Every identifier that is, was or will be in force, arranged for looking up by date. A snapshot: it
/// does not change.
#[derive(Clone, Debug, Default)]
pub struct MidDirectory {
    by_provider: HashMap<Slug, [HashMap<CompactString, Terms>; 3]>,
    by_location: HashMap<(SchemeId, CompactString), Vec<(Term, CompactString)>>,
}

/// Whose an identifier is when.
type Terms = Vec<(Term, Found)>;

/// What an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The identifier's row.
    pub mid: MidId,
    /// Its scheme.
    pub scheme: SchemeId,
}

impl MidDirectory {
    /// Arranges identifiers. No two of one name are in force at one time.
    pub fn new(identifiers: impl IntoIterator<Item = MerchantIdentifier>) -> Self {
        let mut directory = Self::default();
        for entry in identifiers {
            let found = Found {
                mid: entry.id,
                scheme: entry.scheme,
            };
            if let (Some(location), IdentifierType::Primary) =
                (&entry.location_id, entry.identifier_type)
            {
                let mids = directory
                    .by_location
                    .entry((entry.scheme, location.clone()))
                    .or_default();
                mids.push((entry.term, entry.identifier.clone()));
            }
            directory.by_provider.entry(entry.provider).or_default()
                [entry.identifier_type as usize]
                .entry(entry.identifier)
                .or_default()
                .push((entry.term, found));
        }
        directory
    }

    /// The scheme of a payment, by the best of its identifiers that was in force when it was paid.
    ///
    /// # Errors
    /// [`RejectReason::UnknownMid`] when none was, [`RejectReason::AmbiguousMid`] when two of them
    /// belong to different schemes: that is shown to the operator, never guessed.
    pub fn scheme_of(
        &self,
        provider: &Slug,
        carried: &Identifiers,
        paid_at: Instant,
    ) -> Result<Found, Reject> {
        let texts = [&carried.primary, &carried.secondary, &carried.psimi];
        let mut found = self
            .terms_of(provider, carried)
            .filter_map(|terms| Some(terms.iter().find(|(term, _)| term.contains(paid_at))?.1));
        let Some(best) = found.next() else {
            let known = self.terms_of(provider, carried).flatten().next();
            return Err(match known {
                Some((term, _)) => not_in_force(provider, &texts, paid_at, *term),
                None => unknown_mid(provider, &texts),
            });
        };
        match found.find(|other| other.scheme != best.scheme) {
            None => Ok(best),
            Some(_) => Err(Reject::record(
                RejectReason::AmbiguousMid,
                format_args!(
                    "its identifiers {} belong to two schemes: correct one with `mids import`",
                    listed(&texts)
                ),
            )),
        }
    }

    /// A scheme that one of a payment's identifiers ever belonged to, the best first.
    pub fn any_scheme_of(&self, provider: &Slug, carried: &Identifiers) -> Option<SchemeId> {
        let mut terms = self.terms_of(provider, carried).flatten();
        terms.next().map(|(_, found)| found.scheme)
    }

    /// Of each identifier that is known at all, best first, whose it is when.
    fn terms_of<'a>(
        &'a self,
        provider: &Slug,
        carried: &'a Identifiers,
    ) -> impl Iterator<Item = &'a Terms> {
        let by_type = self.by_provider.get(provider);
        let texts = [&carried.primary, &carried.secondary, &carried.psimi];
        let terms = move |(place, text): (usize, &'a Option<CompactString>)| {
            by_type?[place].get(text.as_ref()?)
        };
        texts.into_iter().enumerate().filter_map(terms)
    }

    /// The MIDs at which a sale may have been paid, sorted and each once: of a location, those that
    /// were in force there when it was rung up.
    ///
    /// # Errors
    /// [`RejectReason::UnknownLocation`] when only a location is given and nobody onboarded it.
    pub fn mids_of(
        &self,
        scheme: SchemeId,
        place: Place,
        sold_at: Instant,
    ) -> Result<Vec<CompactString>, Reject> {
        let known = place.location.as_ref().and_then(|location| {
            let here = self.by_location.get(&(scheme, location.clone()))?;
            let in_force = here.iter().filter(|(term, _)| term.contains(sold_at));
            let mids: Vec<_> = in_force.map(|(_, mid)| mid.clone()).collect();
            (!mids.is_empty()).then_some(mids)
        });
        let stranger =
            |mid: &&CompactString| mask::holds_card_number(mid) && !self.is_onboarded(scheme, mid);
        if let Some(mid) = place.mids.iter().find(stranger) {
            let shown = mask::masked(mid);
            return Err(Reject::record(
                RejectReason::BadText,
                format_args!(
                    "the MID {shown} looks like a full card number, which is never kept: if it is a \
                     MID, add it with `mids import`"
                ),
            ));
        }
        let mut mids = match (known, place.location) {
            (Some(mids), _) => mids,
            (None, Some(location)) if place.mids.is_empty() => {
                return Err(Reject::record(
                    RejectReason::UnknownLocation,
                    format_args!(
                        "location {location} was not onboarded for {sold_at}: add it with `mids \
                         import`"
                    ),
                ));
            }
            (None, _) => place.mids,
        };
        if mids.len() > 1 {
            mids.sort_unstable();
            mids.dedup();
        }
        Ok(mids)
    }
}

impl MidDirectory {
    /// Whether a scheme has or had this MID with some payment provider.
    fn is_onboarded(&self, scheme: SchemeId, mid: &CompactString) -> bool {
        let mut types = self.by_provider.values().flatten();
        types.any(|identifiers| {
            identifiers
                .get(mid)
                .is_some_and(|terms| terms.iter().any(|(_, found)| found.scheme == scheme))
        })
    }
}

fn unknown_mid(provider: &Slug, texts: &[&Option<CompactString>]) -> Reject {
    Reject::record(
        RejectReason::UnknownMid,
        format_args!(
            "no MID of {provider} is onboarded as {}: add it with `mids import`",
            listed(texts)
        ),
    )
}

fn not_in_force(
    provider: &Slug,
    texts: &[&Option<CompactString>],
    paid_at: Instant,
    term: Term,
) -> Reject {
    Reject::record(
        RejectReason::UnknownMid,
        format_args!(
            "no MID of {provider} was in force as {} at {paid_at}, only {term}: put it in force for \
             then with `mids import --from`, if it was",
            listed(texts)
        ),
    )
}

fn listed(texts: &[&Option<CompactString>]) -> String {
    let known: Vec<&str> = texts.iter().filter_map(|text| text.as_deref()).collect();
    known.join(", ")
}

/// What is known of the person a card belongs to, in one scheme. Each may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CardLink {
    /// The member's number in the scheme.
    pub loyalty_id: Option<CompactString>,
    /// The user.
    pub user_id: Option<i64>,
    /// The user's account in the scheme.
    pub scheme_account_id: Option<i64>,
    /// The user's payment card.
    pub payment_card_account_id: Option<i64>,
    /// The card's digits.
    #[serde(flatten)]
    pub digits: CardDigits,
    /// The month the card expires in, 1 to 12.
    pub expiry_month: Option<i64>,
    /// The year the card expires in, four digits.
    pub expiry_year: Option<i64>,
    /// What the merchant's export needs of the account, as a JSON object.
    pub credentials: Option<Box<str>>,
}

/// One row of the built-in card-link table.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedCard {
    /// The card.
    pub card_token: CardToken,
    /// The scheme the card is linked in.
    pub scheme: SchemeId,
    /// Whose it is there.
    pub link: CardLink,
}

/// What an identity source says of a card in a scheme: whose it is, or why it cannot say, which is
/// [`OpenReason::Unidentified`] or [`OpenReason::NoScheme`].
pub type Answer = Result<CardLink, OpenReason>;

/// Whether what the identity source answered is enough to match and reward.
///
/// # Errors
/// The reason for which the payment waits and is asked about again.
pub fn decide(answer: Answer) -> Result<CardLink, OpenReason> {
    let link = answer?;
    if link.loyalty_id.is_none() && link.scheme_account_id.is_none() {
        return Err(OpenReason::NoAccount);
    }
    if link.digits == CardDigits::default() {
        return Err(OpenReason::NoCardInformation);
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mid(number: i64, kind: IdentifierType, text: &str, scheme: i64) -> MerchantIdentifier {
        MerchantIdentifier {
            id: MidId(number),
            provider: Slug::new("visa").unwrap(),
            identifier_type: kind,
            identifier: text.into(),
            scheme: SchemeId(scheme),
            scheme_slug: Slug::new("shop").unwrap(),
            location_id: Some("store_1".into()),
            merchant_internal_id: None,
            term: Term::ALWAYS,
        }
    }

    fn carried(primary: &str, secondary: &str) -> Identifiers {
        let text = |text: &str| (!text.is_empty()).then(|| text.into());
        Identifiers {
            primary: text(primary),
            secondary: text(secondary),
            psimi: None,
        }
    }

    #[test]
    fn the_best_identifier_wins_and_two_schemes_are_an_error() {
        use IdentifierType::{Primary, Secondary};
        let directory = MidDirectory::new([
            mid(1, Primary, "m1", 7),
            mid(2, Secondary, "s1", 7),
            mid(3, Secondary, "s2", 8),
        ]);
        let visa = Slug::new("visa").unwrap();
        let scheme_of = |primary, secondary| {
            directory
                .scheme_of(&visa, &carried(primary, secondary), Instant(0))
                .map_err(|r| r.reason)
        };
        assert_eq!(scheme_of("m1", "s1").unwrap().mid, MidId(1));
        assert_eq!(scheme_of("other", "s1").unwrap().mid, MidId(2));
        assert_eq!(scheme_of("m1", "s2"), Err(RejectReason::AmbiguousMid));
        assert_eq!(scheme_of("other", ""), Err(RejectReason::UnknownMid));
    }

    #[test]
    fn whose_it_was_is_asked_by_date() {
        use IdentifierType::{Primary, Secondary};
        let in_term = |number, kind, text: &str, scheme, from, until: Option<i64>| {
            let mut one = mid(number, kind, text, scheme);
            one.term = Term {
                from: Instant(from),
                until: until.map(Instant),
            };
            one
        };
        let directory = MidDirectory::new([
            in_term(1, Primary, "m1", 7, 0, Some(10)),
            in_term(2, Primary, "m1", 8, 10, None),
            in_term(3, Secondary, "s1", 7, 0, Some(20)),
        ]);
        let visa = Slug::new("visa").unwrap();
        let scheme_of = |primary, secondary, at| {
            let found = directory.scheme_of(&visa, &carried(primary, secondary), Instant(at));
            found.map(|found| found.scheme.0).map_err(|r| r.reason)
        };
        assert_eq!(scheme_of("m1", "", 9), Ok(7));
        assert_eq!(scheme_of("m1", "", 10), Ok(8));
        assert_eq!(scheme_of("m1", "", -1), Err(RejectReason::UnknownMid));
        assert_eq!(scheme_of("m1", "s1", 15), Err(RejectReason::AmbiguousMid));
        assert_eq!(scheme_of("m1", "s1", 20), Ok(8));
        let place = Place {
            location: Some("store_1".into()),
            mids: Vec::new(),
        };
        let mids = |at| directory.mids_of(SchemeId(7), place.clone(), Instant(at));
        assert_eq!(mids(9).unwrap(), ["m1"]);
        assert_eq!(mids(10).unwrap_err().reason, RejectReason::UnknownLocation);
        let wrong = directory.scheme_of(&visa, &carried("m1", ""), Instant(-1));
        let wrong = wrong.unwrap_err().detail;
        assert!(
            wrong.contains("only from 1970-01-01T00:00:00Z until"),
            "{wrong}"
        );
    }

    #[test]
    fn a_location_stands_for_its_mids() {
        let directory = MidDirectory::new([
            mid(1, IdentifierType::Primary, "m2", 7),
            mid(2, IdentifierType::Primary, "m1", 7),
        ]);
        let place = |location: &str, mids: &[&str]| Place {
            location: Some(location.into()),
            mids: mids.iter().map(|mid| (*mid).into()).collect(),
        };
        let mids_of = |place| {
            let mids = directory.mids_of(SchemeId(7), place, Instant(0));
            mids.map_err(|r| r.reason)
        };
        assert_eq!(mids_of(place("store_1", &[])).unwrap(), ["m1", "m2"]);
        assert_eq!(mids_of(place("store_9", &["x"])).unwrap(), ["x"]);
        assert_eq!(
            mids_of(place("store_9", &[])),
            Err(RejectReason::UnknownLocation)
        );
    }
}
