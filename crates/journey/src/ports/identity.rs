//! Whose card it is: the built-in card-link table, or a service.

use super::{Store, StoreError};
use async_trait::async_trait;
use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::CardLink;
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
    /// What is known of each card, in the order asked.
    async fn look_up(&self, cards: &[CardInScheme])
    -> Result<Vec<Option<CardLink>>, IdentityError>;
}

/// The card-link table of the store itself.
pub struct BuiltInLinks(pub Arc<dyn Store>);

#[async_trait]
impl Identity for BuiltInLinks {
    async fn look_up(
        &self,
        cards: &[CardInScheme],
    ) -> Result<Vec<Option<CardLink>>, IdentityError> {
        Ok(self.0.card_links(cards).await?)
    }
}
