//! What must hold of every reader of foreign bytes, whatever the bytes are.
//!
//! A [`Trial`] takes any bytes and panics where a law is broken: that nothing panics; that every line
//! or element of the input is a record, a reject or something the format does not count as data;
//! that no bytes of a record get lost; that the pieces in which the bytes arrive change nothing;
//! that no full card number comes out; that memory stays below twice the input and a small floor.
//!
//! `fuzz/` feeds each trial with what libFuzzer makes up, millions of times (`s/fuzz`), and
//! `tests/seeded.rs` with the same files mangled in ways that can be repeated, in `s/tests`.

mod agent_file;
mod canary;
mod feed;
mod house;
mod json;
mod lines;
mod mask;
pub mod memory;
mod mutate;
mod seeds;
mod words;

pub use house::AGENT_FILES;
pub use mutate::Mutator;
pub use seeds::{WORDS, seeds};

/// One reader and the laws that are asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// What `s/fuzz` calls it.
    pub name: &'static str,
    /// Asks the laws of one input; panics where one is broken.
    pub run: fn(&[u8]),
}

/// Every trial.
pub const TRIALS: [Trial; 11] = [
    Trial {
        name: "csv",
        run: lines::csv,
    },
    Trial {
        name: "delimited",
        run: lines::delimited,
    },
    Trial {
        name: "fixed_width",
        run: lines::fixed_width,
    },
    Trial {
        name: "amex_file",
        run: lines::amex_file,
    },
    Trial {
        name: "json_document",
        run: json::document,
    },
    Trial {
        name: "json_messages",
        run: json::messages,
    },
    Trial {
        name: "canonical_merchant",
        run: json::canonical_merchant,
    },
    Trial {
        name: "canonical_payment",
        run: json::canonical_payment,
    },
    Trial {
        name: "agent_file",
        run: agent_file::agent_file,
    },
    Trial {
        name: "words",
        run: words::words,
    },
    Trial {
        name: "mask",
        run: mask::mask,
    },
];

/// The trial of this name.
pub fn trial(name: &str) -> Option<Trial> {
    TRIALS.into_iter().find(|trial| trial.name == name)
}
