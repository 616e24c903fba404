//! `POST …/feeds/{agent}`: transactions that are pushed, in Harmonia's own format or the feed's.
//!
//! It is answered when everything in it is durable, and says what became of it: how many records
//! were new, known, skipped, rejected, quarantined, and what was wrong with those that were refused.

use crate::app::App;
use crate::body::{Received, listen, receive};
use crate::problem::{Problem, json};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use harmonia_core::access::Scope;
use harmonia_core::card::mask_card_numbers;
use harmonia_core::feed::Feed;
use harmonia_core::push::{Receipt, RequestKey};
use harmonia_journey::agents::Agents;
use harmonia_journey::import::{BodyError, PushedRecords, read_body};
use harmonia_journey::push::{Answer, PushError};
use serde::Serialize;
use serde_json::json as value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;

/// Bodies up to this size are read where they are; larger ones would keep others waiting.
const READ_AT_ONCE: usize = 32 * 1024;
/// The longest key a request may carry.
const MAX_KEY_BYTES: usize = 255;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPEATED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a sender is told.
#[derive(Serialize)]
struct Told<'a> {
    feed: &'a str,
    #[serde(flatten)]
    receipt: &'a Receipt,
}

/// Takes what is pushed.
pub async fn push(
    State(app): State<Arc<App>>,
    agent: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let started = Instant::now();
    // A name that is not even text is nobody's.
    let agent = agent.map(|Path(agent)| agent).unwrap_or_default();
    let answer = answer(&app, &agent, query.as_deref(), &headers, body).await;
    let (feed, response) = match answer {
        Ok((feed, response)) => (Some(feed), response),
        Err(problem) => {
            let known = app.journey.agents.feed(&agent);
            let feed = known.map(|feed| feed.name.to_string());
            tracing::debug!(
                feed,
                status = problem.status().as_u16(),
                "a push was refused"
            );
            (feed, problem.into_response())
        }
    };
    let feed = feed.as_deref().unwrap_or_default();
    app.metrics
        .pushed(feed, response.status(), started.elapsed());
    response
}

async fn answer(
    app: &App,
    agent: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(String, Response<Body>), Problem> {
    let checked = check(app, agent, query, headers).await;
    let (feed, key, sender) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            listen(headers, body).await;
            return Err(problem);
        }
    };
    let received = receive(app, headers, body).await?;
    let (_memory, request) = read(app, &feed, key, received).await?;
    let answer = app.pushes.take(&feed, sender, request).await?;
    Ok((feed.name.to_string(), told(&feed, &answer)))
}

type Checked = (Feed, Option<[u8; 32]>, Option<String>);

/// All that can be said before the body is read.
async fn check(
    app: &App,
    agent: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Checked, Problem> {
    let caller = app.keys.allow(headers, Some(Scope::FeedsWrite)).await?;
    let feed = find(&app.journey.agents, agent)?;
    let feed = match wants_own_format(query, headers)? {
        true => feed.clone(),
        false => feed.canonical(),
    };
    Ok((feed, idempotency_key(headers)?, caller.name))
}

/// The feed of a name, as the command line knows it.
fn find<'a>(agents: &'a Agents, name: &str) -> Result<&'a Feed, Problem> {
    if let Some(feed) = agents.feed(name) {
        return Ok(feed);
    }
    if let Some(agent) = agents.find(name) {
        let names: Vec<&str> = agent.feeds.iter().map(|feed| feed.name.as_str()).collect();
        let detail = format!("{name} has several feeds: name one of {}", names.join(", "));
        return Err(Problem::not_found("no-such-feed", detail));
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let shown = mask_card_numbers(&shown).unwrap_or(shown);
    Err(Problem::not_found(
        "no-such-feed",
        format!("there is no feed {shown:?}: `harmonia check` lists those there are"),
    ))
}

/// Whether a body is in the feed's own format. `?format=own` or `?format=canonical` says so; else
/// JSON is Harmonia's own format, and a file's type the feed's.
fn wants_own_format(query: Option<&str>, headers: &HeaderMap) -> Result<bool, Problem> {
    let mut format = None;
    for part in query
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
    {
        format = Some(match part {
            "format=own" => true,
            "format=canonical" => false,
            _ => {
                return Err(Problem::bad_request(
                    "bad-query",
                    "The query is not understood",
                    "the only parameter is format: own, or canonical",
                )
                .with_error(value!({ "field": "query", "detail": "write ?format=own" })));
            }
        });
    }
    if let Some(format) = format {
        return Ok(format);
    }
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.map_or("", |media| media.to_str().unwrap_or("?"));
    let media = media.split(';').next().unwrap_or_default().trim();
    match media.to_ascii_lowercase().as_str() {
        "" | "application/json" | "application/x-ndjson" | "application/ndjson"
        | "application/jsonl" | "application/json-lines" | "application/x-jsonlines" => Ok(false),
        "text/csv" | "text/plain" | "application/octet-stream" => Ok(true),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-type",
            "The type of the body is not known",
            "send Content-Type: application/json or application/x-ndjson for Harmonia's own \
             format; for the feed's own add ?format=own, or send text/csv, text/plain or \
             application/octet-stream",
        )
        .with(header::ACCEPT, "application/json, application/x-ndjson, text/csv, text/plain, application/octet-stream")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if keys.next().is_some() || key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Problem::bad_request(
            "bad-idempotency-key",
            "The idempotency key is no key",
            format!("send one Idempotency-Key of 1 to {MAX_KEY_BYTES} bytes, such as a UUID"),
        ));
    }
    Ok(Some(Sha256::digest(key).into()))
}

/// Reads the records of a body. What it took of the memory for bodies is given back when the
/// request is answered.
async fn read(
    app: &App,
    feed: &Feed,
    key: Option<[u8; 32]>,
    received: Received,
) -> Result<(Received, PushedRecords), Problem> {
    let most = app.options.most_records;
    let read = move |feed: &Feed, received: Received| {
        let request = read_request(feed, &received.bytes, key, most)?;
        Ok::<_, BodyError>((received, request))
    };
    let result = if received.bytes.len() <= READ_AT_ONCE {
        read(feed, received)
    } else {
        let feed = feed.clone();
        tokio::task::spawn_blocking(move || read(&feed, received))
            .await
            .map_err(|error| Problem::internal(&error))?
    };
    result.map_err(Into::into)
}

fn read_request(
    feed: &Feed,
    body: &[u8],
    key: Option<[u8; 32]>,
    most: usize,
) -> Result<PushedRecords, BodyError> {
    let raws = read_body(feed, body, most)?;
    let sha256: [u8; 32] = Sha256::digest(body).into();
    let of_format = || {
        // The same bytes in another format are another request.
        let mut hash = Sha256::new();
        hash.update([u8::from(feed.is_canonical())]);
        hash.update(sha256);
        hash.finalize().into()
    };
    Ok(PushedRecords {
        key: key.map(|key| RequestKey {
            key,
            body: of_format(),
        }),
        raws,
        size_bytes: body.len() as u64,
        sha256,
    })
}

fn told(feed: &Feed, answer: &Answer) -> Response<Body> {
    let told = Told {
        feed: feed.name.as_str(),
        receipt: &answer.receipt,
    };
    let mut response = json(StatusCode::OK, &told);
    if answer.repeated {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(REPEATED, yes);
    }
    response
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooMany { .. } => Self::too_large(detail),
            BodyError::Empty => Self::bad_request("empty", "There is nothing in it", detail),
            BodyError::NotUtf8 { offset } => {
                not_json(detail).with_error(value!({ "byte": offset, "detail": "not UTF-8" }))
            }
            BodyError::TooDeep { offset } => {
                not_json(detail).with_error(value!({ "byte": offset, "detail": "nested too deep" }))
            }
            BodyError::NotJson {
                line,
                column,
                reason,
            } => not_json(detail)
                .with_error(value!({ "line": line, "column": column, "detail": reason })),
            BodyError::Refused(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-of-this-feed",
                "The body is not what this feed sends",
                detail,
            ),
        }
    }
}

fn not_json(detail: String) -> Problem {
    Problem::bad_request("not-json", "The body is not JSON", detail)
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Overloaded => Self::busy(error.to_string()),
            PushError::Full(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "queue-full",
                "Matching has to catch up first",
                error.to_string(),
            )
            .with(header::RETRY_AFTER, "5"),
            PushError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The idempotency key is another request's",
                error.to_string(),
            ),
            // What exactly keeps the store busy is for its operator, who finds it in the log.
            PushError::Busy(_) => Self::busy(
                "nothing was stored, since the store cannot write now: send it again in a moment",
            ),
            PushError::Broken(_) => Self::internal(&error),
        }
    }
}
