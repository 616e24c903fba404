//! One journey through a world, killed on its way.

use crate::standing::Standing;
use crate::support::{Answer, Place};
use crate::world::World;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

const KILLS_A_JOURNEY: u64 = 5;
const SIGKILL: i32 = 9;
/// How long a kill waits for a write that may not come.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Import what the tills say.
    Sales,
    /// Import what the network says.
    Payments,
    /// Work until nothing is due.
    Drain,
}

/// How a file is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// `harmonia import`, which ends by itself and leaves matching to `drain`.
    Command,
    /// `harmonia run`, which finds it in its folder and matches and delivers meanwhile.
    Folder,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sales, Self::Payments, Self::Drain];

    /// The feed whose file it imports.
    pub fn feed(self) -> Option<&'static str> {
        match self {
            Self::Sales => Some("example-loyalty-scheme"),
            Self::Payments => Some("example-payment-provider"),
            Self::Drain => None,
        }
    }

    /// What `generate` calls that file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Payments => "payments",
            Self::Drain => "",
        }
    }
}

/// A kill that is planned.
#[derive(Clone, Copy, Debug)]
struct Kill {
    step: Step,
    /// When, in millionths of the time that the step takes undisturbed.
    moment: u64,
    /// What is waited for then.
    moment_of: Moment,
}

/// What is waited for when a kill's time has come. Between two writes of different files lie the
/// moments that matter most, and they are too short to be met by chance alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Nothing.
    Now,
    /// The database has just been written.
    Commit,
    /// The merchant's file has just been written, and its commit has not come yet.
    Delivery,
}

impl Moment {
    fn until(self, place: &Place) -> Until {
        match self {
            Self::Now => Until::Now,
            Self::Commit => Until::Written(place.path("data/harmonia.sqlite3-wal")),
            Self::Delivery => Until::Written(place.path("files/exports/example-loyalty-scheme")),
        }
    }
}

/// What a kill waits for.
#[derive(Clone, Debug)]
pub enum Until {
    /// Nothing.
    Now,
    /// A file, or a file of a folder, has just been written.
    Written(PathBuf),
}

/// What happened on a journey.
#[derive(Debug, Default)]
pub struct Told {
    /// Kills of a process that was alive.
    pub kills: u64,
    /// Those whose lease the next process had to free.
    pub with_work_in_hand: u64,
    story: Vec<String>,
}

impl Told {
    /// Hears from a log whether the process before it left a lease.
    fn hear(&mut self, log: &str) {
        self.with_work_in_hand += u64::from(log.contains("freed the leases of a process"));
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story.join(", "))
    }
}

/// Works through the world, killed where the seed says, and wants the end that it has undisturbed.
pub fn killed_journey(world: &World, seed: u64) -> Told {
    let place = world.onboarded();
    let plan = plan(seed);
    let mut told = Told::default();
    for step in Step::ALL {
        let way = way(seed, step);
        world.prepare(&place, step, way);
        let pace = world.pace[&(step, way)];
        let mut kills = plan.iter().filter(|kill| kill.step == step);
        let done = kills.any(|kill| {
            let after = pace.mul_f64(kill.moment as f64 / 1e6);
            let process = world.start(&place, step, way);
            !kill_once(process, &place, after, *kill, &mut told)
        });
        if !done {
            told.hear(&world.finish(&place, step, way));
        }
    }
    let message = format!("HARMONIA_KILL_SEED={seed} HARMONIA_KILLS=1 ({told})");
    Standing::of(&place).assert_is(&world.undisturbed, &message);
    told
}

/// Kills a process that works at a step; `false` when it had done its work and ended before.
fn kill_once(
    process: Child,
    place: &Place,
    after: Duration,
    Kill {
        step, moment_of, ..
    }: Kill,
    told: &mut Told,
) -> bool {
    let (killed, output) = kill_at(process, after, &moment_of.until(place));
    let answer = Answer::of(&output);
    if killed {
        told.kills += 1;
        told.story
            .push(format!("{step:?} after {after:.1?} {moment_of:?}"));
    } else {
        assert_eq!(answer.code, Some(0), "{step:?}, after {told}: {answer:#?}");
    }
    told.hear(&answer.err);
    killed
}

/// Kills a process a while after it was started, and says whether it was alive still.
pub fn kill_at(mut process: Child, after: Duration, until: &Until) -> (bool, Output) {
    std::thread::sleep(after);
    wait_until(until, &mut process);
    process.kill().unwrap();
    let output = process.wait_with_output().unwrap();
    (output.status.signal() == Some(SIGKILL), output)
}

/// Waits for a write, for as long as the process lives and may still write.
fn wait_until(until: &Until, process: &mut Child) {
    let Until::Written(watched) = until else {
        return;
    };
    let before = written(watched);
    let deadline = Instant::now() + PATIENCE;
    while written(watched) == before
        && Instant::now() < deadline
        && process.try_wait().unwrap().is_none()
    {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// The length of a file, or of all files of a folder: what grows when it is written.
fn written(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries
            // One that was renamed meanwhile is gone.
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|about| about.len())
            .sum(),
        Err(_) => path.metadata().map_or(0, |about| about.len()),
    }
}

/// One journey's sales come by a folder and its payments by a command, the next one's the other way.
fn way(seed: u64, step: Step) -> Way {
    match (step, seed % 2) {
        (Step::Sales, 0) | (Step::Payments, 1) => Way::Folder,
        _ => Way::Command,
    }
}

/// Where a seed kills: anywhere in a step, and once in five within its first moments.
fn plan(seed: u64) -> Vec<Kill> {
    const FIRST: u64 = 100_000;
    let mut random = seed;
    let mut kill = || Kill {
        step: Step::ALL[draw(&mut random, 3) as usize],
        moment: match draw(&mut random, 5) {
            0 => draw(&mut random, FIRST),
            _ => draw(&mut random, 1_000_000),
        },
        moment_of: [Moment::Now, Moment::Commit, Moment::Delivery][draw(&mut random, 3) as usize],
    };
    (0..KILLS_A_JOURNEY).map(|_| kill()).collect()
}

/// A number below a bound: splitmix64.
pub fn draw(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % bound
}
