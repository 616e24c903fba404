//! Harmonia over HTTP: pushed feeds, configuration, status, health and metrics.
//!
//! A request's journey: `server` accepts its connection and times out whoever is slow; `app` parts
//! requests by route; `auth` says who asks and whether they may; `body` reads what they sent,
//! within limits; and the handler (`feeds`, `config`, `status`, `health`, `metrics`) asks the journey
//! and answers. What goes wrong becomes a `problem`, here and nowhere else: the journey knows no
//! status codes.

mod app;
mod auth;
mod body;
mod config;
mod feeds;
mod health;
mod metrics;
mod problem;
mod server;
mod status;

pub use app::{Options, Service};
pub use server::{ServeError, Server};
