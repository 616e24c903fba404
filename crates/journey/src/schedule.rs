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
use harmonia_core::time::{HOUR_US, Instant, MINUTE_US};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a scheduler sleeps at most before it looks at the clock again.
const NAP: Duration = Duration::from_millis(500);
/// How long a leader leads at most without saying so again: as long as that, nobody ticks when it died.
const MOST_LEAD: Duration = Duration::from_secs(15);
/// Ticks that were due longer ago are left out, but for the last where none came since.
const LATE_US: i64 = HOUR_US;
/// By so much the clocks of two machines may differ before a word is said of it.
const AHEAD_US: i64 = 15 * MINUTE_US;
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

/// Everything that has a schedule: in its agent file, or in the configuration, which goes first. What is
/// wrong with the configuration is added to the complaints; the agent file counts then.
fn entries(journey: &Journey, config: &Config, complaints: &mut BTreeSet<String>) -> Vec<Entry> {
    let mut configured: BTreeMap<&str, _> = config
        .schedules
        .iter()
        .map(|(name, schedule)| (name.as_str(), schedule))
        .collect();
    let mut entries = of_agents(journey);
    entries.retain_mut(|entry| match configured.remove(entry.name.as_str()) {
        None => true,
        Some(Ok(None)) => false,
        Some(Ok(Some(schedule))) => {
            entry.schedule = schedule.clone();
            true
        }
        Some(Err(wrong)) => {
            complaints.insert(format!("{wrong}. Until then it is as the agent file says"));
            true
        }
    });
    // What is left is nobody's.
    complaints.extend(configured.into_keys().map(|name| {
        format!(
            "the schedule {name} is set, and no agent file has what it is of: \
             `harmonia config unset schedule:{name}`"
        )
    }));
    entries
}

/// Everything that has a schedule in its agent file.
fn of_agents(journey: &Journey) -> Vec<Entry> {
    let agents = &journey.agents;
    let feeds = agents.all().iter().flat_map(|agent| &agent.feeds);
    let looks = feeds.filter_map(|feed| {
        Some(Entry {
            name: format!("look:{}", feed.name),
            schedule: Schedule::parse(feed.source.schedule()?).ok()?,
            what: What::Look(feed.name.clone()),
        })
    });
    let sweeps = agents.sweeps().filter_map(|(scheme, sweep)| {
        Some(Entry {
            name: format!("sweep:{}", agents.of_scheme(scheme)?.slug),
            schedule: sweep.schedule.clone(),
            what: What::Sweep(scheme),
        })
    });
    looks.chain(sweeps).collect()
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
    /// What it complained of in its last round.
    complaints: BTreeSet<String>,
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
            complaints: BTreeSet::new(),
        }
    }

    /// By what it leads, as far as it knows.
    pub fn lease(&self) -> Option<Lease> {
        self.leading.as_ref().map(|leading| leading.lease)
    }

    /// Leads if nobody else does, and commits what is due. Returns the ticks that it committed.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    pub async fn round(&mut self) -> Result<Vec<Tick>, StoreError> {
        let now = self.journey.now();
        if self.leading.as_ref().is_none_or(|leading| {
            // A clock that was put back must not make it silent.
            now >= leading.again_at || now.plus(lead_us(self.journey)) < leading.again_at
        }) {
            self.lead(now).await?;
        }
        if self.leading.is_none() {
            return Ok(Vec::new());
        }
        self.journey.check_in(Part::Scheduler).await;
        match self.tick(now).await {
            Ok(ticks) => Ok(ticks),
            // Another led meanwhile.
            Err(CommitError::StaleLease | CommitError::Conflict) => {
                self.leading = None;
                Ok(Vec::new())
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
        let config = self.journey.config().await?;
        // The round that follows complains.
        for entry in entries(self.journey, &config, &mut BTreeSet::new()) {
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
    async fn tick(&mut self, now: Instant) -> Result<Vec<Tick>, CommitError> {
        let Some(leading) = &mut self.leading else {
            return Ok(Vec::new());
        };
        let mut changes = Changes::none(now);
        let mut shown = Vec::new();
        let mut complaints = BTreeSet::new();
        let config = self.journey.config().await?;
        for entry in entries(self.journey, &config, &mut complaints) {
            let last = leading.ticked.get(&entry.name).copied();
            complaints.extend(last.and_then(|last| from_the_future(&entry.name, last, now)));
            let ticks = due(&entry.schedule, last, now);
            if ticks.is_empty() {
                continue;
            }
            changes.jobs.push(entry.job(now));
            let rest_us = entry.schedule.next_after(now).0.abs_diff(now.0);
            shown.push((entry.name.clone(), Duration::from_micros(rest_us)));
            changes.ticks.extend(ticks.into_iter().map(|at| Tick {
                schedule: entry.name.clone(),
                at,
            }));
        }
        for complaint in complaints.difference(&self.complaints) {
            tracing::warn!("{complaint}");
        }
        self.complaints = complaints;
        if changes.ticks.is_empty() {
            return Ok(Vec::new());
        }
        let ticks = changes.ticks.clone();
        self.journey.commit(leading.lease, changes).await?;
        let ticked = ticks.iter().map(|tick| (tick.schedule.clone(), tick.at));
        leading.ticked.extend(ticked);
        self.journey.signals.ticked(&self.journey.holder, shown);
        Ok(ticks)
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

/// What is to be said of a schedule that ticked at a time which is far from having come.
fn from_the_future(name: &str, last: Instant, now: Instant) -> Option<String> {
    (last > now.plus(AHEAD_US)).then(|| {
        format!(
            "the schedule {name} ticked at {last} already, and does not tick before: this machine's \
             clock is wrong, or another's was"
        )
    })
}

/// The ticks of a schedule that are due. One that was never seen before begins with the present.
fn due(schedule: &Schedule, last: Option<Instant>, now: Instant) -> Vec<Instant> {
    let Some(last) = last else {
        return vec![now];
    };
    let mut reach = LATE_US;
    // Further and further back: of what is long ago, the one that was due last stands for all.
    while schedule.tick_after(last).is_some_and(|tick| tick <= now) {
        let most = if reach == LATE_US { MOST_LATE } else { 1 };
        let ticks = schedule.ticks(last.max(now.plus(-reach)), now, most);
        if !ticks.is_empty() {
            return ticks;
        }
        reach = reach.saturating_mul(2);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_core::time::DAY_US;

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
        let late = due(&daily, Some(last), Instant(2 * DAY_US));
        let yesterday = Instant(DAY_US + 7 * HOUR_US);
        assert_eq!(late, [yesterday], "it is done, if late");
        let year = Instant(365 * DAY_US);
        let late = due(&daily, Some(last), year);
        assert_eq!(late, [Instant(364 * DAY_US + 7 * HOUR_US)]);
        assert_eq!(due(&daily, Some(late[0]), year), [], "once for all");
        assert_eq!(due(&minutely, Some(year), last), [], "a clock put back");
    }
}
