//! What matching reads, and what it may write.

use crate::support::{Bench, NOON, Town, card_link, gbp, payment, sale};
use compact_str::CompactString;
use harmonia_core::changes::{Changes, NewIdentity, NewMatch, Placed, Span, StillOpen};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId};
use harmonia_core::matching::{MatchKind, OpenReason, Reach};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::{DAY_US, HOUR_US, Instant, Moment, Precision, SECOND_US};
use harmonia_core::transaction::{PaymentRecord, Place, SaleRecord};
use harmonia_journey::ports::{CommitError, Probe, StoreError, Undecided, UndecidedPayment};

pub async fn undecided_payments_come_in_order_without_the_matched(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = town
        .pay(["p1", "p2", "p3", "p4"].map(payment).to_vec())
        .await;
    let sales = town.sell(vec![sale("s1")]).await;
    town.commit(town.matching(&[(payments[1], sales[0])])).await;
    let range = Span::Range(payments[0].0, payments[3].0);
    let ids = |found: Undecided| -> Vec<PaymentId> {
        let payments = found.payments.iter();
        payments.map(|found| found.payment.id).collect()
    };
    let found = town.store.undecided(&range).await.unwrap();
    assert_eq!(ids(found), [payments[0], payments[2], payments[3]]);
    let some = Span::Ids(vec![payments[1].0, payments[3].0, sales[0].0, 999]);
    assert_eq!(
        ids(town.store.undecided(&some).await.unwrap()),
        [payments[3]]
    );
    let none = Span::Ids(Vec::new());
    assert_eq!(town.store.undecided(&none).await.unwrap().payments, []);
}

pub async fn an_identity_is_stored_once_and_returned(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    let before = undecided(&town, id).await;
    assert_eq!((before.identity.as_ref(), before.open), (None, None));
    assert_eq!(before.card_token, payment("p1").card_token);
    assert_eq!(before.payment.when, payment("p1").when);
    assert_eq!(before.payment.amount, gbp(1099));
    assert_eq!(before.payment.digits, payment("p1").digits);
    assert_eq!(before.payment.imported_at, NOON);
    assert_eq!(before.payment.provider.as_str(), "visa");
    for member in ["member-1", "member-2"] {
        let mut changes = Changes::none(NOON);
        changes.identities.push(NewIdentity {
            payment: id,
            link: card_link(member),
        });
        town.commit(changes).await;
    }
    let found = undecided(&town, id).await;
    let mut known = card_link("member-1");
    known.credentials = None;
    assert_eq!(
        found.identity,
        Some(known.clone()),
        "what was known first stays"
    );
    assert_eq!(found.payment.user_card, known.digits);
    let explained = town.store.payment_to_explain(id).await.unwrap();
    assert_eq!(explained, Some(found.payment));
}

pub async fn candidates_lie_within_the_reach_edges_and_all(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let sales = town
        .sell(vec![
            sale_at("before", NOON.plus(-SECOND_US - 1)),
            sale_at("first", NOON.plus(-SECOND_US)),
            sale_at("last", NOON.plus(SECOND_US)),
            sale_at("after", NOON.plus(SECOND_US + 1)),
        ])
        .await;
    let probe = Probe {
        mid_set: mid_set_of(&town, sales[0]).await,
        amount: gbp(1099),
        reach: around(NOON, SECOND_US),
    };
    assert_eq!(candidates(&town, &[probe]).await, [sales[1], sales[2]]);
    let found = town.store.candidates(&[probe]).await.unwrap();
    let first = found.iter().find(|found| found.id == sales[1]).unwrap();
    assert_eq!(first.when.start, NOON.plus(-SECOND_US));
    assert_eq!(first.auth_code.as_deref(), Some("666666"));
    assert_eq!(
        first.provider.as_ref().map(|slug| slug.as_str()),
        Some("visa")
    );
    assert_eq!(first.imported_at, NOON);
    assert_eq!(candidates(&town, &[]).await, []);
}

pub async fn candidates_are_found_across_days(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let midnight = NOON.plus(12 * HOUR_US);
    let sales = town
        .sell(vec![
            sale_at("long-ago", NOON.plus(-30 * DAY_US)),
            sale_at("last", midnight.plus(-1)),
            sale_at("first", midnight),
            sale_at("next-day", midnight.plus(DAY_US)),
        ])
        .await;
    let mid_set = mid_set_of(&town, sales[0]).await;
    let probe = |reach| Probe {
        mid_set,
        amount: gbp(1099),
        reach,
    };
    let close = [probe(around(midnight, 1))];
    assert_eq!(candidates(&town, &close).await, [sales[1], sales[2]]);
    let days = [probe(around(midnight, DAY_US))];
    assert_eq!(
        candidates(&town, &days).await,
        [sales[1], sales[2], sales[3]]
    );
    assert_eq!(candidates(&town, &[probe(Reach::ALL)]).await, sales);
}

pub async fn candidates_are_of_the_probes_mids_amount_and_currency(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let euros = Money {
        minor: 1099,
        currency: Currency::new("EUR").unwrap(),
    };
    let elsewhere = SaleRecord {
        place: at(&["m-2"]),
        ..sale("other-till")
    };
    let dearer = SaleRecord {
        amount: gbp(1100),
        ..sale("dearer")
    };
    let abroad = SaleRecord {
        amount: euros,
        ..sale("abroad")
    };
    let sales = town
        .sell(vec![sale("fits"), elsewhere, dearer, abroad])
        .await;
    let (first, second) = (
        mid_set_of(&town, sales[0]).await,
        mid_set_of(&town, sales[1]).await,
    );
    assert_ne!(first, second);
    assert_eq!(mid_set_of(&town, sales[2]).await, first);
    for (mid_set, amount, expected) in [
        (first, gbp(1099), sales[0]),
        (second, gbp(1099), sales[1]),
        (first, gbp(1100), sales[2]),
        (first, euros, sales[3]),
    ] {
        let probe = Probe {
            mid_set,
            amount,
            reach: Reach::ALL,
        };
        assert_eq!(candidates(&town, &[probe]).await, [expected]);
    }
}

pub async fn a_sale_that_many_probes_ask_for_comes_once(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let sales = town.sell(vec![sale("s1")]).await;
    let probe = Probe {
        mid_set: mid_set_of(&town, sales[0]).await,
        amount: gbp(1099),
        reach: around(NOON, SECOND_US),
    };
    let wider = Probe {
        reach: Reach::ALL,
        ..probe
    };
    assert_eq!(candidates(&town, &[probe, wider, probe]).await, sales);
}

pub async fn a_matched_sale_is_no_candidate(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = town.pay(vec![payment("p1"), payment("p2")]).await;
    let sales = town.sell(vec![sale("s1"), sale("s2")]).await;
    town.commit(town.matching(&[(payments[0], sales[0])])).await;
    keep_open(&town, payments[1], OpenReason::NoSale).await;
    let probe = Probe {
        mid_set: mid_set_of(&town, sales[0]).await,
        amount: gbp(1099),
        reach: Reach::ALL,
    };
    assert_eq!(candidates(&town, &[probe]).await, [sales[1]]);
    let span = Span::Range(sales[0].0, sales[1].0);
    let open = town.store.open_sales(&span).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].0, open[0].1.id), (town.bakery, sales[1]));
}

pub async fn a_list_of_mids_is_found_by_each_of_its_mids(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let both = SaleRecord {
        place: at(&["m-1", "m-2"]),
        ..sale("either-till")
    };
    let foreign = SaleRecord {
        place: at(&["b-1"]),
        ..sale("book")
    };
    let sales = town.sell(vec![sale("first-till"), both]).await;
    town.import(crate::support::BOOKS, vec![town.sold(foreign)])
        .await;
    let (one, two) = (
        mid_set_of(&town, sales[0]).await,
        mid_set_of(&town, sales[1]).await,
    );
    let at_second = PaymentRecord {
        identifiers: harmonia_core::transaction::Identifiers {
            primary: Some("m-2".into()),
            ..Default::default()
        },
        ..payment("p2")
    };
    let payments = town.pay(vec![payment("p1"), at_second]).await;
    for (id, expected) in [(payments[0], vec![one, two]), (payments[1], vec![two])] {
        let sets = undecided(&town, id).await.payment.mid_sets;
        let ids: Vec<MidSetId> = sets.iter().map(|set| set.id).collect();
        assert_eq!(ids, expected);
        assert!(sets.iter().all(|set| !set.has_days));
    }
}

pub async fn a_list_of_mids_says_whether_it_has_days(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    assert_eq!(undecided(&town, id).await.payment.mid_sets.len(), 0);
    town.sell(vec![sale("s1")]).await;
    let has_days = || async { undecided(&town, id).await.payment.mid_sets[0].has_days };
    assert!(!has_days().await);
    let midnight = NOON.plus(-12 * HOUR_US);
    let day_only = SaleRecord {
        when: Moment {
            start: midnight,
            precision: Precision::Day,
        },
        ..sale("some-time-that-day")
    };
    let sales = town.sell(vec![day_only, sale("s2")]).await;
    assert!(has_days().await);
    let probe = Probe {
        mid_set: mid_set_of(&town, sales[0]).await,
        amount: gbp(1099),
        reach: around(NOON, HOUR_US).for_days(),
    };
    assert_eq!(candidates(&town, &[probe]).await.len(), 3);
    let found = town.store.candidates(&[probe]).await.unwrap();
    assert!(
        found
            .iter()
            .any(|sale| sale.when.precision == Precision::Day)
    );
}

pub async fn a_second_match_for_a_payment_is_a_conflict(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = town.pay(vec![payment("p1"), payment("p2")]).await;
    let sales = town.sell(["s1", "s2", "s3"].map(sale).to_vec()).await;
    town.commit(town.matching(&[(payments[0], sales[0])])).await;
    let pairs = [(payments[1], sales[1]), (payments[0], sales[2])];
    expect_conflict(&town, town.matching(&pairs)).await;
    let within_one_commit = [(payments[1], sales[1]), (payments[1], sales[2])];
    expect_conflict(&town, town.matching(&within_one_commit)).await;
}

pub async fn a_second_match_for_a_sale_is_a_conflict(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = town.pay(["p1", "p2", "p3"].map(payment).to_vec()).await;
    let sales = town.sell(vec![sale("s1"), sale("s2")]).await;
    town.commit(town.matching(&[(payments[0], sales[0])])).await;
    let pairs = [(payments[1], sales[1]), (payments[2], sales[0])];
    expect_conflict(&town, town.matching(&pairs)).await;
    let within_one_commit = [(payments[1], sales[1]), (payments[2], sales[1])];
    expect_conflict(&town, town.matching(&within_one_commit)).await;
}

/// A conflict is decided again, at once: what would never be taken must not be called one.
pub async fn a_match_that_must_not_be_is_no_conflict(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payment = town.pay(vec![payment("p1")]).await[0];
    let sale = town.sell(vec![sale("s1")]).await[0];
    let before = town.picture().await;
    for (kind, sale) in [
        (MatchKind::Spotted, Some(sale)),
        (MatchKind::Loyalty, None),
        (MatchKind::Forced, Some(sale)),
    ] {
        let mut changes = Changes::none(NOON);
        changes.matches.push(NewMatch {
            kind,
            sale,
            ..town.pair(payment, SaleId(0))
        });
        let error = town.refused(changes).await;
        assert!(
            matches!(error, CommitError::Store(StoreError::Broken(_))),
            "{kind:?}: {error}"
        );
    }
    assert_eq!(town.picture().await, before);
}

pub async fn a_reason_replaces_an_earlier_one_and_ends_with_the_match(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    let sale = town.sell(vec![sale("s1")]).await[0];
    for reason in [OpenReason::Unidentified, OpenReason::NoSale] {
        keep_open(&town, id, reason).await;
        assert_eq!(undecided(&town, id).await.open, Some(reason));
        let status = town.store.status(NOON).await.unwrap();
        assert_eq!(status.open_payments.len(), 1);
        assert_eq!(status.open_payments[0].reason, reason.as_str());
    }
    let mut changes = town.matching(&[(id, sale)]);
    changes.matches[0].was_open = true;
    town.commit(changes).await;
    assert_eq!(town.store.status(NOON).await.unwrap().open_payments, []);
    town.expect_sound().await;
}

/// A person may match a payment while a batch that holds it is being decided.
pub async fn a_matched_payment_is_not_opened(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    let sale = town.sell(vec![sale("s1")]).await[0];
    town.commit(town.matching(&[(id, sale)])).await;
    keep_open(&town, id, OpenReason::NoSale).await;
    assert_eq!(town.store.status(NOON).await.unwrap().open_payments, []);
    town.expect_sound().await;
}

pub async fn only_what_waits_for_a_sale_is_reopened(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let amount = |name: &str, amount: Money| PaymentRecord {
        amount,
        ..payment(name)
    };
    let paid_at = |name: &str, start: Instant| {
        let mut record = payment(name);
        record.when.start = start;
        record
    };
    let mut at_books = payment("books");
    at_books.identifiers.primary = Some("b-1".into());
    let mut at_market = payment("market");
    at_market.identifiers.primary = Some("m-2".into());
    let euros = Money {
        minor: 1099,
        currency: Currency::new("EUR").unwrap(),
    };
    let payments = town
        .pay(vec![
            paid_at("first", NOON.plus(-SECOND_US)),
            paid_at("last", NOON.plus(SECOND_US)),
            paid_at("too-early", NOON.plus(-SECOND_US - 1)),
            paid_at("too-late", NOON.plus(SECOND_US + 1)),
            amount("dearer", gbp(1100)),
            amount("abroad", euros),
            at_books,
            at_market,
            payment("ambiguous"),
            payment("waiting"),
        ])
        .await;
    for id in &payments[..8] {
        keep_open(&town, *id, OpenReason::NoSale).await;
    }
    let sales = town.sell(vec![sale("s1")]).await;
    // It saw the sale when it was decided: that the sale is there is no news to it.
    keep_open_having_seen(&town, payments[8], OpenReason::Ambiguous, sales[0].0).await;
    let open = town
        .store
        .open_sales(&Span::Ids(vec![sales[0].0]))
        .await
        .unwrap();
    let with_reach: Vec<_> = open
        .into_iter()
        .map(|(scheme, sale)| (scheme, sale, around(NOON, SECOND_US)))
        .collect();
    assert_eq!(with_reach.len(), 1);
    // Each once, whatever the number of sales.
    let twice = [with_reach.clone(), with_reach].concat();
    let reopened = town.store.reopened(&twice).await.unwrap();
    assert_eq!(reopened, [payments[0], payments[1]]);
}

pub async fn payments_that_wait_for_their_card_come_in_pages(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let names = ["p1", "p2", "p3", "p4", "p5", "p6"];
    let ids = town.pay(names.map(payment).to_vec()).await;
    for (id, reason) in ids.iter().zip([
        OpenReason::Unidentified,
        OpenReason::NoSale,
        OpenReason::NoAccount,
        OpenReason::NoCardInformation,
        OpenReason::Ambiguous,
        OpenReason::NoScheme,
    ]) {
        keep_open(&town, *id, reason).await;
    }
    let placed = |id: PaymentId| Placed {
        id: id.0,
        scheme: town.bakery,
        amount: payment("p1").amount,
    };
    let page = |after: i64, limit: usize| town.store.unidentified(PaymentId(after), limit);
    let first = [placed(ids[0]), placed(ids[2])];
    assert_eq!(page(0, 2).await.unwrap(), first);
    assert_eq!(page(ids[2].0, 1).await.unwrap(), [placed(ids[3])]);
    assert_eq!(page(ids[3].0, 2).await.unwrap(), [placed(ids[5])]);
    assert_eq!(page(ids[5].0, 2).await.unwrap(), []);
}

async fn expect_conflict(town: &Town, changes: Changes) {
    let before = town.picture().await;
    let error = town.refused(changes).await;
    assert!(matches!(error, CommitError::Conflict), "{error}");
    assert_eq!(town.picture().await, before);
    town.expect_sound().await;
}

async fn keep_open(town: &Town, payment: PaymentId, reason: OpenReason) {
    keep_open_having_seen(town, payment, reason, payment.0).await;
}

async fn keep_open_having_seen(town: &Town, payment: PaymentId, reason: OpenReason, seen: i64) {
    let mut changes = Changes::none(NOON);
    changes.open.push(StillOpen {
        payment,
        reason,
        sale: None,
        seen,
    });
    town.commit(changes).await;
}

async fn undecided(town: &Town, id: PaymentId) -> UndecidedPayment {
    let span = Span::Ids(vec![id.0]);
    town.store
        .undecided(&span)
        .await
        .unwrap()
        .payments
        .remove(0)
}

async fn mid_set_of(town: &Town, sale: SaleId) -> MidSetId {
    let story = town.store.sale_to_explain(sale).await.unwrap();
    story.unwrap().sale.mid_set
}

/// The candidates' rows, in order: a store may give them in any.
async fn candidates(town: &Town, probes: &[Probe]) -> Vec<SaleId> {
    let found = town.store.candidates(probes).await.unwrap();
    let mut ids: Vec<SaleId> = found.iter().map(|sale| sale.id).collect();
    ids.sort_unstable();
    ids
}

fn around(instant: Instant, micros: i64) -> Reach {
    Reach {
        from: instant.plus(-micros),
        to: instant.plus(micros),
    }
}

fn sale_at(name: &str, start: Instant) -> SaleRecord {
    let mut record = sale(name);
    record.when.start = start;
    record
}

fn at(mids: &[&str]) -> Place {
    Place {
        location: None,
        mids: mids.iter().map(|mid| CompactString::from(*mid)).collect(),
    }
}
