//! `harmonia cards`: the built-in card-link table, loaded from a CSV file, listed.

use crate::cli::{CardsAction, CardsArgs};
use crate::commands::lists::{Pages, print_page};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, or_dash};
use crate::wiring::Wiring;
use harmonia_journey::Journey;
use harmonia_journey::onboard::{OnboardError, link_cards};
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

/// Loads or lists.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &CardsArgs,
) -> Result<ExitCode, Failure> {
    match &args.action {
        CardsAction::Import { file, who } => {
            let count = import(&wiring.journey().await?, file, who).await?;
            let result = json!({ "linked": count });
            printer.print(&result, || format!("{count} cards linked"))?;
        }
        CardsAction::List { limit } => {
            let store = wiring.inquiry().await?;
            let mut pages = Pages::new(Some(*limit));
            while let Some(size) = pages.next_size() {
                let page = store.cards(pages.after, size).await?;
                pages.took(page.len(), page.last().map(|row| row.0));
                let header = ["card token", "scheme", "member", "last four"];
                print_page(
                    printer,
                    &page,
                    &header,
                    |(_, token, scheme, member, last_four)| {
                        let last_four = last_four.as_ref();
                        vec![
                            token.clone(),
                            scheme.clone(),
                            or_dash(member.as_ref()),
                            or_dash(last_four),
                        ]
                    },
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads a file of linked cards; returns how many were linked.
pub async fn import(journey: &Journey, file: &Path, who: &OperatorArgs) -> Result<u64, Failure> {
    let failed = |error: OnboardError| Failure::new(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(|error| failed(error.into()))?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    let entry = who.did("cards.import", json!({ "file": name.to_string_lossy() }))?;
    link_cards(journey, BufReader::new(opened), entry)
        .await
        .map_err(failed)
}
