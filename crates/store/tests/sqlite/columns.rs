//! What lies in columns that no port shows.

use super::Folder;
use crate::support::{NOON, Town, VISA_SETTLED, card_link, mid_change, payment, refused};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{CardInScheme, Changes, MidAction, MidChange};
use harmonia_core::problem::RejectReason;
use harmonia_core::term::SINCE_EVER;
use harmonia_core::time::MINUTE_US;
use harmonia_journey::ports::StoreError;

#[tokio::test]
async fn a_quarantined_record_waits_in_the_raw_table() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let records = vec![
        town.paid(payment("p1")),
        refused(RejectReason::UnknownMid, 1),
        refused(RejectReason::BadText, 2),
    ];
    town.import(VISA_SETTLED, records).await;
    let raw = column(
        &folder,
        "SELECT id || ':' || identified FROM import_transaction",
    );
    assert_eq!(raw, ["1:1", "2:0"]);
    let links =
        "SELECT coalesce(import_transaction_id, 'none') || '' FROM rejected_record ORDER BY id";
    assert_eq!(column(&folder, links), ["2", "none"]);
}

#[tokio::test]
async fn credentials_lie_sealed() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let mut changes = Changes::none(NOON);
    changes
        .cards
        .push(town.linked("card-1", card_link("member-1")));
    town.commit(changes).await;
    town.matched(&["a"]).await;
    for table in ["card_link", "user_identity"] {
        let sealed: Vec<u8> = folder
            .connect()
            .query_row(&format!("SELECT credentials FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        let shown = String::from_utf8_lossy(&sealed);
        assert!(
            !sealed.is_empty() && !shown.contains("example.com"),
            "{table}: {shown}"
        );
    }
}

#[tokio::test]
async fn sealed_credentials_open_nowhere_else() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let mut changes = Changes::none(NOON);
    for card in ["card-1", "card-2"] {
        changes.cards.push(town.linked(card, card_link("member-1")));
    }
    town.commit(changes).await;
    folder.damage(
        "UPDATE card_link SET credentials =
             (SELECT credentials FROM card_link WHERE card_token = 'card-1')
         WHERE card_token = 'card-2'",
    );
    let asked = CardInScheme {
        scheme: town.bakery,
        card_token: CardToken("card-2".into()),
    };
    let answer = town.store.card_links(&[asked]).await;
    assert!(matches!(answer, Err(StoreError::Broken(_))));
}

#[tokio::test]
async fn an_identifier_that_ended_keeps_its_dates() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let mut changes = Changes::none(NOON.plus(MINUTE_US));
    let moved = mid_change("m-1", "books");
    let deleted = MidChange {
        action: MidAction::Delete,
        ..mid_change("m-2", "bakery")
    };
    changes.mids = vec![moved, deleted];
    town.commit(changes).await;
    let (from, to) = (SINCE_EVER.0, NOON.0 + MINUTE_US);
    let dates = "SELECT identifier || ' ' || valid_from || ' ' || coalesce(valid_to, 'on')
                 FROM merchant_identifier ORDER BY id";
    let expected = [
        format!("m-1 {from} {to}"),
        format!("m-2 {from} {to}"),
        format!("b-1 {from} on"),
        format!("m-1 {to} on"),
    ];
    assert_eq!(column(&folder, dates), expected);
}

#[tokio::test]
async fn a_provider_keeps_the_name_its_agent_file_gave_it() {
    let folder = Folder::new();
    Town::in_store(folder.open("one")).await;
    let names = column(&folder, "SELECT slug || ': ' || name FROM payment_provider");
    assert_eq!(names, ["visa: The visa"]);
}

#[tokio::test]
async fn a_file_knows_its_sums_and_dates() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let mut earlier = payment("p2");
    earlier.when.start = NOON.plus(-MINUTE_US);
    town.pay(vec![payment("p1"), earlier]).await;
    let log = "SELECT amount_minor || ' ' || first_date || ' ' || last_date || ' ' || finished_at
               FROM import_file_log";
    let expected = format!("2198 {} {} {}", NOON.0 - MINUTE_US, NOON.0, NOON.0);
    assert_eq!(column(&folder, log), [expected]);
}

/// The one column of a query, as text.
fn column(folder: &Folder, sql: &str) -> Vec<String> {
    let connection = folder.connect();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
