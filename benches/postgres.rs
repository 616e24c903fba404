//! The whole journey on PostgreSQL beside the SQL that a skilled engineer would write by hand, and a
//! bare COPY: all on the same rows, each on a fresh database of one server, one after the other.
//!
//! `s/bench postgres [counter|random] [PAIRS]`, by default 1,000,000 pairs with counted ids. So many
//! runs of each as `BENCH_RUNS` says, by default one; every run begins with another of them. Medians.

use harmonia_benches::by_hand::{self, Rows};
use harmonia_benches::database::Database;
use harmonia_benches::measure::{Stretch, Took, forget_peak, load, peak_mib};
use harmonia_benches::{check, import, journey_on, onboard};
use harmonia_journey::drive;
use harmonia_sim::{IdStyle, Options, PAYMENT_PROVIDER, SCHEME, Summary, generate};
use std::path::Path;
use std::time::Duration;

/// What one of the three did.
#[derive(Default)]
struct Run {
    stages: Vec<(&'static str, Took)>,
    /// Pairs found.
    matched: u64,
    /// Megabytes that the server logged ahead of writing them.
    logged_mb: f64,
    peak_mib: u64,
}

impl Run {
    /// What counts: from the bytes of files to exports that are durable. Delivering comes after it.
    fn whole(&self) -> Took {
        let stages = self.stages.iter().filter(|(name, _)| *name != DELIVER);
        stages.fold(Took::default(), |sum, (_, took)| sum.with(*took))
    }
}

const DELIVER: &str = "deliver";
const NAMES: [&str; 3] = ["Harmonia", "set-based SQL", "bare COPY"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let pairs = args.iter().find_map(|arg| arg.parse().ok());
    let ids = match args.iter().any(|arg| arg == "random") {
        true => IdStyle::Random,
        false => IdStyle::Counter,
    };
    let options = Options {
        ids,
        ..Options::new(pairs.unwrap_or(1_000_000), 7)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(compare(&options));
}

async fn compare(options: &Options) {
    let runs_wanted = std::env::var("BENCH_RUNS").map_or(1, |runs| runs.parse().unwrap());
    let server = std::env::var("BENCH_POSTGRES_URI").expect("s/bench postgres says where it is");
    let parent = std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into());
    let folder = tempfile::tempdir_in(parent).unwrap();
    let world = generate(options, &folder.path().join("world"), &mut |_| {}).unwrap();
    let agents = harmonia_benches::agents();
    let feed = |name| agents.iter().find_map(|agent| agent.feed(name)).unwrap();
    let rows = Rows::make(
        folder.path(),
        (feed(SCHEME), &world.files.sales),
        (feed(PAYMENT_PROVIDER), &world.files.payments),
    );
    println!(
        "{} payments, {} sales; load before: {}",
        world.payments,
        world.sales,
        load()
    );
    let mut runs: [Vec<Run>; 3] = Default::default();
    for turn in 0..runs_wanted * NAMES.len() {
        let which = (turn + turn / NAMES.len()) % NAMES.len();
        let name = format!("harmonia_bench_{}_{turn}", std::process::id());
        let database = Database::fresh(&server, &name).await;
        let logged = database.logged().await;
        let data = folder.path().join(&name);
        let mut run = match which {
            0 => harmonia(&database, &world, &data).await,
            1 => {
                let (stages, matched) = by_hand::set_based(&database, &rows).await;
                Run {
                    stages,
                    matched,
                    ..Run::default()
                }
            }
            _ => Run {
                stages: vec![("copy", by_hand::bare(&database, &rows).await)],
                ..Run::default()
            },
        };
        if run.logged_mb == 0.0 {
            run.logged_mb = (database.logged().await - logged) / 1e6;
        }
        database.drop().await;
        runs[which].push(run);
    }
    report(options.purchases, runs);
    println!("load after: {}", load());
}

/// From the files' bytes to exports, and what it takes to deliver them.
async fn harmonia(database: &Database, world: &Summary, data: &Path) -> Run {
    let batch = std::env::var("BENCH_BATCH").map_or(10_000, |size| size.parse().unwrap());
    let journey = journey_on(database, data, batch).await;
    onboard(&journey, world).await;
    let logged = database.logged().await;
    forget_peak();
    // As `harmonia run` does: deciding goes on all the while, and what came in is taken up at once.
    let (all_in, is_all_in) = tokio::sync::watch::channel(false);
    let importing = async {
        let sales = import(&journey, SCHEME, &world.files.sales);
        let sales = database.measure(sales).await.0;
        let payments = import(&journey, PAYMENT_PROVIDER, &world.files.payments);
        let payments = database.measure(payments).await.0;
        all_in.send(true).unwrap();
        (sales, payments, Stretch::begin(database.postmaster))
    };
    let deciding = async {
        let mut is_last = false;
        while !is_last {
            is_last = *is_all_in.borrow();
            let never = drive::never();
            let worked = drive::until_idle(&journey, drive::DECIDING, &never);
            worked.await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ((sales, payments, rest), ()) = tokio::join!(importing, deciding);
    let rest = rest.end();
    let logged_mb = (database.logged().await - logged) / 1e6;
    let never = drive::never();
    let delivering = drive::until_idle(&journey, drive::DELIVERING, &never);
    let delivered = database.measure(delivering).await;
    delivered.1.unwrap();
    let peak_mib = peak_mib();
    check(&journey, world).await;
    let status = journey.store.status(journey.now()).await.unwrap();
    Run {
        stages: vec![
            ("sales in", sales),
            ("payments in, deciding", payments),
            ("the rest decided", rest),
            (DELIVER, delivered.0),
        ],
        matched: status.matched.count,
        logged_mb,
        peak_mib,
    }
}

fn report(pairs: u64, mut runs: [Vec<Run>; 3]) {
    println!(
        "{:<26} {:>8} {:>9} {:>11} {:>14} {:>9} {:>8} {:>9}",
        "", "s", "pairs/s", "client µs", "server µs", "matched", "WAL MB", "peak MiB"
    );
    let mut medians = Vec::new();
    for (name, runs) in NAMES.iter().zip(&mut runs) {
        runs.sort_by(|a, b| a.whole().wall.total_cmp(&b.whole().wall));
        let run = &runs[runs.len() / 2];
        let whole = run.whole();
        let micros = |seconds: f64| seconds * 1e6 / pairs as f64;
        println!(
            "{name:<26} {:>8.2} {:>9.0} {:>11.1} {:>14.1} {:>9} {:>8.0} {:>9}",
            whole.wall,
            pairs as f64 / whole.wall,
            micros(whole.own),
            micros(whole.server),
            run.matched,
            run.logged_mb,
            run.peak_mib
        );
        for (stage, took) in &run.stages {
            println!(
                "  {stage:<24} {:>8.2} {:>9} {:>11.1} {:>14.1}",
                took.wall,
                "",
                micros(took.own),
                micros(took.server)
            );
        }
        medians.push(whole);
    }
    let ratio = |of: fn(&Took) -> f64, than: usize| of(&medians[than]) / of(&medians[0]);
    println!(
        "Harmonia is {:.2} times as fast as the set-based SQL and {:.2} times as fast as a bare COPY; \
         by time of the processors {:.2} and {:.2}",
        ratio(|took| took.wall, 1),
        ratio(|took| took.wall, 2),
        ratio(|took| took.own + took.server, 1),
        ratio(|took| took.own + took.server, 2)
    );
}
