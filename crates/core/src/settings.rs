//! Every setting, defined once: its name, what it means, its default and its check.
//!
//! `--help` and `.env.example` are made from [`ALL`], and a test fails when the file is stale. Settings come from the environment; a `.env` file fills in what it lacks.

use crate::ids::{Slug, SlugFormat};
use crate::outbound::Allowed;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the environment.
    pub name: &'static str,
    /// The value it has when it is not set.
    pub default: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

/// Names that belong to parts of Harmonia which this build does not have. Setting one is an error:
/// to be asked for something and quietly do without would be worse.
const OF_OTHER_BUILDS: &[&str] = &[
    "TXM_SENTRY_DSN",
    "TXM_SENTRY_ENV",
    "TXM_BLOB_EXPORT_CONTAINER",
    "TXM_BLOB_AUDIT_CONTAINER",
    "TXM_ENCRYPTION_KEY",
    "TXM_OIDC_ISSUER",
    "TXM_OIDC_AUDIENCE",
];

/// The settings of the HTTP API: a build without it refuses them, with [`lacking`].
pub const OF_API: &[&str] = &[
    "TXM_LISTEN",
    "TXM_METRICS_LISTEN",
    "TXM_URL_PREFIX",
    "TXM_API_AUTH_ENABLED",
    "TXM_PUSH_LIMIT_MB",
    "TXM_PUSH_MAX_RECORDS",
];

/// The settings of what asks and tells others over HTTP: a build without it refuses them, with
/// [`lacking`].
pub const OF_HTTP: &[&str] = &[
    "TXM_HTTP_ALLOW",
    "TXM_HTTP_PROXY",
    "TXM_HTTP_CA_FILE",
    "TXM_HERMES_URL",
    "TXM_HERMES_TOKEN",
    "TXM_HERMES_SLUGS_TO_FORMAT",
    "TXM_HERMES_SLUG_FORMAT_STRING",
];

/// What is said of a setting whose part this build does not have.
pub fn lacking(name: &str) -> String {
    format!("{name}: this build of Harmonia does not have the part it belongs to; unset it")
}

/// How the names of secrets in the environment begin.
pub const SECRET_PREFIX: &str = "TXM_SECRET_";

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $field:ident: $kind:ty = $name:literal, $default:literal, $read:path;)+) => {
        /// Every setting's value, checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $($(#[doc = $doc])* pub $field: $kind,)+
        }

        /// Every setting of this build.
        pub const ALL: &[Setting] = &[
            $(Setting { name: $name, default: $default, doc: concat!($($doc),*) },)+
        ];

        impl Settings {
            /// Reads the settings from pairs of names and values, of which those that do not begin
            /// with `TXM_` are none of ours.
            ///
            /// # Errors
            /// Names every setting that does not exist or cannot be read, and says what would do.
            pub fn read(
                values: impl IntoIterator<Item = (String, String)>,
            ) -> Result<Self, Vec<String>> {
                let values: BTreeMap<String, String> =
                    values.into_iter().filter(|(name, _)| name.starts_with("TXM_")).collect();
                let mut wrong = unknown(&values);
                let value = |name: &str, default: &str| {
                    values.get(name).map_or_else(|| default.to_owned(), Clone::clone)
                };
                $(let $field = match $read(&value($name, $default)) {
                    Ok(value) => Some(value),
                    Err(message) => {
                        wrong.push(told($name, &value($name, $default), &message));
                        None
                    }
                };)+
                match ($($field,)+) {
                    ($(Some($field),)+) if wrong.is_empty() => Ok(Self { $($field),+ }),
                    _ => Err(wrong),
                }
            }
        }
    };
}

settings! {
    /// The folder of the database and of what belongs to it.
    data_dir: PathBuf = "TXM_DATA_DIR", "data", path;
    /// The PostgreSQL database (14 or newer) that many machines work on: `postgres://user:password@host:5432/database`, with `?sslmode=require` for TLS alone, and `&sslrootcert=/path/to/ca.pem` where this machine does not trust who signed the server's certificate. Without it, SQLite in the data folder. The data folder holds the key that seals credentials: bring the same to every machine.
    postgres_uri: Option<String> = "TXM_POSTGRES_URI", "", optional_text;
    /// The Redis by which processes on many machines wake each other and share the configuration: `redis://user:password@host:6379/0`, or `rediss://…` for TLS. It may be away, emptied or restarted at any moment: work is then looked for in the database. Without it, processes look there by themselves.
    redis_url: Option<String> = "TXM_REDIS_URL", "", optional_text;
    /// A file of certificates (PEM) of the authority that signed Redis's, for `rediss://…` where that is none of those which this machine trusts anyway.
    redis_ca_file: Option<PathBuf> = "TXM_REDIS_CA_FILE", "", optional_path;
    /// The folder of the agent files.
    agents_dir: PathBuf = "TXM_AGENTS_DIR", "agents", path;
    /// The folder below which feeds arrive (`imports/`), go when they were read (`archives/`), and exports leave (`exports/`).
    import_base: PathBuf = "TXM_LOCAL_IMPORT_BASE_PATH", "files", path;
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,harmonia_store=debug`.
    log_level: String = "TXM_LOG_LEVEL", "info", log_filter;
    /// Whether log lines are JSON: `true` or `false`.
    log_json: bool = "TXM_LOG_JSON", "false", flag;
    /// The most records of one commit, 1 to 10000. Larger batches are faster, and a batch is what is held in memory.
    batch_size: usize = "TXM_BATCH_SIZE", "10000", batch_size;
    /// Into how many lanes matching is divided, 1 to 64: payments of one scheme, currency and amount are in one lane, and lanes are matched side by side by several workers. One is fastest for one worker. It is the same in every process; change it when nothing waits to be matched.
    matching_lanes: u16 = "TXM_MATCHING_LANES", "1", lanes;
    /// How long a worker may hold a job before another may take it, in seconds, 1 to 3600.
    lease: Duration = "TXM_LEASE_SECONDS", "60", lease;
    /// How long a file in a watched folder must lie unchanged before it is taken for whole, in milliseconds, 0 to 600000.
    settle: Duration = "TXM_FILE_SETTLE_MS", "1000", settle;
    /// The folder of secrets: a file for each, named as agent files name it. A secret may also stand in the environment: `wasabi-club-sftp` as `TXM_SECRET_WASABI_CLUB_SFTP`.
    secrets_path: Option<PathBuf> = "TXM_SECRETS_PATH", "", optional_path;
    /// The most of one file that is fetched or decrypted, in MiB, 1 to 1048576. A larger one is not imported.
    fetch_limit_bytes: u64 = "TXM_FETCH_LIMIT_MB", "10240", mebibytes;
    /// Hosts, addresses and networks to which requests may go although they are not on the public internet, parted by commas: `till.example.com,10.1.0.0/16,::1`. What a host allowed by name leads to is allowed; only what is allowed here may be told over plain `http://`, and is told without the proxy.
    http_allow: Allowed = "TXM_HTTP_ALLOW", "", allowed;
    /// The proxy that requests to the internet go through: `http://proxy.example.com:3128`, with `user:password@` before the host where it asks for them. It is told the address to connect to, not the name.
    http_proxy: Option<Secret> = "TXM_HTTP_PROXY", "", proxy;
    /// A file of certificates (PEM) of authorities that are trusted beside those which this machine trusts anyway.
    http_ca_file: Option<PathBuf> = "TXM_HTTP_CA_FILE", "", optional_path;
    /// Hermes, the service that knows whose card each token is: `https://hermes.example.com`. Its host may be inside the house, and be asked over plain `http://`. Without it, the cards imported by `harmonia cards` are what is known.
    hermes_url: Option<String> = "TXM_HERMES_URL", "", web_address;
    /// What Hermes knows us by.
    hermes_token: Option<Secret> = "TXM_HERMES_TOKEN", "", secret;
    /// The slugs of schemes, parted by commas, that Hermes knows by another name.
    hermes_slugs: Vec<Slug> = "TXM_HERMES_SLUGS_TO_FORMAT", "", slugs;
    /// What Hermes calls those, with `{}` where the slug stands: `{}-mock`.
    hermes_slug_format: SlugFormat = "TXM_HERMES_SLUG_FORMAT_STRING", "{}", SlugFormat::parse;
    /// The message broker from which feeds of kind `amqp` come: `amqp://user:password@host:5672/%2f`, or `amqps://…`.
    amqp_dsn: Option<String> = "TXM_AMQP_DSN", "", optional_text;
    /// A file of certificates (PEM) of the authority that signed the broker's, for `amqps://…` where that is none of those which this machine trusts anyway.
    amqp_ca_file: Option<PathBuf> = "TXM_AMQP_CA_FILE", "", optional_path;
    /// Whether others are told, by messages to the broker, of every try to tell a merchant: exchange `tx_export_exchange`, routing keys `atlas` (queue `tx_matching`) and `dw` (queue `tx_plutus_dw`); what is not sent because the merchant has it goes to the queue `tx_export_dw`.
    audit_exports: bool = "TXM_AUDIT_EXPORTS", "false", flag;
    /// Where feeds of kind `blob` arrive: `file:///folder`, `azure://account`, `s3://region` or `gs://`. What it needs to log in is its query, as in `?access_key=…`, or a secret that `?secret=name` names: a JSON object of `access_key` or `sas_token` (Azure), `access_key_id` and `secret_access_key` (S3), `service_account_key` (GCS); `endpoint` and `allow_http` may be given too. A container of `file://` is a folder in it.
    blob_storage_dsn: Option<String> = "TXM_BLOB_STORAGE_DSN", "", optional_text;
    /// The container in which files arrive, where an agent file names none.
    blob_import_container: String = "TXM_BLOB_IMPORT_CONTAINER", "harmonia-imports", text;
    /// The container to which files are moved when they were read, where an agent file names none.
    blob_archive_container: String = "TXM_BLOB_ARCHIVE_CONTAINER", "harmonia-archive", text;
    /// Where the HTTP API listens: an address and a port. On any other than a loopback address, put a proxy that speaks TLS before it.
    listen: SocketAddr = "TXM_LISTEN", "127.0.0.1:9000", address;
    /// Where `/metrics` is, if not where the API listens.
    metrics_listen: Option<SocketAddr> = "TXM_METRICS_LISTEN", "", optional_address;
    /// What the paths of the API begin with.
    url_prefix: String = "TXM_URL_PREFIX", "/txm", url_prefix;
    /// Whether the API asks for a key (`harmonia keys create`): `true` or `false`. Without it, whoever reaches the address may do everything.
    api_auth: bool = "TXM_API_AUTH_ENABLED", "true", flag;
    /// The most of one pushed request, in MiB, packed and unpacked, 1 to 1024.
    push_limit_bytes: u64 = "TXM_PUSH_LIMIT_MB", "32", push_limit;
    /// The most records of one pushed request, 1 to 100000. They become durable together.
    push_records: usize = "TXM_PUSH_MAX_RECORDS", "10000", push_records;
}

/// The settings whose value may hold a password.
const HIDDEN: &[&str] = &["TXM_HTTP_PROXY", "TXM_HERMES_URL"];

fn told(name: &str, value: &str, wrong: &str) -> String {
    if HIDDEN.contains(&name) {
        format!("{name}: {wrong}")
    } else {
        format!("{name}={value:?}: {wrong}")
    }
}

fn unknown(values: &BTreeMap<String, String>) -> Vec<String> {
    let known = |name: &&String| ALL.iter().any(|setting| setting.name == name.as_str());
    let describe = |name: &String| {
        if OF_OTHER_BUILDS.contains(&name.as_str()) {
            lacking(name)
        } else {
            format!("{name}: there is no such setting; `harmonia --help` lists them")
        }
    };
    let secret = |name: &&String| name.starts_with(SECRET_PREFIX);
    values
        .keys()
        .filter(|name| !known(name) && !secret(name))
        .map(describe)
        .collect()
}

fn lanes(value: &str) -> Result<u16, String> {
    match value.parse() {
        Ok(lanes) if (1..=64).contains(&lanes) => Ok(lanes),
        _ => Err("it must be a whole number from 1 to 64".to_owned()),
    }
}

fn path(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        Err("name a folder".to_owned())
    } else {
        Ok(PathBuf::from(value))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every reader of a setting may refuse"
)]
fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every reader of a setting may refuse"
)]
fn optional_text(value: &str) -> Result<Option<String>, String> {
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every reader of a setting may refuse"
)]
fn optional_path(value: &str) -> Result<Option<PathBuf>, String> {
    Ok((!value.is_empty()).then(|| PathBuf::from(value)))
}

fn allowed(value: &str) -> Result<Allowed, String> {
    Allowed::parse(value)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every reader of a setting may refuse"
)]
fn secret(value: &str) -> Result<Option<Secret>, String> {
    Ok((!value.is_empty()).then(|| Secret::new(value)))
}

/// Of a proxy, nothing is said that might be its password.
fn proxy(value: &str) -> Result<Option<Secret>, String> {
    match value {
        "" => Ok(None),
        value if value.starts_with("http://") => Ok(Some(Secret::new(value))),
        _ => {
            Err("write http://, the host and the port, as in http://proxy.example.com:3128".into())
        }
    }
}

fn web_address(value: &str) -> Result<Option<String>, String> {
    let is_web = value.starts_with("https://") || value.starts_with("http://");
    match value {
        "" => Ok(None),
        value if is_web => Ok(Some(value.to_owned())),
        _ => Err("write an address that begins with https:// or http://".to_owned()),
    }
}

fn slugs(value: &str) -> Result<Vec<Slug>, String> {
    let named = value.split(',').map(str::trim);
    named
        .filter(|slug| !slug.is_empty())
        .map(Slug::new)
        .collect()
}

/// A level, or levels of parts: `info`, `warn,harmonia_store=debug`.
fn log_filter(value: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = |text: &str| LEVELS.contains(&text.to_ascii_lowercase().as_str());
    let part = |text: &str| match text.trim().rsplit_once('=') {
        Some((target, text)) => !target.is_empty() && level(text),
        None => level(text.trim()),
    };
    if value.split(',').all(part) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "write one of {}, or a filter such as info,harmonia_store=debug",
            LEVELS.join(", ")
        ))
    }
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

fn batch_size(value: &str) -> Result<usize, String> {
    number(value, 1, 10_000).and_then(|size| usize::try_from(size).map_err(|e| e.to_string()))
}

fn lease(value: &str) -> Result<Duration, String> {
    number(value, 1, 3600).map(Duration::from_secs)
}

fn settle(value: &str) -> Result<Duration, String> {
    number(value, 0, 600_000).map(Duration::from_millis)
}

fn mebibytes(value: &str) -> Result<u64, String> {
    number(value, 1, 1_048_576).map(|count| count * 1024 * 1024)
}

fn push_limit(value: &str) -> Result<u64, String> {
    number(value, 1, 1024).map(|count| count * 1024 * 1024)
}

fn push_records(value: &str) -> Result<usize, String> {
    number(value, 1, 100_000).and_then(|most| usize::try_from(most).map_err(|e| e.to_string()))
}

fn address(value: &str) -> Result<SocketAddr, String> {
    let wrong = || "write an address and a port, as in 127.0.0.1:9000 or [::1]:9000".to_owned();
    value.parse().map_err(|_| wrong())
}

fn optional_address(value: &str) -> Result<Option<SocketAddr>, String> {
    match value {
        "" => Ok(None),
        value => address(value).map(Some),
    }
}

/// A path without an end: `/txm`; nothing where the API begins at the root.
fn url_prefix(value: &str) -> Result<String, String> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let path = value.trim_end_matches('/');
    let is_path = path.is_empty() || (path.starts_with('/') && !path.contains("//"));
    if is_path && path.chars().all(lawful) {
        Ok(path.to_owned())
    } else {
        Err("write a path of letters, digits and hyphens, as in /txm".to_owned())
    }
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("write a whole number from {least} to {most}"))
}

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting with its default. Copy to `.env` and change what you need.\n",
    );
    for Setting { name, default, doc } in ALL {
        text.push_str(&format!("\n#{doc}\n#{name}={default}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        Settings::read(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn nothing_set_is_the_defaults() {
        let settings = read(&[("PATH", "/bin")]).unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("data"));
        assert_eq!(settings.lease, Duration::from_secs(60));
    }

    #[test]
    fn what_is_wrong_is_named_all_of_it() {
        let wrong = read(&[
            ("TXM_BATCH_SIZE", "0"),
            ("TXM_LOG_JSON", "perhaps"),
            ("TXM_DATADIR", "x"),
            ("TXM_LOG_LEVEL", "loud"),
            ("TXM_SENTRY_DSN", "https://x"),
            ("TXM_HTTP_ALLOW", "till:80"),
            ("TXM_HTTP_PROXY", "user:hush@proxy"),
            ("TXM_HERMES_URL", "hermes"),
            ("TXM_HERMES_SLUGS_TO_FORMAT", "shop,Not A Slug"),
            ("TXM_HERMES_SLUG_FORMAT_STRING", "mock"),
            ("TXM_LISTEN", "9000"),
            ("TXM_URL_PREFIX", "txm"),
        ])
        .unwrap_err()
        .join("\n");
        for words in [
            "TXM_BATCH_SIZE=\"0\": write a whole number from 1 to 10000",
            "TXM_LOG_JSON=\"perhaps\": write true or false",
            "TXM_DATADIR: there is no such setting",
            "TXM_LOG_LEVEL=\"loud\": write one of error, warn",
            "TXM_SENTRY_DSN: this build",
            "TXM_HTTP_ALLOW=\"till:80\": \"till:80\" is neither a host name",
            "TXM_HTTP_PROXY: write http://",
            "TXM_HERMES_URL: write an address",
            "TXM_HERMES_SLUGS_TO_FORMAT=\"shop,Not A Slug\": \"Not A Slug\" is not a slug",
            "TXM_HERMES_SLUG_FORMAT_STRING=\"mock\": write {}",
            "TXM_LISTEN=\"9000\": write an address and a port",
            "TXM_URL_PREFIX=\"txm\": write a path",
        ] {
            assert!(wrong.contains(words), "{words} in {wrong}");
        }
        assert!(!wrong.contains("hush"), "{wrong}");
    }
}
