//! The SFTP inbox against OpenSSH's own server, started here on a port of its own. Where `sshd` is
//! not installed every test says so and proves nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::time::Day;
use harmonia_gateway::sftp::{Folders, SftpInbox, SftpSecret};
use harmonia_gateway::spool::Spool;
use harmonia_journey::ports::{Arrival, Inbox};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const DAY: Day = Day(20_606);
const MEBIBYTE: u64 = 1024 * 1024;

/// A running `sshd` with a folder of files.
struct Sshd {
    process: Child,
    port: u16,
    home: TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Says what was not tried. Not with `eprintln!`, which a test that passes keeps to itself.
fn left_out(what: &str) {
    let line = format!("LEFT OUT: {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn is_root() -> bool {
    output("id", &["-u"]).trim() == "0"
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn keygen(folder: &Path, name: &str, kind: &str, passphrase: &str) {
    let path = folder.join(name).display().to_string();
    output(
        "ssh-keygen",
        &["-q", "-t", kind, "-N", passphrase, "-f", &path],
    );
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Sshd {
    /// With lines of configuration of its own; `None`, said aloud, where there is no `sshd`.
    fn start(more: &str) -> Option<Self> {
        let Some(sshd) = program("sshd") else {
            left_out(
                "no sshd on this machine, so nothing of the SFTP inbox was tried here; \
                 apt-get install openssh-server",
            );
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let at = home.path();
        keygen(at, "host", "ed25519", "");
        keygen(at, "host_rsa", "rsa", "");
        keygen(at, "user", "ed25519", "");
        keygen(at, "locked", "ed25519", "open sesame");
        let keys = ["user.pub", "locked.pub"].map(|name| std::fs::read(at.join(name)).unwrap());
        std::fs::write(at.join("authorized"), keys.concat()).unwrap();
        std::fs::create_dir(at.join("in")).unwrap();
        if is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = free_port();
        let (shown, log) = (at.display(), File::create(at.join("log")).unwrap());
        let config = format!(
            "{more}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\n\
             HostKey {shown}/host_rsa\nAuthorizedKeysFile {shown}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n\
             Subsystem sftp internal-sftp\n"
        );
        std::fs::write(at.join("config"), config).unwrap();
        let process = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(at.join("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            home,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("sshd does not answer: {}", self.text("log"));
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn secret(&self) -> Value {
        json!({
            "user": output("id", &["-un"]).trim(),
            "private_key": self.text("user"),
            "host_key": self.text("host.pub"),
        })
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path("in").join(name), bytes).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn archiving(&self) -> Folders {
        Folders {
            path: format!("{}/in/", self.home.path().display()),
            archive: Some(format!("{}/done/of/shop", self.home.path().display())),
        }
    }

    fn leaving(&self) -> Folders {
        Folders {
            archive: None,
            ..self.archiving()
        }
    }

    fn inbox(&self, folders: Folders) -> SftpInbox {
        self.inbox_by(self.port, folders, self.secret(), Duration::ZERO)
    }

    fn inbox_by(&self, port: u16, folders: Folders, secret: Value, settle: Duration) -> SftpInbox {
        let secret: SftpSecret = serde_json::from_value(secret).unwrap();
        let spool = Spool::new(self.home.path(), 64 * MEBIBYTE);
        SftpInbox::new(("127.0.0.1", port), folders, secret, spool, settle).unwrap()
    }

    /// Why a look with this secret fails.
    async fn refusal(&self, secret: Value) -> String {
        let inbox = self.inbox_by(self.port, self.archiving(), secret, Duration::ZERO);
        inbox.arrivals().await.err().unwrap().to_string()
    }

    /// Whether a look with this secret works.
    async fn lets_in(&self, secret: Value) {
        let inbox = self.inbox_by(self.port, self.archiving(), secret, Duration::ZERO);
        if let Err(error) = inbox.arrivals().await {
            panic!("{error}\n{}", self.text("log"));
        }
    }
}

async fn look(inbox: &SftpInbox) -> Vec<Box<dyn Arrival>> {
    inbox.arrivals().await.unwrap()
}

async fn read(arrival: &dyn Arrival) -> Vec<u8> {
    let file = arrival.take().await.unwrap().unwrap();
    let mut bytes = Vec::new();
    file.open().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

#[tokio::test]
async fn a_file_is_read_and_moved_and_nothing_is_overwritten() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let inbox = server.inbox(server.archiving());
    let large = noise(3 * 1024 * 1024 + 17);
    server.put("b.csv", &large);
    server.put("a.csv", b"small");
    server.put("c.csv.part", b"x");
    server.put(".d.csv", b"x");
    std::fs::create_dir(server.path("in/folder")).unwrap();
    let arrivals = look(&inbox).await;
    assert_eq!(arrivals.len(), 2);
    let place = format!(
        "sftp://127.0.0.1:{}{}",
        server.port,
        server.path("in/a.csv").display()
    );
    assert_eq!(arrivals[0].source(), place);
    assert_eq!(read(arrivals[0].as_ref()).await, b"small");
    assert_eq!(read(arrivals[1].as_ref()).await, large);
    for arrival in &arrivals {
        arrival.archive(DAY).await.unwrap();
    }
    assert_eq!(server.names("done/of/shop"), ["a.csv", "b.csv"]);
    // Another of the same name, and one that was refused.
    server.put("a.csv", b"other");
    let again = look(&inbox).await;
    assert_eq!(read(again[0].as_ref()).await, b"other");
    again[0].archive(DAY).await.unwrap();
    assert_eq!(server.names("done/of/shop"), ["a.csv", "a.csv.2", "b.csv"]);
    server.put("e.csv", b"bad");
    look(&inbox).await[0].set_aside().await.unwrap();
    let kept = ["a.csv", "a.csv.2", "b.csv", "e.csv.refused"];
    assert_eq!(server.names("done/of/shop"), kept);
    assert!(look(&inbox).await.is_empty());
    assert!(
        server.names("spool").is_empty(),
        "a spooled file has no name"
    );
}

#[tokio::test]
async fn without_an_archive_folder_a_file_stays_and_is_fetched_when_it_changes() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let inbox = server.inbox(server.leaving());
    server.put("a.csv", b"one");
    let arrivals = look(&inbox).await;
    assert_eq!(read(arrivals[0].as_ref()).await, b"one");
    arrivals[0].archive(DAY).await.unwrap();
    assert_eq!(server.names("in"), ["a.csv"]);
    assert!(look(&inbox).await.is_empty(), "unchanged");
    server.put("a.csv", b"one and more");
    let changed = look(&inbox).await;
    assert_eq!(read(changed[0].as_ref()).await, b"one and more");
    changed[0].set_aside().await.unwrap();
    assert_eq!(server.names("in"), ["a.csv.refused"]);
    assert!(look(&inbox).await.is_empty(), "refused");
}

#[tokio::test]
async fn a_server_that_is_not_the_pinned_one_is_refused() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let with_key = |key: Value| {
        let mut secret = server.secret();
        secret["host_key"] = key;
        secret
    };
    // Another key of the same kind, a kind that the server does not have, none at all.
    let refusal = server
        .refusal(with_key(json!(server.text("user.pub"))))
        .await;
    let fingerprint = output(
        "ssh-keygen",
        &["-lf", server.path("host.pub").to_str().unwrap()],
    );
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    assert!(refusal.contains(fingerprint), "{refusal}");
    assert!(refusal.contains("ask its operator"), "{refusal}");
    keygen(server.home.path(), "other", "ecdsa", "");
    let refusal = server
        .refusal(with_key(json!(server.text("other.pub"))))
        .await;
    assert!(refusal.contains("ask its operator"), "{refusal}");
    let none: SftpSecret = serde_json::from_value(with_key(json!([]))).unwrap();
    let spool = Spool::new(server.home.path(), MEBIBYTE);
    let place = ("127.0.0.1", server.port);
    let inbox = SftpInbox::new(place, server.archiving(), none, spool, Duration::ZERO);
    let refusal = inbox.err().unwrap().to_string();
    assert!(refusal.contains("`host_key` must be"), "{refusal}");
    // The server's other key is as good, and so is a list with the right one in it.
    server
        .lets_in(with_key(json!(server.text("host_rsa.pub"))))
        .await;
    let list = [server.text("other.pub"), server.text("host.pub")];
    server.lets_in(with_key(json!(list))).await;
}

#[tokio::test]
async fn keys_with_a_passphrase_open_and_wrong_logins_are_told() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let mut secret = server.secret();
    secret["private_key"] = json!(server.text("locked"));
    secret["passphrase"] = json!("open sesame");
    server.lets_in(secret.clone()).await;
    secret["passphrase"] = json!("wrong");
    let parsed: SftpSecret = serde_json::from_value(secret.clone()).unwrap();
    let spool = Spool::new(server.home.path(), MEBIBYTE);
    let place = ("127.0.0.1", server.port);
    let inbox = SftpInbox::new(place, server.archiving(), parsed, spool, Duration::ZERO);
    let error = inbox.err().unwrap().to_string();
    assert!(error.contains("`passphrase` does not open it"), "{error}");
    keygen(server.home.path(), "stranger", "ed25519", "");
    let mut stranger = server.secret();
    stranger["private_key"] = json!(server.text("stranger"));
    let error = server.refusal(stranger).await;
    assert!(error.contains("refuses the login"), "{error}");
    let gone = server.inbox_by(
        free_port(),
        server.archiving(),
        server.secret(),
        Duration::ZERO,
    );
    assert!(gone.arrivals().await.is_err());
}

/// A user of this system with a password, for as long as a test runs.
struct SystemUser(String);

impl SystemUser {
    fn create(password: &str) -> Option<Self> {
        if !is_root() || program("useradd").is_none() || program("chpasswd").is_none() {
            left_out("a login by password needs a system user, and this user may not make one");
            return None;
        }
        let name = format!("txm{}", std::process::id());
        output(
            "useradd",
            &["--no-create-home", "--home-dir", "/tmp", &name],
        );
        let user = Self(name);
        let mut chpasswd = Command::new("chpasswd")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let line = format!("{}:{password}\n", user.0);
        chpasswd
            .stdin
            .take()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        assert!(chpasswd.wait().unwrap().success());
        Some(user)
    }
}

impl Drop for SystemUser {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_password_logs_in_also_where_it_is_asked_for_in_words() {
    let Some(server) = Sshd::start("PasswordAuthentication yes") else {
        return;
    };
    let Some(user) = SystemUser::create("pass word") else {
        return;
    };
    let secret = |server: &Sshd, password: &str| json!({"user": user.0, "password": password, "host_key": server.text("host.pub")});
    output("chmod", &["755", server.home.path().to_str().unwrap()]);
    server.lets_in(secret(&server, "pass word")).await;
    let error = server.refusal(secret(&server, "wrong")).await;
    assert!(error.contains("refuses the login"), "{error}");
    assert!(!error.contains("wrong\""), "{error}");
    let asking = Sshd::start("UsePAM yes\nKbdInteractiveAuthentication yes").unwrap();
    output("chmod", &["755", asking.home.path().to_str().unwrap()]);
    asking.lets_in(secret(&asking, "pass word")).await;
}

#[tokio::test]
async fn a_file_that_grows_is_left_alone() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let settle = Duration::from_secs(2);
    let inbox = server.inbox_by(server.port, server.archiving(), server.secret(), settle);
    server.put("growing.csv", b"one");
    server.put("old.csv", b"old");
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let old = File::options()
        .write(true)
        .open(server.path("in/old.csv"))
        .unwrap();
    old.set_modified(hour_ago).unwrap();
    let names = |arrivals: &[Box<dyn Arrival>]| -> Vec<String> {
        let name = |source: String| source.rsplit('/').next().unwrap().to_owned();
        arrivals.iter().map(|one| name(one.source())).collect()
    };
    assert_eq!(names(&look(&inbox).await), ["old.csv"]);
    tokio::time::sleep(settle + Duration::from_millis(100)).await;
    server.put("growing.csv", b"one, two");
    assert_eq!(names(&look(&inbox).await), ["old.csv"], "it has just grown");
    tokio::time::sleep(settle + Duration::from_millis(100)).await;
    let settled = look(&inbox).await;
    assert_eq!(names(&settled), ["growing.csv", "old.csv"]);
    // It grows once more after it was listed, and while it is being imported.
    server.put("growing.csv", b"one, two, three");
    assert!(settled[0].take().await.unwrap().is_none());
    let once = server.inbox(server.archiving());
    let arrival = look(&once).await.remove(0);
    assert_eq!(read(arrival.as_ref()).await, b"one, two, three");
    server.put("growing.csv", b"one, two, three, four");
    let error = arrival.archive(DAY).await.unwrap_err().to_string();
    assert!(
        error.contains("changed while it was being imported"),
        "{error}"
    );
    assert_eq!(server.names("in"), ["growing.csv", "old.csv"]);
}

/// Passes connections on to the server, and breaks each after so many of its bytes.
fn breaking(port: u16, after: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let after = Arc::clone(&after);
            std::thread::spawn(move || {
                let limit = after.load(Ordering::SeqCst) as u64;
                let (mut from, mut to) = (server.take(limit), client);
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
                let _ = from.into_inner().shutdown(std::net::Shutdown::Both);
            });
        }
    });
    own
}

#[tokio::test]
async fn a_download_that_breaks_leaves_the_file_for_another_look() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    let whole = noise(8 * 1024 * 1024);
    server.put("large.csv", &whole);
    let after = Arc::new(AtomicUsize::new(2 * 1024 * 1024));
    let port = breaking(server.port, Arc::clone(&after));
    let inbox = server.inbox_by(port, server.archiving(), server.secret(), Duration::ZERO);
    let arrivals = look(&inbox).await;
    let error = arrivals[0].take().await.err().unwrap().to_string();
    assert!(error.contains("large.csv: it cannot be fetched"), "{error}");
    assert!(server.names("spool").is_empty(), "what came of it is gone");
    after.store(usize::MAX, Ordering::SeqCst);
    // The same arrival gets a connection of its own, and so does the next look.
    assert_eq!(read(arrivals[0].as_ref()).await, whole);
    let arrivals = look(&inbox).await;
    assert_eq!(read(arrivals[0].as_ref()).await, whole);
    arrivals[0].archive(DAY).await.unwrap();
    assert_eq!(server.names("done/of/shop"), ["large.csv"]);
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_told() {
    let Some(server) = Sshd::start("") else {
        return;
    };
    server.put("large.csv", &noise(2 * 1024 * 1024));
    let secret: SftpSecret = serde_json::from_value(server.secret()).unwrap();
    let spool = Spool::new(server.home.path(), MEBIBYTE);
    let place = ("127.0.0.1", server.port);
    let folders = server.archiving();
    let inbox = SftpInbox::new(place, folders, secret, spool, Duration::ZERO).unwrap();
    let error = look(&inbox).await[0]
        .take()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("TXM_FETCH_LIMIT_MB"), "{error}");
    assert_eq!(server.names("in"), ["large.csv"]);
}
