//! A store in memory with everything onboarded that a good file names, the real importer before it,
//! and what stands in it afterwards.

use crate::good::Good;
use async_trait::async_trait;
use harmonia_core::changes::{AuditEntry, Lanes, MidAction, MidChange};
use harmonia_core::feed::{Outcome, RawRecord};
use harmonia_core::identify::IdentifierType;
use harmonia_core::ids::Slug;
use harmonia_core::time::Instant;
use harmonia_journey::Journey;
use harmonia_journey::agents::Agents;
use harmonia_journey::drive;
use harmonia_journey::import::{ImportReport, import_file, import_messages};
use harmonia_journey::onboard::onboard_mids;
use harmonia_journey::ports::{
    AppendError, BuiltInLinks, FileCourier, FileHold, Holder, ImportOutcome, Readable, Side, Store,
    Story, SystemClock, Uids, WithinProcess,
};
use harmonia_journey::room::Room;
use harmonia_store::model::ModelStore;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::Arc;

const LEASE_US: i64 = 60_000_000;

pub struct Town {
    journey: Journey,
}

/// What stands in the store of a feed's transactions: each row, without its number, its batch and
/// the time it came, with its raw record; and how many there are of what amount.
#[derive(Debug, PartialEq)]
pub struct Standing {
    pub rows: Vec<String>,
    counts: String,
}

struct File(Vec<u8>);

impl Readable for File {
    fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }

    fn source(&self) -> String {
        "the file".to_owned()
    }
}

/// Nothing is delivered here.
struct NoCourier;

#[async_trait]
impl FileCourier for NoCourier {
    async fn hold(&self, name: &str) -> Result<FileHold, AppendError> {
        panic!("{name} was to be held")
    }

    async fn append(&self, name: &str, _: u64, _: Vec<u8>) -> Result<u64, AppendError> {
        panic!("{name} was to be written")
    }

    async fn draft(&self, name: &str, _: Vec<u8>) -> Result<(), AppendError> {
        panic!("{name} was to be drafted")
    }

    async fn publish(&self, draft: &str, name: &str) -> Result<(), AppendError> {
        panic!("{draft} was to be published as {name}")
    }
}

impl Town {
    pub async fn of(good: &Good) -> Self {
        let store: Arc<dyn Store> = Arc::new(ModelStore::new(LEASE_US));
        let agents = Agents::register(good.agents.clone(), store.as_ref());
        let journey = Journey {
            agents: Arc::new(agents.await.unwrap()),
            identity: Arc::new(BuiltInLinks(Arc::clone(&store))),
            signals: Arc::new(WithinProcess::new(Arc::clone(&store))),
            store,
            courier: Arc::new(NoCourier),
            announcer: None,
            merchants: harmonia_journey::deliver::Merchants::out_of_reach(),
            clock: Arc::new(SystemClock),
            uids: Uids,
            holder: Holder::new(Uids),
            lease: std::time::Duration::from_micros(LEASE_US.unsigned_abs()),
            batch: 5,
            room: Room::default(),
            lanes: Lanes::ONE,
        };
        let mids = mids_of(good);
        let entry = AuditEntry {
            operator: "town".into(),
            action: "mids.import",
            detail: Default::default(),
        };
        onboard_mids(journey.store.as_ref(), mids, entry, journey.now())
            .await
            .unwrap();
        Self { journey }
    }

    /// Imports a file or messages; whether it was refused. What was read is accounted for, and what
    /// was not taken has its reason.
    pub async fn import(&self, good: &Good, parts: &[Vec<u8>]) -> bool {
        let (journey, feed) = (&self.journey, &good.feed);
        if good.is_queue() {
            check_outcome(
                import_messages(journey, feed, "the queue", parts)
                    .await
                    .unwrap(),
            );
            return false;
        }
        let mut refused = true;
        for part in parts {
            let file = Arc::new(File(part.clone()));
            match import_file(journey, feed, file, &drive::never(), &|_| {})
                .await
                .unwrap()
            {
                ImportReport::Imported(outcome) => {
                    check_outcome(outcome);
                    refused = false;
                }
                ImportReport::Refused(reason) => assert!(reason.len() > 10, "{reason:?}"),
                ImportReport::Stopped(_) => panic!("nobody stopped it"),
                ImportReport::Busy { holder } => panic!("{holder} has it"),
            }
        }
        for reject in journey.store.rejects(None, 0, 10_000).await.unwrap() {
            assert!(
                !reject.reason.is_empty() && reject.detail.len() > 5,
                "{reject:?}"
            );
        }
        refused
    }

    pub async fn standing(&self, good: &Good) -> Standing {
        let store = &self.journey.store;
        let status = store.status(self.journey.now()).await.unwrap();
        let side = side(good);
        let mut rows = Vec::new();
        // Each id that any import could have made of these bytes stands in a reject or a row; the
        // rows are numbered, so all of them are asked for one by one.
        for id in 1..=2_000 {
            if let Some(story) = store.story(side, id).await.unwrap() {
                rows.push(shown(story));
            } else if rows.len() as u64 == status.payments.count + status.sales.count {
                break;
            }
        }
        assert_eq!(
            rows.len() as u64,
            status.payments.count + status.sales.count
        );
        rows.sort();
        let distinct: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "doubled: {rows:#?}");
        Standing {
            rows,
            counts: format!("{:?} {:?}", status.payments, status.sales),
        }
    }
}

fn check_outcome(outcome: ImportOutcome) {
    let ImportOutcome {
        read,
        new,
        duplicate,
        skipped,
        rejected,
        quarantined,
    } = outcome;
    assert_eq!(
        read,
        new + duplicate + skipped + rejected + quarantined,
        "{outcome:?}"
    );
}

fn side(good: &Good) -> Side {
    if good.feed.feed_type.is_payment() {
        Side::Payment
    } else {
        Side::Sale
    }
}

fn shown(story: Story) -> String {
    let mut row = story.transaction;
    row.id = 0;
    row.match_group = 0;
    row.created_at = Instant(0);
    let (raw, _, _) = story.raw.unwrap();
    let mut raw: Map<String, Value> = serde_json::from_str(&raw).unwrap();
    for value in raw.values_mut() {
        // Blanks around a field say nothing, line ends behind the last of a file above all.
        if let Value::String(text) = value {
            *text = text.trim().to_owned();
        }
    }
    format!("{row:?} of {}", Value::Object(raw))
}

/// Every identifier and location of the good file, onboarded.
fn mids_of(good: &Good) -> Vec<MidChange> {
    let mut found = BTreeSet::new();
    for part in good.bytes() {
        let mut reader = good.feed.reader(part.as_slice()).unwrap();
        let mut raw = RawRecord::default();
        while reader.next(&mut raw).unwrap() {
            match good.feed.read(&raw) {
                Outcome::Payment(payment) => {
                    let primary = payment.identifiers.primary;
                    found.extend(primary.map(|mid| (mid, None)));
                }
                Outcome::Sale(sale) => {
                    let location = sale.place.location;
                    let mids = sale.place.mids.into_iter().map(|mid| (mid, None));
                    found.extend(mids);
                    found.extend(location.map(|place| (place.clone(), Some(place))));
                }
                Outcome::Answer(_) | Outcome::Skipped | Outcome::Rejected(_) => {}
            }
        }
    }
    let slug = |slug: &str| Slug::new(slug).unwrap();
    let (provider, scheme) = if good.feed.feed_type.is_payment() {
        (good.feed.provider_slug.clone(), slug("iceland-bonus-card"))
    } else {
        (slug("visa"), good.feed.provider_slug.clone())
    };
    let change = |(identifier, location_id)| MidChange {
        provider: provider.clone(),
        identifier_type: IdentifierType::Primary,
        identifier,
        scheme_slug: scheme.clone(),
        scheme_name: None,
        location_id,
        merchant_internal_id: None,
        location: None,
        postcode: None,
        action: MidAction::Add,
        from: None,
        until: None,
    };
    found.into_iter().map(change).collect()
}
