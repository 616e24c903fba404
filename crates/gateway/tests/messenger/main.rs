//! The messenger against a merchant of a few lines: what it is told, how it knows us, and that no secret
//! comes back out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/peer.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod peer;
mod proving;
mod telling;

use async_trait::async_trait;
use harmonia_core::export::auth::Auth;
use harmonia_core::export::request::{Method, Request};
use harmonia_core::ids::Slug;
use harmonia_core::outbound::Allowed;
use harmonia_core::secret::Secret;
use harmonia_gateway::http::{HttpClient, HttpOptions};
use harmonia_gateway::messenger::HttpMessenger;
use harmonia_journey::ports::{Messenger, SecretError, Secrets, Sent};
use peer::{Peer, answer, read_request};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Secrets by name.
struct Kept(HashMap<&'static str, String>);

#[async_trait]
impl Secrets for Kept {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let missing = || SecretError::Missing(format!("there is no secret {name}"));
        self.0.get(name).map(Secret::new).ok_or_else(missing)
    }
}

fn messenger(secrets: &[(&'static str, &str)]) -> HttpMessenger {
    let options = HttpOptions {
        allowed: Allowed::parse("127.0.0.1").unwrap(),
        ..HttpOptions::default()
    };
    let secrets = secrets
        .iter()
        .map(|(name, text)| (*name, (*text).to_owned()));
    let client = HttpClient::new(options).unwrap();
    HttpMessenger::new(client, Arc::new(Kept(secrets.collect())))
}

fn request(url: &str, body: &str, auth: Auth) -> Request {
    Request {
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: Some(body.to_owned()),
        auth,
        within: Duration::from_secs(5),
    }
}

async fn send(messenger: &HttpMessenger, request: &Request) -> Sent {
    messenger.send(&Slug::new("shop").unwrap(), request).await
}

/// A merchant that answers by what `say` makes of each request, and keeps them.
async fn merchant(
    say: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (Peer, Arc<Mutex<Vec<String>>>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, say) = (Arc::clone(&told), Arc::new(say));
    let peer = Peer::start(move |mut stream, _| {
        let (kept, say) = (Arc::clone(&kept), Arc::clone(&say));
        async move {
            while let Some(request) = read_request(&mut stream).await {
                let said = say(&request);
                kept.lock().unwrap().push(request);
                if stream.write_all(said.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (peer, told)
}

/// A merchant that says back whatever it was told.
async fn echo() -> (Peer, Arc<Mutex<Vec<String>>>) {
    merchant(|request| answer("200 OK", request)).await
}
