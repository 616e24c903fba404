//! The broker of the tests: what publishers and its operator do there.

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::io::Write;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::runtime::Runtime;

/// Held for writing while the broker itself is stopped.
static STANDING: RwLock<()> = RwLock::new(());

/// A broker, or one virtual host of it.
pub struct Broker {
    /// Its address, with the password.
    pub address: String,
    runtime: Runtime,
}

impl Broker {
    /// The broker of the tests; `None`, said loudly, where there is none.
    pub fn of_tests() -> Option<Self> {
        let Ok(address) = std::env::var("HARMONIA_TEST_AMQP_DSN") else {
            let test = std::thread::current();
            // Past the harness, which keeps back what a test that passes prints.
            let _ = writeln!(
                std::io::stderr(),
                "LEFT OUT: {}: no HARMONIA_TEST_AMQP_DSN; s/services start, s/services env",
                test.name().unwrap_or("a test of message queues")
            );
            return None;
        };
        Some(Self {
            address,
            runtime: Runtime::new().unwrap(),
        })
    }

    /// What the password is: it must be nowhere.
    pub fn password(&self) -> &str {
        let user_and_password = self.address.split(['/', '@']).nth(2).unwrap();
        user_and_password.split_once(':').unwrap().1
    }

    /// For as long as this is held, nobody stops it.
    pub fn standing(&self) -> RwLockReadGuard<'static, ()> {
        STANDING.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To stop it, once nobody needs it standing.
    pub fn to_be_stopped(&self) -> RwLockWriteGuard<'static, ()> {
        STANDING.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A virtual host of it, new and empty.
    pub fn host(&self, name: &str) -> Self {
        let _ = rabbitmqctl(&["delete_vhost", name]);
        rabbitmqctl(&["add_vhost", name]).unwrap();
        let anybody = ["set_permissions", "-p", name, "harmonia", ".*", ".*", ".*"];
        rabbitmqctl(&anybody).unwrap();
        Self {
            address: self.address.replace("%2f", name),
            runtime: Runtime::new().unwrap(),
        }
    }

    /// Publishes messages, each kept on disk, and waits until the broker has them.
    pub fn publish(&self, queue: &str, messages: &[impl AsRef<[u8]>]) {
        self.with_channel(async |channel| {
            let asked = ConfirmSelectOptions::default();
            channel.confirm_select(asked).await.unwrap();
            let mut confirms = Vec::new();
            for message in messages {
                let durable = BasicProperties::default().with_delivery_mode(2);
                let options = BasicPublishOptions::default();
                let sent = channel.basic_publish(
                    "".into(),
                    queue.into(),
                    options,
                    message.as_ref(),
                    durable,
                );
                confirms.push(sent.await.unwrap());
            }
            for confirm in confirms {
                confirm.await.unwrap();
            }
        });
    }

    /// Makes a queue, durable.
    pub fn declare(&self, queue: &str, arguments: &[(&str, i32)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), AMQPValue::LongInt(*value));
        }
        self.with_channel(async |channel| {
            let durable = QueueDeclareOptions::durable();
            channel
                .queue_declare(queue.into(), durable, table)
                .await
                .unwrap();
        });
    }

    /// How many messages wait in a queue, and how many consumers it has; `None` where there is no
    /// such queue. Messages in somebody's hand do not wait.
    pub fn waiting(&self, queue: &str) -> Option<(u32, u32)> {
        let only_look = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        self.with_channel(async |channel| {
            let looked = channel.queue_declare(queue.into(), only_look, FieldTable::default());
            let looked = looked.await.ok()?;
            Some((looked.message_count(), looked.consumer_count()))
        })
    }

    /// Deletes queues.
    pub fn delete(&self, queues: &[String]) {
        self.with_channel(async |channel| {
            for queue in queues {
                let deleted = channel.queue_delete(queue.as_str().into(), Default::default());
                deleted.await.unwrap();
            }
        });
    }

    /// Takes all messages out of a queue: a header of each, and its body.
    pub fn take(&self, queue: &str, header: &str) -> Vec<(String, Vec<u8>)> {
        self.with_channel(async |channel| {
            let mut taken = Vec::new();
            let options = BasicGetOptions { no_ack: true };
            while let Some(message) = channel.basic_get(queue.into(), options).await.unwrap() {
                let headers = message.properties.headers().clone().unwrap_or_default();
                let value = match headers.inner().get(header) {
                    Some(AMQPValue::LongString(value)) => value.to_string(),
                    other => panic!("{header}: {other:?}"),
                };
                taken.push((value, message.delivery.data));
            }
            taken
        })
    }

    fn with_channel<T>(&self, work: impl AsyncFnOnce(Channel) -> T) -> T {
        self.runtime.block_on(async {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(&self.address, properties)
                .await
                .unwrap();
            let done = work(connection.create_channel().await.unwrap()).await;
            // The channel's own close may still be on its way: that is no failure.
            let _ = connection.close(200, "done".into()).await;
            done
        })
    }
}

/// Runs the broker's own tool.
///
/// # Errors
///
/// What the tool said when it did not succeed.
pub fn rabbitmqctl(arguments: &[&str]) -> Result<(), String> {
    let tool = std::env::var("HARMONIA_TEST_RABBITMQCTL").unwrap();
    let output = Command::new(tool).args(arguments).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}
