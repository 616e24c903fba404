//! The whole journey on SQLite: files on disk to raw and typed rows, identities, matches and export
//! rows, all durable; then the deliveries, apart.
//!
//! `cargo bench --bench journey -- [counter|random] [PAIRS…]`, by default both kinds of ids at
//! 100,000 and 1,000,000 pairs. Three runs of each (`BENCH_RUNS`); medians.

use harmonia_benches::measure::{Stretch, Took, peak_mib};
use harmonia_benches::{agents, check, import, journey_of, onboard};
use harmonia_core::changes::Queue;
use harmonia_journey::drive;
use harmonia_sim::{IdStyle, Options, PAYMENT_PROVIDER, SCHEME, generate};

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
        "ids      pairs      import s  decide s  pairs/s  deliver s  CPU µs a pair  peak MiB (median of {runs_wanted}; min-max pairs/s)"
    );
    for (name, ids) in [("counter", IdStyle::Counter), ("random", IdStyle::Random)] {
        if !wanted(name) {
            continue;
        }
        for size in &sizes {
            let mut runs: Vec<[Took; 3]> = (0..runs_wanted).map(|_| run(*size, ids)).collect();
            let durable = |run: &[Took; 3]| run[0].wall + run[1].wall;
            runs.sort_by(|a, b| durable(a).total_cmp(&durable(b)));
            let rate = |run: &[Took; 3]| *size as f64 / durable(run);
            let [import, decide, deliver] = runs[runs_wanted / 2];
            let cpu = [import, decide, deliver]
                .map(|stage| format!("{:.1}", stage.own * 1e6 / *size as f64))
                .join(" ");
            println!(
                "{name:<8} {size:<10} {:<9.2} {:<9.2} {:<8.0} {:<10.2} {cpu:<14} {:<8} ({:.0}-{:.0})",
                import.wall,
                decide.wall,
                rate(&runs[runs_wanted / 2]),
                deliver.wall,
                peak_mib(),
                rate(&runs[runs_wanted - 1]),
                rate(&runs[0])
            );
        }
    }
}

/// What importing took, and deciding, and delivering.
fn run(pairs: u64, ids: IdStyle) -> [Took; 3] {
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
        let journey = journey_of(agents(), &folder.path().join("data"), batch).await;
        onboard(&journey, &world).await;
        let importing = Stretch::begin(None);
        import(&journey, SCHEME, &world.files.sales).await;
        import(&journey, PAYMENT_PROVIDER, &world.files.payments).await;
        let imported = importing.end();
        let never = drive::never();
        let deciding = Stretch::begin(None);
        let queues = [Queue::Identify, Queue::Matching];
        drive::until_idle(&journey, &queues, &never).await.unwrap();
        let decided = deciding.end();
        let delivering = Stretch::begin(None);
        let queues = [Queue::Export];
        drive::until_idle(&journey, &queues, &never).await.unwrap();
        let delivered = delivering.end();
        check(&journey, &world).await;
        [imported, decided, delivered]
    })
}
