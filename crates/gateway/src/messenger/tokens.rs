//! Tokens of OAuth2: fetched once, by one at a time, and used until they expire or are refused.

use super::fill::{Place, PutIn, Vault, encoded, fill};
use crate::http::{Call, Failed, HttpClient};
use harmonia_core::export::auth::{Client, Grant, OAuth2};
use harmonia_core::ids::Slug;
use harmonia_core::secret::Secret;
use harmonia_journey::ports::Sent;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most of an answer with a token.
const ANSWER_BYTES: usize = 64 * 1024;
/// A token is not used in the last tenth of its time, or in the last of these: it may be on its way.
const MARGIN: Duration = Duration::from_secs(30);

/// A token, and until when it counts.
#[derive(Clone)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    until: Instant,
    /// Whether it was fetched just now.
    pub is_new: bool,
}

/// A place for one token; whoever holds it may fetch one.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of all merchants.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<String, Slot>>);

impl Tokens {
    fn slot(&self, scheme: &Slug, oauth2: &OAuth2) -> Slot {
        // In these texts secrets stand by their names.
        let key = format!("{scheme} {oauth2:?}");
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key).or_default())
    }

    /// The token for a merchant, fetched if there is none that counts.
    ///
    /// # Errors
    /// What is to be told of the request that needs it.
    pub async fn token(
        &self,
        scheme: &Slug,
        oauth2: &OAuth2,
        client: &HttpClient,
        vault: &Vault,
        within: Duration,
    ) -> Result<Token, Sent> {
        let until = Instant::now() + within;
        let slot = self.slot(scheme, oauth2);
        let waiting = tokio::time::timeout(within, slot.lock()).await;
        let late = || Sent::NeverLeft("its token did not come in time".to_owned());
        let mut kept = waiting.map_err(|_| late())?;
        if let Some(token) = kept.as_ref()
            && Instant::now() < token.until
        {
            return Ok(token.clone());
        }
        let left = until.saturating_duration_since(Instant::now());
        let token = fetch(oauth2, client, vault, left).await?;
        *kept = Some(Token {
            is_new: false,
            ..token.clone()
        });
        Ok(token)
    }

    /// Throws a token away that was refused, unless another has taken its place.
    pub async fn refused(&self, scheme: &Slug, oauth2: &OAuth2, token: &Token) {
        let slot = self.slot(scheme, oauth2);
        let mut kept = slot.lock().await;
        if kept
            .as_ref()
            .is_some_and(|other| other.secret == token.secret)
        {
            *kept = None;
        }
    }
}

async fn fetch(
    oauth2: &OAuth2,
    client: &HttpClient,
    vault: &Vault,
    within: Duration,
) -> Result<Token, Sent> {
    let mut put_in = PutIn::default();
    let filled = async {
        let url = super::fill_url(&oauth2.token_url, vault, &mut put_in).await?;
        Ok::<_, String>((url, form(oauth2, vault, &mut put_in).await?))
    };
    let (url, form) = filled.await.map_err(Sent::NotConfigured)?;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let begun = Instant::now();
    let call = Call {
        method: Method::POST,
        url: &url,
        headers: vec![
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, kind),
        ],
        body: Some(form.into()),
        within,
        body_limit: ANSWER_BYTES,
    };
    let told = |why: String| put_in.masked(format!("no token: {why}"));
    // Whatever became of it, the request that needs the token never left.
    let answered = client.send(call).await.map_err(|failed| match failed {
        Failed::Refused(why) => Sent::NotConfigured(told(why)),
        Failed::NeverLeft(why) | Failed::MayHaveArrived(why) => Sent::NeverLeft(told(why)),
    })?;
    match answered.status {
        200..=299 => {}
        status @ (400 | 401 | 403) => {
            let why = format!("the merchant answers {status}: see its user and secrets");
            return Err(Sent::NotConfigured(told(why)));
        }
        status => {
            return Err(Sent::NeverLeft(told(format!(
                "the merchant answers {status}"
            ))));
        }
    }
    let body: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    let Some(token) = body.get(&oauth2.token_at).and_then(Value::as_str) else {
        let why = format!("there is no text {} in the answer", oauth2.token_at);
        return Err(Sent::NeverLeft(told(why)));
    };
    let lifetime = body.get(&oauth2.expires_at).and_then(seconds);
    let lifetime = lifetime.unwrap_or(oauth2.lifetime);
    Ok(Token {
        secret: Secret::new(token),
        until: begun + lifetime.saturating_sub(MARGIN.min(lifetime / 10)),
        is_new: true,
    })
}

/// Seconds, as a number or as a text. No more than a day is believed.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    let most = 24.0 * 3600.0;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(most)))
}

/// The form by which a token is asked for.
async fn form(oauth2: &OAuth2, vault: &Vault, put_in: &mut PutIn) -> Result<String, String> {
    let (kind, user, client) = match &oauth2.grant {
        Grant::Password {
            user,
            password,
            client,
        } => ("password", Some((user, password)), client.as_ref()),
        Grant::ClientCredentials(client) => ("client_credentials", None, Some(client)),
    };
    let mut fields = vec![("grant_type", kind)];
    if let Some((user, password)) = user {
        fields.extend([("username", user.as_str()), ("password", password.as_str())]);
    }
    if let Some(Client { id, secret }) = client {
        fields.extend([
            ("client_id", id.as_str()),
            ("client_secret", secret.as_str()),
        ]);
    }
    fields.extend(oauth2.scope.as_deref().map(|scope| ("scope", scope)));
    let mut form = String::new();
    for (name, value) in fields {
        let value = fill(value, Place::Plain, vault, put_in).await?;
        let and = if form.is_empty() { "" } else { "&" };
        form.push_str(&format!("{and}{name}={}", encoded(&value)));
    }
    Ok(form)
}
