//! The HTTP inbox against a server of a few lines that is told what to answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_gateway::http_poll::HttpPollInbox;
use harmonia_gateway::spool::Spool;
use harmonia_journey::ports::{Arrival, Inbox};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const DAY: Day = Day(20_606);

/// Answers each request with the next of its answers, and tells what it was asked.
struct Server {
    port: u16,
    answers: Arc<Mutex<Vec<String>>>,
    asked: Receiver<String>,
    base: TempDir,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Arc<Mutex<Vec<String>>> = Arc::default();
        let (tell, asked) = channel();
        let next = Arc::clone(&answers);
        std::thread::spawn(move || serve(&listener, &next, &tell));
        let base = tempfile::tempdir().unwrap();
        Self {
            port,
            answers,
            asked,
            base,
        }
    }

    fn answers(&self, head: &str, body: &str) {
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.answers.lock().unwrap().insert(0, answer);
    }

    fn inbox(&self, secret: Option<Value>) -> HttpPollInbox {
        let secret = secret.map(|secret| serde_json::from_value(secret).unwrap());
        let url = format!("http://127.0.0.1:{}/sales/today.csv?key=hunter2", self.port);
        let (base, slug) = (self.base.path().to_owned(), Slug::new("shop").unwrap());
        let spool = Spool::new(self.base.path(), 1_000);
        HttpPollInbox::new(&url, secret, base, &slug, spool).unwrap()
    }

    fn asked(&self) -> String {
        self.asked.recv().unwrap().to_ascii_lowercase()
    }

    fn kept(&self, name: &str) -> String {
        std::fs::read_to_string(self.base.path().join(name)).unwrap()
    }
}

fn serve(listener: &TcpListener, answers: &Mutex<Vec<String>>, tell: &Sender<String>) {
    for client in listener.incoming() {
        let mut client = client.unwrap();
        let mut asked = String::new();
        let mut lines = BufReader::new(client.try_clone().unwrap());
        while lines.read_line(&mut asked).unwrap() > 2 {}
        let answer = answers.lock().unwrap().pop();
        let _ = client.write_all(answer.unwrap_or_default().as_bytes());
        let _ = tell.send(asked);
    }
}

async fn look(inbox: &HttpPollInbox) -> Vec<Box<dyn Arrival>> {
    inbox.arrivals().await.unwrap()
}

async fn read(arrival: &dyn Arrival) -> String {
    let file = arrival.take().await.unwrap().unwrap();
    let mut text = String::new();
    file.open().unwrap().read_to_string(&mut text).unwrap();
    text
}

const CLOSE: &str = "200 OK\r\nConnection: close";

#[tokio::test]
async fn a_document_is_fetched_when_it_has_changed_and_kept() {
    let server = Server::start();
    let inbox = server.inbox(None);
    server.answers(
        &format!("{CLOSE}\r\nETag: \"one\"\r\nLast-Modified: Tue, 02 Jun 2026 10:00:00 GMT"),
        "a",
    );
    let arrivals = look(&inbox).await;
    let source = format!("http://127.0.0.1:{}/sales/today.csv", server.port);
    assert_eq!(arrivals[0].source(), source, "without its query");
    assert_eq!(read(arrivals[0].as_ref()).await, "a");
    assert!(!server.asked().contains("if-none-match"));
    // It was let lie, so it counts as not read.
    arrivals[0].release().await.unwrap();
    server.answers(
        &format!("{CLOSE}\r\nETag: \"one\"\r\nLast-Modified: Tue, 02 Jun 2026 10:00:00 GMT"),
        "a",
    );
    let arrivals = look(&inbox).await;
    assert!(!server.asked().contains("if-none-match"));
    arrivals[0].archive(DAY).await.unwrap();
    assert_eq!(server.kept("archives/2026-06-02/shop/today.csv"), "a");
    // Unchanged; the same bytes under another mark; and changed.
    server.answers("304 Not Modified\r\nConnection: close", "");
    assert!(look(&inbox).await.is_empty());
    let asked = server.asked();
    assert!(asked.contains("if-none-match: \"one\""), "{asked}");
    assert!(
        asked.contains("if-modified-since: tue, 02 jun 2026 10:00:00 gmt"),
        "{asked}"
    );
    server.answers(&format!("{CLOSE}\r\nETag: \"two\""), "a");
    assert!(look(&inbox).await.is_empty());
    server.asked();
    server.answers(CLOSE, "b");
    let changed = look(&inbox).await;
    assert!(server.asked().contains("if-none-match: \"two\""));
    changed[0].archive(DAY).await.unwrap();
    assert_eq!(server.kept("archives/2026-06-02/shop/today.csv.2"), "b");
    server.answers(CLOSE, "bad");
    look(&inbox).await[0].set_aside().await.unwrap();
    assert_eq!(server.kept("refused/shop/today.csv"), "bad");
    assert_eq!(
        std::fs::read_dir(server.base.path().join("spool"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn credentials_are_sent() {
    let server = Server::start();
    server.answers(CLOSE, "a");
    look(&server.inbox(Some(json!({"user": "me", "password": "pass"})))).await;
    assert!(server.asked().contains("authorization: basic bwu6cgfzcw=="));
    server.answers(CLOSE, "a");
    look(&server.inbox(Some(json!({"authorization": "Token abc"})))).await;
    assert!(server.asked().contains("authorization: token abc"));
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_secrets() {
    let server = Server::start();
    let inbox = server.inbox(None);
    let long = "x".repeat(1_001);
    for (head, body, words) in [
        (
            "302 Found\r\nLocation: /\r\nConnection: close",
            "",
            "not followed",
        ),
        ("401 Unauthorized\r\nConnection: close", "", "401"),
        (CLOSE, long.as_str(), "TXM_FETCH_LIMIT_MB"),
        ("nonsense", "", "today.csv: "),
    ] {
        server.answers(head, body);
        let error = inbox.arrivals().await.err().unwrap().to_string();
        assert!(
            error.contains(words) && !error.contains("hunter2"),
            "{error}"
        );
    }
    // A document that is cut short is none.
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc";
    server.answers.lock().unwrap().insert(0, answer.to_owned());
    assert!(inbox.arrivals().await.is_err());
}

#[test]
fn credentials_stay_out_of_addresses_and_open_lines() {
    let base = tempfile::tempdir().unwrap();
    let refusal = |url: &str, secret: Value| {
        let secret = (!secret.is_null()).then(|| serde_json::from_value(secret).unwrap());
        let (slug, spool) = (Slug::new("shop").unwrap(), Spool::new(base.path(), 1));
        let inbox = HttpPollInbox::new(url, secret, base.path().to_owned(), &slug, spool);
        inbox
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let secret = json!({"user": "me", "password": "hunter2"});
    assert!(refusal("http://shop.example/x", secret.clone()).contains("https://"));
    assert_eq!(refusal("https://shop.example/x", secret), "");
    assert!(refusal("ftp://shop.example/x", Value::Null).contains("https://"));
    let error = refusal("https://me:hunter2@shop.example/x", Value::Null);
    assert!(
        error.contains("`secret`") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(refusal("https://shop.example/x", json!({})).contains("must have"));
}
