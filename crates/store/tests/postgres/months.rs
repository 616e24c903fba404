//! Months: their parts are made before they are needed and dropped when they are over, whatever others
//! do meanwhile; what stays of one is whole.

use super::{bench, processes};
use crate::support::{
    BAKERY, LEASE_US, NOON, Town, VISA_SETTLED, connect, payment, refused, sale, waiting,
};
use harmonia_core::changes::{Changes, Lanes, NewJob, NewWork, Queue, Replayed};
use harmonia_core::ids::RejectId;
use harmonia_core::problem::RejectReason;
use harmonia_core::retention::{MonthStep, Purge, PurgeCursor, Purged};
use harmonia_core::state::ExportState;
use harmonia_core::time::{DAY_US, Day, Instant};
use harmonia_journey::ports::{Lease, Side, Store};
use harmonia_store::PostgresStore;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

/// When June, in which everything happens, is long over.
const AUGUST: Instant = Instant(NOON.0 + 65 * DAY_US);
/// Enough that are told for what stays beside them to be few.
const MANY: usize = 40;

/// The first day of which everything is kept: June and July are over before it, August is not.
fn kept_from() -> Day {
    Day(NOON.day().0 + 62)
}

async fn town() -> Option<(Town, Client, crate::support::PostgresBench)> {
    let bench = bench()?;
    let (uri, folder) = bench.database().await;
    let store = PostgresStore::open(&uri, &folder, LEASE_US).await.unwrap();
    let town = Town::in_store(Arc::new(store)).await;
    Some((town, connect(&uri).await, bench))
}

/// The parts of a table, without its name, that are not the rest.
async fn parts(client: &Client, table: &str) -> Vec<String> {
    let query = "SELECT replace(inhrelid::regclass::text, $1 || '_', '') FROM pg_inherits
        WHERE inhparent = to_regclass($1::text) ORDER BY 1";
    let rows = client.query(query, &[&table]).await.unwrap();
    let names = rows.iter().map(|row| row.get::<_, String>(0));
    names.filter(|name| name != "rest").collect()
}

async fn count(client: &Client, what: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {what}");
    client.query_one(&query, &[]).await.unwrap().get(0)
}

/// A June of many purchases that are told, each by itself, and of some that are not: an open payment, a
/// match that the merchant has not taken, a record that waits for its MID and one that is bad.
async fn lived_in(town: &Town, told: usize) {
    let names: Vec<String> = (0..told).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let exports = town.matched(&names).await;
    for export in &exports {
        town.deliver(&[*export], ExportState::Delivered).await;
    }
    town.pay(vec![payment("open")]).await;
    let exports = town.matched(&["held"]).await;
    town.deliver(&exports, ExportState::Held).await;
    let kept = vec![
        waiting(payment("waits").told(), 1),
        refused(RejectReason::BadAmount, 2),
    ];
    town.import(VISA_SETTLED, kept).await;
    // The newest attempt is kept, whatever it told.
    let exports = town.matched(&["last"]).await;
    town.deliver(&exports, ExportState::Delivered).await;
}

/// What is in a town of which June is purged: whole, and going on.
async fn expect_whole(town: &Town, client: &Client) {
    town.expect_sound().await;
    for (side, name) in [
        (Side::Payment, "open"),
        (Side::Payment, "held"),
        (Side::Sale, "held"),
    ] {
        let rows = town.store.find(side, name).await.unwrap();
        assert_eq!(rows.len(), 1, "{name}");
        let story = town.store.story(side, rows[0].id).await.unwrap().unwrap();
        let (raw, ..) = story.raw.unwrap();
        assert!(raw.contains(name), "{raw}");
    }
    let held = town.store.exports(Some("HELD"), 0, 10).await.unwrap();
    assert_eq!(held[0].destination.as_deref(), Some("out.jsonl"));
    assert_eq!(town.store.find(Side::Payment, "t1").await.unwrap(), []);
    // What waited is taken up, and is whole then.
    let waits = town.store.kept_record(RejectId(1)).await.unwrap().unwrap();
    assert!(waits.data.contains("bad"), "{}", waits.data);
    let mut changes = Changes::none(AUGUST);
    changes.replayed.push(Replayed {
        reject: RejectId(1),
        raw: r#"{"id":"waits"}"#.into(),
        body: town.paid(payment("waits")),
    });
    changes.jobs.push(NewJob {
        queue: Queue::Matching,
        lane: None,
        ready_at: AUGUST,
        work: NewWork::Imported(Lanes::ONE.into()),
    });
    assert_eq!(town.commit(changes).await.imported.new, 1);
    let row = &town.store.find(Side::Payment, "waits").await.unwrap()[0];
    let story = town.store.story(Side::Payment, row.id).await.unwrap();
    assert!(story.unwrap().raw.unwrap().0.contains("waits"));
    let august = "import_transaction_2026_08 WHERE data ->> 'id' = 'waits'";
    assert_eq!(count(client, august).await, 1);
    town.expect_sound().await;
}

async fn mark(town: &Town) {
    let mut mark = Changes::none(AUGUST);
    mark.purged_before = Some(kept_from());
    town.commit(mark).await;
}

fn stretch(from: PurgeCursor, limit: usize) -> Changes {
    let mut changes = Changes::none(AUGUST);
    changes.purge = Some(Purge {
        before: kept_from(),
        from,
        limit,
    });
    changes
}

#[tokio::test]
async fn a_commit_makes_the_part_of_its_month_and_of_the_next() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    for table in ["import_transaction", "export_attempt"] {
        assert_eq!(parts(&client, table).await, [""; 0], "{table}");
    }
    let exports = town.matched(&["a"]).await;
    town.deliver(&exports, ExportState::Delivered).await;
    for table in ["import_transaction", "export_attempt"] {
        assert_eq!(
            parts(&client, table).await,
            ["2026_06", "2026_07"],
            "{table}"
        );
        let all = count(&client, table).await;
        assert_eq!(count(&client, &format!("{table}_2026_06")).await, all);
    }
    town.expect_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_whose_month_begins_at_once_make_it_once() {
    let Some(bench) = bench() else { return };
    let stores = processes(&bench, 4).await;
    let town = Arc::new(Town::in_store(Arc::new(stores[0].clone())).await);
    let tasks: Vec<_> = stores
        .iter()
        .enumerate()
        .map(|(at, store)| {
            let (store, town) = (store.clone(), Arc::clone(&town));
            tokio::spawn(async move {
                let arrival = town.arrival(VISA_SETTLED);
                let holder = crate::support::holder("importer");
                let claim = store.claim_file(&arrival, &holder, NOON).await.unwrap();
                let harmonia_journey::ports::FileClaim::Yours { file, lease, .. } = claim else {
                    panic!("{claim:?}");
                };
                let bodies = vec![town.paid(payment(&format!("p-{at}")))];
                let changes = town.whole_file(file, VISA_SETTLED, bodies);
                store.commit(lease, changes).await.unwrap().imported.new
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    town.expect_sound().await;
}

#[tokio::test]
async fn parts_that_come_and_go_are_no_change_by_hand() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    for _ in 0..2 {
        let store = PostgresStore::open(&uri, &folder, LEASE_US).await.unwrap();
        let client = connect(&uri).await;
        let make = "SELECT make_months('2031-11-01')";
        client.batch_execute(make).await.unwrap();
        drop(store);
    }
    let client = connect(&uri).await;
    let detach = "ALTER TABLE export_attempt DETACH PARTITION export_attempt_rest";
    client.batch_execute(detach).await.unwrap();
    let refused = PostgresStore::open(&uri, &folder, LEASE_US).await.err();
    assert!(refused.unwrap().to_string().contains("changed by hand"));
}

#[tokio::test]
async fn a_part_that_cannot_be_made_is_done_without() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    let broken = "DROP FUNCTION make_months(date)";
    client.batch_execute(broken).await.unwrap();
    let exports = town.matched(&["a"]).await;
    town.deliver(&exports, ExportState::Held).await;
    assert_eq!(count(&client, "import_transaction_rest").await, 2);
    assert_eq!(count(&client, "export_attempt_rest").await, 1);
    let row = &town.store.find(Side::Sale, "a").await.unwrap()[0];
    let story = town.store.story(Side::Sale, row.id).await.unwrap();
    assert!(story.unwrap().raw.is_some());
    let held = town.store.exports(Some("HELD"), 0, 10).await.unwrap();
    assert_eq!(held[0].destination.as_deref(), Some("out.jsonl"));
    town.expect_sound().await;
}

#[tokio::test]
async fn a_part_that_somebody_took_away_is_made_anew() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    town.pay(vec![payment("a")]).await;
    let taken = "DELETE FROM payment; DROP TABLE import_transaction_2026_06";
    client.batch_execute(taken).await.unwrap();
    town.pay(vec![payment("b")]).await;
    assert_eq!(count(&client, "import_transaction_2026_06").await, 1);
}

#[tokio::test]
async fn a_month_that_is_over_goes_and_what_stays_of_it_is_put_aside() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    lived_in(&town, MANY).await;
    let purged = town.purge(kept_from(), 7, AUGUST).await;
    let told = MANY as u64 + 1;
    let expected = Purged {
        payments: told,
        sales: told,
        matches: told,
        exports: told,
        rejects: 0,
        attempts: told - 1,
    };
    assert_eq!(purged, expected);
    // July was made ahead, and is over as well.
    for table in ["import_transaction", "export_attempt"] {
        assert_eq!(parts(&client, table).await, [""; 0], "{table}");
    }
    assert_eq!(count(&client, "import_transaction_rest").await, 4);
    assert_eq!(count(&client, "export_attempt_rest").await, 2);
    expect_whole(&town, &client).await;
    assert_eq!(town.purge(kept_from(), 7, AUGUST).await, Purged::default());
}

#[tokio::test]
async fn a_month_of_which_much_stays_is_taken_out_row_by_row() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    lived_in(&town, 3).await;
    let purged = town.purge(kept_from(), 1, AUGUST).await;
    assert_eq!((purged.payments, purged.sales), (4, 4));
    assert_eq!(parts(&client, "import_transaction").await, ["2026_06"]);
    assert_eq!(count(&client, "import_transaction_2026_06").await, 4);
    assert_eq!(parts(&client, "export_attempt").await, ["2026_06"]);
    assert_eq!(count(&client, "export_attempt_2026_06").await, 2);
    expect_whole(&town, &client).await;
}

#[tokio::test]
async fn purging_that_ends_anywhere_leaves_a_sound_store_and_is_begun_anew() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    lived_in(&town, MANY).await;
    mark(&town).await;
    let (mut from, mut dropped) = (Some(PurgeCursor::START), 0);
    let mut purged = Purged::default();
    while let Some(cursor) = from {
        let committed = town.commit(stretch(cursor, 3)).await;
        purged.add(committed.purged);
        town.expect_sound().await;
        let row = &town.store.find(Side::Payment, "open").await.unwrap()[0];
        let story = town.store.story(Side::Payment, row.id).await.unwrap();
        assert!(story.unwrap().raw.is_some(), "the raw record of what stays");
        from = committed.purge_from;
        // As if it had been killed: once in the middle of what is put aside, once after a drop.
        let is_putting_aside = matches!(&from, Some(PurgeCursor::RawMonths(place))
            if matches!(place.step, MonthStep::PutAside(_)));
        if dropped == 0 && is_putting_aside {
            dropped = 1;
            from = Some(PurgeCursor::START);
        }
        let june = parts(&client, "import_transaction").await;
        if dropped == 1 && !june.contains(&"2026_06".to_owned()) {
            dropped = 2;
            from = Some(PurgeCursor::START);
        }
    }
    assert_eq!((dropped, purged.attempts), (2, MANY as u64));
    expect_whole(&town, &client).await;
}

#[tokio::test]
async fn what_is_stamped_with_a_month_that_is_purged_is_kept_among_the_rest() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    town.pay(vec![payment("before")]).await;
    mark(&town).await;
    // A process whose clock is two months behind, and of which the parts of June are known.
    let mut late = payment("late");
    late.when.start = AUGUST;
    let mut sold = sale("late");
    sold.when.start = AUGUST;
    town.pay(vec![late]).await;
    town.sell(vec![sold]).await;
    assert_eq!(count(&client, "import_transaction_rest").await, 2);
    town.purge(kept_from(), 100, AUGUST).await;
    for side in [Side::Payment, Side::Sale] {
        let row = &town.store.find(side, "late").await.unwrap()[0];
        let story = town.store.story(side, row.id).await.unwrap().unwrap();
        assert!(story.raw.is_some());
    }
    town.expect_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_month_keeps_it_until_done_and_keeps_nobody_waiting() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    let town = Arc::new(town);
    lived_in(&town, MANY).await;
    let read = "BEGIN; SELECT count(*) FROM import_transaction";
    client.batch_execute(read).await.unwrap();
    let purging = {
        let town = Arc::clone(&town);
        tokio::spawn(async move { town.purge(kept_from(), 100, AUGUST).await })
    };
    let mut longest = Duration::ZERO;
    for number in 0.. {
        let begun = std::time::Instant::now();
        let mut today = payment(&format!("today-{number}"));
        today.when.start = AUGUST;
        let arrival = town.arrival(BAKERY);
        let holder = crate::support::holder("importer");
        let claim = town.store.claim_file(&arrival, &holder, AUGUST).await;
        let harmonia_journey::ports::FileClaim::Yours { file, .. } = claim.unwrap() else {
            panic!("nobody else has it");
        };
        let mut changes = town.whole_file(file, VISA_SETTLED, vec![town.paid(today)]);
        changes.at = AUGUST;
        town.store.commit(Lease::Operator, changes).await.unwrap();
        longest = longest.max(begun.elapsed());
        if number == 40 {
            // By now it was tried, and tried again.
            client.batch_execute("COMMIT").await.unwrap();
        }
        if purging.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    purging.await.unwrap();
    assert!(longest < Duration::from_secs(3), "waited for {longest:?}");
    let june = parts(&client, "import_transaction").await;
    assert!(!june.contains(&"2026_06".to_owned()), "{june:?}");
    town.expect_sound().await;
}

#[tokio::test]
async fn a_month_that_is_read_all_the_time_stays_until_the_next_purge() {
    let Some((town, client, _bench)) = town().await else {
        return;
    };
    lived_in(&town, MANY).await;
    let read = "BEGIN; SELECT count(*) FROM import_transaction";
    client.batch_execute(read).await.unwrap();
    town.purge(kept_from(), 100, AUGUST).await;
    client.batch_execute("COMMIT").await.unwrap();
    let left = parts(&client, "import_transaction").await;
    assert!(left.contains(&"2026_06".to_owned()), "{left:?}");
    town.expect_sound().await;
    town.purge(kept_from(), 100, AUGUST).await;
    assert_eq!(parts(&client, "import_transaction").await, [""; 0]);
    expect_whole(&town, &client).await;
}
