//! Everything a store shows, as one value that can be compared.

use harmonia_core::identify::MerchantIdentifier;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{
    ExportRow, FileRow, MatchRow, RejectRow, Side, Status, Store, Story,
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
}

/// Looks at everything. `transactions` is how far the numbers of raw records may go.
pub async fn picture(store: &dyn Store, now: Instant, transactions: i64) -> Picture {
    let mut stories = Vec::new();
    for id in 1..=transactions {
        for side in [Side::Payment, Side::Sale] {
            stories.extend(store.story(side, id).await.unwrap());
        }
    }
    Picture {
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
