//! A PostgreSQL cluster of a test's own, which it may kill.

use crate::database::left_out;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The role that everything is made as, and its password: the cluster is reached from here alone.
const ROLE: &str = "harmonia";

/// A running cluster, stopped in the end.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// A new one; `None`, said loudly, where PostgreSQL is not installed.
    pub fn new() -> Option<Self> {
        let Some(programs) = programs() else {
            left_out("no initdb below /usr/lib/postgresql; s/services start postgres installs it");
            return None;
        };
        // Where PostgreSQL's own user may go, which is not every folder of root's.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        if is_root() {
            done(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let cluster = Self {
            programs,
            folder,
            port,
        };
        let password = tempfile::NamedTempFile::new_in("/tmp").unwrap();
        std::fs::write(password.path(), ROLE).unwrap();
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(password.path(), readable).unwrap();
        let data = cluster.data();
        done(
            cluster
                .program("initdb")
                .args([
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                ])
                .arg(format!("--username={ROLE}"))
                .arg(format!("--pwfile={}", password.path().display()))
                .arg(format!("--pgdata={}", data.display())),
        );
        cluster.start();
        Some(cluster)
    }

    /// The address of a database that is always there.
    pub fn uri(&self) -> String {
        format!("postgres://{ROLE}:{ROLE}@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends every process of it at once, as a crash would: nothing is written any more.
    pub fn kill(&self) {
        done(self.control("stop").args(["-m", "immediate"]));
    }

    /// Starts it, and returns when it lets somebody in.
    pub fn start(&self) {
        self.start_with("");
    }

    /// Starts it anew, so that it speaks TLS to whoever wants it, by a certificate and its key (PEM).
    pub fn secure(&self, certificate: &Path, key: &Path) {
        done(&mut self.control("stop"));
        let place = |name: &str| self.folder.path().join(name);
        for (from, name) in [(certificate, "server.pem"), (key, "server.key")] {
            std::fs::copy(from, place(name)).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(place(name), private).unwrap();
            if is_root() {
                done(Command::new("chown").arg("postgres").arg(place(name)));
            }
        }
        self.start_with(&format!(
            " -c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
            place("server.pem").display(),
            place("server.key").display()
        ));
    }

    fn start_with(&self, more: &str) {
        let options = format!(
            "-c port={} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''{more}",
            self.port
        );
        let log = self.folder.path().join("log");
        done(
            self.control("start")
                .arg("-l")
                .arg(log)
                .args(["-o", &options]),
        );
    }

    fn control(&self, verb: &str) -> Command {
        let mut command = self.program("pg_ctl");
        command.arg(verb).arg("-w").arg("-D").arg(self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's, which refuses to be run as root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                .arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down: then there is nothing to be stopped.
        let _ = quiet(self.control("stop").args(["-m", "immediate"])).status();
    }
}

/// The programs of the newest release that is installed.
fn programs() -> Option<PathBuf> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = releases.filter_map(|release| Some(release.ok()?.path().join("bin")));
    let release =
        |path: &PathBuf| -> Option<u32> { path.parent()?.file_name()?.to_str()?.parse().ok() };
    programs
        .filter(|path| path.join("initdb").exists())
        .max_by_key(release)
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

fn quiet(command: &mut Command) -> &mut Command {
    // What the server inherits it keeps open for as long as it runs.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

#[track_caller]
fn done(command: &mut Command) {
    let status = quiet(command).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
