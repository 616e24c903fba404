//! `GET …/status`: which parts worked last, whether what Harmonia needs is there, how feeds stand.

use crate::app::{App, Service};
use crate::problem::{Problem, json};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use harmonia_core::feed::Feed;
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_journey::quiet::{FeedStanding, standings};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a service is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Everything there is to say.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    checkins: Vec<CheckIn>,
    services: Vec<Health>,
    feeds: Vec<FeedStanding>,
}

/// When a part worked last.
#[derive(Serialize)]
struct CheckIn {
    name: String,
    timestamp: f64,
    seconds_ago: i64,
    human_readable: String,
}

/// Whether a service is there.
#[derive(Serialize)]
struct Health {
    name: &'static str,
    dsn: String,
    healthy: bool,
}

/// Says where everything stands. Any key will do.
pub async fn status(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    app.keys.allow(&headers, None).await?;
    let now = app.journey.now();
    let turn = app.asking.acquire().await;
    let feeds = feeds_of(&app).await?;
    let checkins = app.journey.signals.check_ins().await?;
    // A service that does not answer keeps nobody else waiting.
    drop(turn);
    let mut services = Vec::with_capacity(app.options.services.len());
    for service in &app.options.services {
        services.push(health(&app, service).await);
    }
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        checkins: checkins
            .into_iter()
            .map(|(name, at)| checkin(name, at, now))
            .collect(),
        services,
        feeds,
    };
    Ok(json(StatusCode::OK, &status))
}

/// How each feed stands.
pub async fn feeds_of(app: &App) -> Result<Vec<FeedStanding>, Problem> {
    let feeds = all_feeds(app);
    let store = app.journey.store.as_ref();
    Ok(standings(feeds, store, app.journey.now()).await?)
}

fn all_feeds(app: &App) -> impl Iterator<Item = &Feed> {
    app.journey
        .agents
        .all()
        .iter()
        .flat_map(|agent| &agent.feeds)
}

fn checkin(name: String, at: Instant, now: Instant) -> CheckIn {
    let seconds_ago = (now.0 - at.0).max(0) / SECOND_US;
    CheckIn {
        name,
        timestamp: seconds(at),
        seconds_ago,
        human_readable: ago(seconds_ago),
    }
}

/// Seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of this millennium fit into the 53 bits of a double's fraction"
)]
pub fn seconds(at: Instant) -> f64 {
    at.0 as f64 / 1e6
}

fn ago(seconds: i64) -> String {
    const UNITS: [(&str, i64); 4] = [
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
        ("second", 1),
    ];
    let unit = UNITS.into_iter().find(|(_, length)| seconds >= *length);
    match unit.map(|(name, length)| (name, seconds / length)) {
        None => "just now".to_owned(),
        Some((name, 1)) => format!("1 {name} ago"),
        Some((name, count)) => format!("{count} {name}s ago"),
    }
}

/// Whether a service is there: the store when it answers, others when they take a connection.
async fn health(app: &App, service: &Service) -> Health {
    let healthy = match &service.address {
        None => app.journey.store.ready().await.is_ok(),
        Some(address) => {
            let connecting = tokio::net::TcpStream::connect(address.as_str());
            matches!(tokio::time::timeout(PATIENCE, connecting).await, Ok(Ok(_)))
        }
    };
    Health {
        name: service.name,
        dsn: service.dsn.clone(),
        healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::ago;

    #[test]
    fn times_are_told_as_people_tell_them() {
        for (seconds, told) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (7_300, "2 hours ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(seconds), told);
        }
    }
}
