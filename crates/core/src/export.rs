//! What a merchant is told: one export for each match, and the body its agent file describes.
//!
//! ```toml
//! [export]
//! kind = "single"
//! destination = { kind = "file", path = "example-loyalty-scheme/" }
//! body = '''{"transaction_id": {{ transaction_id | tojson }}, …}'''
//! ```
//!
//! How many leave in one file, [`batch`] says.

pub mod auth;
pub mod batch;
pub mod request;

use crate::ids::Slug;
use crate::money::{Currency, Major};
use crate::time::Instant;
use batch::Batch;
use compact_str::CompactString;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How much work one body may be: a template that loops is stopped.
const RENDER_FUEL: u64 = 50_000;
/// The name of the one template of an environment.
const BODY: &str = "body";

/// Everything an export can tell of. Names are those a body template uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTransaction {
    /// The sale's id, or a spotted payment's.
    pub transaction_id: CompactString,
    /// The payment's feed type.
    pub feed_type: Option<CompactString>,
    /// The scheme.
    pub provider_slug: Option<Slug>,
    /// When, RFC 3339; without an offset it is UTC.
    pub transaction_date: CompactString,
    /// Minor units.
    pub spend_amount: i64,
    /// The currency.
    pub spend_currency: Option<Currency>,
    /// The member's number.
    pub loyalty_id: Option<CompactString>,
    /// The payment's MID.
    pub mid: Option<CompactString>,
    /// The identifier by which the payment found its scheme.
    pub primary_identifier: Option<CompactString>,
    /// The merchant's name for the place.
    pub location_id: Option<CompactString>,
    /// The merchant's own internal id.
    pub merchant_internal_id: Option<CompactString>,
    /// The user.
    pub user_id: Option<i64>,
    /// The user's account in the scheme.
    pub scheme_account_id: Option<i64>,
    /// The user's payment card.
    pub payment_card_account_id: Option<i64>,
    /// The payment's auth code.
    pub auth_code: Option<CompactString>,
    /// The payment's approval code.
    pub approval_code: Option<CompactString>,
    /// What AUTH and SETTLED of the purchase share.
    pub settlement_key: Option<CompactString>,
    /// The last four digits of the user's card.
    pub last_four: Option<CompactString>,
    /// The month it expires in.
    pub expiry_month: Option<i64>,
    /// The year it expires in.
    pub expiry_year: Option<i64>,
    /// The network.
    pub payment_provider_slug: Option<CompactString>,
    /// The idempotency key.
    pub export_uid: Option<Uuid>,
    /// The payment's further fields, overlaid by the sale's.
    #[serde(default)]
    pub extra_fields: Option<serde_json::Value>,
    /// What the merchant needs of the account.
    #[serde(default)]
    pub credentials: Option<serde_json::Value>,
    /// Where a settlement differs from the amount that was told: by how much, in minor units. The
    /// merchant has been told of this transaction before.
    #[serde(default)]
    pub correction: Option<i64>,
}

impl ExportTransaction {
    /// A made-up match in which everything is known.
    fn sample() -> Self {
        let text = |text: &str| Some(CompactString::from(text));
        Self {
            transaction_id: "sale-1".into(),
            feed_type: text("SETTLED"),
            provider_slug: Slug::new("shop").ok(),
            transaction_date: "2026-06-02T14:46:00Z".into(),
            spend_amount: 1099,
            spend_currency: Some(Currency::GBP),
            loyalty_id: text("member-1"),
            mid: text("mid-1"),
            primary_identifier: text("mid-1"),
            location_id: text("store-1"),
            merchant_internal_id: text("internal-1"),
            user_id: Some(1),
            scheme_account_id: Some(1),
            payment_card_account_id: Some(1),
            auth_code: text("123456"),
            approval_code: text("123456"),
            settlement_key: text("key-1"),
            last_four: text("1111"),
            expiry_month: Some(1),
            expiry_year: Some(2030),
            payment_provider_slug: text("visa"),
            export_uid: Some(Uuid::nil()),
            extra_fields: Some(serde_json::json!({})),
            credentials: Some(serde_json::json!({})),
            correction: None,
        }
    }
}

/// Where a scheme's exports go and what they say.
#[derive(Clone)]
pub struct Plan {
    /// Where.
    pub destination: Destination,
    /// Whether the merchant wants to hear of settlements that differ from what it was told.
    pub corrections: bool,
    kind: Kind,
}

/// How exports leave.
#[derive(Clone)]
enum Kind {
    /// Each by itself, as soon as it is made: the template of its body.
    Single(Box<Environment<'static>>),
    /// Many at a time, on a schedule.
    Batch(Box<Batch>),
}

/// Where exports go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Destination {
    /// Files in the export folder: of single exports one body a line, a new file each UTC day; of
    /// batches a file each.
    File {
        /// The folder within the export folder.
        path: String,
        /// What the file of a batch is called: a template.
        #[serde(default)]
        name: Option<String>,
    },
}

impl Plan {
    /// Compiles an `[export]` table.
    ///
    /// # Errors
    /// Every mistake found: the dotted key within the table and the words.
    pub fn compile(table: &toml::Table) -> Result<Self, Vec<(String, String)>> {
        let kind = table.get("kind").and_then(toml::Value::as_str);
        let (is_batch, keys) = match kind {
            Some("batch") => (true, BATCH_KEYS),
            _ => (false, SINGLE_KEYS),
        };
        let mut mistakes = unknown_keys(table, keys);
        if !matches!(kind, Some("single" | "batch")) {
            mistakes.push(mistake(
                "kind",
                "must be \"single\", one body for each match, or \"batch\", many in a file",
            ));
        }
        let destination = destination(table)
            .map_err(|wrong| mistakes.push(wrong))
            .ok();
        let name = destination.as_ref().and_then(|destination| {
            let Destination::File { name, .. } = destination;
            name.as_deref()
        });
        if !is_batch && name.is_some() {
            mistakes.push(mistake(
                "destination.name",
                "is for batches: a single export's file is named by its day",
            ));
        }
        let kind = match is_batch {
            true if destination.is_none() => None,
            true => Batch::compile(table, name)
                .map(|batch| Kind::Batch(Box::new(batch)))
                .map_err(|found| mistakes.extend(found))
                .ok(),
            false => bodies(table)
                .map(|bodies| Kind::Single(Box::new(bodies)))
                .map_err(|found| mistakes.extend(found))
                .ok(),
        };
        let corrections = match table.get("corrections") {
            None => false,
            Some(toml::Value::Boolean(wanted)) => *wanted,
            Some(_) => {
                mistakes.push(mistake("corrections", "must be true or false"));
                false
            }
        };
        match (destination, kind) {
            (Some(destination), Some(kind)) if mistakes.is_empty() => Ok(Self {
                destination,
                corrections,
                kind,
            }),
            _ => Err(mistakes),
        }
    }

    /// How its batches are written, where exports leave in batches.
    pub fn batch(&self) -> Option<&Batch> {
        match &self.kind {
            Kind::Batch(batch) => Some(batch),
            Kind::Single(_) => None,
        }
    }

    /// Not before when what is made at a time leaves.
    pub fn leaves_at(&self, made_at: Instant) -> Instant {
        self.batch()
            .map_or(made_at, |batch| batch.schedule.next_after(made_at))
    }

    /// The body for one export: a JSON document, in one line; of a plan for batches, a file of one
    /// row.
    ///
    /// # Errors
    /// Says what in the template or the transaction is at fault.
    pub fn render(&self, transaction: &ExportTransaction) -> Result<String, String> {
        match &self.kind {
            Kind::Single(bodies) => render(bodies, transaction),
            Kind::Batch(batch) => {
                let rows: Result<Vec<_>, String> = batch.rows([transaction]).into_iter().collect();
                let document = batch.document(&rows?)?;
                String::from_utf8(document).map_err(|error| error.to_string())
            }
        }
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

fn mistake(key: &str, words: impl Into<String>) -> (String, String) {
    (key.to_owned(), words.into())
}

const SINGLE_KEYS: &[&str] = &["kind", "destination", "corrections", "body"];
const BATCH_KEYS: &[&str] = &[
    "kind",
    "destination",
    "corrections",
    "schedule",
    "batch_size",
    "columns",
];

fn unknown_keys(table: &toml::Table, known: &[&str]) -> Vec<(String, String)> {
    let unknown = table.keys().filter(|key| !known.contains(&key.as_str()));
    unknown
        .map(|key| {
            mistake(
                key,
                format!("there is no such key here: use {}", known.join(", ")),
            )
        })
        .collect()
}

fn destination(table: &toml::Table) -> Result<Destination, (String, String)> {
    let wanted = "must be { kind = \"file\", path = \"a folder within the export folder\" }";
    let value = table
        .get("destination")
        .ok_or_else(|| mistake("destination", wanted))?;
    let destination: Destination = value.clone().try_into().map_err(|error: toml::de::Error| {
        mistake("destination", format!("{}: it {wanted}", error.message()))
    })?;
    let Destination::File { path, .. } = &destination;
    if is_inside(path) {
        return Ok(destination);
    }
    let message = "must be a folder inside the export folder: relative, without `..`";
    Err(mistake("destination.path", message))
}

/// Compiles the body and renders it once for a made-up match, so that a misspelt name or a body
/// that is no JSON is found by `check` and not by a merchant.
fn bodies(table: &toml::Table) -> Result<Environment<'static>, Vec<(String, String)>> {
    let body = |words: String| vec![mistake("body", words)];
    let text = table.get("body").and_then(toml::Value::as_str);
    let text = text.ok_or_else(|| body("must be a text: a template of a JSON document".into()))?;
    let mut bodies = environment();
    bodies
        .add_template_owned(BODY, text.to_owned())
        .map_err(|error| body(error.to_string()))?;
    let sample = ExportTransaction::sample();
    let template = bodies
        .get_template(BODY)
        .map_err(|error| body(error.to_string()))?;
    if let Some(wrong) = unknown_variables(&bodies, template.undeclared_variables(false)) {
        return Err(body(wrong));
    }
    render(&bodies, &sample).map_err(body)?;
    Ok(bodies)
}

/// What is wrong with variables that a template asks for: `None` where an export can tell of them all.
fn unknown_variables(
    environment: &Environment<'_>,
    asked: impl IntoIterator<Item = String>,
) -> Option<String> {
    let fields = serde_json::to_value(ExportTransaction::sample()).unwrap_or_default();
    let is_global = |name: &str| environment.globals().any(|(known, _)| known == name);
    let mut unknown: Vec<String> = asked
        .into_iter()
        .filter(|name| fields.get(name).is_none() && !is_global(name))
        .collect();
    if unknown.is_empty() {
        return None;
    }
    unknown.sort();
    let known: Vec<&str> = fields
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys().map(String::as_str))
        .collect();
    Some(format!(
        "there is no {} to tell of: there are {}",
        unknown.join(", "),
        known.join(", ")
    ))
}

fn render(
    bodies: &Environment<'static>,
    transaction: &ExportTransaction,
) -> Result<String, String> {
    let text = bodies
        .get_template(BODY)
        .and_then(|template| template.render(Serde(transaction)))
        .map_err(|error| format!("the body template fails: {error}"))?;
    let body: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| format!("the body template does not give JSON: {error}"))?;
    Ok(body.to_string())
}

/// Whether a path stays inside the folder it is relative to.
fn is_inside(path: &str) -> bool {
    let parts = std::path::Path::new(path).components();
    !path.is_empty()
        && parts
            .into_iter()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(RENDER_FUEL));
    environment.add_filter("major", |minor: i64, options: Kwargs| {
        options.assert_all_used().map(|()| Major(minor).to_string())
    });
    environment.add_filter("date", date);
    environment
}

/// A moment in words of the template's own: `transaction_date | date("%Y-%m-%d", timezone="UTC")`.
/// Without an offset it is UTC, and so is what is written where no zone is asked for.
fn date(moment: &str, format: &str, options: Kwargs) -> Result<String, minijinja::Error> {
    let wrong = |words: String| minijinja::Error::new(ErrorKind::InvalidOperation, words);
    let zone: Option<&str> = options.get("timezone")?;
    options.assert_all_used()?;
    let zone = match zone {
        None => jiff::tz::TimeZone::UTC,
        Some(name) => jiff::tz::TimeZone::get(name)
            .map_err(|error| wrong(format!("{name:?} is not a time zone: {error}")))?,
    };
    let instant = moment.parse::<jiff::Timestamp>().or_else(|_| {
        let plain: jiff::civil::DateTime = moment.parse()?;
        let utc = plain.to_zoned(jiff::tz::TimeZone::UTC)?;
        Ok::<_, jiff::Error>(utc.timestamp())
    });
    let instant = instant.map_err(|_| wrong(format!("{moment:?} is not a date and time")))?;
    let told = jiff::fmt::strtime::format(format, &instant.to_zoned(zone));
    told.map_err(|error| wrong(format!("{format:?} is not a format of dates: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(body: &str) -> Result<Plan, Vec<(String, String)>> {
        let mut table = toml::Table::new();
        table.insert("kind".into(), "single".into());
        table.insert("body".into(), body.into());
        table.insert(
            "destination".into(),
            toml::Value::Table("kind = 'file'\npath = 'shop/'".parse().unwrap()),
        );
        Plan::compile(&table)
    }

    fn transaction() -> ExportTransaction {
        serde_json::from_str(
            r#"{"transaction_id": "t\"1", "transaction_date": "2026-06-02T14:46:00Z",
                "spend_amount": 1234, "spend_currency": "GBP", "loyalty_id": "L1"}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_body_is_json_whatever_the_values_hold() {
        let plan = plan(
            r#"{"id": {{ transaction_id | tojson }},
                "value": {{ (spend_currency ~ " " ~ (spend_amount | major)) | tojson }},
                "card": {{ loyalty_id | tojson }}, "mid": {{ mid | tojson }}}"#,
        )
        .unwrap();
        assert_eq!(
            plan.render(&transaction()).unwrap(),
            r#"{"id":"t\"1","value":"GBP 12.34","card":"L1","mid":null}"#
        );
    }

    #[test]
    fn what_a_body_gets_wrong_is_said_before_anything_is_sent() {
        for (body, words) in [
            ("{{ oops", "syntax error"),
            ("{{ no_such_field }}", "there is no no_such_field"),
            (
                "{\"id\": {{ loyality_id | tojson }}}",
                "there is no loyality_id",
            ),
            ("not json", "does not give JSON"),
            (
                "{% for i in range(9999999) %}x{% endfor %}",
                "template fails",
            ),
        ] {
            let mistakes = plan(body).unwrap_err();
            assert_eq!(mistakes[0].0, "body");
            assert!(mistakes[0].1.contains(words), "{body}: {mistakes:?}");
        }
    }

    #[test]
    fn every_mistake_of_a_table_is_named_by_its_key() {
        let table = "kind = 'bulk'\ndestination = { kind = 'http' }\nbdy = ''"
            .parse()
            .unwrap();
        let keys: Vec<String> = Plan::compile(&table)
            .unwrap_err()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, ["bdy", "kind", "destination", "body"]);
    }

    #[test]
    fn a_destination_stays_in_its_folder() {
        for path in ["", "../x", "/etc", "a/../../b"] {
            assert!(!is_inside(path), "{path}");
        }
        assert!(is_inside("shop/exports/"));
    }
}
