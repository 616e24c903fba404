//! One clock for all: leases are judged by the database's, however wrong those of the machines are. To
//! this machine, whose clock nobody may set, a database whose clock is ten minutes off is what a right
//! one is to a machine that is ten minutes off.

use super::bench;
use crate::support::{connect, holder};
use harmonia_core::changes::{Changes, NewJob, NewWork, Queue, Span, Work};
use harmonia_core::time::{MINUTE_US, SECOND_US};
use harmonia_journey::ports::{Clock, CommitError, Job, Lease, Store};
use harmonia_store::PostgresStore;
use std::time::Duration;

/// A clock that can be set, before the server's own.
const CLOCK: &str = "
    CREATE SCHEMA test;
    CREATE TABLE test.clock (ahead interval NOT NULL);
    INSERT INTO test.clock VALUES ('0');
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + ahead FROM test.clock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_holds_as_long_as_it_should_however_clocks_differ_and_jump() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let setter = connect(&uri).await;
    setter.batch_execute(CLOCK).await.unwrap();
    let name = uri.rsplit_once('/').unwrap().1;
    let path = format!("ALTER DATABASE {name} SET search_path = public, pg_catalog");
    setter.batch_execute(&path).await.unwrap();
    let open = || PostgresStore::open(&uri, &folder, SECOND_US);
    let (one, two) = (open().await.unwrap(), open().await.unwrap());
    for minutes in [10, -10, 0, -10, 10] {
        let set = format!("UPDATE test.clock SET ahead = '{minutes} minutes'");
        setter.batch_execute(&set).await.unwrap();
        for (store, name) in [(&one, "one"), (&two, "two")] {
            // Nothing is there to be claimed; they look all the same, at the clock too.
            assert_eq!(claim(store, name).await, None);
            let ahead_us = store.clock().now().0 - machine_us();
            let off_us = ahead_us - minutes * MINUTE_US;
            assert!(off_us.abs() < 5 * SECOND_US, "{minutes}: {ahead_us}");
        }
        let mut changes = Changes::none(one.clock().now());
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: None,
            ready_at: changes.at,
            work: NewWork::Known(Work::Payments(Span::Ids(vec![1]))),
        });
        one.commit(Lease::Operator, changes).await.unwrap();
        let slow = claim(&one, "one").await.unwrap();
        assert_eq!(claim(&two, "two").await, None, "{minutes}: it is leased");
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let heir = claim(&two, "two").await.unwrap();
        let done = |store: &PostgresStore| Changes::done(store.clock().now());
        let answer = one.commit(slow.lease, done(&one)).await;
        assert!(
            matches!(answer, Err(CommitError::StaleLease)),
            "{minutes}: {answer:?}"
        );
        two.commit(heir.lease, done(&two)).await.unwrap();
    }
}

async fn claim(store: &PostgresStore, name: &str) -> Option<Job> {
    let now = store.clock().now();
    let claimed = store.claim(&[Queue::Matching], &holder(name), now).await;
    claimed.unwrap()
}

/// What time this machine says it is.
fn machine_us() -> i64 {
    harmonia_journey::ports::SystemClock.now().0
}
