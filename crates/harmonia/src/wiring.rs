//! Joins the ports: settings to a store, agent files to a journey.

use crate::output::{Failure, complain};
use harmonia_core::agent::{Agent, Role};
use harmonia_core::changes::Lanes;
use harmonia_core::feed::Source;
use harmonia_core::settings::Settings;
use harmonia_gateway::files::ExportFolder;
use harmonia_gateway::secrets::LocalSecrets;
use harmonia_journey::Journey;
use harmonia_journey::agents::Agents;
use harmonia_journey::deliver::Merchants;
use harmonia_journey::drive::{Stop, unless_stopped};
use harmonia_journey::ports::{
    Announcer, BuiltInLinks, Clock, Holder, Identity, Signals, Store, SystemClock, Uids,
    WithinProcess,
};
use harmonia_journey::room::Room;
use harmonia_store::SqliteStore;
use harmonia_store::sqlite::SchemaStatus;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// What commands are wired with.
pub struct Wiring {
    /// The settings.
    pub settings: Settings,
    /// Where secrets are found.
    pub secrets: LocalSecrets,
}

/// Reads the settings from the environment, filled in by a `.env` file of this folder.
///
/// # Errors
/// [`Failure`] that names every setting that is wrong.
pub fn read_settings() -> Result<Settings, Failure> {
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => return Err(Failure::usage(format!("cannot read .env: {error}"))),
    }
    #[cfg(not(feature = "web"))]
    refuse_settings(harmonia_core::settings::OF_API)?;
    #[cfg(not(feature = "http"))]
    refuse_settings(harmonia_core::settings::OF_HTTP)?;
    #[cfg(not(feature = "postgres"))]
    refuse_settings(&["TXM_POSTGRES_URI"])?;
    #[cfg(not(feature = "redis"))]
    refuse_settings(&["TXM_REDIS_URL"])?;
    Settings::read(std::env::vars()).map_err(|wrong| Failure::usage(wrong.join("\nharmonia: ")))
}

/// To be asked to serve, or to work on PostgreSQL or Redis, and not to do so would be worse than not to
/// start.
#[cfg(not(all(
    feature = "web",
    feature = "http",
    feature = "postgres",
    feature = "redis"
)))]
fn refuse_settings(names: &[&str]) -> Result<(), Failure> {
    let given = |name: &&&str| std::env::var_os(name).is_some();
    let names = names.iter().filter(given);
    let lacking: Vec<String> = names
        .map(|name| harmonia_core::settings::lacking(name))
        .collect();
    match lacking.is_empty() {
        true => Ok(()),
        false => Err(Failure::usage(lacking.join("\nharmonia: "))),
    }
}

/// How long a database server may take to be there.
#[cfg(feature = "postgres")]
const SERVER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Libraries that log what they also give as an error, which is logged by whoever gets it. A filter
/// that names one hears it all the same.
const QUIET: &str = "lapin=off";

/// Starts the log on standard error.
pub fn start_log(settings: &Settings) {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", settings.log_level))
        .unwrap_or_else(|_| EnvFilter::new(format!("{QUIET},info")));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if settings.log_json {
        log.json().init();
    } else {
        log.init();
    }
}

impl Wiring {
    /// With these settings; secrets are in their folder, or in the environment.
    pub fn new(settings: Settings) -> Self {
        let secrets = LocalSecrets::new(settings.secrets_path.clone(), std::env::vars());
        Self { settings, secrets }
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`Failure`] that says what is in the way.
    pub async fn store(&self, holder: &Holder) -> Result<Arc<dyn Store>, Failure> {
        Ok(self.store_and_clock(holder).await?.0)
    }

    /// The store, and the clock that all who work on it go by: this machine's, where it is the only one.
    async fn store_and_clock(
        &self,
        holder: &Holder,
    ) -> Result<(Arc<dyn Store>, Arc<dyn Clock>), Failure> {
        let lease_us = i64::try_from(self.settings.lease.as_micros()).unwrap_or(i64::MAX);
        #[cfg(feature = "postgres")]
        if let Some(uri) = &self.settings.postgres_uri {
            let folder = &self.settings.data_dir;
            let store = harmonia_store::PostgresStore::open(uri, folder, lease_us).await?;
            let clock = store.clock();
            return Ok((Arc::new(store), clock));
        }
        let store = SqliteStore::open(&self.settings.data_dir, holder, lease_us)?;
        Ok((Arc::new(store), Arc::new(SystemClock)))
    }

    /// Opens the store, for commands that only ask.
    ///
    /// # Errors
    /// [`Failure`] that says what is in the way.
    pub async fn inquiry(&self) -> Result<Arc<dyn Store>, Failure> {
        self.store(&Holder::new(Uids)).await
    }

    /// What processes tell each other, over the store of this one.
    ///
    /// # Errors
    /// [`Failure`] where the address of Redis is none. It need not be there.
    #[cfg_attr(
        not(feature = "redis"),
        expect(clippy::unnecessary_wraps, reason = "Redis may refuse its address")
    )]
    pub fn signals(&self, store: &Arc<dyn Store>) -> Result<Arc<dyn Signals>, Failure> {
        #[cfg(feature = "redis")]
        if let Some(url) = &self.settings.redis_url {
            let authority = self.settings.redis_ca_file.as_deref();
            let signals =
                harmonia_gateway::redis::RedisSignals::at(url, authority, Arc::clone(store));
            return Ok(Arc::new(signals.map_err(Failure::usage)?));
        }
        Ok(Arc::new(WithinProcess::new(Arc::clone(store))))
    }

    /// How others are told of what merchants are told; `None` where nobody is to be.
    fn announcer(&self) -> Result<Option<Arc<dyn Announcer>>, Failure> {
        if !self.settings.audit_exports {
            return Ok(None);
        }
        let Some(dsn) = &self.settings.amqp_dsn else {
            return Err(Failure::usage(
                "TXM_AUDIT_EXPORTS is set and no message broker: set TXM_AMQP_DSN to the one that takes \
                 the messages, or TXM_AUDIT_EXPORTS=false",
            ));
        };
        #[cfg(feature = "amqp")]
        {
            let broker = crate::sources::broker(&self.settings, dsn)?;
            Ok(Some(Arc::new(broker.announcer())))
        }
        #[cfg(not(feature = "amqp"))]
        {
            let _ = dsn;
            Err(Failure::usage(harmonia_core::settings::lacking(
                "TXM_AUDIT_EXPORTS",
            )))
        }
    }

    /// Who says whose card each is: Hermes where a setting names it, the card-link table otherwise.
    ///
    /// # Errors
    /// [`Failure`] that says which setting is wrong. Hermes need not be there.
    #[cfg_attr(
        not(feature = "http"),
        expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            unused_variables,
            reason = "Hermes may refuse its settings"
        )
    )]
    fn identity(
        &self,
        store: &Arc<dyn Store>,
        agents: &Agents,
    ) -> Result<Arc<dyn Identity>, Failure> {
        #[cfg(feature = "http")]
        if let Some(url) = &self.settings.hermes_url {
            use harmonia_gateway::hermes::{Hermes, HermesOptions, Patience};
            let options = HermesOptions {
                url: url.clone(),
                token: self.settings.hermes_token.clone(),
                formatted: self.settings.hermes_slugs.clone(),
                format: self.settings.hermes_slug_format.clone(),
                patience: Patience::default(),
            };
            let schemes = agents.schemes().map(|(slug, id)| (id, slug.clone()));
            let hermes = Hermes::new(self.http(), options, schemes.collect());
            return Ok(Arc::new(hermes.map_err(Failure::usage)?));
        }
        Ok(Arc::new(BuiltInLinks(Arc::clone(store))))
    }

    /// How merchants are told over HTTP.
    ///
    /// # Errors
    /// [`Failure`] that says which setting is wrong. No merchant need be there.
    #[cfg_attr(
        not(feature = "http"),
        expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "the client may refuse its settings"
        )
    )]
    fn merchants(&self) -> Result<Merchants, Failure> {
        #[cfg(feature = "http")]
        {
            use harmonia_gateway::http::HttpClient;
            use harmonia_gateway::messenger::HttpMessenger;
            let client = HttpClient::new(self.http()).map_err(Failure::usage)?;
            let messenger = HttpMessenger::new(client, Arc::new(self.secrets.clone()));
            let secrets = self.secrets.clone();
            let text = move |name: &str| secrets.text(name).ok();
            Ok(Merchants::new(Arc::new(messenger), Arc::new(text)))
        }
        #[cfg(not(feature = "http"))]
        Ok(Merchants::out_of_reach())
    }

    /// What requests over HTTP go by.
    #[cfg(feature = "http")]
    fn http(&self) -> harmonia_gateway::http::HttpOptions {
        harmonia_gateway::http::HttpOptions {
            allowed: self.settings.http_allow.clone(),
            proxy: self.settings.http_proxy.clone(),
            ca_file: self.settings.http_ca_file.clone(),
            ..harmonia_gateway::http::HttpOptions::default()
        }
    }

    /// What the database's schema is, without changing anything.
    ///
    /// # Errors
    /// [`Failure`] that says what is in the way.
    pub async fn schema_status(&self) -> Result<SchemaStatus, Failure> {
        #[cfg(feature = "postgres")]
        if let Some(uri) = &self.settings.postgres_uri {
            return Ok(harmonia_store::PostgresStore::schema_status(uri).await?);
        }
        Ok(SqliteStore::schema_status(&self.settings.data_dir)?)
    }

    /// The whole journey, in a process that goes on until it is stopped: it imports no more than can be
    /// matched in time, and waits a while for a database server that does not answer yet, as when all of a
    /// machine starts at once. Who only asks is told at once. `None` when told to stop before it is there.
    ///
    /// # Errors
    /// [`Failure`] as [`Self::journey`].
    pub async fn endless_journey(&self, stop: &Stop) -> Result<Option<Journey>, Failure> {
        let begun = unless_stopped(stop, self.begun()).await;
        begun.transpose()
    }

    async fn begun(&self) -> Result<Journey, Failure> {
        #[cfg(feature = "postgres")]
        if let Some(uri) = &self.settings.postgres_uri {
            harmonia_store::PostgresStore::await_server(uri, SERVER_PATIENCE).await;
        }
        Ok(Journey {
            room: Room::limited(),
            ..self.journey().await?
        })
    }

    /// The whole journey: the store, the agents, the couriers.
    ///
    /// # Errors
    /// [`Failure`] that names every mistake in an agent file, or what is in the store's way.
    pub async fn journey(&self) -> Result<Journey, Failure> {
        let agents = load_agents(&self.settings.agents_dir)?;
        let holder = Holder::new(Uids);
        let (store, clock) = self.store_and_clock(&holder).await?;
        let lanes = Lanes::new(self.settings.matching_lanes);
        store.agree_on_lanes(lanes).await?;
        let agents = Agents::register(agents, store.as_ref()).await?;
        Ok(Journey {
            identity: self.identity(&store, &agents)?,
            signals: self.signals(&store)?,
            store,
            courier: Arc::new(ExportFolder(self.settings.import_base.join("exports"))),
            announcer: self.announcer()?,
            merchants: self.merchants()?,
            clock,
            uids: Uids,
            agents: Arc::new(agents),
            holder,
            lease: self.settings.lease,
            batch: self.settings.batch_size,
            room: Room::default(),
            lanes,
        })
    }
}

/// The agent files of a folder, by name.
///
/// # Errors
/// [`Failure`] when the folder cannot be read.
pub fn agent_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!(
            "cannot read the agent files in {}: {error}. Set TXM_AGENTS_DIR to their folder",
            folder.display()
        ))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(format!(
            "there are no agent files (*.toml) in {}: set TXM_AGENTS_DIR to their folder",
            folder.display()
        )));
    }
    Ok(files)
}

/// Reads and checks every agent file of a folder.
///
/// # Errors
/// [`Failure`] with every mistake in every file.
pub fn load_agents(folder: &Path) -> Result<Vec<Agent>, Failure> {
    let mut agents = Vec::new();
    let mut complaints = Vec::new();
    for path in agent_files(folder)? {
        match parse_agent(&path)? {
            Ok(agent) => agents.push(agent),
            Err(found) => complaints.extend(found.iter().map(ToString::to_string)),
        }
    }
    complaints.extend(clashes(&agents));
    complaints.extend(missing_exports(&agents));
    if complaints.is_empty() {
        Ok(agents)
    } else {
        Err(Failure::new(complaints.join("\n")))
    }
}

/// The agents of a folder whose files are right; those of the others are complained of.
///
/// # Errors
/// [`Failure`] when the folder cannot be read.
pub fn sound_agents(folder: &Path) -> Result<Vec<Agent>, Failure> {
    let mut agents = Vec::new();
    for path in agent_files(folder)? {
        match parse_agent(&path)? {
            Ok(agent) => agents.push(agent),
            Err(complaints) => complaints
                .iter()
                .for_each(|complaint| complain(&complaint.to_string())),
        }
    }
    Ok(agents)
}

/// What is wrong between agents that are each right: two feeds of one name, or of one folder.
pub fn clashes(agents: &[Agent]) -> Vec<String> {
    let feeds: Vec<_> = agents.iter().flat_map(|agent| &agent.feeds).collect();
    let mut wrong = Vec::new();
    for (at, feed) in feeds.iter().enumerate() {
        for other in &feeds[..at] {
            let files = format!(
                "agents/{}.toml and agents/{}.toml",
                other.provider_slug, feed.provider_slug
            );
            if other.name == feed.name {
                wrong.push(format!(
                    "{files}: two feeds are named {}: give one another `name`",
                    feed.name
                ));
            }
            if feed.source != Source::Push && other.source == feed.source {
                wrong.push(format!(
                    "{files}: the feeds {} and {} arrive in one place, where nobody could tell \
                     them apart: give one another `source`",
                    other.name, feed.name
                ));
            }
        }
    }
    wrong
}

/// The sweeps among all agents that name an export which is none of theirs.
pub fn missing_exports(agents: &[Agent]) -> Vec<String> {
    let mut wrong = Vec::new();
    for agent in agents {
        let Some(sweep) = &agent.sweep else {
            continue;
        };
        let named = agents.iter().find(|other| other.slug == sweep.export);
        let file = format!("agents/{}.toml", agent.slug);
        match named {
            Some(other) if other.role == Role::Export => {}
            Some(other) => wrong.push(format!(
                "{file}: sweep.export: {} has the role {:?}: it must be \"export\"",
                sweep.export,
                other.role.as_str()
            )),
            None => wrong.push(format!(
                "{file}: sweep.export: there is no agent file {}.toml",
                sweep.export
            )),
        }
    }
    wrong
}

/// Reads and checks one agent file.
///
/// # Errors
/// [`Failure`] when it cannot be read; what is wrong in it comes back as complaints.
pub fn parse_agent(
    path: &Path,
) -> Result<Result<Agent, Vec<harmonia_core::agent::Complaint>>, Failure> {
    // A little more than it may have, so that it is told of as too long.
    let most = u64::try_from(harmonia_core::agent::MOST_BYTES + 4).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot read {}: {error}", path.display()))
    };
    read.map_err(|error| failed(&error))?;
    // What is cut off in the middle of a character is too long all the same.
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.as_bytes().len() as u64 == most => {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
        Err(_) => return Err(failed(&"it is not UTF-8")),
    };
    Ok(Agent::parse(&path.display().to_string(), &text))
}
