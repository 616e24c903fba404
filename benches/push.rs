//! Pushes through HTTP into SQLite, over loopback, until each is answered: that is, until what it
//! holds is durable as a raw and a typed row and its matching is due. Senders, server and database
//! share the machine; a key is asked for, as it is by default.
//!
//! `s/bench push [SECONDS]`, by default 5 for each part. Three runs (`BENCH_RUNS`); median by rate.

use harmonia_benches::journey;
use harmonia_core::access::{KeyChange, NewKey, Scope, Secret};
use harmonia_core::changes::Changes;
use harmonia_journey::ports::{Lease, Uids};
use harmonia_sim::SCHEME;
use harmonia_web::{Options, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// One part of the benchmark.
#[derive(Clone, Copy)]
struct Part {
    name: &'static str,
    senders: usize,
    records: usize,
}

const PARTS: [Part; 4] = [
    Part {
        name: "one sender, one record a request",
        senders: 1,
        records: 1,
    },
    Part {
        name: "64 senders, one record a request",
        senders: 64,
        records: 1,
    },
    Part {
        name: "256 senders, one record a request",
        senders: 256,
        records: 1,
    },
    Part {
        name: "2 senders, 10,000 records a request",
        senders: 2,
        records: 10_000,
    },
];

/// What one run measured.
struct Measured {
    seconds: f64,
    commits: usize,
    times_ms: Vec<f64>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = args.iter().find_map(|arg| arg.parse().ok());
    let lasting = Duration::from_secs_f64(given.unwrap_or(5.0));
    let wanted: usize = std::env::var("BENCH_RUNS").map_or(3, |runs| runs.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for part in PARTS {
        let mut runs: Vec<Measured> = (0..wanted)
            .map(|_| runtime.block_on(run(part, lasting)))
            .collect();
        let rate = |run: &Measured| run.times_ms.len() as f64 / run.seconds;
        runs.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
        let median = &runs[wanted / 2];
        let at = |share: f64| {
            let last = median.times_ms.len() - 1;
            median.times_ms[(last as f64 * share) as usize]
        };
        println!(
            "{}: {:.0} requests ({:.0} records) a second ({:.0}-{:.0} requests), {:.1} requests a \
             commit; p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            part.name,
            rate(median),
            rate(median) * part.records as f64,
            rate(&runs[0]),
            rate(&runs[wanted - 1]),
            median.times_ms.len() as f64 / median.commits as f64,
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
}

async fn run(part: Part, lasting: Duration) -> Measured {
    let folder =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into())).unwrap();
    let journey = journey(folder.path(), 10_000).await;
    let secret = Arc::new(Secret::from_random(Uids.secret()));
    let mut changes = Changes::none(journey.now());
    changes.keys.push(KeyChange::Create(NewKey {
        name: "bench".to_owned(),
        hint: secret.hint(),
        hash: secret.hash(),
        scopes: vec![Scope::FeedsWrite],
        expires_at: None,
    }));
    journey
        .store
        .commit(Lease::Operator, changes)
        .await
        .unwrap();
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        metrics_listen: None,
        prefix: "/txm".to_owned(),
        auth: true,
        body_limit_bytes: 32 << 20,
        most_records: 10_000,
        services: Vec::new(),
    };
    let server = Server::bind(journey.clone(), options).await.unwrap();
    let address = server.addresses().0.unwrap();
    let (stopping, stop) = watch::channel(false);
    let serving = tokio::spawn(server.run(stop));

    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let senders: Vec<_> = (0..part.senders)
        .map(|_| {
            let (next, secret) = (Arc::clone(&next), Arc::clone(&secret));
            tokio::spawn(
                async move { push_for(address, secret.reveal(), part, lasting, &next).await },
            )
        })
        .collect();
    let mut times_ms = Vec::new();
    for sender in senders {
        times_ms.extend(sender.await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    stopping.send(true).unwrap();
    serving.await.unwrap();

    let status = journey.store.status(journey.now()).await.unwrap();
    let pushed = (times_ms.len() * part.records) as u64;
    assert_eq!(status.sales.count, pushed, "some were lost");
    let files: u64 = status.files.iter().map(|(_, count)| count).sum();
    times_ms.sort_by(f64::total_cmp);
    Measured {
        seconds,
        commits: files as usize,
        times_ms,
    }
}

/// Pushes on one connection, the next when the last is answered. Gives how long each took.
async fn push_for(
    address: SocketAddr,
    key: &str,
    part: Part,
    lasting: Duration,
    next: &AtomicUsize,
) -> Vec<f64> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times_ms = Vec::new();
    let mut answer = vec![0; 64 * 1024];
    let started = Instant::now();
    while started.elapsed() < lasting {
        let first = next.fetch_add(part.records, Ordering::Relaxed);
        let body = body(first, part.records);
        let mut request = format!(
            "POST /txm/feeds/{SCHEME} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
             Authorization: Token {key}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body.as_bytes());
        let sent = Instant::now();
        stream.write_all(&request).await.unwrap();
        // An answer is small, and comes in one piece.
        let read = stream.read(&mut answer).await.unwrap();
        times_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        let text = std::str::from_utf8(&answer[..read]).unwrap();
        let taken = format!("\"new\":{},", part.records);
        assert!(text.contains(" 200 OK") && text.contains(&taken), "{text}");
    }
    times_ms
}

fn body(first: usize, records: usize) -> String {
    let sale = |number: usize| {
        let (second, pence) = (number % 86_400, 100 + number % 9000);
        format!(
            r#"{{"transaction_id":"b{number}","mids":["shop-{}"],"date":"2026-06-02T{:02}:{:02}:{:02}Z","amount":{pence},"currency":"GBP","auth_code":"{:06}","last_four":"{:04}"}}"#,
            number % 97,
            second / 3600,
            second / 60 % 60,
            second % 60,
            number % 1_000_000,
            number % 10_000
        )
    };
    let sales: Vec<String> = (first..first + records).map(sale).collect();
    format!("[{}]", sales.join(","))
}
