//! Telling merchants over HTTP, on every store: what a merchant sees, and where its exports stand.

mod announced;
mod apart;
mod clock;
mod merchant;
mod random;

use crate::support::{Bench, LEASE_US, ModelBench, NOON, SqliteBench, Town};
use async_trait::async_trait;
use clock::HandClock;
use harmonia_core::agent::Agent;
use harmonia_core::changes::{Lanes, Queue};
use harmonia_core::ids::ExportId;
use harmonia_core::time::MINUTE_US;
use harmonia_journey::agents::Agents;
use harmonia_journey::deliver::{self, Merchants};
use harmonia_journey::ports::{
    AppendError, BuiltInLinks, ExportRow, FileCourier, FileHold, Holder, Uids, WithinProcess,
};
use harmonia_journey::{Journey, drive};
use merchant::{Act, Merchant};
use random::Random;
use std::sync::Arc;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(3_600);
const DEDUP: &str = "dedup_window = \"1h\"";
const HISTORY: &str = r#"
[[export.checks]]
name = "history"
request = { method = "GET", url = "https://bakery.example/history" }
answer = [ { any = "answer.seen", when = "item == export_uid", is = "skip", reason = "duplicate" } ]
"#;

/// A town whose bakery is told over HTTP.
struct Told {
    town: Town,
    journey: Journey,
    clock: Arc<HandClock>,
    merchant: Arc<Merchant>,
}

impl Told {
    async fn new(
        bench: &dyn Bench,
        settings: &str,
        script: impl IntoIterator<Item = Act>,
        otherwise: impl FnMut() -> Act + Send + 'static,
    ) -> Self {
        let store = bench.fresh().await;
        let text = format!(
            r#"
slug = "bakery"
name = "The bakery"
role = "loyalty-scheme"
timezone = "UTC"
[export]
kind = "single"
destination = {{ kind = "http", url = "https://bakery.example/told", within = "10s" }}
body = '{{"id": {{{{ transaction_id | tojson }}}}, "email": {{{{ credentials.email | tojson }}}}}}'
{settings}
"#
        );
        let agent = Agent::parse("bakery.toml", &text).unwrap();
        let town = Town::in_store(store).await;
        let agents = Agents::register(vec![agent], &*town.store).await.unwrap();
        let clock = Arc::new(HandClock::at(NOON));
        let merchant = Merchant::new(&clock, WINDOW, script, otherwise);
        let journey = Journey {
            store: Arc::clone(&town.store),
            signals: Arc::new(WithinProcess::new(Arc::clone(&town.store))),
            identity: Arc::new(BuiltInLinks(Arc::clone(&town.store))),
            courier: Arc::new(NoFiles),
            announcer: None,
            merchants: Merchants::new(Arc::clone(&merchant) as _, Arc::new(|_: &str| None)),
            clock: Arc::clone(&clock) as _,
            uids: Uids,
            agents: Arc::new(agents),
            holder: Holder::new(Uids),
            lease: Duration::from_micros(LEASE_US.unsigned_abs()),
            batch: 1_000,
            room: harmonia_journey::room::Room::default(),
            lanes: Lanes::ONE,
        };
        Self {
            town,
            journey,
            clock,
            merchant,
        }
    }

    /// Delivers what is due now.
    async fn deliver(&self) {
        let store = &self.town.store;
        loop {
            let now = self.journey.now();
            let holder = Holder::new(Uids);
            let job = store.claim(&[Queue::Export], &holder, now).await.unwrap();
            let Some(job) = job else {
                return;
            };
            tokio::select! {
                biased;
                () = self.clock.killed() => {}
                done = deliver::step(&self.journey, &job) => done.unwrap(),
            }
        }
    }

    /// Delivers what is due now, as a process does.
    async fn drain(&self) {
        let never = drive::never();
        let delivering = drive::until_idle(&self.journey, drive::DELIVERING, &never);
        delivering.await.unwrap();
    }

    /// Delivers all there is, however late it is due.
    async fn deliver_all(&self) {
        loop {
            self.deliver().await;
            let due = self.town.store.next_due(&[Queue::Export]).await.unwrap();
            let Some(due) = due else {
                return;
            };
            // What a killed process held is free when its lease is over.
            self.clock.move_to(due);
            self.clock.move_on(LEASE_US + 1);
        }
    }

    async fn row(&self, export: ExportId) -> ExportRow {
        let rows = self.town.store.exports(None, export.0 - 1, 1).await;
        rows.unwrap().remove(0)
    }

    async fn stands(&self, export: ExportId) -> (String, i64) {
        let row = self.row(export).await;
        (row.status, row.tries)
    }
}

struct NoFiles;

#[async_trait]
impl FileCourier for NoFiles {
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

fn state(name: &str, tries: i64) -> (String, i64) {
    (name.to_owned(), tries)
}

async fn on_each(check: impl AsyncFn(&dyn Bench)) {
    check(&ModelBench).await;
    check(&SqliteBench::default()).await;
}

#[tokio::test]
async fn what_is_taken_is_delivered_once_with_its_key() {
    on_each(async |bench| {
        let told = Told::new(bench, "", [], || Act::Take).await;
        let exports = told.town.matched(&["a", "b", "c"]).await;
        told.deliver_all().await;
        for export in &exports {
            assert_eq!(told.stands(*export).await, state("DELIVERED", 1));
        }
        let keys = told.merchant.all();
        assert_eq!(keys.len(), 3);
        assert!(
            keys.iter()
                .all(|known| known.effects == 1 && known.at.len() == 1)
        );
        let row = told.row(exports[0]).await;
        assert_eq!(
            row.destination.as_deref(),
            Some("https://bakery.example/told")
        );
        assert_eq!(row.response.as_deref(), Some(r#"200 {"ok":true}"#));
        told.town.expect_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_merchant_that_is_not_well_is_tried_again_by_its_plan() {
    on_each(async |bench| {
        let busy = Act::Answer(429, "", Some(7_200));
        let away = [Act::BeAway, Act::BeAway, Act::BeAway];
        let script = [busy].into_iter().chain(away);
        let told = Told::new(bench, "retry = [\"20m\", \"20m\"]", script, || Act::Take).await;
        let export = told.town.matched(&["a"]).await[0];
        told.deliver().await;
        assert_eq!(told.stands(export).await, state("RETRYING", 1));
        // It asked to be left alone for two hours, which is longer than its plan.
        let due = told.town.store.next_due(&[Queue::Export]).await.unwrap();
        assert!(due.unwrap() >= NOON.plus(120 * MINUTE_US), "{due:?}");
        told.deliver_all().await;
        assert_eq!(told.stands(export).await, state("DELIVERED", 3));
        let known = &told.merchant.all()[0];
        assert_eq!(known.bodies[0], known.bodies[1]);
        told.town.expect_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_plan_that_is_through_gives_up_and_a_refusal_is_final() {
    on_each(async |bench| {
        let settings = "retry = [\"20m\"]";
        let down = || Act::Answer(503, "down", Some(1));
        let told = Told::new(bench, settings, [Act::Answer(404, "{}", None)], down).await;
        let first = told.town.matched(&["a"]).await[0];
        told.deliver().await;
        assert_eq!(told.stands(first).await, state("FAILED", 1));
        let second = told.town.matched(&["b"]).await[0];
        told.deliver_all().await;
        assert_eq!(told.stands(second).await, state("FAILED", 2));
        told.town.expect_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_may_have_arrived_waits_for_a_person_where_there_is_no_window() {
    on_each(async |bench| {
        let told = Told::new(bench, "", [Act::TakeAndHang], || Act::Take).await;
        let export = told.town.matched(&["a"]).await[0];
        told.deliver_all().await;
        assert_eq!(told.stands(export).await, state("UNCERTAIN", 1));
        told.clock.move_on(90 * 24 * 60 * MINUTE_US);
        told.deliver_all().await;
        assert_eq!(told.merchant.all()[0].at.len(), 1);
        told.town.expect_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_may_have_arrived_is_repeated_within_the_window() {
    on_each(async |bench| {
        let script = [Act::TakeAndHang, Act::Answer(503, "", Some(60))];
        let told = Told::new(bench, DEDUP, script, || Act::Take).await;
        let export = told.town.matched(&["a"]).await[0];
        told.deliver().await;
        assert_eq!(told.stands(export).await, state("UNCERTAIN", 1));
        told.deliver_all().await;
        assert_eq!(told.stands(export).await, state("DELIVERED", 3));
        let known = &told.merchant.all()[0];
        assert_eq!((known.effects, known.late, known.at.len()), (1, 0, 3));
        assert!(known.bodies.iter().all(|body| *body == known.bodies[0]));
    })
    .await;
}

#[tokio::test]
async fn a_history_says_whether_it_arrived() {
    on_each(async |bench| {
        for (act, expected) in [
            (Act::TakeAndHang, state("SKIPPED", 2)),
            (Act::Hang, state("DELIVERED", 2)),
            (Act::Kill(true), state("SKIPPED", 1)),
            (Act::Kill(false), state("DELIVERED", 1)),
        ] {
            let told = Told::new(bench, HISTORY, [act.clone()], || Act::Take).await;
            let export = told.town.matched(&["a"]).await[0];
            told.deliver_all().await;
            assert_eq!(told.stands(export).await, expected, "{act:?}");
            assert_eq!(told.merchant.all()[0].effects, 1);
            assert_eq!(*told.merchant.asked.lock().unwrap(), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_process_had_in_flight_is_uncertain() {
    on_each(async |bench| {
        let told = Told::new(bench, "concurrency = 1", [Act::Kill(true)], || Act::Take).await;
        let exports = told.town.matched(&["a", "b"]).await;
        told.deliver_all().await;
        for export in &exports {
            // Nobody knows of the second, either: it was in flight with the first.
            assert_eq!(told.stands(*export).await, state("UNCERTAIN", 1));
        }
        assert_eq!(told.merchant.all().len(), 1);
        told.town.expect_sound().await;
    })
    .await;
}

#[tokio::test]
async fn credentials_are_not_in_what_is_kept_of_an_attempt() {
    on_each(async |bench| {
        let answer = Act::Answer(400, r#"{"error": "a@example.com is not known"}"#, None);
        let told = Told::new(bench, "", [answer], || Act::Take).await;
        let export = told.town.matched(&["a"]).await[0];
        told.deliver().await;
        let row = told.row(export).await;
        let response = row.response.unwrap();
        assert!(!response.contains("a@example.com"), "{response}");
        let sent = &told.merchant.all()[0].bodies[0];
        assert!(sent.contains("a@example.com"), "{sent}");
    })
    .await;
}

/// Exports of one town to a merchant of whose answers three in ten are lost after it has done what it was
/// asked, and which sees processes killed in the middle: each has one effect at most, none is sent after
/// the window, and each is delivered or known to be uncertain.
async fn survive(bench: &dyn Bench, seed: u64, count: usize) {
    let mut random = Random::new(seed);
    let settings = match random.below(3) {
        0 => "",
        1 => DEDUP,
        _ => HISTORY,
    };
    let settings = format!("concurrency = {}\n{settings}", 1 + random.below(8));
    let mut acts = Random::new(seed ^ 0xacc7);
    let told = Told::new(bench, &settings, [], move || match acts.below(100) {
        0..30 => Act::TakeAndHang,
        30..34 => Act::Hang,
        34..36 => Act::Kill(true),
        36..37 => Act::Kill(false),
        37..42 => Act::Answer(503, "", Some(30)),
        42..45 => Act::Answer(302, "", None),
        45..47 => Act::BeAway,
        _ => Act::Take,
    })
    .await;
    let names: Vec<String> = (0..count).map(|at| format!("s{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    told.town.matched(&names).await;
    told.deliver_all().await;
    for (key, known) in &*told.merchant.keys.lock().unwrap() {
        assert!(known.effects <= 1, "seed {seed}: {key} had {known:?}");
        assert_eq!(known.late, 0, "seed {seed}: {key} came late: {known:?}");
        let first = &known.bodies[0];
        assert!(known.bodies.iter().all(|body| body == first), "seed {seed}");
    }
    let rows = told.town.store.exports(None, 0, count + 1).await.unwrap();
    assert_eq!(rows.len(), count);
    for row in &rows {
        let keys = told.merchant.keys.lock().unwrap();
        let effects = keys.get(&row.export_uid).map_or(0, |known| known.effects);
        match row.status.as_str() {
            "DELIVERED" | "SKIPPED" => assert_eq!(effects, 1, "seed {seed}: {row:?}"),
            "UNCERTAIN" => {}
            // The plan was through, and each of its tries was answered or never left.
            "FAILED" => assert_eq!(effects, 0, "seed {seed}: {row:?}"),
            other => panic!("seed {seed}: {other} is no end: {row:?}"),
        }
    }
    told.town.expect_sound().await;
}

/// The seeds to run: a few, or those of `HARMONIA_PROOF_SEEDS=from..to`.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("HARMONIA_PROOF_SEEDS") else {
        return 0..6;
    };
    let range = text.split_once("..").and_then(|(from, to)| {
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        Some(from..to)
    });
    range.expect("HARMONIA_PROOF_SEEDS is from..to")
}

#[tokio::test]
async fn no_merchant_that_honours_its_key_is_told_twice() {
    for seed in seeds() {
        survive(&ModelBench, seed, 40).await;
        survive(&SqliteBench::default(), seed, 40).await;
    }
}
