//! `harmonia export`: a batch export now, and the sweeps that feed it.

use crate::cli::ExportArgs;
use crate::commands::drain::{Drained, drain};
use crate::output::{Failure, Printer, complain};
use crate::wiring::Wiring;
use harmonia_core::export::Destination;
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_journey::{Journey, sweep};
use serde::Serialize;
use std::process::ExitCode;

/// What was done.
#[derive(Debug, Serialize)]
struct Exported {
    agent: Slug,
    /// What was given up and is told of, by scheme.
    swept: Vec<Swept>,
    /// The files that were made, within the export folder.
    files: Vec<Written>,
}

#[derive(Debug, Serialize)]
struct Swept {
    scheme: Slug,
    payments: usize,
}

#[derive(Debug, Serialize)]
struct Written {
    name: String,
    bytes: u64,
}

/// Matches what is due, gives up what has waited too long, and has all that waits for the agent's
/// merchant leave.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ExportArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let (agent, scheme, folder) = batches_of(&journey, &args.agent)?;
    // What is matched now must not be given up.
    let matched = drain(&journey, None).await?;
    let swept = sweep_into(&journey, &agent).await?;
    let since = journey.now();
    sweep::leave_now(&journey, scheme).await?;
    let delivered = drain(&journey, None).await?;
    let files = journey.store.export_files(since).await?;
    let files = files
        .into_iter()
        .filter(|file| file.name.starts_with(&folder));
    let exported = Exported {
        agent,
        swept,
        files: files
            .map(|file| Written {
                name: file.name,
                bytes: file.length,
            })
            .collect(),
    };
    printer.print(&exported, || shown(&exported))?;
    if matched == Drained::Failing || delivered == Drained::Failing {
        complain(
            "some work fails, as the log says, and stays to be done: mend the cause, then run it \
             again",
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// An agent whose exports leave in batches: itself, the id its exports go by, and their folder.
fn batches_of(journey: &Journey, name: &str) -> Result<(Slug, SchemeId, String), Failure> {
    let agents = &journey.agents;
    let agent = agents.find(name).ok_or_else(|| {
        Failure::usage(format!(
            "there is no agent {name}: its agent file would be {name}.toml"
        ))
    })?;
    let plan = agent.export.as_ref().filter(|plan| plan.batch().is_some());
    let plan = plan.ok_or_else(|| {
        Failure::usage(format!(
            "{name} has no exports that leave in batches: single ones leave as soon as they are \
             made, see `harmonia drain`"
        ))
    })?;
    let slug = &agent.slug;
    let scheme = agents.export(slug).or_else(|| agents.scheme(slug));
    let scheme = scheme.ok_or_else(|| Failure::usage(format!("{name} exports nothing")))?;
    let Destination::File { path } = &plan.destination else {
        return Err(Failure::usage(format!(
            "the batches of {name} are no files in a folder: they leave on their schedule, see \
             `harmonia run`"
        )));
    };
    let folder = format!("{}/", path.trim_end_matches('/'));
    Ok((slug.clone(), scheme, folder))
}

/// Runs every sweep whose export this is, once.
async fn sweep_into(journey: &Journey, export: &Slug) -> Result<Vec<Swept>, Failure> {
    let sweeps = journey.agents.sweeps();
    let feeding = sweeps.filter(|(_, sweep)| sweep.export == *export);
    let mut all = Vec::new();
    for (scheme, _) in feeding {
        let swept = sweep::run(journey, scheme).await?;
        let agent = journey.agents.of_scheme(scheme);
        all.extend(agent.map(|agent| Swept {
            scheme: agent.slug.clone(),
            payments: swept.payments.len(),
        }));
    }
    Ok(all)
}

fn shown(exported: &Exported) -> String {
    let swept = exported.swept.iter().map(|one| {
        format!(
            "{} payments of {} given up as unmatched",
            one.payments, one.scheme
        )
    });
    let files = exported.files.iter();
    let files = files.map(|file| format!("written: {} ({} bytes)", file.name, file.bytes));
    let mut lines: Vec<String> = swept.chain(files).collect();
    if exported.files.is_empty() {
        lines.push("nothing waited to be written".to_owned());
    }
    lines.join("\n")
}
