//! A small world in which the truth is known: shoppers, shops, tills, a card network, and the ways
//! in which what they report goes wrong.
//!
//! Real feeds never say which payment was which sale, so nobody can tell from them whether a match
//! was right. Here the purchase comes first, and both feeds are told about it; what links them is
//! written down beside them. [`generate`] does that, and [`Truth`] reads it back and gives a
//! [`Score`] to whatever a matcher found.
//!
//! One purchase's way through the crate:
//! 1. `arrivals` says when: opening hours, busy days, the seconds of each quarter of an hour;
//! 2. `world` says what: a shop, a card, an amount, and perhaps a [`Fault`], so chosen that no two
//!    purchases can be mistaken for each other unless that is the fault;
//! 3. `clerk` reports it to both sides and to the truth; `feed` orders each side by its own clock;
//! 4. `output` lets the files appear whole, all at the end.
//!
//! That is the example scheme, whose two feeds are as plain as feeds can be. The merchants and card
//! networks of `agents/` are played by [`generate_scheme`] (in `scheme`): each purchase is told by
//! the till, by an authorisation, by a settlement and perhaps by a refund, each in its own feed's
//! bytes and by its own clock, and with more ways to go wrong.
//!
//! What happens after the match is played by [`Merchants`] (in `merchant`): a server on loopback that is
//! told over HTTP, does with each request what a script says, and counts what came of it.
//!
//! What is generated follows from [`Options`]: no clock and no entropy is asked, so the same options give
//! the same bytes on every machine. Nothing is held for each purchase: memory grows with how many
//! fall into a few minutes, not with how many there are.

mod arrivals;
mod cards;
mod clerk;
mod fault;
mod feed;
mod generate;
mod identifiers;
mod label;
mod merchant;
mod options;
mod ordered;
mod output;
mod prices;
mod random;
mod scheme;
mod shops;
mod truth;
mod world;

pub use fault::{Fault, FaultRates};
pub use generate::{Files, GenerateError, Summary, generate};
pub use identifiers::IdStyle;
pub use merchant::{Act, Effect, Heard, KeyAt, Merchants};
pub use options::Options;
pub use scheme::{FeedFile, SchemeSummary, generate_scheme, provider_slugs, scheme_slugs};
pub use truth::{Counts, Score, Truth, TruthError};

/// The merchant whose tills report to [`generate`], as its agent file names it.
pub const SCHEME: &str = "example-loyalty-scheme";

/// The card network that reports its payments, as its agent file names it.
pub const PAYMENT_PROVIDER: &str = "example-payment-provider";
