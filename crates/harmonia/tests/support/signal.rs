//! Signals to processes.

use std::process::{Child, Command};

/// Asks a process to stop.
pub fn terminate(process: &Child) {
    signal(process, "TERM");
}

/// Sends a signal by its name.
pub fn signal(process: &Child, name: &str) {
    let kill = format!("kill -{name} {}", process.id());
    let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(status.success(), "{kill}: {status}");
}
