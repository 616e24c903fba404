//! What people ask.

use crate::support::{
    BAKERY, Bench, NOON, Town, VISA_AUTH, VISA_SETTLED, gbp, payment, refused, sale,
};
use harmonia_core::changes::{Changes, JobEnd, NewJob, NewWork, Queue, Span, StillOpen, Work};
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_core::matching::OpenReason;
use harmonia_core::money::{Currency, Money};
use harmonia_core::problem::RejectReason;
use harmonia_core::time::{HOUR_US, MINUTE_US, SECOND_US};
use harmonia_core::transaction::{PaymentRecord, SaleRecord};
use harmonia_journey::ports::{OpenCount, Side, Status};

pub async fn status_counts_everything(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let empty = town.store.status(NOON).await.unwrap();
    let nothing = Status {
        exports: vec![("PENDING".to_owned(), 0)],
        mids: 3,
        ..Status::default()
    };
    assert_eq!(empty, nothing);
    let euros = Money {
        minor: 500,
        currency: Currency::new("EUR").unwrap(),
    };
    let abroad = PaymentRecord {
        amount: euros,
        ..payment("abroad")
    };
    town.matched(&["a", "b"]).await;
    let open = town
        .pay(vec![payment("open"), payment("waits"), abroad])
        .await;
    town.sell(vec![sale("alone")]).await;
    town.import(VISA_AUTH, vec![refused(RejectReason::BadDate, 1)])
        .await;
    let mut changes = Changes::none(NOON);
    changes.open.push(StillOpen {
        payment: open[0],
        reason: OpenReason::NoSale,
        sale: None,
        seen: 0,
    });
    changes
        .cards
        .push(town.linked("card-1", Default::default()));
    town.commit(changes).await;
    let status = town.store.status(NOON).await.unwrap();
    let sums =
        |euros: i64, pounds: i64| vec![("EUR".to_owned(), euros), ("GBP".to_owned(), pounds)];
    assert_eq!(
        (status.payments.count, status.payments.amount_minor),
        (5, sums(500, 4 * 1099))
    );
    assert_eq!((status.sales.count, status.open_sales), (3, 1));
    assert_eq!((status.matched.count, status.identified), (2, 2));
    assert_eq!(status.matched.amount_minor, [("GBP".to_owned(), 2 * 1099)]);
    let open_of = |reason: &str, count| OpenCount {
        reason: reason.to_owned(),
        count,
    };
    assert_eq!(
        status.open_payments,
        [open_of("NO_SALE", 1), open_of("WAITING", 2)]
    );
    assert_eq!(status.exports, [("PENDING".to_owned(), 2)]);
    assert_eq!(status.rejects, [("BAD_DATE".to_owned(), 1)]);
    assert_eq!(status.files, [("IMPORTED".to_owned(), 5)]);
    assert_eq!((status.mids, status.cards), (3, 1));
    jobs_by_queue(&town).await;
}

/// Two payment jobs, two sale jobs and an export job; one of each queue is leased, one given back.
async fn jobs_by_queue(town: &Town) {
    let me = crate::support::holder("one");
    town.store
        .claim(&[Queue::Matching], &me, NOON)
        .await
        .unwrap();
    let job = town.store.claim(&[Queue::Export], &me, NOON).await.unwrap();
    let mut given_back = Changes::none(NOON);
    given_back.job = JobEnd::Again {
        ready_at: NOON.plus(1),
    };
    town.store
        .commit(job.unwrap().lease, given_back)
        .await
        .unwrap();
    let status = town.store.status(NOON).await.unwrap();
    let expected = [
        ("export".to_owned(), 0, 1, 0),
        ("matching".to_owned(), 3, 0, 1),
    ];
    assert_eq!(status.jobs, expected);
}

pub async fn gauges_count_what_moves(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.matched(&["a"]).await;
    let records = vec![
        town.paid(payment("b")),
        town.paid(payment("b")),
        refused(RejectReason::BadAmount, 1),
        refused(RejectReason::UnknownMid, 2),
    ];
    town.import(VISA_SETTLED, records).await;
    let gauges = town.store.gauges(NOON).await.unwrap();
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(gauges.exports, [named("PENDING", 1)]);
    assert_eq!(
        gauges.rejects,
        [named("QUARANTINED", 1), named("REJECTED", 1)]
    );
    let feeds = [
        ("bakery-sales".to_owned(), [1, 0, 0, 0, 0]),
        ("visa-settled".to_owned(), [2, 1, 0, 1, 1]),
    ];
    assert_eq!(gauges.feeds, feeds);
    assert_eq!(gauges.jobs, town.store.status(NOON).await.unwrap().jobs);
    let since = |queue: &str| (queue.to_owned(), NOON);
    assert_eq!(gauges.oldest_due, [since("export"), since("matching")]);
    let before = town.store.gauges(NOON.plus(-1)).await.unwrap();
    assert_eq!(before.oldest_due, []);
    assert!(town.store.ready().await.is_ok());
}

pub async fn a_transaction_is_found_by_its_own_id(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![payment("same"), payment("other")]).await;
    let sold = SaleRecord {
        payment_provider: None,
        ..sale("same")
    };
    town.sell(vec![sold]).await;
    let payments = town.store.find(Side::Payment, "same").await.unwrap();
    let sales = town.store.find(Side::Sale, "same").await.unwrap();
    assert_eq!((payments.len(), sales.len()), (1, 1));
    let (paid, sold) = (&payments[0], &sales[0]);
    assert_eq!(
        (paid.provider_slug.as_str(), paid.scheme_slug.as_str()),
        ("visa", "bakery")
    );
    assert_eq!(
        (paid.feed_type.as_str(), paid.precision.as_str()),
        ("SETTLED", "second")
    );
    assert_eq!(
        (paid.spend_amount, paid.spend_currency.as_str()),
        (1099, "GBP")
    );
    assert_eq!(
        (paid.status.as_str(), paid.transaction_date),
        ("PENDING", NOON)
    );
    assert_eq!(paid.digits, payment("same").digits);
    assert_eq!(
        (sold.provider_slug.as_str(), sold.feed_type.as_str()),
        ("bakery", "MERCHANT")
    );
    assert_eq!(
        (&sold.mids, &sold.payment_provider_slug),
        (&vec!["m-1".to_owned()], &None)
    );
    assert_eq!(town.store.find(Side::Sale, "other").await.unwrap(), []);
}

pub async fn a_story_tells_all(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.matched(&["a"]).await;
    for (side, id) in [(Side::Payment, 1), (Side::Sale, 2)] {
        let story = town.store.story(side, id).await.unwrap().unwrap();
        assert_eq!((story.transaction.id, story.transaction.side), (id, side));
        assert_eq!(story.transaction.status, "MATCHED");
        assert_eq!(story.loyalty_id.as_deref(), Some("member-1"));
        assert_eq!(story.identified_at, Some(NOON));
        assert_eq!(
            story.matches,
            town.store.matches(None, 0, 10).await.unwrap()
        );
        assert_eq!(
            story.exports,
            town.store.exports(None, 0, 10).await.unwrap()
        );
        assert!(story.raw.is_some());
    }
    let matches = town.store.matches(None, 0, 10).await.unwrap();
    let made = &matches[0];
    assert_eq!(
        (made.payment.as_str(), made.sale.as_deref()),
        ("a", Some("a"))
    );
    assert_eq!(
        (made.payment_transaction_id, made.scheme_transaction_id),
        (1, Some(2))
    );
    assert_eq!(
        (
            made.scheme_slug.as_str(),
            made.payment_provider_slug.as_str()
        ),
        ("bakery", "visa")
    );
    assert_eq!(
        (made.matching_type.as_str(), made.status.as_str()),
        ("LOYALTY", "MATCHED")
    );
    assert_eq!(made.evidence, r#"{"kept":[],"gap_us":0,"equal":[]}"#);
    let sale = town
        .store
        .sale_to_explain(SaleId(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (sale.transaction_id.as_str(), sale.matched_to.as_deref()),
        ("a", Some("a"))
    );
}

pub async fn a_story_that_is_not_there_is_none(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![payment("p1")]).await;
    assert_eq!(town.store.story(Side::Sale, 1).await.unwrap(), None);
    assert_eq!(town.store.story(Side::Payment, 2).await.unwrap(), None);
    assert_eq!(
        town.store.payment_to_explain(PaymentId(2)).await.unwrap(),
        None
    );
    assert_eq!(town.store.sale_to_explain(SaleId(1)).await.unwrap(), None);
    assert_eq!(town.store.neighbours(PaymentId(2), 5).await.unwrap(), []);
    assert_eq!(town.store.payments_near(SaleId(1), 5).await.unwrap(), []);
}

pub async fn lists_come_in_pages(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.matched(&["a", "b", "c"]).await;
    let bad = |mark| refused(RejectReason::BadText, mark);
    town.import(VISA_SETTLED, vec![bad(1), bad(2), bad(3)])
        .await;
    let mut changes = Changes::none(NOON.plus(MINUTE_US));
    for card in ["card-1", "card-2", "card-3"] {
        changes
            .cards
            .push(town.linked(card, crate::support::card_link(card)));
    }
    town.commit(changes).await;
    let store = &town.store;
    let matches = store.matches(None, 0, 10).await.unwrap();
    assert_eq!(store.matches(None, 0, 2).await.unwrap(), matches[..2]);
    assert_eq!(
        store.matches(None, matches[1].id, 2).await.unwrap(),
        matches[2..]
    );
    assert_eq!(store.matches(Some(NOON), 0, 10).await.unwrap(), matches);
    assert_eq!(store.matches(Some(NOON.plus(1)), 0, 10).await.unwrap(), []);
    let exports = store.exports(None, 0, 10).await.unwrap();
    assert_eq!(
        store.exports(None, exports[0].id, 1).await.unwrap(),
        exports[1..2]
    );
    assert_eq!(
        store.exports(Some("PENDING"), 0, 10).await.unwrap(),
        exports
    );
    assert_eq!(store.exports(Some("HELD"), 0, 10).await.unwrap(), []);
    let rejects = store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(
        store.rejects(None, rejects[0].id, 1).await.unwrap(),
        rejects[1..2]
    );
    let cards = store.cards(0, 10).await.unwrap();
    assert_eq!(store.cards(cards[0].0, 1).await.unwrap(), cards[1..2]);
    let (_, token, scheme, member, last_four) = cards[2].clone();
    assert_eq!((token.as_str(), scheme.as_str()), ("card-3", "bakery"));
    assert_eq!(
        (member.as_deref(), last_four.as_deref()),
        (Some("card-3"), Some("4242"))
    );
}

pub async fn neighbours_are_the_nearest(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let sold = |name: &str, minor: i64, after_us: i64| {
        let mut record = sale(name);
        record.amount = gbp(minor);
        record.when.start = NOON.plus(after_us);
        record
    };
    let mut other_till = sold("other-till", 1099, 0);
    other_till.place.mids = vec!["m-2".into()];
    town.sell(vec![
        sold("far", 1099, 13 * HOUR_US),
        sold("dearer", 1100, SECOND_US),
        sold("near", 1099, -MINUTE_US),
        other_till,
    ])
    .await;
    let id = town.pay(vec![payment("p1")]).await[0];
    let neighbours = town.store.neighbours(id, 10).await.unwrap();
    let names: Vec<&str> = neighbours
        .iter()
        .map(|story| story.transaction_id.as_str())
        .collect();
    assert_eq!(
        names,
        ["near", "far", "dearer"],
        "its amount first, then the nearest"
    );
    assert_eq!(town.store.neighbours(id, 1).await.unwrap(), neighbours[..1]);

    let paid = |name: &str, minor: i64, after_us: i64| {
        let mut record = payment(name);
        record.amount = gbp(minor);
        record.when.start = NOON.plus(after_us);
        record
    };
    let sale = town.sell(vec![sold("asked", 250, 0)]).await[0];
    let payments = town
        .pay(vec![
            paid("far", 250, 13 * HOUR_US),
            paid("dearer", 251, SECOND_US),
            paid("near", 250, -MINUTE_US),
        ])
        .await;
    let near = town.store.payments_near(sale, 3).await.unwrap();
    assert_eq!(
        near,
        [payments[2], payments[0], id],
        "its amount first, then the nearest"
    );
}

pub async fn a_sound_store_has_no_findings(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.expect_sound().await;
    town.matched(&["a", "b", "c"]).await;
    let records = vec![
        town.paid(payment("open")),
        refused(RejectReason::UnknownMid, 1),
        refused(RejectReason::BadText, 2),
        town.paid(payment("a")),
    ];
    town.import(VISA_SETTLED, records).await;
    town.import(BAKERY, vec![town.sold(sale("alone"))]).await;
    town.expect_sound().await;
}

pub async fn a_payment_that_nobody_will_decide_is_found(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let id = town.pay(vec![payment("p1")]).await[0];
    let me = crate::support::holder("one");
    let job = town
        .store
        .claim(&[Queue::Matching], &me, NOON)
        .await
        .unwrap();
    let lease = job.unwrap().lease;
    town.store.commit(lease, Changes::done(NOON)).await.unwrap();
    let findings = town.store.audit().await.unwrap();
    assert_eq!(findings.len(), 1);
    let forgotten = "every payment is matched, open with a reason, or due";
    assert_eq!(findings[0].invariant, forgotten);
    assert_eq!((findings[0].count, &findings[0].examples), (1, &vec![id.0]));
}

pub async fn an_export_that_nobody_will_deliver_is_found(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let exports = town.matched(&["a", "b"]).await;
    let me = crate::support::holder("one");
    let job = town.store.claim(&[Queue::Export], &me, NOON).await;
    let lease = job.unwrap().unwrap().lease;
    town.store.commit(lease, Changes::done(NOON)).await.unwrap();
    // One by one is due as well as by range, but only to the scheme whose exports they are.
    for (scheme, undelivered) in [(town.books, 2), (town.bakery, 1)] {
        let mut changes = Changes::none(NOON);
        changes.jobs.push(NewJob {
            queue: Queue::Export,
            lane: None,
            ready_at: NOON,
            work: NewWork::Known(Work::Exports {
                scheme,
                exports: Span::Ids(vec![exports[0].0]),
            }),
        });
        town.commit(changes).await;
        let findings = town.store.audit().await.unwrap();
        assert_eq!(findings[0].invariant, "every pending export is due");
        assert_eq!(findings[0].count, undelivered);
    }
}
