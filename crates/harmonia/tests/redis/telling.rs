//! What processes tell each other while Redis is well.

use crate::fleet::{Fleet, until};
use crate::server::Redis;
use crate::serving::{JSON, counts, payment, sale};
use crate::town::{PROVIDER, SCHEME};
use std::time::Duration;

const PROMISED: Duration = Duration::from_secs(5);
const RETENTION: &str = "txmatch:config:retention-days";

fn town() -> Option<(Redis, Fleet)> {
    let redis = Redis::running()?;
    let fleet = Fleet::at(Some(&redis))?;
    Some((redis, fleet))
}

#[test]
fn what_one_process_takes_another_delivers_without_waiting_for_a_look() {
    let Some((_redis, mut fleet)) = town() else {
        return;
    };
    let serving = fleet.serve();
    let worker = fleet.start(&["worker"]);
    worker.said("Redis is there", 1);
    worker.said("working;", 1);
    for number in 1..=8_u32 {
        // Whenever within the five seconds between two looks it comes.
        std::thread::sleep(Duration::from_millis(u64::from(number) * 90));
        let mut records = [sale(&format!("s{number}")), payment(&format!("p{number}"))];
        for record in &mut records {
            record["amount"] = (1000 + number).into();
        }
        serving.taken(SCHEME, &records[..1]);
        serving.taken(PROVIDER, &records[1..]);
        let took = until("it is delivered", || fleet.delivered() == i64::from(number));
        // Two looks into the store follow each other by 5 s, this many deliveries never would.
        assert!(took < Duration::from_millis(1500), "{number}: {took:?}");
    }
    worker.stop();
    assert_eq!(serving.stop().code, Some(0));
}

#[test]
fn each_queue_has_its_own_tokens_and_few_of_them() {
    let Some((redis, mut fleet)) = town() else {
        return;
    };
    let serving = fleet.serve();
    let matching = fleet.start(&["worker", "--queues", "matching"]);
    let exporting = fleet.start(&["worker", "--queues", "export"]);
    for worker in [&matching, &exporting] {
        worker.said("Redis is there", 1);
        worker.said("working;", 1);
    }
    serving.taken(SCHEME, &[sale("s1")]);
    serving.taken(PROVIDER, &[payment("p1")]);
    let took = until("it is delivered", || fleet.delivered() == 1);
    assert!(took < Duration::from_millis(1500), "{took:?}");
    // Tokens that are left lie where they were put, a few at most, and not for long.
    let mut ask = redis.ask();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("txmatch:queue:*")
        .query(&mut ask)
        .unwrap();
    for key in keys {
        let length: usize = redis::cmd("LLEN").arg(&key).query(&mut ask).unwrap();
        let left_s: i64 = redis::cmd("TTL").arg(&key).query(&mut ask).unwrap();
        assert!(length <= 32 && left_s <= 60, "{key}: {length}, {left_s} s");
    }
    for worker in [matching, exporting] {
        worker.stop();
    }
}

#[test]
fn the_configuration_is_cached_and_the_store_is_the_truth() {
    let Some((redis, fleet)) = town() else {
        return;
    };
    let serving = fleet.serve();
    let mut number = 0;
    let mut pushed = || {
        number += 1;
        let receipt = serving.taken(PROVIDER, &[payment(&format!("p{number}"))]);
        counts(&receipt)
    };
    let (new, rejected) = ([1, 0, 0, 0, 0], [0, 0, 0, 1, 0]);
    assert_eq!(pushed(), new);
    fleet.place.ok(&["config", "set", "retention-days", "60"]);
    assert_eq!(redis.get(RETENTION).as_deref(), Some("60"));
    assert!(until("it is too old", || pushed() == rejected) < PROMISED);
    // What somebody else writes there does not last, whether it is lawful or not.
    for foreign in ["36500", "for ever"] {
        redis.set(RETENTION, foreign);
        let overwritten = until("it is overwritten", || {
            pushed();
            redis.get(RETENTION).as_deref() == Some("60")
        });
        assert!(overwritten < PROMISED, "{overwritten:?}");
        assert!(until("it is too old again", || pushed() == rejected) < PROMISED);
    }
    fleet.place.ok(&["config", "unset", "retention-days"]);
    assert_eq!(redis.get(RETENTION), None);
    assert!(until("it is young enough", || pushed() == new) < PROMISED);
    // A key that nobody set is none, whatever stands there.
    redis.set(RETENTION, "60");
    let began = std::time::Instant::now();
    while began.elapsed() < PROMISED {
        assert_eq!(pushed(), new);
        std::thread::sleep(Duration::from_millis(50));
    }
    // Over HTTP it is the same.
    let body = br#"{"value": "61"}"#;
    let put = serving.ask("PUT", "/txm/config/keys/retention-days", &[JSON], body);
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(redis.get(RETENTION).as_deref(), Some("61"));
    assert_eq!(pushed(), rejected);
}

#[test]
fn who_works_and_who_ticks_is_to_be_seen() {
    let Some((redis, mut fleet)) = town() else {
        return;
    };
    let serving = fleet.serve();
    let scheduler = fleet.start(&["scheduler"]);
    let worker = fleet.start(&["worker", "--queues", "matching"]);
    serving.taken(PROVIDER, &[payment("p1")]);
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    for part in ["PaymentImportDirector", "MatchingWorker", "Scheduler"] {
        let key = format!("txmatch:status:checkins:{part}");
        until(part, || redis.get(&key).is_some());
        let at: i64 = redis.get(&key).unwrap().parse().unwrap();
        assert!((0..60).contains(&(now() - at)), "{part}: {at}");
    }
    let lock = format!("txmatch:schedule-lock:look:{SCHEME}");
    until(&lock, || redis.get(&lock).is_some());
    let left_ms: i64 = redis::cmd("PTTL")
        .arg(&lock)
        .query(&mut redis.ask())
        .unwrap();
    assert!((1..=60_000).contains(&left_ms), "{left_ms}");
    // A check-in that is later than this process's stays.
    let status = || serving.ask("GET", "/txm/status", &[], b"").json();
    let later = now() + 1000;
    let key = "txmatch:status:checkins:PaymentImportDirector";
    redis.set(key, &later.to_string());
    std::thread::sleep(Duration::from_millis(5100));
    serving.taken(PROVIDER, &[payment("p2")]);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(redis.get(key), Some(later.to_string()));
    // Losing Redis loses none of them.
    redis.flush();
    let status = status();
    let names: Vec<&str> = status["checkins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|checkin| checkin["name"].as_str().unwrap())
        .collect();
    for part in ["PaymentImportDirector", "MatchingWorker", "Scheduler"] {
        assert!(names.contains(&part), "{status}");
    }
    let service = &status["services"][1];
    assert_eq!(
        (&service["name"], &service["healthy"]),
        (&"redis".into(), &true.into())
    );
    assert!(
        !status.to_string().contains(crate::server::PASSWORD),
        "{status}"
    );
    scheduler.stop();
    worker.stop();
}
