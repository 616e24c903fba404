//! A connection to an SFTP server whose key is known: made when it is needed, made again when it
//! broke, and never without a limit of time.

use super::SftpSecret;
use harmonia_journey::ports::InboxError;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{
    Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
    decode_secret_key,
};
use russh::{AlgorithmKind, MethodKind, Preferred};
use russh_sftp::client::{RawSftpSession, SftpSession};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long connecting and logging in may take together.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the server may take to answer one request.
const REQUEST_SECONDS: u64 = 30;
/// How often the server is asked whether it is still there; a silence of three times that ends it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a server may ask for the password in its own words before it is given up.
const MOST_PROMPTS: usize = 4;

/// A server, how to log in, and the keys that prove it is the one.
pub struct Server {
    host: String,
    port: u16,
    user: String,
    password: Option<String>,
    private_key: Option<Arc<PrivateKey>>,
    pinned: Vec<PublicKey>,
}

/// What can go wrong before there is a session.
#[derive(Debug, thiserror::Error)]
enum SshError {
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    /// The server showed a key that is none of those pinned.
    #[error("{0}")]
    HostKey(String),
}

impl Server {
    /// Reads the keys of a secret.
    ///
    /// # Errors
    /// [`InboxError`] that says which part of the secret is wrong, and never what is in it.
    pub fn new(host: &str, port: u16, secret: SftpSecret) -> Result<Self, InboxError> {
        let wrong = |what: &str| {
            InboxError(format!(
                "the secret of sftp://{host}:{port} cannot be used: {what}"
            ))
        };
        let pinned: Result<Vec<_>, _> = secret
            .host_key
            .lines()
            .map(PublicKey::from_openssh)
            .collect();
        let pinned = pinned.ok().filter(|keys| !keys.is_empty()).ok_or_else(|| {
            wrong(
                "`host_key` must be the server's public key, as in \"ssh-ed25519 AAAA…\", or a \
                 list of them",
            )
        })?;
        let passphrase = secret.passphrase.as_deref();
        let private_key = match &secret.private_key {
            None => None,
            // What the library says of a key it cannot read may tell of what is in it.
            Some(text) => Some(Arc::new(decode_secret_key(text, passphrase).map_err(
                |_| {
                    wrong(
                        "`private_key` is not a key in OpenSSH's format, or `passphrase` does \
                         not open it",
                    )
                },
            )?)),
        };
        if private_key.is_none() && secret.password.is_none() {
            return Err(wrong("it has neither `password` nor `private_key`"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            user: secret.user,
            password: secret.password,
            private_key,
            pinned,
        })
    }

    /// The server as a web address.
    pub fn address(&self) -> String {
        format!("sftp://{}:{}", self.host, self.port)
    }

    /// An error about this server.
    pub fn failed(&self, what: impl Display) -> InboxError {
        InboxError(format!("{}: {what}", self.address()))
    }

    fn config(&self) -> client::Config {
        let preferred = Preferred {
            // Only a key of a pinned kind can be the right one, so no other is asked for.
            key: Cow::Owned(self.pinned.iter().flat_map(algorithms).collect()),
            ..Preferred::default()
        };
        client::Config {
            preferred,
            keepalive_interval: Some(KEEP_ALIVE),
            keepalive_max: 3,
            nodelay: true,
            ..client::Config::default()
        }
    }

    async fn connect(&self) -> Result<Live, InboxError> {
        let connected = tokio::time::timeout(CONNECT, self.log_in_and_open()).await;
        connected.unwrap_or_else(|_| {
            Err(self.failed(format!(
                "no session after {} seconds: is the server reachable from here?",
                CONNECT.as_secs()
            )))
        })
    }

    async fn log_in_and_open(&self) -> Result<Live, InboxError> {
        let mut ssh = self.greet().await?;
        if !self.log_in(&mut ssh).await.map_err(|e| self.failed(e))? {
            return Err(self.failed(format!(
                "the server refuses the login of {:?}: put the right `password` or `private_key` \
                 into the feed's secret",
                self.user
            )));
        }
        let sftp = match subsystem(&ssh).await {
            Ok(stream) => SftpSession::new_with_config(stream, limits()).await,
            Err(error) => return Err(self.failed(format!("no SFTP session: {error}"))),
        };
        let sftp = sftp.map_err(|error| {
            self.failed(format!(
                "no SFTP session: {error}. Does the server offer it?"
            ))
        })?;
        Ok(Live { ssh, sftp })
    }

    async fn greet(&self) -> Result<Handle<Pinned>, InboxError> {
        let pinned = Pinned(self.pinned.clone());
        let address = (self.host.as_str(), self.port);
        let connected = client::connect(Arc::new(self.config()), address, pinned).await;
        connected.map_err(|error| match error {
            SshError::Ssh(russh::Error::NoCommonAlgo {
                kind: AlgorithmKind::Key,
                theirs,
                ..
            }) => self.failed(not_the_pinned_key(&format!(
                "the server has keys of the kinds {} only",
                theirs.join(", ")
            ))),
            error => self.failed(error),
        })
    }

    /// By key, then by password, whichever of them there are: a server may ask for both.
    async fn log_in(&self, ssh: &mut Handle<Pinned>) -> Result<bool, russh::Error> {
        if let Some(key) = &self.private_key {
            let hash = match key.algorithm().is_rsa() {
                true => ssh.best_supported_rsa_hash().await?.flatten(),
                false => None,
            };
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            if let AuthResult::Success = ssh.authenticate_publickey(&self.user, key).await? {
                return Ok(true);
            }
        }
        let Some(password) = &self.password else {
            return Ok(false);
        };
        match ssh.authenticate_password(&self.user, password).await? {
            AuthResult::Success => Ok(true),
            AuthResult::Failure {
                remaining_methods, ..
            } if remaining_methods.contains(&MethodKind::KeyboardInteractive) => {
                self.answer_prompts(ssh, password).await
            }
            AuthResult::Failure { .. } => Ok(false),
        }
    }

    /// Some servers take a password only as the answer to a question.
    async fn answer_prompts(
        &self,
        ssh: &mut Handle<Pinned>,
        password: &str,
    ) -> Result<bool, russh::Error> {
        let started = ssh.authenticate_keyboard_interactive_start(&self.user, None);
        let mut reply = started.await?;
        for _ in 0..MOST_PROMPTS {
            let prompts = match reply {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            // A question whose answer may be seen is not one for the password.
            if prompts.iter().any(|prompt| prompt.echo) {
                return Ok(false);
            }
            let answers = vec![password.to_owned(); prompts.len()];
            reply = ssh
                .authenticate_keyboard_interactive_respond(answers)
                .await?;
        }
        Ok(false)
    }
}

/// How a server may prove that it has this key. Never with SHA-1.
fn algorithms(key: &PublicKey) -> Vec<Algorithm> {
    match key.algorithm() {
        Algorithm::Rsa { .. } => [HashAlg::Sha512, HashAlg::Sha256]
            .map(|hash| Algorithm::Rsa { hash: Some(hash) })
            .into(),
        other => vec![other],
    }
}

fn limits() -> russh_sftp::client::Config {
    russh_sftp::client::Config {
        request_timeout_secs: REQUEST_SECONDS,
        ..russh_sftp::client::Config::default()
    }
}

async fn subsystem(
    ssh: &Handle<Pinned>,
) -> Result<russh::ChannelStream<client::Msg>, russh::Error> {
    let channel = ssh.channel_open_session().await?;
    channel.request_subsystem(true, "sftp").await?;
    Ok(channel.into_stream())
}

fn not_the_pinned_key(what: &str) -> String {
    format!(
        "refused: {what}, and none of those pinned in the feed's secret. Somebody may stand between \
         you and the server: ask its operator, over another way, whether its key has changed, and \
         only then put the new one into `host_key`"
    )
}

/// Accepts a server that shows a pinned key, and no other.
struct Pinned(Vec<PublicKey>);

impl client::Handler for Pinned {
    type Error = SshError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, SshError> {
        // A certificate is never asked for, so a server that shows one is none of ours.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        // The comment behind a key is no part of it.
        if self.0.iter().any(|pin| pin.key_data() == key.key_data()) {
            return Ok(true);
        }
        Err(SshError::HostKey(not_the_pinned_key(&format!(
            "the server shows the key {} {}",
            key.algorithm(),
            key.fingerprint(HashAlg::Sha256)
        ))))
    }
}

/// A session.
pub struct Live {
    ssh: Handle<Pinned>,
    /// What can be done with files.
    pub sftp: SftpSession,
}

impl Live {
    /// A second session over the same connection, for requests that [`SftpSession`] would answer
    /// without a limit on what it holds.
    ///
    /// # Errors
    /// What the server says.
    pub async fn raw(&self) -> Result<RawSftpSession, String> {
        let opened = tokio::time::timeout(CONNECT, subsystem(&self.ssh)).await;
        let stream = opened
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let raw = RawSftpSession::new_with_config(stream, limits());
        raw.init().await.map_err(|error| error.to_string())?;
        Ok(raw)
    }
}

/// The way to a server during one look: connected once, and again if that broke.
pub struct Link {
    /// The server.
    pub server: Arc<Server>,
    live: Mutex<Option<Arc<Live>>>,
}

impl Link {
    /// Not yet connected.
    pub fn to(server: Arc<Server>) -> Self {
        Self {
            server,
            live: Mutex::new(None),
        }
    }

    /// The session.
    ///
    /// # Errors
    /// [`InboxError`] when there is none to be had.
    pub async fn live(&self) -> Result<Arc<Live>, InboxError> {
        let mut live = self.live.lock().await;
        if let Some(live) = live.as_ref().filter(|live| !live.ssh.is_closed()) {
            return Ok(Arc::clone(live));
        }
        let fresh = Arc::new(self.server.connect().await?);
        *live = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Forgets the session, so that the next request makes another.
    pub async fn forget(&self) {
        *self.live.lock().await = None;
    }
}
