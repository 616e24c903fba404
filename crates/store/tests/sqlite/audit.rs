//! The audit finds each invariant broken by hand, and finds nothing else.

use super::Folder;
use crate::support::{Town, payment};

/// What is done to a sound database, and what the audit must then say.
const BREACHES: &[(&str, &[&str])] = &[
    (
        "DROP INDEX pairing_payment;
         INSERT INTO pairing (payment_transaction_id, scheme_id, matching_type, evidence,
                              match_group, created_at)
         VALUES (1, 1, 'SPOTTED', '{}', 1, 1);",
        &[
            "a payment is in one match at most",
            "every match has its export",
        ],
    ),
    (
        "DROP INDEX pairing_sale;
         UPDATE pairing SET scheme_transaction_id = 3;",
        &["a sale is in one match at most"],
    ),
    (
        "UPDATE sale SET currency = 'EUR' WHERE id = 3;",
        &["both sides of a match agree in scheme, MID, amount and currency"],
    ),
    (
        "UPDATE mid_set SET mids = '[\"m-7\"]';",
        &["both sides of a match agree in scheme, MID, amount and currency"],
    ),
    (
        "DELETE FROM user_identity WHERE payment_transaction_id = 1;",
        &["a matched payment is identified"],
    ),
    (
        "INSERT INTO open_payment VALUES (1, 'NO_SALE', 1, 'm-1', 1099, 1, 1, NULL, 0);",
        &["a matched payment is not open"],
    ),
    (
        "DELETE FROM export WHERE id = 1;",
        &["every match has its export"],
    ),
    (
        "INSERT INTO delivery VALUES (1, 'DELIVERED', NULL, 1, 99, 1, NULL, NULL);",
        &["what was delivered was sent"],
    ),
    (
        "INSERT INTO delivery VALUES (99, 'PENDING', NULL, 1, NULL, 1, NULL, NULL);",
        &["what was delivered was sent"],
    ),
    (
        "INSERT INTO import_transaction VALUES (99, 99, 1, 1, '{}', 1);",
        &["every raw record taken is one payment or one sale"],
    ),
    (
        "UPDATE import_transaction SET file_id = 99 WHERE id = 5;",
        &["a file's counts and sums are those of its rows"],
    ),
    (
        "UPDATE import_file_log SET amount_minor = amount_minor + 1 WHERE id = 1;",
        &["a file's counts and sums are those of its rows"],
    ),
    (
        "DELETE FROM job WHERE queue = 'matching';",
        &["every payment is matched, open with a reason, or due"],
    ),
    (
        "DELETE FROM job WHERE queue = 'export';",
        &["every pending export is due"],
    ),
];

#[tokio::test]
async fn each_breach_is_found() {
    for (damage, expected) in BREACHES {
        let folder = Folder::new();
        let town = Town::in_store(folder.open("one")).await;
        town.matched(&["a", "b"]).await;
        town.pay(vec![payment("waiting")]).await;
        town.expect_sound().await;
        folder.damage(damage);
        let findings = town.store.audit().await.unwrap();
        let names: Vec<&str> = findings.iter().map(|one| one.invariant.as_str()).collect();
        assert_eq!(names, *expected, "after {damage}");
        assert!(
            findings
                .iter()
                .all(|one| one.count > 0 && !one.examples.is_empty())
        );
    }
}

#[tokio::test]
async fn only_some_of_many_breaches_are_named() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    town.matched(&["a", "b", "c", "d", "e", "f", "g"]).await;
    folder.damage("DELETE FROM export");
    let findings = town.store.audit().await.unwrap();
    assert_eq!((findings[0].count, findings[0].examples.len()), (7, 5));
}
