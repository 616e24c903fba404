//! The link: one connection for all that is asked and said, made anew whenever it is lost.
//!
//! Who asks does not wait for Redis to come back: while it is away they are told so at once.

use super::{RedisError, lock};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline,
    TlsCertificates,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long connecting, and each answer, may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it is still there.
const STILL_THERE: Duration = Duration::from_secs(1);
/// The first pause before another attempt to connect; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is said that Redis refuses something.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// How Redis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet known.
    Unknown,
    /// There.
    Well,
    /// Not there.
    Away,
}

impl State {
    /// Whether it is there.
    pub fn is_well(self) -> bool {
        self == Self::Well
    }
}

/// The way to one Redis.
pub struct Link {
    client: Client,
    /// Host and port, for the log.
    address: String,
    connection: Mutex<Option<MultiplexedConnection>>,
    state: watch::Sender<State>,
    /// Somebody had no answer.
    doubted: Notify,
    /// When it was said last that Redis refuses something.
    complained: Mutex<Option<Instant>>,
}

/// A file of certificates, which must hold one.
fn certificates(authority: &Path) -> Result<Vec<u8>, RedisError> {
    let failed = |why: &dyn std::fmt::Display| {
        RedisError(format!("TXM_REDIS_CA_FILE={}: {why}", authority.display()))
    };
    let pem = std::fs::read(authority).map_err(|error| failed(&error))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match read {
        Ok(some) if !some.is_empty() => Ok(pem),
        Ok(_) => Err(failed(&"there is no certificate in PEM in it")),
        Err(error) => Err(failed(&error)),
    }
}

impl Link {
    /// To the Redis of an address, whose certificate is signed by the authority of a file of certificates
    /// (PEM), or by one that this machine trusts where there is none. It is not looked for yet.
    pub fn to(url: &str, authority: Option<&Path>) -> Result<Self, RedisError> {
        let wrong = || {
            RedisError(
                "TXM_REDIS_URL is not the address of a Redis: write \
                 redis://user:password@host:6379/0, or rediss://… for TLS, with what is special in user \
                 and password as %xx"
                    .to_owned(),
            )
        };
        // The library knows sockets and other schemes too, which nothing here has been tried with.
        if !["redis://", "rediss://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(wrong());
        }
        crate::tls::provide();
        let client = match authority {
            None => Client::open(url).map_err(|_| wrong())?,
            Some(authority) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(certificates(authority)?),
                };
                let info = url.into_connection_info().map_err(|_| wrong())?;
                Client::build_with_tls(info, certificates).map_err(|_| wrong())?
            }
        };
        Ok(Self {
            address: client.get_connection_info().addr().to_string(),
            client,
            connection: Mutex::default(),
            state: watch::Sender::new(State::Unknown),
            doubted: Notify::new(),
            complained: Mutex::default(),
        })
    }

    /// How Redis is, and goes on to be.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Waits until it is known how Redis is, or so long.
    pub async fn known(&self, patience: Duration) {
        let mut state = self.state();
        let known = state.wait_for(|state| *state != State::Unknown);
        let _ = timeout(patience, known).await;
    }

    /// Asks, and gives the answer; `None` where there is none.
    pub async fn ask<T: FromRedisValue>(&self, question: &impl Question) -> Option<T> {
        let mut connection = lock(&self.connection).clone()?;
        match question.put(&mut connection).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// A connection of one's own, on which an answer may take so long.
    pub async fn connect(&self, answer: Duration) -> redis::RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(answer));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        // A peer that takes the connection and then says nothing has no limit of its own.
        let connected = timeout(PATIENCE * 2, connecting).await;
        let silent = |_| redis::RedisError::from((ErrorKind::Io, "it does not answer"));
        connected.map_err(silent)?
    }

    /// Takes note of what went wrong.
    pub fn failed(&self, error: &redis::RedisError) {
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
            self.doubted.notify_one();
            return;
        }
        let mut complained = lock(&self.complained);
        if complained.is_none_or(|at| at.elapsed() >= SAID_AGAIN) {
            *complained = Some(Instant::now());
            tracing::warn!(redis = self.address, %error, "Redis refuses what it is asked");
        }
    }

    /// Keeps the connection for as long as it is wanted.
    pub async fn keep(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect(PATIENCE).await {
                Ok(connection) => {
                    *lock(&self.connection) = Some(connection.clone());
                    self.becomes(State::Well);
                    tracing::info!(redis = self.address, "Redis is there");
                    pause = FIRST_PAUSE;
                    let error = self.until_lost(connection).await;
                    *lock(&self.connection) = None;
                    self.gone(&error);
                }
                Err(error) => self.gone(&error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Says that Redis is away: once, however often it is looked for.
    fn gone(&self, error: &redis::RedisError) {
        if self.becomes(State::Away) {
            if error.to_string().contains("invalid peer certificate") {
                tracing::warn!(
                    redis = self.address,
                    "set TXM_REDIS_CA_FILE to the certificate of the authority that signed Redis's"
                );
            }
            tracing::warn!(
                redis = self.address,
                %error,
                "Redis is away: work is looked for in the store until it is back"
            );
        }
    }

    /// Whether it was otherwise before; only then are those told who follow it.
    fn becomes(&self, state: State) -> bool {
        self.state
            .send_if_modified(|known| std::mem::replace(known, state) != state)
    }

    /// Waits until the connection does not answer.
    async fn until_lost(&self, mut connection: MultiplexedConnection) -> redis::RedisError {
        loop {
            // Who had no answer has it looked at now.
            let _ = timeout(STILL_THERE, self.doubted.notified()).await;
            let ping = redis::cmd("PING");
            match ping.query_async::<()>(&mut connection).await {
                Ok(()) => {}
                Err(error) => return error,
            }
        }
    }
}

/// What can be asked: a command, or several at once.
pub trait Question: Sync {
    /// Asks it.
    fn put<T: FromRedisValue>(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> impl Future<Output = redis::RedisResult<T>> + Send;
}

impl Question for Cmd {
    async fn put<T: FromRedisValue>(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> redis::RedisResult<T> {
        self.query_async(connection).await
    }
}

impl Question for Pipeline {
    async fn put<T: FromRedisValue>(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> redis::RedisResult<T> {
        self.query_async(connection).await
    }
}
