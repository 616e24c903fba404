//! A generated world, and how it stands when nobody disturbs it.

use crate::journey::{Step, Way};
use crate::signal::terminate;
use crate::standing::Standing;
use crate::support::{Answer, Place};
use std::collections::HashMap;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Purchases in a world: with batches of [`BATCH`], each step takes fifty commits.
const PURCHASES: &str = "5000";
const BATCH: usize = 100;
/// Longer than anything here takes, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Feeds with every fault there is, MIDs and cards.
pub struct World {
    /// Which world.
    pub seed: u64,
    /// How everything stands in the end.
    pub undisturbed: Standing,
    /// How long each step takes, each way, undisturbed.
    pub pace: HashMap<(Step, Way), Duration>,
    home: Place,
    files: serde_json::Value,
}

impl World {
    /// Generates it, and works through it undisturbed, both ways.
    pub fn new(seed: u64) -> Self {
        let home = Place::new();
        let (out, seed_text) = (home.path("world"), seed.to_string());
        let out = out.to_str().unwrap();
        let summary = home.json(&[
            "generate", "-n", PURCHASES, "--seed", &seed_text, "--out", out,
        ]);
        let mut world = Self {
            seed,
            undisturbed: Standing::default(),
            pace: HashMap::new(),
            files: summary[0]["files"].clone(),
            home,
        };
        let [by_command, by_folder] = [Way::Command, Way::Folder].map(|way| {
            let place = world.onboarded();
            for step in Step::ALL {
                let started = Instant::now();
                world.prepare(&place, step, way);
                world.finish(&place, step, way);
                world.pace.insert((step, way), started.elapsed());
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
            by_command.count("pairs") > 4500,
            "{}",
            by_command.count("pairs")
        );
        world.undisturbed = by_command;
        world
    }

    /// A place that knows this world's MIDs and cards, and nothing else.
    pub fn onboarded(&self) -> Place {
        let place = Place::new().with("TXM_BATCH_SIZE", BATCH);
        place.ok(&["mids", "import", self.file("mids")]);
        place.ok(&["cards", "import", self.file("cards")]);
        place
    }

    /// What must be done once before a step is begun: a file that is to be found is put there.
    pub fn prepare(&self, place: &Place, step: Step, way: Way) {
        if let (Some(feed), Way::Folder) = (step.feed(), way) {
            let bytes = std::fs::read(self.file(step.file())).unwrap();
            place.write(&format!("files/imports/{feed}/{}.dat", step.file()), bytes);
        }
    }

    /// Starts working at a step.
    pub fn start(&self, place: &Place, step: Step, way: Way) -> Child {
        let arguments = match (step.feed(), way) {
            (None, _) => vec!["drain"],
            (Some(feed), Way::Command) => vec!["import", feed, self.file(step.file())],
            (Some(_), Way::Folder) => vec!["run"],
        };
        place.command(&arguments).spawn().unwrap()
    }

    /// Works at a step until it is done; gives what was logged meanwhile.
    pub fn finish(&self, place: &Place, step: Step, way: Way) -> String {
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
