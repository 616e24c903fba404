//! Merchants are told apart from each other: one that does not answer keeps nobody else waiting.

use super::merchant::Act;
use super::{NOON, Told, on_each, state};
use crate::support::{Town, payment, sale};
use async_trait::async_trait;
use harmonia_core::agent::Agent;
use harmonia_core::changes::{Lane, NewJob, NewWork, Queue};
use harmonia_core::export::request::{Answer, Request};
use harmonia_core::ids::{ExportId, Slug};
use harmonia_journey::agents::Agents;
use harmonia_journey::deliver::Merchants;
use harmonia_journey::drive;
use harmonia_journey::ports::{Messenger, Sent};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(60);

/// The bakery lets those who call wait until it is told to answer; all others answer at once.
struct SlowBakery {
    called: Semaphore,
    may_answer: Semaphore,
}

#[async_trait]
impl Messenger for SlowBakery {
    async fn send(&self, merchant: &Slug, _: &Request) -> Sent {
        if merchant.as_str() == "bakery" {
            self.called.add_permits(1);
            self.may_answer.acquire().await.unwrap().forget();
        }
        Sent::Answered(Answer {
            status: 200,
            retry_after: None,
            body: "{}".to_owned(),
        })
    }
}

fn agent(slug: &str) -> Agent {
    let text = format!(
        r#"
slug = "{slug}"
name = "The {slug}"
role = "loyalty-scheme"
timezone = "UTC"
[export]
kind = "single"
destination = {{ kind = "http", url = "https://{slug}.example/told", within = "10s" }}
body = '{{"id": {{{{ transaction_id | tojson }}}}}}'
"#
    );
    Agent::parse(&format!("{slug}.toml"), &text).unwrap()
}

/// A purchase at the bookshop, to be told of.
async fn matched_at_books(town: &Town, name: &str) -> ExportId {
    let mut paid = payment(name);
    paid.identifiers.primary = Some("b-1".into());
    let mut sold = sale(name);
    sold.place.mids = vec!["b-1".into()];
    let payments = town.pay(vec![paid]).await;
    let sales = town.sell(vec![sold]).await;
    let mut changes = town.matching(&[(payments[0], sales[0])]);
    changes.matches[0].scheme = town.books;
    changes.jobs = vec![NewJob {
        queue: Queue::Export,
        lane: Some(Lane::delivery(town.books)),
        ready_at: NOON,
        work: NewWork::Exports(town.books),
    }];
    town.commit(changes).await;
    let exports = town.store.exports(None, 0, 1_000).await.unwrap();
    ExportId(exports.last().unwrap().id)
}

async fn wait_for(told: &Told, export: ExportId, wanted: (String, i64)) {
    let stands = async {
        while told.stands(export).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, stands).await;
    waited.expect("an export is not where it should be by now");
}

#[tokio::test]
async fn a_merchant_that_hangs_keeps_no_other_waiting() {
    on_each(async |bench| {
        let mut told = Told::new(bench, "", [], || Act::Take).await;
        let bakery = Arc::new(SlowBakery {
            called: Semaphore::new(0),
            may_answer: Semaphore::new(0),
        });
        let agents = vec![agent("bakery"), agent("books")];
        let agents = Agents::register(agents, &*told.town.store).await.unwrap();
        told.journey.agents = Arc::new(agents);
        let nothing = Arc::new(|_: &str| None);
        told.journey.merchants = Merchants::new(Arc::clone(&bakery) as _, nothing);
        let slow = told.town.matched(&["a"]).await[0];
        let (tell, stop) = tokio::sync::watch::channel(false);
        let journey = told.journey.clone();
        let running = tokio::spawn(async move {
            let mut stop = stop;
            drive::forever(&journey, drive::DELIVERING, &mut stop).await
        });
        let called = tokio::time::timeout(PATIENCE, bakery.called.acquire()).await;
        called.unwrap().unwrap().forget();
        // What comes only now is delivered all the same.
        for name in ["b", "c"] {
            let quick = matched_at_books(&told.town, name).await;
            told.journey.signals.wake(&[Queue::Export]);
            wait_for(&told, quick, state("DELIVERED", 1)).await;
        }
        assert_eq!(told.stands(slow).await.0, "IN_FLIGHT");
        // Told to stop, it waits for the answer, and loses nothing of it.
        tell.send_replace(true);
        bakery.may_answer.add_permits(1);
        let stopped = tokio::time::timeout(PATIENCE, running).await;
        stopped.expect("it does not stop").unwrap().unwrap();
        assert_eq!(told.stands(slow).await, state("DELIVERED", 1));
        told.town.expect_sound().await;
    })
    .await;
}
