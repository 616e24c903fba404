//! Exports that leave many at a time, on a schedule: a CSV file for each batch, or a JSON document.
//!
//! ```toml
//! [export]
//! kind        = "batch"
//! schedule    = "0 6 * * *"                     # cron, in UTC
//! batch_size  = 1000                            # rows a file
//! destination = { kind = "file", path = "shop/", name = "{{ now | date('%Y%m%dT%H%M%S') }}.csv" }
//! columns     = [ { name = "member_number", value = "loyalty_id" } ]
//! ```
//!
//! A document has `each`, what stands in it for an export, and `body`, which holds them as `items`.
//!
//! A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula, whoever wrote it:
//! such a text gets an apostrophe before it, which [`unguarded`] takes away again. A number is written
//! as it is, so a negative amount stays one.

use super::destination::Where;
use super::filters::{Globals, derived};
use super::template::{Place, Template, environment, unknown};
use super::transaction::FIELDS;
use super::{ExportTransaction, json, mistake};
use crate::schedule::Schedule;
use crate::time::Instant;
use csv::{Terminator, WriterBuilder};
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Value, context};
use serde::Deserialize;
use uuid::Uuid;

/// Rows a file where the agent file does not say.
const SIZE: usize = 1_000;
const MOST_SIZE: usize = 10_000;
const EVERY_MINUTE: &str = "* * * * *";
/// What is taken for a formula when it begins a cell, and what could hide it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// The names by which a batch tells of itself, in its body and in the request that brings it.
pub(super) const ABOUT: [&str; 5] = ["now", "rows", "sequence", "batch_uid", "items"];
/// How many of them the name of a file can tell of.
const IN_NAMES: usize = 3;

/// How a batch is written.
#[derive(Clone)]
pub struct Batch {
    /// The most rows of one file or request.
    pub size: usize,
    /// When batches leave.
    pub schedule: Schedule,
    name: Option<Template>,
    content: Content,
}

/// What stands in a batch.
#[derive(Clone)]
enum Content {
    /// A CSV file.
    Table {
        columns: Vec<Column>,
        environment: Box<Environment<'static>>,
    },
    /// A JSON document.
    Document { each: Template, body: Template },
}

/// A column of the file: its name, and the expression that gives its value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    value: String,
}

/// What stands in a batch for one export.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Of a CSV file.
    Cells(Vec<String>),
    /// Of a JSON document.
    Item(serde_json::Value),
}

/// What a batch tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// When it is made.
    pub now: Instant,
    /// Its key, by which the merchant knows it again: [`uid_of`] its first export.
    pub uid: Uuid,
    /// The how manyth of its destination it is, where that is counted.
    pub sequence: Option<i64>,
}

/// The key of a batch that begins with an export: the same however often that batch is made.
pub fn uid_of(first: &ExportTransaction) -> Uuid {
    derived(first.key(), "batch")
}

impl Batch {
    /// Compiles what an `[export]` of kind `batch` says beside where it goes.
    pub(super) fn compile(
        table: &toml::Table,
        read: &Where,
        globals: &Globals,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut mistakes = Vec::new();
        let size = size(table).map_err(|wrong| mistakes.push(wrong)).ok();
        let schedule = schedule(table).map_err(|wrong| mistakes.push(wrong)).ok();
        let content = content(table, globals)
            .map_err(|found| mistakes.extend(found))
            .ok();
        let name = match read.request {
            Some(_) => Ok(None),
            None => compile_name(read.name.as_deref(), globals).map(Some),
        };
        let name = name
            .map_err(|wrong| mistakes.push(mistake("destination.name", wrong)))
            .ok();
        match (size, schedule, content, name) {
            (Some(size), Some(schedule), Some(content), Some(name)) if mistakes.is_empty() => {
                Ok(Self {
                    size,
                    schedule,
                    name,
                    content,
                })
            }
            _ => Err(mistakes),
        }
    }

    /// Whether it is a table, with a cell for each value.
    pub fn is_table(&self) -> bool {
        matches!(self.content, Content::Table { .. })
    }

    /// What stands for each export, in the order given, by what templates are told of it.
    pub(super) fn rows(
        &self,
        told: impl IntoIterator<Item = Result<Value, String>>,
    ) -> Vec<Result<Row, String>> {
        match &self.content {
            Content::Table {
                columns,
                environment,
            } => cells(columns, environment, told),
            Content::Document { each, .. } => {
                let item = |told: Result<Value, String>| {
                    let text = json(each, &told?, "each")?;
                    let item = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                    Ok(Row::Item(item))
                };
                told.into_iter().map(item).collect()
            }
        }
    }

    /// A document of these rows: a CSV file with its header, whose lines end with CR and LF, or JSON.
    ///
    /// # Errors
    /// Says what in the template is at fault.
    pub fn document(&self, rows: &[Row], about: &About) -> Result<Vec<u8>, String> {
        let columns = match &self.content {
            Content::Table { columns, .. } => columns,
            Content::Document { body, .. } => {
                let items: Vec<&serde_json::Value> = rows.iter().filter_map(Row::item).collect();
                let items = Value::from(Serde(items));
                let values = context! { items, ..self.values(rows.len(), about) };
                return json(body, &values, "body").map(String::into_bytes);
            }
        };
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        let header: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        writer
            .write_record(header)
            .map_err(|error| error.to_string())?;
        for cells in rows.iter().filter_map(Row::cells) {
            writer
                .write_record(cells)
                .map_err(|error| error.to_string())?;
        }
        writer.into_inner().map_err(|error| error.to_string())
    }

    /// What the file of a batch is called within its folder.
    ///
    /// # Errors
    /// Says what in the template is at fault, or that batches of this plan are no files.
    pub fn file_name(&self, rows: usize, about: &About) -> Result<String, String> {
        let template = self
            .name
            .as_ref()
            .ok_or("a batch that is sent is no file")?;
        named(template, &self.values(rows, about))
    }

    /// What its templates are told of a batch of so many rows.
    pub(super) fn values(&self, rows: usize, about: &About) -> Value {
        told_of(rows, about)
    }
}

impl Row {
    fn item(&self) -> Option<&serde_json::Value> {
        match self {
            Self::Item(item) => Some(item),
            Self::Cells(_) => None,
        }
    }

    fn cells(&self) -> Option<&Vec<String>> {
        match self {
            Self::Cells(cells) => Some(cells),
            Self::Item(_) => None,
        }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn told_of(rows: usize, about: &About) -> Value {
    let sequence = about.sequence.map_or(Value::UNDEFINED, Value::from);
    let (now, batch_uid) = (about.now.to_string(), about.uid.to_string());
    context! { now, rows, sequence, batch_uid }
}

/// The cells of each export.
fn cells(
    columns: &[Column],
    environment: &Environment<'static>,
    told: impl IntoIterator<Item = Result<Value, String>>,
) -> Vec<Result<Row, String>> {
    let compile = |column: &Column| {
        let compiled = environment.compile_expression_owned(column.value.clone());
        compiled.map_err(|error| format!("column {}: {error}", column.name))
    };
    let expressions: Result<Vec<_>, String> = columns.iter().map(compile).collect();
    let row = |told: Result<Value, String>| {
        let told = told?;
        let cells = columns.iter().zip(expressions.as_ref()?.iter());
        let cells = cells.map(|(column, expression)| {
            let value = expression
                .eval(told.clone())
                .map_err(|error| error.to_string());
            let cell = value.and_then(|value| cell(&value));
            cell.map_err(|error| format!("column {}: {error}", column.name))
        });
        cells
            .collect::<Result<Vec<String>, String>>()
            .map(Row::Cells)
    };
    let row = |told| row(told).map_err(|error: String| error);
    told.into_iter().map(row).collect()
}

/// What stands in a batch: a table, or a document and its items.
fn content(table: &toml::Table, globals: &Globals) -> Result<Content, Vec<(String, String)>> {
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    if !table.contains_key("each") && !table.contains_key("body") {
        let columns = columns(table).map_err(|wrong| vec![wrong])?;
        let environment = environment(globals);
        check_columns(&columns, &environment)?;
        return Ok(Content::Table {
            columns,
            environment: Box::new(environment),
        });
    }
    if table.contains_key("columns") {
        let words = "is for a table, and `each` and `body` for a document: a batch is one of them";
        return Err(vec![mistake("columns", words)]);
    }
    let mut mistakes = Vec::new();
    let mut compile = |key: &'static str, known: &[&str]| {
        let words = "must be a text: a batch that is no table has `each`, what stands for an export, and \
                     `body`, which holds them: {{ items | tojson }}";
        let source = text(key).ok_or_else(|| words.to_owned());
        let compiled = source
            .and_then(|source| Template::compile(key, source, Place::Document, globals, known));
        compiled
            .map_err(|wrong| mistakes.push(mistake(key, wrong)))
            .ok()
    };
    let each = compile("each", &FIELDS[..FIELDS.len() - 1]);
    let body = compile("body", &ABOUT);
    match (each, body) {
        (Some(each), Some(body)) => Ok(Content::Document { each, body }),
        _ => Err(mistakes),
    }
}

fn check_columns(
    columns: &[Column],
    environment: &Environment<'static>,
) -> Result<(), Vec<(String, String)>> {
    let mut mistakes = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let key = format!("columns[{at}]");
        let compiled = environment.compile_expression(&column.value);
        match compiled.map(|expression| expression.undeclared_variables(false)) {
            Err(error) => mistakes.push(mistake(&key, error.to_string())),
            Ok(asked) => mistakes.extend(
                unknown(environment, asked, &FIELDS[..FIELDS.len() - 1])
                    .map(|wrong| mistake(&key, wrong)),
            ),
        }
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(mistakes)
    }
}

fn size(table: &toml::Table) -> Result<usize, (String, String)> {
    let Some(value) = table.get("batch_size") else {
        return Ok(SIZE);
    };
    let size = value
        .as_integer()
        .and_then(|size| usize::try_from(size).ok());
    size.filter(|size| (1..=MOST_SIZE).contains(size))
        .ok_or_else(|| mistake("batch_size", format!("must be from 1 to {MOST_SIZE}")))
}

fn schedule(table: &toml::Table) -> Result<Schedule, (String, String)> {
    let text = match table.get("schedule") {
        None => EVERY_MINUTE,
        Some(value) => value.as_str().unwrap_or_default(),
    };
    Schedule::parse(text).map_err(|wrong| mistake("schedule", wrong))
}

fn columns(table: &toml::Table) -> Result<Vec<Column>, (String, String)> {
    let wanted = "must be a list such as [ { name = \"member\", value = \"loyalty_id\" } ]";
    let value = table
        .get("columns")
        .ok_or_else(|| mistake("columns", wanted))?;
    let columns: Vec<Column> = value.clone().try_into().map_err(|error: toml::de::Error| {
        mistake("columns", format!("{}: it {wanted}", error.message()))
    })?;
    let is_twice = |at: usize| columns[..at].iter().any(|one| one.name == columns[at].name);
    match (0..columns.len()).find(|at| is_twice(*at)) {
        Some(at) => {
            let message = format!("the column {:?} is there twice", columns[at].name);
            Err(mistake(&format!("columns[{at}].name"), message))
        }
        None if columns.is_empty() => Err(mistake("columns", wanted)),
        None => Ok(columns),
    }
}

/// A name that holds neither its time to the second nor its number would stand for two files.
fn compile_name(name: Option<&str>, globals: &Globals) -> Result<Template, String> {
    let example = "batch_{{ now | date('%Y%m%dT%H%M%S') }}_{{ rows }}.csv";
    let name = name.ok_or_else(|| {
        format!("says what the files of the batches are called, as in {example:?}")
    })?;
    let template = Template::compile("name", name, Place::Document, globals, &ABOUT[..IN_NAMES])?;
    let at = |second, sequence| {
        let about = About {
            now: Instant(second * crate::time::SECOND_US),
            uid: Uuid::nil(),
            sequence: Some(sequence),
        };
        named(&template, &told_of(1, &about))
    };
    let first = at(0, 1)?;
    if first == at(1, 1)? && first == at(0, 2)? {
        return Err(format!(
            "must hold the time to the second, or two files would have one name: as in {example:?}"
        ));
    }
    Ok(template)
}

fn named(template: &Template, values: &Value) -> Result<String, String> {
    let name = template.render(values)?;
    let is_plain = !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
    if is_plain {
        Ok(name)
    } else {
        Err(format!("{name:?} is not the name of a file"))
    }
}

/// What stands in a cell. Nothing where nothing is known.
fn cell(value: &Value) -> Result<String, String> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(String::new()),
        ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::String => Ok(guarded(value.as_str().unwrap_or_default())),
        kind => Err(format!("gives a {kind}, which no cell can hold")),
    }
}

/// A text as a cell holds it: never a formula.
fn guarded(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A text as it was before it was written into a cell, where the file comes back.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.starts_with(FORMULA) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Plan, no_secrets};

    const TABLE: &str = r#"
        kind = "batch"
        batch_size = 2
        schedule = "0 6 * * *"
        destination = { kind = "file", path = "shop/", name = "shop_date{{ now | date('%Y%m%dT%H%M%S') }}_rows{{ rows }}.csv" }
        columns = [
            { name = "id", value = "transaction_id" },
            { name = "member", value = "loyalty_id" },
            { name = "amount", value = "spend_amount" },
            { name = "date", value = "transaction_date | date('%Y-%m-%d %H:%M:%S+00:00')" },
        ]"#;

    fn plan(table: &str) -> Result<Plan, Vec<(String, String)>> {
        Plan::compile(&table.parse().unwrap(), &crate::time::Zone::utc())
    }

    fn about(now: Instant) -> About {
        About {
            now,
            uid: Uuid::nil(),
            sequence: None,
        }
    }

    fn compiled(table: &str) -> Result<Batch, Vec<(String, String)>> {
        let plan = plan(table)?;
        Ok(plan.batch().unwrap().clone())
    }

    fn transaction(id: &str, member: Option<&str>, minor: i64, date: &str) -> ExportTransaction {
        ExportTransaction {
            transaction_id: id.into(),
            loyalty_id: member.map(Into::into),
            spend_amount: minor,
            transaction_date: date.into(),
            ..ExportTransaction::sample()
        }
    }

    fn document(transactions: &[ExportTransaction]) -> String {
        let plan = plan(TABLE).unwrap();
        let rows = plan.rows(transactions, &no_secrets);
        let rows: Result<Vec<Row>, String> = rows.into_iter().collect();
        let document = plan
            .batch()
            .unwrap()
            .document(&rows.unwrap(), &about(Instant(0)));
        String::from_utf8(document.unwrap()).unwrap()
    }

    #[test]
    fn a_file_has_a_header_and_ends_its_lines_as_it_should() {
        let text = document(&[
            transaction("t1", Some("m,1"), 1099, "2026-06-02T14:46:00Z"),
            transaction("t2", None, 5, "2026-06-02T14:46:00.5"),
            transaction("say \"no\"", Some("m3"), 0, "2026-06-02T15:46:00+01:00"),
        ]);
        let date = "2026-06-02 14:46:00+00:00";
        assert_eq!(
            text,
            format!(
                "id,member,amount,date\r\nt1,\"m,1\",1099,{date}\r\nt2,,5,{date}\r\n\
                 \"say \"\"no\"\"\",m3,0,{date}\r\n"
            )
        );
    }

    #[test]
    fn no_text_is_a_formula_and_a_negative_amount_stays_a_number() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+44", "'+44"),
            ("-x", "'-x"),
            ("@x", "'@x"),
            ("'quoted'", "'quoted'"),
            ("plain", "plain"),
        ] {
            let file = document(&[transaction(text, None, -250, "2026-06-02T14:46:00Z")]);
            let line = file.lines().nth(1).unwrap();
            assert!(line.starts_with(&format!("{cell},,-250,")), "{line}");
            assert_eq!(unguarded(cell), text);
        }
    }

    #[test]
    fn a_file_is_named_by_its_time_and_its_rows() {
        let batch = compiled(TABLE).unwrap();
        let name = batch
            .file_name(2, &about(Instant(1_780_411_572_000_000)))
            .unwrap();
        assert_eq!(name, "shop_date20260602T144612_rows2.csv");
        assert_eq!(batch.size, 2);
    }

    #[test]
    fn a_row_that_cannot_be_made_is_told_by_its_column_and_harms_no_other() {
        let rows = [
            transaction("t1", None, 1, "yesterday"),
            transaction("t2", None, 1, "2026-06-02T14:46:00Z"),
        ];
        let rows = plan(TABLE).unwrap().rows(&rows, &no_secrets);
        let wrong = rows[0].as_ref().unwrap_err();
        assert!(wrong.starts_with("column date: "), "{wrong}");
        assert!(rows[1].is_ok());
    }

    #[test]
    fn every_mistake_of_a_table_is_named_by_its_key() {
        let name = "name = \"shop_date{{ now | date('%Y%m%dT%H%M%S') }}_rows{{ rows }}.csv\"";
        for (from, to, key, words) in [
            (
                "batch_size = 2",
                "batch_size = 0",
                "batch_size",
                "from 1 to",
            ),
            ("\"0 6 * * *\"", "\"daily\"", "schedule", "five cron fields"),
            (
                name,
                "name = \"shop.csv\"",
                "destination.name",
                "to the second",
            ),
            (
                name,
                "name = \"{{ day }}.csv\"",
                "destination.name",
                "there is no day",
            ),
            (
                name,
                "name = \"{{ now }}/x\"",
                "destination.name",
                "not the name",
            ),
            (
                "loyalty_id",
                "loyality_id",
                "columns[1]",
                "there is no loyality_id",
            ),
            ("loyalty_id", "loyalty_id |", "columns[1]", "syntax error"),
            ("\"member\"", "\"id\"", "columns[1].name", "twice"),
            (
                "loyalty_id",
                "extra_fields",
                "columns",
                "column member: gives a map",
            ),
            (
                "columns = [",
                "body = '{}'\n columns = [",
                "columns",
                "one of them",
            ),
        ] {
            let table = TABLE.replace(from, to);
            assert_ne!(table, TABLE, "{from}");
            let mistakes = compiled(&table).unwrap_err();
            assert_eq!(mistakes[0].0, key, "{mistakes:?}");
            assert!(mistakes[0].1.contains(words), "{mistakes:?}");
        }
    }
}
