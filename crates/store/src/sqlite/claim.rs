//! Leasing work: who may commit for a job, and from when on nobody else may.

use super::connection::store_error;
use super::writer::{Known, Writer};
use super::{import, sql};
use harmonia_core::changes::{Lane, Queue, Work};
use harmonia_core::ids::{FileId, JobId};
use harmonia_core::retention::begin_of;
use harmonia_core::time::{Day, Instant};
use harmonia_journey::ports::{FileArrival, FileClaim, Holder, Job, Lease, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// Leases the first due job of these queues, in none of the lanes that its holder has in hand, from now
/// until a time.
pub fn claim(
    writer: &mut Writer,
    in_hand: &[Lane],
    queues: &[Queue],
    holder: &Holder,
    (now, until): (Instant, Instant),
) -> Result<Option<Job>, StoreError> {
    let lanes: Vec<String> = in_hand.iter().map(|lane| lane.0.to_string()).collect();
    let in_hand = format!("[{}]", lanes.join(","));
    for queue in queues {
        // Looking is free; only a queue with something due is worth a write.
        let due = queue_due(&writer.connection, *queue).map_err(|error| store_error(&error))?;
        if due.is_none_or(|due| due > now) {
            continue;
        }
        let job = claim_one(writer, &in_hand, *queue, holder, (now, until));
        let job = job.map_err(|error| store_error(&error))?;
        if job.is_some() {
            return Ok(job);
        }
    }
    Ok(None)
}

fn claim_one(
    writer: &mut Writer,
    in_hand: &str,
    queue: Queue,
    holder: &Holder,
    term: (Instant, Instant),
) -> rusqlite::Result<Option<Job>> {
    let transaction = writer.begin()?;
    let job = lease_first_due(&transaction, in_hand, queue, holder, term)?;
    if let Some(lane) = job.as_ref().and_then(|job| job.lane) {
        transaction
            .prepare_cached(sql::job::take_lane)?
            .execute(params![lane.0, holder.0])?;
    }
    transaction.commit()?;
    Ok(job)
}

fn lease_first_due(
    connection: &Connection,
    in_hand: &str,
    queue: Queue,
    holder: &Holder,
    (now, until): (Instant, Instant),
) -> rusqlite::Result<Option<Job>> {
    let mut statement = connection.prepare_cached(sql::job::claim)?;
    let values = params![now.0, holder.0, until.0, queue.as_str(), in_hand];
    statement
        .query_row(values, |row| {
            let work: String = row.get(2)?;
            let tries: u32 = row.get(4)?;
            Ok(Job {
                lease: Lease::Job {
                    job: JobId(row.get(0)?),
                    token: row.get(3)?,
                },
                queue,
                lane: row.get::<_, Option<i64>>(1)?.map(Lane),
                work: Work::read(&work),
                tries: tries.saturating_sub(1),
            })
        })
        .optional()
}

/// When the next job of these queues is due.
pub fn next_due(connection: &Connection, queues: &[Queue]) -> rusqlite::Result<Option<Instant>> {
    let mut next = None;
    for queue in queues {
        if let Some(due) = queue_due(connection, *queue)? {
            next = Some(next.map_or(due, |next: Instant| next.min(due)));
        }
    }
    Ok(next)
}

/// Whether a statement says of any of these queues that there is such a job.
pub fn is_any(
    connection: &Connection,
    sql: &str,
    queues: &[Queue],
    now: Instant,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(sql)?;
    for queue in queues {
        if statement.query_row(params![queue.as_str(), now.0], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many jobs of these queues wait for their turn or are being worked on, up to `most`.
pub fn waiting(
    connection: &Connection,
    queues: &[Queue],
    now: Instant,
    most: u64,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql::job::waiting)?;
    let mut waiting = 0;
    for queue in queues {
        let values = params![queue.as_str(), now.0, most - waiting];
        waiting += statement.query_row(values, |row| row.get::<_, u64>(0))?;
    }
    Ok(waiting)
}

fn queue_due(connection: &Connection, queue: Queue) -> rusqlite::Result<Option<Instant>> {
    let mut statement = connection.prepare_cached(sql::job::next_due)?;
    let due: Option<i64> = statement.query_row([queue.as_str()], |row| row.get(0))?;
    Ok(due.map(Instant))
}

/// Leases a file for import.
pub fn claim_file(
    writer: &mut Writer,
    arrival: &FileArrival,
    holder: &Holder,
    now: Instant,
    until: Instant,
) -> Result<FileClaim, StoreError> {
    let Writer { connection, known } = writer;
    let mut run = || -> rusqlite::Result<FileClaim> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let feed = import::feed_id(&transaction, known, &arrival.provider, arrival.feed_type)?;
        let claim = match find_unfinished(&transaction, arrival, feed)? {
            Some(found) if found.leased_until > now && found.holder.as_ref() != Some(&holder.0) => {
                FileClaim::Busy {
                    holder: found.holder.unwrap_or_default(),
                }
            }
            Some(found) => resume(&transaction, &found, holder, until)?,
            None => begin(&transaction, arrival, feed, holder, now, until)?,
        };
        transaction.commit()?;
        Ok(claim)
    };
    let claim = run();
    if claim.is_err() {
        // What was remembered may have been rolled back.
        *known = Known::default();
    }
    claim.map_err(|error| store_error(&error))
}

/// The log row of a feed's messages from one source on the day of `now`, if there is one.
pub fn find_message_log(
    connection: &Connection,
    arrival: &FileArrival,
    now: Instant,
) -> rusqlite::Result<Option<FileId>> {
    let feed: Option<i64> = connection
        .prepare_cached(sql::feed::find)?
        .query_row(
            params![arrival.provider.as_str(), arrival.feed_type.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    let day = now.day();
    connection
        .prepare_cached(sql::file::of_messages)?
        .query_row(
            params![
                arrival.feed_name.as_str(),
                begin_of(day).0,
                begin_of(Day(day.0 + 1)).0,
                feed,
                arrival.canonical,
                arrival.source
            ],
            |row| row.get(0).map(FileId),
        )
        .optional()
}

/// The log row of a feed's messages from one source on the day of `now`, made where there is none.
pub fn message_log(
    writer: &mut Writer,
    arrival: &FileArrival,
    now: Instant,
) -> Result<FileId, StoreError> {
    let Writer { connection, known } = writer;
    let mut run = || -> rusqlite::Result<FileId> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let file = message_row(&transaction, known, arrival, now)?;
        transaction.commit()?;
        Ok(file)
    };
    let file = run();
    if file.is_err() {
        // What was remembered may have been rolled back.
        *known = Known::default();
    }
    file.map_err(|error| store_error(&error))
}

/// The day's row of the log for the messages of a feed and a source, made where there is none.
pub fn message_row(
    transaction: &Transaction<'_>,
    known: &mut Known,
    arrival: &FileArrival,
    now: Instant,
) -> rusqlite::Result<FileId> {
    let feed = import::feed_id(transaction, known, &arrival.provider, arrival.feed_type)?;
    if let Some(file) = find_message_log(transaction, arrival, now)? {
        return Ok(file);
    }
    transaction
        .prepare_cached(sql::file::begin_messages)?
        .execute(params![
            feed,
            arrival.feed_name.as_str(),
            arrival.canonical,
            arrival.source,
            now.0
        ])?;
    Ok(FileId(transaction.last_insert_rowid()))
}

struct Unfinished {
    file: FileId,
    records_read: u64,
    job: JobId,
    leased_until: Instant,
    holder: Option<String>,
}

fn find_unfinished(
    transaction: &Transaction<'_>,
    arrival: &FileArrival,
    feed: i64,
) -> rusqlite::Result<Option<Unfinished>> {
    transaction
        .prepare_cached(sql::file::find_unfinished)?
        .query_row(
            params![
                arrival.sha256,
                feed,
                arrival.feed_name.as_str(),
                arrival.canonical
            ],
            |row| {
                Ok(Unfinished {
                    file: FileId(row.get(0)?),
                    records_read: row.get(1)?,
                    job: JobId(row.get(2)?),
                    leased_until: Instant(row.get(3)?),
                    holder: row.get(4)?,
                })
            },
        )
        .optional()
}

fn resume(
    transaction: &Transaction<'_>,
    found: &Unfinished,
    holder: &Holder,
    until: Instant,
) -> rusqlite::Result<FileClaim> {
    let token = transaction
        .prepare_cached(sql::job::lease_again)?
        .query_row(params![found.job.0, holder.0, until.0], |row| row.get(0))?;
    let lease = Lease::Job {
        job: found.job,
        token,
    };
    Ok(FileClaim::Yours {
        file: found.file,
        lease,
        records_read: found.records_read,
    })
}

fn begin(
    transaction: &Transaction<'_>,
    arrival: &FileArrival,
    feed: i64,
    holder: &Holder,
    now: Instant,
    until: Instant,
) -> rusqlite::Result<FileClaim> {
    transaction
        .prepare_cached(sql::file::insert)?
        .execute(params![
            feed,
            arrival.feed_name.as_str(),
            arrival.canonical,
            arrival.source,
            arrival.size_bytes,
            arrival.sha256,
            now.0
        ])?;
    let file = FileId(transaction.last_insert_rowid());
    let work = serde_json::json!({ "file": file.0 }).to_string();
    transaction
        .prepare_cached(sql::job::insert_leased)?
        .execute(params![work, now.0, holder.0, until.0])?;
    let lease = Lease::Job {
        job: JobId(transaction.last_insert_rowid()),
        token: 1,
    };
    Ok(FileClaim::Yours {
        file,
        lease,
        records_read: 0,
    })
}
