//! Queues that keep nobody waiting: workers of some of them, and schedules that change while all runs.

use crate::assert_says;
use crate::life_shop::{Shop, own_key, sale};
use crate::signal::terminate;
use crate::support::{Answer, Place};
use crate::town::{self, SCHEME, town};
use std::process::Child;
use std::time::{Duration, Instant};

const QUEUES: &str = "SELECT DISTINCT queue FROM job ORDER BY queue";

/// Waits until a query gives one text, and nothing else.
#[track_caller]
pub fn wait_for(place: &Place, query: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = place.texts(query);
        if found == [wanted] {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{query}: {found:?}, not {wanted}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn work(place: &Place, queues: &str) -> Child {
    let mut worker = place.command(&["worker", "--queues", queues]);
    worker.spawn().unwrap()
}

#[track_caller]
pub fn stop(process: Child) {
    terminate(&process);
    let answer = Answer::of(&process.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    assert!(
        answer.out.contains("nothing is left in hand"),
        "{answer:#?}"
    );
}

#[test]
fn what_is_streamed_does_not_wait_for_what_is_matched() {
    let shop = Shop::of("squaremeal");
    shop.drain();
    shop.bring("visa-auth", &[own_key("auth", "12:00:00", 1099)]);
    assert_eq!(shop.place.texts(QUEUES), ["streaming"]);
    let worker = work(&shop.place, "streaming");
    let status = "SELECT status FROM payment_transaction";
    wait_for(&shop.place, status, "STREAMED");
    stop(worker);
    assert_eq!(shop.place.texts(QUEUES), ["export"], "others tell of it");
    shop.drain();
}

#[test]
fn a_slow_scheme_is_matched_in_a_queue_of_its_own() {
    let shop = Shop::of("wasabi-club");
    shop.drain();
    let key = [
        "config",
        "set",
        "matching-slow",
        "wasabi-club, iceland-bonus-card",
    ];
    shop.place.ok(&key);
    shop.sell(&[sale("sale", "12:00:00", 1099)]);
    shop.bring("visa-auth", &[own_key("auth", "12:00:20", 1099)]);
    assert_eq!(shop.place.texts(QUEUES), ["matching_slow"]);
    let lanes = "SELECT count(DISTINCT lane) || ' ' || (max(lane) < -1000000) FROM job";
    assert_eq!(shop.place.texts(lanes), ["1 1"]);
    let others = work(&shop.place, "matching,identify");
    let worker = work(&shop.place, "matching_slow,export");
    // Held, for nobody configured where its merchant is told.
    let status = "SELECT status FROM export_transaction";
    wait_for(&shop.place, status, "HELD");
    stop(worker);
    stop(others);
    shop.drain();
    shop.place.ok(&["config", "unset", "matching-slow"]);
    shop.bring("visa-auth", &[own_key("other", "12:00:20", 1099)]);
    assert_eq!(shop.place.texts(QUEUES), ["matching"]);
}

#[test]
fn queues_and_schedules_that_are_none_are_refused_with_those_there_are() {
    let place = Place::new();
    let refused = place.run(&["worker", "--queues", "import,matched"]);
    assert_says(&refused, 2, &["no queue \"matched\"", "matching_slow"]);
    let refused = place.run(&["config", "set", "schedule:look:visa-auth", "hourly"]);
    assert_says(&refused, 2, &["five cron fields", "CRON_TZ"]);
    let refused = place.run(&["config", "set", "matching-slow", "Not A Slug"]);
    assert_says(&refused, 2, &["not a slug"]);
    for (key, value, words) in [
        (
            "schedule:look:visa",
            "never",
            ["looked-for feed visa", "wasabi-club"],
        ),
        (
            "schedule:sweep:itsu",
            "never",
            ["sweeping scheme itsu", "stonegate"],
        ),
        (
            "matching-slow",
            "itsu,iceland",
            ["matched scheme iceland", "iceland-bonus-card"],
        ),
    ] {
        assert_says(&place.run(&["config", "set", key, value]), 2, &words);
    }
}

#[test]
fn a_schedule_changes_while_all_runs_apart() {
    let place = town();
    let look = format!("schedule:look:{SCHEME}");
    place.ok(&["config", "set", &look, "never"]);
    let sale = town::sale("sale-1", "12:00:00", 1099);
    place.write(&format!("files/imports/{SCHEME}/sales.dat"), sale);
    let worker = place.command(&["worker"]).spawn().unwrap();
    let standing_by = [(); 2].map(|()| place.command(&["scheduler"]).spawn().unwrap());
    let led = "SELECT count(*) || '' FROM check_in WHERE part = 'Scheduler'";
    wait_for(&place, led, "1");
    std::thread::sleep(Duration::from_secs(2));
    let sales = "SELECT count(*) || '' FROM scheme_transaction";
    assert_eq!(place.texts(sales), ["0"]);
    place.ok(&["config", "set", &look, "CRON_TZ=Europe/London */5 * * * *"]);
    wait_for(&place, sales, "1");
    let ticked = format!("SELECT count(*) || '' FROM schedule WHERE name = 'look:{SCHEME}'");
    wait_for(&place, &ticked, "1");
    wait_for(
        &place,
        "SELECT part FROM check_in WHERE part LIKE '%SchemeImport%'",
        "SchemeImportDirector",
    );
    for process in standing_by {
        stop(process);
    }
    stop(worker);
    let listed = place.ok(&["config", "list"]);
    assert!(listed.contains(&look), "{listed}");
    place.ok(&["audit"]);
}
