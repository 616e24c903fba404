//! Schemes, merchant identifiers and linked cards.

use super::connection::store_error;
use super::rows::term;
use super::writer::{Writer, revise};
use super::{Shared, sealing, sql};
use crate::seal::card_place;
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::identify::LinkedCard;
use harmonia_core::ids::{MidId, SchemeId, Slug};
use harmonia_core::term::{
    Held, Left, Rearranged, SINCE_EVER, Term, put_in_force, take_out_of_force,
};
use harmonia_core::time::Instant;
use harmonia_journey::ports::StoreError;
use rusqlite::{OptionalExtension, Row, Transaction, params};

const ADD_SCHEME: &str = "INSERT INTO loyalty_scheme (slug, name) VALUES (?1, ?2)
    ON CONFLICT (slug) DO UPDATE SET name = excluded.name WHERE name <> excluded.name";
const ADD_PROVIDER: &str = "INSERT INTO payment_provider (slug, name) VALUES (?1, ?2)
    ON CONFLICT (slug) DO UPDATE SET name = excluded.name WHERE name <> excluded.name";
const MENTION_PROVIDER: &str = "INSERT INTO payment_provider (slug, name) VALUES (?1, ?1)
    ON CONFLICT (slug) DO NOTHING";
const SCHEME_ID: &str = "SELECT id FROM loyalty_scheme WHERE slug = ?1";

/// Makes known the schemes and providers that agent files name.
pub fn register(
    writer: &mut Writer,
    schemes: &[(Slug, String)],
    providers: &[(Slug, String)],
) -> Result<Vec<SchemeId>, StoreError> {
    let mut run = || -> rusqlite::Result<Vec<SchemeId>> {
        let transaction = writer.begin()?;
        for (slug, name) in providers {
            transaction
                .prepare_cached(ADD_PROVIDER)?
                .execute(params![slug.as_str(), name])?;
        }
        let mut ids = Vec::with_capacity(schemes.len());
        for (slug, name) in schemes {
            transaction
                .prepare_cached(ADD_SCHEME)?
                .execute(params![slug.as_str(), name])?;
            let id = transaction
                .prepare_cached(SCHEME_ID)?
                .query_row([slug.as_str()], |row| row.get(0))?;
            ids.push(SchemeId(id));
        }
        transaction.commit()?;
        Ok(ids)
    };
    run().map_err(|error| store_error(&error))
}

/// Puts identifiers in force, or out of it. Returns how many changed anything.
pub fn mids(
    transaction: &Transaction<'_>,
    changes: &[MidChange],
    at: Instant,
) -> rusqlite::Result<u64> {
    let mut changed = 0;
    for change in changes {
        let name = [change.provider.as_str(), change.scheme_slug.as_str()];
        let scheme_name = change.scheme_name.as_deref().unwrap_or(name[1]);
        transaction
            .prepare_cached(MENTION_PROVIDER)?
            .execute([name[0]])?;
        let known: Option<i64> = transaction
            .prepare_cached(SCHEME_ID)?
            .query_row([name[1]], |row| row.get(0))
            .optional()?;
        if known.is_none() {
            transaction
                .prepare_cached(ADD_SCHEME)?
                .execute(params![name[1], scheme_name])?;
        }
        changed += u64::from(mid(transaction, change, at)?);
    }
    if changed > 0 {
        revise(transaction, "merchant_identifier")?;
    }
    Ok(changed)
}

type Place = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn mid(transaction: &Transaction<'_>, change: &MidChange, at: Instant) -> rusqlite::Result<bool> {
    let owned = |text: &Option<compact_str::CompactString>| text.as_ref().map(ToString::to_string);
    let wanted: Place = (
        change.scheme_slug.to_string(),
        owned(&change.location_id),
        owned(&change.merchant_internal_id),
        owned(&change.location),
        owned(&change.postcode),
    );
    let held = held(transaction, change, &wanted)?;
    let rearranged = match change.action {
        MidAction::Add => put_in_force(&held, change.from, change.until, at),
        MidAction::Delete => take_out_of_force(&held, change.from, at),
    };
    let Some(Rearranged { cut, add }) = rearranged else {
        return Ok(false);
    };
    for (id, left) in cut {
        retain(transaction, id, left)?;
    }
    if let Some(term) = add {
        transaction
            .prepare_cached(sql::mid::insert)?
            .execute(params![
                change.provider.as_str(),
                change.identifier.as_str(),
                change.identifier_type.as_str(),
                wanted.0,
                wanted.1,
                wanted.2,
                wanted.3,
                wanted.4,
                term.from.0,
                term.until.map(|until| until.0)
            ])?;
    }
    Ok(true)
}

/// The rows of an identifier.
fn held(
    transaction: &Transaction<'_>,
    change: &MidChange,
    wanted: &Place,
) -> rusqlite::Result<Vec<Held>> {
    let key = params![
        change.provider.as_str(),
        change.identifier_type.as_str(),
        change.identifier.as_str()
    ];
    let row = |row: &Row<'_>| {
        let place: Place = (
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
        );
        Ok(Held {
            id: MidId(row.get(0)?),
            term: term(row, 6)?,
            same_scheme: place.0 == wanted.0,
            same_place: place == *wanted,
        })
    };
    transaction
        .prepare_cached(sql::mid::held)?
        .query_map(key, row)?
        .collect()
}

/// A row keeps what is left of its term. It is kept even where nothing is, for the payments that
/// named it.
fn retain(transaction: &Transaction<'_>, id: MidId, left: Left) -> rusqlite::Result<()> {
    let now_over = Term {
        from: SINCE_EVER,
        until: Some(SINCE_EVER),
    };
    let first = left.0.or(left.1).unwrap_or(now_over);
    let until = |term: Term| term.until.map(|until| until.0);
    transaction
        .prepare_cached(sql::mid::retain)?
        .execute(params![id.0, first.from.0, until(first)])?;
    if let (Some(_), Some(tail)) = left {
        transaction
            .prepare_cached(sql::mid::copy)?
            .execute(params![id.0, tail.from.0, until(tail)])?;
    }
    Ok(())
}

/// Links cards; a row for the same card and scheme is replaced.
pub fn cards(
    shared: &Shared,
    transaction: &Transaction<'_>,
    cards: &[LinkedCard],
    at: Instant,
) -> rusqlite::Result<u64> {
    if !cards.is_empty() {
        revise(transaction, "card_link")?;
    }
    if cards.iter().any(|card| card.link.credentials.is_some()) {
        sealing::leave_proof(transaction, &shared.sealer)?;
    }
    let mut upsert = transaction.prepare_cached(sql::card::upsert)?;
    for LinkedCard {
        card_token,
        scheme,
        link,
    } in cards
    {
        let credentials = link.credentials.as_ref().map(|text| {
            shared
                .sealer
                .seal(&card_place(&card_token.0, *scheme), text)
        });
        upsert.execute(params![
            card_token.0.as_str(),
            scheme.0,
            link.loyalty_id.as_deref(),
            link.user_id,
            link.scheme_account_id,
            link.payment_card_account_id,
            link.digits.first_six.as_ref().map(|digits| digits.as_str()),
            link.digits.last_four.as_ref().map(|digits| digits.as_str()),
            link.expiry_month,
            link.expiry_year,
            credentials,
            at.0,
        ])?;
    }
    Ok(cards.len() as u64)
}
