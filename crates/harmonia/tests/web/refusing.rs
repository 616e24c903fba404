//! What is not taken: bad bodies, bad questions, too much of it, and whoever is too slow.

use crate::client::{Client, head};
use crate::serving::{JSON, OWN, Serving, open_town, sale, stored};
use crate::town::SCHEME;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::{Duration, Instant};

#[test]
fn bad_bodies_say_where_they_are_bad() {
    let place = open_town();
    let serving = Serving::start(&place);
    let deep = format!("[{{\"extra\": {}", "[".repeat(200_000));
    let deep_line = format!(
        "{}\n{{\"extra\": {}1{}}}",
        sale("x"),
        "[".repeat(70),
        "]".repeat(70)
    );
    for (body, words) in [
        (&b""[..], &["The"][..]),
        (b"  \n ", &["empty"]),
        (
            b"[\n{\"a\": 1,}\n]",
            &["\"line\":2", "\"column\":9", "not-json"],
        ),
        (b"[{\"a\": \"b", &["\"line\":1", "not-json"]),
        (b"hello", &["expected value"]),
        (b"[\"\xff\xfe\"]", &["\"byte\":2", "not UTF-8"]),
        (deep.as_bytes(), &["deeper than 64"]),
        (deep_line.as_bytes(), &["deeper than 64"]),
    ] {
        serving.push(SCHEME, &[JSON], body).is_problem(400, words);
    }
    // A number that no machine holds is text until somebody asks for it.
    let wide = format!(
        "{{\"transaction_id\": \"w\", \"amount\": {}}}",
        "9".repeat(5000)
    );
    let told = serving.push(SCHEME, &[JSON], wide).json();
    assert_eq!(told["rejected"], 1, "{told}");
    let own = serving.push(SCHEME, &[OWN], "no record at all");
    own.is_problem(422, &["not-of-this-feed", "not one of its 1 records"]);
    let tgx = serving.push("mastercard-settled", &[OWN], "H 123\nD 456\n");
    tgx.is_problem(422, &["trailer"]);
    assert_eq!(stored(&place), [0, 0]);
    assert_eq!(
        place.texts("SELECT count(*) || '' FROM import_file_log"),
        ["1"]
    );
}

#[test]
fn bad_questions_are_answered() {
    let place = open_town();
    let serving = Serving::start(&place);
    let body = sale("x").to_string();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    serving
        .push(SCHEME, &[form], &body)
        .is_problem(415, &["?format=own", "application/json"]);
    serving
        .push("nobody", &[JSON], &body)
        .is_problem(404, &["no feed \\\"nobody\\\""]);
    serving
        .push("visa", &[JSON], &body)
        .is_problem(404, &["visa-settlement"]);
    serving
        .push("%ff%fe", &[JSON], &body)
        .is_problem(404, &["no feed"]);
    serving
        .push("%2e%2e%2fetc", &[JSON], &body)
        .is_problem(404, &["no feed"]);
    let card = serving.push("4111111111111111", &[JSON], &body);
    card.is_problem(404, &["411111******1111"]);
    let query = format!("{SCHEME}?format=xml");
    serving
        .push(&query, &[JSON], &body)
        .is_problem(400, &["bad-query"]);
    let key = ("Idempotency-Key", "");
    serving
        .push(SCHEME, &[JSON, key], &body)
        .is_problem(400, &["bad-idempotency-key"]);
    let long = "k".repeat(256);
    let key = ("Idempotency-Key", long.as_str());
    serving
        .push(SCHEME, &[JSON, key], &body)
        .is_problem(400, &["bad-idempotency-key"]);
    let get = serving.ask("GET", &format!("/txm/feeds/{SCHEME}"), &[], b"");
    get.is_problem(405, &[]);
    assert_eq!(get.header("allow"), Some("POST"));
    serving
        .ask("POST", "/feeds/x", &[], b"")
        .is_problem(404, &[]);
    assert_eq!(stored(&place), [0, 0]);
}

#[test]
fn too_much_is_refused_however_it_is_packed() {
    let place = open_town()
        .with("TXM_PUSH_LIMIT_MB", "1")
        .with("TXM_PUSH_MAX_RECORDS", "100");
    let serving = Serving::start(&place);
    let many: Vec<_> = (0..101).map(|n| sale(&format!("m{n}"))).collect();
    let many = serde_json::to_vec(&many).unwrap();
    serving
        .push(SCHEME, &[JSON], many)
        .is_problem(413, &["more than 100 records"]);
    let large = vec![b' '; 1024 * 1024 + 1];
    serving
        .push(SCHEME, &[JSON], &large)
        .is_problem(413, &["larger than 1 MiB"]);
    // A bomb: a few kilobytes that would be two gigabytes.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let bomb: Vec<u8> = bomb.repeat(32);
    assert!(bomb.len() < 3 << 20);
    let gzip = ("Content-Encoding", "gzip");
    let small = &bomb[..bomb.len().min(1024 * 1024)];
    let reply = serving.push(SCHEME, &[JSON, gzip], small);
    reply.is_problem(413, &["once it is unpacked"]);
    // One that never says how long it is.
    let mut client = Client::connect(serving.address);
    let path = format!("/txm/feeds/{SCHEME}");
    client.send(&head(
        "POST",
        &path,
        &[JSON, ("Transfer-Encoding", "chunked")],
        None,
    ));
    for _ in 0..9 {
        client.send(b"20000\r\n");
        client.send(&vec![b' '; 0x20000]);
        client.send(b"\r\n");
    }
    client
        .reply()
        .unwrap()
        .is_problem(413, &["larger than 1 MiB"]);
    assert_eq!(stored(&place), [0, 0]);
}

#[test]
fn whoever_is_slow_is_not_waited_for() {
    let place = open_town();
    let serving = Serving::start(&place);
    let path = format!("/txm/feeds/{SCHEME}");
    // A head that never ends, a body that never ends, and one that is idle.
    let mut slow_head = Client::connect(serving.address);
    slow_head.send(b"GET /livez HTTP/1.1\r\nHost:");
    let mut slow_body = Client::connect(serving.address);
    slow_body.send(&head("POST", &path, &[JSON], Some(100)));
    slow_body.send(b"{");
    let mut idle = Client::connect(serving.address);
    idle.request("GET", "/livez", &[], b"");
    assert_eq!(idle.reply().unwrap().status, 200);
    let started = Instant::now();
    slow_body.reply().unwrap().is_problem(408, &["too-slow"]);
    assert!(slow_head.reply().is_none());
    assert!(idle.reply().is_none());
    let took = started.elapsed();
    assert!(
        took > Duration::from_secs(9) && took < Duration::from_secs(25),
        "{took:?}"
    );
    // Meanwhile others were served, and a body that breaks off is nobody's.
    let mut gone = Client::connect(serving.address);
    gone.send(&head("POST", &path, &[JSON], Some(1000)));
    gone.send(sale("gone").to_string().as_bytes());
    drop(gone);
    assert_eq!(
        serving.push(SCHEME, &[JSON], sale("s1").to_string()).status,
        200
    );
    assert_eq!(stored(&place), [1, 0]);
}

#[test]
fn a_card_number_is_neither_echoed_nor_kept() {
    let place = open_town();
    let serving = Serving::start(&place);
    let mut record = sale("c1");
    record["auth_code"] = "4111111111111111".into();
    record["last_four"] = "4111 1111 1111 1111".into();
    let mut other = sale("c2");
    other["currency"] = "4111111111111111".into();
    other["note 4111-1111-1111-1111"] = 1.into();
    let mut bad = sale("c3");
    bad["date"] = "4111111111111111".into();
    let body = serde_json::to_string(&[record, other, bad]).unwrap();
    let reply = serving.push(SCHEME, &[JSON], &body);
    let broken = serving.push(SCHEME, &[JSON], format!("{body} 4111111111111111"));
    broken.is_problem(400, &["not-json"]);
    let answer = serving.stop();
    for text in [&reply.body, &broken.body, &answer.out, &answer.err] {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        assert!(!digits.contains("4111111111111111"), "{text}");
    }
    let database = std::fs::read(place.path("data/harmonia.sqlite3")).unwrap();
    let wal = std::fs::read(place.path("data/harmonia.sqlite3-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        assert!(
            !bytes
                .windows(16)
                .any(|window| window == b"4111111111111111")
        );
        assert!(
            !bytes
                .windows(19)
                .any(|window| window == b"4111 1111 1111 1111")
        );
    }
}

#[test]
fn a_store_that_cannot_write_says_come_again() {
    let place = open_town();
    let serving = Serving::start(&place);
    serving.taken(SCHEME, &[sale("s0")]);
    let path = place.path("data/harmonia.sqlite3");
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reply = serving.push(SCHEME, &[JSON], sale("s1").to_string());
    reply.is_problem(503, &["nothing was stored"]);
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert!(!reply.body.contains("sqlite"), "{reply:?}");
    other.execute_batch("ROLLBACK").unwrap();
    serving.taken(SCHEME, &[sale("s1")]);
    assert_eq!(stored(&place), [2, 0]);
}
