//! What must not be cannot be stored: each unlawful row is tried, and refused.
//!
//! For each table there is a lawful row, which goes in, and changes to it, each of which alone
//! makes it unlawful. So it is the change that is refused and nothing else.

use super::Folder;
use rusqlite::{Connection, ErrorCode};

/// A lawful row: columns and values, as SQL.
type Row = &'static [(&'static str, &'static str)];

const DAY: &str = "20606";
const NOON: &str = "1780401600000000";
const HASH: &str = "zeroblob(32)";

/// What the rows below refer to.
const GROUND: &str = "
    INSERT INTO payment_provider (slug, name) VALUES ('visa', 'Visa');
    INSERT INTO loyalty_scheme (id, slug, name) VALUES (1, 'bakery', 'The bakery');
    INSERT INTO feed (id, provider_slug, feed_type) VALUES (1, 'visa', 'AUTH');";

#[test]
fn a_feed_is_of_a_known_type_and_there_once() {
    let feed: Row = &[("provider_slug", "'visa'"), ("feed_type", "'SETTLED'")];
    refuse("feed", feed, &[&[("feed_type", "'SALES'")]]);
    refuse_twice("feed", feed);
}

#[test]
fn a_key_of_the_api_has_a_name_of_its_own_and_a_hash() {
    let key: Row = &[
        ("name", "'till'"),
        ("hint", "'txm_abcd'"),
        ("hash", HASH),
        ("scopes", "'[\"feeds:write\"]'"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("name", "''")],
        &[("hash", "zeroblob(31)")],
        &[("scopes", "'feeds:write'")],
        &[("expires_at", NOON)],
    ];
    refuse("api_key", key, unlawful);
    refuse_twice("api_key", key);
}

#[test]
fn a_request_is_answered_once() {
    let answer: Row = &[
        ("feed_name", "'visa-auth'"),
        ("key_hash", HASH),
        ("body_hash", HASH),
        ("file_id", "1"),
        ("receipt", "'{}'"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("key_hash", "zeroblob(16)")],
        &[("body_hash", "zeroblob(16)")],
        &[("receipt", "'no'")],
    ];
    refuse("push_log", answer, unlawful);
    refuse_twice("push_log", answer);
}

#[test]
fn an_identifier_is_in_force_once() {
    let identifier: Row = &[
        ("payment_provider_slug", "'visa'"),
        ("identifier", "'m-1'"),
        ("identifier_type", "'PRIMARY'"),
        ("loyalty_scheme_id", "1"),
        ("valid_from", "10"),
    ];
    let unlawful: &[Row] = &[
        &[("identifier_type", "'TERTIARY'")],
        &[("payment_provider_slug", "'nobody'")],
        &[("loyalty_scheme_id", "99")],
        &[("valid_to", "9")],
    ];
    refuse("merchant_identifier", identifier, unlawful);
    refuse_twice("merchant_identifier", identifier);
}

#[test]
fn a_list_of_mids_is_json_and_there_once() {
    let set: Row = &[("loyalty_scheme_id", "1"), ("mids", "'[\"m-1\"]'")];
    let unlawful: &[Row] = &[
        &[("mids", "'m-1'")],
        &[("has_days", "2")],
        &[("loyalty_scheme_id", "99")],
    ];
    refuse("mid_set", set, unlawful);
    refuse_twice("mid_set", set);
}

#[test]
fn a_file_adds_up_and_says_why_it_was_refused() {
    let file: Row = &[
        ("feed_id", "1"),
        ("feed_name", "'visa-auth'"),
        ("canonical", "0"),
        ("source", "'a.csv'"),
        ("size_bytes", "10"),
        ("sha256", "'00'"),
        ("state", "'IMPORTED'"),
        ("records_read", "15"),
        ("new", "1"),
        ("duplicate", "2"),
        ("skipped", "3"),
        ("rejected", "4"),
        ("quarantined", "5"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("state", "'LOST'")],
        &[("state", "'REFUSED'")],
        &[("refusal", "'the file is empty'")],
        &[("records_read", "16")],
        &[("new", "0")],
        &[("size_bytes", "-1")],
        &[("feed_id", "99")],
        &[("canonical", "2")],
    ];
    refuse("import_file_log", file, unlawful);
}

#[test]
fn a_raw_record_is_identified_or_not() {
    let raw: Row = &[
        ("file_id", "1"),
        ("number", "1"),
        ("identified", "1"),
        ("data", "'{}'"),
        ("created_at", NOON),
    ];
    refuse(
        "import_transaction",
        raw,
        &[&[("identified", "2")], &[("data", "NULL")]],
    );
}

#[test]
fn a_rejected_record_is_kept_once_and_a_quarantined_one_with_its_raw_record() {
    let reject: Row = &[
        ("feed_id", "1"),
        ("file_id", "1"),
        ("number", "1"),
        ("occurrence", "0"),
        ("state", "'REJECTED'"),
        ("reason", "'BAD_DATE'"),
        ("detail", "'no such day'"),
        ("data", "'{}'"),
        ("fingerprint", HASH),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("state", "'FORGIVEN'")],
        &[("state", "'QUARANTINED'")],
        &[("state", "'REPLAYED'")],
        &[("replayed_at", NOON)],
        &[("occurrence", "-1")],
        &[("fingerprint", "zeroblob(31)")],
    ];
    refuse("rejected_record", reject, unlawful);
    refuse_twice("rejected_record", reject);
}

const PAYMENT: Row = &[
    ("feed_id", "1"),
    ("scheme_id", "1"),
    ("merchant_identifier_id", "1"),
    ("day", DAY),
    ("transaction_id", "'t-1'"),
    ("mid", "'m-1'"),
    ("date", NOON),
    ("precision", "1"),
    ("amount", "1099"),
    ("multiplier", "100"),
    ("currency", "'GBP'"),
    ("card_token", "'card-1'"),
    ("match_group", "1"),
    ("created_at", NOON),
];

const SALE: Row = &[
    ("feed_id", "1"),
    ("scheme_id", "1"),
    ("mid_set_id", "1"),
    ("day", DAY),
    ("transaction_id", "'t-1'"),
    ("date", NOON),
    ("precision", "1"),
    ("amount", "1099"),
    ("multiplier", "100"),
    ("currency", "'GBP'"),
    ("match_group", "1"),
    ("created_at", NOON),
];

#[test]
fn a_transaction_is_on_its_day_and_there_once() {
    let unlawful: &[Row] = &[
        &[("day", "20605")],
        &[("day", "20607")],
        &[("date", "1780444800000000")],
        &[("date", "1780358399999999")],
        &[("transaction_id", "''")],
        &[("precision", "4")],
        &[("precision", "-1")],
        &[("amount", "'ten pounds'")],
        &[("amount", "10.99")],
        &[("multiplier", "0")],
        &[("currency", "'POUND'")],
        &[("first_six", "'42424'")],
        &[("last_four", "'42424'")],
    ];
    for (table, lawful) in [("payment", PAYMENT), ("sale", SALE)] {
        refuse(table, lawful, unlawful);
        refuse_twice(table, lawful);
    }
}

#[test]
fn a_card_is_linked_once_and_expires_in_a_month() {
    let card: Row = &[
        ("card_token", "'card-1'"),
        ("scheme_id", "1"),
        ("expiry_month", "12"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("expiry_month", "13")],
        &[("expiry_month", "0")],
        &[("first_six", "'424242424242'")],
        &[("last_four", "'42'")],
        &[("scheme_id", "99")],
    ];
    refuse("card_link", card, unlawful);
    refuse_twice("card_link", card);
}

#[test]
fn a_payment_has_one_identity() {
    let identity: Row = &[
        ("payment_transaction_id", "1"),
        ("expiry_month", "1"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("expiry_month", "13")],
        &[("first_six", "'4242424242424242'")],
        &[("last_four", "''")],
    ];
    refuse("user_identity", identity, unlawful);
    refuse_twice("user_identity", identity);
}

const PAIRING: Row = &[
    ("payment_transaction_id", "1"),
    ("scheme_transaction_id", "2"),
    ("scheme_id", "1"),
    ("matching_type", "'LOYALTY'"),
    ("evidence", "'{}'"),
    ("match_group", "1"),
    ("created_at", NOON),
];

#[test]
fn a_match_is_of_a_known_kind_and_has_what_its_kind_needs() {
    let unlawful: &[Row] = &[
        &[("matching_type", "'GUESSED'")],
        &[("matching_type", "'SPOTTED'")],
        &[("scheme_transaction_id", "NULL")],
        &[("matching_type", "'FORCED'")],
        &[("matching_type", "'FORCED'"), ("operator", "'ann'")],
        &[("matching_type", "'FORCED'"), ("reason", "'she called'")],
        &[("voided_at", NOON)],
        &[("voided_by", "'ann'")],
    ];
    refuse("pairing", PAIRING, unlawful);
}

#[test]
fn a_payment_and_a_sale_are_in_one_match_that_is_in_force() {
    let connection = ground();
    insert(&connection, "pairing", PAIRING, &[]).unwrap();
    let same_payment: Row = &[("scheme_transaction_id", "3")];
    let same_sale: Row = &[("payment_transaction_id", "3")];
    for second in [same_payment, same_sale] {
        expect_refusal(
            insert(&connection, "pairing", PAIRING, second),
            "pairing",
            second,
        );
    }
    // What was undone stands in nobody's way.
    let voided: Row = &[("voided_at", NOON), ("voided_by", "'ann'")];
    insert(&connection, "pairing", PAIRING, voided).unwrap();
    let neither: Row = &[
        ("payment_transaction_id", "3"),
        ("scheme_transaction_id", "4"),
    ];
    insert(&connection, "pairing", PAIRING, neither).unwrap();
}

#[test]
fn a_match_is_exported_once() {
    let export: Row = &[
        ("scheme_id", "1"),
        ("pairing_id", "1"),
        ("payment_transaction_id", "1"),
        ("export_uid", "zeroblob(16)"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[&[("export_uid", "zeroblob(15)")], &[("is_answered", "2")]];
    refuse("export", export, unlawful);
    refuse_twice("export", export);
}

#[test]
fn what_is_answered_is_known_by_its_uid_alone() {
    let export: Row = &[
        ("scheme_id", "1"),
        ("payment_transaction_id", "1"),
        ("export_uid", "zeroblob(16)"),
        ("is_answered", "1"),
        ("created_at", NOON),
    ];
    refuse_twice("export", export);
    let answer: Row = &[
        ("export_id", "1"),
        ("result", "'success'"),
        ("file_id", "1"),
        ("number", "2"),
        ("data", "'{}'"),
        ("created_at", NOON),
    ];
    let unlawful: &[Row] = &[&[("result", "''")], &[("data", "'success'")]];
    refuse("export_answer", answer, unlawful);
    refuse_twice("export_answer", answer);
}

#[test]
fn a_delivery_is_in_a_known_state_and_says_why() {
    let delivery: Row = &[
        ("export_id", "1"),
        ("state", "'DELIVERED'"),
        ("tries", "1"),
        ("updated_at", NOON),
    ];
    let unlawful: &[Row] = &[
        &[("state", "'LOST'")],
        &[("state", "'RETRYING'")],
        &[("state", "'HELD'")],
        &[("state", "'FAILED'")],
        &[("state", "'IN_FLIGHT'")],
        &[("state", "'UNCERTAIN'"), ("reason", "'no answer'")],
        &[("due_at", NOON)],
    ];
    refuse("delivery", delivery, unlawful);
    refuse_twice("delivery", delivery);
}

#[test]
fn an_export_file_has_a_length_and_one_row() {
    let file: Row = &[("name", "'a.jsonl'"), ("length", "0"), ("updated_at", NOON)];
    refuse("export_file", file, &[&[("length", "-1")]]);
    refuse_twice("export_file", file);
}

#[test]
fn a_job_is_of_a_known_queue() {
    let job: Row = &[
        ("queue", "'matching'"),
        ("work", "'{}'"),
        ("ready_at", NOON),
        ("created_at", NOON),
    ];
    refuse(
        "job",
        job,
        &[&[("queue", "'lunch'")], &[("work", "'soon'")]],
    );
}

#[test]
fn the_audit_log_is_chained_and_readable() {
    let entry: Row = &[
        ("at", NOON),
        ("operator", "'ann'"),
        ("action", "'force'"),
        ("detail", "'{}'"),
        ("hash", HASH),
    ];
    refuse(
        "audit_log",
        entry,
        &[&[("detail", "'because'")], &[("hash", "x'00'")]],
    );
}

/// A new database with what rows refer to.
fn ground() -> Connection {
    let folder = Folder::with_database();
    let connection = folder.connect();
    connection.execute_batch(GROUND).unwrap();
    connection
}

/// The lawful row goes in; with any of the changes it is refused.
fn refuse(table: &str, lawful: Row, unlawful: &[Row]) {
    for change in unlawful {
        let connection = ground();
        expect_refusal(insert(&connection, table, lawful, change), table, change);
        insert(&connection, table, lawful, &[]).unwrap();
    }
}

/// The lawful row goes in once.
fn refuse_twice(table: &str, lawful: Row) {
    let connection = ground();
    insert(&connection, table, lawful, &[]).unwrap();
    expect_refusal(insert(&connection, table, lawful, &[]), table, &[]);
}

fn insert(
    connection: &Connection,
    table: &str,
    lawful: Row,
    changes: Row,
) -> rusqlite::Result<usize> {
    let unchanged = lawful
        .iter()
        .filter(|(column, _)| changes.iter().all(|(changed, _)| changed != column));
    let (columns, values): (Vec<&str>, Vec<&str>) = unchanged.chain(changes).copied().unzip();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let sql = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
    connection.execute(&sql, [])
}

fn expect_refusal(result: rusqlite::Result<usize>, table: &str, change: Row) {
    let error = result.expect_err(&format!("{table} took {change:?}"));
    assert_eq!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation),
        "{table} with {change:?}: {error}"
    );
}
