//! Purging by months, by the real binary: killed in the middle, begun again, and what stays is whole.

use crate::database::Database;
use crate::sql::Sql;
use crate::support::Place;
use std::time::{Duration, Instant};

/// Makes everything that was done seem done so many days earlier.
fn age(sql: &Sql, days: u32) {
    sql.run(&format!(
        "SELECT make_months(month_of(now() - interval '{days} days'))"
    ));
    for table in [
        "payment",
        "sale",
        "pairing",
        "import_transaction",
        "export_attempt",
    ] {
        sql.run(&format!(
            "UPDATE {table} SET created_at = created_at - interval '{days} days'"
        ));
    }
    for table in ["import_transaction", "export_attempt"] {
        sql.run(&format!("UPDATE {table} SET month = month_of(created_at)"));
    }
}

/// How many months have parts that are over before what is kept.
fn parts_that_are_over(sql: &Sql) -> i64 {
    sql.number(
        "SELECT count(*) FROM pg_inherits
         WHERE inhparent IN ('import_transaction'::regclass, 'export_attempt'::regclass)
           AND inhrelid::regclass::text !~ 'rest$'
           AND to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM')
               < month_of(now() - interval '60 days')",
    )
}

#[test]
fn purging_that_was_killed_is_begun_again_and_drops_the_month() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    let place = Place::new().with("TXM_POSTGRES_URI", database.uri());
    place.ok(&["demo", "-n", "4000"]);
    let sql = Sql::on(&database);
    age(&sql, 300);
    place.ok(&["audit"]);
    assert!(parts_that_are_over(&sql) > 0);

    let asked = place.run(&["purge", "--days", "60"]);
    assert_eq!(asked.code, Some(2), "{asked:#?}");
    for said in ["payments", "sales", "say --yes"] {
        assert!(asked.err.contains(said), "{asked:#?}");
    }
    assert_eq!(sql.number("SELECT count(*) FROM retention"), 0);

    let pairings = "SELECT count(*) FROM pairing";
    let before = sql.number(pairings);
    let arguments = ["purge", "--days", "60", "--yes"];
    let mut purging = place.command(&arguments).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sql.number(pairings) == before && purging.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing goes");
        std::thread::sleep(Duration::from_millis(1));
    }
    purging.kill().unwrap();
    purging.wait().unwrap();
    place.ok(&["audit"]);
    assert!(parts_that_are_over(&sql) > 0);

    let told = place.run(&arguments);
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert!(told.err.contains("is dropped"), "{told:#?}");
    place.ok(&["audit"]);
    assert_eq!(parts_that_are_over(&sql), 0);
    assert_eq!(
        (
            sql.number(pairings),
            sql.number("SELECT count(*) FROM sale")
        ),
        (0, 0)
    );
    let open = sql.number("SELECT count(*) FROM open_payment");
    assert!(open > 0);
    assert_eq!(sql.number("SELECT count(*) FROM payment"), open);
    let put_aside = "SELECT count(*) FROM import_transaction_rest JOIN payment USING (id)";
    assert_eq!(sql.number(put_aside), open);
    let id = sql.text("SELECT transaction_id FROM payment ORDER BY id LIMIT 1");
    let why = place.ok(&["why", "payment", &id]);
    assert!(why.contains(&id), "{why}");
    let lived = place.json(&["lifecycle", &id]);
    let raw = lived[0].to_string();
    assert!(raw.contains("imported") || raw.contains("raw"), "{raw}");
    let again = place.json(&arguments);
    assert_eq!(again[0]["purged"]["payments"], 0);
}
