//! What each agent file tells its merchant, from the outside.
//!
//! Each folder `fixtures/exports/<agent>/` holds `in.jsonl`, an export a line, and beside it
//!
//! | file | holds |
//! |---|---|
//! | `out.jsonl` | the body of each export, as `harmonia exports render` prints it; of a batch agent, of each batch |
//! | `fates.jsonl` | for each export why it is `held` or `skipped`, or `{}` where it is sent |
//! | `answers.jsonl` | what the merchant may answer, to the export or to one of its `check`s, and what that means |
//! | `secrets.json` | the secrets that values are computed from |
//!
//! Digests, ids and dates in them were made by other tools than ours.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

use harmonia_core::agent::Agent;
use harmonia_core::export::auth::{Auth, Grant};
use harmonia_core::export::batch::{About, uid_of};
use harmonia_core::export::request::{Answer, Method, Request};
use harmonia_core::export::{
    Checked, ExportTransaction, Found, Plan, Unmade, Verdict, no_secrets, secret_mark,
};
use harmonia_core::time::Instant;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports")
}

fn plan_of(slug: &str) -> Plan {
    let name = format!("agents/{slug}.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(&name);
    let agent = Agent::parse(&name, &std::fs::read_to_string(path).unwrap()).unwrap();
    agent.export.unwrap()
}

/// An agent and what is known of it.
struct Case {
    slug: String,
    plan: Plan,
    exports: Vec<ExportTransaction>,
    secrets: HashMap<String, String>,
}

impl Case {
    fn of(slug: &str) -> Self {
        let exports = lines(slug, "in.jsonl").into_iter();
        let secrets = std::fs::read_to_string(root().join(slug).join("secrets.json"));
        Self {
            slug: slug.to_owned(),
            plan: plan_of(slug),
            exports: exports
                .map(|line| serde_json::from_value(line).unwrap())
                .collect(),
            secrets: secrets.map_or_else(
                |_| HashMap::new(),
                |text| serde_json::from_str(&text).unwrap(),
            ),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned()
    }

    /// What is printed for its exports.
    fn bodies(&self) -> Vec<String> {
        let secrets = |name: &str| self.secret(name);
        let Some(batch) = self.plan.batch() else {
            let body = |export| self.plan.render(export, &secrets).unwrap();
            return self.exports.iter().map(body).collect();
        };
        let document = |exports: &[ExportTransaction]| {
            let rows = self.plan.rows(exports, &secrets).into_iter();
            let rows: Vec<_> = rows.map(Result::unwrap).collect();
            let document = batch.document(&rows, &about(&exports[0])).unwrap();
            String::from_utf8(document).unwrap()
        };
        self.exports.chunks(batch.size).map(document).collect()
    }
}

fn about(first: &ExportTransaction) -> About {
    About {
        now: Instant(0),
        uid: uid_of(first),
        sequence: None,
    }
}

fn lines(slug: &str, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(slug).join(name)).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn cases() -> Vec<Case> {
    let folders = std::fs::read_dir(root()).unwrap();
    let slug = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut slugs: Vec<String> = folders.map(|entry| slug(entry.unwrap())).collect();
    slugs.sort();
    slugs.iter().map(|slug| Case::of(slug)).collect()
}

#[test]
fn every_agent_that_exports_has_its_bodies_here() {
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    for entry in std::fs::read_dir(agents).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let slug = path.file_stem().unwrap().to_str().unwrap();
        let exports = text.lines().any(|line| line == "[export]");
        assert_eq!(exports, root().join(slug).is_dir(), "{slug}");
    }
}

#[test]
fn a_merchant_is_told_what_it_wants_to_hear() {
    for case in cases() {
        let wanted = lines(&case.slug, "out.jsonl");
        let bodies = case.bodies();
        assert_eq!(bodies.len(), wanted.len(), "{}", case.slug);
        for (at, (body, wanted)) in bodies.iter().zip(&wanted).enumerate() {
            if let Value::String(text) = wanted {
                assert_eq!(body, text, "{} {at}", case.slug);
                continue;
            }
            let body: Value = serde_json::from_str(body).unwrap();
            // `10` and `10.0` are one number.
            assert_eq!(numbers(body), numbers(wanted.clone()), "{} {at}", case.slug);
        }
    }
}

fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().unwrap().into(),
        Value::Array(values) => values.into_iter().map(numbers).collect(),
        Value::Object(values) => values
            .into_iter()
            .map(|(key, value)| (key, numbers(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn what_lacks_something_is_held_and_what_is_too_small_is_skipped() {
    for case in cases() {
        for (at, (export, fate)) in case
            .exports
            .iter()
            .zip(lines(&case.slug, "fates.jsonl"))
            .enumerate()
        {
            let held = case.plan.lacks(export);
            let needed = fate["held"]
                .as_str()
                .map(|name| format!("there is no {name}, which the merchant needs"));
            assert_eq!(held, needed, "{} {at}", case.slug);
            if held.is_none() {
                assert_eq!(
                    case.plan.skips(export).as_deref(),
                    fate["skipped"].as_str(),
                    "{} {at}",
                    case.slug
                );
            }
        }
    }
}

#[test]
fn an_answer_means_what_the_merchant_means_by_it() {
    for case in cases() {
        for line in lines(&case.slug, "answers.jsonl") {
            let answer = Answer {
                status: u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
                retry_after: None,
                body: line["body"].as_str().unwrap().to_owned(),
            };
            let (is, reason, found) = match line["check"].as_str() {
                None => match case.plan.judge(&answer) {
                    Verdict::Delivered => ("delivered", None, None),
                    Verdict::Again(reason) => ("again", Some(reason), None),
                    Verdict::Final(reason) => ("final", Some(reason), None),
                },
                Some(name) => learned(&case, name, &line, &answer),
            };
            assert_eq!(is, line["is"], "{}: {line}", case.slug);
            if let Some(wanted) = line["reason"].as_str() {
                assert_eq!(reason.as_deref(), Some(wanted), "{}: {line}", case.slug);
            }
            if let Some(wanted) = line["found"].as_object() {
                assert_eq!(found.as_ref(), Some(wanted), "{}", case.slug);
            }
        }
    }
}

fn learned(
    case: &Case,
    name: &str,
    line: &Value,
    answer: &Answer,
) -> (&'static str, Option<String>, Option<Found>) {
    let mut checks = case.plan.http.iter().flat_map(|http| &http.checks);
    let check = checks.find(|check| check.name == name).unwrap();
    let at = usize::try_from(line["export"].as_u64().unwrap_or(0)).unwrap();
    match case.plan.learn(check, &case.exports[at], answer) {
        Checked::GoOn(found) => ("go-on", None, Some(found)),
        Checked::Skip(reason) => ("skip", Some(reason), None),
        Checked::Again(reason) => ("again", Some(reason), None),
        Checked::Final(reason) => ("final", Some(reason), None),
    }
}

/// A promotion is one line of an agent file: the last export is of its first day, the one before of the
/// second before it.
#[test]
fn the_history_is_compared_by_the_rate_of_the_purchases_day() {
    let case = Case::of("the-works");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/the-works.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let always = "[ { rate = 5 } ]";
    assert!(text.contains(always));
    let promotion = "[ { rate = 5 }, { from = '2026-11-27', to = '2026-11-30', rate = 10 } ]";
    let text = text.replace(always, promotion);
    let plan = Agent::parse("agents/the-works.toml", &text)
        .unwrap()
        .export
        .unwrap();
    let check = &plan.http.as_ref().unwrap().checks[0];
    for (at, day, points, is_duplicate) in [
        (6, "2026-11-26", 5, true),
        (6, "2026-11-26", 10, false),
        (7, "2026-11-27", 5, false),
        (7, "2026-11-27", 10, true),
    ] {
        let line = serde_json::json!([day, "15:46:12", "Points", points]);
        let answer = Answer {
            status: 200,
            retry_after: None,
            body: serde_json::json!({ "result": ["x", "0", "", "", "", [line]] }).to_string(),
        };
        let learned = plan.learn(check, &case.exports[at], &answer);
        let is_skipped = learned == Checked::Skip("duplicate".to_owned());
        assert_eq!(is_skipped, is_duplicate, "{at} {points}: {learned:?}");
    }
}

/// Each agent's request for its first export, as far as it is not its body.
#[test]
fn a_request_goes_where_it_should_as_who_we_are() {
    for (slug, method, url) in [
        (
            "wasabi-club",
            Method::Post,
            "<secret:wasabi-club-url>/PostMatchedTransaction",
        ),
        (
            "stonegate",
            Method::Post,
            "<secret:stonegate-url>/PostMatchedTransaction",
        ),
        (
            "itsu",
            Method::Post,
            "<secret:itsu-url>/api/Transaction/PostOrder",
        ),
        (
            "tgi-fridays",
            Method::Post,
            "<secret:tgi-fridays-url>/api2/dashboard/users/support",
        ),
        ("the-works", Method::Post, "<secret:the-works-url>"),
        (
            "squaremeal",
            Method::Post,
            "<secret:squaremeal-url>/api/BinkTransactions",
        ),
        (
            "bpl-trenette",
            Method::Post,
            "<secret:bpl-trenette-url>/trenette/transaction",
        ),
        (
            "bpl-viator",
            Method::Post,
            "<secret:bpl-viator-url>/viator/transaction",
        ),
        (
            "bpl-cortado",
            Method::Post,
            "<secret:bpl-cortado-url>/cortado/transaction",
        ),
        (
            "slim-chickens",
            Method::Post,
            "<secret:slim-chickens-url>/2.0/connect/account/redeem",
        ),
        (
            "costa",
            Method::Post,
            "<secret:costa-url>/costa/transactions",
        ),
    ] {
        let case = Case::of(slug);
        let found = Found::from_iter([("token".to_owned(), "v-1".into())]);
        let request = case
            .plan
            .request(&case.exports[0], &found, &no_secrets)
            .unwrap();
        assert_eq!((request.method, request.url.as_str()), (method, url));
        let key = case.exports[0].export_uid.unwrap().to_string();
        assert_eq!(
            header(&request, "Idempotency-Key"),
            Some(key.as_str()),
            "{slug}"
        );
        assert_eq!(
            header(&request, "Content-Type"),
            Some("application/json"),
            "{slug}"
        );
        let again = case
            .plan
            .request(&case.exports[0], &found, &no_secrets)
            .unwrap();
        assert_eq!(request, again, "{slug}: the same bytes each time");
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers.iter();
    headers
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn each_merchant_is_shown_who_we_are_in_its_own_way() {
    let auth = |slug: &str| {
        let case = Case::of(slug);
        let found = Found::from_iter([("token".to_owned(), "v-1".into())]);
        case.plan
            .request(&case.exports[0], &found, &no_secrets)
            .unwrap()
            .auth
    };
    let token = |value: &str| Auth::Token {
        header: "Authorization".into(),
        value: value.into(),
    };
    assert_eq!(auth("wasabi-club"), Auth::None);
    assert_eq!(auth("bpl-viator"), token("Token <secret:bpl-viator-token>"));
    assert_eq!(
        auth("tgi-fridays"),
        token("Bearer <secret:tgi-fridays-token>")
    );
    let hashed = Auth::Hashed {
        header: "X-EES-AUTH-HASH".into(),
        secret: "slim-chickens-hash".into(),
    };
    assert_eq!(auth("slim-chickens"), hashed);
    let slim = Case::of("slim-chickens");
    let found = Found::from_iter([("token".to_owned(), "v-1".into())]);
    let request = slim.plan.request(&slim.exports[0], &found, &no_secrets);
    assert_eq!(
        header(&request.unwrap(), "X-EES-AUTH-CLIENT-ID"),
        Some("<secret:slim-chickens-client>")
    );
    let Auth::OAuth2(oauth2) = auth("itsu") else {
        panic!("itsu asks for a token");
    };
    assert_eq!(oauth2.token_url, "<secret:itsu-url>/token");
    let grant = Grant::Password {
        user: secret_mark("itsu-user"),
        password: secret_mark("itsu-password"),
        client: None,
    };
    assert_eq!(oauth2.grant, grant);
}

#[test]
fn what_is_asked_before_is_a_request_of_its_own() {
    let ask = |slug: &str, at: usize| {
        let case = Case::of(slug);
        let check = case.plan.http.as_ref().unwrap().checks[0].clone();
        let request = case
            .plan
            .ask(&check, &case.exports[at], &Found::new(), &no_secrets);
        (check.is_history(), request.unwrap().unwrap())
    };
    let (is_history, timeline) = ask("tgi-fridays", 0);
    assert!(is_history);
    assert_eq!(timeline.method, Method::Get);
    let path = "/api2/dashboard/users/extensive_timeline?user_id=member-7";
    assert_eq!(timeline.url, format!("<secret:tgi-fridays-url>{path}"));
    assert_eq!(timeline.body, None);

    let (is_history, history) = ask("the-works", 0);
    assert!(is_history);
    let body: Value = serde_json::from_str(&history.body.unwrap()).unwrap();
    let asked = [
        Value::from("member-7"),
        "".into(),
        "".into(),
        "Points".into(),
    ];
    assert_eq!(body["method"], "dc_995");
    assert_eq!(body["params"].as_array().unwrap()[4..], asked);
    let case = Case::of("the-works");
    let told: Value = serde_json::from_str(&case.bodies()[0]).unwrap();
    assert_ne!(
        body["params"][1], told["params"][1],
        "each request has its own id"
    );

    let (is_history, search) = ask("slim-chickens", 0);
    assert!(!is_history);
    let basic = Auth::Basic {
        user: "someone@example.com-<secret:slim-chickens-channel>".into(),
        password: "open sesame".into(),
    };
    assert_eq!(search.auth, basic);
}

#[test]
fn what_is_a_members_own_is_not_printed() {
    let case = Case::of("slim-chickens");
    let check = &case.plan.http.as_ref().unwrap().checks[0];
    let mut export = case.exports[0].clone();
    export.loyalty_id = Some("canary-loyalty".into());
    export.extra_fields = Some(serde_json::json!({ "note": "canary-extra" }));
    export.credentials = Some(serde_json::json!({
        "email": "canary-email", "password": "canary-password", "merchant_identifier": "canary-id",
    }));
    let search = case.plan.ask(check, &export, &Found::new(), &no_secrets);
    let search = search.unwrap().unwrap();
    let Auth::Basic { user, password } = &search.auth else {
        panic!("the search is made as the member");
    };
    assert!(user.starts_with("canary-email-") && password == "canary-password");
    let friday = Case::of("tgi-fridays");
    let timeline = &friday.plan.http.as_ref().unwrap().checks[0];
    let timeline = friday
        .plan
        .ask(timeline, &export, &Found::new(), &no_secrets);
    let timeline = timeline.unwrap().unwrap();
    assert!(timeline.url.contains("canary-loyalty"));
    let told = friday.plan.request(&export, &Found::new(), &no_secrets);
    let told = told.unwrap();
    assert!(told.body.as_ref().unwrap().contains("canary-id"));
    let headed = Request {
        headers: vec![("X-Member".to_owned(), "canary-header".to_owned())],
        auth: Auth::Token {
            header: "X-Key".to_owned(),
            value: "canary-token".to_owned(),
        },
        ..told.clone()
    };
    let shown = format!("{export:?} {search:#?} {timeline:?} {told:?} {headed:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("sale-0") && shown.contains("Basic") && shown.contains("X-Member"));
}

#[test]
fn what_a_look_up_found_is_told() {
    let case = Case::of("slim-chickens");
    let found = Found::from_iter([("token".to_owned(), "v-\"2".into())]);
    let request = case
        .plan
        .request(&case.exports[0], &found, &no_secrets)
        .unwrap();
    let body: Value = serde_json::from_str(&request.body.unwrap()).unwrap();
    assert_eq!(body["token"], "v-\"2");
}

#[test]
fn the_other_address_has_secrets_of_its_own() {
    let case = Case::of("the-works");
    let request = case
        .plan
        .request(&case.exports[0], &Found::new(), &no_secrets)
        .unwrap();
    let http = case.plan.http.as_ref().unwrap();
    let other = http.failover(&request).unwrap();
    assert_eq!(other.url, "<secret:the-works-failover-url>");
    let body = request.body.as_ref().unwrap();
    let wanted = body
        .replace(
            "<secret:the-works-user>",
            "<secret:the-works-failover-user>",
        )
        .replace(
            "<secret:the-works-password>",
            "<secret:the-works-failover-password>",
        );
    assert_eq!(other.body, Some(wanted));
    assert_eq!(other.headers, request.headers, "the key stays");
    assert!(plan_of("costa").http.unwrap().failover(&request).is_none());
}

#[test]
fn a_batch_is_one_signed_request_with_a_key_of_its_own() {
    let case = Case::of("iceland-bonus-card");
    let secrets = |name: &str| case.secret(name);
    let rows: Vec<_> = case
        .plan
        .rows(&case.exports[..2], &secrets)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let about = about(&case.exports[0]);
    let request = case.plan.batch_request(&rows, &about).unwrap();
    assert_eq!(request.url, "<secret:iceland-bonus-card-url>");
    assert_eq!(
        header(&request, "Idempotency-Key"),
        Some(about.uid.to_string().as_str())
    );
    let signed = Auth::Signed {
        header: "X-Signature".into(),
        key: "iceland-bonus-card-key".into(),
    };
    assert_eq!(request.auth, signed);
    // Nobody may be sent the salt in the place of an id.
    let unsalted = case.plan.rows(&case.exports[..2], &no_secrets);
    let unsalted: Vec<_> = unsalted.into_iter().map(Result::unwrap).collect();
    let lacking = case.plan.batch_request(&unsalted, &about).unwrap_err();
    assert_eq!(lacking, Unmade::Secret("iceland-bonus-card-salt".into()));
    let shown = case.plan.render(&case.exports[0], &no_secrets).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown["transactions"][0]["record_uid"],
        "<secret:iceland-bonus-card-salt>"
    );
}

#[test]
fn nothing_from_outside_stands_for_a_secret_or_changes_an_address() {
    let case = Case::of("tgi-fridays");
    let check = case.plan.http.as_ref().unwrap().checks[0].clone();
    let ask = |member: &str| {
        let mut export = case.exports[0].clone();
        export.loyalty_id = Some(member.into());
        case.plan.ask(&check, &export, &Found::new(), &no_secrets)
    };
    let url = ask("a&b=c/../?#%é").unwrap().unwrap().url;
    assert!(
        url.ends_with("?user_id=a%26b%3Dc%2F..%2F%3F%23%25%C3%A9"),
        "{url}"
    );
    let marked = ask("<secret:tgi-fridays-token>").unwrap_err();
    assert!(
        matches!(&marked, Unmade::Wrong(words) if words.contains("place of a secret")),
        "{marked}"
    );
    let unknown = ask("a\r\nb").unwrap_err();
    assert!(
        matches!(&unknown, Unmade::Wrong(words) if words.contains("the address")),
        "{unknown}"
    );
    let found = Found::from_iter([("token".to_owned(), "<secret:slim-chickens-hash>".into())]);
    let slim = Case::of("slim-chickens");
    let marked = slim
        .plan
        .request(&slim.exports[0], &found, &no_secrets)
        .unwrap_err();
    assert!(matches!(marked, Unmade::Wrong(_)));
}

#[test]
fn every_secret_of_a_plan_is_known_before_anything_is_sent() {
    for (slug, secrets) in [
        ("example-loyalty-scheme", vec![]),
        ("wasabi-club", vec!["wasabi-club-url"]),
        ("itsu", vec!["itsu-password", "itsu-url", "itsu-user"]),
        (
            "iceland-bonus-card",
            vec![
                "iceland-bonus-card-key",
                "iceland-bonus-card-salt",
                "iceland-bonus-card-url",
            ],
        ),
        (
            "the-works",
            vec![
                "the-works-failover-password",
                "the-works-failover-url",
                "the-works-failover-user",
                "the-works-password",
                "the-works-url",
                "the-works-user",
            ],
        ),
    ] {
        let plan = plan_of(slug);
        assert_eq!(plan.secrets().collect::<Vec<_>>(), secrets, "{slug}");
    }
}

#[test]
fn each_merchant_is_told_when_it_wants_to_be() {
    let at = |text: &str| Instant(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let (made, bought) = ("2026-06-02T08:00:00Z", "2026-06-02T07:00:00Z");
    for (slug, leaves, tries) in [
        ("wasabi-club", made, 7),
        ("stonegate", "2026-06-02T09:30:00Z", 31),
        ("tgi-fridays", "2026-06-03T07:00:00Z", 7),
        ("the-works", "2026-06-02T08:00:05Z", 4),
        ("itsu", made, 4),
        ("iceland-bonus-card", "2026-06-02T08:01:00Z", 4),
    ] {
        let plan = plan_of(slug);
        assert_eq!(
            plan.leaves_at(at(made), Some(at(bought))),
            at(leaves),
            "{slug}"
        );
        assert_eq!(plan.http.as_ref().unwrap().retry.tries(), tries, "{slug}");
        let again = plan.next_try(at(made), 1, None);
        assert_eq!(again, Some(at("2026-06-02T08:20:00Z")), "{slug}");
    }
}
