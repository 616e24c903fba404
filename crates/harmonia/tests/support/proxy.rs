//! A way to a PostgreSQL server that breaks when it is told to: at a COMMIT, before it reaches the
//! server or before its answer comes back, or after so many bytes.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The message by which a client asks for its transaction to be made durable.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What becomes of a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes.
    Pass,
    /// The connection breaks before it reaches the server: nothing is written.
    CutBefore,
    /// The connection breaks when the server has answered: it is written, and nobody hears of it.
    CutAfter,
    /// It never reaches the server, and the connection stays.
    HoldBefore,
    /// The server has answered, and the answer never comes.
    HoldAfter,
}

impl Fate {
    fn is_before(self) -> bool {
        matches!(self, Self::CutBefore | Self::HoldBefore)
    }
}

/// Who decides what breaks.
#[derive(Default)]
struct Orders {
    /// Of the next COMMIT.
    commit: Option<Box<dyn FnMut() -> Fate + Send>>,
    /// After how many bytes, either way, a new connection breaks.
    connection: Option<Box<dyn FnMut() -> Option<u64> + Send>>,
    /// How many COMMITs came.
    seen: u64,
    /// How many COMMITs did not pass.
    met: u64,
    /// How many connections broke after their bytes.
    broken: u64,
}

/// A server, behind a proxy.
pub struct Proxy {
    address: String,
    orders: Arc<Mutex<Orders>>,
    // Ends whatever it passes on when it is dropped.
    _runtime: Runtime,
}

impl Proxy {
    /// Before the server of an address; everything passes.
    pub fn before(uri: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (_, rest) = uri.split_once('@').unwrap();
        let server = rest.split_once('/').unwrap().0.to_owned();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let orders = Arc::<Mutex<Orders>>::default();
        let shared = Arc::clone(&orders);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, orders) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(&server).await {
                        pass(client, server, &orders).await;
                    }
                });
            }
        });
        Self {
            address,
            orders,
            _runtime: runtime,
        }
    }

    /// The address by which a database is reached through it.
    pub fn uri(&self, uri: &str) -> String {
        let (credentials, rest) = uri.split_once('@').unwrap();
        let database = rest.split_once('/').unwrap().1;
        format!("{credentials}@{}/{database}?sslmode=disable", self.address)
    }

    /// Has each COMMIT from now on be asked about.
    pub fn at_commits(&self, fate: impl FnMut() -> Fate + Send + 'static) {
        self.orders.lock().unwrap().commit = Some(Box::new(fate));
    }

    /// Has each connection from now on break after so many bytes, or not.
    pub fn at_connections(&self, bytes: impl FnMut() -> Option<u64> + Send + 'static) {
        self.orders.lock().unwrap().connection = Some(Box::new(bytes));
    }

    /// Has one COMMIT meet a fate: that which comes after so many others.
    pub fn after_commits(&self, mut others: u64, fate: Fate) {
        let mut fate = Some(fate);
        self.at_commits(move || match others.checked_sub(1) {
            Some(left) => {
                others = left;
                Fate::Pass
            }
            None => fate.take().unwrap_or(Fate::Pass),
        });
    }

    /// Lets everything pass, but for connections that were made before.
    pub fn pass_all(&self) {
        let mut orders = self.orders.lock().unwrap();
        (orders.commit, orders.connection) = (None, None);
    }

    /// How many COMMITs came so far.
    pub fn seen(&self) -> u64 {
        self.orders.lock().unwrap().seen
    }

    /// How many COMMITs did not pass so far.
    pub fn met(&self) -> u64 {
        self.orders.lock().unwrap().met
    }

    /// How many connections broke after their bytes so far.
    pub fn broken(&self) -> u64 {
        self.orders.lock().unwrap().broken
    }
}

/// Passes bytes on, both ways, until one side ends or an order says so.
async fn pass(mut client: TcpStream, mut server: TcpStream, orders: &Mutex<Orders>) {
    let mut left = {
        let mut orders = orders.lock().unwrap();
        orders.connection.as_mut().and_then(|bytes| bytes())
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let passed = tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                let is_commit = up[..length].windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                let fate = if is_commit { fate(orders) } else { Fate::Pass };
                if !fate.is_before() && server.write_all(&up[..length]).await.is_err() {
                    return;
                }
                if fate != Fate::Pass {
                    return stand(fate, client, server, &mut down, orders).await;
                }
                length
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
                length
            }
        };
        if let Some(bytes) = &mut left {
            *bytes = bytes.saturating_sub(passed as u64);
            if *bytes == 0 {
                orders.lock().unwrap().broken += 1;
                return;
            }
        }
    }
}

fn fate(orders: &Mutex<Orders>) -> Fate {
    let mut orders = orders.lock().unwrap();
    orders.seen += 1;
    orders.commit.as_mut().map_or(Fate::Pass, |fate| fate())
}

/// Has a COMMIT meet its fate, and both sides part.
async fn stand(
    fate: Fate,
    mut client: TcpStream,
    mut server: TcpStream,
    down: &mut [u8],
    orders: &Mutex<Orders>,
) {
    if !fate.is_before() {
        // The server has answered: so it is durable.
        let _ = server.read(down).await;
    }
    orders.lock().unwrap().met += 1;
    if matches!(fate, Fate::HoldBefore | Fate::HoldAfter) {
        let _ = client.read(&mut [0; 1]).await;
    }
}
