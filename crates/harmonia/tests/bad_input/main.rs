//! Bad input: what cannot be taken is told with its reason, and the good records around it go
//! through.
//!
//! Each file `fixtures/bad_input/<feed>/<case>.toml` holds an input and what must come of it, as a
//! user sees it: the exit code and counts of `harmonia import`, what `harmonia rejects list` says,
//! which transactions are in the database. A new case is a new file; [`case`] says what may stand
//! in it. [`canary`] sends full card numbers through every feed and looks for them everywhere.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod canary;
mod case;
#[path = "../support/mod.rs"]
mod support;

use case::{Case, Expected, Found};
use std::path::{Path, PathBuf};
use support::Place;

/// The MIDs and cards that every case knows.
const MIDS: &str = "\
example-payment-provider,test-mid-1,PRIMARY,example-loyalty-scheme,place-1,,Example,,,A
mastercard,shop-7,PRIMARY,iceland-bonus-card,place-7,,Iceland,,,A
";
const CARDS: &str = "\
card_token,scheme_slug,loyalty_id,user_id,scheme_account_id,payment_card_account_id,first_six,\
last_four,expiry_month,expiry_year,credentials
token-1,example-loyalty-scheme,member-1,1,1,1,412345,6789,12,2030,{}
token-1,iceland-bonus-card,member-1,1,1,1,412345,6789,12,2030,{}
";

#[test]
fn each_bad_record_is_told_and_the_good_ones_go_through() {
    let template = onboarded();
    let cases = cases();
    assert!(cases.len() > 30, "{} cases", cases.len());
    let (left, right) = cases.split_at(cases.len() / 2);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let template = &template;
        let run = |half: &'static [PathBuf]| scope.spawn(move || all_wrong(template, half));
        let halves = [left, right].map(|half| run(Vec::leak(half.to_vec())));
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn all_wrong(template: &Place, cases: &[PathBuf]) -> Vec<String> {
    cases
        .iter()
        .filter_map(|path| wrong(template, path))
        .collect()
}

/// What is not as the case says; `None` where all is.
fn wrong(template: &Place, path: &Path) -> Option<String> {
    let case = Case::read(path);
    let place = copy_of(template);
    let feed = path
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    let file = place.write("arrived.dat", case.bytes());
    let first = Found::by_import(&place, feed, &file).with_reason_as_in(&case);
    let again = Found::by_import(&place, feed, &file).with_reason_as_in(&case);
    let name = format!("{feed}/{}", path.file_stem().unwrap().display());
    if first.expected != case.expect {
        let (found, wanted) = (&first.expected, &case.expect);
        return Some(format!("{name}: found {found:#?}\nwanted {wanted:#?}"));
    }
    // The same file once more changes nothing.
    let nothing_new = Expected {
        new: 0,
        duplicate: first.expected.new + first.expected.duplicate,
        ..first.expected
    };
    (again.expected != nothing_new || again.rows != first.rows)
        .then(|| format!("{name}: imported again: {again:#?}\nwanted {nothing_new:#?}"))
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad_input");
    let entries = |folder: PathBuf| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
    };
    let mut cases: Vec<PathBuf> = entries(root).flat_map(entries).collect();
    cases.sort();
    cases
}

/// A place that knows the MIDs and cards of all cases.
fn onboarded() -> Place {
    let place = Place::new();
    place.ok(&["mids", "import", &place.write("mids.csv", MIDS)]);
    place.ok(&["cards", "import", &place.write("cards.csv", CARDS)]);
    place
}

fn copy_of(template: &Place) -> Place {
    let place = Place::new();
    for file in ["data/harmonia.sqlite3", "data/encryption.key"] {
        place.write(file, std::fs::read(template.path(file)).unwrap());
    }
    place
}
