//! What the benchmarks share: a journey on a fresh embedded store, wired as the binary wires it.

use harmonia_core::agent::Agent;
use harmonia_gateway::files::ExportFolder;
use harmonia_journey::Journey;
use harmonia_journey::agents::Agents;
use harmonia_journey::onboard::{link_cards, onboard_mids, read_mids};
use harmonia_journey::ports::{BuiltInLinks, Holder, Store, SystemClock, Uids};
use harmonia_store::SqliteStore;
use std::path::Path;
use std::sync::Arc;

/// The agents of the demonstration.
pub fn agents() -> Vec<Agent> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents");
    [
        "example-loyalty-scheme",
        "example-payment-provider",
        "iceland-bonus-card",
    ]
    .map(|slug| {
        let text = std::fs::read_to_string(folder.join(format!("{slug}.toml"))).unwrap();
        Agent::parse(&format!("{slug}.toml"), &text).unwrap()
    })
    .into()
}

/// A journey on a fresh store in a folder.
pub async fn journey(folder: &Path, batch: usize) -> Journey {
    let holder = Holder::new(Uids);
    let store: Arc<dyn Store> = Arc::new(
        SqliteStore::open(folder, &holder, harmonia_store::sqlite::DEFAULT_LEASE_US).unwrap(),
    );
    let agents = Agents::register(agents(), store.as_ref()).await.unwrap();
    Journey {
        identity: Arc::new(BuiltInLinks(Arc::clone(&store))),
        store,
        courier: Arc::new(ExportFolder(folder.join("exports"))),
        clock: Arc::new(SystemClock),
        uids: Uids,
        agents: Arc::new(agents),
        holder,
        batch,
    }
}

/// Onboards a generated world's MIDs and links its cards.
pub async fn onboard(journey: &Journey, world: &harmonia_sim::Summary) {
    let mids = read_mids(&std::fs::read(&world.files.mids).unwrap()).unwrap();
    onboard_mids(journey.store.as_ref(), mids, journey.now())
        .await
        .unwrap();
    let cards = std::fs::File::open(&world.files.cards).unwrap();
    link_cards(journey, std::io::BufReader::new(cards))
        .await
        .unwrap();
}
