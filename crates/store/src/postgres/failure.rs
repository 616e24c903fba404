//! What can go wrong, and what of it may pass.

use harmonia_journey::ports::{CommitError, StoreError};
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What went wrong within a step.
#[derive(Debug)]
pub enum Failure {
    /// The lease is another's.
    Stale,
    /// A unique key says that somebody else was first.
    Conflict,
    /// Something that was taken for new is known: look at what there is, and try again.
    Known,
    /// The commit before it was made anew, with later numbers: this one has to be made anew as well.
    OutOfTurn,
    /// The commit before it was not made.
    NotBefore,
    /// PostgreSQL answered with an error, or not at all.
    Postgres(tokio_postgres::Error),
    /// No connection could be had.
    Unreachable(String),
    /// The server's certificate is not one to be trusted.
    Distrusted(String),
    /// What is stored is not what this version can read.
    Invalid(String),
}

impl From<tokio_postgres::Error> for Failure {
    /// A second match for a payment or a sale is what the unique keys are there to refuse; so is a
    /// second answer to one request. What a check refuses is no conflict: deciding again would not
    /// help.
    fn from(error: tokio_postgres::Error) -> Self {
        let refused = error
            .as_db_error()
            .filter(|error| *error.code() == SqlState::UNIQUE_VIOLATION);
        let key = refused.and_then(|error| error.constraint());
        match key {
            None => Self::Postgres(error),
            Some(
                "pairing_payment" | "pairing_sale" | "push_log_key" | "api_key_in_force"
                | "api_key_hash_key",
            ) => Self::Conflict,
            Some(_) => Self::Known,
        }
    }
}

impl From<deadpool_postgres::PoolError> for Failure {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => {
                let why = chain(&error);
                match why.contains("invalid peer certificate") {
                    true => Self::Distrusted(why),
                    false => Self::Postgres(error),
                }
            }
            error => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(format!("stored JSON is not what it should be: {error}"))
    }
}

impl Failure {
    /// Whether the connection was lost, so that nobody knows how far the server came.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Postgres(error) => error.as_db_error().is_none_or(ends_connection),
            Self::Unreachable(_) => true,
            _ => false,
        }
    }

    /// Whether a table that was to be written is not there.
    pub fn lacks_a_table(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code() == Some(&SqlState::UNDEFINED_TABLE),
            _ => false,
        }
    }

    /// Whether another try, now, may go through: two commits stood in each other's way.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Known | Self::OutOfTurn => true,
            Self::Postgres(error) => error.code().is_some_and(|code| {
                [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                ]
                .contains(code)
            }),
            _ => false,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Stale | Failure::Conflict => Self::Broken("unexpected conflict".to_owned()),
            Failure::Known | Failure::OutOfTurn | Failure::NotBefore => Self::Busy(
                "others write the same at the same time, again and again: try again".to_owned(),
            ),
            Failure::Unreachable(why) => Self::Busy(format!("PostgreSQL cannot be reached: {why}")),
            Failure::Distrusted(why) => Self::Broken(format!(
                "{why}. Name the authority's certificates by sslrootcert=/path/to/ca.pem in the address; \
                 where the way to the server is safe, sslmode=disable speaks in the clear"
            )),
            Failure::Invalid(why) => Self::Broken(format!("the database answered: {why}")),
            Failure::Postgres(error) => of_postgres(&error),
        }
    }
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Stale => Self::StaleLease,
            Failure::Conflict => Self::Conflict,
            Failure::NotBefore => Self::not_before(),
            failure => Self::Store(failure.into()),
        }
    }
}

/// Sorts what PostgreSQL says into what may pass and what will not.
fn of_postgres(error: &tokio_postgres::Error) -> StoreError {
    let Some(told) = error.as_db_error() else {
        return StoreError::Busy(format!(
            "the connection to PostgreSQL was lost: {}",
            chain(error)
        ));
    };
    let said = format!(
        "PostgreSQL says: {} ({})",
        told.message(),
        told.code().code()
    );
    // Connections, shortages, rivals, shutdowns: none of them is there to stay.
    let passes = ["08", "53", "40", "55", "57"];
    if is_of(told, &passes) || ends_connection(told) {
        StoreError::Busy(said)
    } else {
        StoreError::Broken(said)
    }
}

/// Whether the server ended the connection with this, as it does when it is stopped, is killed, or
/// comes up again. The next connection may be answered otherwise, unless it is refused for what it asks
/// for: a user or a database that is not there.
fn ends_connection(told: &DbError) -> bool {
    let ended = matches!(
        told.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    );
    is_of(told, &["08"]) || ended && !is_of(told, &["28", "3D"])
}

/// Whether an error is of one of these classes, the first two characters of its code.
fn is_of(told: &DbError, classes: &[&str]) -> bool {
    let code = told.code().code();
    classes.iter().any(|class| code.starts_with(class))
}

/// An error with what caused it: the driver's own words alone say little.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        told = format!("{told}: {inner}");
        cause = inner.source();
    }
    told
}
