//! A preview says what an import would do, and does nothing.

use crate::assert_has;
use crate::town::{PROVIDER, SCHEME, import, payment, town};

#[test]
fn a_preview_tells_every_record_and_writes_nothing() {
    let place = town();
    let known = payment("p1", "10:00:00", 1099, "token-1");
    import(&place, PROVIDER, std::slice::from_ref(&known));
    let records = [
        known,
        payment("p2", "10:00:00", 250, "token-1"),
        payment("p2", "10:00:00", 250, "token-1"),
        payment("p2", "10:00:00", 251, "token-1"),
        payment("p3", "25:00:00", 250, "token-1"),
        payment("p4", "10:00:00", 250, "token-1").replace("shop-1", "shop-9"),
    ];
    let file = place.write("payments.dat", records.join("\u{1e}"));
    let before = place.json(&["status"]);
    let told = &place.json(&["import", PROVIDER, &file, "--preview"])[0][0];
    assert_eq!(told["state"], "PREVIEW");
    let counts = ["read", "new", "duplicate", "rejected", "quarantined"].map(|name| &told[name]);
    assert_eq!(counts, [6, 1, 2, 2, 1], "{told}");
    let outcomes: Vec<_> = told["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let reason = record["reason"].as_str().unwrap_or("");
            (
                record["number"].as_u64().unwrap(),
                record["outcome"].as_str().unwrap(),
                reason,
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (1, "DUPLICATE", ""),
            (2, "NEW", ""),
            (3, "DUPLICATE", ""),
            (4, "REJECTED", "CONFLICT"),
            (5, "REJECTED", "BAD_DATE"),
            (6, "QUARANTINED", "UNKNOWN_MID"),
        ]
    );
    assert_eq!(place.json(&["status"]), before);
    // What was said is what happens.
    let done = &place.json(&["import", PROVIDER, &file])[0][0];
    for name in ["read", "new", "duplicate", "rejected", "quarantined"] {
        assert_eq!(done[name], told[name], "{name}");
    }
}

#[test]
fn a_column_that_nobody_reads_is_named() {
    let place = town();
    let rows = "TransactionCardFirst6,TransactionCardLast4,TransactionCardScheme,\
                TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,\
                TransactionAmountUnit,TransactionId,TransactionAuthCode,AuthCode2\n\
                412345,6789,Visa,mid-1,2026-06-02 10:00:00,10.99,GBP,t-1,666666,x\n";
    let file = place.write("sales.csv", rows);
    let told = &place.json(&["import", "iceland-bonus-card", &file, "--preview"])[0][0];
    assert_eq!(told["unused_columns"], serde_json::json!(["AuthCode2"]));
    let text = place.ok(&["import", "iceland-bonus-card", &file, "--preview"]);
    assert_has(&text, &["does not use: AuthCode2", "nothing was written"]);

    let message = r#"{"transaction_id": "t-1", "mids": ["shop-1"], "date": "2026-06-02", "amount": 5, "currency": "GBP", "authcode": "1"}"#;
    let file = place.write("sale.json", message);
    let preview = [
        "import",
        SCHEME,
        &file,
        "--format",
        "canonical",
        "--preview",
    ];
    let told = &place.json(&preview)[0][0];
    assert_eq!(
        (&told["new"], &told["unused_columns"]),
        (&1.into(), &serde_json::json!(["authcode"]))
    );
}

#[test]
fn a_file_that_would_be_refused_says_so() {
    let place = town();
    let file = place.write("empty.dat", "");
    let answer = place.run(&["import", SCHEME, &file, "--preview"]);
    assert_eq!(answer.code, Some(1));
    assert_has(&answer.out, &["would be refused", "empty"]);
}
