//! Whether it lives, and whether it is ready to be asked.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::State;
use std::sync::Arc;

/// `GET /livez`: the process answers.
pub async fn live() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: the store answers, and is of this version.
pub async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let _turn = app.asking.acquire().await;
    match app.journey.store.ready().await {
        Ok(()) => Ok("ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::busy("the store does not answer as it should"))
        }
    }
}
