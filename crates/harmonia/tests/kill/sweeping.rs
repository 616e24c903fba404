//! The sweep, its batch files and their answers, killed on their way: every payment is in one file
//! once, under the name that its export tells, and every answer is kept once.

use crate::journey::{Until, kill_at};
use crate::seeds::draw;
use crate::support::{Answer, Place};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const PAYMENTS: usize = 300;
/// Rows a file: many files, so that many moments lie between two writes.
const ROWS: usize = 20;
const KILLS_A_STEP: u64 = 3;
const EXPORT: &str = "stonegate-unmatched";
const THREE_DAYS_US: i64 = 3 * 86_400_000_000;

/// Kills of a process that was alive, and how many of them left a file that had no name yet.
#[derive(Default)]
pub struct Kills {
    pub all: u64,
    pub with_a_draft: u64,
}

/// Kills the export and the import of its answers where a seed says.
pub fn killed_sweep(seed: u64, kills: &mut Kills) {
    let place = waiting();
    let mut random = seed;
    kill_some(&place, &["export", EXPORT], &mut random, kills);
    place.ok(&["export", EXPORT]);
    place.ok(&["audit"]);
    let rows = assert_each_is_told_once(&place, seed);
    let lines: String = rows.iter().map(|row| format!("{row},success\n")).collect();
    let header = "transaction_id,member_number,retailer_location_id,transaction_amount,\
                  transaction_date,uid,result\n";
    let answer = place.write("answer.csv", header.to_owned() + &lines);
    let import = ["import", EXPORT, &answer];
    kill_some(&place, &import, &mut random, kills);
    place.ok(&import);
    place.ok(&["audit"]);
    let answered = "SELECT export_id || ' ' || result FROM export_answer ORDER BY export_id";
    let expected: Vec<String> = (1..=PAYMENTS).map(|id| format!("{id} success")).collect();
    assert_eq!(place.texts(answered), expected, "seed {seed}");
}

/// Starts a command again and again, and kills it at moments of the time that it takes.
fn kill_some(place: &Place, arguments: &[&str], random: &mut u64, kills: &mut Kills) {
    const LONGEST_US: u64 = 400_000;
    for _ in 0..KILLS_A_STEP {
        let after = Duration::from_micros(draw(random, LONGEST_US));
        let folder = place.path(&format!("files/exports/{EXPORT}"));
        let until = match draw(random, 3) {
            0 => Until::Now,
            1 => Until::Written(place.path("data/harmonia.sqlite3-wal")),
            _ => Until::Written(folder.clone()),
        };
        let process = place.command(arguments).spawn().unwrap();
        let (killed, output) = kill_at(process, after, &until);
        kills.all += u64::from(killed);
        kills.with_a_draft += u64::from(killed && has_a_draft(&folder));
        let answer = Answer::of(&output);
        assert!(
            killed || answer.code == Some(0),
            "{arguments:?}: {answer:#?}"
        );
    }
}

fn has_a_draft(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.any(|entry| {
        entry
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "part")
    })
}

/// A place where payments have waited for three days.
fn waiting() -> Place {
    let place = Place::new().with("TXM_BATCH_SIZE", 50);
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    for name in ["visa", "stonegate", EXPORT] {
        let text = std::fs::read_to_string(agents.join(format!("{name}.toml"))).unwrap();
        let text = text.replace("batch_size  = 1000", &format!("batch_size  = {ROWS}"));
        place.write(&format!("agents/{name}.toml"), text);
    }
    let folder = place.path("agents");
    let place = place.with("TXM_AGENTS_DIR", folder.display());
    let mids = place.write("mids.csv", "visa,pub-1,PRIMARY,stonegate,place-1,,,,,A\n");
    place.ok(&["mids", "import", &mids]);
    let cards = "card_token,scheme_slug,loyalty_id,first_six,last_four\n\
                 token-1,stonegate,member-1,412345,6789\n";
    place.ok(&["cards", "import", &place.write("cards.csv", cards)]);
    let payments: String = (0..PAYMENTS)
        .map(|n| {
            format!(
                "{{\"transaction_id\": \"p{n}\", \"mid\": \"pub-1\", \"currency\": \"GBP\", \
                  \"amount\": {n}, \"date\": \"2026-06-02T12:00:00Z\", \"card_token\": \"token-1\"}}\n"
            )
        })
        .collect();
    let file = place.write("payments.jsonl", payments);
    place.ok(&["import", "visa-auth", &file, "--format", "canonical"]);
    place.ok(&["drain"]);
    let database = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let older = "UPDATE payment SET created_at = created_at - ?1";
    database.execute(older, [THREE_DAYS_US]).unwrap();
    place
}

/// Wants each payment in one file, under its own uid, and that file to be the one that the export
/// names. Gives the rows of all files.
fn assert_each_is_told_once(place: &Place, seed: u64) -> Vec<String> {
    let folder = place.path(&format!("files/exports/{EXPORT}"));
    let mut found = BTreeMap::new();
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines: Vec<&str> = text.split_terminator("\r\n").skip(1).collect();
        assert!(
            text.ends_with("\r\n") && name.ends_with(&format!("_rows{}_data.csv", lines.len())),
            "seed {seed}: {name} has {} rows",
            lines.len()
        );
        for line in lines {
            let (id, uid) = (
                line.split(',').next().unwrap(),
                line.rsplit(',').next().unwrap(),
            );
            let told = format!("{id} {uid} {EXPORT}/{name}");
            *found.entry(told).or_insert(0) += 1;
            rows.push(line.to_owned());
        }
    }
    let expected = place.texts(
        "SELECT concat_ws(' ', e.transaction_id, e.export_uid, a.destination)
         FROM export_transaction e JOIN export_attempt a ON a.id = e.export_attempt_id
         JOIN payment_transaction p ON p.id = e.payment_transaction_id
         WHERE e.status = 'DELIVERED' AND p.status = 'UNMATCHED'",
    );
    let expected: BTreeMap<String, i32> = expected.into_iter().map(|told| (told, 1)).collect();
    assert_eq!(expected.len(), PAYMENTS, "seed {seed}");
    assert_eq!(found, expected, "seed {seed}");
    rows
}
