//! Secrets by name: a file of the secrets folder, or a variable of the environment.
//!
//! Agent files name secrets and never hold one. What a secret holds depends on what it is for; one
//! of several parts, such as a user and a key, is a JSON object.

use async_trait::async_trait;
use harmonia_core::secret::Secret;
use harmonia_core::settings::SECRET_PREFIX;
use harmonia_journey::ports::{SecretError, Secrets};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::PathBuf;

/// The secrets of a folder and of the environment.
#[derive(Clone)]
pub struct LocalSecrets {
    folder: Option<PathBuf>,
    environment: HashMap<String, String>,
}

impl LocalSecrets {
    /// In a folder, where there is one, and in the environment.
    pub fn new(
        folder: Option<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let ours = |(name, _): &(String, String)| name.starts_with(SECRET_PREFIX);
        Self {
            folder,
            environment: environment.into_iter().filter(ours).collect(),
        }
    }

    /// The text of a secret, without the line end that editors put behind it.
    ///
    /// # Errors
    /// [`SecretError`] when it is nowhere, or its file cannot be read.
    pub fn text(&self, name: &str) -> Result<String, SecretError> {
        if !is_name(name) {
            return Err(SecretError::Broken(format!(
                "{name:?} is no name of a secret: use letters, digits, hyphens, points and underscores"
            )));
        }
        let variable = variable(name);
        if let Some(text) = self.environment.get(&variable) {
            return Ok(text.clone());
        }
        let Some(folder) = &self.folder else {
            return Err(SecretError::Missing(format!(
                "there is no secret {name}: set {variable}, or TXM_SECRETS_PATH to a folder with a \
                 file of that name"
            )));
        };
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => {
                let told = format!(
                    "the secret {name} cannot be read from {}: {error}. Put it there, or set \
                     {variable}",
                    path.display()
                );
                Err(match error.kind() {
                    std::io::ErrorKind::NotFound => SecretError::Missing(told),
                    _ => SecretError::Broken(told),
                })
            }
        }
    }

    /// The parts of a secret that is a JSON object.
    ///
    /// # Errors
    /// [`SecretError`] when it is nowhere, or not the object it should be.
    pub fn parts<T: DeserializeOwned>(&self, name: &str, parts: &str) -> Result<T, SecretError> {
        let text = self.text(name)?;
        // What serde says may quote the text, so only its place is passed on.
        serde_json::from_str(&text).map_err(|error| {
            SecretError::Broken(format!(
                "the secret {name} is not a JSON object with {parts} (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        self.text(name).map(Secret::new)
    }
}

/// Whether it can be the name of a secret: one that is a path would lead out of the folder.
fn is_name(name: &str) -> bool {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(lawful)
}

fn variable(name: &str) -> String {
    format!(
        "{SECRET_PREFIX}{}",
        name.to_ascii_uppercase().replace(['-', '.'], "_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_comes_before_the_folder_and_errors_tell_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop-sftp"), "{\"user\": 1}\n").unwrap();
        let variables = [("TXM_SECRET_OTHER_KEY".to_owned(), "from outside".to_owned())];
        let secrets = LocalSecrets::new(Some(folder.path().to_owned()), variables);
        assert_eq!(secrets.text("other-key").unwrap(), "from outside");
        assert_eq!(secrets.text("shop-sftp").unwrap(), "{\"user\": 1}");
        let wrong: Result<HashMap<String, String>, _> = secrets.parts("shop-sftp", "user");
        let wrong = wrong.unwrap_err().to_string();
        assert!(
            wrong.contains("shop-sftp") && !wrong.contains("{"),
            "{wrong}"
        );
        let missing = secrets.text("nowhere").unwrap_err().to_string();
        assert!(missing.contains("TXM_SECRET_NOWHERE"), "{missing}");
        for path in ["../shop-sftp", "/etc/hostname", "a/b", "..", "", ".hidden"] {
            let wrong = secrets.text(path).unwrap_err();
            assert!(matches!(wrong, SecretError::Broken(_)), "{wrong}");
        }
    }
}
