//! Backtest: a scheme's past, loaded to be decided again. Nothing is written.

use crate::ports::{HistoryPage, HistoryScope, Store, StoreError};
use harmonia_core::matching::backtest::History;
use tokio::sync::mpsc;

/// Pages that may wait while one is taken in.
const PAGES: usize = 2;

/// Loads a stretch of the past, page by page. `at` is told how many payments and sales are in.
///
/// # Errors
/// [`StoreError`] when the store does not answer.
pub async fn load(
    store: &dyn Store,
    scope: HistoryScope,
    at: &(dyn Fn(u64) + Sync),
) -> Result<History, StoreError> {
    let (sender, mut pages) = mpsc::channel(PAGES);
    let take_in = async {
        let mut history = History::default();
        let mut rows = 0;
        while let Some(page) = pages.recv().await {
            rows += match &page {
                HistoryPage::Payments(page) => page.len() as u64,
                HistoryPage::Sales(page) => page.len() as u64,
            };
            match page {
                HistoryPage::Payments(page) => history.add_payments(page),
                HistoryPage::Sales(page) => history.add_sales(page),
            }
            at(rows);
        }
        history
    };
    let (sent, history) = tokio::join!(store.history(scope, sender), take_in);
    sent.map(|()| history)
}
