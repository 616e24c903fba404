//! Exports: what each tells, and where it stands.

use crate::support::{BOOKS, Bench, NOON, Town, VISA_SETTLED, card_link, gbp, payment, sale};
use harmonia_core::changes::{Attempt, Changes, Delivery, FileEnd, NewIdentity, NewMatch, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::ids::{ExportId, PaymentId, SaleId};
use harmonia_core::matching::MatchKind;
use harmonia_core::money::Currency;
use harmonia_core::state::ExportState;
use harmonia_core::time::SECOND_US;
use serde_json::json;
use uuid::Uuid;

pub async fn an_export_tells_all_there_is(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut paid = payment("p1");
    paid.settlement_key = Some("key-1".into());
    paid.approval_code = Some("OK".into());
    paid.extra = Some(r#"{"terminal":"123","both":"payment"}"#.into());
    let mut sold = sale("s1");
    sold.when.start = NOON.plus(SECOND_US / 2);
    sold.extra = Some(r#"{"basket":"b9","both":"sale"}"#.into());
    let payments = town.pay(vec![paid]).await;
    let sales = town.sell(vec![sold]).await;
    town.commit(town.matching(&[(payments[0], sales[0])])).await;
    let all = Span::Range(1, 1);
    let found = town.store.undelivered(town.bakery, &all).await.unwrap();
    let expected = ExportTransaction {
        correction: None,
        transaction_id: "s1".into(),
        feed_type: Some("SETTLED".into()),
        provider_slug: Some(crate::support::slug("bakery")),
        transaction_date: "2026-06-02T12:00:00.5Z".into(),
        spend_amount: 1099,
        spend_currency: Some(Currency::GBP),
        loyalty_id: Some("member-1".into()),
        mid: Some("m-1".into()),
        primary_identifier: Some("m-1".into()),
        location_id: Some("high-street".into()),
        merchant_internal_id: None,
        user_id: Some(7),
        scheme_account_id: Some(70),
        payment_card_account_id: Some(700),
        auth_code: Some("666666".into()),
        approval_code: Some("OK".into()),
        settlement_key: Some("key-1".into()),
        last_four: Some("4242".into()),
        expiry_month: Some(9),
        expiry_year: Some(2029),
        payment_provider_slug: Some("visa".into()),
        export_uid: Some(Uuid::from_u128(1)),
        extra_fields: Some(json!({"terminal": "123", "both": "sale", "basket": "b9"})),
        credentials: Some(json!({"email": "a@example.com"})),
    };
    assert_eq!(found, [(ExportId(1), expected)]);
}

pub async fn a_spotted_payment_tells_of_itself(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    spot(&town, &[id]).await;
    let all = Span::Range(1, 1);
    let found = town.store.undelivered(town.bakery, &all).await.unwrap();
    let told = &found[0].1;
    assert_eq!(
        (told.transaction_id.as_str(), told.spend_amount),
        ("p1", 1099)
    );
    assert_eq!(told.transaction_date, "2026-06-02T12:00:00Z");
    assert_eq!(told.settlement_key.as_deref(), Some("p1"));
    assert_eq!(told.extra_fields, Some(json!({})));
    let matches = town.store.matches(None, 0, 10).await.unwrap();
    assert_eq!(
        (matches[0].matching_type.as_str(), &matches[0].sale),
        ("SPOTTED", &None)
    );
}

pub async fn undelivered_exports_come_in_order_of_one_scheme(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let exports = town.matched(&["a", "b", "c", "d"]).await;
    let mut book = payment("book");
    book.identifiers.primary = Some("b-1".into());
    let mut of_books = sale("book");
    of_books.place.mids = vec!["b-1".into()];
    town.import(VISA_SETTLED, vec![town.paid(book)]).await;
    town.import(BOOKS, vec![town.sold(of_books)]).await;
    let mut changes = town.matching(&[(PaymentId(9), SaleId(10))]);
    changes.matches[0].scheme = town.books;
    town.commit(changes).await;
    deliver(&town, &[(exports[1], ExportState::Delivered)]).await;
    let ids = |found: Vec<(ExportId, ExportTransaction)>| -> Vec<ExportId> {
        found.into_iter().map(|(id, _)| id).collect()
    };
    let all = Span::Range(0, 100);
    let bakery = town.store.undelivered(town.bakery, &all).await.unwrap();
    assert_eq!(ids(bakery), [exports[0], exports[2], exports[3]]);
    let books = town.store.undelivered(town.books, &all).await.unwrap();
    assert_eq!(ids(books), [ExportId(5)]);
    let some = Span::Ids(vec![exports[1].0, exports[3].0]);
    let some = town.store.undelivered(town.bakery, &some).await.unwrap();
    assert_eq!(ids(some), [exports[3]]);
}

pub async fn a_delivery_moves_through_its_states(bench: &dyn Bench) {
    use ExportState::{Delivered, Failed, Held, Pending, Retrying};
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let (mut before, mut tries) = (Pending, 0);
    for state in [Retrying, Held, Pending, Failed, Pending, Delivered] {
        assert!(before.may_become(state), "{before} to {state} is lawful");
        deliver(&town, &[(export, state)]).await;
        tries += 1;
        let row = &town.store.exports(None, 0, 1).await.unwrap()[0];
        assert_eq!((row.status.as_str(), row.tries), (state.as_str(), tries));
        assert_eq!(row.status_reason.is_some(), needs_reason(state));
        assert_eq!(row.destination.as_deref(), Some("out/bakery.jsonl"));
        let due = town
            .store
            .undelivered(town.bakery, &Span::Range(1, 1))
            .await
            .unwrap();
        assert_eq!(due.len(), usize::from(matches!(state, Pending | Retrying)));
        before = state;
    }
    town.expect_sound().await;
}

pub async fn what_is_delivered_stays_delivered(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let exports = town.matched(&["a", "b"]).await;
    deliver(&town, &[(exports[0], ExportState::Delivered)]).await;
    let before = town.store.exports(None, 0, 1).await.unwrap();
    let sent = [ExportState::InFlight, ExportState::Uncertain];
    let never_sent = ExportState::ALL
        .iter()
        .filter(|state| !sent.contains(state));
    for state in never_sent {
        deliver(&town, &[(exports[0], *state)]).await;
        assert_eq!(town.store.exports(None, 0, 1).await.unwrap(), before);
    }
    let status = town.store.status(NOON).await.unwrap();
    let expected = [("PENDING".to_owned(), 1), ("DELIVERED".to_owned(), 1)];
    assert_eq!(status.exports, expected);
}

pub async fn an_export_file_grows(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let name = "bakery/2026-06-02.jsonl";
    assert_eq!(town.store.export_file(name).await.unwrap(), None);
    for length in [120, 250] {
        let end = FileEnd {
            name: name.to_owned(),
            length,
        };
        let mut changes = Changes::none(NOON);
        changes.attempts.push(Attempt {
            file: Some(end.clone()),
            ..attempt(&town, &[])
        });
        town.commit(changes).await;
        assert_eq!(town.store.export_file(name).await.unwrap(), Some(end));
    }
    assert_eq!(town.store.export_file("other").await.unwrap(), None);
}

/// Matches payments of the bakery on sight.
async fn spot(town: &Town, payments: &[PaymentId]) {
    let mut changes = Changes::none(NOON);
    for payment in payments {
        changes.identities.push(NewIdentity {
            payment: *payment,
            link: card_link("member-1"),
        });
        changes.matches.push(NewMatch {
            kind: MatchKind::Spotted,
            sale: None,
            ..town.pair(*payment, SaleId(0))
        });
    }
    town.commit(changes).await;
}

async fn deliver(town: &Town, deliveries: &[(ExportId, ExportState)]) {
    let mut changes = Changes::none(NOON);
    changes.attempts.push(attempt(town, deliveries));
    town.commit(changes).await;
}

fn attempt(town: &Town, deliveries: &[(ExportId, ExportState)]) -> Attempt {
    let delivery = |(export, state): &(ExportId, ExportState)| Delivery {
        export: *export,
        state: *state,
        reason: needs_reason(*state).then(|| "the disk is full".to_owned()),
        due_at: None,
    };
    Attempt {
        scheme: town.bakery,
        destination: "out/bakery.jsonl".to_owned(),
        body: format!("{}", gbp(1)),
        response: Some("1 written".to_owned()),
        error: None,
        duration_us: 5,
        deliveries: deliveries.iter().map(delivery).collect(),
        file: None,
    }
}

fn needs_reason(state: ExportState) -> bool {
    !matches!(state, ExportState::Pending | ExportState::Delivered)
}
