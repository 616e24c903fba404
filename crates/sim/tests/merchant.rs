//! The merchant who is told: what it counts, and what it says.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

use harmonia_sim::{Act, KeyAt, Merchants};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// Sends a request on a connection of its own and gives all that comes back until it is silent for long.
fn tell(merchants: &Merchants, path: &str, key: &str, body: &str) -> Vec<u8> {
    let url = merchants.url("");
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let request = format!(
        "POST {path}?a=b HTTP/1.1\r\nidempotency-key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(&piece[..read]);
    }
    answer
}

#[test]
fn a_key_that_is_known_has_no_second_effect_and_each_path_is_another_merchant() {
    let merchants = Merchants::start(|_| Act::Take).unwrap();
    for (path, key) in [("/a", "1"), ("/a", "1"), ("/a", "2"), ("/b", "1")] {
        let answer = tell(&merchants, path, key, "{}");
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    }
    let keys = |path| {
        let effects = merchants.effects(path).into_iter();
        effects.map(|effect| effect.key).collect::<Vec<_>>()
    };
    assert_eq!(keys("/a"), ["1", "2"]);
    assert_eq!(keys("/b"), ["1"]);
    let before = merchants.heard().into_iter().map(|heard| heard.before);
    assert_eq!(before.collect::<Vec<_>>(), [0, 1, 0, 0]);
}

#[test]
fn without_a_key_each_is_new_and_a_key_may_stand_in_the_body_and_be_forgotten() {
    let merchants = Merchants::start(|_| Act::Take).unwrap();
    tell(&merchants, "/a", "", "{}");
    tell(&merchants, "/a", "", "{}");
    assert_eq!(merchants.effects("/a").len(), 2);
    let key_at = KeyAt::Body("/order/id".to_owned());
    let remembers = Some(Duration::from_secs(1));
    let merchants = Merchants::start_with(key_at, remembers, |_| Act::Take).unwrap();
    let body = "{\"order\": {\"id\": 7}}";
    tell(&merchants, "/a", "1", body);
    tell(&merchants, "/a", "2", body);
    assert_eq!(merchants.effects("/a").len(), 1);
    thread::sleep(Duration::from_millis(1_100));
    tell(&merchants, "/a", "3", body);
    let effects = merchants.effects("/a");
    assert_eq!(effects.len(), 2, "it has forgotten the key");
    assert!(effects.iter().all(|effect| effect.key == "7"));
}

#[test]
fn each_act_says_and_counts_what_it_should() {
    let late = Act::TakeSlowly(Duration::from_millis(50));
    for (act, says, counts) in [
        (Act::Take, "HTTP/1.1 200 ", 1),
        (late, "HTTP/1.1 200 ", 1),
        (Act::TakeAndHang, "", 1),
        (Act::Hang, "", 0),
        (Act::Refuse(503), "HTTP/1.1 503 ", 0),
        (Act::TooMany(7), "\r\nRetry-After: 7\r\n", 0),
        (Act::Redirect("/b".into()), "\r\nLocation: /b\r\n", 0),
        (Act::TakeAndBabble, "no such thing as an answer", 1),
    ] {
        let done = act.clone();
        let merchants = Merchants::start(move |_| done.clone()).unwrap();
        let answer = String::from_utf8_lossy(&tell(&merchants, "/a", "1", "{}")).into_owned();
        assert!(answer.contains(says), "{act:?}: {answer}");
        assert_eq!(answer.is_empty(), says.is_empty(), "{act:?}: {answer}");
        assert_eq!(merchants.effects("/a").len(), counts, "{act:?}");
    }
}
