//! The shop of the town, whose merchant is told over HTTP.

use crate::database::Database;
use crate::ground::Ground;
use crate::support::Place;
use crate::town::{CARD, CARDS, MIDS, PROVIDER, SCHEME, import, payment, sale};
use harmonia_sim::{Act, Heard, Merchants};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::Path;

/// The path by which the merchant is known.
pub const PATH: &str = "/shop";
const STATES: &str = "SELECT status FROM export_transaction ORDER BY id";

/// An installation, and the merchant that it tells.
pub struct Shop {
    ground: Ground,
    pub merchant: Merchants,
}

/// A new place on each database that there is.
pub fn grounds() -> Vec<Ground> {
    let postgres = Database::of_tests().map(|database| Ground::postgres(Place::new(), database));
    [Some(Ground::sqlite(Place::new())), postgres]
        .into_iter()
        .flatten()
        .collect()
}

impl Shop {
    /// The shop, onboarded, its card linked. `more` is what its `[export]` says beside the body, and
    /// `script` what its merchant does.
    pub fn open(
        ground: Ground,
        more: &str,
        script: impl Fn(&Heard) -> Act + Send + Sync + 'static,
    ) -> Self {
        let merchant = Merchants::start(script).unwrap();
        let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
        let of = |slug: &str| fs::read_to_string(agents.join(format!("{slug}.toml"))).unwrap();
        let file = "destination = { kind = \"file\", path = \"example-loyalty-scheme/\" }";
        let scheme = of(SCHEME);
        assert!(scheme.contains(file), "{scheme}");
        let http = format!(
            "destination = {{ kind = \"http\", url = \"{{{{ secret('shop-url') }}}}\", within = \"1s\" }}\n{more}"
        );
        ground.write(
            &format!("agents/{SCHEME}.toml"),
            scheme.replace(file, &http),
        );
        ground.write(&format!("agents/{PROVIDER}.toml"), of(PROVIDER));
        let folder = ground.path("agents").display().to_string();
        let ground = ground
            .with("TXM_AGENTS_DIR", folder)
            .with("TXM_HTTP_ALLOW", "127.0.0.1")
            .with("TXM_SECRET_SHOP_URL", merchant.url(PATH));
        ground.ok(&["mids", "import", &ground.write("mids.csv", MIDS)]);
        let cards = ground.write("cards.csv", format!("{CARDS}{CARD}"));
        ground.ok(&["cards", "import", &cards]);
        Self { ground, merchant }
    }

    /// So many purchases, told by till and network.
    pub fn buy(&self, count: u32) {
        let time = |at: u32| format!("10:{:02}:{:02}", at / 60, at % 60);
        let sales: Vec<_> = (0..count)
            .map(|at| sale(&format!("sale-{at}"), &time(at), 1000 + at))
            .collect();
        let payments: Vec<_> = (0..count)
            .map(|at| payment(&format!("payment-{at}"), &time(at), 1000 + at, "token-1"))
            .collect();
        assert_eq!(import(self, SCHEME, &sales)["new"], count);
        assert_eq!(import(self, PROVIDER, &payments)["new"], count);
    }

    /// Where its exports stand.
    pub fn states(&self) -> Vec<String> {
        self.texts(STATES)
    }

    /// Wants each purchase to have been counted once, and all that was ever sent of it to have been the
    /// same bytes under the same key.
    pub fn assert_each_counted_once(&self, purchases: u32) {
        let effects = self.merchant.effects(PATH);
        let mut counted = BTreeMap::<String, usize>::new();
        for effect in &effects {
            *counted.entry(purchase(&effect.body)).or_default() += 1;
        }
        let twice: Vec<_> = counted.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "counted more than once: {twice:?}");
        assert_eq!(counted.len(), usize::try_from(purchases).unwrap());
        let mut sent = BTreeMap::<String, (String, Vec<u8>)>::new();
        for heard in self.merchant.heard() {
            assert!(!heard.key.is_empty(), "{heard:?}");
            let said = (heard.key, heard.body);
            let first = sent
                .entry(purchase(&said.1))
                .or_insert_with(|| said.clone());
            assert_eq!(*first, said, "another key, or other bytes");
        }
    }
}

impl Deref for Shop {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

fn purchase(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["transaction_id"].as_str().unwrap().to_owned()
}
