//! Schemes, merchant identifiers and linked cards.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get, term};
use super::work::Work;
use super::{Shared, sealing, sql};
use crate::seal::card_place;
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::identify::LinkedCard;
use harmonia_core::ids::{MidId, SchemeId, Slug};
use harmonia_core::term::{
    Held, Left, Rearranged, SINCE_EVER, Term, put_in_force, take_out_of_force,
};
use hashbrown::{HashMap, HashSet};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Makes known the schemes and providers that agent files name.
pub async fn register(
    shared: &Shared,
    schemes: &[(Slug, String)],
    providers: &[(Slug, String)],
) -> Result<Vec<SchemeId>, Failure> {
    let mut client = shared.pool.get().await?;
    let session = Session::write(&mut client).await?;
    for (slug, name) in providers {
        mention_provider(&session, slug.as_str(), name).await?;
        let values: [&(dyn ToSql + Sync); 2] = [&slug.as_str(), name];
        session.execute(sql::provider::rename, &values).await?;
    }
    let mut ids = Vec::with_capacity(schemes.len());
    for (slug, name) in schemes {
        let id = mention_scheme(&session, slug.as_str(), name).await?;
        let values: [&(dyn ToSql + Sync); 2] = [&slug.as_str(), name];
        session.execute(sql::scheme::rename, &values).await?;
        ids.push(id);
    }
    session.commit().await?;
    Ok(ids)
}

/// A row for a provider, where there is none: asked first, since trying would use up a number.
async fn mention_provider(session: &Session<'_>, slug: &str, name: &str) -> Result<(), Failure> {
    if session
        .maybe(sql::provider::find, &[&slug])
        .await?
        .is_none()
    {
        session.execute(sql::provider::add, &[&slug, &name]).await?;
    }
    Ok(())
}

/// The row of a scheme, made where there is none.
async fn mention_scheme(
    session: &Session<'_>,
    slug: &str,
    name: &str,
) -> Result<SchemeId, Failure> {
    if session.maybe(sql::scheme::find, &[&slug]).await?.is_none() {
        session.execute(sql::scheme::add, &[&slug, &name]).await?;
    }
    Ok(SchemeId(session.value(sql::scheme::find, &[&slug]).await?))
}

/// Puts identifiers in force, or out of it. Returns how many changed anything.
pub async fn mids(work: &mut Work<'_>, changes: &[MidChange]) -> Result<u64, Failure> {
    if changes.is_empty() {
        return Ok(0);
    }
    // What is in force when is rearranged by one at a time.
    work.session.run(sql::mid::lock).await?;
    let mut changed = 0;
    for change in changes {
        let (provider, scheme) = (change.provider.as_str(), change.scheme_slug.as_str());
        let scheme_name = change.scheme_name.as_deref().unwrap_or(scheme);
        mention_provider(&work.session, provider, provider).await?;
        mention_scheme(&work.session, scheme, scheme_name).await?;
        changed += u64::from(mid(work, change).await?);
    }
    if changed > 0 {
        work.revise("merchant_identifier").await?;
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

async fn mid(work: &mut Work<'_>, change: &MidChange) -> Result<bool, Failure> {
    let owned = |text: &Option<compact_str::CompactString>| text.as_ref().map(ToString::to_string);
    let wanted: Place = (
        change.scheme_slug.to_string(),
        owned(&change.location_id),
        owned(&change.merchant_internal_id),
        owned(&change.location),
        owned(&change.postcode),
    );
    let held = held(&work.session, change, &wanted).await?;
    let rearranged = match change.action {
        MidAction::Add => put_in_force(&held, change.from, change.until, work.at),
        MidAction::Delete => take_out_of_force(&held, change.from, work.at),
    };
    let Some(Rearranged { cut, add }) = rearranged else {
        return Ok(false);
    };
    for (id, left) in cut {
        retain(work, id, left).await?;
    }
    if let Some(term) = add {
        let id = work.take("merchant_identifier", 1).await?;
        let values: [&(dyn ToSql + Sync); 11] = [
            &change.provider.as_str(),
            &change.identifier.as_str(),
            &change.identifier_type.as_str(),
            &wanted.0,
            &wanted.1,
            &wanted.2,
            &wanted.3,
            &wanted.4,
            &Time(term.from),
            &term.until.map(Time),
            &id,
        ];
        work.session.execute(sql::mid::insert, &values).await?;
    }
    Ok(true)
}

/// The rows of an identifier.
async fn held(
    session: &Session<'_>,
    change: &MidChange,
    wanted: &Place,
) -> Result<Vec<Held>, Failure> {
    let key: [&(dyn ToSql + Sync); 3] = [
        &change.provider.as_str(),
        &change.identifier_type.as_str(),
        &change.identifier.as_str(),
    ];
    let row = |row: &Row| {
        let place: Place = (
            get(row, 1)?,
            get(row, 2)?,
            get(row, 3)?,
            get(row, 4)?,
            get(row, 5)?,
        );
        Ok(Held {
            id: MidId(get(row, 0)?),
            term: term(row, 6)?,
            same_scheme: place.0 == wanted.0,
            same_place: place == *wanted,
        })
    };
    session.list(sql::mid::held, &key, row).await
}

/// A row keeps what is left of its term. It is kept even where nothing is, for the payments that
/// named it.
async fn retain(work: &mut Work<'_>, id: MidId, left: Left) -> Result<(), Failure> {
    let now_over = Term {
        from: SINCE_EVER,
        until: Some(SINCE_EVER),
    };
    let first = left.0.or(left.1).unwrap_or(now_over);
    let values: [&(dyn ToSql + Sync); 3] = [&id.0, &Time(first.from), &first.until.map(Time)];
    work.session.execute(sql::mid::retain, &values).await?;
    if let (Some(_), Some(tail)) = left {
        let copy = work.take("merchant_identifier", 1).await?;
        let values: [&(dyn ToSql + Sync); 4] =
            [&id.0, &Time(tail.from), &tail.until.map(Time), &copy];
        work.session.execute(sql::mid::copy, &values).await?;
    }
    Ok(())
}

/// Links cards; a row for the same card and scheme is replaced.
pub async fn cards(work: &mut Work<'_>, cards: &[LinkedCard]) -> Result<u64, Failure> {
    if cards.is_empty() {
        return Ok(0);
    }
    work.revise("card_link").await?;
    if cards.iter().any(|card| card.link.credentials.is_some()) {
        sealing::leave_proof(&work.session, &work.shared.sealer).await?;
    }
    // A statement touches no row twice: of cards that come twice the later counts, in the earlier's
    // place.
    let mut places: HashMap<(&str, SchemeId), usize> = HashMap::new();
    let mut distinct: Vec<&LinkedCard> = Vec::with_capacity(cards.len());
    for card in cards {
        let key = (card.card_token.0.as_str(), card.scheme);
        let place = *places.entry(key).or_insert(distinct.len());
        match distinct.get_mut(place) {
            Some(before) => *before = card,
            None => distinct.push(card),
        }
    }
    let tokens: Vec<&str> = distinct
        .iter()
        .map(|card| card.card_token.0.as_str())
        .collect();
    let schemes: Vec<i64> = distinct.iter().map(|card| card.scheme.0).collect();
    let known: HashSet<i64> = {
        let values: [&(dyn ToSql + Sync); 2] = [&tokens, &schemes];
        let row = |row: &Row| get(row, 0);
        let known = work.session.list(sql::card::known, &values, row).await?;
        known.into_iter().collect()
    };
    let new = distinct.len() - known.len();
    let mut next = match new {
        0 => 0,
        new => work.take("card_link", new).await?,
    };
    // One that is known keeps its own number.
    let number = |place: i64| {
        let id = if known.contains(&place) { 0 } else { next };
        next += i64::from(id != 0);
        id
    };
    let ids: Vec<i64> = (1..).take(distinct.len()).map(number).collect();
    let sealer = &work.shared.sealer;
    let sealed: Vec<Option<Vec<u8>>> = distinct
        .iter()
        .map(|card| {
            let text = card.link.credentials.as_ref()?;
            Some(sealer.seal(&card_place(&card.card_token.0, card.scheme), text))
        })
        .collect();
    let links = || distinct.iter().map(|card| &card.link);
    let texts = |of: for<'a> fn(&'a harmonia_core::identify::CardLink) -> Option<&'a str>| {
        links().map(of).collect::<Vec<Option<&str>>>()
    };
    let numbers = |of: fn(&harmonia_core::identify::CardLink) -> Option<i64>| {
        links().map(of).collect::<Vec<Option<i64>>>()
    };
    let values: [&(dyn ToSql + Sync); 13] = [
        &ids,
        &tokens,
        &schemes,
        &texts(|link| link.loyalty_id.as_deref()),
        &numbers(|link| link.user_id),
        &numbers(|link| link.scheme_account_id),
        &numbers(|link| link.payment_card_account_id),
        &texts(|link| link.digits.first_six.as_ref().map(|digits| digits.as_str())),
        &texts(|link| link.digits.last_four.as_ref().map(|digits| digits.as_str())),
        &numbers(|link| link.expiry_month),
        &numbers(|link| link.expiry_year),
        &sealed,
        &Time(work.at),
    ];
    work.session.execute(sql::card::upsert, &values).await?;
    Ok(cards.len() as u64)
}
