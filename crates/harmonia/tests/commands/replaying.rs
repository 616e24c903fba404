//! What was kept goes on: by itself when its MID is onboarded, by hand when it is mended.

use crate::support::Place;
use crate::town::{PROVIDER, SCHEME, import, pairs, payment, sale, town, work};
use crate::{assert_has, assert_says};

const SECOND_SHOP: &str =
    "example-payment-provider,shop-2,PRIMARY,example-loyalty-scheme,place-2,,Example,,,A\n";

fn at_the_second_shop(record: &str) -> String {
    record.replace("shop-1", "shop-2")
}

fn rejects(place: &Place) -> Vec<serde_json::Value> {
    place.json(&["rejects", "list"])
}

#[test]
fn a_payment_with_an_unknown_mid_goes_on_when_the_mid_is_onboarded() {
    let place = town();
    let sold = at_the_second_shop(&sale("s1", "10:00:00", 1099));
    let paid = at_the_second_shop(&payment("p1", "10:00:00", 1099, "token-1"));
    import(&place, SCHEME, &[sold]);
    assert_eq!(import(&place, PROVIDER, &[paid])["quarantined"], 1);
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), []);
    assert_eq!(rejects(&place)[0]["reason"], "UNKNOWN_MID");

    place.ok(&["mids", "import", &place.write("more.csv", SECOND_SHOP)]);
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), [("p1".to_owned(), "s1".to_owned())]);
    assert!(rejects(&place).is_empty());
    let done = place.json(&["rejects", "list", "--state", "replayed"]);
    assert_eq!(done[0]["state"], "REPLAYED");
    place.ok(&["audit"]);
}

#[test]
fn a_record_that_came_again_meanwhile_is_not_taken_twice() {
    let place = town();
    let paid = at_the_second_shop(&payment("p1", "10:00:00", 1099, "token-1"));
    import(&place, PROVIDER, std::slice::from_ref(&paid));
    place.ok(&["mids", "import", &place.write("more.csv", SECOND_SHOP)]);
    // Before the quarantined one has its turn, its file comes again.
    assert_eq!(import(&place, PROVIDER, &[paid])["new"], 1);
    place.ok(&["drain"]);
    assert!(rejects(&place).is_empty());
    assert_eq!(place.json(&["status"])[0]["status"]["payments"]["count"], 1);
    place.ok(&["audit"]);
}

#[test]
fn a_mended_record_is_taken_up() {
    let place = town();
    let good = sale("s1", "10:00:00", 1099);
    let bad = sale("s2", "11:00:00", 250).replace("\u{1f}250\u{1f}", "\u{1f}2.50\u{1f}");
    assert_eq!(import(&place, SCHEME, &[good, bad])["rejected"], 1);
    let kept = rejects(&place)[0].clone();
    let number = kept["id"].to_string();

    let as_it_is = place.run(&["rejects", "replay", &number]);
    assert_says(&as_it_is, 1, &["1 of 1 records could not be taken up"]);
    assert_has(&as_it_is.out, &["KEPT", "BAD_AMOUNT"]);
    let wrong = place.run(&["rejects", "replay", &number, "--record", "spend=250"]);
    assert_says(&wrong, 2, &["not a JSON object"]);
    let nothing = place.run(&["rejects", "replay", "99"]);
    assert_says(&nothing, 1, &["1 of 1"]);
    assert_has(&nothing.out, &["UNKNOWN", "no such reject"]);

    let mended = kept["data"].as_str().unwrap().replace("2.50", "250");
    place.ok(&["rejects", "replay", &number, "--record", &mended]);
    let again = place.run(&["rejects", "replay", &number]);
    assert_says(&again, 1, &["1 of 1"]);
    assert_has(&again.out, &["BEFORE", "taken up before"]);
    work(&place, &[], &[payment("p2", "11:00:00", 250, "token-1")]);
    assert_eq!(pairs(&place), [("p2".to_owned(), "s2".to_owned())]);
    place.ok(&["audit"]);
}
