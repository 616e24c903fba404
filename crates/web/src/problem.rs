//! What went wrong, as RFC 9457 has it: `application/problem+json` with a type, a title, and a
//! detail that a person can act on.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use harmonia_journey::ports::StoreError;
use serde::Serialize;
use serde_json::Value;

/// A request that is not answered as its sender hoped.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// How a problem is written.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    errors: &'a [Value],
}

impl Problem {
    /// A problem of a kind (the last part of its `type`), which always has the same title.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Something about the request is wrong, which its sender can mend.
    pub fn bad_request(kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, title, detail)
    }

    /// More was sent than may be.
    pub fn too_large(detail: impl Into<String>) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(status, "too-large", "The request is too large", detail)
    }

    /// It may go well in a moment.
    pub fn busy(detail: impl Into<String>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "busy", "Not now", detail).with(header::RETRY_AFTER, "1")
    }

    /// Something is broken on this side. What it is goes to the log, not to whoever asks.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let detail = "the fault is on this side, and its log says what it is";
        Self::new(status, "internal", "Something is broken", detail)
    }

    /// There is nothing here.
    pub fn not_found(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            kind,
            "There is no such thing",
            detail,
        )
    }

    /// With one entry for each thing that is wrong.
    pub fn with_error(mut self, error: Value) -> Self {
        self.errors.push(error);
        self
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// With a header that was put together here.
    pub fn with_text(mut self, name: HeaderName, value: &str) -> Self {
        self.headers
            .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::busy("the store does not answer now"),
            StoreError::Broken(_) => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let document = Document {
            r#type: format!("urn:harmonia:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = json(self.status, &document);
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        headers.extend(self.headers);
        response
    }
}

/// A JSON document as an answer. Nobody may keep it for later: it is of this moment.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // What is serialised here are plain values with text keys: that cannot fail.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let plain = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, plain);
    response
}
