//! Schedule: the leader among all schedulers says when something is due, and another commit does it.
//!
//! A tick is one commit with the job that it asks for, and the store takes no tick of a schedule that is
//! not after the last: so each is done once, whoever leads, however their clocks differ, and whenever
//! they die. Ticks that nobody was there for come late, but for those of long ago.

use crate::Journey;
use crate::drive::Stop;
use crate::ports::{CommitError, Lease, Part, StoreError};
use harmonia_core::changes::{Changes, JobEnd, Lane, NewJob, NewWork, Queue, Tick, Work};
use harmonia_core::config::Config;
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_core::schedule::Schedule;
use harmonia_core::time::{HOUR_US, Instant};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a scheduler sleeps at most before it looks at the clock again.
const NAP: Duration = Duration::from_millis(500);
/// How long a leader leads at most without saying so again: as long as that, nobody ticks when it died.
const MOST_LEAD: Duration = Duration::from_secs(15);
/// Ticks that were due longer ago are left out, but for the last of each schedule.
const LATE_US: i64 = HOUR_US;
/// At most so many ticks of a schedule come late.
const MOST_LATE: usize = 60;

/// Something that is done on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What it is called among the schedules.
    name: String,
    schedule: Schedule,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Look(Slug),
    Sweep(SchemeId),
}

impl Entry {
    fn job(&self, ready_at: Instant) -> NewJob {
        let (queue, lane, work) = match &self.what {
            What::Look(feed) => (Queue::Import, None, NewWork::Look(feed.clone())),
            What::Sweep(scheme) => {
                let work = Work::Sweep { scheme: *scheme };
                let lane = Lane::several(*scheme);
                (Queue::MatchingSlow, Some(lane), NewWork::Known(work))
            }
        };
        NewJob {
            queue,
            lane,
            ready_at,
            work,
        }
    }
}

/// Everything that has a schedule: in its agent file, or in the configuration, which goes first.
fn entries(journey: &Journey, config: &Config) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |name: String, of_agent: Schedule, what: What| {
        let schedule = match config.schedules.get(&name) {
            Some(None) => return,
            Some(Some(schedule)) => schedule.clone(),
            None => of_agent,
        };
        entries.push(Entry {
            name,
            schedule,
            what,
        });
    };
    for feed in journey.agents.all().iter().flat_map(|agent| &agent.feeds) {
        let schedule = feed.source.schedule().map(Schedule::parse);
        if let Some(Ok(schedule)) = schedule {
            let what = What::Look(feed.name.clone());
            add(format!("look:{}", feed.name), schedule, what);
        }
    }
    for (scheme, sweep) in journey.agents.sweeps() {
        if let Some(agent) = journey.agents.of_scheme(scheme) {
            let name = format!("sweep:{}", agent.slug);
            add(name, sweep.schedule.clone(), What::Sweep(scheme));
        }
    }
    entries
}

/// Watches the schedules until told to stop, while no other process does.
pub async fn forever(journey: &Journey, stop: &mut Stop) {
    let mut scheduler = Scheduler::new(journey);
    while !*stop.borrow() {
        if let Err(error) = scheduler.round().await {
            tracing::warn!(%error, "the schedules cannot be watched");
            scheduler.leading = None;
        }
        tokio::select! {
            () = tokio::time::sleep(NAP) => {}
            _ = stop.changed() => {}
        }
    }
    scheduler.resign().await;
}

/// One scheduler among any number.
pub struct Scheduler<'a> {
    journey: &'a Journey,
    leading: Option<Leading>,
}

/// What a leader knows.
struct Leading {
    lease: Lease,
    /// When it has to say again that it leads.
    again_at: Instant,
    /// When each schedule ticked last.
    ticked: BTreeMap<String, Instant>,
}

impl<'a> Scheduler<'a> {
    /// One that does not lead yet.
    pub fn new(journey: &'a Journey) -> Self {
        Self {
            journey,
            leading: None,
        }
    }

    /// Leads if nobody else does, and commits what is due.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        let now = self.journey.now();
        if self.leading.as_ref().is_none_or(|leading| {
            // A clock that was put back must not make it silent.
            now >= leading.again_at || now.plus(lead_us(self.journey)) < leading.again_at
        }) {
            self.lead(now).await?;
        }
        if self.leading.is_none() {
            return Ok(());
        }
        self.journey.check_in(Part::Scheduler).await;
        match self.tick(now).await {
            Ok(()) => Ok(()),
            // Another led meanwhile.
            Err(CommitError::StaleLease | CommitError::Conflict) => {
                self.leading = None;
                Ok(())
            }
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Leads, or goes on leading, unless another does.
    async fn lead(&mut self, now: Instant) -> Result<(), StoreError> {
        let (store, lead_us) = (&self.journey.store, lead_us(self.journey));
        let lease = store
            .lead(&self.journey.holder, now, now.plus(lead_us))
            .await?;
        let Some(lease) = lease else {
            self.leading = None;
            return Ok(());
        };
        let again_at = now.plus(lead_us / 3);
        match &mut self.leading {
            Some(leading) if leading.lease == lease => leading.again_at = again_at,
            _ => {
                tracing::info!("watching the schedules");
                self.leading = Some(Leading {
                    lease,
                    again_at,
                    ticked: store.ticked().await?,
                });
                self.look_around(now, lease).await?;
            }
        }
        Ok(())
    }

    /// What arrived while nobody watched is looked for at once.
    async fn look_around(&self, now: Instant, lease: Lease) -> Result<(), StoreError> {
        let mut changes = Changes::none(now);
        for entry in entries(self.journey, &self.journey.config().await?) {
            if let What::Look(_) = entry.what {
                changes.jobs.push(entry.job(now));
            }
        }
        match self.journey.commit(lease, changes).await {
            Err(CommitError::Store(error)) => Err(error),
            // If another leads it did the same.
            _ => Ok(()),
        }
    }

    /// Commits every tick that is due, each with what it asks for.
    async fn tick(&mut self, now: Instant) -> Result<(), CommitError> {
        let Some(leading) = &mut self.leading else {
            return Ok(());
        };
        let mut changes = Changes::none(now);
        let mut ticked = Vec::new();
        for entry in entries(self.journey, &self.journey.config().await?) {
            let ticks = due(
                &entry.schedule,
                leading.ticked.get(&entry.name).copied(),
                now,
            );
            if ticks.is_empty() {
                continue;
            }
            changes.jobs.push(entry.job(now));
            let rest_us = entry.schedule.next_after(now).0.abs_diff(now.0);
            ticked.push((entry.name.clone(), Duration::from_micros(rest_us)));
            changes.ticks.extend(ticks.into_iter().map(|at| Tick {
                schedule: entry.name.clone(),
                at,
            }));
        }
        if changes.ticks.is_empty() {
            return Ok(());
        }
        let ticks = changes.ticks.clone();
        self.journey.commit(leading.lease, changes).await?;
        let latest = ticks.into_iter().map(|tick| (tick.schedule, tick.at));
        leading.ticked.extend(latest);
        self.journey.signals.ticked(&self.journey.holder, ticked);
        Ok(())
    }

    /// Lets another lead at once.
    pub async fn resign(&self) {
        if let Some(leading) = &self.leading {
            let mut changes = Changes::none(self.journey.now());
            changes.job = JobEnd::Done;
            if let Err(error) = self.journey.commit(leading.lease, changes).await {
                tracing::debug!(%error, "another watches the schedules already");
            }
        }
    }
}

/// How long a leader leads without saying so again.
fn lead_us(journey: &Journey) -> i64 {
    let lead = journey.lease.min(MOST_LEAD).as_micros();
    i64::try_from(lead).unwrap_or(i64::MAX)
}

/// The ticks of a schedule that are due. One that was never seen before begins with the present.
fn due(schedule: &Schedule, last: Option<Instant>, now: Instant) -> Vec<Instant> {
    let Some(last) = last else {
        return vec![now];
    };
    let recent = schedule.ticks(last.max(now.plus(-LATE_US)), now, MOST_LATE);
    if !recent.is_empty() || now.0 - last.0 <= LATE_US {
        return recent;
    }
    // Of what is long ago, the one that was due first stands for all.
    let first = schedule.next_after(last);
    if first <= now {
        vec![first]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_core::time::{DAY_US, MINUTE_US};

    #[test]
    fn ticks_come_late_but_not_all_of_them() {
        let minutely = Schedule::parse("* * * * *").unwrap();
        let (last, minute) = (Instant(0), MINUTE_US);
        assert_eq!(due(&minutely, None, Instant(7)), [Instant(7)]);
        assert_eq!(due(&minutely, Some(last), Instant(minute - 1)), []);
        let two = due(&minutely, Some(last), Instant(2 * minute + 1));
        assert_eq!(two, [Instant(minute), Instant(2 * minute)]);
        let many = due(&minutely, Some(last), Instant(2 * DAY_US));
        assert_eq!(many.len(), 60);
        assert_eq!(many.last(), Some(&Instant(2 * DAY_US)));
        let daily = Schedule::parse("0 7 * * *").unwrap();
        let one = due(&daily, Some(last), Instant(2 * DAY_US));
        assert_eq!(one, [Instant(7 * HOUR_US)], "it is done, if late");
    }
}
