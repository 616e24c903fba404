//! Several processes at once: nothing is taken twice, nothing is leased twice, nothing is lost.

use super::{bench, processes};
use crate::support::{BAKERY, NOON, Town, VISA_SETTLED, holder, payment, sale};
use harmonia_core::changes::{Changes, JobEnd, Lane, NewJob, NewWork, Queue, Span, Work};
use harmonia_core::ids::PaymentId;
use harmonia_journey::ports::{CommitError, FileClaim, Lease, Side, Store};
use std::sync::Arc;

fn all<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<tokio::task::JoinHandle<T>> {
    tasks.into_iter().map(tokio::spawn).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_import_at_once_is_in_once() {
    let Some(bench) = bench() else { return };
    let stores = processes(&bench, 4).await;
    let town = Arc::new(Town::in_store(Arc::new(stores[0].clone())).await);
    let names: Vec<String> = (0..200).map(|number| format!("p-{number}")).collect();
    let tasks = stores.iter().enumerate().map(|(at, store)| {
        let (store, town, mut names) = (store.clone(), Arc::clone(&town), names.clone());
        // Each in an order of its own: they meet in the middle of each other's stretches.
        names.rotate_left(at * 50);
        async move {
            let bodies = names.iter().map(|name| town.paid(payment(name)));
            let arrival = town.arrival(VISA_SETTLED);
            let claim = store
                .claim_file(&arrival, &holder("importer"), NOON)
                .await
                .unwrap();
            let FileClaim::Yours { file, lease, .. } = claim else {
                panic!("{claim:?}");
            };
            let changes = town.whole_file(file, VISA_SETTLED, bodies.collect());
            loop {
                match store.commit(lease, changes.clone()).await {
                    Ok(committed) => return committed.imported,
                    Err(CommitError::Store(error)) => eprintln!("again: {error}"),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let (mut new, mut duplicate) = (0, 0);
    for outcome in all(tasks) {
        let outcome = outcome.await.unwrap();
        new += outcome.new;
        duplicate += outcome.duplicate;
    }
    assert_eq!((new, duplicate), (200, 600));
    for name in &names {
        let found = town.store.find(Side::Payment, name).await.unwrap();
        assert_eq!(found.len(), 1, "{name}");
    }
    town.expect_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_several_match_is_matched_once() {
    let Some(bench) = bench() else { return };
    let stores = processes(&bench, 4).await;
    let town = Town::in_store(Arc::new(stores[0].clone())).await;
    for round in 0..10 {
        let payments = town.pay(vec![payment(&format!("p-{round}"))]).await;
        let sales = town
            .sell((0..4).map(|n| sale(&format!("s-{round}-{n}"))).collect())
            .await;
        let tasks = stores.iter().zip(sales).map(|(store, sale)| {
            let (store, changes) = (store.clone(), town.matching(&[(payments[0], sale)]));
            async move { store.commit(Lease::Operator, changes).await }
        });
        let (mut made, mut refused) = (0, 0);
        for answer in all(tasks) {
            match answer.await.unwrap() {
                Ok(_) => made += 1,
                Err(CommitError::Conflict) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((made, refused), (1, 3));
    }
    let matches = town.store.matches(None, 0, 100).await.unwrap();
    assert_eq!(matches.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_one_holders_however_many_claim_and_its_jobs_come_in_order() {
    let Some(bench) = bench() else { return };
    let stores = processes(&bench, 4).await;
    let town = Town::in_store(Arc::new(stores[0].clone())).await;
    const JOBS: i64 = 60;
    let mut changes = Changes::none(NOON);
    changes.jobs = (0..JOBS)
        .map(|number| NewJob {
            queue: Queue::Matching,
            lane: Some(Lane(number % 3)),
            ready_at: NOON,
            work: NewWork::Known(Work::Payments(Span::Ids(vec![number]))),
        })
        .collect();
    town.commit(changes).await;
    // Which numbers each lane's holders did, in the order they did them; and who is at work in it.
    let done: Arc<[std::sync::Mutex<Vec<i64>>; 3]> = Arc::default();
    let busy: Arc<[std::sync::Mutex<Option<usize>>; 3]> = Arc::default();
    let tasks = stores.iter().enumerate().map(|(me, store)| {
        let (store, done, busy) = (store.clone(), Arc::clone(&done), Arc::clone(&busy));
        async move {
            let name = holder(&format!("holder-{me}"));
            loop {
                let job = store.claim(&[Queue::Matching], &name, NOON).await.unwrap();
                let Some(job) = job else {
                    let finished: usize = done.iter().map(|lane| lane.lock().unwrap().len()).sum();
                    if finished == JOBS as usize {
                        return;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    continue;
                };
                let lane = usize::try_from(job.lane.unwrap().0).unwrap();
                let Work::Payments(Span::Ids(numbers)) = job.work else {
                    panic!("{job:?}");
                };
                let before = busy[lane].lock().unwrap().replace(me);
                assert_eq!(before, None, "two holders in one lane");
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                done[lane].lock().unwrap().extend(numbers);
                *busy[lane].lock().unwrap() = None;
                let mut changes = Changes::none(NOON);
                changes.job = JobEnd::Done;
                store.commit(job.lease, changes).await.unwrap();
            }
        }
    });
    for task in all(tasks) {
        task.await.unwrap();
    }
    for (lane, numbers) in (0..).zip(done.iter()) {
        let wanted: Vec<i64> = (0..JOBS).filter(|number| number % 3 == lane).collect();
        assert_eq!(*numbers.lock().unwrap(), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_find_one_file_import_it_once() {
    let Some(bench) = bench() else { return };
    let stores = processes(&bench, 4).await;
    let town = Town::in_store(Arc::new(stores[0].clone())).await;
    let arrival = town.arrival(BAKERY);
    let tasks = stores.iter().enumerate().map(|(me, store)| {
        let (store, arrival) = (store.clone(), arrival.clone());
        async move {
            let name = holder(&format!("holder-{me}"));
            store.claim_file(&arrival, &name, NOON).await.unwrap()
        }
    });
    let mut mine = 0;
    for claim in all(tasks) {
        mine += usize::from(matches!(claim.await.unwrap(), FileClaim::Yours { .. }));
    }
    assert_eq!(mine, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_being_written_is_not_taken_for_seen() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    let store = harmonia_store::PostgresStore::open(&uri, &folder, crate::support::LEASE_US).await;
    let town = Town::in_store(Arc::new(store.unwrap())).await;
    town.pay(vec![payment("p-1")]).await;
    // Another process has taken the number 2 and is not done with it.
    let other = crate::support::connect(&uri).await;
    let take = "BEGIN; SELECT take_numbers('import_transaction', 1)";
    other.batch_execute(take).await.unwrap();
    town.pay(vec![payment("p-3")]).await;
    let seen = town.store.undecided(&Span::Range(1, 3)).await.unwrap();
    let ids: Vec<PaymentId> = seen.payments.iter().map(|found| found.payment.id).collect();
    assert_eq!((ids, seen.seen), (vec![PaymentId(1), PaymentId(3)], 1));
    other.batch_execute("ROLLBACK").await.unwrap();
    let seen = town.store.undecided(&Span::Range(1, 3)).await.unwrap();
    assert_eq!(seen.seen, 3);
}
