//! One request to a merchant and what it answered, as values: what is told is decided here, and sent
//! elsewhere.
//!
//! A secret stands as `<secret:name>` wherever it belongs, in the URL, a header or the body, until the
//! moment of sending: so what is kept, logged or shown of a request never holds one. One that stands at the
//! beginning of the URL is the merchant's address, `https://…`, and is put in as it is but for a slash at its
//! end; within a body, which is JSON, one is put in as a JSON text is written, without the quotes.
//!
//! The key by which the merchant knows an export again is among the headers, as `Idempotency-Key`.

use super::auth::Auth;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What is done to the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks.
    Get,
    /// Tells.
    #[default]
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request that is whole but for its secrets, and for what its authentication adds. It can be kept as
/// it is (sealed, for it may hold a member's credentials) and sent again later, the same. For the same reason
/// neither its address nor its headers' values nor its body is shown where it is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is done.
    pub method: Method,
    /// Where: absolute.
    pub url: String,
    /// Names and values, in the order they are sent.
    pub headers: Vec<(String, String)>,
    /// The body, where there is one.
    pub body: Option<String>,
    /// How the merchant knows that it is us.
    pub auth: Auth,
    /// How long all of it may take, from connecting to the last byte of the answer.
    pub within: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .field("auth", &self.auth)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// What a merchant answered, its body cut at a limit and read as UTF-8, with U+FFFD for what is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// How long it asks to be left alone (`Retry-After`), whether as seconds or as a date.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: String,
}
