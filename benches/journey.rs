//! The whole journey on SQLite: files on disk to raw and typed rows, identities, matches and export
//! rows, all durable; then the deliveries, apart.
//!
//! `cargo bench --bench journey -- [counter|random] [PAIRS…]`, by default both kinds of ids at
//! 100,000 and 1,000,000 pairs. Three runs of each (`BENCH_RUNS`); medians.

use harmonia_benches::journey;
use harmonia_core::changes::Queue;
use harmonia_gateway::files::LocalFile;
use harmonia_journey::import::{ImportReport, import_file};
use harmonia_journey::{Journey, drive};
use harmonia_sim::{IdStyle, Options, PAYMENT_PROVIDER, SCHEME, Summary, generate};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let runs_wanted = std::env::var("BENCH_RUNS").map_or(3, |runs| runs.parse().unwrap());
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let sizes: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![100_000, 1_000_000]
    } else {
        sizes
    };
    let wanted = |name: &str| {
        args.iter().all(|arg| arg != "counter" && arg != "random")
            || args.iter().any(|arg| arg == name)
    };
    println!(
        "ids      pairs      import s  decide s  pairs/s  deliver s  peak MiB  (median of {runs_wanted}; min-max pairs/s)"
    );
    for (name, ids) in [("counter", IdStyle::Counter), ("random", IdStyle::Random)] {
        if !wanted(name) {
            continue;
        }
        for size in &sizes {
            let mut runs: Vec<[f64; 6]> = (0..runs_wanted).map(|_| run(*size, ids)).collect();
            runs.sort_by(|a, b| (a[0] + a[1]).total_cmp(&(b[0] + b[1])));
            let rate = |run: &[f64; 6]| *size as f64 / (run[0] + run[1]);
            let [import, decide, deliver, cpu @ ..] = runs[runs_wanted / 2];
            let cpu = cpu
                .map(|seconds| format!("{:.1}", seconds * 1e6 / *size as f64))
                .join(" ");
            println!(
                "{name:<8} {size:<10} {import:<9.2} {decide:<9.2} {:<8.0} {deliver:<10.2} {cpu:<40} {:<8} ({:.0}-{:.0})",
                rate(&runs[runs_wanted / 2]),
                peak_mib(),
                rate(&runs[runs_wanted - 1]),
                rate(&runs[0])
            );
        }
    }
}

/// Seconds of importing, of deciding, of delivering; then seconds of CPU of each.
fn run(pairs: u64, ids: IdStyle) -> [f64; 6] {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into())).unwrap();
    let options = Options {
        ids,
        ..Options::new(pairs, 7)
    };
    let world = generate(&options, &folder.path().join("world"), &mut |_| {}).unwrap();
    let batch = std::env::var("BENCH_BATCH").map_or(10_000, |size| size.parse().unwrap());
    runtime.block_on(async {
        let journey = journey(&folder.path().join("data"), batch).await;
        harmonia_benches::onboard(&journey, &world).await;
        let (started, cpu) = (Instant::now(), cpu_seconds());
        import(&journey, SCHEME, &world.files.sales).await;
        import(&journey, PAYMENT_PROVIDER, &world.files.payments).await;
        let imported = [started.elapsed().as_secs_f64(), cpu_seconds() - cpu];
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let (started, cpu) = (Instant::now(), cpu_seconds());
        drive::until_idle(&journey, &[Queue::Identify, Queue::Matching], &stop)
            .await
            .unwrap();
        let decided = [started.elapsed().as_secs_f64(), cpu_seconds() - cpu];
        let (started, cpu) = (Instant::now(), cpu_seconds());
        drive::until_idle(&journey, &[Queue::Export], &stop)
            .await
            .unwrap();
        let delivered = [started.elapsed().as_secs_f64(), cpu_seconds() - cpu];
        check(&journey, &world).await;
        let stages = [imported, decided, delivered];
        [stages.map(|stage| stage[0]), stages.map(|stage| stage[1])]
            .concat()
            .try_into()
            .unwrap()
    })
}

async fn import(journey: &Journey, feed: &str, file: &Path) {
    let feed = journey.agents.feed(feed).unwrap().clone();
    let file = Arc::new(LocalFile(file.to_owned()));
    let report = import_file(journey, &feed, file, &drive::never(), &|_| {})
        .await
        .unwrap();
    assert!(matches!(report, ImportReport::Imported(_)), "{report:?}");
}

/// A fast journey that lost something is not fast.
async fn check(journey: &Journey, world: &Summary) {
    let status = journey.store.status(journey.now()).await.unwrap();
    let unknown_mids = world.payments - status.payments.count;
    assert!(
        unknown_mids * 100 < world.payments,
        "{} payments were lost",
        unknown_mids
    );
    assert!(
        status.matched.count * 10 > world.payments * 9,
        "{} matched",
        status.matched.count
    );
}

/// CPU that this process has used, user and system, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after_name
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    // utime and stime, in ticks of a hundredth of a second.
    fields
        .get(11..13)
        .map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}

/// The most memory this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
