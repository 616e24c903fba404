//! How a merchant is asked and told over HTTP.

use async_trait::async_trait;
use harmonia_core::export::request::{Answer, Request};
use harmonia_core::ids::Slug;

/// What came of a request. Whoever sends tells these apart by what is safe to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The merchant answered, whatever it said.
    Answered(Answer),
    /// Nothing of it reached the merchant: it may be sent again. Why, without secrets.
    NeverLeft(String),
    /// It may have been done: the merchant was connected, and did not answer whole. Why, without secrets.
    MayHaveArrived(String),
    /// It cannot be sent until somebody mends a setting or a secret: what, without secrets.
    NotConfigured(String),
}

/// Sends requests. It neither tries again nor follows a redirect: what is safe to repeat, the journey
/// decides. Only where a merchant answers 401 to a token of OAuth2 that was kept, and so did nothing, is
/// the request sent once more, with a new one.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Sends one request to the merchant of a scheme and waits for the whole answer, no longer than
    /// the request says.
    async fn send(&self, scheme: &Slug, request: &Request) -> Sent;
}
