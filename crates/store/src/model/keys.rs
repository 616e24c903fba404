//! Keys of the API.

use super::world::{World, next_number};
use harmonia_core::access::{ApiKey, KeyChange, KeyHash, NewKey};
use harmonia_core::ids::ApiKeyId;
use harmonia_core::time::Instant;
use harmonia_journey::ports::CommitError;

impl World {
    /// Makes keys, takes them back, and remembers when they were used.
    pub fn change_keys(&mut self, changes: Vec<KeyChange>, at: Instant) -> Result<(), CommitError> {
        for change in changes {
            match change {
                KeyChange::Create(key) => self.create_key(key, at)?,
                KeyChange::Revoke(id) => {
                    if let Some((_, key)) = self.keys_of_api.get_mut(&id) {
                        key.revoked_at.get_or_insert(at);
                    }
                }
                KeyChange::Used(id, used_at) => {
                    if let Some((_, key)) = self.keys_of_api.get_mut(&id) {
                        key.last_used_at = key.last_used_at.max(Some(used_at));
                    }
                }
            }
        }
        Ok(())
    }

    /// No two keys in force have one name, and no two keys one hash.
    fn create_key(&mut self, new: NewKey, at: Instant) -> Result<(), CommitError> {
        let mut keys = self.keys_of_api.values();
        if keys.any(|(hash, key)| {
            *hash == new.hash || (key.revoked_at.is_none() && key.name == new.name)
        }) {
            return Err(CommitError::Conflict);
        }
        let id = ApiKeyId(next_number(&self.keys_of_api, |id| id.0));
        let key = ApiKey {
            id,
            name: new.name,
            hint: new.hint,
            scopes: new.scopes,
            created_at: at,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        self.keys_of_api.insert(id, (new.hash, key));
        Ok(())
    }

    /// The key with a hash.
    pub fn find_key(&self, hash: KeyHash) -> Option<ApiKey> {
        let mut keys = self.keys_of_api.values();
        keys.find(|(known, _)| *known == hash)
            .map(|(_, key)| key.clone())
    }

    /// All keys.
    pub fn api_keys(&self) -> Vec<ApiKey> {
        self.keys_of_api
            .values()
            .map(|(_, key)| key.clone())
            .collect()
    }
}
