//! What is taken: each format, packed or not, in one piece or in many; and what is said of it.

use crate::client::{Client, head};
use crate::serving::{FEEDS, JSON, OWN, Serving, counts, open_town, payment, sale, stored};
use crate::town::{PROVIDER, SCHEME, pairs};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;

#[test]
fn a_push_is_durable_matched_and_told() {
    let place = open_town();
    let serving = Serving::start(&place);
    let told = serving.taken(SCHEME, &[sale("s1"), sale("s2")]);
    assert_eq!(
        (told["feed"].as_str(), told["read"].as_u64()),
        (Some(SCHEME), Some(2))
    );
    assert_eq!(counts(&told), [2, 0, 0, 0, 0]);
    assert_eq!(told["refused"], json!([]));
    assert_eq!(
        counts(&serving.taken(SCHEME, &[sale("s2"), sale("s3")])),
        [1, 1, 0, 0, 0]
    );
    let mut apart = sale("s4");
    apart["amount"] = 500.into();
    serving.taken(SCHEME, &[apart]);
    let mut of_s4 = payment("p1");
    of_s4["amount"] = 500.into();
    serving.taken(PROVIDER, &[of_s4]);
    assert_eq!(stored(&place), [4, 1]);
    let log = place.texts("SELECT source || ' ' || state || ' ' || new FROM import_file_log");
    // One row for a feed, a sender and a day.
    assert_eq!(log, ["push IMPORTED 4", "push IMPORTED 1"]);
    // Another process works on what was taken in.
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), [("p1".to_owned(), "s4".to_owned())]);
    place.ok(&["audit"]);
    assert_eq!(serving.stop().code, Some(0));
}

#[test]
fn run_serves_and_works() {
    let place = open_town();
    let serving = Serving::start_as(&place, "run");
    serving.taken(SCHEME, &[sale("s1")]);
    serving.taken(PROVIDER, &[payment("p1")]);
    let exports = place.path(&format!("files/exports/{SCHEME}"));
    let started = std::time::Instant::now();
    while !exports.exists() {
        assert!(started.elapsed().as_secs() < 20, "nothing was delivered");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(serving.stop().code, Some(0));
    assert_eq!(pairs(&place), [("p1".to_owned(), "s1".to_owned())]);
}

#[test]
fn every_shape_of_the_canonical_format_is_taken() {
    let place = open_town();
    let serving = Serving::start(&place);
    let pretty = serde_json::to_string_pretty(&sale("pretty")).unwrap();
    let lines = format!("{}\n{}\r\n\n", sale("l1"), sale("l2"));
    let ndjson = ("Content-Type", "application/x-ndjson; charset=utf-8");
    for (headers, body, new) in [
        (&[JSON][..], sale("object").to_string(), 1),
        (&[JSON], pretty, 1),
        (&[], sale("untyped").to_string(), 1),
        (&[JSON], "[]".to_owned(), 0),
        (&[ndjson], lines, 2),
        (&[JSON], format!("\u{FEFF} [{}]", sale("bom")), 1),
    ] {
        let reply = serving.push(SCHEME, headers, &body);
        assert_eq!(
            (reply.status, counts(&reply.json())),
            (200, [new, 0, 0, 0, 0]),
            "{body}"
        );
    }
    assert_eq!(stored(&place), [6, 0]);
}

#[test]
fn the_feeds_own_format_is_taken_when_it_is_named() {
    let place = open_town();
    let serving = Serving::start(&place);
    let records = [
        crate::town::sale("o1", "10:00:00", 1099),
        crate::town::sale("o2", "10:00:00", 1099),
    ]
    .join("\u{1e}");
    let reply = serving.push(SCHEME, &[OWN], &records);
    assert_eq!(counts(&reply.json()), [2, 0, 0, 0, 0]);
    let again = serving.push(&format!("{SCHEME}?format=own"), &[JSON], &records);
    assert_eq!(counts(&again.json()), [0, 2, 0, 0, 0]);
    let canonical = sale("c1").to_string();
    let reply = serving.push(&format!("{SCHEME}?format=canonical"), &[OWN], canonical);
    assert_eq!(counts(&reply.json()), [1, 0, 0, 0, 0]);
    // A CSV with its header, and a feed whose own format is JSON too.
    let csv = "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,TransactionAmountUnit,TransactionCashbackValue,TransactionCashbackUnit,TransactionId,TransactionAuthCode\n\
        412345,6789,12/30,1,Visa,shop-1,2026-06-02 11:00:00,10.99,GBP,0,GBP,t1,666666\n\
        412345,6789,12/30,1,Visa,shop-1,2026-06-02 11:00:00,10.99,GBP,0,GBP,t2,DECLINE\n";
    let reply = serving.push("iceland-bonus-card", &[("Content-Type", "text/csv")], csv);
    assert_eq!(counts(&reply.json()), [1, 0, 1, 0, 0], "{reply:?}");
    let canonical = place.texts("SELECT canonical || '' FROM import_file_log ORDER BY id");
    assert_eq!(canonical, ["0", "1", "0"]);
}

#[test]
fn packed_and_chunked_bodies_are_taken() {
    let place = open_town();
    let serving = Serving::start(&place);
    let records: Vec<_> = (0..2000).map(|n| sale(&format!("g{n}"))).collect();
    let body = serde_json::to_vec(&records).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&body).unwrap();
    let packed = packed.finish().unwrap();
    let gzip = ("Content-Encoding", "gzip");
    let reply = serving.push(SCHEME, &[JSON, gzip], &packed);
    assert_eq!(counts(&reply.json()), [2000, 0, 0, 0, 0], "{reply:?}");
    let broken = serving.push(SCHEME, &[JSON, gzip], &packed[..packed.len() / 2]);
    broken.is_problem(400, &["bad-gzip"]);
    let unknown = serving.push(SCHEME, &[JSON, ("Content-Encoding", "br")], &packed);
    unknown.is_problem(415, &["gzip"]);

    let mut client = Client::connect(serving.address);
    let chunked = ("Transfer-Encoding", "chunked");
    let path = format!("/txm/feeds/{SCHEME}");
    client.send(&head("POST", &path, &[JSON, chunked], None));
    for piece in sale("chunked").to_string().as_bytes().chunks(7) {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(counts(&client.reply().unwrap().json()), [1, 0, 0, 0, 0]);
    // The connection is used again.
    client.request("GET", "/livez", &[], b"");
    assert_eq!(client.reply().unwrap().status, 200);
    assert_eq!(stored(&place), [2001, 0]);
}

#[test]
fn what_is_refused_is_told_record_by_record() {
    let place = open_town();
    let serving = Serving::start(&place);
    let mut stranger = payment("p2");
    stranger["mid"] = "nobody".into();
    let mut dearer = payment("p1");
    dearer["amount"] = 2000.into();
    let mut float = payment("p3");
    float["amount"] = json!(10.99);
    let mut huge = payment("p4");
    huge["amount"] = serde_json::from_str("123456789012345678901234567890").unwrap();
    let mut typo = payment("p5");
    typo["auth_cod"] = "666666".into();
    let records = [
        payment("p1"),
        stranger,
        dearer,
        float,
        huge,
        typo,
        json!("text"),
        json!({ "transaction_id": "p6" }),
    ];
    let told = serving.taken(PROVIDER, &records);
    assert_eq!(counts(&told), [1, 0, 0, 6, 1]);
    let refused = told["refused"].as_array().unwrap();
    let of = |at: usize, field: &str| refused[at][field].as_str().unwrap_or("-").to_owned();
    let shown: Vec<String> = (0..refused.len())
        .map(|at| {
            format!(
                "{} {} {}",
                refused[at]["number"],
                of(at, "reason"),
                of(at, "field")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2 UNKNOWN_MID -",
            "3 CONFLICT -",
            "4 BAD_AMOUNT amount",
            "5 BAD_AMOUNT amount",
            "6 UNKNOWN_VALUE auth_cod",
            "7 NOT_JSON -",
            "8 MISSING amount",
        ]
    );
    assert_eq!(of(0, "state"), "QUARANTINED");
    assert!(of(0, "remedy").contains("goes on by itself"), "{told}");
    assert!(of(2, "remedy").contains("correct the record"), "{told}");
    assert!(of(4, "detail").contains("there is no such field"), "{told}");
    // What was quarantined goes on when its MID is onboarded; what was rejected when it is mended.
    let onboarded =
        "example-payment-provider,nobody,primary,example-loyalty-scheme,x,,Example,,,a\n";
    place.ok(&["mids", "import", &place.write("more.csv", onboarded)]);
    place.ok(&["drain"]);
    assert_eq!(stored(&place), [0, 2]);
    let rejects = place.json(&["rejects", "list"]);
    assert_eq!(rejects.len(), 6);
    let typo = rejects
        .iter()
        .find(|row| row["reason"] == "UNKNOWN_VALUE")
        .unwrap();
    let mended = payment("p5").to_string();
    let number = typo["id"].to_string();
    place.ok(&["rejects", "replay", &number, "--record", &mended]);
    assert_eq!(stored(&place), [0, 3]);
}

#[test]
fn no_more_than_a_hundred_refusals_are_told() {
    let place = open_town();
    let serving = Serving::start(&place);
    let records: Vec<_> = (0..130)
        .map(|n| json!({ "transaction_id": n.to_string() }))
        .collect();
    let told = serving.taken(SCHEME, &records);
    assert_eq!(counts(&told), [0, 0, 0, 130, 0]);
    assert_eq!(told["refused"].as_array().unwrap().len(), 100);
    assert_eq!(told["refused_not_listed"], 30);
    assert_eq!(
        place.texts("SELECT count(*) || '' FROM rejected_record"),
        ["130"]
    );
}

#[test]
fn every_agent_takes_pushes() {
    let place = open_town();
    let serving = Serving::start(&place);
    for feed in [
        "visa-auth",
        "amex-file",
        "mastercard-settled",
        "itsu",
        "the-works",
    ] {
        let record = match feed {
            "itsu" | "the-works" => sale("x"),
            _ => payment("x"),
        };
        let told = serving.taken(feed, &[record]);
        assert_eq!(told["read"], 1, "{feed}: {told}");
        assert_eq!(told["rejected"], 0, "{feed}: {told}");
    }
    assert_eq!(FEEDS.len(), 2);
}
