//! A small town: a bakery with two tills, a bookshop with one, and people who pay by card.

use super::{Bench, Picture, holder, picture};
use compact_str::CompactString;
use harmonia_core::card::{CardDigits, CardToken, Digits};
use harmonia_core::changes::{
    Attempt, Changes, Delivery, Imported, ImportedBody, ImportedRecord, Lane, Lanes, MidAction,
    MidChange, NewIdentity, NewJob, NewMatch, NewWork, Part, Queue,
};
use harmonia_core::identify::{CardLink, IdentifierType, LinkedCard};
use harmonia_core::ids::{ExportId, FileId, MidId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{Evidence, MatchKind};
use harmonia_core::money::{Currency, Money};
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::retention::{Purge, PurgeCursor, Purged};
use harmonia_core::state::{ExportState, FileState};
use harmonia_core::time::{Day, Instant, Moment, Precision};
use harmonia_core::transaction::{FeedType, Identifiers, PaymentRecord, Place, SaleRecord, Told};
use harmonia_journey::ports::{
    CommitError, Committed, FileArrival, FileClaim, ImportOutcome, Lease, Side, Store,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// Noon of 2 June 2026 in UTC, when everything happens.
pub const NOON: Instant = Instant(1_780_401_600_000_000);

/// A provider or scheme, what its feed brings, and the feed's name.
pub type FeedName = (&'static str, FeedType, &'static str);

pub const VISA_SETTLED: FeedName = ("visa", FeedType::Settled, "visa-settled");
pub const VISA_AUTH: FeedName = ("visa", FeedType::Auth, "visa-auth");
pub const BAKERY: FeedName = ("bakery", FeedType::Merchant, "bakery-sales");
pub const BOOKS: FeedName = ("books", FeedType::Merchant, "books-sales");

/// The tills: MID, scheme, location.
const TILLS: [(&str, &str, &str); 3] = [
    ("m-1", "bakery", "high-street"),
    ("m-2", "bakery", "market"),
    ("b-1", "books", "mill-lane"),
];

/// A store with the town's schemes and tills in it.
pub struct Town {
    pub store: Arc<dyn Store>,
    pub bakery: SchemeId,
    pub books: SchemeId,
    files: AtomicU32,
}

impl Town {
    /// The town in an empty store.
    pub async fn new(bench: &dyn Bench) -> Self {
        Self::in_store(bench.fresh().await).await
    }

    /// The town in a store that has nothing yet.
    pub async fn in_store(store: Arc<dyn Store>) -> Self {
        let named = |name: &str| (slug(name), format!("The {name}"));
        let schemes = [named("bakery"), named("books")];
        let ids = store.register(&schemes, &[named("visa")]).await.unwrap();
        let town = Self {
            store,
            bakery: ids[0],
            books: ids[1],
            files: AtomicU32::new(0),
        };
        let mut changes = Changes::none(NOON);
        changes.mids = TILLS
            .iter()
            .map(|(mid, scheme, location)| MidChange {
                location_id: Some((*location).into()),
                ..mid_change(mid, scheme)
            })
            .collect();
        town.commit(changes).await;
        town
    }

    /// Commits as a person would, and expects no trouble.
    pub async fn commit(&self, changes: Changes) -> Committed {
        self.store.commit(Lease::Operator, changes).await.unwrap()
    }

    /// Notes that the bakery was told of exports, and what state they are in since.
    pub async fn deliver(&self, exports: &[ExportId], state: ExportState) {
        let delivery = |export: &ExportId| Delivery {
            export: *export,
            state,
            reason: Some(state.to_string()),
            due_at: None,
        };
        let mut changes = Changes::none(NOON);
        changes.attempts.push(Attempt {
            scheme: self.bakery,
            destination: "out.jsonl".to_owned(),
            body: "{}".to_owned(),
            response: None,
            error: None,
            duration_us: 1,
            deliveries: exports.iter().map(delivery).collect(),
            file: None,
        });
        self.commit(changes).await;
    }

    /// Commits as a person would, and expects trouble.
    pub async fn refused(&self, changes: Changes) -> CommitError {
        let answer = self.store.commit(Lease::Operator, changes).await;
        answer.expect_err("this commit should be refused")
    }

    /// Everything the store shows.
    pub async fn picture(&self) -> Picture {
        picture(&*self.store, NOON, 60).await
    }

    /// Expects every invariant to hold.
    pub async fn expect_sound(&self) {
        assert_eq!(self.store.audit().await.unwrap(), []);
    }

    // Importing.

    /// A file of a feed that never came before.
    pub fn arrival(&self, feed: FeedName) -> FileArrival {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        FileArrival {
            provider: slug(feed.0),
            feed_type: feed.1,
            feed_name: slug(feed.2),
            canonical: false,
            source: format!("in/{}/{number}.csv", feed.2),
            size_bytes: 1000,
            sha256: format!("{number:064x}"),
        }
    }

    /// Claims a file for a holder, and expects to get it.
    pub async fn claim_file(
        &self,
        arrival: &FileArrival,
        name: &str,
        now: Instant,
    ) -> (FileId, Lease, u64) {
        let claim = self.store.claim_file(arrival, &holder(name), now).await;
        match claim.unwrap() {
            FileClaim::Yours {
                file,
                lease,
                records_read,
            } => (file, lease, records_read),
            FileClaim::Busy { holder } => panic!("{holder} has the file"),
        }
    }

    /// A stretch of a file that ends it.
    pub fn whole_file(&self, file: FileId, feed: FeedName, bodies: Vec<ImportedBody>) -> Changes {
        let mut changes = Changes::done(NOON);
        changes.imported = Some(Imported {
            file,
            provider: slug(feed.0),
            records_read: bodies.len() as u64,
            more_bytes: 0,
            records: numbered(bodies),
            skipped: 0,
            state: FileState::Imported,
            refusal: None,
        });
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: None,
            ready_at: NOON,
            work: NewWork::Imported(Lanes::ONE.into()),
        });
        changes
    }

    /// Imports a whole new file in one commit.
    pub async fn import(&self, feed: FeedName, bodies: Vec<ImportedBody>) -> ImportOutcome {
        let (file, lease, _) = self.claim_file(&self.arrival(feed), "importer", NOON).await;
        let changes = self.whole_file(file, feed, bodies);
        let committed = self.store.commit(lease, changes).await.unwrap();
        committed.imported
    }

    /// Imports payments as a file of settlements. Returns their rows.
    pub async fn pay(&self, records: Vec<PaymentRecord>) -> Vec<PaymentId> {
        let names: Vec<CompactString> = records.iter().map(|r| r.transaction_id.clone()).collect();
        let bodies = records.into_iter().map(|record| self.paid(record));
        self.import(VISA_SETTLED, bodies.collect()).await;
        let mut ids = Vec::new();
        for name in names {
            ids.push(PaymentId(self.row(Side::Payment, &name).await));
        }
        ids
    }

    /// Imports sales of the bakery. Returns their rows.
    pub async fn sell(&self, records: Vec<SaleRecord>) -> Vec<SaleId> {
        let names: Vec<CompactString> = records.iter().map(|r| r.transaction_id.clone()).collect();
        let bodies = records.into_iter().map(|record| self.sold(record));
        self.import(BAKERY, bodies.collect()).await;
        let mut ids = Vec::new();
        for name in names {
            ids.push(SaleId(self.row(Side::Sale, &name).await));
        }
        ids
    }

    /// The newest row of a transaction id.
    async fn row(&self, side: Side, transaction_id: &str) -> i64 {
        let rows = self.store.find(side, transaction_id).await.unwrap();
        rows.iter().map(|row| row.id).max().unwrap()
    }

    /// A payment as the importer hands it over: its MID tells the scheme.
    pub fn paid(&self, record: PaymentRecord) -> ImportedBody {
        let primary = record.identifiers.primary.as_deref().unwrap();
        let till = TILLS.iter().position(|till| till.0 == primary).unwrap();
        ImportedBody::Payment {
            scheme: self.scheme_of(primary),
            mid: MidId(till as i64 + 1),
            record: Box::new(record),
        }
    }

    /// A sale as the importer hands it over.
    pub fn sold(&self, mut record: SaleRecord) -> ImportedBody {
        let mids = std::mem::take(&mut record.place.mids);
        ImportedBody::Sale {
            scheme: self.scheme_of(&mids[0]),
            mids,
            record: Box::new(record),
        }
    }

    fn scheme_of(&self, mid: &str) -> SchemeId {
        if mid.starts_with('b') {
            self.books
        } else {
            self.bakery
        }
    }

    // Purging.

    /// Makes known that what is before a day may go, and takes it out, so many rows at a time.
    pub async fn purge(&self, before: Day, limit: usize, now: Instant) -> Purged {
        let mut mark = Changes::none(now);
        mark.purged_before = Some(before);
        self.commit(mark).await;
        let mut purged = Purged::default();
        let mut from = Some(PurgeCursor::START);
        while let Some(cursor) = from {
            let mut changes = Changes::none(now);
            changes.purge = Some(Purge {
                before,
                from: cursor,
                limit,
            });
            let committed = self.commit(changes).await;
            purged.add(committed.purged);
            from = committed.purge_from;
        }
        purged
    }

    // Matching.

    /// A match of the bakery's by rule.
    pub fn pair(&self, payment: PaymentId, sale: SaleId) -> NewMatch {
        NewMatch {
            payment,
            sale: Some(sale),
            scheme: self.bakery,
            kind: MatchKind::Loyalty,
            evidence: Evidence::default(),
            export_uid: Uuid::from_u128(u128::from(payment.0.unsigned_abs())),
            was_open: false,
            part: Part::default(),
            redress: None,
        }
    }

    /// Changes that identify payments and match them, with the job that tells the bakery.
    pub fn matching(&self, pairs: &[(PaymentId, SaleId)]) -> Changes {
        let mut changes = Changes::none(NOON);
        changes.identities = pairs
            .iter()
            .map(|(payment, _)| NewIdentity {
                payment: *payment,
                link: card_link("member-1"),
            })
            .collect();
        let matches = pairs
            .iter()
            .map(|(payment, sale)| self.pair(*payment, *sale));
        changes.matches = matches.collect();
        changes.jobs.push(NewJob {
            queue: Queue::Export,
            lane: Some(Lane::delivery(self.bakery)),
            ready_at: NOON,
            work: NewWork::Exports(self.bakery),
        });
        changes
    }

    /// Imports pairs that belong together and matches them. Returns their exports.
    pub async fn matched(&self, names: &[&str]) -> Vec<ExportId> {
        let payments = self
            .pay(names.iter().map(|name| payment(name)).collect())
            .await;
        let sales = self
            .sell(names.iter().map(|name| sale(name)).collect())
            .await;
        let pairs: Vec<_> = payments.into_iter().zip(sales).collect();
        self.commit(self.matching(&pairs)).await;
        let exports = self.store.exports(None, 0, 1000).await.unwrap();
        let newest = exports.iter().rev().take(names.len()).rev();
        newest.map(|row| ExportId(row.id)).collect()
    }

    /// Links a card in the bakery's scheme.
    pub fn linked(&self, card_token: &str, link: CardLink) -> LinkedCard {
        LinkedCard {
            card_token: CardToken(card_token.into()),
            scheme: self.bakery,
            link,
        }
    }
}

/// Records as a file would number them, each with a raw record of its own.
fn numbered(bodies: Vec<ImportedBody>) -> Vec<ImportedRecord> {
    let record = |(number, body): (u64, ImportedBody)| ImportedRecord {
        occurrence: 0,
        number,
        raw: raw_of(&body).into(),
        body,
    };
    (1..).zip(bodies).map(record).collect()
}

fn raw_of(body: &ImportedBody) -> String {
    match body {
        ImportedBody::Payment { record, .. } => format!(
            "{{\"id\":\"{}\",\"paid\":\"{}\"}}",
            record.transaction_id, record.amount
        ),
        ImportedBody::Sale { record, .. } => format!(
            "{{\"id\":\"{}\",\"sold\":\"{}\"}}",
            record.transaction_id, record.amount
        ),
        ImportedBody::Answer { record, .. } => format!("{{\"result\":\"{}\"}}", record.result),
        ImportedBody::Refused { fingerprint, .. } => format!("{{\"bad\":{}}}", fingerprint[0]),
    }
}

/// A slug that is known to be one.
pub fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

/// Pounds, in pence.
pub fn gbp(minor: i64) -> Money {
    Money {
        minor,
        currency: Currency::GBP,
    }
}

/// A payment of £10.99 at the bakery's first till at noon.
pub fn payment(transaction_id: &str) -> PaymentRecord {
    PaymentRecord {
        transaction_id: transaction_id.into(),
        settlement_key: None,
        identifiers: Identifiers {
            primary: Some("m-1".into()),
            ..Identifiers::default()
        },
        when: Moment {
            start: NOON,
            precision: Precision::Second,
        },
        amount: gbp(1099),
        card_token: CardToken("card-1".into()),
        auth_code: Some("666666".into()),
        approval_code: None,
        digits: CardDigits {
            first_six: None,
            last_four: Digits::new("4242"),
        },
        extra: None,
    }
}

/// A sale of £10.99 at the bakery's first till at noon.
pub fn sale(transaction_id: &str) -> SaleRecord {
    SaleRecord {
        transaction_id: transaction_id.into(),
        place: Place {
            location: None,
            mids: vec!["m-1".into()],
        },
        payment_provider: Some(slug("visa")),
        when: Moment {
            start: NOON,
            precision: Precision::Second,
        },
        amount: gbp(1099),
        auth_code: Some("666666".into()),
        digits: CardDigits::default(),
        extra: None,
    }
}

/// A record that was not taken. Records of one mark are the same one.
pub fn refused(reason: RejectReason, mark: u8) -> ImportedBody {
    ImportedBody::Refused {
        reject: Reject::field(reason, "amount", "not what it should be"),
        fingerprint: [mark; 32],
        told: None,
    }
}

/// A record whose MID nobody knows, and which is sound otherwise. Records of one mark are the same.
pub fn waiting(told: Told, mark: u8) -> ImportedBody {
    ImportedBody::Refused {
        reject: Reject::record(RejectReason::UnknownMid, "nobody onboarded its MID"),
        fingerprint: [mark; 32],
        told: Some(Box::new(told)),
    }
}

/// A MID of visa put in force for a scheme.
pub fn mid_change(mid: &str, scheme: &str) -> MidChange {
    MidChange {
        provider: slug("visa"),
        identifier_type: IdentifierType::Primary,
        identifier: mid.into(),
        scheme_slug: slug(scheme),
        scheme_name: None,
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
        action: MidAction::Add,
        from: None,
        until: None,
    }
}

/// What is known of a member's card.
pub fn card_link(loyalty_id: &str) -> CardLink {
    CardLink {
        loyalty_id: Some(loyalty_id.into()),
        user_id: Some(7),
        scheme_account_id: Some(70),
        payment_card_account_id: Some(700),
        digits: CardDigits {
            first_six: Digits::new("424242"),
            last_four: Digits::new("4242"),
        },
        expiry_month: Some(9),
        expiry_year: Some(2029),
        credentials: Some(r#"{"email":"a@example.com"}"#.into()),
    }
}
