//! `harmonia drain`: work until nothing is due.

use crate::cli::DrainArgs;
use crate::commands::status;
use crate::output::{Failure, Printer, complain};
use crate::wiring::Wiring;
use harmonia_core::changes::Queue;
use harmonia_journey::ports::StoreError;
use harmonia_journey::{Journey, drive};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// The queues that can be worked off: files are read by whoever has them.
pub const QUEUES: [Queue; 5] = [
    Queue::Identify,
    Queue::Matching,
    Queue::MatchingSlow,
    Queue::Streaming,
    Queue::Export,
];
/// How long to wait before looking again at work that another process has in hand.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often work that failed is waited for, before it is left to a later drain.
const PATIENCE: u32 = 3;

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is due.
    Idle,
    /// The time ran out.
    TimedOut,
    /// Some work fails again and again; it is scheduled to be tried later.
    Failing,
}

/// Drains, then says where everything stands.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &DrainArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let drained = drain(&journey, args.timeout).await?;
    let standing = journey.store.status(journey.now()).await?;
    printer.print(&standing, || status::shown(&standing))?;
    match drained {
        Drained::Idle => return Ok(ExitCode::SUCCESS),
        Drained::TimedOut => complain(
            "there was still work at the time-out: run it again, or with a longer --timeout",
        ),
        Drained::Failing => complain(
            "some work fails, as the log says, and stays to be done: mend the cause, then run it \
             again",
        ),
    }
    Ok(ExitCode::FAILURE)
}

/// Works until nothing is due. Work that fails is waited for and tried again a few times.
pub async fn drain(journey: &Journey, timeout: Option<Duration>) -> Result<Drained, Failure> {
    let (stop_working, stop) = watch::channel(false);
    let work = work_off(journey, &stop);
    let Some(timeout) = timeout else {
        return work.await;
    };
    tokio::pin!(work);
    tokio::select! {
        drained = &mut work => drained,
        () = tokio::time::sleep(timeout) => {
            // What is in hand is finished, nothing more is begun.
            let _ = stop_working.send(true);
            work.await
        }
    }
}

/// Whether something is due or in somebody's hands: what another process works on is waited for, and
/// so are files that are being read.
pub async fn is_at_work(journey: &Journey) -> Result<bool, StoreError> {
    let (store, now) = (&journey.store, journey.now());
    Ok(store.is_busy(&QUEUES, now).await? || store.is_in_hand(&[Queue::Import], now).await?)
}

async fn work_off(journey: &Journey, stop: &drive::Stop) -> Result<Drained, Failure> {
    let mut failing = 0;
    loop {
        let worked = drive::until_idle(journey, &QUEUES, stop).await?;
        failing = if worked.failed > 0 { failing + 1 } else { 0 };
        if failing > PATIENCE {
            return Ok(Drained::Failing);
        }
        if failing == 0 && !is_at_work(journey).await? {
            return Ok(Drained::Idle);
        }
        if *stop.borrow() {
            return Ok(Drained::TimedOut);
        }
        let wait = if failing > 0 {
            Duration::from_secs(1 << failing)
        } else {
            LOOK_AGAIN
        };
        tokio::time::sleep(wait).await;
    }
}
