//! Whose card it is, from the built-in table: many cards in one go, and those that paid lately
//! without looking.
//!
//! Whenever anything is committed, a reading connection forgets its pages. A table that is looked
//! into at random would then be read from the file again with each batch, and the larger it is the
//! more of it: so what was found is remembered, up to a bound.

use super::load::{revision, unseal};
use super::rows::{card_digits, optional_text};
use super::{Shared, lock, sql};
use crate::cards::Linked;
use crate::seal::card_place;
use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::CardLink;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What the built-in card-link table knows of each card, in the order asked.
///
/// Asked in the order of the tokens, neighbours in the index are looked at together, and a card that
/// paid several times in the batch is looked up once.
pub fn card_links(
    shared: &Shared,
    connection: &Connection,
    cards: &[CardInScheme],
) -> rusqlite::Result<Vec<Option<CardLink>>> {
    let mut recent = lock(&shared.recent_cards);
    recent.hold(revision(connection, "card_link")?);
    let mut found: Vec<Option<CardLink>> = vec![None; cards.len()];
    let mut unknown = Vec::new();
    for (at, card) in cards.iter().enumerate() {
        match recent.get(card) {
            Some(linked) => found[at] = Some(opened(shared, card, linked)?),
            None => unknown.push(at),
        }
    }
    unknown.sort_unstable_by_key(|at| (cards[*at].card_token.0.as_str(), cards[*at].scheme));
    let mut statement = connection.prepare_cached(sql::card::find)?;
    let mut before: Option<usize> = None;
    for at in unknown {
        let card = &cards[at];
        if let Some(same) = before.filter(|before| cards[*before] == *card) {
            found[at] = found[same].clone();
            continue;
        }
        let values = params![card.card_token.0.as_str(), card.scheme.0];
        if let Some(linked) = statement.query_row(values, linked).optional()? {
            found[at] = Some(opened(shared, card, &linked)?);
            recent.insert(card.clone(), linked);
        }
        before = Some(at);
    }
    Ok(found)
}

fn linked(row: &Row<'_>) -> rusqlite::Result<Linked> {
    Ok(Linked {
        link: CardLink {
            loyalty_id: optional_text(row, 0)?,
            user_id: row.get(1)?,
            scheme_account_id: row.get(2)?,
            payment_card_account_id: row.get(3)?,
            digits: card_digits(row, 4)?,
            expiry_month: row.get(6)?,
            expiry_year: row.get(7)?,
            credentials: None,
        },
        sealed: row.get_ref(8)?.as_blob_or_null()?.map(Into::into),
    })
}

/// The link with its credentials opened.
fn opened(shared: &Shared, card: &CardInScheme, linked: &Linked) -> rusqlite::Result<CardLink> {
    let place = || card_place(&card.card_token.0, card.scheme);
    let credentials = match &linked.sealed {
        Some(sealed) => unseal(shared, &place(), Some(sealed))?,
        None => None,
    };
    Ok(CardLink {
        credentials,
        ..linked.link.clone()
    })
}
