//! A broker behind TLS, whose certificate an authority of one's own signed: it is known by that, or it
//! is told nothing.

use crate::broker::Broker;
use crate::town::{Town, visa_settlement};
use std::path::PathBuf;

/// Where the broker speaks TLS, and the folder of its authority's certificates; `None`, said loudly,
/// where there is none.
fn behind_tls() -> Option<(Broker, String, PathBuf)> {
    let broker = Broker::of_tests()?;
    let address = std::env::var("HARMONIA_TEST_AMQPS_DSN").ok();
    let authority = std::env::var("HARMONIA_TEST_AMQP_CA").ok();
    let (Some(address), Some(authority)) = (address, authority) else {
        let told =
            "LEFT OUT: TLS to the broker: no HARMONIA_TEST_AMQPS_DSN; s/services start rabbitmq\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes());
        return None;
    };
    Some((broker, address, authority.into()))
}

#[test]
fn a_broker_is_known_by_the_authority_of_its_certificate() {
    let Some((broker, address, authority)) = behind_tls() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "tls")
        .with("TXM_AMQP_DSN", address)
        .with("TXM_AMQP_CA_FILE", authority.join("ca.pem").display());
    let messages: Vec<String> = (0..10).map(|n| visa_settlement(n, "shop-1")).collect();
    town.publish("visa-settlement", &messages);
    let running = town.start();
    town.wait_for("payment_transaction", 10);
    town.stop(running);
    assert!(!town.log().contains(town.broker.password()));
    town.leave();
}

#[test]
fn a_broker_that_an_unknown_authority_vouches_for_is_told_nothing() {
    let Some((broker, address, authority)) = behind_tls() else {
        return;
    };
    let _standing = broker.standing();
    let mut town = Town::new(broker, "unknown-authority").with("TXM_AMQP_DSN", address);
    town.publish("visa-settlement", &[visa_settlement(1, "shop-1")]);
    let queue = town.queue("visa-settlement");
    for other in [None, Some(authority.join("other.pem"))] {
        if let Some(file) = other {
            town = town.with("TXM_AMQP_CA_FILE", file.display());
        }
        let running = town.start();
        let is_told = || town.log().contains("UnknownIssuer");
        town.wait(is_told, || "nothing is refused".to_owned());
        let log = town.log();
        running.kill();
        assert!(log.contains("set TXM_AMQP_CA_FILE"), "{log}");
        assert!(!log.contains(town.broker.password()), "{log}");
        assert_eq!(
            town.broker.waiting(&queue),
            Some((1, 0)),
            "nobody subscribed"
        );
        assert_eq!(town.count("payment_transaction"), 0);
        std::fs::remove_file(town.place.path("log")).unwrap();
    }
    town.leave();
}
