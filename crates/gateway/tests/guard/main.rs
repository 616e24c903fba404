//! The guarded client against addresses that lead inward and peers that mean harm: what must not be
//! connected to is not, what has no end is cut, and what may have arrived is told from what never left.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod inward;
mod leaving;
mod limits;
#[path = "../support/peer.rs"]
mod peer;
mod secure;

use async_trait::async_trait;
use harmonia_core::outbound::Allowed;
use harmonia_gateway::http::{Answered, Call, Failed, HttpClient, HttpOptions, Limits, Resolver};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Short, so that nothing takes long.
const SHORT: Limits = Limits {
    connect: Duration::from_millis(800),
    silence: Duration::from_millis(300),
    headers: 100,
    head_bytes: 64 * 1024,
    idle: Duration::from_secs(1),
};

/// Answers as it is told, each name with the next of its answers, the last for ever.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    fn tell(&self, name: &str, answers: &[&[&str]]) {
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let mut answers: Vec<Vec<IpAddr>> = answers.iter().map(addresses).collect();
        answers.reverse();
        self.answers
            .lock()
            .unwrap()
            .insert(name.to_owned(), answers);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let Some(left) = answers.get_mut(name) else {
            return Err(io::Error::other("no such name"));
        };
        let next = left.last().cloned();
        if left.len() > 1 {
            left.pop();
        }
        next.ok_or_else(|| io::Error::other("no such name"))
    }
}

/// A client that may go to `allowed`, and looks names up in `names`.
fn client(allowed: &str, names: &Arc<Names>) -> HttpClient {
    let resolver: Arc<dyn Resolver> = names.clone();
    HttpClient::new(HttpOptions {
        allowed: Allowed::parse(allowed).unwrap(),
        resolver,
        limits: SHORT,
        ..HttpOptions::default()
    })
    .unwrap()
}

fn local() -> HttpClient {
    client("127.0.0.0/8,::1", &Arc::default())
}

fn get(url: &str) -> Call<'_> {
    Call {
        method: "GET".parse().unwrap(),
        url,
        headers: Vec::new(),
        body: None,
        within: Duration::from_secs(3),
        body_limit: 64 * 1024,
    }
}

async fn fetch(client: &HttpClient, url: &str) -> Result<Answered, Failed> {
    client.send(get(url)).await
}
