//! Everything a store shows, as one value that can be compared.

use harmonia_core::identify::MerchantIdentifier;
use harmonia_core::ids::PaymentId;
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{Payment, Reach, Sale};
use harmonia_core::money::{Currency, Money};
use harmonia_core::time::{DAY_US, HOUR_US, Instant};
use harmonia_journey::ports::{
    ExportRow, FileRow, ForReview, MatchRow, Paid, RejectRow, Side, Sold, Sought, Status, Store,
    Story, TransactionRow, WithoutSale,
};

/// More rows than any test makes.
const ALL: usize = 100_000;

/// A linked card: row, token, scheme, loyalty id, last four.
type CardLine = (i64, String, String, Option<String>, Option<String>);

/// Everything a store shows to people.
#[derive(Debug, PartialEq)]
pub struct Picture {
    pub status: Status,
    pub files: Vec<FileRow>,
    pub stories: Vec<Story>,
    pub matches: Vec<MatchRow>,
    pub rejects: Vec<RejectRow>,
    pub exports: Vec<ExportRow>,
    pub mids: Vec<MerchantIdentifier>,
    pub cards: Vec<CardLine>,
    pub for_review: Vec<ForReview>,
    pub without_sale: WithoutSale,
    pub paid: Vec<Paid>,
    pub sold: Vec<Sold>,
    pub nearly: Vec<Sale>,
}

/// Looks at everything. `transactions` is how far the numbers of raw records may go.
pub async fn picture(store: &dyn Store, now: Instant, transactions: i64) -> Picture {
    let mut stories = Vec::new();
    for id in 1..=transactions {
        for side in [Side::Payment, Side::Sale] {
            stories.extend(store.story(side, id).await.unwrap());
        }
    }
    let start = PaymentId(0);
    let (for_review, without_sale) = (
        store.for_review(None, None, start, ALL).await.unwrap(),
        store.without_sale(None, start, ALL, ALL).await.unwrap(),
    );
    let mut paid = Vec::new();
    let mut sold = Vec::new();
    let mut nearly = Vec::new();
    for story in &stories {
        let sought = like(&story.transaction);
        paid.extend(store.paid(&sought, ALL).await.unwrap());
        sold.extend(store.sold(&sought, ALL).await.unwrap());
        let payment = PaymentId(story.transaction.id);
        let payment = store.payment_to_explain(payment).await.unwrap();
        let questions: Vec<Nearly> = payment.iter().flat_map(asked).collect();
        nearly.extend(store.nearly(&questions, 3).await.unwrap());
    }
    Picture {
        for_review,
        without_sale,
        paid,
        sold,
        nearly,
        status: store.status(now).await.unwrap(),
        files: store.files(ALL).await.unwrap(),
        stories,
        matches: store.matches(None, 0, ALL).await.unwrap(),
        rejects: store.rejects(None, 0, ALL).await.unwrap(),
        exports: store.exports(None, 0, ALL).await.unwrap(),
        mids: store.mid_terms().await.unwrap(),
        cards: store.cards(0, ALL).await.unwrap(),
    }
}

/// What may be this very transaction, within an hour.
fn like(transaction: &TransactionRow) -> Sought {
    let start = transaction.transaction_date;
    Sought {
        amount: Money {
            minor: transaction.spend_amount,
            currency: Currency::new(&transaction.spend_currency).unwrap(),
        },
        from: start.plus(-HOUR_US),
        to: start.plus(HOUR_US),
        days_from: start.plus(-DAY_US),
        scheme: None,
        mids: Some(
            transaction
                .mids
                .iter()
                .map(|mid| mid.as_str().into())
                .collect(),
        ),
        card_token: None,
    }
}

/// Sales of a payment's MIDs and nearly its amount, within an hour.
fn asked(payment: &Payment) -> impl Iterator<Item = Nearly> + '_ {
    let Money { minor, currency } = payment.amount;
    payment.mid_sets.iter().map(move |set| Nearly {
        mid_set: set.id,
        currency,
        least: minor - 100,
        most: minor + 100,
        reach: Reach {
            from: payment.when.start.plus(-HOUR_US),
            to: payment.when.start.plus(HOUR_US),
        },
        near: payment.when.start,
    })
}
