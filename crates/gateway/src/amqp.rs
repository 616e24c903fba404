//! Feeds that come as messages: a queue of an AMQP 0.9.1 broker, such as RabbitMQ.
//!
//! The broker keeps each message until it is acknowledged, so there is nothing to repair here: what
//! goes wrong drops the connection, and with it all that was received and not acknowledged, which
//! the broker then gives again, in its order. The next `receive` connects anew; how long to rest
//! before that is for the caller to say.

mod announcer;

pub use announcer::AmqpAnnouncer;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use harmonia_journey::ports::{MessageQueue, QueueError};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::runtime::default_runtime;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{DeliveryTag, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ErrorKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a batch of several messages waits for more of them. A lone message is not kept waiting.
const GATHERING: Duration = Duration::from_millis(4);
/// A batch of this many bytes takes no further message, whatever its number: it is held in memory.
const BATCH_BYTES: usize = 64 << 20;
/// A dead connection is noticed within twice this time, where the address does not say otherwise.
const HEARTBEAT_S: u16 = 30;
/// How long to wait for a broker to take the connection, where the address does not say otherwise.
const CONNECT_MS: u64 = 10_000;

/// A broker: its address, with what it needs to log in.
#[derive(Clone)]
pub struct Broker {
    uri: AMQPUri,
    /// Certificates of an authority that this machine does not trust by itself, in PEM.
    authority: Option<String>,
}

impl Broker {
    /// Of an address, `amqp://user:password@host:5672/%2f` or `amqps://…`. `heartbeat` (seconds) and
    /// `connection_timeout` (milliseconds) may stand in its query.
    ///
    /// # Errors
    /// [`QueueError`] when it is no such address; it does not repeat it, for it holds a password.
    pub fn at(address: &str) -> Result<Self, QueueError> {
        let mut uri: AMQPUri = address.parse().map_err(|_| {
            QueueError(
                "TXM_AMQP_DSN is not the address of a broker: write \
                 amqp://user:password@host:5672/%2f, or amqps://…, with what is special in user and \
                 password as %xx"
                    .to_owned(),
            )
        })?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
        uri.query.connection_timeout.get_or_insert(CONNECT_MS);
        Ok(Self {
            uri,
            authority: None,
        })
    }

    /// This broker, whose certificate may be signed by the authority of a file of certificates (PEM), or
    /// by any that this machine trusts anyway.
    ///
    /// # Errors
    /// [`QueueError`] when the file cannot be read or holds no certificate.
    pub fn trusting(mut self, authority: &Path) -> Result<Self, QueueError> {
        let failed = |why: &dyn std::fmt::Display| {
            QueueError(format!("TXM_AMQP_CA_FILE={}: {why}", authority.display()))
        };
        let pem = std::fs::read_to_string(authority).map_err(|error| failed(&error))?;
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        match certificates {
            Ok(some) if !some.is_empty() => {}
            Ok(_) => return Err(failed(&"there is no certificate in PEM in it")),
            Err(error) => return Err(failed(&error)),
        }
        self.authority = Some(pem);
        Ok(self)
    }

    /// One of its queues, which is made, durable, where there is none. At most `prefetch` messages
    /// are in hand at once.
    pub fn queue(&self, name: &str, prefetch: u16) -> AmqpQueue {
        AmqpQueue {
            broker: self.clone(),
            name: name.to_owned(),
            prefetch,
            link: None,
            gathered: Vec::new(),
        }
    }

    /// Connects, within the time there is for it.
    async fn connect(&self, queue: &str) -> Result<Connection, QueueError> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("harmonia {queue}").into());
        let patience =
            Duration::from_millis(self.uri.query.connection_timeout.unwrap_or(CONNECT_MS));
        let tls = OwnedTLSConfig {
            identity: None,
            cert_chain: self.authority.clone(),
        };
        let runtime = default_runtime().map_err(|error| self.failed(error))?;
        let connecting =
            Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime);
        // The network's part of it has the same limit already; a peer that takes the connection and
        // then says nothing has none.
        let connected = timeout(patience * 2, connecting)
            .await
            .map_err(|_| self.failed("it does not answer"))?;
        connected.map_err(|error| self.not_connected(&error.to_string()))
    }

    /// Why there is no connection; and what to do where the broker shows the certificate of an authority
    /// that nobody said is to be trusted.
    fn not_connected(&self, why: &str) -> QueueError {
        if why.contains("UnknownIssuer") {
            return self.failed(format_args!(
                "{why}: its certificate is signed by no authority that is trusted here; if it is \
                 yours, set TXM_AMQP_CA_FILE to the authority's certificate"
            ));
        }
        self.failed(why)
    }

    fn failed(&self, why: impl std::fmt::Display) -> QueueError {
        let authority = &self.uri.authority;
        QueueError(format!(
            "the broker at {}:{}: {why}",
            authority.host, authority.port
        ))
    }
}

/// One feed's queue.
pub struct AmqpQueue {
    broker: Broker,
    name: String,
    prefetch: u16,
    link: Option<Link>,
    /// The batch that is being gathered: here, so that it outlives a `receive` that is dropped.
    gathered: Vec<Vec<u8>>,
}

/// A subscription, for as long as its connection lives.
struct Link {
    consumer: Consumer,
    channel: Channel,
    /// The last message that was received and is not acknowledged.
    last: Option<DeliveryTag>,
    /// Closes when it is dropped.
    _connection: Connection,
}

#[async_trait]
impl MessageQueue for AmqpQueue {
    fn source(&self) -> String {
        format!("amqp queue {}", self.name)
    }

    async fn receive(&mut self, most: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let gathered = self.gather(most).await;
        self.or_let_go(gathered)?;
        Ok(std::mem::take(&mut self.gathered))
    }

    async fn acknowledge(&mut self) -> Result<(), QueueError> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let Some(last) = link.last.take() else {
            return Ok(());
        };
        let all_up_to_it = BasicAckOptions { multiple: true };
        let told = link.channel.basic_ack(last, all_up_to_it).await;
        let told = told.map_err(|error| self.broker.failed(error));
        self.or_let_go(told)
    }

    async fn give_back(&mut self) -> Result<(), QueueError> {
        // To refuse them would set them behind what has been received since; this keeps the order.
        self.let_go();
        Ok(())
    }
}

impl AmqpQueue {
    /// Gathers a batch: waits for the first message and takes those that are there.
    async fn gather(&mut self, most: usize) -> Result<(), QueueError> {
        if self.link.is_none() {
            self.link = Some(self.subscribe().await?);
        }
        let most = most.min(usize::from(self.prefetch));
        if self.gathered.is_empty() {
            let first = self.consumer()?.next().await;
            self.take(first)?;
        }
        // Asleep, and not waiting for each: to be woken thousands of times would cost more than all
        // the rest.
        if self.take_what_is_there(most)? && self.gathered.len() > 1 {
            sleep(GATHERING).await;
            self.take_what_is_there(most)?;
        }
        Ok(())
    }

    /// Takes what has arrived; whether there is room for more.
    fn take_what_is_there(&mut self, most: usize) -> Result<bool, QueueError> {
        let mut bytes: usize = self.gathered.iter().map(Vec::len).sum();
        while self.gathered.len() < most && bytes < BATCH_BYTES {
            let Some(next) = self.consumer()?.next().now_or_never() else {
                return Ok(true);
            };
            bytes += self.take(next)?;
        }
        Ok(false)
    }

    fn consumer(&mut self) -> Result<&mut Consumer, QueueError> {
        match &mut self.link {
            Some(link) => Ok(&mut link.consumer),
            None => Err(self.broker.failed("not connected")),
        }
    }

    /// Puts what the subscription gave to the batch; gives its length.
    fn take(&mut self, next: Option<lapin::Result<Delivery>>) -> Result<usize, QueueError> {
        let ended = "it ended the subscription, as it does when a queue is deleted";
        let delivery = next
            .ok_or_else(|| self.broker.failed(ended))?
            .map_err(|error| self.broker.failed(error))?;
        if let Some(link) = &mut self.link {
            link.last = Some(delivery.delivery_tag);
        }
        let length = delivery.data.len();
        self.gathered.push(delivery.data);
        Ok(length)
    }

    /// Connects, makes the queue where it is missing, and subscribes.
    async fn subscribe(&self) -> Result<Link, QueueError> {
        let connection = self.broker.connect(&self.name).await?;
        let link = self.subscribe_on(&connection).await;
        let (channel, consumer) = link.map_err(|error| {
            self.broker
                .failed(format_args!("queue {}: {error}", self.name))
        })?;
        tracing::info!(queue = %self.name, prefetch = self.prefetch, "connected to the broker");
        Ok(Link {
            consumer,
            channel,
            last: None,
            _connection: connection,
        })
    }

    async fn subscribe_on(&self, connection: &Connection) -> lapin::Result<(Channel, Consumer)> {
        let name = || self.name.as_str().into();
        let channel = declared(connection, &self.name).await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                name(),
                // The broker finds a name for the subscription.
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }

    fn or_let_go<T>(&mut self, result: Result<T, QueueError>) -> Result<T, QueueError> {
        if result.is_err() {
            self.let_go();
        }
        result
    }

    /// Drops the connection, and what was received on it: the broker gives that again.
    fn let_go(&mut self) {
        self.link = None;
        self.gathered.clear();
    }
}

/// A channel on which a queue has been declared. One that exists is left as it is, whatever its
/// kind and arguments.
async fn declared(connection: &Connection, name: &str) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    let only_look = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let looked = channel
        .queue_declare(name.into(), only_look, FieldTable::default())
        .await;
    match looked {
        Ok(_) => return Ok(channel),
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(error),
    }
    // The broker closed the channel with its answer.
    let channel = connection.create_channel().await?;
    channel
        .queue_declare(
            name.into(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await?;
    Ok(channel)
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ProtocolError(error)
            if *error.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_not_repeated() {
        for address in [
            "",
            "secret",
            "http://user:secret@host/",
            "amqp://user:secret@host:x/",
        ] {
            let error = Broker::at(address).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(error.contains("TXM_AMQP_DSN"), "{error}");
        }
    }

    #[test]
    fn a_file_of_certificates_that_holds_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let broker = Broker::at("amqps://user:secret@host").unwrap();
        let refused = |words: &str| {
            let error = broker.clone().trusting(&file).err().unwrap().to_string();
            assert!(error.contains("TXM_AMQP_CA_FILE="), "{error}");
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        };
        refused("No such file");
        std::fs::write(&file, "not a certificate").unwrap();
        refused("no certificate in PEM");
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n!!!\n").unwrap();
        refused("");
    }

    #[test]
    fn limits_of_the_address_hold() {
        let broker = Broker::at("amqp://h/%2f?heartbeat=7&connection_timeout=5").unwrap();
        assert_eq!(broker.uri.query.heartbeat, Some(7));
        assert_eq!(broker.uri.query.connection_timeout, Some(5));
        let broker = Broker::at("amqps://u:p@h").unwrap();
        assert_eq!(broker.uri.query.heartbeat, Some(HEARTBEAT_S));
        assert_eq!(broker.uri.vhost, "/");
    }

    #[tokio::test]
    async fn who_does_not_listen_is_an_error_without_the_password() {
        let mut queue = Broker::at("amqp://user:secret@127.0.0.1:1/%2f")
            .unwrap()
            .queue("q", 10);
        let error = queue.receive(5).await.unwrap_err().to_string();
        assert!(error.starts_with("the broker at 127.0.0.1:1: "), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(queue.source(), "amqp queue q");
    }
}
