//! Onboard: which MIDs belong to which scheme, and whose each card is, from CSV files.
//!
//! A file is taken whole or not at all: every row is checked before anything is written, and the
//! first one that is wrong is named.

use crate::Journey;
use crate::ports::{CommitError, Lease, Store, StoreError};
use crate::replay;
use compact_str::CompactString;
use csv::StringRecord;
use harmonia_core::card::{CardDigits, CardToken, FirstSix, LastFour, mask_card_numbers};
use harmonia_core::changes::{
    AuditEntry, Changes, MidAction, MidChange, NewJob, NewWork, Queue, Work,
};
use harmonia_core::identify::{CardLink, IdentifierType, LinkedCard, MerchantIdentifier};
use harmonia_core::ids::{MidId, PaymentId, RejectId, SchemeId, Slug};
use harmonia_core::term::{Held, Rearranged, Term, put_in_force, take_out_of_force};
use harmonia_core::time::Instant;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

/// Columns of the file of MIDs: it has no header.
const MID_COLUMNS: usize = 10;
/// Cards committed at once.
const CARDS_A_COMMIT: usize = 10_000;

/// Why nothing, or not all, was onboarded.
#[derive(Debug, thiserror::Error)]
pub enum OnboardError {
    /// A row is wrong.
    #[error("row {row}: {wrong}. Nothing was loaded")]
    Row {
        /// Which, the header included where there is one.
        row: u64,
        /// What is wrong, and what would be right.
        wrong: String,
    },
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The store cannot write.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<StoreError> for OnboardError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Puts identifiers in force, or out of it, and logs that somebody did. Returns how many changed
/// anything, which the entry tells as well.
///
/// # Errors
/// [`OnboardError::Row`] when an identifier belongs to another scheme already; nothing is written.
pub async fn onboard_mids(
    store: &dyn Store,
    mids: Vec<MidChange>,
    entry: AuditEntry,
    now: Instant,
) -> Result<u64, OnboardError> {
    refuse_no_time(&mids)?;
    refuse_two_schemes(&mids, store.mid_terms().await?, now)?;
    let adds = mids.iter().any(|mid| mid.action == MidAction::Add);
    let mut changes = Changes {
        mids,
        audit: vec![entry],
        ..Changes::none(now)
    };
    if adds {
        // What waited for one of them goes on.
        changes.jobs.push(replay::job(RejectId(0), now));
    }
    Ok(store.commit(Lease::Operator, changes).await?.onboarded)
}

/// Reads a file of identifiers: no header; ten columns: payment provider, identifier, type, scheme,
/// location id, merchant internal id, scheme name, location, postcode, action (`A` or `D`).
///
/// # Errors
/// [`OnboardError::Row`] names the first row that is wrong.
pub fn read_mids(bytes: &[u8]) -> Result<Vec<MidChange>, OnboardError> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        let wrong = "the file begins with a byte order mark (BOM): save it as UTF-8 without";
        return Err(OnboardError::Row {
            row: 1,
            wrong: wrong.to_owned(),
        });
    }
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    (1..)
        .zip(rows.records())
        .map(|(row, record)| {
            let change = record
                .map_err(|error| error.to_string())
                .and_then(|r| mid_change(&r));
            change.map_err(|wrong| row_error(row, wrong))
        })
        .collect()
}

/// A term that ends before it begins would be taken in silence, and do nothing.
fn refuse_no_time(mids: &[MidChange]) -> Result<(), OnboardError> {
    for (row, change) in (1..).zip(mids) {
        let wrong = match (change.action, change.from, change.until) {
            (MidAction::Delete, _, Some(_)) => {
                "what is deleted (action D) is out of force from a day on, and has no `until`"
            }
            (MidAction::Add, Some(from), Some(until)) if from >= until => {
                "it would be out of force before it is in force: `from` must be before `until`"
            }
            _ => continue,
        };
        let wrong = wrong.to_owned();
        return Err(OnboardError::Row { row, wrong });
    }
    Ok(())
}

/// What is wrong with a row, without more of a card number than may be shown.
fn row_error(row: u64, wrong: String) -> OnboardError {
    let wrong = mask_card_numbers(&wrong).unwrap_or(wrong);
    OnboardError::Row { row, wrong }
}

fn mid_change(row: &StringRecord) -> Result<MidChange, String> {
    if row.len() != MID_COLUMNS {
        return Err(format!("it has {} columns, not {MID_COLUMNS}", row.len()));
    }
    if row.iter().any(|text| text.chars().any(char::is_control)) {
        return Err("it holds control characters".to_owned());
    }
    let optional = |column: usize| {
        let text = &row[column];
        (!text.is_empty()).then(|| CompactString::from(text))
    };
    Ok(MidChange {
        provider: Slug::new(&row[0])?,
        identifier: optional(1).ok_or("the identifier is empty")?,
        identifier_type: identifier_type(&row[2])?,
        scheme_slug: Slug::new(&row[3])?,
        location_id: optional(4),
        merchant_internal_id: optional(5),
        scheme_name: optional(6),
        location: optional(7),
        postcode: optional(8),
        action: match &row[9] {
            "A" | "a" => MidAction::Add,
            "D" | "d" => MidAction::Delete,
            other => {
                return Err(format!(
                    "{other:?} is not an action: use A (add) or D (delete)"
                ));
            }
        },
        from: None,
        until: None,
    })
}

/// Reads the name of an identifier type, in any case.
///
/// # Errors
/// Says which there are.
pub fn identifier_type(text: &str) -> Result<IdentifierType, String> {
    IdentifierType::from_name(text).ok_or_else(|| {
        format!("{text:?} is not an identifier type: use PRIMARY, SECONDARY or PSIMI")
    })
}

/// An identifier belongs to one scheme at a time: which of two to believe is a person's decision. The
/// rows are gone through in their order, as the store will.
fn refuse_two_schemes(
    changes: &[MidChange],
    known: Vec<MerchantIdentifier>,
    now: Instant,
) -> Result<(), OnboardError> {
    let mut terms: HashMap<Key, Vec<(Slug, Term)>> = HashMap::new();
    for mid in known {
        let key = (mid.provider, mid.identifier_type, mid.identifier);
        let rows = terms.entry(key).or_default();
        rows.push((mid.scheme_slug, mid.term));
    }
    for (row, change) in (1..).zip(changes) {
        let key = (
            change.provider.clone(),
            change.identifier_type,
            change.identifier.clone(),
        );
        let rows = terms.entry(key).or_default();
        rearrange(rows, change, now).map_err(|wrong| OnboardError::Row { row, wrong })?;
    }
    Ok(())
}

/// What tells one identifier from another.
type Key = (Slug, IdentifierType, CompactString);

/// Does to an identifier's terms what a change will do, unless it would give it to two schemes.
fn rearrange(rows: &mut Vec<(Slug, Term)>, change: &MidChange, now: Instant) -> Result<(), String> {
    let held: Vec<Held> = (0..)
        .zip(&*rows)
        .map(|(at, (scheme, term))| Held {
            id: MidId(at),
            term: *term,
            same_scheme: *scheme == change.scheme_slug,
            same_place: false,
        })
        .collect();
    let rearranged = match change.action {
        MidAction::Add => put_in_force(&held, change.from, change.until, now),
        MidAction::Delete => take_out_of_force(&held, change.from, now),
    };
    let Some(Rearranged { cut, add }) = rearranged else {
        return Ok(());
    };
    if let Some((other, term)) = rows.iter().find(|(other, term)| {
        add.is_some_and(|add| add.overlaps(*term)) && *other != change.scheme_slug
    }) {
        return Err(format!(
            "{} {} {} belongs to the scheme {other} already ({term}) and cannot belong to {} too: \
             delete it there first (action D, or `mids remove --from` the day on which it passes on)",
            change.provider, change.identifier_type, change.identifier, change.scheme_slug
        ));
    }
    let mut after: Vec<(Slug, Term)> = Vec::new();
    for (held, (scheme, term)) in held.iter().zip(rows.drain(..)) {
        let left = cut.iter().find(|(id, _)| *id == held.id);
        let (head, tail) = left.map_or((Some(term), None), |(_, left)| *left);
        after.extend(
            [head, tail]
                .into_iter()
                .flatten()
                .map(|left| (scheme.clone(), left)),
        );
    }
    after.extend(add.map(|term| (change.scheme_slug.clone(), term)));
    *rows = after;
    Ok(())
}

/// Links the cards of a file with a header: `card_token, scheme_slug, loyalty_id, user_id,
/// scheme_account_id, payment_card_account_id, first_six, last_four, expiry_month, expiry_year,
/// credentials` (a JSON object). Payments that waited for one of the cards go on. Returns how many
/// cards were linked. That somebody did it is logged, with the number of rows, in the commit that links
/// the first of them: a file that is cut short is in the log as well.
///
/// # Errors
/// [`OnboardError::Row`] names the first row that is wrong; nothing is written then.
pub async fn link_cards<R: Read + Seek + Send>(
    journey: &Journey,
    mut file: R,
    mut entry: AuditEntry,
) -> Result<u64, OnboardError> {
    let schemes = known_schemes(journey).await?;
    check_header(&mut file)?;
    let mut total = 0_u64;
    for row in read_cards(&mut file, &schemes) {
        row?;
        total += 1;
    }
    entry.detail["rows"] = total.into();
    let mut entry = Some(entry);
    file.seek(SeekFrom::Start(0))?;
    let mut count = 0;
    let mut rows = read_cards(&mut file, &schemes);
    loop {
        let cards: Vec<LinkedCard> = rows
            .by_ref()
            .take(CARDS_A_COMMIT)
            .collect::<Result<_, _>>()?;
        let last = cards.len() < CARDS_A_COMMIT;
        count += commit_cards(journey, cards, entry.take(), last).await?;
        if last {
            return Ok(count);
        }
    }
}

/// The columns of a file of cards. The first two must be there.
const CARD_COLUMNS: [&str; 11] = [
    "card_token",
    "scheme_slug",
    "loyalty_id",
    "user_id",
    "scheme_account_id",
    "payment_card_account_id",
    "first_six",
    "last_four",
    "expiry_month",
    "expiry_year",
    "credentials",
];

/// A column that is misspelt would be passed over in silence, and a file without a header lose its
/// first card: neither is taken for a file of cards.
fn check_header<R: Read + Seek>(file: &mut R) -> Result<(), OnboardError> {
    let wrong = |wrong: String| row_error(1, wrong);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(&mut *file);
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?;
    let known = CARD_COLUMNS.join(", ");
    for (at, name) in header.iter().enumerate() {
        if !CARD_COLUMNS.contains(&name) {
            return Err(wrong(format!(
                "{name:?} is not a column of a file of cards: the first line names them, of {known}"
            )));
        }
        if header.iter().take(at).any(|other| other == name) {
            return Err(wrong(format!("there are two columns {name}")));
        }
    }
    for needed in &CARD_COLUMNS[..2] {
        if !header.iter().any(|name| name == *needed) {
            return Err(wrong(format!(
                "there is no column {needed}: the first line names the columns, of {known}"
            )));
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

async fn commit_cards(
    journey: &Journey,
    cards: Vec<LinkedCard>,
    entry: Option<AuditEntry>,
    last: bool,
) -> Result<u64, OnboardError> {
    let mut changes = Changes {
        cards,
        audit: entry.into_iter().collect(),
        ..Changes::none(journey.now())
    };
    if last {
        changes.jobs.push(NewJob {
            queue: Queue::Identify,
            lane: None,
            ready_at: changes.at,
            work: NewWork::Known(Work::AllUnidentified {
                after: PaymentId(0),
            }),
        });
    }
    Ok(journey
        .store
        .commit(Lease::Operator, changes)
        .await?
        .onboarded)
}

/// The schemes that MIDs or agent files name.
async fn known_schemes(journey: &Journey) -> Result<HashMap<Slug, SchemeId>, OnboardError> {
    let mids = journey.store.mid_terms().await?;
    let of_mids = mids.into_iter().map(|mid| (mid.scheme_slug, mid.scheme));
    let of_agents = journey
        .agents
        .schemes()
        .map(|(slug, id)| (slug.clone(), id));
    Ok(of_mids.chain(of_agents).collect())
}

#[derive(Deserialize)]
struct CardRow {
    card_token: CompactString,
    scheme_slug: CompactString,
    loyalty_id: Option<CompactString>,
    user_id: Option<i64>,
    scheme_account_id: Option<i64>,
    payment_card_account_id: Option<i64>,
    first_six: Option<CompactString>,
    last_four: Option<CompactString>,
    expiry_month: Option<i64>,
    expiry_year: Option<i64>,
    credentials: Option<String>,
}

fn read_cards<R: Read>(
    file: R,
    schemes: &HashMap<Slug, SchemeId>,
) -> impl Iterator<Item = Result<LinkedCard, OnboardError>> {
    let reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file);
    // The header is row 1.
    (2..)
        .zip(reader.into_deserialize::<CardRow>())
        .map(move |(row, card)| {
            let card = card
                .map_err(|error| error.to_string())
                .and_then(|c| linked_card(c, schemes));
            card.map_err(|wrong| row_error(row, wrong))
        })
}

fn linked_card(row: CardRow, schemes: &HashMap<Slug, SchemeId>) -> Result<LinkedCard, String> {
    let slug = Slug::new(&row.scheme_slug)?;
    let scheme = *schemes.get(&slug).ok_or_else(|| {
        format!("there is no scheme {slug}: it needs an agent file, or MIDs (`mids import`)")
    })?;
    if row.card_token.is_empty() {
        return Err("card_token is empty".to_owned());
    }
    if mask_card_numbers(&row.card_token).is_some() {
        return Err("card_token is a full card number: give the network's token".to_owned());
    }
    if row
        .expiry_month
        .is_some_and(|month| !(1..=12).contains(&month))
    {
        return Err("expiry_month is not a month from 1 to 12".to_owned());
    }
    if row
        .expiry_year
        .is_some_and(|year| !(1970..=9999).contains(&year))
    {
        return Err("expiry_year is not a year of four digits".to_owned());
    }
    Ok(LinkedCard {
        card_token: CardToken(row.card_token),
        scheme,
        link: CardLink {
            loyalty_id: row.loyalty_id.filter(|id| !id.is_empty()),
            user_id: row.user_id,
            scheme_account_id: row.scheme_account_id,
            payment_card_account_id: row.payment_card_account_id,
            digits: CardDigits {
                first_six: digits(row.first_six, "first_six", FirstSix::new)?,
                last_four: digits(row.last_four, "last_four", LastFour::new)?,
            },
            expiry_month: row.expiry_month,
            expiry_year: row.expiry_year,
            credentials: credentials(row.credentials)?,
        },
    })
}

fn digits<T>(
    text: Option<CompactString>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    read(&text)
        .map(Some)
        .ok_or_else(|| format!("{name} has not that many digits"))
}

/// A JSON object that holds something; an empty one is none.
fn credentials(text: Option<String>) -> Result<Option<Box<str>>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // The text itself is not repeated in the error: it holds secrets.
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|_| "credentials is not a JSON object".to_owned())?;
    Ok((!object.is_empty()).then(|| text.into()))
}
