//! The database's clock: what time it is for everyone who works on it.
//!
//! Leases, and when work is due, are judged by comparing times that different machines wrote. Were each
//! to go by its own clock, one that is ten minutes fast would take what others are working on, and one
//! that is slow would leave what others put down. So all ask one clock. It is looked at again with every
//! claim, and in between time goes on as it does by a clock that nobody can set.

use super::failure::Failure;
use super::rows::instant;
use harmonia_core::time::Instant;
use harmonia_journey::ports::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant as Ticks;
use tokio_postgres::Row;

/// What the server is asked.
const NOW: &str = "SELECT clock_timestamp()";

/// The time of a database, told without asking it each time.
#[derive(Debug)]
pub struct DatabaseClock {
    begin: Ticks,
    /// The database's time at `begin`, in microseconds.
    began_us: AtomicI64,
}

impl DatabaseClock {
    /// The clock of the server at the other end of a connection.
    ///
    /// # Errors
    /// `Failure` when the server does not answer.
    pub async fn of(client: &deadpool_postgres::Client) -> Result<Self, Failure> {
        let begin = Ticks::now();
        let told = client.query_one(NOW, &[]).await?;
        let began_us = AtomicI64::new(instant(&told, 0)?.0 - elapsed_us(begin) / 2);
        Ok(Self { begin, began_us })
    }

    /// Learns what the server told, in the first column of a row, between `asked` and now. A
    /// difference that may be the answer's way here counts for nothing.
    pub fn learn(&self, asked: Ticks, told: &Row, column: usize) -> Result<(), Failure> {
        let way_us = elapsed_us(asked);
        let began_us = instant(told, column)?.0 - elapsed_us(self.begin) + way_us / 2;
        if (began_us - self.began_us.load(Ordering::Relaxed)).abs() > way_us {
            self.began_us.store(began_us, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Instant {
        Instant(self.began_us.load(Ordering::Relaxed) + elapsed_us(self.begin))
    }
}

fn elapsed_us(since: Ticks) -> i64 {
    i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
}
