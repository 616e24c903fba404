//! The past, read from end to end.

use crate::support::{BAKERY, Bench, NOON, Town, VISA_SETTLED, gbp, payment, sale, slug};
use harmonia_core::changes::{Changes, StillOpen};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::backtest::{PastPayment, PastSale, Standing};
use harmonia_core::matching::{MatchKind, OpenReason};
use harmonia_core::time::{HOUR_US, Instant, Moment, Precision};
use harmonia_core::transaction::{PaymentRecord, SaleRecord};
use harmonia_journey::ports::{HISTORY_PAGE, HistoryPage, HistoryScope, Side};
use tokio::sync::mpsc;

fn all_of(scheme: SchemeId) -> HistoryScope {
    HistoryScope {
        scheme,
        since: Instant(i64::MIN),
        until: Instant(i64::MAX),
        window_us: HOUR_US,
    }
}

async fn pages(town: &Town, scope: HistoryScope) -> Vec<HistoryPage> {
    let (sender, mut receiver) = mpsc::channel(1);
    let take = async {
        let mut pages = Vec::new();
        while let Some(page) = receiver.recv().await {
            pages.push(page);
        }
        pages
    };
    let (sent, pages) = tokio::join!(town.store.history(scope, sender), take);
    sent.unwrap();
    pages
}

async fn past(town: &Town, scope: HistoryScope) -> (Vec<PastPayment>, Vec<PastSale>) {
    let (mut payments, mut sales) = (Vec::new(), Vec::new());
    for page in pages(town, scope).await {
        match page {
            HistoryPage::Payments(page) => {
                assert!(sales.is_empty(), "payments come before sales");
                payments.extend(page);
            }
            HistoryPage::Sales(page) => sales.extend(page),
        }
    }
    (payments, sales)
}

pub async fn the_past_tells_what_became_of_each_payment(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.matched(&["a"]).await;
    let rest = ["seen", "open", "waits"].map(payment).to_vec();
    let rest = town.pay(rest).await;
    let alone = town.sell(vec![sale("alone")]).await;
    let mut on_sight = Changes::none(NOON);
    let mut seen = town.pair(rest[0], alone[0]);
    (seen.sale, seen.kind) = (None, MatchKind::Spotted);
    on_sight.matches.push(seen);
    on_sight.open.push(StillOpen {
        sale: None,
        seen: 0,
        payment: rest[1],
        reason: OpenReason::Ambiguous,
    });
    town.commit(on_sight).await;
    let (payments, sales) = past(&town, all_of(town.bakery)).await;
    let standings: Vec<_> = payments
        .iter()
        .map(|past| (past.standing, past.identified, past.forced))
        .collect();
    assert_eq!(
        standings,
        [
            (Standing::Matched(Some(sales[0].sale.id)), true, false),
            (Standing::Matched(None), false, false),
            (Standing::Open(Some(OpenReason::Ambiguous)), false, false),
            (Standing::Open(None), false, false),
        ]
    );
    for past in &payments {
        let explained = town.store.payment_to_explain(past.payment.id).await;
        assert_eq!(explained.unwrap().unwrap(), past.payment);
    }
    let held: Vec<_> = sales.iter().map(|past| past.held_by).collect();
    assert_eq!(held, [Some(payments[0].payment.id), None]);
    for past in &sales {
        let explained = town.store.sale_to_explain(past.sale.id).await;
        assert_eq!(explained.unwrap().unwrap().sale, past.sale);
    }
}

pub async fn the_past_is_of_one_scheme_and_of_a_range_of_time(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let at = |name: &str, micros: i64| PaymentRecord {
        when: Moment {
            start: NOON.plus(micros),
            precision: Precision::Microsecond,
        },
        ..payment(name)
    };
    let mut elsewhere = at("book", 0);
    elsewhere.identifiers.primary = Some("b-1".into());
    let ids = town
        .pay(vec![
            at("early", -1),
            at("first", 0),
            at("last", 9),
            at("late", 10),
            elsewhere,
        ])
        .await;
    town.sell(vec![sale("s")]).await;
    let scope = HistoryScope {
        since: NOON,
        until: NOON.plus(10),
        ..all_of(town.bakery)
    };
    let (payments, _) = past(&town, scope).await;
    let found: Vec<_> = payments.iter().map(|past| past.payment.id).collect();
    assert_eq!(found, ids[1..3]);
    let (books, sales) = past(&town, all_of(town.books)).await;
    assert_eq!((books.len(), sales.len()), (1, 0));
    let none = HistoryScope {
        until: NOON.plus(-2),
        ..all_of(town.bakery)
    };
    assert_eq!(pages(&town, none).await, [], "no payment, no sale");
}

pub async fn the_past_has_the_sales_within_the_window(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![payment("p")]).await;
    for (name, apart) in [
        ("too early", -HOUR_US - 1),
        ("early", -HOUR_US),
        ("late", HOUR_US),
        ("too late", HOUR_US + 1),
    ] {
        let arrival = town.arrival(BAKERY);
        let (file, lease, _) = town.claim_file(&arrival, "importer", NOON).await;
        let sold = town.sold(SaleRecord { ..sale(name) });
        let mut changes = town.whole_file(file, BAKERY, vec![sold]);
        changes.at = NOON.plus(apart);
        town.store.commit(lease, changes).await.unwrap();
    }
    let (_, sales) = past(&town, all_of(town.bakery)).await;
    let rows: Vec<i64> = sales.iter().map(|past| past.sale.id.0).collect();
    let names = town.store.transaction_ids(Side::Sale, &rows).await.unwrap();
    let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["early", "late"]);
}

pub async fn the_past_comes_in_pages_until_nobody_listens(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let many = (0..=HISTORY_PAGE).map(|number| {
        let amount = gbp(number as i64 + 1);
        town.paid(PaymentRecord {
            amount,
            ..payment(&format!("p{number}"))
        })
    });
    town.import(VISA_SETTLED, many.collect()).await;
    town.sell(vec![sale("s")]).await;
    let pages = pages(&town, all_of(town.bakery)).await;
    let sizes: Vec<usize> = pages
        .iter()
        .map(|page| match page {
            HistoryPage::Payments(page) => page.len(),
            HistoryPage::Sales(page) => page.len(),
        })
        .collect();
    assert_eq!(sizes, [HISTORY_PAGE, 1, 1]);
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    town.store
        .history(all_of(town.bakery), sender)
        .await
        .unwrap();
}

pub async fn a_scheme_is_found_by_its_slug(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let of = async |name: &str| town.store.scheme(&slug(name)).await.unwrap();
    assert_eq!(of("bakery").await, Some(town.bakery));
    assert_eq!(of("books").await, Some(town.books));
    assert_eq!(of("visa").await, None);
}

pub async fn rows_are_named_by_their_own_ids(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let paid = town.pay(vec![payment("p1"), payment("p2")]).await;
    let sold = town.sell(vec![sale("s1")]).await;
    let named = async |side, rows: &[i64]| town.store.transaction_ids(side, rows).await.unwrap();
    let (one, two, sale) = (paid[0].0, paid[1].0, sold[0].0);
    assert_eq!(
        named(Side::Payment, &[two, one, two, 999]).await,
        [(one, "p1".to_owned()), (two, "p2".to_owned())]
    );
    assert_eq!(
        named(Side::Sale, &[sale, one]).await,
        [(sale, "s1".to_owned())]
    );
    assert_eq!(named(Side::Sale, &[]).await, []);
}
