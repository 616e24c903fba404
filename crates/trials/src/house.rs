//! The agents of the house, compiled once: their feeds are what is tried.

use harmonia_core::agent::Agent;
use harmonia_core::feed::Feed;
use std::sync::OnceLock;

macro_rules! agent_files {
    ($($slug:literal),+ $(,)?) => {
        [$((concat!($slug, ".toml"), include_str!(concat!("../../../agents/", $slug, ".toml")))),+]
    };
}

/// Name and text of the agent files whose feeds are tried.
pub const AGENT_FILES: [(&str, &str); 14] = agent_files![
    "amex",
    "costa",
    "example-loyalty-scheme",
    "example-payment-provider",
    "harvey-nichols",
    "iceland-bonus-card",
    "itsu",
    "mastercard",
    "slim-chickens",
    "stonegate",
    "tgi-fridays",
    "the-works",
    "visa",
    "wasabi-club",
];

/// The feed of this name.
///
/// # Panics
/// There is none, or its agent file is not sound.
pub(crate) fn feed(name: &str) -> &'static Feed {
    static AGENTS: OnceLock<Vec<Agent>> = OnceLock::new();
    let agents = AGENTS.get_or_init(|| AGENT_FILES.iter().map(parse).collect());
    let feed = agents.iter().find_map(|agent| agent.feed(name));
    feed.unwrap_or_else(|| panic!("there is no feed {name}"))
}

fn parse((file, text): &(&str, &str)) -> Agent {
    match Agent::parse(file, text) {
        Ok(agent) => agent,
        Err(complaints) => panic!("{complaints:?}"),
    }
}
