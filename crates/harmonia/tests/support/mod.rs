//! A place of its own for each test: an empty folder, the real binary run in it, and a look into
//! the database it leaves there.

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder with everything one installation has.
pub struct Place {
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error: errors, progress and log.
    pub err: String,
}

impl Place {
    /// An empty one, with the agents of this repository.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
        let settings = vec![
            ("TXM_DATA_DIR", at("data")),
            ("TXM_LOCAL_IMPORT_BASE_PATH", at("files")),
            ("TXM_AGENTS_DIR", agents.display().to_string()),
            ("TXM_FILE_SETTLE_MS", "0".to_owned()),
            ("TXM_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        Self { folder, settings }
    }

    /// This place with a setting; it replaces the value that there was.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.to_string()));
        self
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in it, and its folders; gives the path as an argument.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// The binary, ready to be started here with these arguments and with no other setting of ours.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harmonia"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }

    /// Runs it, wants success, and gives what it printed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, Some(0), "{arguments:?}: {answer:#?}");
        answer.out
    }

    /// Runs it with `--json`, wants success, and gives each JSON document that it printed.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        documents(&self.ok(&[arguments, &["--json"]].concat()))
    }

    /// The database, to look at.
    pub fn database(&self) -> Connection {
        let path = self.path("data/harmonia.sqlite3");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// The rows of a query that gives one text each.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let database = self.database();
        let mut statement = database.prepare(query).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }
}

impl Answer {
    /// Of a process that ended.
    pub fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// The JSON documents of an output, one after the other.
#[track_caller]
pub fn documents(text: &str) -> Vec<Value> {
    let documents = serde_json::Deserializer::from_str(text).into_iter();
    documents.map(|document| document.unwrap()).collect()
}
