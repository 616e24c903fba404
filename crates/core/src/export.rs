//! What a merchant is told: one export for each match, as its agent file describes it.
//!
//! ```toml
//! [export]
//! kind = "single"
//! destination = { kind = "file", path = "example-loyalty-scheme/" }
//! body = '''{"transaction_id": {{ transaction_id | tojson }}, …}'''
//! ```
//!
//! How many leave in one file or request, [`batch`] says; how a merchant is told over HTTP, [`http`];
//! when, [`timing`]; what its answer means, [`judge`]. Nothing here sends, waits or asks what time it is.

pub mod auth;
pub mod batch;
mod compile;
mod destination;
mod filters;
pub mod http;
pub mod judge;
mod rates;
pub mod request;
mod secrets;
mod sending;
mod template;
pub mod timing;
mod transaction;

pub use destination::{Destination, Sftp};
pub use judge::{Checked, Found, Verdict};
pub use secrets::{Secrets, no_secrets};
pub use template::secret_mark;
pub use transaction::ExportTransaction;

use crate::time::Instant;
use batch::{About, Batch, Row};
use http::{Check, Http};
use minijinja::value::Serde;
use minijinja::{Value, context};
use request::{Answer, Request};
use secrets::Hashids;
use std::collections::BTreeSet;
use std::time::Duration;
use template::{Expression, Template};
use timing::Leaves;

/// The header by which a merchant knows a request again.
const KEY_HEADER: &str = "Idempotency-Key";

/// Where a scheme's exports go and what they say.
#[derive(Clone)]
pub struct Plan {
    /// Where.
    pub destination: Destination,
    /// Whether the merchant wants to hear of settlements that differ from what it was told.
    pub corrections: bool,
    /// How it is told over HTTP, where it is.
    pub http: Option<Box<Http>>,
    kind: Kind,
    leaves: Leaves,
    needs: Vec<(String, Expression)>,
    send_when: Option<(Expression, String)>,
    hashids: Option<Hashids>,
    secrets: BTreeSet<String>,
}

/// How exports leave.
#[derive(Clone)]
enum Kind {
    /// Each by itself: the template of its body.
    Single(Template),
    /// Many at a time, on a schedule.
    Batch(Box<Batch>),
}

/// Why a request cannot be made of an export: it is held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// The secret of this name is not configured, and a value is computed from it.
    #[error("the secret {0} is not configured")]
    Secret(String),
    /// What is wrong with the template or the export.
    #[error("{0}")]
    Wrong(String),
    /// Nothing is sent by this plan: it writes files.
    #[error("the agent file's [export] sends no requests")]
    NotHttp,
}

impl Plan {
    /// How its batches are written, where exports leave in batches.
    pub fn batch(&self) -> Option<&Batch> {
        match &self.kind {
            Kind::Batch(batch) => Some(batch),
            Kind::Single(_) => None,
        }
    }

    /// Every secret that the plan names, addresses among them. While one of them is not configured its
    /// exports are held.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// Not before when an export leaves that is made at a time, of a purchase at another.
    pub fn leaves_at(&self, made_at: Instant, purchased_at: Option<Instant>) -> Instant {
        let waited = self.leaves.at(made_at, purchased_at);
        self.batch()
            .map_or(waited, |batch| batch.schedule.next_after(waited))
    }

    /// What an export lacks that the merchant must be told: it is held, with these words.
    pub fn lacks(&self, transaction: &ExportTransaction) -> Option<String> {
        if self.needs.is_empty() {
            return None;
        }
        let values = Value::from(Serde(transaction));
        let (name, _) = self.needs.iter().find(|(_, need)| !need.holds(&values))?;
        Some(format!("there is no {name}, which the merchant needs"))
    }

    /// Why an export is not to be sent at all, such as that the purchase is too small; it is skipped, with
    /// these words.
    pub fn skips(&self, transaction: &ExportTransaction) -> Option<String> {
        let (when, otherwise) = self.send_when.as_ref()?;
        let values = Value::from(Serde(transaction));
        (!when.holds(&values)).then(|| otherwise.clone())
    }

    /// The body for one export: a JSON document, in one line; of a plan for batches, a document of one.
    /// What is computed from a secret shows the secret's mark where there is none, and what is looked up
    /// before sending shows as `<lookup:name>`.
    ///
    /// # Errors
    /// Says what in the template or the transaction is at fault.
    pub fn render(
        &self,
        transaction: &ExportTransaction,
        secrets: &Secrets<'_>,
    ) -> Result<String, String> {
        match &self.kind {
            Kind::Single(body) => {
                let values = self.values(transaction, &self.placeholders(), secrets)?;
                json(body, &values, "body")
            }
            Kind::Batch(batch) => {
                let rows = self.rows([transaction], secrets);
                let rows: Result<Vec<Row>, String> = rows.into_iter().collect();
                let about = About {
                    now: transaction.purchased_at().unwrap_or(Instant(0)),
                    uid: batch::uid_of(transaction),
                    sequence: Some(1),
                };
                let document = batch.document(&rows?, &about)?;
                String::from_utf8(document).map_err(|error| error.to_string())
            }
        }
    }

    /// The rows of these exports, or what is at fault with each: of a plan for single exports, none.
    pub fn rows<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a ExportTransaction>,
        secrets: &Secrets<'_>,
    ) -> Vec<Result<Row, String>> {
        let Kind::Batch(batch) = &self.kind else {
            return Vec::new();
        };
        let encoder = self.hashids.as_ref().map(|ids| ids.encoder(secrets));
        let told = |transaction: &'a ExportTransaction| {
            Ok(values(transaction, None, encoder.clone().transpose()?))
        };
        batch.rows(transactions.into_iter().map(told))
    }

    /// The request that tells of one export: with what its checks have found.
    ///
    /// # Errors
    /// [`Unmade`] where it is to be held.
    pub fn request(
        &self,
        transaction: &ExportTransaction,
        found: &Found,
        secrets: &Secrets<'_>,
    ) -> Result<Request, Unmade> {
        let (Some(http), Kind::Single(body)) = (&self.http, &self.kind) else {
            return Err(Unmade::NotHttp);
        };
        let values = self.checked_values(transaction, found, secrets)?;
        let body = match http.main.has_body() {
            true => Some(json(body, &values, "body").map_err(Unmade::Wrong)?),
            false => None,
        };
        let mut request = http.main.request(&values, body).map_err(Unmade::Wrong)?;
        let key = transaction.key().to_string();
        request.headers.push((KEY_HEADER.to_owned(), key));
        Ok(request)
    }

    /// The request of a check; `None` where it is not asked for this export.
    ///
    /// # Errors
    /// [`Unmade`] where the export is to be held.
    pub fn ask(
        &self,
        check: &Check,
        transaction: &ExportTransaction,
        found: &Found,
        secrets: &Secrets<'_>,
    ) -> Result<Option<Request>, Unmade> {
        let values = self.checked_values(transaction, found, secrets)?;
        if check.when.as_ref().is_some_and(|when| !when.holds(&values)) {
            return Ok(None);
        }
        let body = check.body.as_ref().map(|body| json(body, &values, "body"));
        let body = body.transpose().map_err(Unmade::Wrong)?;
        let request = check.sending.request(&values, body);
        request.map(Some).map_err(Unmade::Wrong)
    }

    /// What the answer to a check means for an export.
    pub fn learn(
        &self,
        check: &Check,
        transaction: &ExportTransaction,
        answer: &Answer,
    ) -> Checked {
        check.rules.check(answer, Value::from(Serde(transaction)))
    }

    /// The request that tells of a batch.
    ///
    /// # Errors
    /// [`Unmade`] where its exports are to be held.
    pub fn batch_request(&self, rows: &[Row], about: &About) -> Result<Request, Unmade> {
        let (Some(http), Kind::Batch(batch)) = (&self.http, &self.kind) else {
            return Err(Unmade::NotHttp);
        };
        let document = batch.document(rows, about).map_err(Unmade::Wrong)?;
        let body = String::from_utf8(document).map_err(|error| Unmade::Wrong(error.to_string()))?;
        if let Some(ids) = &self.hashids
            && body.contains(&secret_mark(&ids.salt))
        {
            return Err(Unmade::Secret(ids.salt.clone()));
        }
        let values = batch.values(rows.len(), about);
        let request = http.main.request(&values, Some(body));
        let mut request = request.map_err(Unmade::Wrong)?;
        request
            .headers
            .push((KEY_HEADER.to_owned(), about.uid.to_string()));
        Ok(request)
    }

    /// What a merchant's answer to an export, or to a batch of them, means.
    pub fn judge(&self, answer: &Answer) -> Verdict {
        let rules = self.http.as_ref().map(|http| &http.answer);
        rules.map_or(Verdict::Delivered, |rules| rules.judge(answer))
    }

    /// When to try again what was tried so many times, the last of them ending now; `None` where it is
    /// given up. See [`timing::Retry::next_try`].
    pub fn next_try(
        &self,
        now: Instant,
        tries: u32,
        retry_after: Option<Duration>,
    ) -> Option<Instant> {
        self.http.as_ref()?.retry.next_try(now, tries, retry_after)
    }

    /// The values of a request that leaves: with every secret it is computed from, and nothing from
    /// outside that would be taken for the place of another.
    fn checked_values(
        &self,
        transaction: &ExportTransaction,
        found: &Found,
        secrets: &Secrets<'_>,
    ) -> Result<Value, Unmade> {
        if secrets::holds_a_mark(transaction, found) {
            let words = "it holds a text that would be taken for the place of a secret";
            return Err(Unmade::Wrong(words.to_owned()));
        }
        if let Some(ids) = &self.hashids
            && secrets(&ids.salt).is_none()
        {
            return Err(Unmade::Secret(ids.salt.clone()));
        }
        self.values(transaction, found, secrets)
            .map_err(Unmade::Wrong)
    }

    fn values(
        &self,
        transaction: &ExportTransaction,
        found: &Found,
        secrets: &Secrets<'_>,
    ) -> Result<Value, String> {
        let encoder = self.hashids.as_ref().map(|ids| ids.encoder(secrets));
        let found = self.http.as_ref().map(|_| found);
        Ok(values(transaction, found, encoder.transpose()?))
    }

    /// What stands for the values that checks would find.
    fn placeholders(&self) -> Found {
        let checks = self.http.iter().flat_map(|http| &http.checks);
        let names = checks.flat_map(|check| check.rules.finds());
        names
            .map(|name| (name.to_owned(), format!("<lookup:{name}>").into()))
            .collect()
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

/// What templates are told of an export.
fn values(transaction: &ExportTransaction, found: Option<&Found>, encoder: Option<Value>) -> Value {
    let told = Value::from(Serde(transaction));
    if found.is_none_or(Found::is_empty) && encoder.is_none() {
        return told;
    }
    let found = Value::from(Serde(found.cloned().unwrap_or_default()));
    let encoder = encoder.unwrap_or_default();
    let beside = Value::from_pairs([("found", found), (filters::ENCODER, encoder)]);
    context! { ..beside, ..told }
}

fn json(template: &Template, values: &Value, name: &str) -> Result<String, String> {
    let text = template
        .render(values)
        .map_err(|error| format!("the {name} template fails: {error}"))?;
    let body: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| format!("the {name} template does not give JSON: {error}"))?;
    Ok(body.to_string())
}

fn mistake(key: &str, words: impl Into<String>) -> (String, String) {
    (key.to_owned(), words.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Zone;

    fn plan(body: &str) -> Result<Plan, Vec<(String, String)>> {
        let mut table = toml::Table::new();
        table.insert("kind".into(), "single".into());
        table.insert("body".into(), body.into());
        table.insert(
            "destination".into(),
            toml::Value::Table("kind = 'file'\npath = 'shop/'".parse().unwrap()),
        );
        Plan::compile(&table, &Zone::utc())
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
            plan.render(&transaction(), &no_secrets).unwrap(),
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
        let table = "kind = 'bulk'\ndestination = { kind = 'pigeon' }\nbdy = ''"
            .parse()
            .unwrap();
        let keys: Vec<String> = Plan::compile(&table, &Zone::utc())
            .unwrap_err()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, ["bdy", "kind", "destination", "body"]);
    }
}
