//! `harmonia claim`: what became of a purchase that a customer misses.

use super::review::scheme;
use crate::cli::ClaimArgs;
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::card::{CardToken, LastFour};
use harmonia_core::money::Money;
use harmonia_journey::claim::{Answer, Claim, Where, Who, answer};
use std::process::ExitCode;

/// Finds out, and says so: exit code 0 with a verdict, whatever it is.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ClaimArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let claim = Claim {
        amount: Money {
            minor: args.amount,
            currency: args.currency,
        },
        when: args.date,
        within_us: args.within,
        who: match (&args.card, &args.loyalty_id) {
            (Some(card), _) => Some(Who::Card(CardToken(text("card", card)?.into()))),
            (None, Some(member)) => Some(Who::Member(text("loyalty-id", member)?.into())),
            (None, None) => None,
        },
        last_four: args.last_four.as_deref().map(last_four).transpose()?,
        scheme: match &args.scheme {
            Some(slug) => Some(scheme(&journey, slug)?),
            None => None,
        },
        place: match (&args.location, &args.mid) {
            (Some(location), _) => Some(Where::Location(text("location", location)?.into())),
            (None, Some(mid)) => Some(Where::Mid(text("mid", mid)?.into())),
            (None, None) => None,
        },
    };
    let answer = answer(&journey, &claim).await?;
    printer.print(&answer, || shown(&answer))?;
    Ok(ExitCode::SUCCESS)
}

fn text<'a>(option: &str, text: &'a str) -> Result<&'a str, Failure> {
    match text.trim() {
        "" => Err(Failure::usage(format!(
            "--{option} is empty: leave it out, or name it"
        ))),
        text => Ok(text),
    }
}

/// The text is not repeated: it may be more of a card number than may be shown.
fn last_four(text: &str) -> Result<LastFour, Failure> {
    LastFour::new(text.trim())
        .ok_or_else(|| Failure::usage("--last-four is not right: write exactly four digits"))
}

fn shown(answer: &Answer) -> String {
    let mut text = format!(
        "looked for  {}\n{}\n  {}\nnext: {}\n",
        answer.looked_for, answer.verdict, answer.meaning, answer.next_step
    );
    if let Some(command) = &answer.command {
        text.push_str(&format!("  {command}\n"));
    }
    for note in &answer.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    if answer.rests_on.is_empty() {
        return text;
    }
    let mut rows = table(&["this rests on", "row", "id", "which says"]);
    for row in &answer.rests_on {
        rows.add_row([
            row.kind.to_owned(),
            or_dash(row.row),
            row.id.clone(),
            row.says.clone(),
        ]);
    }
    text.push('\n');
    text.push_str(&rows.to_string());
    text
}
