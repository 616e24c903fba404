//! `harmonia review`: what people should look at, and what is suggested.

use super::why::heading;
use crate::cli::ReviewArgs;
use crate::output::{Failure, Printer};
use crate::wiring::Wiring;
use harmonia_core::ids::{PaymentId, SchemeId, Slug};
use harmonia_core::time::SECOND_US;
use harmonia_core::words;
use harmonia_journey::Journey;
use harmonia_journey::review::{Item, Page, Topic, Wanted, page};
use std::process::ExitCode;

/// Lists what people should look at.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ReviewArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let wanted = Wanted {
        scheme: match &args.scheme {
            Some(slug) => Some(scheme(&journey, slug)?),
            None => None,
        },
        topic: args.reason,
        after: PaymentId(args.after),
        limit: args.limit,
    };
    let page = page(&journey, &wanted).await?;
    printer.print(&page, || shown(&page, args))?;
    Ok(ExitCode::SUCCESS)
}

/// The scheme of a slug.
///
/// # Errors
/// Wrong usage, which names the schemes there are.
pub fn scheme(journey: &Journey, slug: &str) -> Result<SchemeId, Failure> {
    let known = Slug::new(slug).ok();
    known
        .and_then(|slug| journey.agents.scheme(&slug))
        .ok_or_else(|| {
            let mut slugs: Vec<&str> = journey.agents.schemes().map(|one| one.0.as_str()).collect();
            slugs.sort_unstable();
            Failure::usage(format!(
                "{slug:?} is no scheme with an agent file: there are {}",
                slugs.join(", ")
            ))
        })
}

fn shown(page: &Page, args: &ReviewArgs) -> String {
    let mut text: Vec<String> = page.items.iter().map(item).collect();
    match page.next {
        None if page.items.is_empty() => text.push("nothing to look at".to_owned()),
        None => {}
        Some(next) => {
            let reason = next.reason.map_or(String::new(), |topic| {
                format!(" --reason {}", topic.as_str())
            });
            let scheme = args
                .scheme
                .as_ref()
                .map_or(String::new(), |slug| format!(" --scheme {slug}"));
            text.push(format!(
                "there may be more: harmonia review{scheme}{reason} --limit {} --after {}",
                args.limit, next.after
            ));
        }
    }
    text.join("\n\n")
}

fn item(item: &Item) -> String {
    let mut lines = vec![
        format!(
            "{}: {}",
            item.topic.as_str(),
            heading(&item.payment, &item.zone)
        ),
        format!(
            "{} {} of {}, here for {}",
            item.payment.provider_slug,
            item.payment.feed_type,
            item.payment.scheme_slug,
            words::duration(item.age_us - item.age_us % SECOND_US)
        ),
    ];
    lines.extend(item.reasons.iter().cloned());
    if let Some(holder) = &item.holder {
        lines.push(format!("has the sale: {}", heading(holder, &item.zone)));
    }
    for one in &item.candidates {
        let suggested = if item.suggested == Some(one.scheme_transaction_id) {
            "suggested: "
        } else {
            ""
        };
        // A near miss has said already by what it misses.
        let summary = match item.topic {
            Topic::NearMiss => String::new(),
            _ => format!(": {}", one.summary()),
        };
        lines.push(format!(
            "{suggested}sale {} (row {}){summary}",
            one.sale, one.scheme_transaction_id
        ));
    }
    lines.extend(
        item.command
            .iter()
            .map(|command| format!("to settle it so: {command}")),
    );
    lines.join("\n  ")
}
