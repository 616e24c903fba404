//! Exports that leave many at a time, on a schedule: a CSV file for each batch.
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
//! A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` for a formula, whoever wrote it:
//! such a text gets an apostrophe before it, which [`unguarded`] takes away again. A number is written
//! as it is, so a negative amount stays one.

use super::{ExportTransaction, environment, mistake, unknown_variables};
use crate::schedule::Schedule;
use crate::time::Instant;
use csv::{Terminator, WriterBuilder};
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Value, context};
use serde::Deserialize;

/// Rows a file where the agent file does not say.
const SIZE: usize = 1_000;
const MOST_SIZE: usize = 10_000;
const EVERY_MINUTE: &str = "* * * * *";
/// What is taken for a formula when it begins a cell, and what could hide it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
const NAME: &str = "name";

/// How a batch is written.
#[derive(Clone)]
pub struct Batch {
    /// The most rows of one file.
    pub size: usize,
    /// When batches leave.
    pub schedule: Schedule,
    columns: Vec<Column>,
    environment: Environment<'static>,
}

/// A column of the file: its name, and the expression that gives its value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    value: String,
}

/// The cells of one export.
pub type Row = Vec<String>;

impl Batch {
    /// Compiles what an `[export]` of kind `batch` says beside its folder; `name` is its template of
    /// file names.
    pub(super) fn compile(
        table: &toml::Table,
        name: Option<&str>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut mistakes = Vec::new();
        let size = size(table).map_err(|wrong| mistakes.push(wrong)).ok();
        let schedule = schedule(table).map_err(|wrong| mistakes.push(wrong)).ok();
        let columns = columns(table).map_err(|wrong| mistakes.push(wrong)).ok();
        let mut environment = environment();
        if let Err(wrong) = compile_name(&mut environment, name) {
            mistakes.push(mistake("destination.name", wrong));
        }
        let (Some(size), Some(schedule), Some(columns)) = (size, schedule, columns) else {
            return Err(mistakes);
        };
        let batch = Self {
            size,
            schedule,
            columns,
            environment,
        };
        batch.check(&mut mistakes);
        if mistakes.is_empty() {
            Ok(batch)
        } else {
            Err(mistakes)
        }
    }

    /// The cells of each export, in the order given.
    ///
    /// # Errors
    /// For each by itself: what in a column or in the transaction is at fault.
    pub fn rows<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a ExportTransaction>,
    ) -> Vec<Result<Row, String>> {
        let compile = |column: &Column| {
            let compiled = self
                .environment
                .compile_expression_owned(column.value.clone());
            compiled.map_err(|error| format!("column {}: {error}", column.name))
        };
        let expressions = self.columns.iter().map(compile);
        let expressions: Result<Vec<_>, String> = expressions.collect();
        let row = |transaction: &ExportTransaction| {
            let told = Value::from(Serde(transaction));
            let cells = self.columns.iter().zip(expressions.as_ref()?.iter());
            let cells = cells.map(|(column, expression)| {
                let value = expression
                    .eval(told.clone())
                    .map_err(|error| error.to_string());
                let cell = value.and_then(|value| cell(&value));
                cell.map_err(|error| format!("column {}: {error}", column.name))
            });
            cells.collect::<Result<Row, String>>()
        };
        let row = |transaction| row(transaction).map_err(|error: String| error);
        transactions.into_iter().map(row).collect()
    }

    /// A file of these rows, with its header; lines end with CR and LF.
    ///
    /// # Errors
    /// Never for rows of this plan; what the writer says otherwise.
    pub fn document(&self, rows: &[Row]) -> Result<Vec<u8>, String> {
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        let header: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        writer
            .write_record(header)
            .map_err(|error| error.to_string())?;
        for row in rows {
            writer
                .write_record(row)
                .map_err(|error| error.to_string())?;
        }
        writer.into_inner().map_err(|error| error.to_string())
    }

    /// What a file that is made at a time, with so many rows, is called within its folder.
    ///
    /// # Errors
    /// Says what in the template is at fault.
    pub fn file_name(&self, now: Instant, rows: usize) -> Result<String, String> {
        let template = self.environment.get_template(NAME);
        let name = template
            .and_then(|template| template.render(context! { now => now.to_string(), rows }))
            .map_err(|error| error.to_string())?;
        let is_plain = !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
        if is_plain {
            Ok(name)
        } else {
            Err(format!("{name:?} is not the name of a file"))
        }
    }

    /// Makes a file of a made-up export, so that a mistake is found before there is a real one.
    fn check(&self, mistakes: &mut Vec<(String, String)>) {
        let sample = ExportTransaction::sample();
        for (at, column) in self.columns.iter().enumerate() {
            let key = format!("columns[{at}]");
            let compiled = self.environment.compile_expression(&column.value);
            let unknown = compiled.map(|expression| expression.undeclared_variables(false));
            match unknown {
                Err(error) => mistakes.push(mistake(&key, error.to_string())),
                Ok(unknown) => mistakes.extend(
                    unknown_variables(&self.environment, unknown).map(|wrong| mistake(&key, wrong)),
                ),
            }
        }
        if mistakes.is_empty()
            && let Some(Err(wrong)) = self.rows([&sample]).pop()
        {
            mistakes.push(mistake("columns", wrong));
        }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("size", &self.size)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
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

/// A name that does not hold its time to the second would stand for two files.
fn compile_name(environment: &mut Environment<'static>, name: Option<&str>) -> Result<(), String> {
    let example = "batch_{{ now | date('%Y%m%dT%H%M%S') }}_{{ rows }}.csv";
    let name = name.ok_or_else(|| {
        format!("says what the files of the batches are called, as in {example:?}")
    })?;
    environment
        .add_template_owned(NAME, name.to_owned())
        .map_err(|error| error.to_string())?;
    let template = environment
        .get_template(NAME)
        .map_err(|error| error.to_string())?;
    let mut unknown: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| name != "now" && name != "rows")
        .collect();
    unknown.sort();
    if !unknown.is_empty() {
        return Err(format!(
            "there is no {} to name a file by: there are now, rows",
            unknown.join(", ")
        ));
    }
    let batch = Batch {
        size: 1,
        schedule: Schedule::parse(EVERY_MINUTE)?,
        columns: Vec::new(),
        environment: environment.clone(),
    };
    let at = |second| batch.file_name(Instant(second * crate::time::SECOND_US), 1);
    if at(0)? == at(1)? {
        return Err(format!(
            "must hold the time to the second, or two files would have one name: as in {example:?}"
        ));
    }
    Ok(())
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
    use crate::export::Plan;

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

    fn compiled(table: &str) -> Result<Batch, Vec<(String, String)>> {
        let plan = Plan::compile(&table.parse().unwrap())?;
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
        let batch = compiled(TABLE).unwrap();
        let rows: Result<Vec<Row>, String> = batch.rows(transactions).into_iter().collect();
        String::from_utf8(batch.document(&rows.unwrap()).unwrap()).unwrap()
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
        let name = batch.file_name(Instant(1_780_411_572_000_000), 2).unwrap();
        assert_eq!(name, "shop_date20260602T144612_rows2.csv");
        assert_eq!(batch.size, 2);
    }

    #[test]
    fn a_row_that_cannot_be_made_is_told_by_its_column_and_harms_no_other() {
        let batch = compiled(TABLE).unwrap();
        let rows = batch.rows(&[
            transaction("t1", None, 1, "yesterday"),
            transaction("t2", None, 1, "2026-06-02T14:46:00Z"),
        ]);
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
                "body",
                "no such key",
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
