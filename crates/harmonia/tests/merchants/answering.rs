//! What each answer of a merchant leads to.

use crate::shop::{Shop, grounds};
use harmonia_sim::{Act, Heard};
use std::thread;
use std::time::{Duration, Instant};

const WINDOW: &str = "dedup_window = \"1h\"\nretry = [\"1s\", \"1s\", \"1s\"]";
const NO_WINDOW: &str = "retry = [\"1s\", \"1s\", \"1s\"]";

/// The first request of each key meets with this, the others are taken.
fn first(act: Act) -> impl Fn(&Heard) -> Act + Send + Sync + 'static {
    move |heard| match heard.before {
        0 => act.clone(),
        _ => Act::Take,
    }
}

/// Drains until the one export stands as it should.
#[track_caller]
fn drain_until(shop: &Shop, state: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        shop.ok(&["drain"]);
        let states = shop.states();
        if states == [state] {
            return;
        }
        assert!(Instant::now() < deadline, "{states:?}, not {state}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_taken_is_delivered_and_told_once() {
    for ground in grounds() {
        let shop = Shop::open(ground, "", |_| Act::TakeSlowly(Duration::from_millis(50)));
        shop.buy(20);
        shop.ok(&["drain"]);
        assert_eq!(shop.states(), ["DELIVERED"; 20]);
        shop.ok(&["drain"]);
        assert_eq!(shop.merchant.heard().len(), 20);
        shop.assert_each_counted_once(20);
        shop.ok(&["audit"]);
    }
}

#[test]
fn a_merchant_that_fails_is_tried_again_at_once() {
    for ground in grounds() {
        let shop = Shop::open(ground, "", first(Act::Refuse(503)));
        shop.buy(1);
        shop.ok(&["drain"]);
        assert_eq!(shop.states(), ["DELIVERED"]);
        assert_eq!(shop.merchant.heard().len(), 2);
        shop.assert_each_counted_once(1);
    }
}

#[test]
fn one_that_asks_to_be_left_alone_is_left_alone_so_long() {
    for ground in grounds() {
        let shop = Shop::open(ground, NO_WINDOW, first(Act::TooMany(3)));
        shop.buy(1);
        shop.ok(&["drain"]);
        assert_eq!(shop.states(), ["RETRYING"]);
        drain_until(&shop, "DELIVERED");
        let heard = shop.merchant.heard();
        assert_eq!(heard.len(), 2);
        let rest = heard[1].at - heard[0].at;
        assert!(rest >= Duration::from_secs(3), "{rest:?}");
        shop.assert_each_counted_once(1);
    }
}

#[test]
fn where_another_address_is_named_nobody_goes() {
    for ground in grounds() {
        let shop = Shop::open(ground, NO_WINDOW, |_| {
            Act::Redirect("/elsewhere".to_owned())
        });
        shop.buy(1);
        shop.ok(&["drain"]);
        // A merchant that has moved may move back: it is tried again where it was.
        assert_eq!(shop.states(), ["RETRYING"]);
        let heard = shop.merchant.heard();
        assert!(heard.iter().all(|one| one.path == "/shop"), "{heard:?}");
        assert_eq!(shop.merchant.effects("/elsewhere"), []);
    }
}

#[test]
fn what_may_have_arrived_is_shown_and_without_a_window_not_sent_again() {
    for act in [Act::TakeAndHang, Act::Hang, Act::TakeAndBabble] {
        for ground in grounds() {
            let shop = Shop::open(ground, NO_WINDOW, first(act.clone()));
            shop.buy(1);
            shop.ok(&["drain"]);
            assert_eq!(shop.states(), ["UNCERTAIN"], "{act:?}");
            let listed = shop.ok(&["exports", "list", "--state", "UNCERTAIN"]);
            assert!(listed.contains("UNCERTAIN"), "{listed}");
            let status = shop.ok(&["status"]);
            assert!(status.contains("exports UNCERTAIN"), "{status}");
            // The retry plan would have it by now.
            thread::sleep(Duration::from_millis(1_200));
            shop.ok(&["drain"]);
            assert_eq!(shop.merchant.heard().len(), 1, "{act:?}");
            assert_eq!(shop.states(), ["UNCERTAIN"], "{act:?}");
            shop.ok(&["audit"]);
        }
    }
}

#[test]
fn within_the_window_the_same_bytes_go_again_under_the_same_key() {
    for act in [Act::TakeAndHang, Act::Hang, Act::TakeAndBabble] {
        for ground in grounds() {
            let shop = Shop::open(ground, WINDOW, first(act.clone()));
            shop.buy(1);
            shop.ok(&["drain"]);
            drain_until(&shop, "DELIVERED");
            assert_eq!(shop.merchant.heard().len(), 2, "{act:?}");
            shop.assert_each_counted_once(1);
            shop.ok(&["audit"]);
        }
    }
}
