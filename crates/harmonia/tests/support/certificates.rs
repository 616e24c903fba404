//! Certificates for servers of tests: made by `openssl`, by an authority of one's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Who may sign certificates.
const MAY_SIGN: &str = "basicConstraints=critical,CA:TRUE";
/// For whom one is.
const FOR: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";

/// A server's certificate and key, its authority, and an authority that has nothing to do with it.
pub struct Certificates(TempDir);

impl Certificates {
    /// New ones; `None` where there is no `openssl`.
    pub fn new() -> Option<Self> {
        let folder = Self(tempfile::tempdir_in("/tmp").unwrap());
        let place = folder.0.path();
        for name in ["ca", "other"] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            let subject = format!("/CN=Harmonia tests {name}");
            let made = openssl(place)
                .args([
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                ])
                .args(["-subj", &subject, "-addext", MAY_SIGN])
                .args(["-keyout", &key, "-out", &certificate])
                .status();
            assert!(made.ok()?.success(), "openssl req");
        }
        let request = openssl(place)
            .args([
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-keyout", "server.key", "-out", "server.csr"])
            .status();
        assert!(request.unwrap().success(), "openssl req");
        std::fs::write(place.join("for"), FOR).unwrap();
        let signed = openssl(place)
            .args([
                "x509",
                "-req",
                "-in",
                "server.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
            ])
            .args([
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                "for",
                "-out",
                "server.pem",
            ])
            .status();
        assert!(signed.unwrap().success(), "openssl x509");
        Some(folder)
    }

    /// One of its files: `server.pem`, `server.key`, `ca.pem`, `other.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
