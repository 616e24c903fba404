//! A Redis that is not there, or never was meant to be one.

use crate::fleet::{Fleet, until};
use crate::server::{PASSWORD, Redis};
use crate::serving::{payment, sale};
use crate::support::Place;
use crate::town::{PROVIDER, SCHEME};
use std::time::Duration;

#[test]
fn everything_starts_and_works_without_redis_and_takes_it_up_when_it_comes() {
    let Some(mut redis) = Redis::absent() else {
        return;
    };
    let Some(mut fleet) = Fleet::at(Some(&redis)) else {
        return;
    };
    let serving = fleet.serve();
    let scheduler = fleet.start(&["scheduler"]);
    let worker = fleet.start(&["worker"]);
    worker.said("Redis is away", 1);
    worker.said("working;", 1);
    serving.taken(SCHEME, &[sale("s1")]);
    serving.taken(PROVIDER, &[payment("p1")]);
    let took = until("it is delivered", || fleet.delivered() == 1);
    assert!(took < Duration::from_secs(4), "{took:?}");
    fleet.place.ok(&["config", "set", "retention-days", "60"]);
    for times in 1..=2 {
        redis.start();
        worker.said("Redis is there", times);
        redis.kill();
        worker.said("Redis is away", times + 1);
    }
    scheduler.stop();
    let log = worker.stop();
    // A line when it goes and one when it is back, however often it was looked for.
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(
        (lines("Redis is away"), lines("Redis is there")),
        (3, 2),
        "{log}"
    );
    assert!(!serving.stop().err.contains(PASSWORD));
}

#[test]
fn what_is_no_address_of_a_redis_is_refused_without_the_password() {
    for url in [
        "amqp://:canary-7f3a@127.0.0.1:6379",
        "unix:///canary-7f3a",
        "redis://:canary-7f3a@:port",
        "canary-7f3a",
    ] {
        let answer = Place::new().with("TXM_REDIS_URL", url).run(&["worker"]);
        assert_eq!(answer.code, Some(2), "{url}: {answer:?}");
        assert!(answer.err.contains("TXM_REDIS_URL"), "{answer:?}");
        assert!(
            answer.err.contains("redis://user:password@host"),
            "{answer:?}"
        );
        assert!(!answer.err.contains(PASSWORD), "{answer:?}");
    }
}
