//! Several processes on one PostgreSQL: what 1, 2 and 4 workers reach on this machine, stage by stage,
//! and what is the limit: processors, what the server logs, or waiting.
//!
//! `s/bench distributed [PAIRS] [WORKERS…]`, by default 400,000 pairs and 1, 2 and 4 workers. The
//! processes are the real binary's, each fresh database is of one server, and the same files come to
//! each. How much room a pair takes is told at the end.

use harmonia_benches::database::Database;
use harmonia_benches::measure::{Took, cpu_seconds_of, load};
use harmonia_core::changes::{Lanes, Queue};
use harmonia_journey::ports::{Clock, Inquiry, Store, SystemClock};
use harmonia_sim::{Options, PAYMENT_PROVIDER, SCHEME, Summary, generate};
use harmonia_store::PostgresStore;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The files of each feed: so many can be imported at once.
const FILES: u64 = 4;
/// The lanes of matching: more than there ever are workers, so that each has some.
const LANES: u16 = 16;
const DECIDING: [Queue; 4] = [
    Queue::Identify,
    Queue::Matching,
    Queue::MatchingSlow,
    Queue::Streaming,
];
const LEASE_US: i64 = 60_000_000;
const LOOK: Duration = Duration::from_millis(10);

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let (pairs, workers) = match numbers.split_first() {
        None => (400_000, &[1, 2, 4][..]),
        Some((pairs, [])) => (*pairs, &[1, 2, 4][..]),
        Some((pairs, workers)) => (*pairs, workers),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(compare(pairs, workers));
}

async fn compare(pairs: u64, workers: &[u64]) {
    let server = std::env::var("BENCH_POSTGRES_URI").expect("s/bench distributed says where it is");
    let parent = std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into());
    let folder = tempfile::tempdir_in(parent).unwrap();
    let worlds: Vec<Summary> = (0..FILES)
        .map(|seed| {
            let world = folder.path().join(format!("world-{seed}"));
            generate(&Options::new(pairs / FILES, seed + 1), &world, &mut |_| {}).unwrap()
        })
        .collect();
    println!(
        "{pairs} pairs in {} files; load before: {}",
        FILES * 2,
        load()
    );
    println!(
        "{:<8} {:<8} {:>7} {:>9} {:>10} {:>10} {:>7} {:>11}",
        "workers", "stage", "s", "pairs/s", "worker µs", "server µs", "busy", "WAL B/pair"
    );
    for count in workers {
        let name = format!("harmonia_bench_{}_{count}", std::process::id());
        let database = Database::fresh(&server, &name).await;
        let fleet = Fleet {
            data: folder.path().join(&name),
            uri: database.uri(),
        };
        run(&fleet, &database, &worlds, pairs, *count).await;
        database.drop().await;
    }
    println!("load after: {}", load());
}

/// How the processes of one run are started.
struct Fleet {
    data: PathBuf,
    uri: String,
}

impl Fleet {
    fn start(&self, arguments: &[&str]) -> Child {
        let program = std::env::var("BENCH_HARMONIA").expect("s/bench distributed builds it");
        let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents");
        Command::new(program)
            .args(arguments)
            .env("TXM_POSTGRES_URI", &self.uri)
            .env("TXM_DATA_DIR", &self.data)
            .env("TXM_LOCAL_IMPORT_BASE_PATH", self.data.join("files"))
            .env("TXM_AGENTS_DIR", agents)
            .env("TXM_MATCHING_LANES", LANES.to_string())
            .env("TXM_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) {
        let status = self.start(arguments).wait().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }
}

async fn run(fleet: &Fleet, database: &Database, worlds: &[Summary], pairs: u64, count: u64) {
    for world in worlds {
        let path = |path: &Path| path.display().to_string();
        fleet.done(&["mids", "import", &path(&world.files.mids)]);
        fleet.done(&["cards", "import", &path(&world.files.cards)]);
    }
    let store = PostgresStore::open(&fleet.uri, &fleet.data, LEASE_US);
    let store = store.await.unwrap();
    store.agree_on_lanes(Lanes::new(LANES)).await.unwrap();

    let stage = stage(database, imported(fleet, worlds, count)).await;
    report(count, "import", pairs, stage);
    let deciding = worked(fleet, &store, &DECIDING, count);
    report(
        count,
        "decide",
        pairs,
        self::stage(database, deciding).await,
    );
    let delivering = worked(fleet, &store, &[Queue::Export], count);
    report(
        count,
        "deliver",
        pairs,
        self::stage(database, delivering).await,
    );

    let status = store.status(SystemClock.now()).await.unwrap();
    assert!(
        status.matched.count * 10 > pairs * 9,
        "{} matched",
        status.matched.count
    );
    if count == 1 {
        room(database, pairs).await;
    }
}

/// What a stage took, with the processors of the workers, and the bytes the server logged.
struct Stage {
    took: Took,
    workers: f64,
    logged: f64,
}

async fn stage(database: &Database, work: impl Future<Output = f64>) -> Stage {
    let before = database.logged().await;
    let (took, workers) = database.measure(work).await;
    Stage {
        took,
        workers,
        logged: database.logged().await - before,
    }
}

fn report(count: u64, name: &str, pairs: u64, stage: Stage) {
    let Stage {
        took,
        workers,
        logged,
    } = stage;
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let micros = |seconds: f64| seconds * 1e6 / pairs as f64;
    println!(
        "{count:<8} {name:<8} {:>7.2} {:>9.0} {:>10.1} {:>10.1} {:>6.0}% {:>11.0}",
        took.wall,
        pairs as f64 / took.wall,
        micros(workers),
        micros(took.server),
        (workers + took.server + took.own) / took.wall / processors * 100.0,
        logged / pairs as f64
    );
}

/// Imports every file, so many at a time; gives the seconds of processors that took.
async fn imported(fleet: &Fleet, worlds: &[Summary], at_once: u64) -> f64 {
    let sales = worlds.iter().map(|world| (SCHEME, &world.files.sales));
    let payments = worlds
        .iter()
        .map(|world| (PAYMENT_PROVIDER, &world.files.payments));
    // A file of each in turn.
    let mut waiting: Vec<_> = sales.zip(payments).flat_map(|(a, b)| [a, b]).collect();
    waiting.reverse();
    let (mut running, mut seconds) = (Vec::new(), 0.0);
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < usize::try_from(at_once).unwrap()
            && let Some((feed, file)) = waiting.pop()
        {
            let file = file.display().to_string();
            running.push((fleet.start(&["import", feed, &file]), 0.0));
        }
        running.retain_mut(|(child, used)| {
            // What it used is there to be read until it is waited for.
            *used = cpu_seconds_of(child.id()).unwrap_or(*used);
            match child.try_wait().unwrap() {
                None => true,
                Some(status) => {
                    assert!(status.success(), "import: {status}");
                    seconds += *used;
                    false
                }
            }
        });
        tokio::time::sleep(LOOK).await;
    }
    seconds
}

/// Has so many workers work until nothing waits in these queues; gives the seconds of processors.
async fn worked(fleet: &Fleet, store: &PostgresStore, queues: &[Queue], count: u64) -> f64 {
    let names: Vec<&str> = queues.iter().map(|queue| queue.as_str()).collect();
    let names = names.join(",");
    let workers: Vec<Child> = (0..count)
        .map(|_| fleet.start(&["worker", "--queues", &names]))
        .collect();
    while store.is_busy(queues, SystemClock.now()).await.unwrap() {
        tokio::time::sleep(LOOK).await;
    }
    let used = workers
        .iter()
        .filter_map(|child| cpu_seconds_of(child.id()));
    let used = used.sum();
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    used
}

/// The bytes that each table and its indexes take, for each pair.
async fn room(database: &Database, pairs: u64) {
    let client = database.client().await;
    let tables = "SELECT coalesce(parent.relname, c.relname)::text AS name,
               sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
        FROM pg_class c
        LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        LEFT JOIN pg_class parent ON parent.oid = i.inhparent
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        GROUP BY 1 ORDER BY 2 DESC LIMIT 9";
    println!(
        "{:<24} {:>12} {:>14}",
        "table", "bytes a pair", "of its indexes"
    );
    for row in client.query(tables, &[]).await.unwrap() {
        let bytes = |at: usize| row.get::<_, i64>(at) as f64 / pairs as f64;
        println!(
            "  {:<22} {:>12.0} {:>14.0}",
            row.get::<_, String>(0),
            bytes(1),
            bytes(2)
        );
    }
}
