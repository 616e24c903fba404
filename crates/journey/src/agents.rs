//! The agent files at work: a scheme's rules and exports by its id, a feed by its name.

use harmonia_core::agent::{Agent, Role};
use harmonia_core::export::Plan;
use harmonia_core::feed::Feed;
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_core::matching::Rules;
use harmonia_core::time::Zone;
use harmonia_core::transaction::FeedType;
use hashbrown::HashMap;

use crate::ports::{Store, StoreError};

/// Every agent, arranged for looking up.
#[derive(Debug, Default)]
pub struct Agents {
    agents: Vec<Agent>,
    by_scheme: HashMap<SchemeId, usize>,
    schemes: HashMap<Slug, SchemeId>,
}

impl Agents {
    /// Makes the agents known to the store and arranges them by the ids it gives.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot.
    pub async fn register(agents: Vec<Agent>, store: &dyn Store) -> Result<Self, StoreError> {
        let named = |role: Role| -> Vec<(Slug, String)> {
            let of_role = agents.iter().filter(|agent| agent.role == role);
            of_role
                .map(|agent| (agent.slug.clone(), agent.name.clone()))
                .collect()
        };
        let schemes = named(Role::LoyaltyScheme);
        let ids = store
            .register(&schemes, &named(Role::PaymentProvider))
            .await?;
        let places = (0..agents.len()).filter(|at| agents[*at].role == Role::LoyaltyScheme);
        let by_scheme = ids.iter().copied().zip(places).collect();
        let schemes = schemes.into_iter().map(|(slug, _)| slug).zip(ids).collect();
        Ok(Self {
            agents,
            by_scheme,
            schemes,
        })
    }

    /// All of them, by slug.
    pub fn all(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent of a scheme, if it has a file.
    pub fn of_scheme(&self, scheme: SchemeId) -> Option<&Agent> {
        self.by_scheme.get(&scheme).map(|at| &self.agents[*at])
    }

    /// The id of a scheme that has an agent file.
    pub fn scheme(&self, slug: &Slug) -> Option<SchemeId> {
        self.schemes.get(slug).copied()
    }

    /// Every scheme that has an agent file, with its id.
    pub fn schemes(&self) -> impl Iterator<Item = (&Slug, SchemeId)> {
        self.schemes.iter().map(|(slug, id)| (slug, *id))
    }

    /// How a scheme's payments are matched, if they are.
    pub fn rules(&self, scheme: SchemeId) -> Option<&Rules> {
        self.of_scheme(scheme)?.matching.as_ref()
    }

    /// By whose clock a scheme's times are told: that of its rules, or of its agent file; UTC where it
    /// has none.
    pub fn zone(&self, scheme: SchemeId) -> Zone {
        let agent = self.of_scheme(scheme);
        let rules = agent.and_then(|agent| agent.matching.as_ref());
        match (rules, agent) {
            (Some(rules), _) => rules.zone.clone(),
            (None, Some(agent)) => agent.zone.as_ref().clone(),
            (None, None) => Zone::utc(),
        }
    }

    /// Whether a scheme is sent payments of a type as they come.
    pub fn streams(&self, scheme: SchemeId, feed_type: FeedType) -> bool {
        let agent = self.of_scheme(scheme);
        agent.is_some_and(|agent| agent.streaming.contains(&feed_type))
    }

    /// How a scheme is told.
    pub fn plan(&self, scheme: SchemeId) -> Option<&Plan> {
        self.of_scheme(scheme)?.export.as_ref()
    }

    /// The agent of a slug.
    pub fn find(&self, slug: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.slug.as_str() == slug)
    }

    /// The feed of a name, as the command line calls it.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.agents.iter().find_map(|agent| agent.feed(name))
    }
}
