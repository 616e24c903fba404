//! Schedules, who watches them, and when each part of Harmonia worked last.

use super::world::World;
use harmonia_core::changes::Tick;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Holder, Lease};

/// Who watches the schedules.
#[derive(Clone)]
pub struct Leader {
    pub holder: Holder,
    pub token: i64,
    pub until: Instant,
}

impl World {
    /// Makes a holder the leader until a time, unless another is.
    pub fn lead(&mut self, holder: &Holder, now: Instant, until: Instant) -> Option<Lease> {
        let token = match &self.leader {
            None => 1,
            Some(leader) if leader.holder == *holder => leader.token,
            Some(leader) if leader.until <= now => leader.token + 1,
            Some(_) => return None,
        };
        let holder = holder.clone();
        self.leader = Some(Leader {
            holder,
            token,
            until,
        });
        Some(Lease::Leader { token })
    }

    /// Proves that whoever has a token leads; with `resigns` it is the last time.
    pub fn is_leader(&mut self, token: i64, resigns: bool) -> Result<(), CommitError> {
        let leader = self.leader.as_mut().filter(|leader| leader.token == token);
        let leader = leader.ok_or(CommitError::StaleLease)?;
        if resigns {
            leader.until = Instant(0);
        }
        Ok(())
    }

    /// Notes that schedules tick; one that ticked then or later is a conflict.
    pub fn tick(&mut self, ticks: Vec<Tick>) -> Result<(), CommitError> {
        for Tick { schedule, at } in ticks {
            if self.ticked.get(&schedule).is_some_and(|last| *last >= at) {
                return Err(CommitError::Conflict);
            }
            self.ticked.insert(schedule, at);
        }
        Ok(())
    }

    /// Notes that a part worked. The latest counts.
    pub fn check_in(&mut self, part: &str, at: Instant) {
        let last = self.check_ins.entry(part.to_owned()).or_insert(at);
        *last = at.max(*last);
    }
}
