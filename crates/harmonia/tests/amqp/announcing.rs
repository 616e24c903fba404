//! What is told of exports, beside the merchant: messages of a broker.

use crate::broker::Broker;
use crate::support::Place;
use serde_json::Value;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const QUEUES: [&str; 2] = ["tx_matching", "tx_plutus_dw"];

/// A place whose tries are announced by a broker of an address.
fn place(address: &str) -> Place {
    Place::new()
        .with("TXM_AUDIT_EXPORTS", "true")
        .with("TXM_AMQP_DSN", address)
}

/// Takes all that a queue has, as soon as there is something: who it is about, and what is told.
fn told(broker: &Broker, queue: &str) -> Vec<(String, Value)> {
    let began = Instant::now();
    while broker
        .waiting(queue)
        .is_none_or(|(messages, _)| messages == 0)
    {
        assert!(began.elapsed() < PATIENCE, "nothing is told in {queue}");
        std::thread::sleep(Duration::from_millis(50));
    }
    broker
        .take(queue, "X-Provider")
        .into_iter()
        .map(|(provider, body)| (provider, serde_json::from_slice(&body).unwrap()))
        .collect()
}

#[test]
fn every_try_is_announced_to_both_that_listen_and_a_broker_that_is_away_delays_nothing_else() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let broker = broker.host(&format!("announcing-{}", std::process::id()));
    // Nobody is there: the merchant is told all the same.
    let place = place("amqp://harmonia:hunter2@127.0.0.1:1/%2f");
    let demo = place.json(&["demo", "-n", "300"])[0].clone();
    let delivered = demo["newly_delivered"].as_u64().unwrap();
    assert!(delivered > 0, "{demo}");
    // It is there: what waited leaves, when its turn comes again.
    let place = place.with("TXM_AMQP_DSN", &broker.address);
    let began = Instant::now();
    while broker
        .waiting(QUEUES[1])
        .is_none_or(|(messages, _)| messages == 0)
    {
        assert!(began.elapsed() < PATIENCE, "what waited does not leave");
        place.run(&["drain"]);
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut all = Vec::new();
    for queue in QUEUES {
        let told = told(&broker, queue);
        let mut transactions = 0;
        for (provider, message) in &told {
            assert_eq!(provider, "example-loyalty-scheme");
            assert_eq!(message["provider_slug"], "example-loyalty-scheme");
            assert!(message["request"]["url"].is_string(), "{message}");
            assert_eq!(message["retry_count"], 0);
            let of = message["transactions"].as_array().unwrap();
            transactions += of.len() as u64;
            assert!(
                of.iter().all(|one| one["credentials"].is_null()),
                "{message}"
            );
        }
        assert_eq!(transactions, delivered, "{queue}");
        all.push(told);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(broker.waiting("tx_export_dw"), Some((0, 0)));
    // What was told is not told again.
    place.ok(&["drain"]);
    for queue in QUEUES {
        assert_eq!(broker.waiting(queue), Some((0, 0)));
    }
}

#[test]
fn messages_without_a_broker_are_refused_at_the_start() {
    let place = Place::new().with("TXM_AUDIT_EXPORTS", "true");
    let answer = place.run(&["drain"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("TXM_AMQP_DSN"), "{answer:?}");
}
