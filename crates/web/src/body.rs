//! A body, read within limits: of its size, packed and unpacked; of the time it takes; and of the
//! memory that all bodies take together.

use crate::app::{App, BUDGET_UNIT};
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use std::io::Read;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a sender may be silent in the middle of a body.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a whole body may take.
const WHOLE: Duration = Duration::from_secs(120);
/// How much of a body that is refused is read all the same, so that its sender gets to see why.
const LISTENED_BYTES: usize = 1 << 20;
/// And for how long.
const LISTENED: Duration = Duration::from_secs(1);
/// Packed bodies up to this size are unpacked where they are read.
const UNPACKED_AT_ONCE: usize = 16 * 1024;

/// What was sent, and the memory it was given.
pub struct Received {
    pub bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its end, and unpacks it.
///
/// # Errors
/// 400, 408, 413, 415, or 503 where others take all the memory there is for bodies.
pub async fn receive(app: &App, headers: &HeaderMap, body: Body) -> Result<Received, Problem> {
    let mut body = body;
    let result = read(app, headers, &mut body).await;
    if result.is_err() {
        listen(headers, body).await;
    }
    result
}

/// Reads on a little, though nobody wants it: a sender in the middle of a body would otherwise see
/// its connection break off instead of the answer. One that asked first has not begun.
pub async fn listen(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let deadline = Instant::now() + LISTENED;
    let mut heard = 0;
    while heard < LISTENED_BYTES {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => heard += frame.data_ref().map_or(0, bytes::Bytes::len),
            _ => return,
        }
    }
}

async fn read(app: &App, headers: &HeaderMap, body: &mut Body) -> Result<Received, Problem> {
    let packed = is_packed(headers)?;
    let limit = app.options.body_limit_bytes;
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit, ""));
    }
    let mut memory = None;
    let bytes = read_frames(app, body, limit, &mut memory).await?;
    if !packed {
        return Ok(Received {
            bytes,
            _memory: memory,
        });
    }
    let unpacked = if bytes.len() <= UNPACKED_AT_ONCE {
        unpack(&bytes, limit)
    } else {
        let unpacking = tokio::task::spawn_blocking(move || unpack(&bytes, limit));
        unpacking
            .await
            .unwrap_or_else(|error| Err(Problem::internal(&error)))
    }?;
    account(app, &mut memory, unpacked.len())?;
    Ok(Received {
        bytes: unpacked,
        _memory: memory,
    })
}

fn is_packed(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = match (encodings.next(), encodings.next()) {
        (None, _) => return Ok(false),
        (Some(one), None) => one.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => "several",
    };
    match encoding.trim().to_ascii_lowercase().as_str() {
        "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            "The body is packed in a way that is not known",
            "send it as it is, or with Content-Encoding: gzip",
        )
        .with(header::ACCEPT_ENCODING, "gzip, identity")),
    }
}

async fn read_frames(
    app: &App,
    body: &mut Body,
    limit: u64,
    memory: &mut Option<OwnedSemaphorePermit>,
) -> Result<Vec<u8>, Problem> {
    let deadline = Instant::now() + WHOLE;
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(deadline, timeout(SILENCE, body.frame()));
        let frame = match frame.await {
            Ok(Ok(Some(Ok(frame)))) => frame,
            Ok(Ok(None)) => return Ok(bytes),
            Ok(Ok(Some(Err(error)))) => return Err(broken_off(&error)),
            Ok(Err(_)) | Err(_) => return Err(too_slow()),
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (bytes.len() + data.len()) as u64 > limit {
            return Err(too_large(limit, ""));
        }
        bytes.extend_from_slice(&data);
        account(app, memory, bytes.len())?;
    }
}

/// Sees to it that memory for so many bytes is accounted for.
fn account(
    app: &App,
    memory: &mut Option<OwnedSemaphorePermit>,
    bytes: usize,
) -> Result<(), Problem> {
    let wanted = (bytes as u64).div_ceil(BUDGET_UNIT);
    let had = memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) as u64;
    let Some(more) = wanted.checked_sub(had).filter(|more| *more > 0) else {
        return Ok(());
    };
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    let permit = std::sync::Arc::clone(&app.budget)
        .try_acquire_many_owned(more)
        .map_err(|_| Problem::busy("too much is being sent at once: send it again in a moment"))?;
    match memory {
        Some(before) => before.merge(permit),
        None => *memory = Some(permit),
    }
    Ok(())
}

/// Unpacks a body, and no further than the limit: a small one can hold gigabytes.
fn unpack(packed: &[u8], limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Problem::bad_request(
                "bad-gzip",
                "The body cannot be unpacked",
                format!("the body is not whole gzip: {error}"),
            )
        })?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit, " once it is unpacked"));
    }
    Ok(bytes)
}

fn too_large(limit: u64, when: &str) -> Problem {
    Problem::too_large(format!(
        "the body is larger than {} MiB{when}: send it in several requests",
        limit / (1024 * 1024)
    ))
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "too-slow",
        "The body took too long",
        format!(
            "nothing came for {} seconds, or not all of it within {}: send it again",
            SILENCE.as_secs(),
            WHOLE.as_secs()
        ),
    )
    .with(header::CONNECTION, "close")
}

fn broken_off(error: &axum::Error) -> Problem {
    tracing::debug!(%error, "a body broke off");
    Problem::bad_request(
        "broken-off",
        "The body broke off",
        "the body did not come to its end as it was announced: send it again",
    )
    .with(header::CONNECTION, "close")
}
