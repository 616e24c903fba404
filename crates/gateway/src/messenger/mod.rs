//! Merchants, over HTTP: puts secrets in, shows who we are, sends through the guarded client, and takes
//! the secrets out again of all that is told of it.

mod fill;
mod tokens;

use crate::http::{Call, Failed, HttpClient, Target, TargetHost, retry_after};
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use fill::{Place, PutIn, Vault, fill};
use harmonia_core::export::auth::Auth;
use harmonia_core::export::request::{Answer, Request};
use harmonia_core::ids::Slug;
use harmonia_journey::ports::{Messenger, Secrets, Sent};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokens::{Token, Tokens};

/// The most that is read of what a merchant answers.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Sends requests to merchants.
pub struct HttpMessenger {
    client: HttpClient,
    vault: Vault,
    tokens: Tokens,
}

/// A request whose secrets are put in.
struct Filled {
    method: Method,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<String>,
}

impl HttpMessenger {
    /// Through a client, with secrets from where they are kept.
    pub fn new(client: HttpClient, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            client,
            vault: Vault::new(secrets),
            tokens: Tokens::default(),
        }
    }

    async fn fill(&self, request: &Request, put_in: &mut PutIn) -> Result<Filled, String> {
        let vault = &self.vault;
        let url = fill_url(&request.url, vault, put_in).await?;
        let mut headers = Vec::with_capacity(request.headers.len() + 1);
        for (name, value) in &request.headers {
            let value = fill(value, Place::Plain, vault, put_in).await?;
            headers.push(header(name, &value)?);
        }
        let body = match &request.body {
            Some(body) => Some(fill(body, place_of_body(body, &headers), vault, put_in).await?),
            None => None,
        };
        let method = Method::from_bytes(request.method.as_str().as_bytes());
        Ok(Filled {
            method: method.map_err(|error| error.to_string())?,
            url,
            headers,
            body,
        })
    }

    /// The header by which the merchant knows that it is us, of a request that is filled.
    async fn shown(
        &self,
        auth: &Auth,
        filled: &Filled,
        put_in: &mut PutIn,
    ) -> Result<Option<(HeaderName, HeaderValue)>, String> {
        let vault = &self.vault;
        let body = filled.body.as_deref().unwrap_or_default();
        match auth {
            Auth::None | Auth::OAuth2(_) => Ok(None),
            Auth::Token {
                header: name,
                value,
            } => {
                let value = fill(value, Place::Plain, vault, put_in).await?;
                Ok(Some(header(name, &value)?))
            }
            Auth::Basic { user, password } => {
                let user = fill(user, Place::Plain, vault, put_in).await?;
                let password = fill(password, Place::Plain, vault, put_in).await?;
                if user.contains(':') {
                    return Err("the user of basic authentication holds a colon".to_owned());
                }
                let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
                put_in.hide(&both, "basic");
                Ok(Some(header("authorization", &format!("Basic {both}"))?))
            }
            Auth::Signed { header: name, key } => {
                let pem = vault.secret(key).await.map_err(|error| error.to_string())?;
                let signature = sign(pem.reveal(), body)
                    .map_err(|why| format!("the secret {key} signs nothing: {why}"))?;
                Ok(Some(header(name, &signature)?))
            }
            Auth::Hashed {
                header: name,
                secret,
            } => {
                let secret = vault.secret(secret).await;
                let secret = secret.map_err(|error| error.to_string())?;
                let path = Target::parse(&filled.url)?.path;
                let mut hash = Sha256::new();
                for part in [path.as_str(), body, secret.reveal()] {
                    hash.update(part);
                }
                let hash: Vec<String> =
                    hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
                Ok(Some(header(name, &hash.concat())?))
            }
        }
    }

    /// Sends a request that is filled, and tells what came of it without what was put in.
    async fn send_filled(&self, filled: &Filled, until: Instant, put_in: &PutIn) -> Sent {
        let call = Call {
            method: filled.method.clone(),
            url: &filled.url,
            headers: filled.headers.clone(),
            body: filled.body.clone().map(Bytes::from),
            within: until.saturating_duration_since(Instant::now()),
            body_limit: ANSWER_BYTES,
        };
        match self.client.send(call).await {
            Ok(answered) => {
                let header = answered.headers.get(RETRY_AFTER);
                let header = header.and_then(|value| value.to_str().ok());
                let body = String::from_utf8_lossy(&answered.body).into_owned();
                Sent::Answered(Answer {
                    status: answered.status,
                    retry_after: header.and_then(|value| retry_after(value, SystemTime::now())),
                    body: put_in.masked(body),
                })
            }
            Err(Failed::Refused(why)) => Sent::NotConfigured(put_in.masked(why)),
            Err(Failed::NeverLeft(why)) => Sent::NeverLeft(put_in.masked(why)),
            Err(Failed::MayHaveArrived(why)) => Sent::MayHaveArrived(put_in.masked(why)),
        }
    }

    async fn token(
        &self,
        scheme: &Slug,
        auth: &Auth,
        until: Instant,
    ) -> Result<Option<Token>, Sent> {
        let Auth::OAuth2(oauth2) = auth else {
            return Ok(None);
        };
        let left = until.saturating_duration_since(Instant::now());
        let token = self
            .tokens
            .token(scheme, oauth2, &self.client, &self.vault, left);
        token.await.map(Some)
    }
}

#[async_trait]
impl Messenger for HttpMessenger {
    async fn send(&self, scheme: &Slug, request: &Request) -> Sent {
        let until = Instant::now() + request.within;
        let mut put_in = PutIn::default();
        let mut filled = match self.fill(request, &mut put_in).await {
            Ok(filled) => filled,
            Err(why) => return Sent::NotConfigured(put_in.masked(why)),
        };
        match self.shown(&request.auth, &filled, &mut put_in).await {
            Ok(shown) => filled.headers.extend(shown),
            Err(why) => return Sent::NotConfigured(put_in.masked(why)),
        }
        let headers = filled.headers.len();
        loop {
            let token = match self.token(scheme, &request.auth, until).await {
                Ok(token) => token,
                Err(sent) => return sent,
            };
            if let Some(token) = &token {
                put_in.hide(token.secret.reveal(), "token");
                match header(
                    "authorization",
                    &format!("Bearer {}", token.secret.reveal()),
                ) {
                    Ok(bearer) => filled.headers.push(bearer),
                    Err(why) => return Sent::NeverLeft(put_in.masked(why)),
                }
            }
            let sent = self.send_filled(&filled, until, &put_in).await;
            let (Auth::OAuth2(oauth2), Some(token)) = (&request.auth, token) else {
                return sent;
            };
            if !matches!(&sent, Sent::Answered(answer) if answer.status == 401) {
                return sent;
            }
            // Who is not let in was not served: with a token that was not made for this very request,
            // it is safe to come again, once.
            self.tokens.refused(scheme, oauth2, &token).await;
            if token.is_new {
                return sent;
            }
            filled.headers.truncate(headers);
        }
    }
}

/// An address with its secrets: one that it begins with is an address itself, and stands as it is.
async fn fill_url(text: &str, vault: &Vault, put_in: &mut PutIn) -> Result<String, String> {
    let begins = text
        .strip_prefix("<secret:")
        .and_then(|rest| rest.split_once('>'));
    let Some((name, rest)) = begins else {
        return fill(text, Place::Encoded, vault, put_in).await;
    };
    let base = fill(&format!("<secret:{name}>"), Place::Plain, vault, put_in).await?;
    if let Ok(target) = Target::parse(&base)
        && let TargetHost::Name(host) = &target.host
    {
        put_in.hide(host, name);
    }
    Ok(base + &fill(rest, Place::Encoded, vault, put_in).await?)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = |_| format!("{name:?} cannot be the name of a header");
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
    let wrong = |_| format!("what the header {name} is to hold cannot stand in one");
    let mut value = HeaderValue::from_str(value).map_err(wrong)?;
    value.set_sensitive(parsed == AUTHORIZATION);
    Ok((parsed, value))
}

/// By which rules a secret stands in a body: by those of its type, or where none is said, of its looks.
fn place_of_body(body: &str, headers: &[(HeaderName, HeaderValue)]) -> Place {
    let kind = headers.iter().find(|(name, _)| name == CONTENT_TYPE);
    let kind = kind.and_then(|(_, value)| value.to_str().ok());
    match kind.map(str::to_ascii_lowercase) {
        Some(kind) if kind.contains("json") => Place::Json,
        Some(kind) if kind.contains("x-www-form-urlencoded") => Place::Encoded,
        Some(_) => Place::Plain,
        None if body.trim_start().starts_with(['{', '[']) => Place::Json,
        None => Place::Plain,
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 of a body, in Base64, by a private key in PEM (PKCS #8 or #1).
fn sign(pem: &str, body: &str) -> Result<String, String> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let key = key.map_err(|_| "it is no private key in PEM".to_owned())?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err("it is no RSA key".to_owned()),
    };
    let pair = pair.map_err(|error| format!("it is no RSA key of 2048 to 4096 bits ({error})"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        body.as_bytes(),
        &mut signature,
    );
    signed.map_err(|_| "the signature failed".to_owned())?;
    Ok(BASE64_STANDARD.encode(signature))
}
