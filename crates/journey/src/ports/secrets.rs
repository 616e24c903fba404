//! Secrets by name, wherever they are kept.

use async_trait::async_trait;
use harmonia_core::secret::Secret;
use std::sync::Arc;

/// Why a secret cannot be had, and what to do. It never holds any of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not kept here.
    #[error("{0}")]
    Missing(String),
    /// It is here, and cannot be read or is not what it should be.
    #[error("{0}")]
    Broken(String),
}

/// A place where secrets are kept.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of a name, as it is now.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be had.
    async fn secret(&self, name: &str) -> Result<Secret, SecretError>;
}

/// Several places, of which the first that has a secret gives it.
pub struct FirstOf(pub Vec<Arc<dyn Secrets>>);

#[async_trait]
impl Secrets for FirstOf {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        let mut missing = Vec::new();
        for place in &self.0 {
            match place.secret(name).await {
                // What is broken is not passed over: another place may hold one that was replaced.
                Err(SecretError::Missing(why)) => missing.push(why),
                found => return found,
            }
        }
        Err(SecretError::Missing(missing.join("; ")))
    }
}
