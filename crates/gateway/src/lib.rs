//! Harmonia's doors to the world. The embedded default needs one: [`files`].

pub mod files;
pub mod secrets;
