//! Whose card it is, from the built-in table: many cards in one go, and those that paid lately
//! without looking.

use super::connection::Session;
use super::failure::Failure;
use super::load::{card_link, revision, unseal};
use super::rows::{get, storable};
use super::{Shared, lock, sql};
use crate::cards::Linked;
use crate::seal::card_place;
use compact_str::CompactString;
use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::CardLink;
use hashbrown::HashMap;
use tokio_postgres::types::ToSql;

/// What the built-in card-link table knows of each card, in the order asked.
pub async fn card_links(
    shared: &Shared,
    session: &Session<'_>,
    cards: &[CardInScheme],
) -> Result<Vec<Option<CardLink>>, Failure> {
    let revision = revision(session, "card_link").await?;
    let mut found: Vec<Option<CardLink>> = vec![None; cards.len()];
    let mut unknown: HashMap<&CardInScheme, Vec<usize>> = HashMap::new();
    {
        let mut recent = lock(&shared.recent_cards);
        recent.hold(revision);
        for (place, card) in cards.iter().enumerate() {
            match recent.get(card) {
                Some(linked) => found[place] = Some(opened(shared, card, linked)?),
                None => unknown.entry(card).or_default().push(place),
            }
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let looked_up = look_up(session, unknown.keys().copied()).await?;
    let mut recent = lock(&shared.recent_cards);
    // Another may have seen a later table meanwhile: what this one read is not for it.
    recent.hold(revision);
    for (card, linked) in looked_up {
        for place in &unknown[&card] {
            found[*place] = Some(opened(shared, &card, &linked)?);
        }
        recent.insert(card, linked);
    }
    Ok(found)
}

/// The rows of cards, each of which is asked about once. Asked in the order of the tokens, neighbours
/// in the index are looked at together.
async fn look_up(
    session: &Session<'_>,
    cards: impl Iterator<Item = &CardInScheme>,
) -> Result<Vec<(CardInScheme, Linked)>, Failure> {
    let mut cards: Vec<&CardInScheme> = cards.collect();
    cards.sort_unstable_by_key(|card| (card.card_token.0.as_str(), card.scheme));
    let tokens = cards.iter().map(|card| storable(&card.card_token.0));
    let tokens: Vec<CompactString> = tokens.collect();
    let tokens: Vec<&str> = tokens.iter().map(CompactString::as_str).collect();
    let schemes: Vec<i64> = cards.iter().map(|card| card.scheme.0).collect();
    let values: [&(dyn ToSql + Sync); 2] = [&tokens, &schemes];
    let mut linked = Vec::with_capacity(cards.len());
    for row in session.rows(sql::card::find, &values).await? {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        if let Some(card) = cards.get(place) {
            let link = card_link(&row, 1)?;
            let sealed = get::<Option<&[u8]>>(&row, 9)?.map(Into::into);
            linked.push(((*card).clone(), Linked { link, sealed }));
        }
    }
    Ok(linked)
}

/// The link with its credentials opened.
fn opened(shared: &Shared, card: &CardInScheme, linked: &Linked) -> Result<CardLink, Failure> {
    let mut link = linked.link.clone();
    if let Some(sealed) = &linked.sealed {
        let place = card_place(&card.card_token.0, card.scheme);
        link.credentials = Some(unseal(shared, &place, sealed)?);
    }
    Ok(link)
}
