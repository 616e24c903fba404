//! How commands speak: tables or JSON on standard output, errors and progress on standard error.

use comfy_table::{ContentArrangement, LineStyle, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{BufRead, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Why a command failed: what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A failure: exit code 1.
    pub fn new(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            code: 1,
        }
    }

    /// Wrong usage: exit code 2.
    pub fn usage(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            code: 2,
        }
    }
}

macro_rules! failures {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )+};
}

failures!(
    harmonia_journey::import::ImportError,
    harmonia_journey::ports::CommitError,
    harmonia_journey::ports::StoreError,
    harmonia_journey::sweep::SweepError,
    harmonia_journey::watch::WatchError,
    harmonia_sim::GenerateError,
    harmonia_sim::TruthError,
    harmonia_store::OpenError,
);

/// Says why, and gives the exit code.
pub fn exit(failure: &Failure) -> ExitCode {
    // A reader that went away took what it wanted: that is no failure.
    if !failure.message.is_empty() {
        complain(&failure.message);
    }
    ExitCode::from(failure.code)
}

/// Writes an error for a person.
pub fn complain(message: &str) {
    let _ = writeln!(anstream::stderr(), "harmonia: {message}");
}

/// Prints results: tables for people, JSON for programs.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    json: bool,
}

impl Printer {
    /// A printer of tables, or of JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON is wanted.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a value: as one JSON document, or as the text made of it.
    ///
    /// # Errors
    /// [`Failure`] when standard output cannot be written; silent when its reader went away.
    pub fn print<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(value).map_err(Failure::new)?;
            self.line(&json)
        } else {
            self.line(text().trim_end_matches('\n'))
        }
    }

    /// Prints a line as it is.
    ///
    /// # Errors
    /// [`Failure`] when standard output cannot be written; silent when its reader went away.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Prints a document as it is, to its last byte.
    ///
    /// # Errors
    /// [`Failure`] when standard output cannot be written; silent when its reader went away.
    pub fn bytes(self, document: &[u8]) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        out.write_all(document)
            .and_then(|()| out.flush())
            .map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => Failure {
                    message: String::new(),
                    code: 0,
                },
                _ => Failure::new(format!("cannot write to standard output: {error}")),
            })
    }
}

/// A table with a header.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING.header_separator(LineStyle::new('─', '─', '─', '─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(header.iter().copied());
    table
}

/// What is shown where nothing is known.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

/// A number as people read it: `1 234 567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A progress bar on a terminal; elsewhere one plain line when a part is done.
pub struct Progress(ProgressBar);

impl Progress {
    /// For a part of the work that has so many steps, if that is known.
    pub fn start(what: &str, steps: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(steps, ProgressDrawTarget::stderr());
        let style = match steps {
            Some(_) => "{msg:<28} {wide_bar} {human_pos}/{human_len} {per_sec}",
            None => "{msg:<28} {spinner} {human_pos} {per_sec}",
        };
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// So many steps are done.
    pub fn at(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// This part is done.
    pub fn done(self) {
        let what = self.0.message();
        let seconds = self.0.elapsed().as_secs_f64();
        self.0.finish_and_clear();
        let _ = writeln!(anstream::stderr(), "{what}: done in {seconds:.1} s");
    }
}

/// Whether a person says yes to what is shown, on standard error.
///
/// # Errors
/// [`Failure`] where nobody is there to ask: that is wrong usage.
pub fn agreed(shown: &str, question: &str) -> Result<bool, Failure> {
    let mut out = anstream::stderr();
    let _ = writeln!(out, "{shown}");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is nobody to ask: say --yes"));
    }
    let _ = write!(out, "{question} [y/N] ");
    let _ = out.flush();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::new)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
