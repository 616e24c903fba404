//! Receive: takes messages from a feed's queue, and acknowledges them when they are durable.

use crate::Journey;
use crate::drive::Stop;
use crate::import::import_messages;
use crate::ports::{MessageQueue, QueueError};
use harmonia_core::feed::Feed;
use harmonia_core::retry;
use std::time::Duration;

/// Receives a feed's messages until told to stop. While more are waiting, a batch is as large as the
/// journey's; a lone message is a batch of one. What goes wrong is logged and tried again, later and
/// later: the queue keeps what was not acknowledged.
pub async fn forever(
    journey: &Journey,
    feed: &Feed,
    queue: &mut dyn MessageQueue,
    stop: &mut Stop,
) {
    let mut failures = 0;
    while !*stop.borrow() {
        // What is not taken, the broker keeps.
        journey.wait_for_room(stop).await;
        let received = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            received = queue.receive(journey.batch) => received,
        };
        let done = match received {
            Ok(messages) => take(journey, feed, queue, &messages).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => failures = 0,
            Err(error) => {
                let pause = retry::reconnect_after(failures);
                failures += 1;
                tracing::warn!(feed = %feed.name, %error, ?pause, "could not take messages");
                rest(pause, stop).await;
            }
        }
    }
}

/// Imports a batch and acknowledges it, or gives it back.
async fn take(
    journey: &Journey,
    feed: &Feed,
    queue: &mut dyn MessageQueue,
    messages: &[Vec<u8>],
) -> Result<(), QueueError> {
    match import_messages(journey, feed, &queue.source(), messages).await {
        Ok(outcome) => {
            tracing::debug!(feed = %feed.name, ?outcome, "imported messages");
            queue.acknowledge().await
        }
        Err(error) => {
            queue.give_back().await?;
            Err(QueueError(error.to_string()))
        }
    }
}

async fn rest(pause: Duration, stop: &mut Stop) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stop.changed() => {}
    }
}
