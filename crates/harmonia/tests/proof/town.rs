//! The world that the proofs are made in.

use crate::database::Database;
use crate::ground::Ground;
use crate::journey::{Step, Way};
use crate::support::Place;
use crate::worker::Worker;
use crate::world::{Size, World};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long all of the work may take, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A store on which worlds are worked through, and the world of it that tests share while one holds it.
pub struct Town {
    ground: fn(Place) -> Ground,
    world: Mutex<Weak<World>>,
}

/// On SQLite.
pub static SQLITE: Town = Town::on(Ground::sqlite);
/// On the tests' PostgreSQL, each time in a database of its own.
pub static POSTGRES: Town =
    Town::on(|place| Ground::postgres(place, Database::of_tests().unwrap()));

impl Town {
    const fn on(ground: fn(Place) -> Ground) -> Self {
        Self {
            ground,
            world: Mutex::new(Weak::new()),
        }
    }

    /// The world: 600 purchases, in batches of 20.
    pub fn world(&self) -> Arc<World> {
        let mut known = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let size = Size {
                purchases: 600,
                batch: 20,
                ground: self.ground,
            };
            let world = Arc::new(World::new(1, size));
            *known = Arc::downgrade(&world);
            world
        })
    }
}

/// The sales are in, and the payments lie where `harmonia run` finds them.
pub fn with_payments_waiting(world: &World, ground: Ground) -> Ground {
    let ground = world.onboard(ground);
    world.finish(&ground, Step::Sales, Way::Command);
    world.prepare(&ground, Step::Payments, Way::Folder);
    ground
}

/// Both files are in, and nothing of them is decided.
pub fn with_all_to_decide(world: &World, ground: Ground) -> Ground {
    let ground = world.onboard(ground);
    world.finish(&ground, Step::Sales, Way::Command);
    world.finish(&ground, Step::Payments, Way::Command);
    ground
}

/// Whether a ground has all its files put away, and no work left.
pub fn is_done(ground: &Ground) -> bool {
    let folder = ground.path("files/imports/example-payment-provider");
    let waits = std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some());
    !waits && ground.is_done()
}

/// Waits until a ground has no work left, while a worker lives.
pub fn await_done(ground: &Ground, worker: &mut Worker, seed: u64) {
    let deadline = Instant::now() + PATIENCE;
    while !is_done(ground) {
        let log = || worker.log();
        assert!(
            Instant::now() < deadline,
            "seed {seed}: not done: {}",
            log()
        );
        assert!(worker.is_alive(), "seed {seed}: it ended: {}", worker.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
