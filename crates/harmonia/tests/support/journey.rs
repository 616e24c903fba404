//! One journey through a world, killed on its way.

use crate::ground::Ground;
use crate::proxy::{Fate, Proxy};
use crate::seeds::draw;
use crate::standing::Standing;
use crate::support::Answer;
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

const KILLS_A_JOURNEY: u64 = 5;
const SIGKILL: i32 = 9;
/// How long a kill waits for a write or a commit that may not come.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// What is waited for when a kill's time has come. Between two writes of different places lie the
/// moments that matter most, and they are too short to be met by chance alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Nothing.
    Now,
    /// The database has just been written.
    Commit,
    /// The merchant's file has just been written, and its commit has not come yet.
    Delivery,
    /// The server is about to be told to make a commit durable.
    BeforeCommit,
    /// A commit is durable, and its answer has not come yet.
    Unanswered,
}

impl Moment {
    /// Those of SQLite, where a commit is a write to a file.
    const SQLITE: [Self; 3] = [Self::Now, Self::Commit, Self::Delivery];
    /// Those of PostgreSQL, where it is a question and an answer.
    const POSTGRES: [Self; 4] = [
        Self::Now,
        Self::BeforeCommit,
        Self::Unanswered,
        Self::Delivery,
    ];

    fn until(self, ground: &Ground, commits: u64) -> Until<'_> {
        let held = |fate| Until::Held(ground.proxy().unwrap(), fate, commits);
        match self {
            Self::Now => Until::Now,
            Self::Commit => Until::Written(ground.path("data/harmonia.sqlite3-wal")),
            Self::Delivery => Until::Written(ground.path("files/exports/example-loyalty-scheme")),
            Self::BeforeCommit => held(Fate::HoldBefore),
            Self::Unanswered => held(Fate::HoldAfter),
        }
    }
}

/// What a kill waits for.
pub enum Until<'a> {
    /// Nothing.
    Now,
    /// A file, or a file of a folder, has just been written.
    Written(PathBuf),
    /// After so many commits, one has met its fate.
    Held(&'a Proxy, Fate, u64),
}

/// What happened on a journey.
#[derive(Debug, Default)]
pub struct Told {
    /// Kills of a process that was alive.
    pub kills: u64,
    /// Those whose lease the next process had to free, or to wait for.
    pub with_work_in_hand: u64,
    /// At which step, and what was waited for.
    pub points: BTreeMap<(Step, Moment), u64>,
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
    let moments = match place.proxy() {
        Some(_) => &Moment::POSTGRES[..],
        None => &Moment::SQLITE,
    };
    let plan = plan(seed, moments);
    let mut told = Told::default();
    for step in Step::ALL {
        let way = way(seed, step);
        world.prepare(&place, step, way);
        let pace = world.pace[&(step, way)];
        let mut kills = plan.iter().filter(|kill| kill.step == step);
        let done = kills.any(|kill| {
            // Others may come before it, so that what it has is not all of the step's.
            let commits = world.commits[&(step, way)] * kill.moment / 2_000_000;
            let after = match kill.moment_of {
                Moment::BeforeCommit | Moment::Unanswered => Duration::ZERO,
                _ => pace.mul_f64(kill.moment as f64 / 1e6),
            };
            let until = kill.moment_of.until(&place, commits);
            let process = world.start(&place, step, way);
            !kill_once(process, &place, (after, until), *kill, &mut told)
        });
        if !done {
            told.hear(&world.finish(&place, step, way));
        }
    }
    let message = format!("seed {seed} ({told})");
    Standing::of(&place).assert_is(&world.undisturbed, &message);
    told
}

/// Kills a process that works at a step; `false` when it had done its work and ended before.
fn kill_once(
    process: Child,
    place: &Ground,
    (after, until): (Duration, Until<'_>),
    Kill {
        step, moment_of, ..
    }: Kill,
    told: &mut Told,
) -> bool {
    let (killed, output) = kill_at(process, after, &until);
    if let Some(proxy) = place.proxy() {
        proxy.pass_all();
    }
    let answer = Answer::of(&output);
    if killed {
        told.kills += 1;
        *told.points.entry((step, moment_of)).or_default() += 1;
        told.story
            .push(format!("{step:?} after {after:.1?} {moment_of:?}"));
    } else {
        assert_eq!(answer.code, Some(0), "{step:?}, after {told}: {answer:#?}");
    }
    told.hear(&answer.err);
    if killed && place.database().is_some() {
        told.with_work_in_hand += u64::from(!place.leased().is_empty());
        place.await_leases();
    }
    killed
}

/// Kills a process a while after it was started, and says whether it was alive still.
pub fn kill_at(mut process: Child, after: Duration, until: &Until<'_>) -> (bool, Output) {
    std::thread::sleep(after);
    wait_until(until, &mut process);
    process.kill().unwrap();
    let output = process.wait_with_output().unwrap();
    (output.status.signal() == Some(SIGKILL), output)
}

/// Waits for it to happen, for as long as the process lives and it may still happen.
fn wait_until(until: &Until<'_>, process: &mut Child) {
    let happened: Box<dyn Fn() -> bool> = match until {
        Until::Now => return,
        Until::Written(watched) => {
            let before = written(watched);
            Box::new(move || written(watched) != before)
        }
        Until::Held(proxy, fate, commits) => {
            let before = proxy.met();
            proxy.after_commits(*commits, *fate);
            Box::new(move || proxy.met() != before)
        }
    };
    // While commits come, the one that is waited for may come.
    let seen = || match until {
        Until::Held(proxy, ..) => proxy.seen(),
        _ => 0,
    };
    let mut last = seen();
    let mut deadline = Instant::now() + PATIENCE;
    while !happened() && Instant::now() < deadline && process.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(50));
        if seen() != last {
            (last, deadline) = (seen(), Instant::now() + PATIENCE);
        }
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
fn plan(seed: u64, moments: &[Moment]) -> Vec<Kill> {
    const FIRST: u64 = 100_000;
    let mut random = seed;
    let mut kill = || Kill {
        step: Step::ALL[draw(&mut random, 3) as usize],
        moment: match draw(&mut random, 5) {
            0 => draw(&mut random, FIRST),
            _ => draw(&mut random, 1_000_000),
        },
        moment_of: moments[draw(&mut random, moments.len() as u64) as usize],
    };
    (0..KILLS_A_JOURNEY).map(|_| kill()).collect()
}
