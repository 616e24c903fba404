//! A Redis of a test's own, which may be emptied, killed, stopped in its tracks and started again.

use crate::certificates::Certificates;
use crate::database::left_out;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What must be in no log.
pub const PASSWORD: &str = "canary-7f3a";

/// One server, on one port for as long as this lives.
pub struct Redis {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// Its place, with nobody there yet; `None`, and said, where no server is installed.
    pub fn absent() -> Option<Self> {
        let Some(program) = std::env::var_os("HARMONIA_TEST_REDIS_SERVER") else {
            left_out("no HARMONIA_TEST_REDIS_SERVER; s/services start, s/services env");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Some(Self {
            program: program.into(),
            folder: tempfile::tempdir().unwrap(),
            port: free.local_addr().unwrap().port(),
            process: None,
        })
    }

    /// One that runs.
    pub fn running() -> Option<Self> {
        let mut redis = Self::absent()?;
        redis.start();
        Some(redis)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Starts it, empty.
    pub fn start(&mut self) {
        let port = self.port.to_string();
        self.start_as(&["--port", &port]);
    }

    /// Starts it, empty, so that it speaks TLS alone.
    pub fn start_secure(&mut self, certificates: &Certificates) {
        let port = self.port.to_string();
        let file = |name: &str| certificates.file(name).display().to_string();
        let (certificate, key) = (file("server.pem"), file("server.key"));
        let ways = [
            "--port",
            "0",
            "--tls-port",
            &port,
            "--tls-auth-clients",
            "no",
        ];
        let by = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        let authority = ["--tls-ca-cert-file", &file("ca.pem")];
        self.start_as(&[&ways[..], &by, &authority].concat());
    }

    /// Its address, where it speaks TLS.
    pub fn secure_url(&self) -> String {
        self.url().replace("redis://", "rediss://")
    }

    fn start_as(&mut self, options: &[&str]) {
        let process = Command::new(&self.program)
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(options)
            .args(["--appendonly", "no", "--requirepass", PASSWORD])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "Redis does not start"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Forgets everything in it.
    pub fn flush(&self) {
        let _: () = redis::cmd("FLUSHALL").query(&mut self.ask()).unwrap();
    }

    /// Takes tokens away from those whom they were to wake, for so long.
    pub fn steal(&self, time: Duration) {
        let (mut ask, began) = (self.ask(), Instant::now());
        let mut take = redis::cmd("BRPOP");
        take.arg(&["txmatch:queue:matching", "txmatch:queue:export"]);
        take.arg(0.1);
        while began.elapsed() < time {
            let _: Option<(String, String)> = take.query(&mut ask).unwrap();
        }
    }

    /// Stops it in its tracks, connections and all, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let process = self.process.as_ref().unwrap();
        let signal = if frozen { "STOP" } else { "CONT" };
        let kill = format!("kill -{signal} {}", process.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
    }

    /// A connection to it.
    pub fn ask(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    /// The text under a key.
    pub fn get(&self, key: &str) -> Option<String> {
        redis::cmd("GET").arg(key).query(&mut self.ask()).unwrap()
    }

    /// Sets a key.
    pub fn set(&self, key: &str, value: &str) {
        let _: () = redis::cmd("SET")
            .arg(key)
            .arg(value)
            .query(&mut self.ask())
            .unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
