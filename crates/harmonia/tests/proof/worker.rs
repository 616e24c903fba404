//! A process that works until it is stopped: `harmonia run`, and what it logs.

use crate::ground::Ground;
use crate::signal::signal;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it may take to be at work.
const START: Duration = Duration::from_secs(60);
/// How long a stop may take.
pub const STOP: Duration = Duration::from_secs(30);

/// A process at work, killed when it is dropped.
pub struct Worker {
    process: Child,
    log: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts one, and waits until it is at work.
    pub fn begin(ground: &Ground) -> Self {
        let mut worker = Self::start(ground, "run");
        worker.await_said("working; stop with");
        worker
    }

    /// Starts one: `run`, or one of what that does all of.
    pub fn start(ground: &Ground, command: &str) -> Self {
        let mut process = ground.command(&[command]).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (said, heard) = (process.stderr.take().unwrap(), Arc::clone(&log));
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let mut log = heard.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            process,
            log,
            reading: Some(reading),
        }
    }

    /// Waits until it has logged something.
    pub fn await_said(&mut self, what: &str) {
        let deadline = Instant::now() + START;
        while !self.log().contains(what) {
            let waits = Instant::now() < deadline && self.is_alive();
            assert!(waits, "it does not say {what:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Asks it to stop, wants it to end well and in time, and gives what it logged.
    pub fn stop(mut self) -> String {
        let asked = Instant::now();
        self.signal("TERM");
        while self.is_alive() {
            assert!(asked.elapsed() < STOP, "it does not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.process.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.log()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
