//! `GET …/config/keys` and `PUT …/config/keys/{key}`: what can be set while Harmonia runs.

use crate::app::App;
use crate::body::{listen, receive};
use crate::problem::{Problem, json};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use harmonia_core::access::Scope;
use harmonia_core::agent::Agent;
use harmonia_core::config::{ConfigItem, ConfigKey, check_among};
use harmonia_journey::configure::configure;
use harmonia_journey::ports::CommitError;
use serde_json::{Value, json as value};
use std::sync::Arc;

/// Who changes something where nobody is asked for a key.
const NOBODY: &str = "api";

/// Lists every key, with its value where it is set.
pub async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    app.keys.allow(&headers, Some(Scope::ConfigRead)).await?;
    let _turn = app.asking.acquire().await;
    let items = app.journey.store.config().await?;
    let keys = ConfigItem::all(items);
    Ok(json(StatusCode::OK, &value!({ "keys": keys })))
}

/// Sets one key, or with `null` puts it back to its default.
pub async fn put(
    State(app): State<Arc<App>>,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let allowed = app.keys.allow(&headers, Some(Scope::ConfigWrite)).await;
    // A name that is not even text is nobody's.
    let name = key.map(|Path(key)| key).unwrap_or_default();
    let checked = allowed.and_then(|caller| Ok((caller, find(&name)?)));
    let (caller, key) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            listen(&headers, body).await;
            return Err(problem);
        }
    };
    let received = receive(&app, &headers, body).await?;
    let journey = &app.journey;
    let set = read(&key, &received.bytes, journey.agents.all())?;
    let operator = caller.name.as_deref().unwrap_or(NOBODY).into();
    let (store, signals) = (journey.store.as_ref(), journey.signals.as_ref());
    configure(store, signals, &key, set.clone(), operator, journey.now()).await?;
    Ok(json(StatusCode::OK, &ConfigItem::of(&key, set)))
}

fn find(name: &str) -> Result<ConfigKey, Problem> {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    ConfigKey::find(name).map_err(|_| {
        Problem::not_found(
            "no-such-key",
            format!("there is no configuration key {shown:?}: GET …/config/keys lists them"),
        )
    })
}

/// The value that a body gives a key.
fn read(key: &ConfigKey, body: &[u8], agents: &[Agent]) -> Result<Option<String>, Problem> {
    let document: Value = serde_json::from_slice(body).map_err(|error| {
        let detail = "write an object such as {\"value\": \"60\"}";
        Problem::bad_request("not-json", "The body is not JSON", detail).with_error(
            value!({ "line": error.line(), "column": error.column(), "detail": error.to_string() }),
        )
    })?;
    let Value::Object(mut fields) = document else {
        return Err(unlawful(
            "write an object such as {\"value\": \"60\"}",
            Vec::new(),
        ));
    };
    let given = fields.remove("value");
    let unknown = fields
        .keys()
        .map(|name| (name.clone(), "there is no such field".to_owned()));
    let mut wrong: Vec<(String, String)> = unknown.collect();
    let mut wrong_value = |detail: String| wrong.push(("value".to_owned(), detail));
    let value = match given {
        None => {
            wrong_value("it is missing: write a text, or null for the default".to_owned());
            None
        }
        Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => {
            wrong_value("write a text, or null for the default".to_owned());
            None
        }
    };
    if let Some(value) = &value
        && let Err(detail) = check_among(key, value, agents)
    {
        wrong_value(detail);
    }
    match wrong.is_empty() {
        true => Ok(value),
        false => Err(unlawful(
            "nothing was changed: see errors for what would do",
            wrong,
        )),
    }
}

fn unlawful(detail: &str, wrong: Vec<(String, String)>) -> Problem {
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "bad-value",
        "The value will not do",
        detail,
    );
    wrong.into_iter().fold(problem, |problem, (field, detail)| {
        problem.with_error(value!({ "field": field, "detail": detail }))
    })
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Conflict => Self::busy("another changes the same now"),
            CommitError::StaleLease => Self::internal(&error),
        }
    }
}
