//! Agent files: whatever a person has written, they are told where it is wrong.

use crate::feed::Input;
use crate::house::AGENT_FILES;
use crate::memory::peak_of;
use harmonia_core::agent::Agent;
use harmonia_core::feed::RawRecord;

/// How much more memory than its text an agent file may need: a table is far larger than its line
/// (the TOML library alone takes 19 to 22 times the files of the house, and 107 times an array of
/// digits), and a compiled zone or template than its name. The length of the file is limited instead.
const TIMES: usize = 200;
const FLOOR_BYTES: usize = 4 << 20;

/// An agent file, and where it is sound, its examples and a few bytes for each of its feeds.
pub(crate) fn agent_file(bytes: &[u8]) {
    let input = Input::of(bytes);
    let text = String::from_utf8_lossy(input.bytes);
    let file = AGENT_FILES[input.choice % AGENT_FILES.len()].0;
    let peak = peak_of(|| check(file, &text));
    let limit = TIMES * text.len() + FLOOR_BYTES;
    assert!(peak <= limit, "{peak} bytes for a file of {}", text.len());
}

fn check(file: &str, text: &str) {
    let lines = text.lines().count() + 1;
    let complaints = match Agent::parse(file, text) {
        Err(complaints) => {
            assert!(!complaints.is_empty(), "refused, and no reason told");
            complaints
        }
        Ok(agent) => {
            for feed in &agent.feeds {
                let mut raw = RawRecord::default();
                if let Ok(mut reader) = feed.reader(&b"D|1,2\x1f{}\n{\"a\": 1}\n"[..]) {
                    while let Ok(true) = reader.next(&mut raw) {
                        drop(feed.read(&raw));
                    }
                }
            }
            agent.run_examples()
        }
    };
    for complaint in complaints {
        assert!(!complaint.message.is_empty(), "{complaint:?}");
        assert!(complaint.line <= lines, "{complaint:?} of {lines} lines");
    }
}
