//! Harmonia's doors to the world. The embedded default needs one: [`files`]. Each of the others is a
//! feature of this crate.

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(feature = "blob")]
pub mod blob;
pub mod files;
#[cfg(feature = "http")]
pub mod hermes;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http-poll")]
pub mod http_poll;
#[cfg(feature = "http")]
pub mod messenger;
#[cfg(feature = "pgp")]
pub mod pgp;
#[cfg(feature = "redis")]
pub mod redis;
pub mod secrets;
#[cfg(feature = "sftp")]
pub mod sftp;
#[cfg(any(
    feature = "blob",
    feature = "http-poll",
    feature = "pgp",
    feature = "sftp"
))]
pub mod spool;
#[cfg(any(feature = "blob", feature = "http-poll", feature = "redis"))]
mod tls;
