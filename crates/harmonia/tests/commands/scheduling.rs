//! Schedulers that die, and what somebody wrote into the database that nobody here can read.

use crate::assert_has;
use crate::queues::{stop, wait_for};
use crate::support::Place;
use crate::town::{self, SCHEME, town};
use rusqlite::Connection;
use std::process::{Child, ChildStderr};
use std::time::{Duration, Instant};

const SALES: &str = "SELECT count(*) || '' FROM scheme_transaction";

fn start(place: &Place, command: &str) -> Child {
    place.command(&[command]).spawn().unwrap()
}

/// Brings a sale in a file of its own.
fn bring(place: &Place, number: usize) {
    let sale = town::sale(&format!("sale-{number}"), "12:00:00", 1099);
    place.write(&format!("files/imports/{SCHEME}/{number}.dat"), sale);
}

#[test]
fn a_leader_that_is_killed_is_followed_within_its_lease() {
    const LEASE: u64 = 2;
    let place = town().with("TXM_LEASE_SECONDS", LEASE);
    // Nothing is due for a long time: whoever comes to lead looks around, and nobody else does.
    let look = format!("schedule:look:{SCHEME}");
    place.ok(&["config", "set", &look, "0 0 29 2 *"]);
    let worker = start(&place, "worker");
    let led = |token: usize| format!("SELECT token || '' FROM leader WHERE token >= {token}");
    let mut leader = start(&place, "scheduler");
    wait_for(&place, &led(1), "1");
    for killed in 1..=3 {
        let heir = start(&place, "scheduler");
        // It stands by: nothing of the killed one is freed by somebody who starts.
        std::thread::sleep(Duration::from_millis(800));
        bring(&place, killed);
        leader.kill().unwrap();
        leader.wait().unwrap();
        let at = Instant::now();
        wait_for(&place, &led(killed + 1), &(killed + 1).to_string());
        let took = at.elapsed();
        assert!(took < Duration::from_secs(LEASE + 8), "{took:?}");
        wait_for(&place, SALES, &killed.to_string());
        leader = heir;
    }
    stop(leader);
    stop(worker);
    let ticked = format!("SELECT count(*) || '' FROM schedule WHERE name = 'look:{SCHEME}'");
    assert_eq!(place.texts(&ticked), ["1"]);
    assert_eq!(
        place.texts("SELECT count(*) || '' FROM import_file_log"),
        ["3"]
    );
    place.ok(&["audit"]);
}

/// What a process says on standard error, when it has been stopped.
fn said(process: &mut Child) -> ChildStderr {
    process.stderr.take().unwrap()
}

#[test]
fn what_cannot_be_read_keeps_nobody_waiting() {
    let place = town();
    place.ok(&["status"]);
    let database = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    database.busy_timeout(Duration::from_secs(20)).unwrap();
    for (name, value) in [
        (format!("look:{SCHEME}"), "hourly"),
        ("look:gone".to_owned(), "* * * * *"),
        ("look:visa-auth".to_owned(), ""),
    ] {
        let key = format!("txmatch:config:schedule:{name}");
        let insert = "INSERT INTO config_item (key, value, updated_at) VALUES (?1, ?2, 0)";
        database.execute(insert, [&key, value]).unwrap();
    }
    for (queue, work) in [
        ("import", r#"{"look":{"feed":"vanished"}}"#),
        ("import", r#"{"dream":{"of":"sheep"}}"#),
        ("matching", r#"{"dream":{"of":"sheep"}}"#),
        ("export", r#"{"dream":{"of":"sheep"}}"#),
    ] {
        let insert = "INSERT INTO job (queue, work, ready_at, created_at) VALUES (?1, ?2, 0, 0)";
        database.execute(insert, [queue, work]).unwrap();
    }
    bring(&place, 1);
    let (mut worker, mut scheduler) = (start(&place, "worker"), start(&place, "scheduler"));
    let told = [said(&mut worker), said(&mut scheduler)];
    wait_for(&place, SALES, "1");
    let tried = "SELECT count(*) || '' FROM job WHERE work LIKE '%dream%' AND tries > 0";
    wait_for(&place, tried, "3");
    let looked = "SELECT count(*) || '' FROM job WHERE work LIKE '%vanished%'";
    wait_for(&place, looked, "0");
    stop(scheduler);
    stop(worker);
    let [worker, scheduler] = told.map(|told| std::io::read_to_string(told).unwrap());
    assert_has(&worker, &["of another version of Harmonia"]);
    assert_has(
        &scheduler,
        &[
            "five cron fields",
            &format!("harmonia config set schedule:look:{SCHEME}"),
            "as the agent file says",
            "harmonia config unset schedule:look:gone",
        ],
    );
    let once = scheduler.matches("schedule:look:gone").count();
    assert_eq!(once, 1, "{scheduler}");
}
