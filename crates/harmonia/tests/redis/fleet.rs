//! A town on PostgreSQL and Redis, and the processes that work there.

use crate::database::Database;
use crate::server::{PASSWORD, Redis};
use crate::serving::Serving;
use crate::signal::terminate;
use crate::support::Place;
use crate::town::{CARD, CARDS, MIDS};
use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};

/// Longer than anything here takes, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The town.
pub struct Fleet {
    pub place: Place,
    pub database: Database,
    processes: u32,
}

/// A process of it, ended when this is dropped.
pub struct Member {
    process: Child,
    log: std::path::PathBuf,
}

impl Fleet {
    /// With its shop onboarded and its card linked, where `redis` is or will be; `None`, and said, where
    /// there is no PostgreSQL.
    pub fn at(redis: Option<&Redis>) -> Option<Self> {
        let database = Database::of_tests()?;
        let mut place = Place::new()
            .with("TXM_POSTGRES_URI", database.uri())
            .with("TXM_API_AUTH_ENABLED", "false");
        if let Some(redis) = redis {
            place = place.with("TXM_REDIS_URL", redis.url());
        }
        let cards = format!("{CARDS}{CARD}");
        place.ok(&["mids", "import", &place.write("mids.csv", MIDS)]);
        place.ok(&["cards", "import", &place.write("cards.csv", cards)]);
        Some(Self {
            place,
            database,
            processes: 0,
        })
    }

    /// Starts `worker`, `scheduler` and the like.
    pub fn start(&mut self, arguments: &[&str]) -> Member {
        self.processes += 1;
        let log = self.place.path(&format!("log-{}", self.processes));
        let mut command = self.place.command(arguments);
        command.stderr(File::create(&log).unwrap());
        Member {
            process: command.spawn().unwrap(),
            log,
        }
    }

    /// Starts a process that serves.
    pub fn serve(&self) -> Serving {
        Serving::start(&self.place)
    }

    /// How many exports are delivered.
    pub fn delivered(&self) -> i64 {
        let delivered = "SELECT count(*) FROM export_transaction WHERE status = 'DELIVERED'";
        self.database.number(delivered)
    }
}

impl Member {
    /// All that it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it said something so many times.
    #[track_caller]
    pub fn said(&self, words: &str, times: usize) {
        until(words, || self.log().matches(words).count() >= times);
    }

    /// Stops it, and gives what it logged: no password, and nothing that Redis would not take.
    #[track_caller]
    pub fn stop(mut self) -> String {
        terminate(&self.process);
        let status = self.process.wait().unwrap();
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        assert!(!log.contains(PASSWORD), "{log}");
        assert!(!log.contains("Redis refuses"), "{log}");
        log
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until something is so; gives how long that took.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not yet");
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}
