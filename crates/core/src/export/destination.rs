//! Where exports go.

use super::mistake;
use serde::Deserialize;

/// Where exports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Files in the export folder: of single exports one body a line, a new file each UTC day; of
    /// batches a file each.
    File {
        /// The folder within the export folder.
        path: String,
    },
    /// Files in the container of blob storage that the settings name: a batch each.
    Blob {
        /// What stands before their names.
        path: String,
    },
    /// Files on a server of the merchant's: a batch each.
    Sftp(Sftp),
    /// Requests, as [`super::http::Http`] says.
    Http,
}

/// A server that takes files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sftp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    #[serde(default = "ssh")]
    pub port: u16,
    /// The folder in which the files are put, as the server names it.
    pub path: String,
    /// The name of the secret with which to log in, as that of a feed.
    pub secret: String,
}

fn ssh() -> u16 {
    22
}

/// Where exports go, and what else the table says of it.
pub(super) struct Where {
    pub(super) destination: Destination,
    /// The template of file names, where it gives one.
    pub(super) name: Option<String>,
    /// What is said of the request, where it is told over HTTP.
    pub(super) request: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderTable {
    path: String,
}

/// What an agent file writes when it says where exports go.
pub(super) const WANTED: &str = "must be { kind = \"file\", path = \"a folder within the export folder\" }, \
     or of kind \"blob\", \"sftp\" or \"http\"";

impl Where {
    /// Reads `destination`.
    pub(super) fn of(table: &toml::Table) -> Result<Self, (String, String)> {
        let wrong = |error: toml::de::Error| {
            mistake("destination", format!("{}: it {WANTED}", error.message()))
        };
        let mut inner = match table.get("destination") {
            Some(toml::Value::Table(inner)) => inner.clone(),
            _ => return Err(mistake("destination", WANTED)),
        };
        let kind = inner.remove("kind");
        let kind = kind
            .as_ref()
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if kind == "http" {
            return Ok(Self {
                destination: Destination::Http,
                name: None,
                request: Some(inner),
            });
        }
        let name = match inner.remove("name") {
            None => None,
            Some(toml::Value::String(name)) => Some(name),
            Some(_) => {
                return Err(mistake(
                    "destination.name",
                    "must be a text: a template of names",
                ));
            }
        };
        let folder = |inner: toml::Table| -> Result<String, (String, String)> {
            let folder: FolderTable = toml::Value::Table(inner).try_into().map_err(wrong)?;
            Ok(folder.path)
        };
        let destination = match kind.as_str() {
            "file" => Destination::File {
                path: inside(folder(inner)?)?,
            },
            "blob" => Destination::Blob {
                path: inside(folder(inner)?)?,
            },
            "sftp" => {
                let sftp: Sftp = toml::Value::Table(inner).try_into().map_err(wrong)?;
                super::http::check_secret_name(&sftp.secret)
                    .map_err(|wrong| mistake("destination.secret", wrong))?;
                Destination::Sftp(sftp)
            }
            other => {
                return Err(mistake(
                    "destination",
                    format!("{other:?} is no kind of it: it {WANTED}"),
                ));
            }
        };
        Ok(Self {
            destination,
            name,
            request: None,
        })
    }
}

fn inside(path: String) -> Result<String, (String, String)> {
    if is_inside(&path) {
        return Ok(path);
    }
    let message = "must be a folder inside the export folder: relative, without `..`";
    Err(mistake("destination.path", message))
}

/// Whether a path stays inside the folder it is relative to.
fn is_inside(path: &str) -> bool {
    let parts = std::path::Path::new(path).components();
    !path.is_empty()
        && parts
            .into_iter()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_stays_in_its_folder() {
        for path in ["", "../x", "/etc", "a/../../b"] {
            assert!(!is_inside(path), "{path}");
        }
        assert!(is_inside("shop/exports/"));
    }

    #[test]
    fn every_kind_is_read_and_what_is_none_is_said() {
        let read = |text: &str| Where::of(&format!("destination = {text}").parse().unwrap());
        let sftp = r#"{ kind = "sftp", host = "h.invalid", path = "in", secret = "shop-sftp", name = "n" }"#;
        let found = read(sftp).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert!(matches!(
            found.destination,
            Destination::Sftp(Sftp { port: 22, .. })
        ));
        assert_eq!(found.name.as_deref(), Some("n"));
        for (text, key, words) in [
            ("5", "destination", "must be"),
            (
                r#"{ kind = "pigeon" }"#,
                "destination",
                "\"pigeon\" is no kind",
            ),
            (r#"{ kind = "file" }"#, "destination", "missing field"),
            (
                r#"{ kind = "blob", path = "../x" }"#,
                "destination.path",
                "inside",
            ),
            (
                r#"{ kind = "file", path = "x", host = "h" }"#,
                "destination",
                "unknown field",
            ),
            (
                r#"{ kind = "sftp", host = "h", path = "p", secret = "A B" }"#,
                "destination.secret",
                "lower-case",
            ),
        ] {
            let (wrong, message) = read(text).err().unwrap();
            assert_eq!(wrong, key, "{message}");
            assert!(message.contains(words), "{message}");
        }
    }
}
