//! The demonstration as it is run on many machines: processes of their own that look for files, decide,
//! tell merchants, watch the schedules and serve the API, and know of each other by the database and
//! Redis alone.

use super::place_all;
use crate::commands::drain::is_at_work;
use crate::output::{Failure, Progress, grouped};
use crate::wiring::Wiring;
use harmonia_journey::Journey;
use harmonia_journey::ports::ImportOutcome;
use harmonia_sim::Summary;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The processes, each with what it is called here and what it does.
const PROCESSES: &[(&str, &[&str])] = &[
    ("import", &["worker", "--queues", "import"]),
    ("matching-1", MATCHING),
    ("matching-2", MATCHING),
    ("export", &["worker", "--queues", "export"]),
    ("scheduler-1", &["scheduler"]),
    ("scheduler-2", &["scheduler"]),
    #[cfg(feature = "web")]
    ("serve", &["serve"]),
];
const MATCHING: &[&str] = &[
    "worker",
    "--queues",
    "identify,matching,matching_slow,streaming",
];
/// How long a process may take to stop.
const STOPPING: Duration = Duration::from_secs(30);
/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(100);
/// The files of the demonstration: sales and payments.
const FILES: usize = 2;

/// Processes that stop when they are no longer needed, whatever happens.
struct Processes(Vec<Process>);

struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Starts every process, gives them the files, and waits until all that came of them is done.
///
/// # Errors
/// [`Failure`] when one cannot be started, or ends before it is told to.
pub async fn work(
    wiring: &Wiring,
    journey: &Journey,
    summary: &Summary,
) -> Result<ImportOutcome, Failure> {
    let before = journey.store.files(1).await?;
    let before = before.first().map_or(0, |file| file.id);
    place_all(wiring, journey, summary)?;
    let mut processes = Processes::start(&wiring.settings.data_dir)?;
    let progress = Progress::start("importing, matching and delivering", None);
    let imported = loop {
        processes.refuse_ended()?;
        let files = journey.store.files(FILES).await?;
        let done: Vec<_> = files
            .iter()
            .filter(|file| file.id > before && file.state != "IMPORTING")
            .collect();
        if let Some(refused) = done.iter().find(|file| file.state == "REFUSED") {
            let why = refused.refusal.as_deref().unwrap_or_default();
            return Err(Failure::new(format!("{}: {why}", refused.source)));
        }
        if done.len() == FILES && !is_at_work(journey).await? {
            let mut total = ImportOutcome::default();
            for file in done {
                total.add(outcome(file.records));
            }
            break total;
        }
        tokio::time::sleep(LOOK).await;
    };
    progress.done();
    processes.stop()?;
    Ok(imported)
}

/// What an import came to, as the log tells it.
fn outcome(records: [i64; 6]) -> ImportOutcome {
    let [read, new, duplicate, skipped, rejected, quarantined] = records.map(i64::unsigned_abs);
    ImportOutcome {
        read,
        new,
        duplicate,
        skipped,
        rejected,
        quarantined,
    }
}

/// Where the logs of the processes are.
fn logs(data: &Path) -> PathBuf {
    data.join("logs")
}

/// What was started, for people.
pub fn told(data: &Path) -> String {
    let names: Vec<&str> = PROCESSES.iter().map(|(name, _)| *name).collect();
    format!(
        "by {} processes: {}; their logs are in {}\n",
        grouped(names.len() as u64),
        names.join(", "),
        logs(data).display()
    )
}

impl Processes {
    fn start(data: &Path) -> Result<Self, Failure> {
        let failed = |what: &Path, error: std::io::Error| {
            Failure::new(format!("cannot start {}: {error}", what.display()))
        };
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(format!("cannot find this program itself: {error}")))?;
        let logs = logs(data);
        std::fs::create_dir_all(&logs).map_err(|error| failed(&logs, error))?;
        let mut processes = Self(Vec::new());
        for (name, arguments) in PROCESSES {
            let log = logs.join(format!("{name}.log"));
            let file = File::create(&log).map_err(|error| failed(&log, error))?;
            let child = Command::new(&program)
                .args(*arguments)
                .env("TXM_DATA_DIR", data)
                .env("TXM_LOCAL_IMPORT_BASE_PATH", data.join("files"))
                .env("TXM_LOG_LEVEL", "info")
                // The files appear whole.
                .env("TXM_FILE_SETTLE_MS", "0")
                // Whatever else listens here.
                .env("TXM_LISTEN", "127.0.0.1:0")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(file)
                .spawn()
                .map_err(|error| failed(&program, error))?;
            processes.0.push(Process { name, child, log });
        }
        Ok(processes)
    }

    /// A process that ended by itself has said why.
    fn refuse_ended(&mut self) -> Result<(), Failure> {
        for Process { name, child, log } in &mut self.0 {
            if let Ok(Some(status)) = child.try_wait() {
                let said = std::fs::read_to_string(&*log).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                return Err(Failure::new(format!(
                    "the process {name} ended ({status}): {last}\nsee {}",
                    log.display()
                )));
            }
        }
        Ok(())
    }

    /// Asks all of them to stop, and waits until they have.
    fn stop(mut self) -> Result<(), Failure> {
        for process in &self.0 {
            ask_to_stop(&process.child);
        }
        let deadline = Instant::now() + STOPPING;
        for Process { name, child, log } in &mut self.0 {
            let status = loop {
                match child.try_wait() {
                    Ok(Some(status)) => break status,
                    Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
                    _ => return Err(Failure::new(format!("the process {name} does not stop"))),
                }
            };
            if !status.success() {
                let log = log.display();
                return Err(Failure::new(format!(
                    "the process {name} ended ({status}): see {log}"
                )));
            }
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // It may have ended: then there is nothing to be done.
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

#[cfg(unix)]
fn ask_to_stop(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, Signal::TERM)
    {
        tracing::debug!(%error, "a process ended before it was told to");
    }
}

/// Where there are no signals it is killed: what is durable stays so.
#[cfg(not(unix))]
fn ask_to_stop(_: &Child) {}
