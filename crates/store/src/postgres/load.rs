//! What the stages of the journey read: batches, by range, through indexes.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{
    Date, Time, card_digits, feed_type, get, instant, invalid, limit, moment, money, optional_slug,
    optional_text, slug, storable, term, text,
};
use super::{Shared, lock, sql};
use crate::seal::identity_place;
use compact_str::CompactString;
use harmonia_core::card::{CardDigits, CardToken};
use harmonia_core::changes::{FileEnd, Placed, Span};
use harmonia_core::identify::{CardLink, IdentifierType, MerchantIdentifier, MidDirectory};
use harmonia_core::ids::{MidId, MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{MidSet, OpenReason, Payment, Reach, Sale};
use harmonia_core::money::Money;
use harmonia_core::purchase::{self, EndKind, Stage};
use harmonia_core::time::{DAY_US, Day, Instant};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{AmountProbe, Probe, RecordKey, Undecided, UndecidedPayment};
use hashbrown::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What readers remember of tables that hardly ever change, with the revision it was read at.
#[derive(Default)]
pub struct Remembered {
    directory: Mutex<Option<(i64, Arc<MidDirectory>)>>,
    mid_sets: Mutex<Option<(i64, Arc<MidSets>)>>,
    feeds: Mutex<HashMap<i64, (Slug, FeedType)>>,
}

impl Remembered {
    /// The identifiers, by date.
    pub async fn directory(&self, session: &Session<'_>) -> Result<Arc<MidDirectory>, Failure> {
        let revision = revision(session, "merchant_identifier").await?;
        if let Some(directory) = recall(&self.directory, revision) {
            return Ok(directory);
        }
        let directory = MidDirectory::new(identifiers(session, sql::mid::all).await?);
        Ok(remember(&self.directory, revision, directory))
    }

    /// Every list of MIDs.
    pub async fn mid_sets(&self, session: &Session<'_>) -> Result<Arc<MidSets>, Failure> {
        let revision = revision(session, "mid_set").await?;
        if let Some(sets) = recall(&self.mid_sets, revision) {
            return Ok(sets);
        }
        Ok(remember(
            &self.mid_sets,
            revision,
            MidSets::load(session).await?,
        ))
    }

    /// Reads whose every feed is: what is streamed cannot be asked about in between.
    pub async fn all_feeds(&self, session: &Session<'_>) -> Result<(), Failure> {
        for row in session.rows(sql::feed::all, &[]).await? {
            let found = (slug(&row, 1)?, feed_type(&row, 2)?);
            lock(&self.feeds).insert(get(&row, 0)?, found);
        }
        Ok(())
    }

    /// Whose a feed is, of those that were read.
    pub fn provider(&self, feed: i64) -> Option<Slug> {
        Some(lock(&self.feeds).get(&feed)?.0.clone())
    }

    /// Whose a feed is and what it brings. Feeds never change, so no revision is needed.
    pub async fn feed(
        &self,
        session: &Session<'_>,
        feed: i64,
    ) -> Result<(Slug, FeedType), Failure> {
        if let Some(known) = lock(&self.feeds).get(&feed) {
            return Ok(known.clone());
        }
        let row = session.maybe(sql::feed::of_id, &[&feed]).await?;
        let row = row.ok_or_else(|| invalid(0, "a feed that is not there"))?;
        let found = (slug(&row, 0)?, feed_type(&row, 1)?);
        lock(&self.feeds).insert(feed, found.clone());
        Ok(found)
    }
}

fn recall<T>(place: &Mutex<Option<(i64, Arc<T>)>>, revision: i64) -> Option<Arc<T>> {
    let remembered = lock(place);
    let (known, value) = remembered.as_ref()?;
    (*known == revision).then(|| Arc::clone(value))
}

fn remember<T>(place: &Mutex<Option<(i64, Arc<T>)>>, revision: i64, value: T) -> Arc<T> {
    let value = Arc::new(value);
    *lock(place) = Some((revision, Arc::clone(&value)));
    value
}

/// How often what is remembered under a name has changed, as this transaction sees it.
pub async fn revision(session: &Session<'_>, name: &str) -> Result<i64, Failure> {
    session.value(sql::mid::revision, &[&name]).await
}

/// Which lists of MIDs hold a MID, and which MIDs a list holds.
#[derive(Default)]
pub struct MidSets {
    by_mid: HashMap<(SchemeId, CompactString), Arc<[MidSet]>>,
    by_id: HashMap<MidSetId, (SchemeId, Vec<CompactString>)>,
}

impl MidSets {
    async fn load(session: &Session<'_>) -> Result<Self, Failure> {
        let mut lists: HashMap<(SchemeId, CompactString), Vec<MidSet>> = HashMap::new();
        let mut sets = Self::default();
        for row in session.rows(sql::mid::all_sets, &[]).await? {
            let set = MidSet {
                id: MidSetId(get(&row, 0)?),
                has_days: get(&row, 3)?,
            };
            let scheme = SchemeId(get(&row, 1)?);
            let mids: Vec<&str> = get(&row, 2)?;
            let mids: Vec<CompactString> = mids.into_iter().map(CompactString::from).collect();
            for mid in &mids {
                lists.entry((scheme, mid.clone())).or_default().push(set);
            }
            sets.by_id.insert(set.id, (scheme, mids));
        }
        sets.by_mid = lists
            .into_iter()
            .map(|(key, list)| (key, list.into()))
            .collect();
        Ok(sets)
    }

    /// The lists of a scheme that hold a MID.
    pub fn holding(&self, scheme: SchemeId, mid: CompactString) -> Arc<[MidSet]> {
        self.by_mid.get(&(scheme, mid)).cloned().unwrap_or_default()
    }

    /// The MIDs of a list.
    pub fn mids(&self, set: MidSetId) -> &[CompactString] {
        self.by_id.get(&set).map_or(&[], |(_, mids)| mids)
    }

    /// The lists of a scheme that hold any of some MIDs; of every scheme and with every MID where
    /// those are not named.
    pub fn any_of(
        &self,
        scheme: Option<SchemeId>,
        mids: Option<&[CompactString]>,
    ) -> Vec<MidSetId> {
        let is_meant = |of: SchemeId, held: &[CompactString]| {
            scheme.is_none_or(|scheme| scheme == of)
                && mids.is_none_or(|mids| held.iter().any(|mid| mids.contains(mid)))
        };
        let lists = self.by_id.iter();
        lists
            .filter(|(_, (of, held))| is_meant(*of, held))
            .map(|(id, _)| *id)
            .collect()
    }
}

/// The identifiers that a statement gives.
pub async fn identifiers(
    session: &Session<'_>,
    sql: &str,
) -> Result<Vec<MerchantIdentifier>, Failure> {
    let row = |row: &Row| {
        Ok(MerchantIdentifier {
            id: MidId(get(row, 0)?),
            provider: slug(row, 1)?,
            identifier_type: IdentifierType::from_name(get(row, 2)?)
                .ok_or_else(|| invalid(2, "not an identifier type"))?,
            identifier: text(row, 3)?,
            scheme: SchemeId(get(row, 4)?),
            scheme_slug: slug(row, 5)?,
            location_id: optional_text(row, 6)?,
            merchant_internal_id: optional_text(row, 7)?,
            term: term(row, 8)?,
        })
    };
    session.list(sql, &[], row).await
}

/// The inclusive ranges of ids that a span stands for: their beginnings and their ends.
pub fn ranges(span: &Span) -> (Vec<i64>, Vec<i64>) {
    match span {
        Span::Range(first, last) => (vec![*first], vec![*last]),
        Span::Ids(ids) => (ids.clone(), ids.clone()),
    }
}

/// The number up to which every raw record is there to be seen: what other commits still write has
/// larger ones.
pub async fn settled(shared: &Shared) -> Result<i64, Failure> {
    let client = shared.pool.get().await?;
    let statement = client.prepare_cached(sql::numbers::settled).await?;
    Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
}

/// The payments of a span that have no match, as they are at one moment. `settled` is the number up to
/// which every row was there to be seen before that moment.
pub async fn undecided(
    shared: &Shared,
    session: &Session<'_>,
    span: &Span,
    settled: i64,
) -> Result<Undecided, Failure> {
    let newest: i64 = session.value(sql::raw::newest, &[]).await?;
    let (first, last) = ranges(span);
    // Usually their turn comes for the first time: one look at each range says that nothing is known
    // of any of them, and then nothing has to be looked up for each.
    let values: [&(dyn ToSql + Sync); 2] = [&first, &last];
    let is_touched = session.value(sql::payment::is_touched, &values).await?;
    let statement = match is_touched {
        true => sql::payment::undecided,
        false => sql::payment::untouched,
    };
    let rows = session.rows(statement, &values).await?;
    let mut payments = payments(shared, session, &rows).await?;
    if is_touched || payments.iter().any(|found| !found.parts.is_empty()) {
        bar(session, &mut payments).await?;
    }
    Ok(Undecided {
        payments,
        seen: newest.min(settled),
    })
}

/// Notes the sales that people have parted from payments, or from others of their purchases.
async fn bar(session: &Session<'_>, payments: &mut [UndecidedPayment]) -> Result<(), Failure> {
    let of_purchase = |found: &UndecidedPayment| {
        let others = found.parts.iter().map(|part| part.id.0);
        others.chain([found.payment.id.0]).collect::<Vec<i64>>()
    };
    let asked: HashSet<i64> = payments.iter().flat_map(of_purchase).collect();
    let asked: Vec<i64> = asked.into_iter().collect();
    let mut parted: HashMap<i64, Vec<SaleId>> = HashMap::new();
    for row in session.rows(sql::pairing::barred, &[&asked]).await? {
        parted
            .entry(get(&row, 0)?)
            .or_default()
            .push(SaleId(get(&row, 1)?));
    }
    if parted.is_empty() {
        return Ok(());
    }
    for found in payments {
        let of = of_purchase(found).into_iter();
        let mut barred: Vec<SaleId> = of
            .filter_map(|payment| parted.get(&payment))
            .flatten()
            .copied()
            .collect();
        barred.sort_unstable();
        barred.dedup();
        found.barred = barred;
    }
    Ok(())
}

/// Payments as deciding sees them, with the parts of their purchases.
async fn payments(
    shared: &Shared,
    session: &Session<'_>,
    rows: &[Row],
) -> Result<Vec<UndecidedPayment>, Failure> {
    let mid_sets = shared.remembered.mid_sets(session).await?;
    let mut found = Vec::with_capacity(rows.len());
    // The purchases to be asked about, and whose they are.
    let (mut keys, mut providers, mut asking) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let feed = shared.remembered.feed(session, get(row, 1)?).await?;
        if let Some(key) = get::<Option<&str>>(row, 23)?
            && matches!(feed.1, FeedType::Auth | FeedType::Settled)
        {
            keys.push(key);
            providers.push(feed.0.clone());
            asking.push(found.len());
        }
        found.push(payment(&mid_sets, feed, row)?);
    }
    if keys.is_empty() {
        return Ok(found);
    }
    let providers: Vec<&str> = providers.iter().map(Slug::as_str).collect();
    let values: [&(dyn ToSql + Sync); 2] = [&keys, &providers];
    for row in session.rows(sql::payment::same_purchase, &values).await? {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        if let Some(asked) = asking.get(place) {
            found[*asked].parts.push(part(&row)?);
        }
    }
    Ok(found)
}

/// One of the AUTHs and SETTLEDs of a purchase.
fn part(row: &Row) -> Result<purchase::Part, Failure> {
    let stage = match get::<Option<&str>>(row, 9)? {
        None => Stage::Open,
        Some(name) => EndKind::from_name(name).map_or(Stage::Matched, Stage::Ended),
    };
    Ok(purchase::Part {
        id: PaymentId(get(row, 1)?),
        feed_type: feed_type(row, 2)?,
        scheme: SchemeId(get(row, 3)?),
        amount: money(row, 4)?,
        auth_code: optional_text(row, 6)?,
        digits: card_digits(row, 7)?,
        stage,
    })
}

fn payment(
    mid_sets: &MidSets,
    (provider, feed_type): (Slug, FeedType),
    row: &Row,
) -> Result<UndecidedPayment, Failure> {
    let scheme = SchemeId(get(row, 2)?);
    let identity = match get::<Option<i64>>(row, 14)? {
        None => None,
        Some(_) => Some(card_link(row, 15)?),
    };
    Ok(UndecidedPayment {
        payment: Payment {
            id: PaymentId(get(row, 0)?),
            scheme,
            provider,
            mid_sets: mid_sets.holding(scheme, text(row, 3)?),
            when: moment(row, 4)?,
            amount: money(row, 6)?,
            auth_code: optional_text(row, 11)?,
            digits: card_digits(row, 9)?,
            user_card: identity
                .as_ref()
                .map_or_else(CardDigits::default, |link| link.digits),
            imported_at: instant(row, 12)?,
        },
        card_token: CardToken(text(row, 8)?),
        identity,
        open: open_reason(row, 13)?,
        feed_type,
        parts: Vec::new(),
        barred: Vec::new(),
    })
}

/// Why a payment is open, or NULL.
pub fn open_reason(row: &Row, column: usize) -> Result<Option<OpenReason>, Failure> {
    get::<Option<&str>>(row, column)?
        .map(|name| OpenReason::from_name(name).ok_or_else(|| invalid(column, "not a reason")))
        .transpose()
}

/// One payment as deciding sees it, matched or not.
pub async fn explained(
    shared: &Shared,
    session: &Session<'_>,
    id: PaymentId,
) -> Result<Option<UndecidedPayment>, Failure> {
    let rows = session.rows(sql::payment::explain, &[&id.0]).await?;
    Ok(payments(shared, session, &rows).await?.pop())
}

/// What is known of a card, from eight columns of which `first` is the first; without its credentials.
pub fn card_link(row: &Row, first: usize) -> Result<CardLink, Failure> {
    Ok(CardLink {
        loyalty_id: optional_text(row, first)?,
        user_id: get(row, first + 1)?,
        scheme_account_id: get(row, first + 2)?,
        payment_card_account_id: get(row, first + 3)?,
        digits: card_digits(row, first + 4)?,
        expiry_month: get(row, first + 6)?,
        expiry_year: get(row, first + 7)?,
        credentials: None,
    })
}

/// Opens what was sealed for a place.
pub fn unseal(shared: &Shared, place: &str, sealed: &[u8]) -> Result<Box<str>, Failure> {
    let opened = shared.sealer.unseal(place, sealed);
    let text = opened.ok_or_else(|| {
        Failure::Invalid("sealed credentials that this data folder's key does not open".to_owned())
    })?;
    Ok(text.into())
}

/// All that is known of whose card each payment was.
pub async fn identities(
    shared: &Shared,
    session: &Session<'_>,
    payments: &[PaymentId],
) -> Result<Vec<Option<CardLink>>, Failure> {
    let asked: Vec<i64> = payments.iter().map(|payment| payment.0).collect();
    let mut known = HashMap::new();
    for row in session.rows(sql::identity::of_payment, &[&asked]).await? {
        let payment = PaymentId(get(&row, 0)?);
        let mut link = card_link(&row, 1)?;
        if let Some(sealed) = get::<Option<&[u8]>>(&row, 9)? {
            link.credentials = Some(unseal(shared, &identity_place(payment), sealed)?);
        }
        known.insert(payment, link);
    }
    Ok(payments.iter().map(|id| known.get(id).cloned()).collect())
}

/// What is known of transactions of a feed.
pub async fn known(
    session: &Session<'_>,
    provider: &Slug,
    feed_type: FeedType,
    keys: &[RecordKey],
) -> Result<Vec<Option<(Instant, Money)>>, Failure> {
    let mut known = vec![None; keys.len()];
    let (slug, kind) = (provider.as_str(), feed_type.as_str());
    let Some(feed) = session.maybe(sql::feed::find, &[&slug, &kind]).await? else {
        return Ok(known);
    };
    let feed: i64 = get(&feed, 0)?;
    let days: Vec<Date> = keys.iter().map(|key| Date(key.day)).collect();
    let ids = keys.iter().map(|key| storable(&key.transaction_id));
    let ids: Vec<CompactString> = ids.collect();
    let ids: Vec<&str> = ids.iter().map(CompactString::as_str).collect();
    let statement = match feed_type {
        FeedType::Merchant => sql::sale::known,
        _ => sql::payment::known,
    };
    let values: [&(dyn ToSql + Sync); 3] = [&days, &ids, &feed];
    for row in session.rows(statement, &values).await? {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        if let Some(known) = known.get_mut(place) {
            *known = Some((instant(&row, 1)?, money(&row, 2)?));
        }
    }
    Ok(known)
}

/// Probes as columns: one for each UTC day that has sales.
#[derive(Default)]
struct Probes<'a> {
    days: Vec<Date>,
    mid_sets: Vec<i64>,
    least: Vec<i64>,
    most: Vec<i64>,
    first: Vec<Time>,
    last: Vec<Time>,
    currencies: Vec<&'a str>,
}

impl<'a> Probes<'a> {
    fn add(&mut self, probe: &'a AmountProbe, days: (Day, Day)) {
        let day = |instant: Instant| instant.0.div_euclid(DAY_US);
        let first = day(probe.reach.from).max(days.0.0.into());
        let last = day(probe.reach.to).min(days.1.0.into());
        for day in first..=last {
            self.days
                .push(Date(Day(i32::try_from(day).unwrap_or(i32::MAX))));
            self.mid_sets.push(probe.mid_set.0);
            self.least.push(probe.minor.0);
            self.most.push(probe.minor.1);
            self.first.push(Time(probe.reach.from));
            self.last.push(Time(probe.reach.to));
            self.currencies.push(probe.currency.as_str());
        }
    }
}

/// A probe for one amount, as one for amounts between two.
fn between(probe: &Probe) -> AmountProbe {
    AmountProbe {
        mid_set: probe.mid_set,
        currency: probe.amount.currency,
        minor: (probe.amount.minor, probe.amount.minor),
        reach: probe.reach,
    }
}

/// The first and the last UTC day that has sales, if there are any.
pub async fn days(session: &Session<'_>) -> Result<Option<(Day, Day)>, Failure> {
    let Some(row) = session.maybe(sql::sale::days, &[]).await? else {
        return Ok(None);
    };
    let day = |column| Ok::<_, Failure>(get::<Option<Date>>(&row, column)?.map(|day| day.0));
    Ok(day(0)?.zip(day(1)?))
}

/// The rows of sales of one amount that any probe asks for, each sale once.
async fn probed(session: &Session<'_>, sql: &str, probes: &[Probe]) -> Result<Vec<Row>, Failure> {
    let Some(days) = days(session).await? else {
        return Ok(Vec::new());
    };
    let mut probes: Vec<AmountProbe> = probes.iter().map(between).collect();
    // In the order of the index, so that neighbours in it are looked at together.
    probes.sort_unstable_by_key(|probe| {
        let day = probe.reach.from.day();
        (day, probe.mid_set, probe.minor, probe.reach.from)
    });
    let mut asked = Probes::default();
    for probe in &probes {
        asked.add(probe, days);
    }
    let values: [&(dyn ToSql + Sync); 6] = [
        &asked.days,
        &asked.mid_sets,
        &asked.least,
        &asked.first,
        &asked.last,
        &asked.currencies,
    ];
    once_each(session.rows(sql, &values).await?)
}

/// Rows of sales, each sale once.
fn once_each(rows: Vec<Row>) -> Result<Vec<Row>, Failure> {
    let mut seen = HashSet::new();
    let mut once = Vec::with_capacity(rows.len());
    for row in rows {
        if seen.insert(get::<i64>(&row, 0)?) {
            once.push(row);
        }
    }
    Ok(once)
}

/// The open sales that any probe asks for, each once, however the probes overlap.
pub async fn candidates(session: &Session<'_>, probes: &[Probe]) -> Result<Vec<Sale>, Failure> {
    let rows = probed(session, sql::sale::candidates, probes).await?;
    rows.iter().map(sale).collect()
}

/// The matched sales that any probe asks for, each once, with the payment that has it.
pub async fn taken(
    session: &Session<'_>,
    probes: &[Probe],
) -> Result<Vec<(Sale, PaymentId)>, Failure> {
    let rows = probed(session, sql::sale::taken, probes).await?;
    rows.iter()
        .map(|row| Ok((sale(row)?, PaymentId(get(row, 11)?))))
        .collect()
}

/// The open sales of amounts and times that any probe asks for, each once.
pub async fn sales_between(
    session: &Session<'_>,
    probes: &[AmountProbe],
) -> Result<Vec<Sale>, Failure> {
    let Some(days) = days(session).await? else {
        return Ok(Vec::new());
    };
    let mut asked = Probes::default();
    for probe in probes {
        asked.add(probe, days);
    }
    let values: [&(dyn ToSql + Sync); 7] = [
        &asked.days,
        &asked.mid_sets,
        &asked.least,
        &asked.most,
        &asked.first,
        &asked.last,
        &asked.currencies,
    ];
    let rows = once_each(session.rows(sql::sale::between, &values).await?)?;
    rows.iter().map(sale).collect()
}

/// The newest payments of a scheme that found no sale, in the order they came.
pub async fn without_sale(
    session: &Session<'_>,
    scheme: SchemeId,
    most: usize,
) -> Result<Vec<PaymentId>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&scheme.0, &limit(most)];
    let row = |row: &Row| get(row, 0).map(PaymentId);
    let mut found = session
        .list(sql::payment::without_sale, &values, row)
        .await?;
    found.reverse();
    Ok(found)
}

/// A sale, in the columns that every statement for sales begins with.
pub fn sale(row: &Row) -> Result<Sale, Failure> {
    Ok(Sale {
        id: SaleId(get(row, 0)?),
        mid_set: MidSetId(get(row, 1)?),
        provider: optional_slug(row, 2)?,
        when: moment(row, 3)?,
        amount: money(row, 5)?,
        digits: card_digits(row, 7)?,
        auth_code: optional_text(row, 9)?,
        imported_at: instant(row, 10)?,
    })
}

/// The open sales of a span, each with its scheme.
pub async fn open_sales(
    session: &Session<'_>,
    span: &Span,
) -> Result<Vec<(SchemeId, Sale)>, Failure> {
    // Nothing can be reopened where nothing is open: the usual case is one look.
    if !session.value(sql::payment::any_open, &[]).await? {
        return Ok(Vec::new());
    }
    let (first, last) = ranges(span);
    let row = |row: &Row| Ok((SchemeId(get(row, 11)?), sale(row)?));
    session.list(sql::sale::open, &[&first, &last], row).await
}

/// The payments open for want of a sale which one of these sales may be.
pub async fn reopened(
    shared: &Shared,
    session: &Session<'_>,
    sales: &[(SchemeId, Sale, Reach)],
) -> Result<Vec<PaymentId>, Failure> {
    let mid_sets = shared.remembered.mid_sets(session).await?;
    let asked = sales.iter().flat_map(|(scheme, sale, reach)| {
        let mids = mid_sets.mids(sale.mid_set).iter();
        mids.map(move |mid| (*scheme, mid.as_str(), sale, *reach))
    });
    let asked: Vec<(SchemeId, &str, &Sale, Reach)> = asked.collect();
    let numbers =
        |of: fn(&(SchemeId, &str, &Sale, Reach)) -> i64| asked.iter().map(of).collect::<Vec<i64>>();
    let mids: Vec<&str> = asked.iter().map(|(_, mid, ..)| *mid).collect();
    let first: Vec<Time> = asked.iter().map(|asked| Time(asked.3.from)).collect();
    let last: Vec<Time> = asked.iter().map(|asked| Time(asked.3.to)).collect();
    let currencies = asked.iter().map(|asked| asked.2.amount.currency.as_str());
    let currencies: Vec<&str> = currencies.collect();
    let values: [&(dyn ToSql + Sync); 7] = [
        &numbers(|asked| asked.0.0),
        &mids,
        &numbers(|asked| asked.2.amount.minor),
        &first,
        &last,
        &currencies,
        &numbers(|asked| asked.2.id.0),
    ];
    let row = |row: &Row| get(row, 0).map(PaymentId);
    session.list(sql::payment::reopened, &values, row).await
}

/// The first payments after one that wait for their card.
pub async fn unidentified(
    session: &Session<'_>,
    after: PaymentId,
    most: usize,
) -> Result<Vec<Placed>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&after.0, &limit(most)];
    let row = |row: &Row| {
        Ok(Placed {
            id: get(row, 0)?,
            scheme: SchemeId(get(row, 1)?),
            amount: money(row, 2)?,
        })
    };
    session.list(sql::payment::unidentified, &values, row).await
}

/// How far an export file is written.
pub async fn export_file(session: &Session<'_>, name: &str) -> Result<Option<FileEnd>, Failure> {
    let Some(row) = session.maybe(sql::export::find_file, &[&name]).await? else {
        return Ok(None);
    };
    Ok(Some(FileEnd {
        name: name.to_owned(),
        length: super::rows::count(&row, 0)?,
    }))
}
