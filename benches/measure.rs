//! What a stretch of work took: by the clock, and of the processors.

use std::time::Instant;

/// Seconds, by the clock and of processors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// By the clock.
    pub wall: f64,
    /// Of the processors, in this process.
    pub own: f64,
    /// Of the processors, in a server and all processes that it started.
    pub server: f64,
}

impl Took {
    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            own: self.own + other.own,
            server: self.server + other.server,
        }
    }
}

/// Begins to measure.
pub struct Stretch {
    began: Instant,
    own: f64,
    server: f64,
    pid: Option<u32>,
}

impl Stretch {
    /// From now on; with the server, if there is one, whose first process has this id.
    pub fn begin(pid: Option<u32>) -> Self {
        Self {
            began: Instant::now(),
            own: own_seconds(),
            server: pid.map_or(0.0, server_seconds),
            pid,
        }
    }

    /// Until now.
    pub fn end(self) -> Took {
        Took {
            wall: self.began.elapsed().as_secs_f64(),
            own: own_seconds() - self.own,
            server: self.pid.map_or(0.0, server_seconds) - self.server,
        }
    }
}

/// The fields of `/proc/<process>/stat` after the name, which may hold blanks.
fn stat(process: &str) -> Option<Vec<i64>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit(')').next()?.split_whitespace();
    Some(fields.map(|field| field.parse().unwrap_or(0)).collect())
}

/// Ticks of a hundredth of a second, of user and system, as seconds.
fn seconds(ticks: &[i64]) -> f64 {
    ticks.iter().sum::<i64>() as f64 / 100.0
}

/// Seconds of processors that a process has used, while it is there.
pub fn cpu_seconds_of(pid: u32) -> Option<f64> {
    stat(&pid.to_string()).map(|stat| seconds(&stat[11..13]))
}

fn own_seconds() -> f64 {
    stat("self").map_or(0.0, |stat| seconds(&stat[11..13]))
}

/// What a process, those it started, and those of them that ended have used.
fn server_seconds(pid: u32) -> f64 {
    let of_first = stat(&pid.to_string()).map_or(0.0, |stat| seconds(&stat[11..15]));
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let children = names
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|name| stat(&name))
        .filter(|stat| stat[1] == i64::from(pid));
    of_first + children.map(|stat| seconds(&stat[11..13])).sum::<f64>()
}

/// The process that started another.
pub fn parent(pid: u32) -> Option<u32> {
    u32::try_from(stat(&pid.to_string())?[1]).ok()
}

/// The most memory this process had since [`forget_peak`], in MiB.
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

/// Measures the peak anew from here on.
pub fn forget_peak() {
    // Where the system does not let it, the peak is of all that was done before as well.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// How many wanted a processor lately: one minute, five, fifteen.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
