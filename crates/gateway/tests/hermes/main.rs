//! Hermes as it is, and as it is at its worst: whatever it answers, no payment becomes somebody else's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod lying;
#[path = "../support/peer.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod peer;

use harmonia_core::card::CardToken;
use harmonia_core::changes::CardInScheme;
use harmonia_core::ids::{SchemeId, Slug, SlugFormat};
use harmonia_core::secret::Secret;
use harmonia_gateway::hermes::{Breaking, Hermes, HermesOptions, Patience};
use harmonia_gateway::http::HttpOptions;
use std::collections::HashMap;
use std::time::Duration;

const BAKERY: SchemeId = SchemeId(1);
const CINEMA: SchemeId = SchemeId(2);

fn card(scheme: SchemeId, token: &str) -> CardInScheme {
    CardInScheme {
        scheme,
        card_token: CardToken(token.into()),
    }
}

/// Asks once, and never loses patience.
fn once() -> Patience {
    Patience {
        answer: Duration::from_secs(5),
        tries: 1,
        pause: Duration::from_millis(5),
        breaking: Breaking {
            failures: u32::MAX,
            rest: Duration::from_millis(400),
            most: Duration::from_secs(2),
        },
    }
}

fn hermes(url: &str, patience: Patience) -> Hermes {
    let slug = |text: &str| Slug::new(text).unwrap();
    let options = HermesOptions {
        url: url.to_owned(),
        token: Some(Secret::new("hush-hush")),
        formatted: vec![slug("cinema")],
        format: SlugFormat::parse("{}-mock").unwrap(),
        patience,
    };
    let schemes = HashMap::from([(BAKERY, slug("bakery")), (CINEMA, slug("cinema"))]);
    Hermes::new(HttpOptions::default(), options, schemes).unwrap()
}
