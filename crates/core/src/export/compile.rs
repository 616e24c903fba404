//! An `[export]` table as a plan: compiled, and tried on exports that are made up, so that a misspelt name
//! or a body that is no JSON is found by `check` and not by a merchant.

use super::batch::{About, Batch};
use super::destination::{Destination, Where};
use super::filters::Globals;
use super::http::{self, Http, With};
use super::rates::Rates;
use super::secrets::{Hashids, named_in};
use super::template::{Expression, Place, Template};
use super::timing::Leaves;
use super::transaction::FIELDS;
use super::{ExportTransaction, Found, Kind, Plan, mistake, no_secrets};
use crate::time::Zone;
use serde::Deserialize;
use std::sync::Arc;

/// What is wrong: a dotted key within the table, and the words.
type Mistakes = Vec<(String, String)>;

const COMMON_KEYS: [&str; 8] = [
    "kind",
    "destination",
    "corrections",
    "leaves",
    "needs",
    "send_when",
    "rates",
    "hashids",
];
const BATCH_KEYS: [&str; 5] = ["schedule", "batch_size", "columns", "each", "body"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendWhenTable {
    when: String,
    otherwise: String,
}

impl Plan {
    /// Compiles an `[export]` table; times and days are those of `zone` where it names none.
    ///
    /// # Errors
    /// Every mistake found: the dotted key within the table and the words.
    pub fn compile(table: &toml::Table, zone: &Zone) -> Result<Self, Mistakes> {
        let kind = table.get("kind").and_then(toml::Value::as_str);
        let is_batch = kind == Some("batch");
        let read = Where::of(table);
        let is_http = read.as_ref().is_ok_and(|read| read.request.is_some());
        let mut mistakes = match read {
            Ok(_) => unknown_keys(table, is_batch, is_http),
            // Which keys there are depends on where it goes.
            Err(_) => unknown_keys(table, is_batch, true),
        };
        if !matches!(kind, Some("single" | "batch")) {
            let words = "must be \"single\", one body for each match, or \"batch\", many in a file";
            mistakes.push(mistake("kind", words));
        }
        let read = read.map_err(|wrong| mistakes.push(wrong)).ok();
        let mut keep = |wrong: (String, String)| mistakes.push(wrong);
        let secrets = named_in(table).map_err(|found| found.into_iter().for_each(&mut keep));
        let rates = optional(table, "rates", |value| Rates::read(value, zone));
        let rates = rates.map_err(&mut keep).unwrap_or_default();
        let globals = Globals {
            rates: rates.map(Arc::new),
        };
        let leaves = optional(table, "leaves", |value| Leaves::read(value, zone));
        let leaves = leaves.map_err(&mut keep).unwrap_or_default();
        let hashids = optional(table, "hashids", Hashids::read);
        let hashids = hashids.map_err(&mut keep).unwrap_or_default();
        let send_when = optional(table, "send_when", |value| send_when(value, &globals));
        let send_when = send_when.map_err(&mut keep).unwrap_or_default();
        let corrections = optional(table, "corrections", |value| {
            value
                .as_bool()
                .ok_or_else(|| "must be true or false".to_owned())
        });
        let corrections = corrections.map_err(&mut keep).unwrap_or_default();
        let needs = needs(table, &globals)
            .map_err(|found| mistakes.extend(found))
            .unwrap_or_default();
        let Some(read) = read else {
            // What it says cannot be judged without knowing where it goes; that its body breaks off can.
            if !is_batch && let Err(wrong) = body(table, &globals, &FIELDS) {
                mistakes.push(wrong);
            }
            return Err(mistakes);
        };
        let kind = match is_batch {
            true => Batch::compile(table, &read, &globals)
                .map(|batch| Kind::Batch(Box::new(batch)))
                .map_err(|found| mistakes.extend(found))
                .ok(),
            false => single(table, &read, &globals)
                .map(Kind::Single)
                .map_err(|wrong| mistakes.push(wrong))
                .ok(),
        };
        let http = read.request.map(|request| {
            let with = With {
                zone,
                globals: &globals,
                known: if is_batch {
                    &super::batch::ABOUT
                } else {
                    &FIELDS
                },
                is_batch,
            };
            Http::compile(table, request, &with).map(Box::new)
        });
        let http = http
            .transpose()
            .map_err(|found| mistakes.extend(found))
            .unwrap_or_default();
        let (Some(kind), Ok(secrets)) = (kind, secrets) else {
            return Err(mistakes);
        };
        let mut plan = Self {
            destination: read.destination,
            corrections: corrections.unwrap_or(false),
            http,
            kind,
            leaves: leaves.unwrap_or_default(),
            needs,
            send_when,
            hashids,
            secrets,
        };
        plan.secrets
            .extend(plan.hashids.iter().map(|ids| ids.salt.clone()));
        plan.check_secrets(&mut mistakes);
        if mistakes.is_empty() {
            plan.check_bodies(&mut mistakes);
        }
        if mistakes.is_empty() {
            Ok(plan)
        } else {
            Err(mistakes)
        }
    }

    /// Nothing puts a secret into a file, and what the other address has must be known by the first's.
    fn check_secrets(&mut self, mistakes: &mut Mistakes) {
        let Some(http) = &self.http else {
            let of_files = match &self.destination {
                Destination::Sftp(sftp) => Some(&sftp.secret),
                _ => None,
            };
            if let Some(name) = self.secrets.iter().find(|name| Some(*name) != of_files) {
                let words = format!(
                    "a file holds no secret, and {name} is named: only requests have secrets"
                );
                mistakes.push(mistake("destination", words));
            }
            return;
        };
        for (name, _) in &http.failover {
            if !self.secrets.contains(name) {
                let words = format!("{name} is replaced, and is a secret of nothing here");
                mistakes.push(mistake(&format!("failover.{name}"), words));
            }
        }
        self.secrets
            .extend(http.failover.iter().map(|(_, other)| other.clone()));
    }

    /// Makes what would be sent of two exports that are made up: one of which everything is known, and one
    /// of which nothing is but what every export has and what this one needs.
    fn check_bodies(&self, mistakes: &mut Mistakes) {
        let needs: Vec<String> = self.needs.iter().map(|(name, _)| name.clone()).collect();
        let whole = ExportTransaction::whole_sample(&needs);
        let sparse = ExportTransaction::sparse_sample(&needs);
        let salt = |_: &str| Some("salt".to_owned());
        for (sample, which) in [
            (whole, ""),
            (
                sparse,
                " where what may be missing is: say in `needs` what must be there, or what is written instead",
            ),
        ] {
            let tried = match self.http.is_some() {
                true => self.try_requests(&sample, &salt),
                false => self
                    .render(&sample, &no_secrets)
                    .map(|_| ())
                    .map_err(|wrong| (self.body_key(), wrong)),
            };
            if let Err((key, wrong)) = tried {
                mistakes.push((key, format!("{wrong}{which}")));
                return;
            }
        }
    }

    fn try_requests(
        &self,
        sample: &ExportTransaction,
        salt: &super::Secrets<'_>,
    ) -> Result<(), (String, String)> {
        if self.batch().is_some() {
            let rows = self.rows([sample], salt);
            let rows: Result<Vec<_>, String> = rows.into_iter().collect();
            let rows = rows.map_err(|wrong| (self.body_key(), wrong))?;
            let about = About {
                now: crate::time::Instant(0),
                uid: super::batch::uid_of(sample),
                sequence: Some(1),
            };
            let made = self.batch_request(&rows, &about);
            return made
                .map(|_| ())
                .map_err(|wrong| ("body".to_owned(), wrong.to_string()));
        }
        let checks = self.http.iter().flat_map(|http| &http.checks).enumerate();
        for (at, check) in checks {
            self.ask(check, sample, &Found::new(), salt)
                .map_err(|wrong| (format!("checks[{at}]"), wrong.to_string()))?;
        }
        let made = self.request(sample, &self.placeholders(), salt);
        made.map(|_| ()).map_err(|wrong| {
            let words = wrong.to_string();
            let is_of_body = words.starts_with("the body");
            (
                if is_of_body { "body" } else { "destination" }.to_owned(),
                words,
            )
        })
    }

    fn body_key(&self) -> String {
        let key = match self.batch() {
            Some(batch) if batch.is_table() => "columns",
            Some(_) => "each",
            None => "body",
        };
        key.to_owned()
    }
}

fn unknown_keys(table: &toml::Table, is_batch: bool, is_http: bool) -> Mistakes {
    let mut known = COMMON_KEYS.to_vec();
    match (is_batch, is_http) {
        (true, _) => known.extend(BATCH_KEYS),
        (false, _) => known.push("body"),
    }
    if is_http {
        known.extend(http::KEYS);
    }
    let unknown = table.keys().filter(|key| !known.contains(&key.as_str()));
    let words = || format!("there is no such key here: use {}", known.join(", "));
    unknown.map(|key| mistake(key, words())).collect()
}

fn optional<T>(
    table: &toml::Table,
    key: &str,
    read: impl FnOnce(&toml::Value) -> Result<T, String>,
) -> Result<Option<T>, (String, String)> {
    let value = table.get(key).map(read).transpose();
    value.map_err(|wrong| mistake(key, wrong))
}

fn send_when(value: &toml::Value, globals: &Globals) -> Result<(Expression, String), String> {
    let wanted = "must be such as { when = \"spend_amount >= 500\", otherwise = \"below 5.00\" }";
    let table: SendWhenTable = value
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| format!("{}: it {wanted}", error.message()))?;
    let when = Expression::compile(&table.when, globals, &FIELDS[..FIELDS.len() - 1])?;
    Ok((when, table.otherwise))
}

/// The names of what must be known, each with the question whether it is.
fn needs(table: &toml::Table, globals: &Globals) -> Result<Vec<(String, Expression)>, Mistakes> {
    let wanted = "must be a list of names, as in [\"loyalty_id\", \"credentials.email\"]";
    let Some(value) = table.get("needs") else {
        return Ok(Vec::new());
    };
    let names = value
        .as_array()
        .ok_or_else(|| vec![mistake("needs", wanted)])?;
    let mut mistakes = Vec::new();
    let mut needs = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let key = format!("needs[{at}]");
        let name = name.as_str().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if name.is_empty() || !name.chars().all(plain) {
            mistakes.push(mistake(&key, wanted));
            continue;
        }
        // A text that is empty is as good as none.
        let question = format!("{name} is defined and {name} is not none and {name} != ''");
        match Expression::compile(&question, globals, &FIELDS[..FIELDS.len() - 1]) {
            Ok(question) => needs.push((name.to_owned(), question)),
            Err(wrong) => mistakes.push(mistake(&key, wrong)),
        }
    }
    if mistakes.is_empty() {
        Ok(needs)
    } else {
        Err(mistakes)
    }
}

fn body(
    table: &toml::Table,
    globals: &Globals,
    known: &[&str],
) -> Result<Template, (String, String)> {
    let text = table.get("body").and_then(toml::Value::as_str);
    let text =
        text.ok_or_else(|| mistake("body", "must be a text: a template of a JSON document"))?;
    Template::compile("body", text, Place::Document, globals, known)
        .map_err(|wrong| mistake("body", wrong))
}

fn single(
    table: &toml::Table,
    read: &Where,
    globals: &Globals,
) -> Result<Template, (String, String)> {
    if read.name.is_some() {
        let words = "is for batches: a single export's file is named by its day";
        return Err(mistake("destination.name", words));
    }
    let known = match &read.destination {
        Destination::Http => &FIELDS[..],
        Destination::File { .. } => &FIELDS[..FIELDS.len() - 1],
        Destination::Blob { .. } | Destination::Sftp(_) => {
            let words = "takes files, and so exports of kind \"batch\"";
            return Err(mistake("destination", words));
        }
    };
    body(table, globals, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        kind = "single"
        needs = ["loyalty_id", "credentials.email"]
        send_when = { when = "spend_amount >= 500", otherwise = "below 5.00" }
        rates = [{ rate = 5 }]
        leaves = { after = "5s" }
        retry = ["20m"]
        failover = { shop-url = "shop-other-url" }
        body = '{"id": {{ transaction_id | tojson }}, "points": {{ spend_amount | whole * rate() }}, "seen": {{ found.seen | tojson }}}'
        answer = [{ when = "answer.x", is = "again", reason = "x" }]

        [destination]
        kind = "http"
        url = "{{ secret('shop-url') }}/members/{{ loyalty_id }}"
        headers = { X-Member = "{{ credentials.email }}" }
        auth = { kind = "basic", user = "us", password = "{{ secret('shop-password') }}" }

        [[checks]]
        name = "history"
        request = { method = "GET", url = "{{ secret('shop-url') }}/seen" }
        answer = [{ is = "go-on", found = { seen = "answer.seen" } }]
        "#;

    fn compiled(table: &str) -> Result<Plan, Mistakes> {
        Plan::compile(&table.parse().unwrap(), &Zone::utc())
    }

    #[test]
    fn a_table_with_everything_is_a_plan() {
        let plan = compiled(TABLE).unwrap();
        let secrets: Vec<&str> = plan.secrets().collect();
        assert_eq!(secrets, ["shop-other-url", "shop-password", "shop-url"]);
        let sample = ExportTransaction::whole_sample(&["credentials.email".into()]);
        let body = plan.render(&sample, &no_secrets).unwrap();
        assert_eq!(
            body,
            r#"{"id":"sale-1","points":50,"seen":"<lookup:seen>"}"#
        );
        let request = plan
            .request(&sample, &Found::new(), &no_secrets)
            .unwrap_err();
        assert!(
            request.to_string().contains("body template fails"),
            "nothing was looked up"
        );
    }

    #[test]
    fn every_mistake_is_named_by_its_key() {
        for (from, to, key, words) in [
            (
                "needs = [\"loyalty_id\"",
                "needs = [\"loyality_id\"",
                "needs[0]",
                "there is no loyality_id",
            ),
            (
                "needs = [\"loyalty_id\", ",
                "needs = [",
                "destination",
                "a value is not known",
            ),
            (
                "\"credentials.email\"]",
                "\"1 + 1\"]",
                "needs[1]",
                "list of names",
            ),
            (
                "spend_amount >= 500\", ",
                "spend >= 500\", ",
                "send_when",
                "there is no spend",
            ),
            (
                "otherwise = \"below 5.00\"",
                "other = \"\"",
                "send_when",
                "unknown field",
            ),
            ("rates = [{ rate = 5 }]", "", "body", "rate"),
            (
                "[{ rate = 5 }]",
                "[{ rate = 5, to = \"2020-01-01\" }]",
                "body",
                "no rate counts",
            ),
            ("\"5s\"", "\"5\"", "leaves", "not a length of time"),
            ("[\"20m\"]", "\"20m\"", "retry", "must be a list"),
            (
                "{ shop-url =",
                "{ shop-uri =",
                "failover.shop-uri",
                "secret of nothing here",
            ),
            (
                "{{ transaction_id | tojson }}",
                "{{ transaction_id }}",
                "body",
                "does not give JSON",
            ),
            (
                "{{ found.seen | tojson }}",
                "{{ found.saw }}",
                "body",
                "undefined",
            ),
            ("answer.x", "answr.x", "answer[0].when", "there is no answr"),
            (
                "{{ secret('shop-url') }}/members",
                "http://shop/members",
                "destination.url",
                "https://",
            ),
            (
                "{{ secret('shop-url') }}/members",
                "{{ secret(mid) }}/members",
                "destination.url",
                "by its name",
            ),
            (
                "X-Member",
                "\"X Member\"",
                "destination.headers.X Member",
                "not the name of a header",
            ),
            (
                "{{ credentials.email }}\"",
                "{{ credentials }}\"",
                "destination",
                "is no text",
            ),
            ("user = \"us\"", "user = \"u:s\"", "destination", "a colon"),
            (
                "kind = \"basic\"",
                "kind = \"magic\"",
                "destination",
                "unknown variant",
            ),
            (
                "method = \"GET\"",
                "method = \"POST\"",
                "checks[0].body",
                "belongs to a method",
            ),
            (
                "{ seen = \"answer.seen\" }",
                "{ seen = \"answr.seen\" }",
                "checks[0].answer[0].found",
                "no answr",
            ),
            (
                "name = \"history\"",
                "nam = \"history\"",
                "checks[0]",
                "unknown field",
            ),
            (
                "/seen\" }",
                "/seen\", within = \"1\" }",
                "checks[0].request.within",
                "length of time",
            ),
        ] {
            let table = TABLE.replacen(from, to, 1);
            assert_ne!(table, TABLE, "{from}");
            let mistakes = compiled(&table).err().unwrap_or_default();
            let is_it =
                |(found, message): &(String, String)| found == key && message.contains(words);
            assert!(mistakes.iter().any(is_it), "{to}: {mistakes:?}");
        }
    }

    #[test]
    fn what_belongs_to_requests_is_none_of_a_file() {
        let file = |more: &str| {
            let table = "kind = 'single'\ndestination = { kind = 'file', path = 'shop' }\n";
            compiled(&format!("{table}{more}"))
                .err()
                .unwrap_or_default()
        };
        assert_eq!(file("body = '{}'"), []);
        let key = |more: &str| file(more).swap_remove(0).0;
        assert_eq!(key("body = '{}'\nretry = ['20m']"), "retry");
        assert_eq!(key(r#"body = '"{{ secret("shop") }}"'"#), "destination");
        assert_eq!(key("body = '{{ found.x | tojson }}'"), "body");
        assert_eq!(
            key("body = '{}'\nhashids = { salt = 'shop-salt' }"),
            "destination"
        );
        let blob = "kind = 'single'\nbody = '{}'\ndestination = { kind = 'blob', path = 'x' }";
        assert_eq!(compiled(blob).unwrap_err()[0].0, "destination");
    }

    #[test]
    fn what_may_be_missing_must_not_break_a_body() {
        let table = "kind = 'single'\ndestination = { kind = 'file', path = 'shop' }\n\
                     body = '{\"cent\": {{ user_id + 1 }}}'";
        let mistakes = compiled(table).unwrap_err();
        assert_eq!(mistakes[0].0, "body");
        assert!(mistakes[0].1.contains("say in `needs`"), "{mistakes:?}");
        compiled(&format!("needs = ['user_id']\n{table}")).unwrap();
    }

    #[test]
    fn a_document_can_be_numbered_and_go_to_a_server() {
        let table = r#"
            kind = "batch"
            each = '{{ transaction_id | tojson }}'
            body = '{"number": {{ sequence }}, "of": {{ rows }}, "ids": {{ items | tojson }}}'
            [destination]
            kind = "sftp"
            host = "sftp.invalid"
            path = "in"
            secret = "shop-sftp"
            name = "shop-{{ '%06d' | format(sequence) }}.json"
            "#;
        let plan = compiled(table).unwrap();
        let batch = plan.batch().unwrap();
        let sample = ExportTransaction::sample();
        let rows: Vec<_> = plan
            .rows([&sample], &no_secrets)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let about = |sequence| About {
            now: crate::time::Instant(0),
            uid: super::super::batch::uid_of(&sample),
            sequence,
        };
        let document = batch.document(&rows, &about(Some(7))).unwrap();
        assert_eq!(document, br#"{"number":7,"of":1,"ids":["sale-1"]}"#);
        assert_eq!(
            batch.file_name(1, &about(Some(7))).unwrap(),
            "shop-000007.json"
        );
        assert!(
            batch.file_name(1, &about(None)).is_err(),
            "nothing counts its files"
        );
        for (from, to, key) in [
            ("each = ", "columns = []\neach = ", "columns"),
            ("each = '", "eac = '", "eac"),
            ("{{ items", "{{ item", "body"),
            ("{{ '%06d' | format(sequence) }}", "x", "destination.name"),
            ("secret = \"shop-sftp\"", "", "destination"),
        ] {
            let mistakes = compiled(&table.replace(from, to)).unwrap_err();
            assert_eq!(mistakes[0].0, key, "{mistakes:?}");
        }
    }
}
