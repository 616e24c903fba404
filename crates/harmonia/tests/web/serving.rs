//! A town whose API is served, and records to push to it.

use crate::client::{Client, Reply};
use crate::signal::terminate;
use crate::support::{Answer, Place};
use crate::town::{PROVIDER, SCHEME, town};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::Child;
use std::thread::JoinHandle;

/// A process that serves, until it is stopped or dropped.
pub struct Serving {
    pub process: Child,
    pub address: SocketAddr,
    /// Where metrics are, if that is elsewhere.
    pub metrics: Option<SocketAddr>,
    log: Option<JoinHandle<String>>,
}

impl Serving {
    /// `harmonia serve`.
    pub fn start(place: &Place) -> Self {
        Self::start_as(place, "serve")
    }

    /// `harmonia serve` or `run`.
    pub fn start_as(place: &Place, command: &str) -> Self {
        let mut process = place.command(&[command]).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let mut log = String::new();
        let said = loop {
            let before = log.len();
            assert!(lines.read_line(&mut log).unwrap() > 0, "it ended: {log}");
            if log[before..].contains("serving") {
                break log[before..].to_owned();
            }
        };
        let address = |name: &str| {
            let value = said.split(&format!("{name}=\"")).nth(1)?;
            value.split('"').next()?.parse().ok()
        };
        // Read on, or the process would wait for a reader in the end.
        let reading = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut log);
            log
        });
        Self {
            address: address("address").unwrap(),
            metrics: address("metrics"),
            process,
            log: Some(reading),
        }
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut client = Client::connect(self.address);
        client.request(method, path, headers, body);
        client.reply().unwrap()
    }

    /// Pushes a body to a feed, with a type or without one.
    #[track_caller]
    pub fn push(&self, feed: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        let path = format!("/txm/feeds/{feed}");
        self.ask("POST", &path, headers, body.as_ref())
    }

    /// Pushes records in Harmonia's own format, and wants them taken.
    #[track_caller]
    pub fn taken(&self, feed: &str, records: &[Value]) -> Value {
        let body = serde_json::to_vec(records).unwrap();
        let reply = self.push(feed, &[JSON], body);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// The metrics, line by line.
    pub fn metrics(&self) -> Vec<String> {
        let mut client = Client::connect(self.metrics.unwrap_or(self.address));
        client.request("GET", "/metrics", &[], b"");
        let reply = client.reply().unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body.lines().map(str::to_owned).collect()
    }

    /// Stops it as a service manager would, and gives how that went.
    pub fn stop(mut self) -> Answer {
        terminate(&self.process);
        self.end()
    }

    /// Kills it, with no time for anything.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.end();
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Answer {
        let mut out = String::new();
        let mut stdout = self.process.stdout.take().unwrap();
        stdout.read_to_string(&mut out).unwrap();
        let code = self.process.wait().unwrap().code();
        let err = self.log.take().unwrap().join().unwrap();
        Answer { code, out, err }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The type of Harmonia's own format.
pub const JSON: (&str, &str) = ("Content-Type", "application/json");
/// The type of a feed's own.
pub const OWN: (&str, &str) = ("Content-Type", "application/octet-stream");

/// The town, which asks nobody for a key.
pub fn open_town() -> Place {
    town().with("TXM_API_AUTH_ENABLED", "false")
}

/// A sale of the town's shop.
pub fn sale(id: &str) -> Value {
    json!({
        "transaction_id": id, "mids": ["shop-1"], "date": "2026-06-02T10:00:00Z",
        "amount": 1099, "currency": "GBP",
    })
}

/// A payment there.
pub fn payment(id: &str) -> Value {
    json!({
        "transaction_id": id, "mid": "shop-1", "date": "2026-06-02T10:00:00Z",
        "amount": 1099, "currency": "GBP", "card_token": "token-1",
    })
}

/// New, duplicate, skipped, rejected, quarantined.
pub fn counts(receipt: &Value) -> [u64; 5] {
    ["new", "duplicate", "skipped", "rejected", "quarantined"]
        .map(|outcome| receipt[outcome].as_u64().unwrap())
}

/// How many sales and payments there are.
pub fn stored(place: &Place) -> [usize; 2] {
    ["sale", "payment"].map(|table| {
        let count = format!("SELECT count(*) || '' FROM {table}");
        place.texts(&count)[0].parse().unwrap()
    })
}

/// Both feeds of the town.
pub const FEEDS: [&str; 2] = [SCHEME, PROVIDER];
