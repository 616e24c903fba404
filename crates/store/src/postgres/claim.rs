//! Leasing work: who may commit for a job, and from when on nobody else may.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, count, get, instant, optional_instant};
use super::work::Work;
use super::{Shared, import, lock, sql};
use harmonia_core::changes::{FileArrival, Lane, Queue, Work as Task};
use harmonia_core::ids::{FileId, JobId};
use harmonia_core::retention::begin_of;
use harmonia_core::time::{Day, Instant};
use harmonia_journey::ports::{FileClaim, Holder, Job, Lease, Turn};
use tokio_postgres::types::ToSql;

/// Who wants to lease, when, and until when.
#[derive(Clone, Copy)]
pub struct Claimer<'a> {
    pub holder: &'a Holder,
    pub now: Instant,
    pub until: Instant,
}

/// Leases the first due job of these queues, in none of the lanes that its holder has in hand.
pub async fn claim(
    shared: &Shared,
    in_hand: &[Lane],
    queues: &[Queue],
    claimer: Claimer<'_>,
) -> Result<Option<Job>, Failure> {
    let mut client = shared.pool.get().await?;
    for queue in queues {
        // Looking is free; only a queue with something due is worth a transaction.
        let due = client.prepare_cached(sql::job::next_due).await?;
        let asked = std::time::Instant::now();
        let due = client.query_one(&due, &[&queue.as_str()]).await?;
        shared.clock.learn(asked, &due, 1)?;
        if optional_instant(&due, 0)?.is_none_or(|due| due > claimer.now) {
            continue;
        }
        // And in none that another holder took between the look and the lease.
        let mut passed_over: Vec<i64> = in_hand.iter().map(|lane| lane.0).collect();
        loop {
            let session = Session::write(&mut client).await?;
            match claim_one(&session, *queue, claimer, &passed_over).await? {
                Found::Nothing => break,
                Found::Taken(lane) => passed_over.push(lane),
                Found::Job(job) => match session.commit().await {
                    Ok(()) => return Ok(Some(job)),
                    Err(failure) if failure.is_lost() => {
                        tracing::warn!("the answer to a claim was lost: asking whose the job is");
                        drop(client);
                        return resolve(shared, job, failure).await.map(Some);
                    }
                    Err(failure) => return Err(failure),
                },
            }
        }
    }
    Ok(None)
}

/// A job whose claim was made although its answer was lost. Nobody else would take it up before its
/// lease ran out, and nobody else its lane: so the server is asked until it answers. Asking locks the
/// job's row, and so waits for a claim that is still being made.
async fn resolve(shared: &Shared, job: Job, lost: Failure) -> Result<Job, Failure> {
    let Lease::Job { job: id, token } = job.lease else {
        return Err(lost);
    };
    let answer = shared
        .until_answered(|client| async move {
            let statement = client.prepare_cached(sql::job::is_leased).await?;
            Ok(client.query_opt(&statement, &[&id.0, &token]).await?)
        })
        .await?;
    match answer {
        Some(Some(_)) => Ok(job),
        Some(None) | None => Err(lost),
    }
}

enum Found {
    Nothing,
    /// A lane that is another's now, or whose first job is being looked at.
    Taken(i64),
    Job(Job),
}

async fn claim_one(
    session: &Session<'_>,
    queue: Queue,
    Claimer { holder, now, until }: Claimer<'_>,
    passed_over: &[i64],
) -> Result<Found, Failure> {
    let (name, now) = (queue.as_str(), Time(now));
    let values: [&(dyn ToSql + Sync); 4] = [&name, &now, &holder.0, &passed_over];
    let Some(row) = session.maybe(sql::job::claim, &values).await? else {
        return Ok(Found::Nothing);
    };
    let id: i64 = get(&row, 0)?;
    if let Some(lane) = get::<Option<i64>>(&row, 1)? {
        session.execute(sql::job::lock_lane, &[&lane]).await?;
        let values: [&(dyn ToSql + Sync); 5] = [&lane, &id, &now, &holder.0, &name];
        if !session.value::<bool>(sql::job::is_first, &values).await? {
            return Ok(Found::Taken(lane));
        }
    }
    let (_, token, mut job) = lease(session, id, holder, until).await?;
    if let Some(lane) = job.lane {
        let values: [&(dyn ToSql + Sync); 2] = [&lane.0, &holder.0];
        session.execute(sql::job::take_lane, &values).await?;
    }
    job.queue = queue;
    job.lease = Lease::Job {
        job: JobId(id),
        token,
    };
    Ok(Found::Job(job))
}

/// Leases a job; returns it with the token of the lease.
async fn lease(
    session: &Session<'_>,
    id: i64,
    holder: &Holder,
    until: Instant,
) -> Result<(JobId, i64, Job), Failure> {
    let values: [&(dyn ToSql + Sync); 3] = [&id, &holder.0, &Time(until)];
    let row = session.maybe(sql::job::lease, &values).await?;
    // It was there a moment ago; whoever made it go was first.
    let row = row.ok_or(Failure::Known)?;
    let tries = u32::try_from(get::<i64>(&row, 3)?).unwrap_or(u32::MAX);
    let (job, token) = (JobId(id), get(&row, 2)?);
    let leased = Job {
        lease: Lease::Job { job, token },
        queue: Queue::Import,
        lane: get::<Option<i64>>(&row, 0)?.map(Lane),
        work: Task::read(get(&row, 1)?),
        tries: tries.saturating_sub(1),
    };
    Ok((job, token, leased))
}

/// When the next job of these queues is due.
pub async fn next_due(session: &Session<'_>, queues: &[Queue]) -> Result<Option<Instant>, Failure> {
    let mut next: Option<Instant> = None;
    for queue in queues {
        let due: Option<Time> = session
            .value(sql::job::next_due, &[&queue.as_str()])
            .await?;
        next = due.map(|due| due.0).into_iter().chain(next).min();
    }
    Ok(next)
}

/// Whether a statement says of any of these queues that there is such a job.
pub async fn is_any(
    session: &Session<'_>,
    sql: &'static str,
    queues: &[Queue],
    now: Instant,
) -> Result<bool, Failure> {
    for queue in queues {
        let values: [&(dyn ToSql + Sync); 2] = [&queue.as_str(), &Time(now)];
        if session.value(sql, &values).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many jobs of these queues wait for their turn or are being worked on, up to `most`.
pub async fn waiting(
    session: &Session<'_>,
    queues: &[Queue],
    now: Instant,
    most: i64,
) -> Result<i64, Failure> {
    let mut waiting = 0;
    for queue in queues {
        let left = most - waiting;
        let values: [&(dyn ToSql + Sync); 3] = [&queue.as_str(), &Time(now), &left];
        waiting += session.value::<i64>(sql::job::waiting, &values).await?;
    }
    Ok(waiting)
}

/// Leases a file for import.
pub async fn claim_file(
    shared: &Shared,
    arrival: &FileArrival,
    claimer: Claimer<'_>,
) -> Result<FileClaim, Failure> {
    let mut client = shared.pool.get().await?;
    let turn = Turn::first();
    let mut work = Work::new(
        shared,
        Session::write(&mut client).await?,
        claimer.now,
        &turn,
    );
    let feed = import::feed_id(&mut work, &arrival.provider, arrival.feed_type).await?;
    // Two that found the same bytes come here one after the other.
    let file = format!("{feed} {} {}", arrival.feed_name, arrival.sha256);
    work.session.execute(sql::file::lock, &[&file]).await?;
    let claim = match find_unfinished(&work.session, arrival, feed).await? {
        Some(found)
            if found.leased_until > claimer.now
                && found.holder.as_ref() != Some(&claimer.holder.0) =>
        {
            FileClaim::Busy {
                holder: found.holder.unwrap_or_default(),
            }
        }
        Some(found) => {
            let leased = lease(&work.session, found.job, claimer.holder, claimer.until);
            let (job, token, _) = leased.await?;
            FileClaim::Yours {
                file: found.file,
                lease: Lease::Job { job, token },
                records_read: found.records_read,
            }
        }
        None => begin(&mut work, arrival, feed, claimer).await?,
    };
    end(shared, work).await?;
    Ok(claim)
}

/// Makes it durable, and remembers what was learnt.
async fn end(shared: &Shared, work: Work<'_>) -> Result<(), Failure> {
    work.session.commit().await?;
    lock(&shared.known).learn(work.learnt);
    Ok(())
}

/// The log row of a feed's messages from one source on the day of `now`, if there is one.
pub async fn find_message_log(
    session: &Session<'_>,
    arrival: &FileArrival,
    now: Instant,
) -> Result<Option<FileId>, Failure> {
    let (provider, kind) = (arrival.provider.as_str(), arrival.feed_type.as_str());
    let Some(feed) = session.maybe(sql::feed::find, &[&provider, &kind]).await? else {
        return Ok(None);
    };
    let (feed, day): (i64, Day) = (get(&feed, 0)?, now.day());
    let values: [&(dyn ToSql + Sync); 6] = [
        &arrival.feed_name.as_str(),
        &Time(begin_of(day)),
        &Time(begin_of(Day(day.0 + 1))),
        &feed,
        &arrival.canonical,
        &arrival.source,
    ];
    let found = session.maybe(sql::file::of_messages, &values).await?;
    found.map(|row| get(&row, 0).map(FileId)).transpose()
}

/// The log row of a feed's messages from one source on the day of `now`, made where there is none.
pub async fn message_log(
    shared: &Shared,
    arrival: &FileArrival,
    now: Instant,
) -> Result<FileId, Failure> {
    let mut client = shared.pool.get().await?;
    let turn = Turn::first();
    let mut work = Work::new(shared, Session::write(&mut client).await?, now, &turn);
    let feed = import::feed_id(&mut work, &arrival.provider, arrival.feed_type).await?;
    let file = message_row(&mut work, arrival, feed).await?;
    end(shared, work).await?;
    Ok(file)
}

/// The day's row of the log for the messages of a feed and a source, made where there is none.
pub async fn message_row(
    work: &mut Work<'_>,
    arrival: &FileArrival,
    feed: i64,
) -> Result<FileId, Failure> {
    if let Some(file) = find_message_log(&work.session, arrival, work.at).await? {
        return Ok(file);
    }
    // Two that make the day's row come here one after the other, and the second finds the first's.
    let place = format!("{feed} {} {}", arrival.feed_name, arrival.source);
    work.session.execute(sql::file::lock, &[&place]).await?;
    if let Some(file) = find_message_log(&work.session, arrival, work.at).await? {
        return Ok(file);
    }
    let id = work.take("import_file_log", 1).await?;
    let values: [&(dyn ToSql + Sync); 6] = [
        &id,
        &feed,
        &arrival.feed_name.as_str(),
        &arrival.canonical,
        &arrival.source,
        &Time(work.at),
    ];
    work.session
        .execute(sql::file::begin_messages, &values)
        .await?;
    Ok(FileId(id))
}

struct Unfinished {
    file: FileId,
    records_read: u64,
    job: i64,
    leased_until: Instant,
    holder: Option<String>,
}

async fn find_unfinished(
    session: &Session<'_>,
    arrival: &FileArrival,
    feed: i64,
) -> Result<Option<Unfinished>, Failure> {
    let values: [&(dyn ToSql + Sync); 4] = [
        &arrival.sha256,
        &feed,
        &arrival.feed_name.as_str(),
        &arrival.canonical,
    ];
    let Some(row) = session.maybe(sql::file::find_unfinished, &values).await? else {
        return Ok(None);
    };
    Ok(Some(Unfinished {
        file: FileId(get(&row, 0)?),
        records_read: count(&row, 1)?,
        job: get(&row, 2)?,
        leased_until: instant(&row, 3)?,
        holder: get(&row, 4)?,
    }))
}

async fn begin(
    work: &mut Work<'_>,
    arrival: &FileArrival,
    feed: i64,
    claimer: Claimer<'_>,
) -> Result<FileClaim, Failure> {
    let file = work.take("import_file_log", 1).await?;
    let size = i64::try_from(arrival.size_bytes).unwrap_or(i64::MAX);
    let now = Time(claimer.now);
    let values: [&(dyn ToSql + Sync); 8] = [
        &file,
        &feed,
        &arrival.feed_name.as_str(),
        &arrival.canonical,
        &arrival.source,
        &size,
        &arrival.sha256,
        &now,
    ];
    work.session.execute(sql::file::insert, &values).await?;
    let task = serde_json::json!({ "file": file }).to_string();
    let values: [&(dyn ToSql + Sync); 4] = [&task, &now, &claimer.holder.0, &Time(claimer.until)];
    let job: i64 = work.session.value(sql::job::insert_leased, &values).await?;
    let lease = Lease::Job {
        job: JobId(job),
        token: 1,
    };
    Ok(FileClaim::Yours {
        file: FileId(file),
        lease,
        records_read: 0,
    })
}
