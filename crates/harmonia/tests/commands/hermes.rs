//! Hermes says whose the cards are: through the real journey, while it fails, lies, is away, and is well
//! again.

use crate::queues::stop;
use crate::support::Place;
use crate::town::{MIDS, PROVIDER, SCHEME, import, payment, sale};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// So many purchases, each by a card of its own.
const PURCHASES: usize = 60;

/// Answers each request by what `say` makes of its number and body: a status, with headers, and a body.
struct Hermes {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hermes {
    fn start(say: impl Fn(usize, &Value) -> (String, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, say, count) = (
            Arc::clone(&asked),
            Arc::new(say),
            Arc::new(AtomicUsize::new(0)),
        );
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, say, count) = (Arc::clone(&kept), Arc::clone(&say), Arc::clone(&count));
                thread::spawn(move || {
                    // Whoever ends a connection wants no more of it.
                    let _ = serve(stream.unwrap(), &kept, |body| {
                        say(count.fetch_add(1, Ordering::SeqCst), body)
                    });
                });
            }
        });
        Self { port, asked }
    }

    fn town(&self) -> Place {
        let place = Place::new()
            .with("TXM_HERMES_URL", format!("http://127.0.0.1:{}", self.port))
            .with("TXM_HERMES_TOKEN", "hush-hush")
            .with("TXM_HERMES_SLUGS_TO_FORMAT", SCHEME)
            .with("TXM_HERMES_SLUG_FORMAT_STRING", "{}-test")
            .with("TXM_BATCH_SIZE", 5);
        place.ok(&["mids", "import", &place.write("mids.csv", MIDS)]);
        place
    }
}

fn serve(
    stream: TcpStream,
    kept: &Mutex<Vec<String>>,
    say: impl Fn(&Value) -> (String, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
            let line = head[from..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        kept.lock().unwrap().push(head);
        let (head, said) = say(&serde_json::from_slice(&body).unwrap());
        let length = said.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{said}");
        stream.write_all(answer.as_bytes())?;
    }
}

const JSON: &str = "200 OK\r\nContent-Type: application/json";

fn identity(token: &str) -> Value {
    let member = token.replace("token", "member");
    json!({ "loyalty_id": member, "scheme_account_id": 1, "user_id": 2, "credentials": null,
            "card_information": { "first_six": "412345", "last_four": "6789" } })
}

/// Whose each card is, by `whose` of its place among those asked about.
fn said(body: &Value, whose: impl Fn(usize, &[&str]) -> Value) -> String {
    let tokens = body["payment_cards"].as_array().unwrap();
    let tokens: Vec<&str> = tokens.iter().map(|token| token.as_str().unwrap()).collect();
    let each = (0..tokens.len()).map(|at| (tokens[at].to_owned(), whose(at, &tokens)));
    Value::Object(each.collect()).to_string()
}

fn truth(body: &Value) -> (String, String) {
    (
        JSON.to_owned(),
        said(body, |at, tokens| identity(tokens[at])),
    )
}

/// Everybody is somebody else, in an answer of the kind of fault that is asked for.
fn lie(kind: usize, body: &Value) -> (String, String) {
    let wrong = said(body, |at, tokens| match tokens.len() {
        1 => identity("token-stranger"),
        count => identity(tokens[(at + 1) % count]),
    });
    let json = |text: String| (JSON.to_owned(), text);
    let head = |head: &str, text: String| (head.to_owned(), text);
    match kind % 12 {
        0 => json(format!(
            "{}, \"stranger\": {}}}",
            &wrong[..wrong.len() - 1],
            identity("x")
        )),
        1 => json(format!(
            "{}, {}",
            &wrong[..wrong.len() - 1],
            &truth(body).1[1..]
        )),
        2 => json(format!("[{wrong}]")),
        3 => json(wrong + &" ".repeat(256 * 1024)),
        4 => json(wrong[..wrong.len() / 2].to_owned()),
        5 => head("503 Unavailable\r\nContent-Type: application/json", wrong),
        6 => json("\u{1}\u{2}garbage".to_owned()),
        7 => json(String::new()),
        8 => head(
            "200 OK\r\nContent-Type: text/html",
            format!("<html>{wrong}</html>"),
        ),
        9 => head(
            "500 Error\r\nContent-Type: text/plain",
            "Traceback".to_owned(),
        ),
        10 => head("200 OK", wrong),
        _ => head(
            "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br",
            wrong,
        ),
    }
}

fn buy(place: &Place) {
    let time = |at: usize| format!("10:{:02}:00", at % 60);
    let pence = |at: usize| 1000 + u32::try_from(at).unwrap();
    let each = 0..PURCHASES;
    let sales: Vec<String> = each
        .clone()
        .map(|at| sale(&format!("sale-{at}"), &time(at), pence(at)))
        .collect();
    let payments: Vec<String> = each
        .map(|at| {
            payment(
                &format!("payment-{at}"),
                &time(at),
                pence(at),
                &format!("token-{at}"),
            )
        })
        .collect();
    assert_eq!(import(place, SCHEME, &sales)["new"], PURCHASES);
    assert_eq!(import(place, PROVIDER, &payments)["new"], PURCHASES);
}

#[test]
fn it_lies_and_is_away_and_in_the_end_everybody_is_who_they_are() {
    // Two lies before or after each truth, of each kind in turn; and in between it is away for so long
    // that it is left alone.
    let hermes = Hermes::start(|number, body| match number {
        0..9 if number % 3 == 2 => truth(body),
        0..9 => lie(number - number / 3, body),
        9..15 => ("503 Unavailable".to_owned(), String::new()),
        _ if number % 3 == 0 => truth(body),
        _ => lie(number - number / 3 - 5, body),
    });
    let place = hermes.town();
    buy(&place);
    let worker = place.command(&["worker"]).spawn().unwrap();
    let delivered = "SELECT count(*) || '' FROM export_transaction WHERE status = 'DELIVERED'";
    let deadline = Instant::now() + Duration::from_secs(90);
    while place.texts(delivered) != [PURCHASES.to_string()] {
        assert!(Instant::now() < deadline, "{:?}", place.texts(delivered));
        thread::sleep(Duration::from_millis(50));
    }
    stop(worker);
    let told = place.texts(
        "SELECT p.transaction_id || ' ' || e.loyalty_id || ' ' || p.card_token
         FROM export_transaction e JOIN matched_transaction m ON m.id = e.matched_transaction_id
         JOIN payment_transaction p ON p.id = m.payment_transaction_id",
    );
    assert_eq!(told.len(), PURCHASES);
    for line in told {
        let parts: Vec<&str> = line.split(' ').collect();
        let number = parts[0].strip_prefix("payment-").unwrap();
        assert_eq!(parts[1], format!("member-{number}"), "{line}");
    }
    place.ok(&["audit"]);
    for request in hermes.asked.lock().unwrap().iter() {
        let path =
            "POST /payment_cards/accounts/payment_card_user_info/example-loyalty-scheme-test ";
        assert!(request.starts_with(path), "{request}");
        assert!(request.contains("hush-hush"), "{request}");
    }
}

#[test]
fn a_scheme_that_it_does_not_know_is_why_a_payment_waits() {
    let hermes = Hermes::start(|_, _| ("404 Not Found".to_owned(), "no".to_owned()));
    let place = hermes.town();
    assert_eq!(
        import(&place, SCHEME, &[sale("sale-1", "10:00:00", 1099)])["new"],
        1
    );
    let paid = payment("payment-1", "10:00:00", 1099, "token-1");
    assert_eq!(import(&place, PROVIDER, &[paid])["new"], 1);
    place.ok(&["drain"]);
    let reasons = place.texts("SELECT pending_reason FROM payment_transaction");
    assert_eq!(reasons, ["NO_SCHEME"]);
    let why = place.ok(&["why", "payment", "payment-1"]);
    assert_has(&why, &["the identity service knows no such scheme"]);
    place.ok(&["audit"]);
}

#[test]
fn an_address_of_it_that_is_none_is_refused_and_shows_no_secret() {
    for (address, words) in [
        ("hermes.example.com", "TXM_HERMES_URL"),
        ("https://us:hush-hush@hermes.example.com", "TXM_HERMES_URL"),
        (
            "https://hermes.example.com/?key=hush-hush",
            "TXM_HERMES_URL",
        ),
    ] {
        let place = Place::new().with("TXM_HERMES_URL", address);
        let answer = place.run(&["drain"]);
        assert_says(&answer, 2, &[words]);
        assert!(!answer.err.contains("hush"), "{answer:#?}");
    }
    let place = Place::new()
        .with("TXM_HERMES_URL", "https://hermes.example.com")
        .with("TXM_HERMES_TOKEN", "hush\u{7}hush");
    let answer = place.run(&["drain"]);
    assert_says(&answer, 2, &["TXM_HERMES_TOKEN"]);
    assert!(!answer.err.contains("hush"), "{answer:#?}");
}
