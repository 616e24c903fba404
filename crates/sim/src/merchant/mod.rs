//! Merchants who are told over HTTP: one server on loopback, a merchant for each path.
//!
//! A script says what becomes of each request: it is taken, refused, taken without an answer, or answered
//! by something that is no answer. A merchant honours keys: one that it knows has no second effect. What
//! an effect was made of is kept, so that a purchase told twice under two keys is two effects.
//!
//! Each connection has a thread of its own, and the wire is written byte by byte: an HTTP library would
//! not let anything wrong go out.

mod wire;

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is processed, and answered with 200.
    Take,
    /// The same, but the answer comes so late.
    TakeSlowly(Duration),
    /// It is processed; no answer comes for as long as the connection is held.
    TakeAndHang,
    /// Nothing is done, and no answer comes.
    Hang,
    /// Nothing is done; the answer is this status, and no more.
    Refuse(u16),
    /// Nothing is done; 429, and in how many seconds it may be asked again.
    TooMany(u32),
    /// Nothing is done; the answer sends whoever asks to another address.
    Redirect(String),
    /// It is processed, and what comes back is not HTTP.
    TakeAndBabble,
}

impl Act {
    fn takes(&self) -> bool {
        use Act::{Take, TakeAndBabble, TakeAndHang, TakeSlowly};
        matches!(self, Take | TakeSlowly(_) | TakeAndHang | TakeAndBabble)
    }
}

/// Where a merchant finds the key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAt {
    /// In a header, whose name is compared without regard to case.
    Header(String),
    /// At a JSON pointer in the body, such as `/id`.
    Body(String),
}

impl Default for KeyAt {
    /// The header that every export has.
    fn default() -> Self {
        Self::Header("Idempotency-Key".to_owned())
    }
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which merchant: the path, without its query.
    pub path: String,
    /// The key; empty where it has none.
    pub key: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// How many came before it, under the same key, to the same merchant.
    pub before: usize,
    /// When it was whole.
    pub at: Instant,
}

/// A purchase that a merchant has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The key under which it came.
    pub key: String,
    /// What it was told.
    pub body: Vec<u8>,
    at: Instant,
}

#[derive(Default)]
struct Memory {
    heard: Vec<Heard>,
    effects: BTreeMap<String, Vec<Effect>>,
}

struct Shared {
    script: Box<dyn Fn(&Heard) -> Act + Send + Sync>,
    key_at: KeyAt,
    /// For how long a key is known; for ever where nothing is said.
    remembers: Option<Duration>,
    memory: Mutex<Memory>,
    is_over: AtomicBool,
}

/// The server. It is gone, with its connections, when this is dropped.
pub struct Merchants {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Merchants {
    /// Starts on a free port of 127.0.0.1; `script` says what becomes of each request. Keys are in the
    /// header of every export, and known for ever.
    ///
    /// # Errors
    /// What the operating system says where it gives no port or no thread.
    pub fn start(script: impl Fn(&Heard) -> Act + Send + Sync + 'static) -> io::Result<Self> {
        Self::start_with(KeyAt::default(), None, script)
    }

    /// Starts with keys elsewhere, which may be forgotten after a time.
    ///
    /// # Errors
    /// As [`Merchants::start`].
    pub fn start_with(
        key_at: KeyAt,
        remembers: Option<Duration>,
        script: impl Fn(&Heard) -> Act + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Box::new(script),
            key_at,
            remembers,
            memory: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().spawn(move || accept(&listener, &shared))?
        };
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// The address of a merchant, by its path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests, in the order in which they were whole.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.memory().heard.clone()
    }

    /// What a merchant has counted, in order.
    pub fn effects(&self, path: &str) -> Vec<Effect> {
        let memory = self.shared.memory();
        memory.effects.get(path).cloned().unwrap_or_default()
    }
}

impl Drop for Merchants {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Whoever waits for the next connection has one, and sees that it is over.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
    }
}

/// How long a connection may say nothing before it is asked whether all is over.
const PATIENCE: Duration = Duration::from_millis(100);

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(stream), shared) = (stream, Arc::clone(shared)) else {
            continue;
        };
        // Where no thread is to be had the connection closes, and whoever asked sees that.
        let _ = thread::Builder::new().spawn(move || serve(stream, &shared));
    }
}

/// Answers one connection's requests. What goes wrong on the wire ends it: the other end went away.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(wire::Patient::new(stream, &shared.is_over));
    loop {
        let request = match wire::read(&mut reader)? {
            wire::Read::Request(request) => request,
            wire::Read::End => return Ok(()),
            wire::Read::Wrong(status) => return wire::answer(&mut writer, status, &[], ""),
        };
        let act = shared.hear(request);
        match act {
            Act::Take => wire::answer(&mut writer, 200, &[], "{\"taken\": true}")?,
            Act::TakeSlowly(wait) => {
                thread::sleep(wait);
                wire::answer(&mut writer, 200, &[], "{\"taken\": true}")?;
            }
            Act::TakeAndHang | Act::Hang => return wire::hold(&mut reader),
            Act::Refuse(status) => wire::answer(&mut writer, status, &[], "")?,
            Act::TooMany(seconds) => {
                let header = ("Retry-After", seconds.to_string());
                wire::answer(&mut writer, 429, &[header], "")?;
            }
            Act::Redirect(to) => wire::answer(&mut writer, 307, &[("Location", to)], "")?,
            Act::TakeAndBabble => return wire::babble(&mut writer),
        }
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request, asks the script about it, and counts it where it is taken.
    fn hear(&self, request: wire::Request) -> Act {
        let key = self.key_of(&request);
        let mut memory = self.memory();
        let is_same = |other: &&Heard| other.path == request.path && other.key == key;
        let before = memory.heard.iter().filter(is_same).count();
        let heard = Heard {
            path: request.path,
            key,
            body: request.body,
            before,
            at: Instant::now(),
        };
        memory.heard.push(heard.clone());
        drop(memory);
        let act = (self.script)(&heard);
        if act.takes() {
            self.count(heard);
        }
        act
    }

    fn count(&self, heard: Heard) {
        let mut memory = self.memory();
        let effects = memory.effects.entry(heard.path).or_default();
        let is_known = |effect: &Effect| {
            let age = heard.at.saturating_duration_since(effect.at);
            let is_remembered = self.remembers.is_none_or(|remembers| age <= remembers);
            !heard.key.is_empty() && effect.key == heard.key && is_remembered
        };
        if !effects.iter().any(is_known) {
            effects.push(Effect {
                key: heard.key,
                body: heard.body,
                at: heard.at,
            });
        }
    }

    fn key_of(&self, request: &wire::Request) -> String {
        match &self.key_at {
            KeyAt::Header(name) => request.header(name).unwrap_or_default().to_owned(),
            KeyAt::Body(pointer) => {
                let body = serde_json::from_slice::<serde_json::Value>(&request.body).ok();
                let value = body.as_ref().and_then(|body| body.pointer(pointer));
                match value {
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => String::new(),
                }
            }
        }
    }
}
