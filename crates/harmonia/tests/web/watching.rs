//! Health, status, metrics.

use crate::serving::{JSON, Serving, open_town, payment, sale};
use crate::support::Place;
use crate::town::{PROVIDER, SCHEME};

/// The town, whose network is expected every two hours.
fn expecting() -> Place {
    let place = open_town();
    for agent in [SCHEME, PROVIDER] {
        let path = format!("{}/../../agents/{agent}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(path).unwrap();
        if agent == PROVIDER {
            let source = text.find("source").unwrap();
            text.insert_str(source, "expected = { every = \"2h\", numbered = true }\n");
        }
        place.write(&format!("agents/{agent}.toml"), text);
    }
    let folder = place.path("agents").display().to_string();
    place.with("TXM_AGENTS_DIR", folder)
}

/// Makes the imports so far look as old as that.
fn make_older(place: &Place, hours: i64) {
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let older = "UPDATE import_file_log SET created_at = created_at - ?1 * 3600000000,
                 finished_at = finished_at - ?1 * 3600000000";
    database.execute(older, [hours]).unwrap();
}

#[track_caller]
fn has(metrics: &[String], line: &str) {
    assert!(
        metrics.iter().any(|known| known == line),
        "no {line} in {metrics:#?}"
    );
}

fn standing(metrics: &[String]) -> String {
    let prefix = format!("harmonia_feed_standing{{feed=\"{PROVIDER}\",standing=\"");
    let mut lines = metrics.iter().filter_map(|line| line.strip_prefix(&prefix));
    let line = lines.find(|line| line.ends_with(" 1")).unwrap();
    line.split('"').next().unwrap().to_owned()
}

#[test]
fn metrics_say_which_feeds_are_on_time_late_and_missing() {
    let place = expecting();
    let serving = Serving::start(&place);
    assert_eq!(standing(&serving.metrics()), "missing");
    for number in [7, 8, 10] {
        let record = crate::town::payment(&format!("n{number}"), "10:00:00", 1099, "token-1");
        let file = place.write(&format!("pay-{number}.dat"), record);
        place.ok(&["import", PROVIDER, &file]);
    }
    let later = || {
        std::thread::sleep(std::time::Duration::from_millis(900));
        serving.metrics()
    };
    let metrics = later();
    assert_eq!(standing(&metrics), "on_time");
    has(
        &metrics,
        &format!("harmonia_feed_sequence_gaps{{feed=\"{PROVIDER}\"}} 1"),
    );
    make_older(&place, 3);
    assert_eq!(standing(&later()), "late");
    make_older(&place, 3);
    assert_eq!(standing(&later()), "missing");
    let key = format!("harmonia_feed_last_arrival_timestamp_seconds{{feed=\"{PROVIDER}\"}}");
    assert!(later().iter().any(|line| line.starts_with(&key)));
}

#[test]
fn metrics_say_what_stands_where() {
    let place = expecting();
    let serving = Serving::start(&place);
    let mut stranger = payment("p3");
    stranger["mid"] = "nobody".into();
    serving.taken(
        PROVIDER,
        &[
            payment("p1"),
            payment("p1"),
            stranger,
            serde_json::json!({}),
        ],
    );
    serving.push(PROVIDER, &[JSON], "[").is_problem(400, &[]);
    serving.push("nobody", &[JSON], "[]").is_problem(404, &[]);
    let metrics = serving.metrics();
    let of = |outcome: &str| {
        format!("harmonia_feed_records_total{{feed=\"{PROVIDER}\",outcome=\"{outcome}\"}}")
    };
    for line in [
        format!("{} 1", of("new")),
        format!("{} 1", of("duplicate")),
        format!("{} 1", of("rejected")),
        format!("{} 1", of("quarantined")),
        "harmonia_rejects{state=\"QUARANTINED\"} 1".to_owned(),
        "harmonia_rejects{state=\"REJECTED\"} 1".to_owned(),
        "harmonia_jobs{queue=\"matching\",state=\"due\"} 1".to_owned(),
        "harmonia_exports{state=\"PENDING\"} 0".to_owned(),
        format!("harmonia_push_requests_total{{feed=\"{PROVIDER}\",status=\"200\"}} 1"),
        format!("harmonia_push_requests_total{{feed=\"{PROVIDER}\",status=\"400\"}} 1"),
        "harmonia_push_requests_total{feed=\"\",status=\"404\"} 1".to_owned(),
        "harmonia_push_duration_seconds_count 3".to_owned(),
        "harmonia_push_duration_seconds_bucket{le=\"+Inf\"} 3".to_owned(),
    ] {
        has(&metrics, &line);
    }
    place.ok(&["drain"]);
    std::thread::sleep(std::time::Duration::from_millis(900));
    has(
        &serving.metrics(),
        "harmonia_open_payments{reason=\"NO_SALE\"} 1",
    );
    // Each line is a comment, or a name with labels and a number.
    for line in serving
        .metrics()
        .iter()
        .filter(|line| !line.starts_with('#'))
    {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("harmonia_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn metrics_may_have_an_address_of_their_own() {
    let place = open_town().with("TXM_METRICS_LISTEN", "127.0.0.1:0");
    let serving = Serving::start(&place);
    assert!(serving.metrics.is_some());
    has(&serving.metrics(), "harmonia_push_commits_total 0");
    serving
        .ask("GET", "/metrics", &[], b"")
        .is_problem(404, &[]);
    assert_eq!(serving.ask("GET", "/livez", &[], b"").status, 200);
}

#[test]
fn status_says_what_worked_and_what_is_there() {
    let place = open_town().with("TXM_AMQP_DSN", "amqp://me:secret@127.0.0.1:1/%2f");
    let serving = Serving::start(&place);
    let ask = || serving.ask("GET", "/txm/status", &[], b"").json();
    assert_eq!(ask()["checkins"], serde_json::json!([]));
    serving.taken(SCHEME, &[sale("s1")]);
    let status = ask();
    let checkin = &status["checkins"][0];
    assert_eq!(checkin["name"], "SchemeImportDirector");
    assert!(checkin["timestamp"].as_f64().unwrap() > 1.7e9, "{status}");
    assert!(checkin["seconds_ago"].as_i64().unwrap() < 60, "{status}");
    assert!(checkin["human_readable"].is_string(), "{status}");
    let services = status["services"].as_array().unwrap();
    assert_eq!(
        (&services[0]["name"], &services[0]["healthy"]),
        (&"sqlite".into(), &true.into())
    );
    assert_eq!(
        (&services[1]["name"], &services[1]["healthy"]),
        (&"amqp".into(), &false.into())
    );
    assert_eq!(services[1]["dsn"], "amqp://me@127.0.0.1:1/%2f");
    assert!(!status.to_string().contains("secret"), "{status}");
    assert_eq!(status["feeds"][0]["feed"], SCHEME);
}

#[test]
fn a_schema_that_is_another_versions_is_not_ready() {
    let place = open_town();
    let serving = Serving::start(&place);
    assert_eq!(serving.ask("GET", "/readyz", &[], b"").status, 200);
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let newer = "INSERT INTO schema_migration (number, name, checksum) VALUES (999, 'x', 'x')";
    database.execute(newer, []).unwrap();
    serving.ask("GET", "/readyz", &[], b"").is_problem(503, &[]);
    assert_eq!(serving.ask("GET", "/livez", &[], b"").status, 200);
}

#[test]
fn an_address_that_is_taken_is_said() {
    let place = open_town();
    let serving = Serving::start(&place);
    let place = place.with("TXM_LISTEN", serving.address);
    for command in ["serve", "run"] {
        let answer = place.run(&[command]);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.err.contains("TXM_LISTEN") && answer.err.contains("Another program"));
    }
}
