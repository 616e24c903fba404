//! Where a feed's bytes come from, as its agent file says it. Only described here: the gateway
//! opens the connection, the journey reads it.

use super::section::{Section, kind_of};
use crate::schedule::Schedule;
use toml::Value;

/// How files that come encrypted are opened, and who must have signed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decrypt {
    /// The name of the private keys with which they are opened.
    pub key: String,
    /// The name of the public keys of which one must have signed them; where there is none, they are
    /// taken from whoever sent them.
    pub signed_by: Option<String>,
}

/// Where a feed comes from.
///
/// A schedule is a cron expression of five fields (minute, hour, day, month, weekday) and says how
/// often to look; a secret is the name under which the gateway finds user, password or key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files in a folder below `<base>/imports/`.
    Files {
        /// The folder, relative.
        path: String,
        /// How often to look.
        schedule: String,
        /// How files that come encrypted are opened.
        decrypt: Option<Decrypt>,
    },
    /// Files on an SFTP server.
    Sftp {
        /// The server's name.
        host: String,
        /// Its port.
        port: u16,
        /// The folder on the server.
        path: String,
        /// The folder on the server to which a file is moved when it was read; without one it is
        /// left where it is.
        archive: Option<String>,
        /// How often to look.
        schedule: String,
        /// The name of the user and key.
        secret: Option<String>,
        /// How files that come encrypted are opened.
        decrypt: Option<Decrypt>,
    },
    /// Files in blob storage.
    Blob {
        /// The container; the one of the settings where none is given.
        container: Option<String>,
        /// What the names of the files begin with.
        path: String,
        /// The container to which a file is moved when it was read; else that of the settings.
        archive: Option<String>,
        /// How often to look.
        schedule: String,
        /// How files that come encrypted are opened.
        decrypt: Option<Decrypt>,
    },
    /// Messages of an AMQP queue, one record each.
    Amqp {
        /// The queue's name.
        queue: String,
        /// How many messages may be in hand unacknowledged, and so the most of one batch; where the
        /// file does not say, as many as keep batches large.
        prefetch: Option<u16>,
    },
    /// A document that is fetched over HTTP.
    HttpPoll {
        /// Where it is.
        url: String,
        /// How often to fetch it.
        schedule: String,
        /// The name of the credentials.
        secret: Option<String>,
    },
    /// Nothing is fetched: others push, over HTTP or with `harmonia import`.
    Push,
}

const EVERY_MINUTE: &str = "* * * * *";
const KINDS: &str =
    r#"use "files", "sftp", "blob", "amqp", "http-poll" or "push", as in { kind = "push" }"#;

impl Source {
    /// Reads the `source` of a feed; `name` is the feed's, its folder unless another is given.
    pub(super) fn read(section: Option<Section<'_>>, name: &str) -> Self {
        let Some(section) = section else {
            return Self::Push;
        };
        let source = Self::of_kind(&section, name);
        section.finish();
        source
    }

    /// How often to look where the feed arrives; `None` where it comes by itself.
    pub fn schedule(&self) -> Option<&str> {
        match self {
            Self::Files { schedule, .. }
            | Self::Sftp { schedule, .. }
            | Self::Blob { schedule, .. }
            | Self::HttpPoll { schedule, .. } => Some(schedule),
            Self::Amqp { .. } | Self::Push => None,
        }
    }

    /// How files that come encrypted are opened; `None` where they are taken as they come.
    pub fn decrypt(&self) -> Option<&Decrypt> {
        match self {
            Self::Files { decrypt, .. }
            | Self::Sftp { decrypt, .. }
            | Self::Blob { decrypt, .. } => decrypt.as_ref(),
            Self::Amqp { .. } | Self::HttpPoll { .. } | Self::Push => None,
        }
    }

    fn of_kind(section: &Section<'_>, name: &str) -> Self {
        let text = |key| section.text(key).map(str::to_owned);
        let path = || text("path").unwrap_or_else(|| format!("{name}/"));
        match section.required_text("kind") {
            Some("files") => Self::Files {
                path: relative_path(section).unwrap_or_else(|| format!("{name}/")),
                schedule: schedule(section),
                decrypt: decrypt(section),
            },
            Some("sftp") => Self::Sftp {
                host: required(section, "host"),
                port: small_number(section, "port", 22),
                path: path(),
                archive: text("archive"),
                schedule: schedule(section),
                secret: text("secret"),
                decrypt: decrypt(section),
            },
            Some("blob") => Self::Blob {
                container: text("container"),
                path: path(),
                archive: text("archive"),
                schedule: schedule(section),
                decrypt: decrypt(section),
            },
            Some("amqp") => Self::Amqp {
                queue: text("queue").unwrap_or_else(|| name.to_owned()),
                prefetch: optional_number(section, "prefetch"),
            },
            Some("http-poll") => Self::HttpPoll {
                url: required(section, "url"),
                schedule: schedule(section),
                secret: text("secret"),
            },
            Some("push") => Self::Push,
            other => {
                if let Some(kind) = other {
                    section.complain("kind", format!("{kind:?} is not a source: {KINDS}"));
                }
                // Which keys belong to it cannot be known: the kind is complaint enough.
                section.ignore_rest();
                Self::Push
            }
        }
    }
}

fn required(section: &Section<'_>, key: &'static str) -> String {
    section.required_text(key).unwrap_or_default().to_owned()
}

/// A folder below the base folder: never above it, never absolute.
fn relative_path(section: &Section<'_>) -> Option<String> {
    let path = section.text("path")?;
    if path.starts_with('/') || path.split(['/', '\\']).any(|part| part == "..") {
        section.complain(
            "path",
            format!("{path:?} leads out of the import folder: use a path within it"),
        );
    }
    Some(path.to_owned())
}

/// The name of the keys alone, or a table that says more.
fn decrypt(section: &Section<'_>) -> Option<Decrypt> {
    match section.value("decrypt")? {
        Value::String(key) => Some(Decrypt {
            key: key.clone(),
            signed_by: None,
        }),
        Value::Table(_) => {
            let table = section.section("decrypt")?;
            let decrypt = Decrypt {
                key: required(&table, "key"),
                signed_by: table.text("signed_by").map(str::to_owned),
            };
            table.finish();
            Some(decrypt)
        }
        other => {
            let message = format!(
                "is {}, and must be the name of a secret, or {{ key = \"…\", signed_by = \"…\" }}",
                kind_of(other)
            );
            section.complain("decrypt", message);
            None
        }
    }
}

fn schedule(section: &Section<'_>) -> String {
    let text = section.text("schedule").unwrap_or(EVERY_MINUTE);
    if let Err(wrong) = Schedule::parse(text) {
        section.complain("schedule", wrong);
    }
    text.to_owned()
}

fn small_number(section: &Section<'_>, key: &'static str, default: u16) -> u16 {
    optional_number(section, key).unwrap_or(default)
}

fn optional_number(section: &Section<'_>, key: &'static str) -> Option<u16> {
    let count = section.count(key)?;
    match u16::try_from(count) {
        Ok(number) if number > 0 => Some(number),
        _ => {
            section.complain(key, "must be from 1 to 65535");
            None
        }
    }
}
