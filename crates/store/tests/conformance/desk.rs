//! What those ask who answer customers.

use crate::support::{
    Bench, NOON, Town, VISA_AUTH, VISA_SETTLED, card_link, gbp, payment, refused, sale, slug,
};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{Changes, StillOpen};
use harmonia_core::ids::{MidSetId, PaymentId, RejectId, SaleId};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Reach};
use harmonia_core::money::{Currency, Money};
use harmonia_core::problem::RejectReason;
use harmonia_core::time::{DAY_US, Day, HOUR_US, MINUTE_US, Precision};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_journey::ports::{ForReview, Sought, WithoutSale};

async fn open(town: &Town, payments: &[(PaymentId, OpenReason, Option<SaleId>)]) {
    let mut changes = Changes::none(NOON);
    changes.open = payments
        .iter()
        .map(|(payment, reason, sale)| StillOpen {
            payment: *payment,
            reason: *reason,
            sale: *sale,
            seen: 0,
        })
        .collect();
    town.commit(changes).await;
}

fn book(name: &str) -> PaymentRecord {
    let mut record = payment(name);
    record.identifiers.primary = Some("b-1".into());
    record
}

fn sold_at(name: &str, minor: i64, after_us: i64) -> SaleRecord {
    let mut record = sale(name);
    record.amount = gbp(minor);
    record.when.start = NOON.plus(after_us);
    record
}

fn paid_at(name: &str, minor: i64, after_us: i64) -> PaymentRecord {
    let mut record = payment(name);
    record.amount = gbp(minor);
    record.when.start = NOON.plus(after_us);
    record
}

pub async fn what_people_should_look_at_comes_oldest_first(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let names = ["a", "b", "c", "d", "e"].map(payment).to_vec();
    let ids = town.pay(names).await;
    let other = town.pay(vec![book("f")]).await[0];
    let sale = town.sell(vec![sale("s")]).await[0];
    let reasons = [
        (ids[0], OpenReason::Ambiguous, None),
        (ids[1], OpenReason::NoSale, None),
        (ids[2], OpenReason::Contested, Some(sale)),
        (ids[3], OpenReason::Unidentified, None),
        (ids[4], OpenReason::Undone, None),
        (other, OpenReason::Ambiguous, None),
    ];
    open(&town, &reasons).await;
    let row = |at: usize| ForReview {
        payment: reasons[at].0,
        reason: reasons[at].1,
        sale: reasons[at].2,
    };
    let start = PaymentId(0);
    let all = town.store.for_review(None, None, start, 10).await.unwrap();
    assert_eq!(all, [row(0), row(2), row(4), row(5)]);
    let page = town.store.for_review(None, None, ids[0], 2).await.unwrap();
    assert_eq!(page, all[1..3]);
    let of_books = town.store.for_review(Some(town.books), None, start, 10);
    assert_eq!(of_books.await.unwrap(), all[3..]);
    let ambiguous = Some(OpenReason::Ambiguous);
    let of_reason = town
        .store
        .for_review(Some(town.bakery), ambiguous, start, 10);
    assert_eq!(of_reason.await.unwrap(), all[..1]);
    // A match closes it.
    let mut matching = town.matching(&[(ids[2], sale)]);
    matching.matches[0].was_open = true;
    town.commit(matching).await;
    let left = town.store.for_review(None, None, start, 10).await.unwrap();
    assert_eq!(left, [row(0), row(4), row(5)]);
}

pub async fn what_found_no_sale_comes_within_so_many_looks(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let names = ["a", "b", "c", "d"].map(payment).to_vec();
    let ids = town.pay(names).await;
    let other = town.pay(vec![book("e")]).await[0];
    let none = OpenReason::NoSale;
    open(
        &town,
        &[
            (ids[0], none, None),
            (ids[1], OpenReason::Unidentified, None),
            (ids[2], OpenReason::Unidentified, None),
            (ids[3], none, None),
            (other, none, None),
        ],
    )
    .await;
    let ask = async |scheme, after, limit, looks| {
        let found = town
            .store
            .without_sale(scheme, PaymentId(after), limit, looks);
        found.await.unwrap()
    };
    let found = |payments: &[PaymentId], through: Option<PaymentId>| WithoutSale {
        payments: payments.to_vec(),
        through,
    };
    assert_eq!(
        ask(None, 0, 10, 10).await,
        found(&[ids[0], ids[3], other], None)
    );
    assert_eq!(
        ask(None, 0, 2, 10).await,
        found(&[ids[0], ids[3]], Some(ids[3]))
    );
    assert_eq!(ask(None, 0, 10, 3).await, found(&[ids[0]], Some(ids[2])));
    assert_eq!(ask(None, ids[0].0, 10, 2).await, found(&[], Some(ids[2])));
    assert_eq!(ask(None, other.0, 10, 2).await, found(&[], None));
    assert_eq!(
        ask(Some(town.books), 0, 10, 10).await,
        found(&[other], None)
    );
    assert_eq!(
        ask(Some(town.bakery), 0, 10, 4).await,
        found(&[ids[0], ids[3]], Some(ids[3]))
    );
}

pub async fn open_sales_that_are_nearly_right_come_nearest_first(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let euros = SaleRecord {
        amount: Money {
            minor: 1000,
            currency: Currency::new("EUR").unwrap(),
        },
        ..sale("euros")
    };
    let mut elsewhere = sold_at("elsewhere", 1000, 0);
    elsewhere.place.mids = vec!["m-2".into()];
    let ids = town
        .sell(vec![
            sold_at("far", 1000, 13 * HOUR_US),
            sold_at("cheap", 799, 0),
            sold_at("near", 800, -MINUTE_US),
            sold_at("taken", 1000, 0),
            sold_at("dear", 1200, 2 * MINUTE_US),
            sold_at("late", 1000, DAY_US),
            euros,
            elsewhere,
        ])
        .await;
    let paid = town.pay(vec![payment("p")]).await[0];
    let mut taking = town.matching(&[(paid, ids[3])]);
    taking.jobs.clear();
    town.commit(taking).await;
    let set = town.store.sale_to_explain(ids[0]).await.unwrap().unwrap();
    let question = |least, most| Nearly {
        mid_set: set.sale.mid_set,
        currency: Currency::GBP,
        least,
        most,
        reach: Reach {
            from: NOON.plus(-MINUTE_US),
            to: NOON.plus(DAY_US - 1),
        },
        near: NOON,
    };
    let ask = async |questions: &[Nearly], limit| -> Vec<SaleId> {
        let found = town.store.nearly(questions, limit).await.unwrap();
        found.iter().map(|sale| sale.id).collect()
    };
    let (far, near, dear) = (ids[0], ids[2], ids[4]);
    assert_eq!(ask(&[question(800, 1200)], 10).await, [near, dear, far]);
    assert_eq!(ask(&[question(800, 1200)], 2).await, [near, dear]);
    assert_eq!(ask(&[question(800, 1199)], 10).await, [near, far]);
    let both = [question(1000, 1000), question(800, 1200)];
    assert_eq!(ask(&both, 10).await, [far, near, dear], "each sale once");
    let all_of_time = Nearly {
        reach: Reach::ALL,
        ..question(1000, 1000)
    };
    assert_eq!(ask(&[all_of_time], 10).await, [far, ids[5]]);
    let nowhere = Nearly {
        mid_set: MidSetId(99),
        ..question(800, 1200)
    };
    assert_eq!(ask(&[nowhere], 10).await, []);
}

fn sought(minor: i64) -> Sought {
    Sought {
        amount: gbp(minor),
        from: NOON.plus(-HOUR_US),
        to: NOON.plus(13 * HOUR_US),
        days_from: NOON.plus(-HOUR_US),
        scheme: None,
        mids: None,
        card_token: None,
    }
}

pub async fn a_payment_is_sought_by_time_amount_and_place(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut market = paid_at("market", 1000, MINUTE_US);
    market.identifiers.primary = Some("m-2".into());
    let mut books = book("books");
    books.amount = gbp(1000);
    let ids = town
        .pay(vec![
            paid_at("tomorrow", 1000, 13 * HOUR_US),
            paid_at("first", 1000, -HOUR_US),
            paid_at("early", 1000, -HOUR_US - 1),
            paid_at("dearer", 1001, 0),
            paid_at("late", 1000, 13 * HOUR_US + 1),
            market,
            books,
        ])
        .await;
    let ask = async |sought: Sought, limit| -> Vec<PaymentId> {
        let found = town.store.paid(&sought, limit).await.unwrap();
        found.iter().map(|paid| paid.id).collect()
    };
    let (tomorrow, first, market, books) = (ids[0], ids[1], ids[5], ids[6]);
    assert_eq!(
        ask(sought(1000), 10).await,
        [first, books, market, tomorrow]
    );
    assert_eq!(ask(sought(1000), 3).await, [first, books, market]);
    let of_books = Sought {
        scheme: Some(town.books),
        ..sought(1000)
    };
    assert_eq!(ask(of_books, 10).await, [books]);
    let at_market = Sought {
        mids: Some(vec!["m-9".into(), "m-2".into()]),
        ..sought(1000)
    };
    assert_eq!(ask(at_market, 10).await, [market]);
    let found = &town.store.paid(&sought(1001), 10).await.unwrap()[0];
    assert_eq!((found.scheme, found.mid.as_str()), (town.bakery, "m-1"));
    assert_eq!(
        (&found.provider, found.feed_type),
        (&slug("visa"), FeedType::Settled)
    );
    assert_eq!(found.card_token, payment("x").card_token);
    assert_eq!(
        (found.when, found.digits),
        (payment("x").when, payment("x").digits)
    );
    let euros = Sought {
        amount: Money {
            minor: 1000,
            currency: Currency::new("EUR").unwrap(),
        },
        ..sought(1000)
    };
    assert_eq!(ask(euros, 10).await, []);
    let mut by_card = paid_at("by-card", 1000, 0);
    by_card.card_token = CardToken("card-2".into());
    let mut all_day = paid_at("all-day", 1000, -12 * HOUR_US);
    all_day.when.precision = Precision::Day;
    let ids = town.pay(vec![by_card, all_day]).await;
    let of_card = Sought {
        card_token: Some(CardToken("card-2".into())),
        ..sought(1000)
    };
    assert_eq!(ask(of_card, 10).await, [ids[0]]);
    let of_day = Sought {
        from: NOON.plus(HOUR_US),
        days_from: NOON.plus(-12 * HOUR_US),
        ..sought(1000)
    };
    assert_eq!(ask(of_day.clone(), 10).await, [ids[1], tomorrow]);
    let later = Sought {
        days_from: NOON.plus(-12 * HOUR_US + 1),
        ..of_day
    };
    assert_eq!(ask(later, 10).await, [tomorrow]);
}

pub async fn a_sale_is_sought_by_time_amount_and_place(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut market = sold_at("market", 1000, MINUTE_US);
    market.place.mids = vec!["m-1".into(), "m-2".into()];
    let mut books = sold_at("books", 1000, 0);
    books.place.mids = vec!["b-1".into()];
    let ids = town
        .sell(vec![
            sold_at("tomorrow", 1000, 13 * HOUR_US),
            sold_at("first", 1000, -HOUR_US),
            sold_at("early", 1000, -HOUR_US - 1),
            sold_at("dearer", 1001, 0),
            market,
            books,
        ])
        .await;
    let ask = async |sought: Sought, limit| -> Vec<SaleId> {
        let found = town.store.sold(&sought, limit).await.unwrap();
        found.iter().map(|sold| sold.sale.id).collect()
    };
    let (tomorrow, first, market, books) = (ids[0], ids[1], ids[4], ids[5]);
    assert_eq!(
        ask(sought(1000), 10).await,
        [first, books, market, tomorrow]
    );
    assert_eq!(ask(sought(1000), 2).await, [first, books]);
    let of_books = Sought {
        scheme: Some(town.books),
        ..sought(1000)
    };
    assert_eq!(ask(of_books, 10).await, [books]);
    let at_market = Sought {
        mids: Some(vec!["m-2".into()]),
        ..sought(1000)
    };
    assert_eq!(ask(at_market, 10).await, [market]);
    let mut all_day = sold_at("all-day", 1000, -12 * HOUR_US);
    all_day.when.precision = Precision::Day;
    let day = town.sell(vec![all_day]).await[0];
    let of_day = Sought {
        from: NOON.plus(HOUR_US),
        days_from: NOON.plus(-12 * HOUR_US),
        ..sought(1000)
    };
    assert_eq!(ask(of_day, 10).await, [day, tomorrow]);
    let found = &town.store.sold(&sought(1001), 10).await.unwrap()[0];
    assert_eq!(found.scheme, town.bakery);
    assert_eq!(found.mids, ["m-1"]);
    assert_eq!(found.sale.when, sale("x").when);
}

pub async fn records_of_a_day_are_counted_for_each_feed(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![
        paid_at("a", 1, 0),
        paid_at("b", 2, HOUR_US),
        paid_at("next", 3, DAY_US),
    ])
    .await;
    town.sell(vec![sale("s")]).await;
    let ask = async |provider: &str, feed_type, day: Day| {
        let provider = slug(provider);
        let counted = town.store.known_of_day(&provider, feed_type, day);
        counted.await.unwrap()
    };
    let day = NOON.day();
    let next = Day(day.0 + 1);
    assert_eq!(ask("visa", FeedType::Settled, day).await, 2);
    assert_eq!(ask("visa", FeedType::Settled, next).await, 1);
    assert_eq!(ask("visa", FeedType::Auth, day).await, 0);
    assert_eq!(ask("bakery", FeedType::Merchant, day).await, 1);
    assert_eq!(ask("bakery", FeedType::Merchant, next).await, 0);
    assert_eq!(ask("nobody", FeedType::Merchant, day).await, 0);
}

pub async fn a_card_says_everywhere_it_is_linked(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut changes = Changes::none(NOON);
    let mut elsewhere = town.linked("card-1", card_link("reader-1"));
    elsewhere.scheme = town.books;
    changes.cards = vec![
        elsewhere,
        town.linked("card-1", card_link("member-1")),
        town.linked("card-2", card_link("member-2")),
    ];
    town.commit(changes).await;
    let of = async |card: &str| {
        let links = town.store.links_of_card(&CardToken(card.into())).await;
        links.unwrap()
    };
    let links = of("card-1").await;
    let members: Vec<_> = links
        .iter()
        .map(|link| (link.scheme, link.link.loyalty_id.as_deref()))
        .collect();
    assert_eq!(
        members,
        [
            (town.bakery, Some("member-1")),
            (town.books, Some("reader-1"))
        ]
    );
    assert!(links.iter().all(|link| link.link.credentials.is_none()));
    assert_eq!(links[0].link.digits, card_link("x").digits);
    assert_eq!(of("card-9").await, []);
}

pub async fn bad_records_come_newest_first(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let bad = |mark| refused(RejectReason::BadText, mark);
    town.import(VISA_SETTLED, vec![bad(1), bad(2), bad(3)])
        .await;
    town.import(VISA_AUTH, vec![refused(RejectReason::UnknownMid, 4)])
        .await;
    let mut expected = town.store.rejects(None, 0, 10).await.unwrap();
    expected.reverse();
    let ask = async |before, limit| {
        let found = town.store.newest_rejects(RejectId(before), limit).await;
        found.unwrap()
    };
    assert_eq!(ask(i64::MAX, 10).await, expected);
    assert_eq!(ask(expected[0].id, 2).await, expected[1..3]);
    assert_eq!(ask(expected[3].id, 2).await, []);
}
