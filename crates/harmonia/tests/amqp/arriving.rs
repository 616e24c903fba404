//! Messages that arrive: typed, durable, in batches; and the queues they come by.

use crate::broker::Broker;
use crate::support::Place;
use crate::town::{Town, amex_settlement, costa, visa_auth, visa_settlement};
use std::time::Duration;

#[test]
fn messages_of_three_feeds_become_rows() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "three-feeds");
    // One queue is there already, with arguments that a queue of ours would not have.
    let special = town.queue("visa-auth");
    town.broker
        .declare(&special, &[("x-max-length", 1_000_000)]);
    let running = town.start();
    let queues = ["visa-auth", "amex-settlement", "tx-costa-harmonia"];
    for queue in queues.map(|queue| town.queue(queue)) {
        let has_consumer = || matches!(town.broker.waiting(&queue), Some((_, 1)));
        town.wait(has_consumer, || format!("nobody receives from {queue}"));
    }
    for number in 1..=3 {
        town.publish("visa-auth", &[visa_auth(number)]);
        town.publish("amex-settlement", &[amex_settlement(number)]);
        town.publish("tx-costa-harmonia", &[costa(number)]);
    }
    town.wait_for("payment_transaction", 6);
    town.wait_for("scheme_transaction", 3);
    town.stop(running);
    let payments = "SELECT concat_ws(' ', transaction_id, provider_slug, spend_amount, mid,
                        card_token, transaction_date)
                    FROM payment_transaction ORDER BY transaction_id";
    let rows = town.place.texts(payments);
    // 02:00:01 in London is 01:00:01 by UTC, whose day this is.
    assert_eq!(rows[0], "amex-1 amex 1099 shop-1 token-2 1780354801000000");
    assert_eq!(rows[3], "auth-1 visa 199 shop-1 token-1 1780358401000000");
    let sources = "SELECT DISTINCT source FROM import_file_log ORDER BY source";
    let mut wanted = queues.map(|queue| format!("amqp queue {}", town.queue(queue)));
    wanted.sort();
    assert_eq!(town.place.texts(sources), wanted);
    town.leave();
}

#[test]
fn nothing_is_acknowledged_before_it_is_stored() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "acknowledged");
    let queue = town.queue("visa-settlement");
    let running = town.start();
    let has_consumer = || matches!(town.broker.waiting(&queue), Some((_, 1)));
    town.wait(has_consumer, || "nobody receives".to_owned());
    let database = rusqlite::Connection::open(town.place.path("data/harmonia.sqlite3")).unwrap();
    database.busy_timeout(Duration::from_secs(30)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let messages: Vec<String> = (0..10).map(|n| visa_settlement(n, "shop-1")).collect();
    town.publish("visa-settlement", &messages);
    // All are in its hand, and cannot be stored.
    let in_hand = || matches!(town.broker.waiting(&queue), Some((0, 1)));
    town.wait(in_hand, || "messages wait".to_owned());
    std::thread::sleep(Duration::from_millis(500));
    running.kill();
    let are_back = || matches!(town.broker.waiting(&queue), Some((10, 0)));
    town.wait(are_back, || "some were acknowledged".to_owned());
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(town.count("payment_transaction"), 0);
    let running = town.start();
    town.wait_for("payment_transaction", 10);
    town.stop(running);
    town.leave();
}

#[test]
fn a_backlog_comes_in_batches() {
    const MESSAGES: usize = 5_000;
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "backlog");
    let messages: Vec<String> = (0..MESSAGES)
        .map(|n| visa_settlement(n, "shop-1"))
        .collect();
    town.publish("visa-settlement", &messages);
    let running = town.start();
    town.wait_for("payment_transaction", MESSAGES);
    town.stop(running);
    let batches = town
        .place
        .texts("SELECT DISTINCT match_group || '' FROM payment");
    let batches = batches.len();
    assert!(batches <= MESSAGES / 50, "{batches} batches");
    let log = "SELECT count(*) || ' ' || sum(new) || ' ' || sum(records_read) FROM import_file_log
               WHERE feed_name = 'visa-settlement'
               HAVING count(*) <= 1 + (max(created_at) / 86400000000 > min(created_at) / 86400000000)";
    let log = town.place.texts(log);
    assert!(
        log[0].ends_with(&format!(" {MESSAGES} {MESSAGES}")),
        "{log:?}"
    );
    town.leave();
}

#[test]
fn a_batch_is_no_larger_than_what_the_agent_file_allows_in_hand() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "prefetch");
    let path = town.place.path("agents/visa.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("settlement\" }", "settlement\", prefetch = 7 }");
    std::fs::write(&path, text).unwrap();
    let messages: Vec<String> = (0..100).map(|n| visa_settlement(n, "shop-1")).collect();
    town.publish("visa-settlement", &messages);
    let running = town.start();
    town.wait_for("payment_transaction", 100);
    town.stop(running);
    let largest = "SELECT max(count) || '' FROM
                   (SELECT count(*) AS count FROM payment GROUP BY match_group)";
    assert_eq!(town.place.texts(largest), ["7"]);
    town.leave();
}

#[test]
fn without_a_broker_one_line_says_which_feeds_wait_for_one() {
    let place = Place::new();
    let log = std::fs::File::create(place.path("log")).unwrap();
    let mut running = place.command(&["run"]).stderr(log).spawn().unwrap();
    let read = || std::fs::read_to_string(place.path("log")).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !read().contains("stop with Ctrl-C") {
        assert!(std::time::Instant::now() < deadline, "{}", read());
        std::thread::sleep(Duration::from_millis(10));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let log = read();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("TXM_AMQP_DSN"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    for feed in ["visa-auth", "amex-settlement", "mastercard-auth", "costa"] {
        assert!(
            lines[0].contains(feed) && lines[0].contains("INFO"),
            "{log}"
        );
    }
    let answer = place.run(&["import", "amex-auth"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("TXM_AMQP_DSN"), "{answer:#?}");
}

#[test]
fn an_address_that_is_wrong_is_told_without_its_password() {
    let place = Place::new().with("TXM_AMQP_DSN", "http://user:canary@localhost/");
    let answer = place.run(&["import", "visa-auth"]);
    assert_eq!(answer.code, Some(2), "{answer:#?}");
    assert!(
        answer.err.contains("TXM_AMQP_DSN is not the address"),
        "{answer:#?}"
    );
    assert!(!answer.err.contains("canary"), "{answer:#?}");
}
