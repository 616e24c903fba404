//! `GET /metrics`: what to watch, as Prometheus reads it.
//!
//! What stands in the store is asked of it; what happens here, the pushes, is counted here and
//! begins at nought with the process, as counters may.

use crate::app::App;
use crate::problem::Problem;
use crate::status::{feeds_of, seconds};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use harmonia_core::feed::expected::Punctuality;
use harmonia_core::time::Instant;
use harmonia_journey::ports::Gauges;
use harmonia_journey::quiet::FeedStanding;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant as Moment;

/// The upper ends of the classes of durations, in microseconds.
const CLASSES_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// What the store said is told again for at least so long.
const TOLD_AGAIN: Duration = Duration::from_millis(500);
/// And for so many times as long as it took to say it, however often it is asked.
const TIMES_AS_LONG: u32 = 10;

/// What is counted here, and what the store said last.
#[derive(Default)]
pub struct Metrics {
    pushes: Mutex<Counted>,
    said: tokio::sync::Mutex<Option<Said>>,
}

#[derive(Default)]
struct Counted {
    /// Requests by feed and status.
    requests: BTreeMap<(String, u16), u64>,
    /// How many took no longer than each class's end, and how many longer than all.
    classes: [u64; CLASSES_US.len() + 1],
    sum_us: u64,
}

struct Said {
    text: String,
    until: Moment,
}

impl Metrics {
    /// Counts a push: of a feed, or of none that there is.
    pub fn pushed(&self, feed: &str, status: StatusCode, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = CLASSES_US.iter().position(|end| took_us <= *end);
        let mut counted = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (feed.to_owned(), status.as_u16());
        *counted.requests.entry(key).or_default() += 1;
        counted.classes[class.unwrap_or(CLASSES_US.len())] += 1;
        counted.sum_us = counted.sum_us.saturating_add(took_us);
    }
}

/// Tells everything.
pub async fn metrics(
    State(app): State<Arc<App>>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let mut page = Page::default();
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    page.family("harmonia_build_info", "gauge", "Which Harmonia this is");
    page.line("harmonia_build_info", &build, 1);
    pushes(&app, &mut page);
    let mut text = page.0;
    text.push_str(&of_store(&app).await?);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

/// What the store says, asked at most every so often: some of it is counted row by row.
async fn of_store(app: &App) -> Result<String, Problem> {
    let mut said = app.metrics.said.lock().await;
    let asked = Moment::now();
    if let Some(said) = said.as_ref()
        && asked < said.until
    {
        return Ok(said.text.clone());
    }
    let now = app.journey.now();
    let gauges = app.journey.store.gauges(now).await?;
    let mut page = Page::default();
    feeds(&feeds_of(app).await?, &mut page);
    stands(&gauges, now, &mut page);
    let took = asked.elapsed();
    *said = Some(Said {
        text: page.0.clone(),
        until: Moment::now() + TOLD_AGAIN.max(took * TIMES_AS_LONG),
    });
    Ok(page.0)
}

fn pushes(app: &App, page: &mut Page) {
    let counted = app
        .metrics
        .pushes
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let name = "harmonia_push_requests_total";
    page.family(name, "counter", "Requests to push, by feed and HTTP status");
    for ((feed, status), count) in &counted.requests {
        page.line(
            name,
            &[("feed", feed), ("status", &status.to_string())],
            count,
        );
    }
    let name = "harmonia_push_commits_total";
    page.family(
        name,
        "counter",
        "Commits of pushed requests, each of one or many",
    );
    page.line(name, &[], app.pushes.commits());
    let name = "harmonia_push_duration_seconds";
    page.family(
        name,
        "histogram",
        "How long a push took until it was answered",
    );
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (end_us, count) in CLASSES_US.iter().zip(&counted.classes) {
        below += count;
        page.line(&bucket, &[("le", &in_seconds(*end_us))], below);
    }
    below += counted.classes[CLASSES_US.len()];
    page.line(&bucket, &[("le", "+Inf")], below);
    page.line(&format!("{name}_sum"), &[], in_seconds(counted.sum_us));
    page.line(&format!("{name}_count"), &[], below);
}

fn feeds(feeds: &[FeedStanding], page: &mut Page) {
    let name = "harmonia_feed_standing";
    let help =
        "1 for how a feed stands against what its agent file expects: on_time, late, missing";
    page.family(name, "gauge", help);
    for feed in feeds {
        let Some(standing) = feed.standing else {
            continue;
        };
        for (label, of) in [
            ("on_time", Punctuality::OnTime),
            ("late", Punctuality::Late),
            ("missing", Punctuality::Missing),
        ] {
            let labels = [("feed", feed.feed.as_str()), ("standing", label)];
            page.line(name, &labels, u8::from(standing == of));
        }
    }
    let name = "harmonia_feed_last_arrival_timestamp_seconds";
    page.family(name, "gauge", "When something of a feed was imported last");
    for feed in feeds {
        if let Some(at) = feed.last_arrival {
            page.line(name, &[("feed", &feed.feed)], seconds(at));
        }
    }
    let name = "harmonia_feed_sequence_gaps";
    page.family(name, "gauge", "Numbered files of a feed that did not come");
    for feed in feeds.iter().filter(|feed| feed.expected.is_some()) {
        page.line(name, &[("feed", &feed.feed)], feed.gaps.len());
    }
    let name = "harmonia_feed_volume_ratio";
    page.family(
        name,
        "gauge",
        "Records of a feed's last whole day to those of a usual day",
    );
    for feed in feeds {
        if let (Some(last), Some(usual @ 1..)) = (feed.last_day, feed.usual_day) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a ratio of counts, to be watched"
            )]
            page.line(name, &[("feed", &feed.feed)], last as f64 / usual as f64);
        }
    }
}

fn stands(gauges: &Gauges, now: Instant, page: &mut Page) {
    let name = "harmonia_feed_records_total";
    page.family(name, "counter", "Records of a feed by what became of them");
    for (feed, counts) in &gauges.feeds {
        let outcomes = ["new", "duplicate", "skipped", "rejected", "quarantined"];
        for (outcome, count) in outcomes.into_iter().zip(counts) {
            page.line(name, &[("feed", feed), ("outcome", outcome)], count);
        }
    }
    for (name, label, help, counts) in [
        (
            "harmonia_open_payments",
            "reason",
            "Payments that had their turn and are open",
            &gauges.open_payments,
        ),
        (
            "harmonia_rejects",
            "state",
            "Records that were not taken",
            &gauges.rejects,
        ),
        (
            "harmonia_exports",
            "state",
            "What merchants are to be told",
            &gauges.exports,
        ),
    ] {
        page.family(name, "gauge", help);
        for (value, count) in counts {
            page.line(name, &[(label, value)], count);
        }
    }
    let name = "harmonia_jobs";
    page.family(
        name,
        "gauge",
        "Jobs of a queue: due, scheduled for later, leased",
    );
    for (queue, due, later, leased) in &gauges.jobs {
        for (state, count) in [("due", due), ("scheduled", later), ("leased", leased)] {
            page.line(name, &[("queue", queue), ("state", state)], count);
        }
    }
    let name = "harmonia_oldest_due_job_age_seconds";
    page.family(
        name,
        "gauge",
        "How long the job has been due that has waited longest",
    );
    for (queue, since) in &gauges.oldest_due {
        let age_us = u64::try_from(now.0 - since.0).unwrap_or(0);
        page.line(name, &[("queue", queue)], in_seconds(age_us));
    }
}

fn in_seconds(micros: u64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The text that Prometheus reads.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let escaped = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let begin = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{begin}{label}=\"{escaped}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_escaped_and_numbers_plain() {
        let mut page = Page::default();
        page.line("a", &[("b", "c\"d\\e\nf"), ("g", "h")], 1);
        page.line("a", &[], in_seconds(2_500));
        page.line("a", &[], in_seconds(10_000_000));
        assert_eq!(
            page.0,
            "a{b=\"c\\\"d\\\\e\\nf\",g=\"h\"} 1\na 0.0025\na 10\n"
        );
    }
}
