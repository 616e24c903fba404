//! A good file of every feed, in its parts: what comes before the records, the records, what comes
//! after.

use harmonia_core::agent::Agent;
use harmonia_core::feed::{Feed, Source};
use harmonia_trials::AGENT_FILES;
use std::path::Path;

/// A file, or messages, of a feed.
#[derive(Clone)]
pub struct Good {
    pub agents: Vec<Agent>,
    pub feed: Feed,
    pub head: Vec<u8>,
    pub records: Vec<Vec<u8>>,
    /// What stands between two records.
    pub between: &'static [u8],
    pub tail: Vec<u8>,
    /// Whether a file that is cut cannot look whole.
    pub has_trailer: bool,
}

impl Good {
    pub fn name(&self) -> &str {
        self.feed.name.as_str()
    }

    /// Whether the records come as messages of a queue, each by itself.
    pub fn is_queue(&self) -> bool {
        matches!(self.feed.source, Source::Amqp { .. })
    }

    /// What arrives: one file, or each message.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.put_together(&self.records)
    }

    /// What arrives with these records instead.
    pub fn put_together(&self, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
        if self.is_queue() {
            return records.to_vec();
        }
        let body = records.join(self.between);
        vec![[self.head.as_slice(), &body, &self.tail].concat()]
    }
}

/// A good file of each feed of each agent.
pub fn goods() -> Vec<Good> {
    let agents: Vec<Agent> = AGENT_FILES
        .iter()
        .map(|(file, text)| Agent::parse(file, text).unwrap())
        .collect();
    let feeds = agents.iter().flat_map(|agent| &agent.feeds);
    feeds.map(|feed| good(&agents, feed)).collect()
}

fn good(agents: &[Agent], feed: &Feed) -> Good {
    let mut good = Good {
        agents: agents.to_vec(),
        feed: feed.clone(),
        head: Vec::new(),
        records: Vec::new(),
        between: b"\n",
        tail: Vec::new(),
        has_trailer: false,
    };
    match feed.name.as_str() {
        "example-loyalty-scheme" => {
            good.between = b"\x1e";
            good.records = numbered(|n| {
                format!("mid-{n}\x1fs-{n}\x1f2026-06-02T15:46:1{n}+01:00\x1f10{n}9\x1f1{n}")
            });
        }
        "example-payment-provider" => {
            good.between = b"\x1e";
            good.records = numbered(|n| {
                format!("mid-{n}\x1fp-{n}\x1f2026-06-02T15:46:1{n}+01:00\x1f10{n}9\x1ftoken-{n}")
            });
        }
        "amex-file" => {
            good.head = b"H|AADP0050|2026-06-03\n".to_vec();
            good.tail = b"\nT|6\n".to_vec();
            good.records = numbered(|n| {
                format!(
                    "D|AADP0050|tx-{n}|2026-06-02|10.{n}9|token-{n}|shop-{n}|\
                     2026-06-02-15.46.1{n}|alias-{n}"
                )
            });
        }
        "harvey-nichols" => {
            good.head = b"{\"transactions\": [\n".to_vec();
            good.between = b",\n";
            good.tail = b"\n]}\n".to_vec();
            good.has_trailer = true;
            good.records = numbered(|n| {
                format!(
                    "{{\"id\": \"tx-{n}\", \"alt_id\": \"a-{n}\", \"store_id\": \"000{n}017\", \
                     \"timestamp\": \"2026-06-02T15:46:1{n}\", \"amount\": {{\"value\": 10.{n}9, \
                     \"unit\": \"GBP\"}}, \"auth_code\": \"66666{n}\"}}"
                )
            });
        }
        "mastercard-refund" => lines(&mut good, &sample("mastercard-settled.mastercard")),
        name => match samples(name) {
            Some(text) => lines(&mut good, &text),
            None => canonical(&mut good),
        },
    }
    good
}

/// A file of lines: with a header where it is CSV, with header and trailer where it is TGX2.
fn lines(good: &mut Good, text: &str) {
    let mut lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    lines.retain(|line| !line.is_empty());
    if good.name().starts_with("mastercard-") && !good.is_queue() {
        good.head = [lines.remove(0), b"\n".to_vec()].concat();
        let trailer = lines.pop().unwrap();
        good.tail = [b"\n".as_slice(), &trailer, b"\n"].concat();
        good.has_trailer = true;
    } else if !good.is_queue() {
        good.head = [lines.remove(0), b"\n".to_vec()].concat();
        good.tail = b"\n".to_vec();
    }
    lines.truncate(16);
    good.records = lines;
}

/// Harmonia's own format, for who has no other.
fn canonical(good: &mut Good) {
    good.feed = good.feed.canonical();
    good.has_trailer = true;
    let payment = good.feed.feed_type.is_payment();
    let place = if payment {
        "\"mid\": \"m\""
    } else {
        "\"mids\": [\"m\"]"
    };
    good.records = numbered(|n| {
        format!(
            "{{\"transaction_id\": \"c-{n}\", {place}, \"date\": \"2026-06-02T15:46:1{n}Z\", \
             \"amount\": 10{n}9, \"currency\": \"GBP\", \"card_token\": \"t-{n}\"}}"
        )
    });
}

fn numbered(record: impl Fn(u8) -> String) -> Vec<Vec<u8>> {
    (1..7).map(|number| record(number).into_bytes()).collect()
}

/// The sample of what a feed's sender really sends, if there is one.
fn samples(feed: &str) -> Option<String> {
    let networks = ["visa", "mastercard", "amex"];
    let mut names = networks
        .map(|network| format!("{feed}.{network}"))
        .into_iter();
    names
        .find(|name| folder(name).exists())
        .map(|name| sample(&name))
}

fn sample(name: &str) -> String {
    let mut files = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|file| file.unwrap().path());
    let input = files.find(|path| path.file_stem().is_some_and(|stem| stem == "input"));
    std::fs::read_to_string(input.unwrap()).unwrap()
}

fn folder(sample: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../harmonia/tests/fixtures/samples")
        .join(sample)
}
