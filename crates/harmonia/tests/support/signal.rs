//! Asking a process to stop.

use std::process::{Child, Command};

/// Sends SIGTERM.
pub fn terminate(process: &Child) {
    let kill = format!("kill -TERM {}", process.id());
    let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(status.success(), "{kill}: {status}");
}
