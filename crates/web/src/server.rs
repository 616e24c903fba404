//! Connections: accepted, given so long, and at the end let finish what they are at.

use crate::app::{App, Options, routes, routes_of_metrics};
use axum::Router;
use harmonia_journey::Journey;
use harmonia_journey::drive::Stop;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Connections at once. Further ones wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a sender may take over the head of a request; so long a connection may also be idle.
const HEAD: Duration = Duration::from_secs(15);
/// The longest head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// How long requests in hand may take to finish once it is to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How often it is written down when keys were used last.
const USES_WRITTEN: Duration = Duration::from_secs(60);
/// How long nothing is accepted after that failed: when files run out, trying again at once does not help.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Why it cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting}): {error}. {remedy}")]
pub struct ServeError {
    address: SocketAddr,
    setting: &'static str,
    error: std::io::Error,
    remedy: &'static str,
}

/// A server that has its addresses, and serves once it is run.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
}

impl Server {
    /// Takes the addresses.
    ///
    /// # Errors
    /// [`ServeError`] when an address cannot be had.
    pub async fn bind(journey: Journey, options: Options) -> Result<Self, ServeError> {
        let listener = listen(options.listen, "TXM_LISTEN").await?;
        let metrics = match options.metrics_listen {
            Some(address) => Some(listen(address, "TXM_METRICS_LISTEN").await?),
            None => None,
        };
        if !options.auth && !options.listen.ip().is_loopback() {
            tracing::warn!(
                "no key is asked for (TXM_API_AUTH_ENABLED), and other machines can ask: whoever \
                 reaches this address may push"
            );
        }
        let app = Arc::new(App::new(journey, options));
        Ok(Self {
            app,
            listener,
            metrics,
        })
    }

    /// Where it listens, and where for metrics, if that is elsewhere.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let of = |listener: &TcpListener| listener.local_addr().ok();
        (of(&self.listener), self.metrics.as_ref().and_then(of))
    }

    /// Serves until told to stop; then takes no more, finishes what is in hand, and returns.
    pub async fn run(self, stop: Stop) {
        let (address, metrics) = self.addresses();
        let shown = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        tracing::info!(
            address = shown(address),
            metrics = shown(metrics),
            prefix = self.app.options.prefix,
            "serving"
        );
        let mut listeners = JoinSet::new();
        listeners.spawn(accept(self.listener, routes(&self.app), stop.clone()));
        if let Some(listener) = self.metrics {
            listeners.spawn(accept(listener, routes_of_metrics(&self.app), stop.clone()));
        }
        write_down_uses(&self.app, stop).await;
        while listeners.join_next().await.is_some() {}
        self.app.keys.write_down_uses().await;
    }
}

async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ServeError {
            address,
            setting,
            remedy: match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "Another program listens there: stop it, or set another address"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "This user may not listen there: set a port above 1023"
                }
                _ => "Set an address of this machine",
            },
            error,
        })
}

async fn write_down_uses(app: &App, mut stop: Stop) {
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = tokio::time::sleep(USES_WRITTEN) => app.keys.write_down_uses().await,
        }
    }
}

/// Waits until it is to stop, or nobody is left who could say so.
async fn stopped(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(listener: TcpListener, routes: Router, mut stop: Stop) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = next(&listener, &slots) => match accepted {
                Ok((stream, slot)) => {
                    connections.spawn(serve(stream, routes.clone(), stop.clone(), slot));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        tracing::warn!("cut off requests that did not finish in time");
    }
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await;
    let slot = slot.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

async fn serve(stream: TcpStream, routes: Router, mut stop: Stop, _slot: OwnedSemaphorePermit) {
    // An answer is small, and its sender waits for it.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(routes);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
