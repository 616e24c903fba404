//! What is announced, as messages of a broker: durable, and told to be taken over by it.
//!
//! Tries go to the exchange `tx_export_exchange` under two routing keys, `atlas` and `dw`; events to a
//! queue. Exchange, queues and bindings are made where they are missing. Header `X-Provider` is the
//! merchant's slug; `message_id` is the same whenever a message comes again.

use super::{Broker, declared};
use async_trait::async_trait;
use harmonia_core::announce::{Announcement, Topic};
use harmonia_journey::ports::{AnnounceError, Announcer};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

const EXCHANGE: &str = "tx_export_exchange";
/// Routing keys of the exchange, each with the queue that is bound by it.
const TOLD: [(&str, &str); 2] = [("atlas", "tx_matching"), ("dw", "tx_plutus_dw")];
const EVENTS: &str = "tx_export_dw";
/// How long the broker may take to take over what it was sent.
const PATIENCE: Duration = Duration::from_secs(30);
const DURABLE: u8 = 2;

/// Tells by a broker.
pub struct AmqpAnnouncer {
    broker: Broker,
    link: Mutex<Option<Link>>,
}

struct Link {
    channel: Channel,
    /// Closes when it is dropped.
    _connection: Connection,
}

impl Broker {
    /// Tells others by this broker. It is connected to when there is something to tell.
    pub fn announcer(self) -> AmqpAnnouncer {
        AmqpAnnouncer {
            broker: self,
            link: Mutex::default(),
        }
    }
}

#[async_trait]
impl Announcer for AmqpAnnouncer {
    async fn announce(&self, all: &[(Topic, Announcement)]) -> Result<(), AnnounceError> {
        let mut link = self.link.lock().await;
        // Taken out: whatever goes wrong, the next is connected anew.
        let connected = match link.take() {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        let publishing = publish(&connected.channel, all);
        let published = timeout(PATIENCE, publishing).await;
        published
            .map_err(|_| self.failed("it does not take over what it was sent"))?
            .map_err(|why| self.failed(&why))?;
        *link = Some(connected);
        Ok(())
    }
}

impl AmqpAnnouncer {
    async fn connect(&self) -> Result<Link, AnnounceError> {
        let connection = self.broker.connect("announcements").await;
        let connection = connection.map_err(|error| AnnounceError(error.to_string()))?;
        let channel = prepared(&connection).await;
        Ok(Link {
            channel: channel.map_err(|error| self.failed(&error.to_string()))?,
            _connection: connection,
        })
    }

    fn failed(&self, why: &str) -> AnnounceError {
        AnnounceError(self.broker.failed(why).to_string())
    }
}

/// A channel that confirms, to where all that is told has its place.
async fn prepared(connection: &Connection) -> lapin::Result<Channel> {
    for queue in TOLD.map(|(_, queue)| queue).into_iter().chain([EVENTS]) {
        declared(connection, queue).await?;
    }
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let (direct, nothing) = (ExchangeKind::Direct, FieldTable::default);
    channel
        .exchange_declare(EXCHANGE.into(), direct, durable, nothing())
        .await?;
    for (key, queue) in TOLD {
        let options = QueueBindOptions::default();
        channel
            .queue_bind(
                queue.into(),
                EXCHANGE.into(),
                key.into(),
                options,
                nothing(),
            )
            .await?;
    }
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

/// Sends all, and waits until the broker has each.
async fn publish(channel: &Channel, all: &[(Topic, Announcement)]) -> Result<(), String> {
    let mut sent = Vec::with_capacity(all.len() * TOLD.len());
    for (topic, announcement) in all {
        let places: &[(&str, &str)] = match topic {
            Topic::ExportAttempt => &TOLD.map(|(key, _)| (EXCHANGE, key)),
            // Of the exchange without a name each queue is a routing key.
            Topic::ExportEvent => &[("", EVENTS)],
        };
        for (exchange, key) in places {
            // Where nobody is bound any more, nothing is taken for told.
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let confirmed = channel
                .basic_publish(
                    (*exchange).into(),
                    (*key).into(),
                    options,
                    announcement.body.as_bytes(),
                    properties(announcement),
                )
                .await;
            sent.push(confirmed.map_err(|error| error.to_string())?);
        }
    }
    for confirmed in sent {
        match confirmed.await.map_err(|error| error.to_string())? {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(returned)) => {
                return Err(format!("no queue takes it: {}", returned.reply_text));
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                return Err("it does not take over what it was sent".to_owned());
            }
        }
    }
    Ok(())
}

fn properties(announcement: &Announcement) -> BasicProperties {
    let mut headers = FieldTable::default();
    let provider = AMQPValue::LongString(announcement.provider.as_str().into());
    headers.insert("X-Provider".into(), provider);
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(DURABLE)
        .with_message_id(announcement.uid.to_string().into())
        .with_headers(headers)
}
