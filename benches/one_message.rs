//! One message through the whole journey: from the file being there to its line in the merchant's
//! file, one at a time on an otherwise idle store. Percentiles over a thousand.

use harmonia_benches::{journey, onboard};
use harmonia_gateway::files::LocalFile;
use harmonia_journey::drive;
use harmonia_journey::import::import_file;
use harmonia_sim::{Options, PAYMENT_PROVIDER, SCHEME, generate};
use std::sync::Arc;
use std::time::Instant;

const MESSAGES: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(MESSAGES as u64, 7);
    options.faults = harmonia_sim::FaultRates::NONE;
    let world = generate(&options, &folder.path().join("world"), &mut |_| {}).unwrap();
    let mut times_ms = runtime.block_on(async {
        let journey = journey(&folder.path().join("data"), 10_000).await;
        onboard(&journey, &world).await;
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let feed = journey.agents.feed(SCHEME).unwrap().clone();
        let sales = Arc::new(LocalFile(world.files.sales.clone()));
        import_file(&journey, &feed, sales, &drive::never(), &|_| {})
            .await
            .unwrap();
        drive::until_idle(&journey, drive::DECIDING, &stop)
            .await
            .unwrap();
        let feed = journey.agents.feed(PAYMENT_PROVIDER).unwrap().clone();
        let payments = std::fs::read(&world.files.payments).unwrap();
        let mut times_ms = Vec::with_capacity(MESSAGES);
        for message in payments.split(|byte| *byte == 0x1E) {
            let path = folder.path().join("message.dat");
            std::fs::write(&path, message).unwrap();
            let started = Instant::now();
            let file = Arc::new(LocalFile(path));
            import_file(&journey, &feed, file, &drive::never(), &|_| {})
                .await
                .unwrap();
            drive::until_idle(&journey, drive::DECIDING, &stop)
                .await
                .unwrap();
            drive::until_idle(&journey, drive::DELIVERING, &stop)
                .await
                .unwrap();
            times_ms.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let status = journey.store.status(journey.now()).await.unwrap();
        let delivered = status
            .exports
            .iter()
            .find(|(state, _)| state == "DELIVERED");
        assert_eq!(
            delivered.map(|(_, count)| *count),
            Some(status.payments.count)
        );
        times_ms
    });
    times_ms.sort_by(f64::total_cmp);
    let at = |share: f64| times_ms[((times_ms.len() - 1) as f64 * share) as usize];
    println!(
        "one message, accepted to delivered, of {}: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        times_ms.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}
