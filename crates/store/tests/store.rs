//! What a store promises, held against every store there is.
//!
//! [`conformance`] is the one suite that all stores pass, the in-memory model included;
//! [`property`] drives the model and each database through the same random days and wants the same
//! answers; [`telling`] has merchants told over HTTP from them; [`sqlite`] is what only SQLite can get wrong: its schema, its plans, its file; `postgres`,
//! with the feature, what only PostgreSQL can: rivals, lost answers.

#[cfg(test)]
mod conformance;
#[cfg(test)]
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(test)]
mod property;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telling;
