//! Two stores that are told the same.

use super::step::{End, Record, Step};
use crate::support::{
    BAKERY, Bench, FeedName, ModelBench, NOON, Town, VISA_AUTH, VISA_SETTLED, card_link, gbp,
    holder, mid_change, payment, picture, refused, sale, slug, waiting,
};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{
    Attempt, CardInScheme, Changes, Delivery, FileEnd, Handled, ImportedBody, ImportedRecord,
    JobEnd, Lane, Lanes, MidAction, MidChange, NewEnd, NewIdentity, NewJob, NewWork, Queue,
    Replayed, Sending, Span, StillOpen,
};
use harmonia_core::ids::{ExportId, MidSetId, PaymentId, RejectId, SaleId};
use harmonia_core::matching::{OpenReason, Reach, Sale};
use harmonia_core::money::{Currency, Money};
use harmonia_core::problem::RejectReason;
use harmonia_core::purchase::EndKind;
use harmonia_core::push::{Pushed, Request, RequestKey};
use harmonia_core::retention::Purged;
use harmonia_core::state::{ExportState, FileState};
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::{DAY_US, Day, HOUR_US, Instant, Moment, Precision, SECOND_US};
use harmonia_core::transaction::{AnswerRecord, FeedType, Told};
use harmonia_journey::ports::{
    CommitError, Committed, FileArrival, FileClaim, Lease, Probe, Side, Store, StoreError,
};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

const BOOKS_ANSWERS: FeedName = ("books", FeedType::Answer, "books-answers");
const QUEUES: [Queue; 3] = [Queue::Matching, Queue::Import, Queue::Export];

/// The model and a database, and the leases each gave for the same claims.
pub struct Twins {
    model: Town,
    twin: Town,
    leases: Vec<[Lease; 2]>,
    now: Instant,
    /// How many records came: no row has a larger number.
    records: i64,
}

impl Twins {
    /// The model, and a store of a bench, which must be kept for as long.
    pub async fn new(bench: &dyn Bench) -> Self {
        Self {
            model: Town::new(&ModelBench).await,
            twin: Town::in_store(bench.fresh().await).await,
            leases: Vec::new(),
            now: NOON,
            records: 0,
        }
    }

    /// Takes a step on both, and wants the same answer.
    pub async fn take(&mut self, step: Step) {
        match step {
            Step::Import {
                feed,
                file,
                holder,
                records,
                ends,
            } => self.import(feed, file, holder, &records, ends).await,
            Step::Push { feed, requests } => self.push(feed, &requests).await,
            Step::Messages { feed, records } => self.receive(feed, &records).await,
            Step::Replay { reject, record } => self.replay(reject, &record).await,
            Step::Claim { holder, queue } => self.claim(holder, queue).await,
            Step::Decide {
                lease,
                pairs,
                open,
                end,
            } => self.decide(lease, &pairs, &open, end).await,
            Step::Deliver {
                lease,
                deliveries,
                end,
            } => self.deliver(lease, &deliveries, end).await,
            Step::Send {
                lease,
                exports,
                end,
            } => self.send(lease, &exports, end).await,
            Step::Handle { export, from, to } => self.handle(export, from, to).await,
            Step::Onboard {
                mid,
                scheme,
                place,
                add,
                from,
                until,
            } => self.onboard(mid, scheme, place, add, [from, until]).await,
            Step::Sweep {
                identified,
                limit,
                days,
            } => self.sweep(&identified, limit, days).await,
            Step::Answer(answers) => self.answer(&answers).await,
            Step::Link { card, member } => {
                let mut changes = Changes::none(self.now);
                let link = card_link(&format!("member-{member}"));
                changes.cards = vec![self.model.linked(&format!("card-{card}"), link)];
                self.commit([Lease::Operator; 2], changes).await;
            }
            Step::Sleep(days) => self.now = self.now.plus(i64::from(days) * DAY_US),
            Step::Purge {
                day,
                limit,
                only_known,
            } => self.purge(day, limit, only_known).await,
            Step::Wait(seconds) => self.now = self.now.plus(i64::from(seconds) * SECOND_US),
        }
    }

    async fn import(&mut self, feed: u8, file: u8, name: u8, records: &[Record], ends: bool) {
        let feed = [VISA_SETTLED, VISA_AUTH, BAKERY][usize::from(feed)];
        let arrival = arrival(feed, file);
        let me = holder(&format!("holder-{name}"));
        let now = self.now;
        let claims = [
            self.model.store.claim_file(&arrival, &me, now).await,
            self.twin.store.claim_file(&arrival, &me, now).await,
        ];
        let (file, leases, records_read) = match claims.map(Result::unwrap) {
            [
                FileClaim::Yours {
                    file,
                    lease,
                    records_read,
                },
                FileClaim::Yours {
                    file: other_file,
                    lease: other_lease,
                    records_read: other_read,
                },
            ] => {
                assert_eq!((file, records_read), (other_file, other_read));
                (file, [lease, other_lease], records_read)
            }
            [one, other] => return assert_eq!(one, other),
        };
        self.leases.push(leases);
        self.records += records.len() as i64;
        let bodies = records.iter().map(|record| self.body(feed, record));
        let mut changes = self.model.whole_file(file, feed, bodies.collect());
        changes.at = now;
        if let Some(imported) = changes.imported.as_mut() {
            imported.records_read += records_read;
            if !ends {
                imported.state = FileState::Importing;
                changes.job = JobEnd::Keep;
            }
        }
        self.commit(leases, changes).await;
    }

    async fn receive(&mut self, feed: u8, records: &[Record]) {
        let feed = [VISA_SETTLED, VISA_AUTH, BAKERY][usize::from(feed)];
        let (arrival, now) = (arrival(feed, 0), self.now);
        let file = self
            .both(async |store| store.message_log(&arrival, now).await.unwrap())
            .await;
        self.records += records.len() as i64;
        let bodies = records.iter().map(|record| self.body(feed, record));
        let mut changes = self.model.whole_file(file, feed, bodies.collect());
        changes.at = now;
        if let Some(imported) = changes.imported.as_mut() {
            imported.more_bytes = 7;
        }
        self.commit([Lease::Operator; 2], changes).await;
    }

    async fn push(&mut self, feed: u8, requests: &[(Option<u8>, Vec<Record>)]) {
        let feed = [VISA_SETTLED, VISA_AUTH, BAKERY][usize::from(feed)];
        let mut pushed = Pushed {
            arrival: arrival(feed, 99),
            requests: Vec::new(),
        };
        let mut keys = Vec::new();
        for (key, records) in requests {
            self.records += records.len() as i64;
            let key = key.map(|key| RequestKey {
                key: [key; 32],
                body: [records.len() as u8; 32],
            });
            keys.extend(key);
            let record = |(number, record): (u64, &Record)| ImportedRecord {
                number,
                occurrence: 0,
                raw: format!("{{\"pushed\":{number}}}").into(),
                body: self.body(feed, record),
            };
            pushed.requests.push(Request {
                key,
                records: (1..).zip(records).map(record).collect(),
                skipped: 1,
            });
        }
        let mut changes = Changes::none(self.now);
        changes.pushed = Some(pushed);
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: None,
            ready_at: self.now,
            work: NewWork::Imported(Lanes::ONE.into()),
        });
        self.commit([Lease::Operator; 2], changes).await;
        let feed = crate::support::slug(feed.2);
        let model = self.model.store.answered_before(&feed, &keys).await;
        let twin = self.twin.store.answered_before(&feed, &keys).await;
        assert_eq!(model.unwrap(), twin.unwrap());
    }

    async fn replay(&mut self, reject: u8, record: &Record) {
        let kept = self.model.store.rejects(None, 0, 100).await.unwrap();
        let Some(row) = kept.get(usize::from(reject) % kept.len().max(1)) else {
            return;
        };
        let feeds = [VISA_SETTLED, VISA_AUTH, BAKERY];
        let feed = feeds.into_iter().find(|feed| feed.2 == row.feed);
        let answer = || ImportedBody::Answer {
            scheme: self.model.books,
            record: Box::new(AnswerRecord {
                export_uid: Some(swept_uid(PaymentId(i64::from(record.name) + 1))),
                transaction_id: None,
                result: format!("result {}", record.amount).into(),
            }),
            fingerprint: [99; 32],
        };
        let mut changes = Changes::none(self.now);
        changes.replayed.push(Replayed {
            reject: RejectId(row.id),
            raw: format!("{{\"mended\":{}}}", row.id).into(),
            body: feed.map_or_else(answer, |feed| self.body(feed, record)),
        });
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: None,
            ready_at: self.now,
            work: NewWork::Imported(Lanes::ONE.into()),
        });
        self.records += 1;
        self.commit([Lease::Operator; 2], changes).await;
        let quarantined = |town: &Town| {
            let store = Arc::clone(&town.store);
            async move { store.quarantined(RejectId(0), 100).await.unwrap() }
        };
        assert_eq!(
            quarantined(&self.model).await,
            quarantined(&self.twin).await
        );
    }

    fn body(&self, feed: FeedName, record: &Record) -> ImportedBody {
        let name = format!("t-{}", record.name);
        let (when, amount) = (when(record.when), amount(record.amount));
        match record.refused {
            Some(true) => {
                let told = Told {
                    transaction_id: name.into(),
                    date: when.start,
                    amount,
                };
                return waiting(told, record.name);
            }
            Some(false) => return refused(RejectReason::BadAmount, record.name),
            None => {}
        }
        if feed == BAKERY {
            let mut sold = sale(&name);
            let mids: &[&str] = [&["m-1"][..], &["m-2"], &["m-1", "m-2"]][usize::from(record.till)];
            sold.place.mids = mids.iter().map(|mid| (*mid).into()).collect();
            (sold.when, sold.amount) = (when, amount);
            return self.model.sold(sold);
        }
        let mut paid = payment(&name);
        paid.identifiers.primary = Some(["m-1", "m-2", "m-1"][usize::from(record.till)].into());
        (paid.when, paid.amount) = (when, amount);
        self.model.paid(paid)
    }

    async fn claim(&mut self, name: u8, queue: u8) {
        let me = holder(&format!("holder-{name}"));
        let queues = [QUEUES[usize::from(queue)], Queue::Identify];
        let model = self.model.store.claim(&queues, &me, self.now).await;
        let twin = self.twin.store.claim(&queues, &me, self.now).await;
        match (model.unwrap(), twin.unwrap()) {
            (Some(one), Some(mut other)) => {
                self.leases.push([one.lease, other.lease]);
                other.lease = one.lease;
                assert_eq!(one, other);
            }
            (one, other) => assert_eq!(one, other),
        }
    }

    async fn decide(&self, lease: Option<u8>, pairs: &[(u8, u8)], open: &[(u8, u8)], end: End) {
        let payments = self.known(Side::Payment).await;
        let sales = self.known(Side::Sale).await;
        let mut chosen = Vec::new();
        for (payment, sale) in pairs {
            if let (Some(payment), Some(sale)) = (pick(&payments, *payment), pick(&sales, *sale)) {
                chosen.push((PaymentId(payment), SaleId(sale)));
            }
        }
        let mut changes = self.model.matching(&chosen);
        for new in &mut changes.matches {
            let story = self.model.store.story(Side::Payment, new.payment.0).await;
            let story = story.unwrap().unwrap();
            new.was_open = story.transaction.pending_reason.is_some();
        }
        changes.open = open
            .iter()
            .filter_map(|(payment, reason)| {
                Some(StillOpen {
                    payment: PaymentId(pick(&payments, *payment)?),
                    reason: OpenReason::ALL[usize::from(*reason)],
                    sale: None,
                    seen: 0,
                })
            })
            .collect();
        self.commit_under(lease, changes, end).await;
    }

    async fn deliver(&self, lease: Option<u8>, deliveries: &[(u8, u8)], end: End) {
        let exports = self.model.store.exports(None, 0, 1000).await.unwrap();
        let exports: Vec<i64> = exports.iter().map(|row| row.id).collect();
        let delivery = |(export, state): &(u8, u8)| {
            let state = ExportState::ALL[usize::from(*state)];
            Some(Delivery {
                export: ExportId(pick(&exports, *export)?),
                state,
                reason: Some(format!("it is {state}")),
                due_at: (export % 5 == 0).then_some(self.now),
            })
        };
        let mut changes = Changes::none(self.now);
        changes.attempts.push(Attempt {
            scheme: self.model.bakery,
            destination: "out.jsonl".to_owned(),
            body: String::new(),
            response: Some("written".to_owned()),
            error: None,
            duration_us: 1,
            deliveries: deliveries.iter().filter_map(delivery).collect(),
            file: deliveries.len().is_multiple_of(2).then(|| FileEnd {
                name: "out.jsonl".to_owned(),
                length: deliveries.len() as u64,
            }),
        });
        self.commit_under(lease, changes, end).await;
    }

    async fn send(&self, lease: Option<u8>, exports: &[u8], end: End) {
        let known = self.model.store.exports(None, 0, 1000).await.unwrap();
        let known: Vec<i64> = known.iter().map(|row| row.id).collect();
        let chosen: BTreeSet<i64> = exports.iter().filter_map(|at| pick(&known, *at)).collect();
        let mut changes = Changes::none(self.now);
        changes.sending = chosen
            .into_iter()
            .map(|export| Sending {
                export: ExportId(export),
                request: format!("{export} at {}", self.now),
            })
            .collect();
        self.commit_under(lease, changes, end).await;
    }

    async fn handle(&self, export: u8, from: u8, to: u8) {
        let known = self.model.store.exports(None, 0, 1000).await.unwrap();
        let known: Vec<i64> = known.iter().map(|row| row.id).collect();
        let Some(export) = pick(&known, export) else {
            return;
        };
        let to = ExportState::ALL[usize::from(to)];
        if matches!(to, ExportState::InFlight | ExportState::Uncertain) {
            return;
        }
        let mut changes = Changes::none(self.now);
        changes.handled.push(Handled {
            export: ExportId(export),
            from: ExportState::ALL[usize::from(from)],
            to,
            reason: "ann: so".to_owned(),
            unless_held: (export % 2 == 0).then_some(Lane::delivery(self.model.bakery)),
        });
        self.commit([Lease::Operator; 2], changes).await;
    }

    async fn sweep(&self, identified: &[u8], limit: u8, days: u8) {
        let payments = self.known(Side::Payment).await;
        let mut changes = Changes::none(self.now);
        changes.identities = identified
            .iter()
            .filter_map(|at| {
                Some(NewIdentity {
                    payment: PaymentId(pick(&payments, *at)?),
                    link: card_link("member-1"),
                })
            })
            .collect();
        self.commit([Lease::Operator; 2], changes).await;
        let scope = SweepScope {
            scheme: self.model.bakery,
            imported_until: self.now.plus(-i64::from(days) * DAY_US),
            feeds: vec![(slug("visa"), FeedType::Settled)],
            limit: usize::from(limit),
        };
        let swept = self
            .both(async |store| store.to_sweep(&scope).await.unwrap())
            .await;
        let books = self.model.books;
        let mut changes = Changes::none(self.now);
        let end = |payment: &PaymentId| NewEnd {
            payment: *payment,
            scheme: self.model.bakery,
            kind: EndKind::Unmatched,
            other: None,
            difference_minor: None,
            export_uid: Some(swept_uid(*payment)),
            export_as: Some(books),
            was_open: true,
        };
        changes.ends = swept.iter().map(end).collect();
        changes.jobs.push(NewJob {
            queue: Queue::Export,
            lane: Some(Lane::delivery(books)),
            ready_at: self.now,
            work: NewWork::Exports(books),
        });
        self.commit([Lease::Operator; 2], changes).await;
        self.both(async |store| store.waiting_exports(books).await.unwrap())
            .await;
    }

    async fn answer(&self, answers: &[(u8, u8, bool)]) {
        let exports = self.model.store.exports(None, 0, 1000).await.unwrap();
        let books = self.model.books;
        let records = answers.iter().filter_map(|(export, result, by_uid)| {
            let at = usize::from(*export).checked_rem(exports.len())?;
            let row = &exports[at];
            Some(AnswerRecord {
                export_uid: by_uid.then(|| row.export_uid.parse().unwrap()),
                transaction_id: Some(row.transaction_id.as_str().into()),
                result: format!("result {result}").into(),
            })
        });
        let records: Vec<AnswerRecord> = records.collect();
        self.both(async |store| store.answered(books, &records).await.unwrap())
            .await;
        let body = |(mark, record): (u8, &AnswerRecord)| ImportedBody::Answer {
            scheme: books,
            record: Box::new(record.clone()),
            fingerprint: [mark; 32],
        };
        let bodies: Vec<ImportedBody> = (100..).zip(&records).map(body).collect();
        let outcomes = [
            self.model.import(BOOKS_ANSWERS, bodies.clone()).await,
            self.twin.import(BOOKS_ANSWERS, bodies).await,
        ];
        assert_eq!(outcomes[0], outcomes[1]);
    }

    async fn onboard(&self, mid: u8, scheme: u8, place: u8, add: bool, term: [Option<u8>; 2]) {
        let hour = |hour: u8| NOON.plus(i64::from(hour) * HOUR_US);
        let scheme = ["bakery", "books"][usize::from(scheme)];
        let mut changes = Changes::none(self.now);
        changes.mids.push(MidChange {
            action: if add {
                MidAction::Add
            } else {
                MidAction::Delete
            },
            location_id: Some(format!("place-{place}").into()),
            from: term[0].map(hour),
            until: term[1].map(hour),
            ..mid_change(&format!("x-{mid}"), scheme)
        });
        self.commit([Lease::Operator; 2], changes).await;
    }

    async fn purge(&self, day: u8, limit: u8, only_known: bool) {
        let before = Day(NOON.day().0 + i32::from(day));
        let may_go = self
            .both(async |store| store.purgeable(before).await.unwrap())
            .await;
        if only_known {
            let mut changes = Changes::none(self.now);
            changes.kept_from = Some(before);
            changes.purged_before = Some(Day(before.0 - 1));
            return self.commit([Lease::Operator; 2], changes).await;
        }
        let limit = usize::from(limit);
        let model = self.model.purge(before, limit, self.now).await;
        let twin = self.twin.purge(before, limit, self.now).await;
        assert_eq!(model, twin);
        let gone = Purged {
            rejects: 0,
            attempts: 0,
            ..model
        };
        assert_eq!(gone, may_go, "what was said to go, and what went");
        let day = self
            .both(async |store| store.kept_from().await.unwrap())
            .await;
        assert!(day >= Some(before));
    }

    /// The rows of a side that there are.
    async fn known(&self, side: Side) -> Vec<i64> {
        let mut known = Vec::new();
        for id in 1..=self.records {
            let story = self.model.store.story(side, id).await;
            known.extend(story.unwrap().map(|_| id));
        }
        known
    }

    async fn commit_under(&self, lease: Option<u8>, mut changes: Changes, end: End) {
        let from_newest = |back: u8| self.leases.iter().rev().nth(usize::from(back)).copied();
        let leases = lease.and_then(from_newest).unwrap_or([Lease::Operator; 2]);
        changes.at = self.now;
        changes.job = match end {
            End::Keep => JobEnd::Keep,
            End::Done => JobEnd::Done,
            End::Again => JobEnd::Again {
                ready_at: self.now.plus(SECOND_US),
            },
        };
        self.commit(leases, changes).await;
    }

    async fn commit(&self, leases: [Lease; 2], changes: Changes) {
        let model = self.model.store.commit(leases[0], changes.clone()).await;
        let twin = self.twin.store.commit(leases[1], changes).await;
        assert_eq!(answer(model), answer(twin));
    }

    /// Asks both the same.
    async fn both<T: Debug + PartialEq>(&self, ask: impl AsyncFn(&dyn Store) -> T) -> T {
        let model = ask(&*self.model.store).await;
        let twin = ask(&*self.twin.store).await;
        assert_eq!(model, twin);
        model
    }

    /// Compares what is quickly seen.
    pub async fn compare_briefly(&self) {
        let now = self.now;
        self.both(async |store| store.status(now).await.unwrap())
            .await;
        for queue in Queue::ALL {
            self.both(async |store| store.next_due(&[queue]).await.unwrap())
                .await;
        }
    }

    /// Compares everything that can be seen.
    pub async fn compare(&self) {
        let now = self.now;
        let records = self.records;
        self.both(async |store| picture(store, now, records).await)
            .await;
        self.both(async |store| findings(store).await).await;
        let terms = self
            .both(async |store| store.mid_terms().await.unwrap())
            .await;
        for (at, one) in terms.iter().enumerate() {
            let mut others = terms[..at].iter();
            let other = others
                .find(|other| other.identifier == one.identifier && other.term.overlaps(one.term));
            assert_eq!(other, None, "{one:?}");
        }
        self.compare_for_stages().await;
        for id in 1..=self.records {
            self.both(async |store| store.payments_near(SaleId(id), 5).await.unwrap())
                .await;
            self.both(async |store| store.neighbours(PaymentId(id), 5).await.unwrap())
                .await;
        }
    }

    /// Compares what the stages of the journey read.
    async fn compare_for_stages(&self) {
        let all = Span::Range(1, self.records);
        let bakery = self.model.bakery;
        self.both(async |store| store.undecided(&all).await.unwrap())
            .await;
        self.both(async |store| store.undelivered(bakery, &all).await.unwrap())
            .await;
        self.both(async |store| store.unsettled(bakery, &all).await.unwrap())
            .await;
        self.both(async |store| store.sent_before(bakery, &all).await.unwrap())
            .await;
        self.both(async |store| store.export_file("out.jsonl").await.unwrap())
            .await;
        self.both(async |store| store.unidentified(PaymentId(2), 3).await.unwrap())
            .await;
        let cards = [0, 1, 2].map(|card| CardInScheme {
            scheme: bakery,
            card_token: CardToken(format!("card-{card}").into()),
        });
        self.both(async |store| store.card_links(&cards).await.unwrap())
            .await;
        let probes = probes();
        self.both(async |store| candidates(store, &probes).await)
            .await;
        // Where nothing is open, a store may spare itself looking for what is to be reopened.
        let status = self.model.store.status(self.now).await.unwrap();
        if status
            .open_payments
            .iter()
            .all(|open| open.reason == "WAITING")
        {
            return;
        }
        let open = self
            .both(async |store| store.open_sales(&all).await.unwrap())
            .await;
        let reach = |sale: &Sale| Reach {
            from: sale.when.start.plus(-HOUR_US),
            to: sale.when.start.plus(SECOND_US),
        };
        let open = open.into_iter().map(|(scheme, sale)| {
            let reach = reach(&sale);
            (scheme, sale, reach)
        });
        let open: Vec<_> = open.collect();
        self.both(async |store| store.reopened(&open).await.unwrap())
            .await;
    }
}

/// A commit's answer, as far as it is promised.
fn answer(result: Result<Committed, CommitError>) -> Result<Committed, &'static str> {
    result.map_err(|error| match error {
        CommitError::StaleLease => "stale",
        CommitError::Conflict => "conflict",
        CommitError::Store(StoreError::Busy(_)) => "busy",
        CommitError::Store(StoreError::Broken(_)) => "broken",
    })
}

async fn findings(store: &dyn Store) -> Vec<(String, u64)> {
    let findings = store.audit().await.unwrap();
    findings
        .into_iter()
        .map(|finding| (finding.invariant, finding.count))
        .collect()
}

async fn candidates(store: &dyn Store, probes: &[Probe]) -> Vec<Sale> {
    let mut found = store.candidates(probes).await.unwrap();
    found.sort_by_key(|sale| sale.id);
    found
}

fn probes() -> Vec<Probe> {
    let mut probes = Vec::new();
    for mid_set in 1..=3 {
        for number in 0..3 {
            probes.push(Probe {
                mid_set: MidSetId(mid_set),
                amount: amount(number),
                reach: Reach {
                    from: when(1).start,
                    to: when(2).start,
                },
            });
        }
    }
    probes
}

fn arrival(feed: FeedName, file: u8) -> FileArrival {
    FileArrival {
        provider: crate::support::slug(feed.0),
        feed_type: feed.1,
        feed_name: crate::support::slug(feed.2),
        canonical: false,
        source: format!("in/{file}.csv"),
        size_bytes: 10,
        sha256: format!("{file:064x}"),
    }
}

/// Around a midnight, where days begin.
fn when(number: u8) -> Moment {
    let midnight = NOON.plus(12 * HOUR_US);
    let (start, precision) = match number {
        0 => (NOON, Precision::Second),
        1 => (midnight.plus(-1), Precision::Microsecond),
        2 => (midnight, Precision::Minute),
        3 => (midnight, Precision::Day),
        _ => (midnight.plus(HOUR_US), Precision::Second),
    };
    Moment { start, precision }
}

fn amount(number: u8) -> Money {
    match number {
        0 => gbp(1099),
        1 => gbp(-250),
        _ => Money {
            minor: 1099,
            currency: Currency::new("EUR").unwrap(),
        },
    }
}

fn pick(ids: &[i64], number: u8) -> Option<i64> {
    ids.get(usize::from(number) % ids.len().max(1)).copied()
}

/// The uid of the export that tells that a payment was given up.
fn swept_uid(payment: PaymentId) -> Uuid {
    Uuid::from_u128(u128::from(payment.0.unsigned_abs()) << 64 | 7)
}
