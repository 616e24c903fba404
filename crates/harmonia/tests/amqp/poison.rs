//! Messages that cannot be taken: kept, told, and out of the way.

use crate::broker::Broker;
use crate::town::{Town, visa_settlement};

#[test]
fn what_cannot_be_read_is_a_reject_once_and_good_messages_go_through() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "poison");
    let good = |number| visa_settlement(number, "shop-1").into_bytes();
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(3 << 20)).into_bytes();
    let poison: [Vec<u8>; 8] = [
        b"not JSON at all".into(),
        b"{\"MessageElementsCollection\": 5}".into(),
        b"{\"ExternalUserId\": \"token-1\"}".into(),
        b"".into(),
        b" \n ".into(),
        b"\xff\x00\xfe".into(),
        b"[1, 2".into(),
        huge,
    ];
    let mut messages = vec![good(0)];
    for (poison, number) in poison.iter().zip(1..) {
        messages.push(poison.clone());
        messages.push(good(number));
    }
    town.publish("visa-settlement", &messages);
    let running = town.start();
    town.wait_for("payment_transaction", poison.len() + 1);
    town.wait_for("rejected_record", poison.len());
    town.stop(running);
    let listed = town.place.json(&["rejects", "list"]);
    assert_eq!(listed.len(), poison.len(), "{listed:#?}");

    // Nothing of it comes round again.
    let running = town.start();
    town.publish("visa-settlement", &[good(99)]);
    town.wait_for("payment_transaction", poison.len() + 2);
    assert_eq!(town.count("rejected_record"), poison.len());
    town.stop(running);
    town.leave();
}

#[test]
fn a_shop_that_nobody_onboarded_is_quarantined() {
    let Some(broker) = Broker::of_tests() else {
        return;
    };
    let _standing = broker.standing();
    let town = Town::new(broker, "quarantine");
    let messages = [visa_settlement(1, "shop-9"), visa_settlement(2, "shop-1")];
    town.publish("visa-settlement", &messages);
    let running = town.start();
    town.wait_for("payment_transaction", 1);
    town.wait_for("rejected_record", 1);
    town.stop(running);
    let kept = "SELECT concat_ws(' ', r.state, i.identified) FROM rejected_record r,
                import_transaction i WHERE NOT i.identified";
    assert_eq!(town.place.texts(kept), ["QUARANTINED 0"]);
    town.leave();
}
