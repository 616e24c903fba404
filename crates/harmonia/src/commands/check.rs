//! `harmonia check`: are the agent files right, and do their examples come out?

use crate::cli::CheckArgs;
use crate::output::{Failure, Printer};
use crate::wiring::{Wiring, agent_files, clashes, missing_exports, parse_agent};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    examples: usize,
    complaints: Vec<String>,
}

/// Checks the files named, or all of the agents' folder; exit code 1 when one is wrong.
pub fn run(wiring: &Wiring, printer: &Printer, args: &CheckArgs) -> Result<ExitCode, Failure> {
    let files = if args.files.is_empty() {
        agent_files(&wiring.settings.agents_dir)?
    } else {
        args.files.clone()
    };
    let mut checked = Vec::new();
    let mut agents = Vec::new();
    for path in files {
        let (examples, complaints) = match parse_agent(&path)? {
            Ok(agent) => {
                let outcome = (agent.examples.len(), agent.run_examples());
                agents.push(agent);
                outcome
            }
            Err(complaints) => (0, complaints),
        };
        let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        checked.push(Checked {
            file: path.display().to_string(),
            examples,
            complaints,
        });
    }
    let mut clashes = clashes(&agents);
    if args.files.is_empty() {
        // Of files that were named alone, others may well be elsewhere.
        clashes.extend(missing_exports(&agents));
    }
    if !clashes.is_empty() {
        checked.push(Checked {
            file: wiring.settings.agents_dir.display().to_string(),
            examples: 0,
            complaints: clashes,
        });
    }
    let sound = checked.iter().all(|one| one.complaints.is_empty());
    printer.print(&checked, || {
        let lines = checked
            .iter()
            .flat_map(|one| match one.complaints.as_slice() {
                [] => vec![format!("{}: ok, {} examples", one.file, one.examples)],
                complaints => complaints.to_vec(),
            });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
