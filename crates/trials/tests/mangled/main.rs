//! Files and messages of every feed, mangled as senders and networks mangle them, through the real
//! importer: nothing is doubled, nothing lost, and what is not taken has a reason. When the good file
//! comes after, everything stands as if it alone had come.
//!
//! `s/tests` does 40 manglings of each feed by chance and cuts its file at 80 places;
//! `HARMONIA_MANGLED=10000` asks for so many, and for a cut at every byte.
//!
//! One thing no importer can see: a file that is cut within the last field of its last record, in a
//! format that has no trailer, looks whole. That record is taken as it stands, and when the whole
//! file comes, its own stands beside it or counts as known or as a conflict. These are counted, and
//! held to that one record.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod good;
mod mangle;
mod town;

use good::{Good, goods};
use harmonia_trials::Mutator;
use mangle::{Mangled, cut_at, mangled};
use town::{Standing, Town};

#[tokio::test]
async fn whatever_comes_mangled_the_good_file_sets_right() {
    let count: u64 = std::env::var("HARMONIA_MANGLED").map_or(40, |count| count.parse().unwrap());
    for good in goods() {
        let alone = Town::of(&good).await;
        alone.import(&good, &good.bytes()).await;
        let expected = alone.standing(&good).await;
        assert!(!expected.rows.is_empty(), "{}: {expected:?}", good.name());
        let mut tried = 0;
        let mut unseen = 0;
        for seed in 0..count {
            let mut mutator = Mutator::new(seed);
            unseen += check(&good, &mangled(&good, &mut mutator), &expected).await;
            tried += 1;
        }
        let length = good.bytes().iter().map(Vec::len).sum::<usize>();
        let cuts = if count < 1_000 { 80 } else { length };
        let step = (length / cuts).max(1);
        for end in (0..length).step_by(step) {
            unseen += check(&good, &cut_at(&good, end), &expected).await;
            tried += 1;
        }
        println!(
            "{}: {tried} manglings, {unseen} cuts that no importer can see",
            good.name()
        );
    }
}

/// Imports what is mangled, then the good file; whether the cut could not be seen.
async fn check(good: &Good, mangled: &Mangled, expected: &Standing) -> u64 {
    let town = Town::of(good).await;
    let what = || format!("{}: {}", good.name(), mangled.what);
    let refused = town.import(good, &mangled.parts).await;
    let between = town.standing(good).await;
    if refused {
        assert!(between.rows.is_empty(), "{}: refused and taken", what());
    }
    let strange: Vec<_> = between
        .rows
        .iter()
        .filter(|row| !expected.rows.contains(row))
        .collect();
    // A record that was cut is at most one, the last, and only where nothing says that it was.
    let may_be_unseen = mangled.is_cut && !good.has_trailer;
    let limit = usize::from(may_be_unseen);
    assert!(strange.len() <= limit, "{}: {strange:#?}", what());
    assert!(
        between.rows.len() <= expected.rows.len() + limit,
        "{}: doubled: {between:#?}",
        what()
    );
    town.import(good, &good.bytes()).await;
    let after = town.standing(good).await;
    if strange.is_empty() {
        assert_eq!(after, *expected, "{}", what());
        return 0;
    }
    let missing = expected.rows.iter().filter(|row| !after.rows.contains(row));
    assert!(missing.count() <= 1, "{}: {after:#?}", what());
    assert!(after.rows.len() <= expected.rows.len() + 1, "{}", what());
    1
}
