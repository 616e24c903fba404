//! Harmonia's doors to the world. The embedded default needs one: [`files`].

#[cfg(feature = "amqp")]
pub mod amqp;
pub mod files;
pub mod secrets;
