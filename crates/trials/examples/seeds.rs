//! Writes what fuzzing begins from: `seeds FOLDER` makes FOLDER/<trial>/ with the inputs of each
//! trial, and FOLDER/words.dict, the dictionary of libFuzzer.

use harmonia_trials::{TRIALS, WORDS, seeds};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(io::Error::other("which folder? seeds FOLDER"));
    };
    let folder = Path::new(&folder);
    for trial in TRIALS {
        let place = folder.join(trial.name);
        std::fs::create_dir_all(&place)?;
        for (number, seed) in seeds(trial.name)?.iter().enumerate() {
            std::fs::write(place.join(format!("seed-{number:03}")), seed)?;
        }
    }
    std::fs::write(folder.join("words.dict"), dictionary())
}

/// A line for each word, with every byte escaped that is not plain.
fn dictionary() -> String {
    let mut lines = String::new();
    for word in WORDS {
        lines.push('"');
        for byte in word.bytes() {
            match byte {
                b'"' | b'\\' => lines.extend(['\\', char::from(byte)]),
                b' '..=b'~' => lines.push(char::from(byte)),
                // Writing into memory cannot fail.
                _ => drop(write!(lines, "\\x{byte:02x}")),
            }
        }
        lines.push_str("\"\n");
    }
    lines
}
