//! Leasing work: who may commit for a job, and from when on nobody else may.

use super::world::{FileLog, JobRow, World, next_number};
use harmonia_core::changes::{Changes, JobEnd, Lane, Queue, Work};
use harmonia_core::ids::{FileId, JobId};
use harmonia_core::state::FileState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{
    CommitError, FileArrival, FileClaim, Holder, ImportOutcome, Job, Lease,
};

impl World {
    /// Leases the first due job of these queues.
    pub fn claim(
        &mut self,
        in_hand: &[Lane],
        queues: &[Queue],
        holder: &Holder,
        (now, until): (Instant, Instant),
    ) -> Option<Job> {
        let is_in_hand = |lane: Option<Lane>| lane.is_some_and(|lane| in_hand.contains(&lane));
        let first_due = |queue: &Queue| {
            let mut jobs = self.jobs.iter().filter(|(_, job)| job.queue == *queue);
            let is_free =
                |job: &JobRow| self.is_lane_free(job.lane, holder, now) && !is_in_hand(job.lane);
            jobs.find(|(_, job)| job.due() <= now && is_free(job))
                .map(|(id, _)| *id)
        };
        let id = queues.iter().find_map(first_due)?;
        self.take_lane_over(self.jobs.get(&id)?.lane, holder);
        let lease = self.lease(id, holder, until)?;
        let job = self.jobs.get(&id)?;
        Some(Job {
            lease,
            queue: job.queue,
            lane: job.lane,
            work: job.work.clone(),
            tries: job.tries - 1,
        })
    }

    fn is_lane_free(&self, lane: Option<Lane>, holder: &Holder, now: Instant) -> bool {
        let mut others = self.jobs.values().filter(|job| job.lane == lane);
        lane.is_none() || !others.any(|job| job.is_held_by_another(holder, now))
    }

    /// A lane passes to a holder whole: what another held in it and let run out is no longer its.
    fn take_lane_over(&mut self, lane: Option<Lane>, holder: &Holder) {
        let in_lane = |job: &&mut JobRow| lane.is_some() && job.lane == lane;
        for job in self.jobs.values_mut().filter(in_lane) {
            if job.lease.as_ref().is_some_and(|(other, _)| other != holder) {
                job.end_lease();
            }
        }
    }

    fn lease(&mut self, id: JobId, holder: &Holder, until: Instant) -> Option<Lease> {
        let job = self.jobs.get_mut(&id)?;
        job.token += 1;
        job.tries += 1;
        job.lease = Some((holder.clone(), until));
        Some(Lease::Job {
            job: id,
            token: job.token,
        })
    }

    /// When the next job of these queues is due.
    pub fn next_due(&self, queues: &[Queue]) -> Option<Instant> {
        let jobs = self.jobs.values();
        jobs.filter(|job| queues.contains(&job.queue))
            .map(JobRow::due)
            .min()
    }

    /// Adds a job.
    pub fn add_job(
        &mut self,
        queue: Queue,
        lane: Option<Lane>,
        work: Work,
        ready_at: Instant,
    ) -> JobId {
        self.jobs_made += 1;
        let id = JobId(self.jobs_made);
        let job = JobRow {
            queue,
            lane,
            work,
            ready_at,
            tries: 0,
            token: 0,
            lease: None,
        };
        self.jobs.insert(id, job);
        id
    }

    /// Proves the lease and says what becomes of its job.
    pub fn end_job(
        &mut self,
        lease: Lease,
        changes: &Changes,
        lease_us: i64,
    ) -> Result<(), CommitError> {
        let (id, token) = match lease {
            Lease::Job { job, token } => (job, token),
            Lease::Leader { token } => return self.is_leader(token, changes.job == JobEnd::Done),
            Lease::Operator => return Ok(()),
        };
        let job = self.jobs.get_mut(&id).filter(|job| job.token == token);
        let job = job.ok_or(CommitError::StaleLease)?;
        match changes.job {
            JobEnd::Keep => {
                let until = changes.at.plus(lease_us);
                job.lease = job.lease.take().map(|(holder, _)| (holder, until));
            }
            JobEnd::Again { ready_at } => {
                job.ready_at = ready_at;
                job.end_lease();
            }
            JobEnd::Done => {
                self.jobs.remove(&id);
            }
        }
        Ok(())
    }

    /// Leases a file for import.
    pub fn claim_file(
        &mut self,
        arrival: &FileArrival,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> FileClaim {
        let (file, job) = match self.unfinished(arrival) {
            Some(found) => found,
            None => self.begin_file(arrival, now),
        };
        let held_by = self.jobs.get(&job).and_then(|job| job.lease.clone());
        if let Some((other, leased_until)) = held_by
            && other != *holder
            && leased_until > now
        {
            return FileClaim::Busy { holder: other.0 };
        }
        FileClaim::Yours {
            file,
            lease: self.lease(job, holder, until).unwrap_or(Lease::Operator),
            records_read: self.files.get(&file).map_or(0, |log| log.counts.read),
        }
    }

    /// The log row and the job of this very file, if its import was interrupted.
    fn unfinished(&self, arrival: &FileArrival) -> Option<(FileId, JobId)> {
        let is_it = |log: &FileLog| {
            log.state == FileState::Importing
                && log.arrival.sha256 == arrival.sha256
                && log.arrival.provider == arrival.provider
                && log.arrival.feed_type == arrival.feed_type
                && log.arrival.feed_name == arrival.feed_name
                && log.arrival.canonical == arrival.canonical
        };
        let mut files = self.files.iter().filter(|(_, log)| is_it(log));
        files.find_map(|(file, _)| Some((*file, self.job_of_file(*file)?)))
    }

    fn job_of_file(&self, file: FileId) -> Option<JobId> {
        let mut jobs = self.jobs.iter();
        let found = jobs.find(|(_, job)| job.work == Work::File(file))?;
        Some(*found.0)
    }

    /// The log row of a feed's messages from one source on a day, made where there is none.
    pub fn message_log(&mut self, arrival: &FileArrival, now: Instant) -> FileId {
        let is_it = |log: &FileLog| {
            let of = &log.arrival;
            log.is_of_messages
                && log.created_at.day() == now.day()
                && (&of.provider, of.feed_type) == (&arrival.provider, arrival.feed_type)
                && (&of.feed_name, of.canonical) == (&arrival.feed_name, arrival.canonical)
                && of.source == arrival.source
        };
        if let Some((id, _)) = self.files.iter().find(|(_, log)| is_it(log)) {
            return *id;
        }
        let file = FileId(next_number(&self.files, |id| id.0));
        let log = FileLog {
            arrival: FileArrival {
                size_bytes: 0,
                sha256: String::new(),
                ..arrival.clone()
            },
            state: FileState::Imported,
            refusal: None,
            counts: ImportOutcome::default(),
            amount_minor: 0,
            purged: 0,
            purged_amount_minor: 0,
            is_of_messages: true,
            created_at: now,
            finished_at: Some(now),
        };
        self.files.insert(file, log);
        file
    }

    fn begin_file(&mut self, arrival: &FileArrival, now: Instant) -> (FileId, JobId) {
        let file = self.log_file(arrival, now);
        let job = self.add_job(Queue::Import, None, Work::File(file), now);
        (file, job)
    }

    /// Begins the row of a file of the log.
    pub fn log_file(&mut self, arrival: &FileArrival, now: Instant) -> FileId {
        let file = FileId(next_number(&self.files, |id| id.0));
        let log = FileLog {
            arrival: arrival.clone(),
            state: FileState::Importing,
            refusal: None,
            counts: ImportOutcome::default(),
            amount_minor: 0,
            purged: 0,
            purged_amount_minor: 0,
            is_of_messages: false,
            created_at: now,
            finished_at: None,
        };
        self.files.insert(file, log);
        file
    }
}
