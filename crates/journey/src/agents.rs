//! The agent files at work: a scheme's rules and exports by its id, a feed by its name.

use harmonia_core::agent::{Agent, Role};
use harmonia_core::export::Plan;
use harmonia_core::feed::Feed;
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_core::matching::Rules;
use harmonia_core::sweep::Sweep;
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
    /// The exports of no scheme of their own: each has a row beside those of the schemes.
    exports: HashMap<Slug, SchemeId>,
}

impl Agents {
    /// Makes the agents known to the store and arranges them by the ids it gives.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot.
    pub async fn register(agents: Vec<Agent>, store: &dyn Store) -> Result<Self, StoreError> {
        let (providers, told): (Vec<usize>, Vec<usize>) =
            (0..agents.len()).partition(|at| agents[*at].role == Role::PaymentProvider);
        let named = |places: &[usize]| -> Vec<(Slug, String)> {
            let named = places.iter().map(|at| &agents[*at]);
            named
                .map(|agent| (agent.slug.clone(), agent.name.clone()))
                .collect()
        };
        let ids = store.register(&named(&told), &named(&providers)).await?;
        let of_role = |role: Role| {
            let placed = told.iter().zip(&ids);
            placed
                .filter(|(at, _)| agents[**at].role == role)
                .map(|(at, id)| (agents[*at].slug.clone(), *id))
                .collect()
        };
        let (schemes, exports) = (of_role(Role::LoyaltyScheme), of_role(Role::Export));
        let by_scheme = ids.into_iter().zip(told).collect();
        Ok(Self {
            agents,
            by_scheme,
            schemes,
            exports,
        })
    }

    /// All of them, by slug.
    pub fn all(&self) -> &[Agent] {
        &self.agents
    }

    /// The id of an agent that only exports.
    pub fn export(&self, slug: &Slug) -> Option<SchemeId> {
        self.exports.get(slug).copied()
    }

    /// The schemes that give up payments, each with how.
    pub fn sweeps(&self) -> impl Iterator<Item = (SchemeId, &Sweep)> {
        let sweep = |id: SchemeId| Some((id, self.of_scheme(id)?.sweep.as_ref()?));
        self.schemes.values().filter_map(move |id| sweep(*id))
    }

    /// The agent of a scheme, or of an export of its own, if it has a file.
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
