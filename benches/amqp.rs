//! Messages of `visa-settlement` from a broker into SQLite: those that wait in a queue, until each
//! is durable as a raw and a typed row and acknowledged. The broker works on the same machine.
//!
//! `s/bench amqp [MESSAGES]`, by default 200,000; `BENCH_WHOLE=1` with all the pairs that the
//! network sends. Three runs (`BENCH_RUNS`); median.

use async_trait::async_trait;
use harmonia_benches::{entry, journey, visa_settlement};
use harmonia_core::feed::Source;
use harmonia_gateway::amqp::{AmqpQueue, Broker};
use harmonia_journey::onboard::{onboard_mids, read_mids};
use harmonia_journey::ports::{MessageQueue, QueueError};
use harmonia_journey::{Journey, receive};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::time::Instant;
use tokio::sync::watch;

/// Confirms that a publisher lets stand out.
const OUTSTANDING: usize = 10_000;

fn main() {
    let Ok(address) = std::env::var("HARMONIA_TEST_AMQP_DSN") else {
        println!("LEFT OUT: no HARMONIA_TEST_AMQP_DSN; s/bench amqp starts a broker and sets it");
        return;
    };
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = args.iter().find_map(|arg| arg.parse().ok());
    let messages: usize = given.unwrap_or(200_000);
    let wanted = std::env::var("BENCH_RUNS").map_or(3, |runs| runs.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runs: Vec<(f64, usize)> = (0..wanted)
        .map(|_| runtime.block_on(run(&address, messages)))
        .collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rate = |(seconds, _): &(f64, usize)| messages as f64 / seconds;
    let (seconds, batches) = runs[wanted / 2];
    println!(
        "{messages} messages: {seconds:.2} s, {:.0} a second ({:.0}-{:.0}), {batches} batches",
        rate(&runs[wanted / 2]),
        rate(&runs[wanted - 1]),
        rate(&runs[0])
    );
}

/// Seconds until all were durable and acknowledged, and in how many batches.
async fn run(address: &str, messages: usize) -> (f64, usize) {
    let queue = format!("bench-{}", std::process::id());
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(address, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    publish(&channel, &queue, messages).await;

    let folder =
        tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| "/tmp".into())).unwrap();
    let journey = journey(folder.path(), 10_000).await;
    onboard(&journey).await;
    let feed = journey.agents.feed("visa-settlement").unwrap().clone();
    assert!(matches!(feed.source, Source::Amqp { prefetch: None, .. }));
    let (stopping, mut stop) = watch::channel(false);
    let mut counted = Counted {
        queue: Broker::at(address).unwrap().queue(&queue, 20_000),
        in_hand: 0,
        acknowledged: 0,
        batches: 0,
        wanted: messages,
        stopping,
    };
    let started = Instant::now();
    receive::forever(&journey, &feed, &mut counted, &mut stop).await;
    let seconds = started.elapsed().as_secs_f64();
    let batches = counted.batches;

    let status = journey.store.status(journey.now()).await.unwrap();
    assert_eq!(status.payments.count, messages as u64, "some were lost");
    drop(counted);
    let deleted = channel.queue_delete(queue.as_str().into(), Default::default());
    assert_eq!(deleted.await.unwrap(), 0, "some were not acknowledged");
    (seconds, batches)
}

/// A queue that counts what is acknowledged, and stops whoever receives when that is all.
struct Counted {
    queue: AmqpQueue,
    in_hand: usize,
    acknowledged: usize,
    batches: usize,
    wanted: usize,
    stopping: watch::Sender<bool>,
}

#[async_trait]
impl MessageQueue for Counted {
    fn source(&self) -> String {
        self.queue.source()
    }

    async fn receive(&mut self, most: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let received = self.queue.receive(most).await?;
        self.in_hand = received.len();
        Ok(received)
    }

    async fn acknowledge(&mut self) -> Result<(), QueueError> {
        self.queue.acknowledge().await?;
        self.batches += 1;
        self.acknowledged += self.in_hand;
        if self.acknowledged == self.wanted {
            self.stopping.send(true).unwrap();
        }
        Ok(())
    }

    async fn give_back(&mut self) -> Result<(), QueueError> {
        panic!("a batch could not be stored");
    }
}

/// The shops that the messages name.
async fn onboard(journey: &Journey) {
    let shop = |number| {
        format!("visa,mid-{number}a,primary,example-loyalty-scheme,place-{number},,Example,,,a\n")
    };
    let mids: String = (0..97).map(shop).collect();
    let mids = read_mids(mids.as_bytes()).unwrap();
    onboard_mids(
        journey.store.as_ref(),
        mids,
        entry("mids.import"),
        journey.now(),
    )
    .await
    .unwrap();
}

/// Fills a durable queue with messages that are kept on disk.
async fn publish(channel: &Channel, queue: &str, messages: usize) {
    let whole = std::env::var("BENCH_WHOLE").is_ok();
    channel
        .queue_declare(
            queue.into(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    let mut confirms = Vec::with_capacity(OUTSTANDING);
    for number in 0..messages {
        let message = visa_settlement(number, whole);
        let sent = channel.basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            message.as_bytes(),
            BasicProperties::default().with_delivery_mode(2),
        );
        confirms.push(sent.await.unwrap());
        if confirms.len() == OUTSTANDING || number + 1 == messages {
            for confirm in confirms.drain(..) {
                confirm.await.unwrap();
            }
        }
    }
}
