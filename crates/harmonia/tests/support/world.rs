//! A generated world, and how it stands when nobody disturbs it.

use crate::ground::Ground;
use crate::journey::{Step, Way};
use crate::signal::terminate;
use crate::standing::Standing;
use crate::support::{Answer, Place};
use std::collections::HashMap;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// How large a world is, and where it is worked through.
pub struct Size {
    /// Purchases.
    pub purchases: usize,
    /// Records of a batch: what takes so many commits that a seed finds its moment.
    pub batch: usize,
    /// Makes where it is worked through, of a place with nothing in it.
    pub ground: fn(Place) -> Ground,
}

/// Longer than anything here takes, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Feeds with every fault there is, MIDs and cards.
pub struct World {
    /// How everything stands in the end.
    pub undisturbed: Standing,
    /// How long each step takes, each way, undisturbed.
    pub pace: HashMap<(Step, Way), Duration>,
    /// How many commits each step takes, each way, undisturbed; 0 where nobody counts them.
    pub commits: HashMap<(Step, Way), u64>,
    size: Size,
    home: Place,
    files: serde_json::Value,
}

impl World {
    /// Generates it, and works through it undisturbed, both ways.
    pub fn new(seed: u64, size: Size) -> Self {
        let home = Place::new();
        let (out, seed_text) = (home.path("world"), seed.to_string());
        let out = out.to_str().unwrap();
        let summary = home.json(&[
            "generate",
            "-n",
            &size.purchases.to_string(),
            "--seed",
            &seed_text,
            "--out",
            out,
        ]);
        let mut world = Self {
            undisturbed: Standing::default(),
            pace: HashMap::new(),
            commits: HashMap::new(),
            files: summary[0]["files"].clone(),
            size,
            home,
        };
        let [by_command, by_folder] = [Way::Command, Way::Folder].map(|way| {
            let place = world.onboarded();
            for step in Step::ALL {
                let seen = || place.proxy().map_or(0, |proxy| proxy.seen());
                let (started, before) = (Instant::now(), seen());
                world.prepare(&place, step, way);
                world.finish(&place, step, way);
                world.pace.insert((step, way), started.elapsed());
                world.commits.insert((step, way), seen() - before);
            }
            Standing::of(&place)
        });
        // `run` matches and delivers as well: that time is part of its step.
        let matching = world.pace[&(Step::Drain, Way::Command)];
        for step in [Step::Sales, Step::Payments] {
            *world.pace.entry((step, Way::Folder)).or_default() += matching;
        }
        by_command.assert_is(
            &by_folder,
            "the two ways to import, both undisturbed, differ",
        );
        assert!(
            by_command.count("pairs") > world.size.purchases * 9 / 10,
            "{}",
            by_command.count("pairs")
        );
        world.undisturbed = by_command;
        world
    }

    /// A place that knows this world's MIDs and cards, and nothing else.
    pub fn onboarded(&self) -> Ground {
        self.onboard((self.size.ground)(Place::new()))
    }

    /// A place as [`World::onboarded`] makes it, somewhere else.
    pub fn onboard(&self, place: Ground) -> Ground {
        let place = place.with("TXM_BATCH_SIZE", self.size.batch);
        place.ok(&["mids", "import", self.file("mids")]);
        place.ok(&["cards", "import", self.file("cards")]);
        place
    }

    /// What must be done once before a step is begun: a file that is to be found is put there.
    pub fn prepare(&self, place: &Ground, step: Step, way: Way) {
        if let (Some(feed), Way::Folder) = (step.feed(), way) {
            let bytes = std::fs::read(self.file(step.file())).unwrap();
            place.write(&format!("files/imports/{feed}/{}.dat", step.file()), bytes);
        }
    }

    /// Starts working at a step.
    pub fn start(&self, place: &Ground, step: Step, way: Way) -> Child {
        let arguments = match (step.feed(), way) {
            (None, _) => vec!["drain"],
            (Some(feed), Way::Command) => vec!["import", feed, self.file(step.file())],
            (Some(_), Way::Folder) => vec!["run"],
        };
        place.command(&arguments).spawn().unwrap()
    }

    /// Works at a step until it is done; gives what was logged meanwhile.
    pub fn finish(&self, place: &Ground, step: Step, way: Way) -> String {
        let watched = step.feed().filter(|_| way == Way::Folder);
        let folder = watched.map(|feed| place.path(&format!("files/imports/{feed}")));
        if folder.as_ref().is_some_and(|folder| is_empty(folder)) {
            return String::new();
        }
        let mut process = self.start(place, step, way);
        if let Some(folder) = folder {
            let deadline = Instant::now() + PATIENCE;
            while !is_empty(&folder) {
                let alive = process.try_wait().unwrap().is_none();
                assert!(
                    alive && Instant::now() < deadline,
                    "the file lies there still"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            terminate(&process);
        }
        let answer = Answer::of(&process.wait_with_output().unwrap());
        assert_eq!(answer.code, Some(0), "{step:?} {way:?}: {answer:#?}");
        answer.err
    }

    fn file(&self, name: &str) -> &str {
        self.files[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} of {}", self.home.path("").display()))
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}
