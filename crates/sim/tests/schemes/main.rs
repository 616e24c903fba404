//! Worlds of real schemes, read back through the very agent files that read the real feeds.
//!
//! [`reading`] generates a world and reads all of it; [`feeds`] holds every feed of every scheme and
//! network against the truth and against each other; [`rules`] holds the truth against the rules of
//! the agent files; [`faults`] asks of each fault that it does what it says.

#![cfg(test)]

mod faults;
mod feeds;
mod reading;
mod rules;
