//! How right the matches are: generated worlds of every scheme with all that can go wrong, through the
//! whole journey on SQLite, held against their truth.
//!
//! `cargo bench --bench quality -- [SCHEME…] [PURCHASES]`, by default every scheme that matches, with
//! 20,000 purchases each. All of a network's feeds are imported, authorisations before settlements,
//! and what tills report late last, with the work done in between.

use harmonia_benches::{all_agents, journey_of, link};
use harmonia_core::matching::rules::Kind;
use harmonia_gateway::files::LocalFile;
use harmonia_journey::import::{ImportReport, import_file};
use harmonia_journey::{Journey, drive};
use harmonia_sim::{Counts, Options, SchemeSummary, Score, Truth, generate_scheme, provider_slugs};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What is wanted of the pairs that a rule can decide.
const PRECISION: f64 = 0.9999;
const RECALL: f64 = 0.98;

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let purchases = args
        .iter()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(20_000);
    let named: Vec<&String> = args
        .iter()
        .filter(|arg| arg.parse::<u64>().is_err())
        .collect();
    let schemes: Vec<String> = all_agents()
        .iter()
        .filter(|agent| {
            agent
                .matching
                .as_ref()
                .is_some_and(|rules| rules.kind == Kind::Loyalty)
        })
        .map(|agent| agent.slug.to_string())
        .filter(|slug| harmonia_sim::scheme_slugs().any(|known| known == slug))
        .filter(|slug| named.is_empty() || named.contains(&slug))
        .collect();
    println!(
        "scheme               network      pairs     matched   wrong  of decidable: precision  recall"
    );
    let mut all = Counts::default();
    for scheme in &schemes {
        for provider in provider_slugs() {
            let (score, pairs) = run(scheme, provider, purchases);
            let Counts {
                true_positives,
                false_positives,
                ..
            } = score.decidable;
            println!(
                "{scheme:<20} {provider:<12} {pairs:<9} {true_positives:<9} {false_positives:<6} {:<24.6} {:.4}",
                score.decidable.precision(),
                score.decidable.recall()
            );
            all.true_positives += true_positives;
            all.false_positives += false_positives;
            all.false_negatives += score.decidable.false_negatives;
        }
    }
    println!(
        "all: precision {:.6}, recall {:.4} (wanted: {PRECISION} and {RECALL})",
        all.precision(),
        all.recall()
    );
    assert!(
        all.precision() >= PRECISION && all.recall() >= RECALL,
        "the matches are not as good as they have to be"
    );
}

/// The score of a world, and how many of its pairs a rule can decide.
fn run(scheme: &str, provider: &str, purchases: u64) -> (Score, u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = Options::new(purchases, 11);
    let out = folder.path().join("world");
    let world =
        generate_scheme(scheme, &[provider.to_owned()], &options, &out, &mut |_| {}).unwrap();
    let matches = runtime.block_on(async {
        let journey = journey_of(all_agents(), &folder.path().join("data"), 10_000).await;
        link(&journey, &world.mids_file, &world.cards_file).await;
        bring(&journey, &world).await;
        let findings = journey.store.audit().await.unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        pairs(&journey).await
    });
    let truth = Truth::load(&world.truth_file).unwrap();
    (truth.score(matches), world.decidable_pairs)
}

/// Imports the feeds in the order in which they come: authorisations and sales on the day, then
/// settlements and refunds, and at last what tills report late.
async fn bring(journey: &Journey, world: &SchemeSummary) {
    let mut rounds: BTreeMap<u8, Vec<(&str, &Path)>> = BTreeMap::new();
    for file in &world.feeds {
        let name = file.path.display().to_string();
        let round = match file.feed.as_str() {
            _ if name.contains("-late.") => 2,
            feed if feed.ends_with("-auth") || feed == world.scheme => 0,
            _ => 1,
        };
        rounds
            .entry(round)
            .or_default()
            .push((&file.feed, &file.path));
    }
    let (_keep, stop) = tokio::sync::watch::channel(false);
    for files in rounds.into_values() {
        for (feed, path) in files {
            let feed = journey.agents.feed(feed).unwrap().clone();
            let file = Arc::new(LocalFile(path.to_owned()));
            let report = import_file(journey, &feed, file, &drive::never(), &|_| {})
                .await
                .unwrap();
            assert!(matches!(report, ImportReport::Imported(_)), "{report:?}");
        }
        drive::until_idle(journey, drive::DECIDING, &stop)
            .await
            .unwrap();
    }
}

/// All matches, by the ids of their feeds.
async fn pairs(journey: &Journey) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut after = 0;
    loop {
        let page = journey.store.matches(None, after, 10_000).await.unwrap();
        let Some(last) = page.last() else {
            return pairs;
        };
        after = last.id;
        let matched = page.into_iter().filter(|row| row.voided_at.is_none());
        pairs.extend(matched.filter_map(|row| Some((row.payment, row.sale?))));
    }
}
