//! What one field of a record says: the vocabulary in which every feed's records are described.

use super::clocks::Clocks;
use super::names::{Code, WideName};
use compact_str::CompactString;
use harmonia_core::money::MINOR_UNITS;
use harmonia_core::time::{Instant, WallClock};
use std::fmt::Write;

/// One field of a record.
#[derive(Clone, Copy)]
pub(super) enum Field {
    /// The same in every record.
    Fixed(&'static str),
    /// The transaction id, as the feed writes it.
    Id,
    /// The shop's MID at the network of the card.
    Mid,
    /// The network's id of the location.
    SecondaryMid,
    /// The network's id of the whole merchant.
    Psimi,
    /// The merchant's own id of the location.
    Location,
    /// A till of the location: the location and three digits more.
    Till,
    /// The card's token.
    Token,
    /// The card's first six digits.
    FirstSix,
    /// The card's last four digits.
    LastFour,
    /// First six and last four with asterisks between.
    MaskedCard,
    /// First six and last four with five times X between.
    MaskedDpan,
    /// What the till calls the card's network.
    CardWord,
    /// The auth code; empty where there is none.
    AuthCode,
    /// An account of the customer with the merchant.
    Account,
    /// The amount in decimal pounds.
    Pounds,
    /// The amount in pence.
    Pence,
    /// What was authorised, in decimal pounds.
    AuthorisedPounds,
    /// The amount without what was given on top, in decimal pounds.
    BillPounds,
    /// What was given on top, in decimal pounds.
    GratuityPounds,
    /// The time by the feed's clock, in this form.
    Time(&'static str),
    /// The time as seconds since 1970.
    Epoch,
}

/// All that any feed says of one payment or sale.
pub(super) struct Record<'a> {
    pub(super) id: &'a str,
    pub(super) mid: CompactString,
    pub(super) secondary_mid: CompactString,
    pub(super) psimi: CompactString,
    pub(super) location: CompactString,
    pub(super) token: WideName,
    pub(super) first_six: &'static str,
    pub(super) last_four: CompactString,
    pub(super) card_word: &'static str,
    pub(super) code: Option<Code>,
    pub(super) amount_minor: i64,
    pub(super) authorised_minor: i64,
    pub(super) gratuity_minor: i64,
    pub(super) at: Instant,
    /// What the feed's clock showed.
    pub(super) wall: WallClock,
}

impl Field {
    /// Writes what the field says of a record.
    pub(super) fn write(self, record: &Record<'_>, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Fixed(text) => out.write_str(text),
            Self::Id => out.write_str(record.id),
            Self::Mid => out.write_str(&record.mid),
            Self::SecondaryMid => out.write_str(&record.secondary_mid),
            Self::Psimi => out.write_str(&record.psimi),
            Self::Location => out.write_str(&record.location),
            Self::Till => write!(out, "{}017", record.location),
            Self::Token => write!(out, "{}", record.token),
            Self::FirstSix => out.write_str(record.first_six),
            Self::LastFour => out.write_str(&record.last_four),
            Self::MaskedCard => write!(out, "{}******{}", record.first_six, record.last_four),
            Self::MaskedDpan => write!(out, "{}XXXXX{}", record.first_six, record.last_four),
            Self::CardWord => out.write_str(record.card_word),
            Self::AuthCode => record.code.map_or(Ok(()), |code| write!(out, "{code}")),
            Self::Account => write!(out, "account-{}", record.token),
            Self::Pounds => pounds(record.amount_minor, out),
            Self::Pence => write!(out, "{}", record.amount_minor),
            Self::AuthorisedPounds => pounds(record.authorised_minor, out),
            Self::BillPounds => pounds(record.amount_minor - record.gratuity_minor, out),
            Self::GratuityPounds => pounds(record.gratuity_minor, out),
            Self::Time(form) => Clocks::write(record.wall, form, out),
            Self::Epoch => write!(out, "{}", record.at.0.div_euclid(1_000_000)),
        };
    }

    /// What it says, as a text of its own.
    pub(super) fn text(self, record: &Record<'_>) -> String {
        let mut text = String::new();
        self.write(record, &mut text);
        text
    }
}

fn pounds(minor: i64, out: &mut String) -> std::fmt::Result {
    write!(out, "{}.{:02}", minor / MINOR_UNITS, minor % MINOR_UNITS)
}
