//! What `harmonia claim` answers, for a purchase that got stuck at each stage of the journey.

use crate::life_shop::{Shop, own_key, payment, sale, with};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};

const SETTLED: &str = "visa-settlement";
/// What a customer of the shop knows.
const ASKED: [&str; 4] = ["--amount", "10.00", "--date", "2026-06-02"];

fn claim(shop: &Shop, options: &[&str]) -> Value {
    shop.place.json(&[&["claim"][..], &ASKED, options].concat())[0].clone()
}

fn verdict(shop: &Shop, options: &[&str]) -> String {
    claim(shop, options)["verdict"].as_str().unwrap().to_owned()
}

/// Imports records of which none may be new.
fn bring_in_vain(shop: &Shop, feed: &str, records: &[Value]) {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let file = shop.place.write("records.jsonl", lines);
    let told = &shop
        .place
        .json(&["import", feed, &file, "--format", "canonical"])[0][0];
    assert_eq!(told["new"], 0, "{told}");
}

#[test]
fn a_purchase_says_how_far_it_got_from_nothing_to_its_delivery() {
    let shop = Shop::of("wasabi-club");
    let asked = ["--card", "token-1", "--scheme", "wasabi-club"];
    let nothing = claim(&shop, &asked);
    assert_eq!(nothing["verdict"], "NOT_RECEIVED_PAYMENT");
    let rests_on = nothing["rests_on"].as_array().unwrap();
    let feed = |name: &str| {
        rests_on
            .iter()
            .any(|row| row["kind"] == "feed" && row["id"] == name)
    };
    assert!(feed("visa-auth") && feed("amex-settlement"), "{nothing}");

    shop.sell(&[sale("sale-1", "12:00:10", 1000)]);
    let unpaid = claim(&shop, &asked);
    assert_eq!(unpaid["verdict"], "NOT_RECEIVED_PAYMENT");
    assert_has(
        &unpaid["notes"].to_string(),
        &["the shop has told of 1 sale"],
    );

    shop.bring(SETTLED, &[own_key("paid", "12:00:00", 1000)]);
    assert_eq!(verdict(&shop, &asked), "WAITING");

    let exports = shop.place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    shop.place.run(&["drain", "--timeout", "2s"]);
    assert_eq!(verdict(&shop, &asked), "MATCHED_NOT_DELIVERED");

    std::fs::remove_file(&exports).unwrap();
    shop.drain();
    let told = claim(&shop, &asked);
    // Wasabi's own export is not of files: what is held back is not delivered.
    let held = shop
        .place
        .texts("SELECT DISTINCT status FROM export_transaction");
    let expected = if held == ["DELIVERED"] {
        "DELIVERED"
    } else {
        "MATCHED_NOT_DELIVERED"
    };
    assert_eq!(told["verdict"], expected, "{held:?}");
}
