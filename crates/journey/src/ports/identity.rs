//! Whose card it is: the built-in card-link table, or a service.

use super::{Store, StoreError};
use async_trait::async_trait;
use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::Answer;
use harmonia_core::matching::OpenReason;
use std::sync::Arc;

/// Why an identity source did not answer: the payments wait, and are asked about again.
#[derive(Debug, thiserror::Error)]
#[error("the identity source does not answer: {0}")]
pub struct IdentityError(pub String);

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// A source of identities.
#[async_trait]
pub trait Identity: Send + Sync {
    /// What is known of each card, in the order asked: as many answers as cards.
    ///
    /// # Errors
    /// [`IdentityError`] when nothing is known of any, for now.
    async fn look_up(&self, cards: &[CardInScheme]) -> Result<Vec<Answer>, IdentityError>;
}

/// The card-link table of the store itself.
pub struct BuiltInLinks(pub Arc<dyn Store>);

#[async_trait]
impl Identity for BuiltInLinks {
    async fn look_up(&self, cards: &[CardInScheme]) -> Result<Vec<Answer>, IdentityError> {
        let links = self.0.card_links(cards).await?.into_iter();
        Ok(links
            .map(|link| link.ok_or(OpenReason::Unidentified))
            .collect())
    }
}
