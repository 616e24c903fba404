//! What comes twice: the same records, and the same request with its key.

use crate::client::{Client, Reply};
use crate::serving::{JSON, Serving, counts, open_town, sale, stored};
use crate::support::Place;
use crate::town::{PROVIDER, SCHEME};
use std::sync::Barrier;

fn push(serving: &Serving, key: &str, body: &str) -> Reply {
    serving.push(SCHEME, &[JSON, ("Idempotency-Key", key)], body)
}

/// How many records were read, of whatever became of them.
fn read(place: &Place) -> u64 {
    let read = place.texts("SELECT sum(records_read) || '' FROM import_file_log");
    read[0].parse().unwrap()
}

#[test]
fn a_request_that_comes_again_is_told_the_same() {
    let place = open_town();
    let serving = Serving::start(&place);
    let body = format!("[{},{{}}]", sale("s1"));
    let first = push(&serving, "one", &body);
    assert_eq!(counts(&first.json()), [1, 0, 0, 1, 0]);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = push(&serving, "one", &body);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(read(&place), 2);
    // Another body under that key is a mistake; so is the same in another format, or feed.
    let other = push(&serving, "one", &sale("s2").to_string());
    other.is_problem(422, &["idempotency-key-reused"]);
    assert_eq!(push(&serving, "two", &body).json()["duplicate"], 1);
    let feed = serving.push(PROVIDER, &[JSON, ("Idempotency-Key", "one")], "{}");
    assert_eq!(feed.status, 200);
    // It holds over a restart, whether it ended well or not.
    serving.kill();
    let serving = Serving::start(&place);
    let later = push(&serving, "one", &body);
    assert_eq!((later.status, later.body), (200, first.body));
    assert_eq!((read(&place), stored(&place)), (5, [1, 0]));
    // The key itself is not kept.
    let keys = place.texts("SELECT hex(key_hash) FROM push_log");
    assert!(keys.iter().all(|key| key.len() == 64), "{keys:?}");
}

#[test]
fn a_request_that_failed_may_be_mended_under_its_key() {
    let place = open_town();
    let serving = Serving::start(&place);
    push(&serving, "one", "[{]").is_problem(400, &[]);
    assert_eq!(push(&serving, "one", &sale("s1").to_string()).status, 200);
}

#[test]
fn the_same_request_at_once_is_imported_once() {
    let place = open_town();
    let serving = [Serving::start(&place), Serving::start(&place)];
    for round in 0..20 {
        let body = format!("[{},{{\"round\":{round}}}]", sale(&format!("r{round}")));
        let key = format!("round {round}");
        let barrier = Barrier::new(6);
        let replies: Vec<Reply> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|number| {
                    let (key, body, barrier) = (&key, &body, &barrier);
                    // Two processes on one database, three requests to each.
                    let mut client = Client::connect(serving[number % 2].address);
                    scope.spawn(move || {
                        barrier.wait();
                        let headers = [JSON, ("Idempotency-Key", key.as_str())];
                        let path = format!("/txm/feeds/{SCHEME}");
                        client.request("POST", &path, &headers, body.as_bytes());
                        client.reply().unwrap()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let fresh = replies
            .iter()
            .filter(|reply| reply.header("idempotent-replayed").is_none());
        assert_eq!(fresh.count(), 1, "{replies:?}");
        for reply in &replies {
            assert_eq!((reply.status, &reply.body), (200, &replies[0].body));
            assert_eq!(counts(&reply.json()), [1, 0, 0, 1, 0]);
        }
    }
    assert_eq!((read(&place), stored(&place)), (40, [20, 0]));
    place.ok(&["audit"]);
}
