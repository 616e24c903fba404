//! Payments that found no sale in time: given up, told in a file of their own, answered by the merchant.

use crate::assert_has;
use crate::support::Place;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const EXPORT: &str = "stonegate-unmatched";
const DAY_US: i64 = 86_400_000_000;
const HEADER: &str =
    "transaction_id,member_number,retailer_location_id,transaction_amount,transaction_date,uid";

/// A pub of Stonegate's, and members whose cards are known.
struct Pub(Place);

impl Pub {
    fn new() -> Self {
        Self::at(Place::new())
    }

    fn at(place: Place) -> Self {
        let mid = |network: &str| format!("{network},pub-1,PRIMARY,stonegate,place-1,,,,,A\n");
        let mids: String = ["visa", "mastercard", "amex"].map(mid).concat();
        place.ok(&["mids", "import", &place.write("mids.csv", mids)]);
        let cards = "card_token,scheme_slug,loyalty_id,first_six,last_four\n\
                     token-1,stonegate,member-1,412345,6789\n";
        place.ok(&["cards", "import", &place.write("cards.csv", cards)]);
        Self(place)
    }

    /// A pub whose agent files have some texts replaced.
    fn with_agents(replaced: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
        for file in std::fs::read_dir(agents).unwrap() {
            let path = file.unwrap().path();
            let mut text = std::fs::read_to_string(&path).unwrap();
            if path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("stonegate")
            {
                for (from, to) in replaced {
                    text = text.replace(from, to);
                }
            }
            place.write(
                &format!("agents/{}", path.file_name().unwrap().display()),
                text,
            );
        }
        let folder = place.path("agents");
        Self::at(place.with("TXM_AGENTS_DIR", folder.display()))
    }

    /// Imports records in Harmonia's own format, and works until nothing is due.
    fn bring(&self, feed: &str, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let file = self.0.write("records.jsonl", lines);
        let told = &self
            .0
            .json(&["import", feed, &file, "--format", "canonical"])[0][0];
        assert_eq!(told["new"], records.len(), "{feed}: {told}");
        self.0.ok(&["drain"]);
    }

    /// As if everything that is there had been imported so many days earlier.
    fn age(&self, days: i64) {
        let database = Connection::open(self.0.path("data/harmonia.sqlite3")).unwrap();
        let older = "UPDATE payment SET created_at = created_at - ?1";
        database.execute(older, [days * DAY_US]).unwrap();
    }

    /// Runs the export; gives how many payments were given up, and the files that were written.
    fn export(&self) -> (u64, Vec<String>) {
        let told = self.0.json(&["export", EXPORT]).remove(0);
        self.0.ok(&["audit"]);
        let names = told["files"].as_array().unwrap().iter();
        let text = |file: &Value| {
            let name = file["name"].as_str().unwrap();
            let path = self.0.path("files/exports").join(name);
            std::fs::read_to_string(path).unwrap()
        };
        let swept = told["swept"][0]["payments"].as_u64().unwrap();
        (swept, names.map(text).collect())
    }

    /// Imports what the merchant sends back; gives what became of it.
    fn answer(&self, rows: &[&str]) -> Value {
        let file = format!("{HEADER},result\r\n{}\r\n", rows.join("\r\n"));
        let file = self.0.write("answer.csv", file);
        let told = self.0.json(&["import", EXPORT, &file]).remove(0)[0].take();
        self.0.ok(&["audit"]);
        told
    }

    /// Each payment with its status, and why it is open.
    fn statuses(&self) -> Vec<String> {
        self.0.texts(
            "SELECT concat_ws(' ', transaction_id, status, pending_reason)
             FROM payment_transaction ORDER BY id",
        )
    }

    fn uids(&self) -> Vec<String> {
        self.0
            .texts("SELECT export_uid FROM export_transaction ORDER BY id")
    }

    /// Each export's transaction and the answer that counts.
    fn answers(&self) -> Vec<(String, Value)> {
        let exports = self.0.json(&["exports", "list"]);
        exports
            .iter()
            .map(|row| {
                let id = row["transaction_id"].as_str().unwrap().to_owned();
                (id, row["result"].clone())
            })
            .collect()
    }
}

fn payment(id: &str, pence: i64) -> Value {
    json!({"transaction_id": id, "mid": "pub-1", "currency": "GBP", "amount": pence,
           "date": "2026-06-02T12:00:00Z", "card_token": "token-1"})
}

fn with(mut record: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    record.as_object_mut().unwrap().extend(fields);
    record
}

#[test]
fn what_waited_too_long_leaves_the_pending_list_in_a_file_of_its_own() {
    let here = Pub::new();
    here.bring("visa-auth", &[payment("visa-auth", 1099)]);
    here.bring("visa-settlement", &[payment("visa-settled", 5)]);
    here.bring("visa-refund", &[payment("visa-refund", 700)]);
    here.bring("mastercard-auth", &[payment("mastercard-auth", 800)]);
    here.bring("mastercard-settled", &[payment("mastercard-settled", 900)]);
    here.bring("amex-settlement", &[payment("amex-settled", 1000)]);
    let strange = with(
        payment("unknown-card", 1100),
        json!({"card_token": "token-9"}),
    );
    here.bring("visa-auth", &[strange]);
    here.age(3);
    here.bring("visa-auth", &[payment("young", 1200)]);

    let (swept, files) = here.export();
    assert_eq!((swept, files.len()), (4, 1));
    let uids = here.uids();
    let row = |at: usize, id: &str, pence: i64| {
        let uid = &uids[at];
        format!("{id},member-1,place-1,{pence},2026-06-02 12:00:00+00:00,{uid}\r\n")
    };
    assert_eq!(
        files[0],
        format!("{HEADER}\r\n")
            + &row(0, "visa-auth", 1099)
            + &row(1, "visa-settled", 5)
            + &row(2, "mastercard-settled", 900)
            + &row(3, "amex-settled", 1000)
    );
    let name = here.0.texts("SELECT name FROM export_file").remove(0);
    let (date, rest) = name
        .strip_prefix("stonegate-unmatched/stonegate_date")
        .and_then(|rest| rest.split_once("_rows"))
        .unwrap();
    assert_eq!((date.len(), rest), (15, "4_data.csv"), "{name}");
    assert_eq!(
        here.statuses(),
        [
            "visa-auth UNMATCHED",
            "visa-settled UNMATCHED",
            "visa-refund PENDING NO_SALE",
            "mastercard-auth PENDING NO_SALE",
            "mastercard-settled UNMATCHED",
            "amex-settled UNMATCHED",
            "unknown-card PENDING UNIDENTIFIED",
            "young PENDING NO_SALE",
        ]
    );
    let status = here.0.json(&["status"]).remove(0)["status"].take();
    assert_eq!(status["ended"], json!([["UNMATCHED", 4]]));
    assert_has(&here.0.ok(&["status"]), &["ended: UNMATCHED", "given up"]);
    // Nothing is told twice, and the folder holds nothing but the file.
    assert_eq!(here.export(), (0, Vec::new()));
    let folder = here.0.path("files/exports/stonegate-unmatched");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn a_sale_that_comes_too_late_is_not_matched_and_why_says_so() {
    let here = Pub::new();
    here.bring("visa-auth", &[payment("late", 1099)]);
    here.age(3);
    assert_eq!(here.export().0, 1);
    let sale = json!({"transaction_id": "sale-1", "mids": ["pub-1"], "payment_provider": "visa",
                      "currency": "GBP", "date": "2026-06-02T12:00:10Z", "amount": 1099});
    here.bring("stonegate", &[sale]);
    assert_eq!(here.statuses(), ["late UNMATCHED"]);
    let why = here.0.ok(&["why", "sale", "sale-1"]);
    assert_has(
        &why,
        &["given up after the scheme's time", "is not matched with it"],
    );
    let why = here.0.ok(&["why", "payment", "late"]);
    assert_has(
        &why,
        &["ended, UNMATCHED: given up after the scheme's time"],
    );
    let story = here.0.ok(&["lifecycle", "late"]);
    assert_has(
        &story,
        &["UNMATCHED: given up", "DELIVERED", "_rows1_data.csv"],
    );
}

#[test]
fn a_settlement_of_what_was_swept_is_not_told_a_second_time() {
    let here = Pub::new();
    let key = json!({"settlement_key": "key-1"});
    here.bring("visa-auth", &[with(payment("auth", 1099), key.clone())]);
    here.age(3);
    assert_eq!(here.export().0, 1);
    here.bring("visa-settlement", &[with(payment("settled", 1199), key)]);
    here.age(3);
    assert_eq!(here.export(), (0, Vec::new()));
    assert_eq!(here.statuses(), ["auth UNMATCHED", "settled SETTLEMENT"]);
}

#[test]
fn a_run_takes_no_more_than_it_may_and_a_file_no_more_than_its_rows() {
    let here = Pub::with_agents(&[
        ("at_most    = 1000", "at_most    = 5"),
        ("batch_size  = 1000", "batch_size  = 2"),
    ]);
    let payments: Vec<Value> = (0..7).map(|n| payment(&format!("p{n}"), 100 + n)).collect();
    here.bring("visa-auth", &payments);
    here.age(3);
    let rows = |files: &[String]| -> Vec<usize> {
        files.iter().map(|file| file.lines().count() - 1).collect()
    };
    let (swept, files) = here.export();
    let mut counts = rows(&files);
    counts.sort_unstable();
    assert_eq!((swept, counts), (5, vec![1, 2, 2]));
    let (swept, files) = here.export();
    assert_eq!((swept, rows(&files)), (2, vec![2]));
    assert_eq!(here.export(), (0, Vec::new()));
}

#[test]
fn the_merchants_answer_is_kept_with_each_export() {
    let here = Pub::new();
    here.bring(
        "visa-auth",
        &[payment("one", 1), payment("two", 2), payment("=three", 3)],
    );
    here.age(3);
    let (_, files) = here.export();
    assert_has(&files[0], &["\r\n'=three,member-1,"]);
    let sent: Vec<&str> = files[0].lines().skip(1).collect();
    let stranger = "4,m,p,4,d,6f0e2f0c-5f2b-4c11-9e0c-3a1f5b7a9d10";
    let answer = |results: [&str; 3]| {
        let rows = sent.iter().zip(results);
        rows.map(|(row, result)| format!("{row},{result}"))
            .collect::<Vec<_>>()
    };
    let first = answer(["success", "member not found", "success"]);
    let mut rows: Vec<&str> = first.iter().map(String::as_str).collect();
    let strange = format!("{stranger},success");
    rows.push(&strange);
    let told = here.answer(&rows);
    assert_eq!((&told["new"], &told["rejected"]), (&json!(3), &json!(1)));
    let rejects = here.0.ok(&["rejects", "list"]);
    assert_has(
        &rejects,
        &["UNKNOWN_EXPORT", "6f0e2f0c-5f2b-4c11-9e0c-3a1f5b7a9d10"],
    );
    let of = |one: &str, two: &str, three: &str| {
        [("one", one), ("two", two), ("=three", three)]
            .map(|(id, result)| (id.to_owned(), json!(result)))
            .to_vec()
    };
    assert_eq!(here.answers(), of("success", "member not found", "success"));

    // The same file again adds nothing, and a preview says so.
    let preview = here.0.json(&["import", EXPORT, "answer.csv", "--preview"]);
    assert_has(
        &format!("{preview:?}"),
        &["\"duplicate\": Number(3)", "\"new\": Number(0)"],
    );
    let told = here.answer(&rows);
    assert_eq!((&told["new"], &told["duplicate"]), (&json!(0), &json!(3)));

    // A row that changed: the newest answer counts, and the earlier one is kept. One export is named
    // by its transaction alone, as a spreadsheet shows it; one row contradicts itself.
    let uid = here.uids().remove(0);
    let told = here.answer(&[
        &answer(["success", "success", "success"])[1],
        "'=three,,,,,,points added",
        &format!("two,m,p,2,d,{uid},success"),
    ]);
    assert_eq!((&told["new"], &told["rejected"]), (&json!(2), &json!(1)));
    assert_eq!(here.answers(), of("success", "success", "points added"));
    assert_has(
        &here.0.ok(&["rejects", "list"]),
        &["CONFLICT", "is that of transaction one"],
    );
    let kept = here
        .0
        .texts("SELECT result FROM export_answer WHERE export_id = 2 ORDER BY id");
    assert_eq!(kept, ["member not found", "success"]);
    assert_has(&here.0.ok(&["lifecycle", "two"]), &["answered", " success"]);
    assert_has(&here.0.ok(&["exports", "list"]), &["points added"]);
}

#[test]
fn a_batch_is_rendered_as_the_file_it_would_be() {
    let place = Place::new();
    let export = |id: &str, pence: i64| {
        json!({"transaction_id": id, "transaction_date": "2026-06-02T12:00:00.25", "feed_type": "AUTH",
               "provider_slug": "stonegate", "spend_amount": pence, "spend_currency": "GBP",
               "loyalty_id": "m,1", "location_id": null, "mid": null,
               "export_uid": "6f0e2f0c-5f2b-4c11-9e0c-3a1f5b7a9d10"})
    };
    let lines = format!("{}\n\n{}\n", export("t1", 1099), export("@t2", -250));
    let file = place.write("exports.jsonl", lines);
    let rest = "2026-06-02 12:00:00+00:00,6f0e2f0c-5f2b-4c11-9e0c-3a1f5b7a9d10";
    assert_eq!(
        place.ok(&["exports", "render", EXPORT, &file]),
        format!("{HEADER}\r\nt1,\"m,1\",,1099,{rest}\r\n'@t2,\"m,1\",,-250,{rest}\r\n")
    );
    // A document for each batch of a thousand.
    let many: String = (0..1001)
        .map(|n| format!("{}\n", export(&format!("t{n}"), n)))
        .collect();
    let file = place.write("exports.jsonl", many);
    let rendered = place.ok(&["exports", "render", EXPORT, &file]);
    assert_eq!(rendered.matches(HEADER).count(), 2);
    assert_eq!(rendered.lines().count(), 1003);
    assert!(!place.path("data").exists(), "it needs no database");
}

#[test]
fn a_sweep_without_its_export_and_an_export_without_batches_are_told() {
    let here = Pub::new();
    let answer = here.0.run(&["export", "example-loyalty-scheme"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert_has(&answer.err, &["no exports that leave in batches"]);
    let answer = here.0.run(&["export", "nobody"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    let place = Place::new();
    let agents = place.path("agents");
    let text = include_str!("../../../../agents/stonegate.toml");
    place.write("agents/stonegate.toml", text);
    let place = place.with("TXM_AGENTS_DIR", agents.display());
    for arguments in [&["check"][..], &["drain"]] {
        let answer = place.run(arguments);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        let told = answer.out + &answer.err;
        assert_has(
            &told,
            &[
                "agents/stonegate.toml: sweep.export: there is no agent file stonegate-unmatched.toml",
            ],
        );
    }
}

#[test]
fn it_is_swept_on_schedule_while_harmonia_runs() {
    let here = Pub::with_agents(&[("schedule   = \"0 * * * *\"", "schedule   = \"* * * * *\"")]);
    here.bring("visa-auth", &[payment("late", 1099)]);
    here.age(3);
    let running = here.0.command(&["run"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(150);
    while here.statuses() != ["late UNMATCHED"] && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    crate::signal::terminate(&running);
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(here.statuses(), ["late UNMATCHED"]);
    // Its file leaves on the export's own schedule, or when it is asked for.
    assert_eq!(here.export().1.len(), 1);
}
