//! Stopped under load, and killed: what was answered is there.

use crate::client::Client;
use crate::serving::{JSON, Serving, open_town, sale, stored};
use crate::support::Place;
use crate::town::SCHEME;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Pushes from eight senders, each the next when the last is answered, until they are cut off.
/// Gives the ids of what was answered; whatever is not 200 fails.
fn push_until_gone(serving: &Serving, end: impl FnOnce() + Send) -> BTreeSet<String> {
    let answered = Mutex::new(BTreeSet::new());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let (answered, stop) = (&answered, &stop);
            let mut client = Client::connect(serving.address);
            scope.spawn(move || {
                for number in 0.. {
                    let id = format!("{sender}-{number}");
                    let body = sale(&id).to_string();
                    let path = format!("/txm/feeds/{SCHEME}");
                    let mut request = crate::client::head("POST", &path, &[JSON], Some(body.len()));
                    request.extend_from_slice(body.as_bytes());
                    if stop.load(Ordering::Relaxed) || !client.try_send(&request) {
                        return;
                    }
                    let Some(reply) = client.reply() else {
                        return;
                    };
                    assert_eq!(reply.status, 200, "{reply:?}");
                    answered.lock().unwrap().insert(id);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(400));
        end();
    });
    answered.into_inner().unwrap()
}

fn ids(place: &Place) -> BTreeSet<String> {
    place
        .texts("SELECT transaction_id FROM sale")
        .into_iter()
        .collect()
}

#[test]
fn what_was_answered_outlives_a_kill() {
    let place = open_town();
    let mut all = BTreeSet::new();
    for round in 0..3 {
        let serving = Serving::start(&place);
        let pid = serving.process.id();
        let answered = push_until_gone(&serving, || {
            let kill = format!("kill -KILL {pid}");
            let killed = std::process::Command::new("sh")
                .args(["-c", &kill])
                .status();
            assert!(killed.unwrap().success());
        });
        assert!(
            !answered.is_empty(),
            "nothing was answered in round {round}"
        );
        all.extend(answered);
        let there = ids(&place);
        let lost: Vec<_> = all.difference(&there).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
    // Nothing half done is left behind, and what is there goes on.
    assert_eq!(
        place
            .texts("SELECT state FROM import_file_log WHERE state <> 'IMPORTED'")
            .len(),
        0
    );
    place.ok(&["drain"]);
    place.ok(&["audit"]);
    assert_eq!(place.texts("SELECT queue FROM job").len(), 0);
}

#[test]
fn it_stops_gracefully_under_load() {
    for command in ["serve", "run"] {
        let place = open_town();
        let mut serving = Serving::start_as(&place, command);
        let process = serving.process.id();
        let started = Mutex::new(Instant::now());
        let answered = push_until_gone(&serving, || {
            *started.lock().unwrap() = Instant::now();
            let kill = format!("kill -TERM {process}");
            std::process::Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap();
        });
        let ended = serving.end();
        let took = started.into_inner().unwrap().elapsed();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.out.contains("nothing is left in hand"), "{ended:?}");
        assert!(took < Duration::from_secs(10), "{command} took {took:?}");
        // Whoever was in the middle was answered: nothing was taken that was not told.
        assert_eq!(ids(&place), answered, "{command}");
        place.ok(&["audit"]);
        if command == "serve" {
            assert_eq!(stored(&place)[0], answered.len());
        }
    }
}
