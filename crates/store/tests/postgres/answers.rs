//! Connections that break while a commit is made: what was made is told as made, what was not as not.

use super::bench;
use crate::support::{LEASE_US, NOON, PostgresBench, Town, holder, payment};
use harmonia_core::changes::{Changes, Lane, NewJob, NewWork, Queue, Span, Work};
use harmonia_journey::ports::{CommitError, Inquiry, Lease, Side, Store, StoreError};
use harmonia_store::PostgresStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy does with the next COMMIT: lets it pass, cuts the connection before it reaches the
/// server, or after the server has answered and before the answer arrives.
const PASS: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

/// A server whose connections break when they are told to.
struct Proxy {
    uri: String,
    next_commit: Arc<AtomicU8>,
}

impl Proxy {
    async fn before(uri: &str) -> Self {
        let (credentials, rest) = uri.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let next_commit = Arc::new(AtomicU8::new(PASS));
        let (orders, server) = (Arc::clone(&next_commit), server.to_owned());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&orders)));
            }
        });
        Self {
            uri: format!("{credentials}@{address}/{database}?sslmode=disable"),
            next_commit,
        }
    }
}

/// Passes bytes on, both ways, until one side ends or an order says so.
async fn pass(mut client: TcpStream, mut server: TcpStream, orders: Arc<AtomicU8>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                let is_commit = up[..length].windows(7).any(|bytes| bytes == b"COMMIT\0");
                let order = match is_commit {
                    true => orders.swap(PASS, Ordering::SeqCst),
                    false => PASS,
                };
                if order == CUT_BEFORE {
                    return;
                }
                if server.write_all(&up[..length]).await.is_err() {
                    return;
                }
                if order == CUT_AFTER {
                    // The server has answered: so it is durable, and nobody hears of it.
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn town(bench: &PostgresBench) -> (Town, Proxy) {
    let (uri, folder) = bench.database().await;
    let proxy = Proxy::before(&uri).await;
    let store = PostgresStore::open(&proxy.uri, &folder, LEASE_US).await;
    (Town::in_store(Arc::new(store.unwrap())).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_told_as_it_was() {
    let Some(bench) = bench() else { return };
    let (town, proxy) = town(&bench).await;
    for round in 0..20 {
        let (name, cut) = (format!("p-{round}"), [CUT_BEFORE, CUT_AFTER][round % 2]);
        let arrival = town.arrival(crate::support::VISA_SETTLED);
        let (file, lease, _) = town.claim_file(&arrival, "importer", NOON).await;
        let bodies = vec![town.paid(payment(&name))];
        let changes = town.whole_file(file, crate::support::VISA_SETTLED, bodies);
        proxy.next_commit.store(cut, Ordering::SeqCst);
        let answer = town.store.commit(lease, changes.clone()).await;
        let found = town.store.find(Side::Payment, &name).await.unwrap();
        match answer {
            Ok(committed) => {
                assert_eq!((cut, committed.imported.new), (CUT_AFTER, 1));
                assert_eq!(found.len(), 1);
                // And it is over: its lease opens nothing any more.
                let again = town.store.commit(lease, changes).await;
                assert!(matches!(again, Err(CommitError::StaleLease)), "{again:?}");
            }
            Err(CommitError::Store(StoreError::Busy(why))) => {
                assert_eq!(cut, CUT_BEFORE, "{why}");
                assert_eq!(found.len(), 0);
                // Nothing of it was written, so it can be made again under the same lease.
                let again = town.store.commit(lease, changes).await.unwrap();
                assert_eq!(again.imported.new, 1);
            }
            Err(error) => panic!("{error}"),
        }
    }
    town.expect_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_is_no_lease_that_nobody_knows_of() {
    let Some(bench) = bench() else { return };
    let (town, proxy) = town(&bench).await;
    for round in 0..20 {
        let mut changes = Changes::none(NOON);
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: Some(Lane::MATCHING),
            ready_at: NOON,
            work: NewWork::Known(Work::Payments(Span::Ids(vec![round]))),
        });
        town.commit(changes).await;
        let cut = [CUT_BEFORE, CUT_AFTER][(round % 2) as usize];
        proxy.next_commit.store(cut, Ordering::SeqCst);
        let one = holder("one");
        let claim = || town.store.claim(&[Queue::Matching], &one, NOON);
        let claimed = match claim().await {
            Ok(claimed) => {
                assert_eq!(cut, CUT_AFTER);
                claimed
            }
            Err(StoreError::Busy(why)) => {
                assert_eq!(cut, CUT_BEFORE, "{why}");
                claim().await.unwrap()
            }
            Err(error) => panic!("{error}"),
        };
        let done = Changes::done(NOON);
        town.store
            .commit(claimed.unwrap().lease, done)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_are_made_anew() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    let store = PostgresStore::open(&uri, &folder, LEASE_US).await.unwrap();
    let other = crate::support::connect(&uri).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..10 {
        store.ready().await.unwrap();
        other.query(end, &[]).await.unwrap();
        // As many as were idle may fail, each saying that it will pass: at most those of the pool.
        let mut answers = Vec::new();
        loop {
            match store.commit(Lease::Operator, Changes::none(NOON)).await {
                Ok(_) => break,
                Err(CommitError::Store(StoreError::Busy(why))) => answers.push(why),
                Err(error) => panic!("{error}"),
            }
            assert!(answers.len() < 20, "{answers:?}");
        }
    }
}
