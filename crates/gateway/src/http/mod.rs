//! The one way in which requests of ours leave: guarded, limited, and honest about what came of them.
//!
//! `target` reads the address, `guard` judges where it leads, `dial` connects to just that, `pool`
//! keeps connections for the next request, and `line` knows whether anything was written to one. No
//! redirect is followed and no packed body is unpacked: neither is asked for.

mod dial;
mod guard;
mod line;
mod pool;
mod retry_after;
mod target;

pub(crate) use target::{Target, TargetHost};

pub use guard::{Resolver, SystemResolver};
pub use retry_after::retry_after;

use bytes::Bytes;
use dial::{Dialer, Proxy};
use harmonia_core::outbound::Allowed;
use harmonia_core::secret::Secret;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use pool::{Connection, Pool};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a client goes by.
#[derive(Clone)]
pub struct HttpOptions {
    /// What may be reached beside the internet.
    pub allowed: Allowed,
    /// The proxy to the internet.
    pub proxy: Option<Secret>,
    /// Authorities that are trusted beside this machine's.
    pub ca_file: Option<PathBuf>,
    /// Where names are looked up.
    pub resolver: Arc<dyn Resolver>,
    /// How long things may take.
    pub limits: Limits,
}

impl Default for HttpOptions {
    /// To the internet alone, without a proxy.
    fn default() -> Self {
        Self {
            allowed: Allowed::default(),
            proxy: None,
            ca_file: None,
            resolver: Arc::new(SystemResolver),
            limits: Limits::default(),
        }
    }
}

/// How much of a peer's time and bytes is borne.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until there is a connection, TLS and all.
    pub connect: Duration,
    /// Until the head of the answer is whole, and between two pieces of its body.
    pub silence: Duration,
    /// How many headers an answer may have.
    pub headers: usize,
    /// How many bytes the head of an answer may have.
    pub head_bytes: usize,
    /// How long a connection may wait for the next request.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            headers: 100,
            head_bytes: 64 * 1024,
            idle: Duration::from_secs(1),
        }
    }
}

/// One request, its secrets put in.
#[derive(Clone)]
pub struct Call<'a> {
    /// What is done.
    pub method: Method,
    /// Where: absolute.
    pub url: &'a str,
    /// Names and values, in the order they are sent.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, if it has one.
    pub body: Option<Bytes>,
    /// How long all of it may take.
    pub within: Duration,
    /// The most that is read of the answer's body.
    pub body_limit: usize,
}

/// What a peer answered.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as the limit.
    pub body: Bytes,
    /// Whether there was more of it.
    pub cut: bool,
}

/// Why there is no answer. No text holds anything of the request but its host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It must not go there, until a setting or its address is mended.
    Refused(String),
    /// Not one byte of it was written to any connection.
    NeverLeft(String),
    /// Something of it was written, and no whole answer came.
    MayHaveArrived(String),
}

/// Sends requests, guarded.
#[derive(Clone)]
pub struct HttpClient {
    dialer: Arc<Dialer>,
    pool: Arc<Pool>,
}

impl HttpClient {
    /// A client that goes by these options.
    ///
    /// # Errors
    /// Says what is wrong with the proxy or the file of authorities.
    pub fn new(options: HttpOptions) -> Result<Self, String> {
        let proxy = options.proxy.as_ref().map(Proxy::parse).transpose()?;
        Ok(Self {
            pool: Pool::new(options.limits.idle),
            dialer: Arc::new(Dialer {
                allowed: options.allowed,
                resolver: options.resolver,
                proxy,
                tls: dial::tls(options.ca_file.as_deref())?,
                limits: options.limits,
            }),
        })
    }

    /// Sends one request and reads its answer. It is never sent again once any of it was written.
    ///
    /// # Errors
    /// [`Failed`] that says whether any of it may have arrived.
    pub async fn send(&self, call: Call<'_>) -> Result<Answered, Failed> {
        let target = Target::parse(call.url).map_err(|why| Failed::Refused(why.to_owned()))?;
        let until = Instant::now() + call.within;
        let request = request(&target, &call)?;
        // A connection that waited may have been ended meanwhile: as long as nothing was written to it,
        // another is taken.
        while let Some(connection) = self.pool.take(&target) {
            match self
                .send_over(connection, &target, request.clone(), call.body_limit, until)
                .await
            {
                Err(Failed::NeverLeft(_)) => {}
                sent => return sent,
            }
        }
        let late = || Failed::NeverLeft(format!("{}: no connection in time", target.shown()));
        let connected = timeout_at(until, self.connect(&target)).await;
        let connection = connected.map_err(|_| late())??;
        self.send_over(connection, &target, request.clone(), call.body_limit, until)
            .await
    }

    async fn connect(&self, target: &Target) -> Result<Connection, Failed> {
        let (stream, wrote) = self.dialer.connect(target).await?;
        let limits = &self.dialer.limits;
        let handshake = hyper::client::conn::http1::Builder::new()
            .max_headers(limits.headers)
            .max_buf_size(limits.head_bytes)
            .handshake(TokioIo::new(stream))
            .await;
        let failed = |error| Failed::NeverLeft(format!("{}: {error}", target.shown()));
        let (sender, serving) = handshake.map_err(failed)?;
        // What goes wrong is told to the request that it was for.
        let serving = tokio::spawn(async move {
            let _ = serving.await;
        });
        Ok(Connection {
            sender,
            wrote,
            serving,
        })
    }

    async fn send_over(
        &self,
        mut connection: Connection,
        target: &Target,
        request: Request<Full<Bytes>>,
        body_limit: usize,
        until: Instant,
    ) -> Result<Answered, Failed> {
        connection.wrote.forget();
        let silence = self.dialer.limits.silence;
        let head = async {
            let told = |error: &hyper::Error| error_chain(error);
            connection
                .sender
                .ready()
                .await
                .map_err(|error| told(&error))?;
            let sent = connection.sender.try_send_request(request).await;
            sent.map_err(|error| told(error.error()))
        };
        let head = timeout_at(until.min(Instant::now() + silence), head).await;
        let head = head.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let response = match head {
            Ok(response) => response,
            Err(why) => {
                // Only when nobody can write any more is what was written known.
                let wrote = connection.wrote.clone();
                connection.end().await;
                let why = format!("{}: {why}", target.shown());
                return Err(match wrote.anything() {
                    true => Failed::MayHaveArrived(why),
                    false => Failed::NeverLeft(why),
                });
            }
        };
        let answered = read(response, body_limit, silence, until).await;
        let answered = answered.map_err(|why| {
            // What answered was told something, whether or not we saw it leave.
            Failed::MayHaveArrived(format!("{}: its answer broke off: {why}", target.shown()))
        })?;
        if !answered.cut {
            self.pool.put(target, connection);
        }
        Ok(answered)
    }
}

fn request(target: &Target, call: &Call<'_>) -> Result<Request<Full<Bytes>>, Failed> {
    let refused = |what: &str| Failed::Refused(format!("{}: {what}", target.shown()));
    let body = call.body.clone().unwrap_or_default();
    let length = body.len();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = call.method.clone();
    let path = target.path.parse();
    *request.uri_mut() = path.map_err(|_| refused("its path cannot be sent"))?;
    let headers = request.headers_mut();
    let host = HeaderValue::from_str(&target.authority());
    headers.insert(HOST, host.map_err(|_| refused("its host cannot be sent"))?);
    let agent = concat!("harmonia/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in &call.headers {
        if OURS.contains(&name.as_str()) {
            return Err(refused(&format!(
                "the header {name} is not for others to set"
            )));
        }
        if *name == USER_AGENT {
            headers.insert(name, value.clone());
        } else {
            headers.append(name, value.clone());
        }
    }
    if call.body.is_some() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(request)
}

/// Headers by which a request could be made to say two things, or one that we do not understand.
const OURS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads an answer as far as the limit.
async fn read(
    response: Response<Incoming>,
    limit: usize,
    silence: Duration,
    until: Instant,
) -> Result<Answered, String> {
    let (head, mut incoming) = response.into_parts();
    let mut body: Vec<u8> = Vec::new();
    let mut cut = false;
    loop {
        let piece = timeout_at(until.min(Instant::now() + silence), incoming.frame()).await;
        let Some(piece) = piece.map_err(|_| "no more of it came in time".to_owned())? else {
            break;
        };
        let piece = piece.map_err(|error| error_chain(&error))?;
        let Ok(bytes) = piece.into_data() else {
            continue;
        };
        let room = limit - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            cut = true;
            break;
        }
    }
    Ok(Answered {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.into(),
        cut,
    })
}

/// An error with those that led to it: the outermost says little.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
