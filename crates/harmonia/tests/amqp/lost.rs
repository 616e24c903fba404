//! Killed, cut off, or left without a broker in mid-stream: every message is in exactly once.

use crate::broker::{Broker, rabbitmqctl};
use crate::town::{Town, visa_settlement};
use std::time::Duration;

/// Wants each of the messages to have become one payment, and nothing else to have come of them.
#[track_caller]
fn assert_each_once(town: &Town, messages: usize) {
    let ids = town
        .place
        .texts("SELECT transaction_id FROM payment_transaction ORDER BY transaction_id");
    let mut wanted: Vec<String> = (0..messages).map(|n| format!("settled-{n}")).collect();
    wanted.sort();
    assert!(ids == wanted, "{} of {messages}", ids.len());
    assert_eq!(town.count("import_transaction"), messages);
    assert_eq!(town.count("rejected_record"), 0);
}

fn messages(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| visa_settlement(n, "shop-1")).collect()
}

#[test]
fn killed_in_mid_stream_every_message_is_in_once() {
    const MESSAGES: usize = 20_000;
    const KILLS: usize = 5;
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "killed").with("TXM_BATCH_SIZE", 100);
    town.publish("visa-settlement", &messages(0..MESSAGES));
    for kill in 1..=KILLS {
        let before = town.count("payment_transaction");
        let running = town.start();
        let some_more = before + 700 * kill;
        town.wait(
            || town.count("payment_transaction") >= some_more.min(MESSAGES),
            || format!("stuck after kill {kill}"),
        );
        running.kill();
    }
    let killed_at = town.count("payment_transaction");
    assert!(killed_at < MESSAGES, "all were in before the last kill");
    let running = town.start();
    town.wait_for("payment_transaction", MESSAGES);
    town.stop(running);
    assert_each_once(&town, MESSAGES);
    town.leave();
}

#[test]
fn cut_off_in_mid_stream_it_connects_again() {
    const HALF: usize = 10_000;
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    // Others must not see the broker stop.
    let _alone = broker.to_be_stopped();
    let host = format!("cut-off-{}", std::process::id());
    let town = Town::new(broker.host(&host), "cut-off").with("TXM_BATCH_SIZE", 50);
    town.publish("visa-settlement", &messages(0..HALF));
    let running = town.start();
    let has_some = |count: usize| {
        town.wait(
            || town.count("payment_transaction") >= count,
            || format!("stuck before {count}"),
        );
    };
    for count in [500, 2_000] {
        has_some(count);
        let because = "a test wants to see what happens";
        rabbitmqctl(&["close_all_connections", "-p", &host, because]).unwrap();
    }
    has_some(3_000);
    rabbitmqctl(&["stop_app"]).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    rabbitmqctl(&["start_app"]).unwrap();
    rabbitmqctl(&["await_startup"]).unwrap();
    town.publish("visa-settlement", &messages(HALF..2 * HALF));
    town.wait_for("payment_transaction", 2 * HALF);
    town.stop(running);
    assert_each_once(&town, 2 * HALF);
    assert!(
        town.log().matches("could not take messages").count() >= 2,
        "the connection was never lost: {}",
        town.log()
    );
    rabbitmqctl(&["delete_vhost", &host]).unwrap();
}
