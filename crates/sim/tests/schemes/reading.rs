//! A generated world, and all that is read of it.

use harmonia_core::agent::Agent;
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use harmonia_core::ids::Slug;
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_sim::{Options, SchemeSummary, generate_scheme, provider_slugs};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Every agent file there is.
pub static AGENTS: LazyLock<Vec<Agent>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let entries = std::fs::read_dir(folder).unwrap();
    let parse = |path: PathBuf| {
        let name = format!("agents/{}", path.file_name().unwrap().display());
        let text = std::fs::read_to_string(&path).unwrap();
        Agent::parse(&name, &text).unwrap()
    };
    entries.map(|entry| parse(entry.unwrap().path())).collect()
});

/// The agent of that slug.
pub fn agent(slug: &str) -> &'static Agent {
    AGENTS
        .iter()
        .find(|agent| agent.slug.as_str() == slug)
        .unwrap()
}

/// A row of `truth.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub payment: String,
    pub sale: String,
    pub fault: String,
}

impl Row {
    /// Whether the rule can tell, as the column says.
    pub fn is_decidable(&self) -> bool {
        let (fault, decided) = self.fault.split_once(':').unwrap_or((&self.fault, ""));
        match (fault, decided) {
            (_, "decidable") | ("", _) => true,
            (_, "undecidable") | ("no_rule", _) => false,
            (fault, _) => harmonia_sim::Fault::from_name(fault)
                .unwrap()
                .is_decidable(),
        }
    }
}

/// A world, as it is read.
pub struct World {
    pub summary: SchemeSummary,
    /// In the order of the truth.
    pub rows: Vec<Row>,
    /// By network and feed type, then by id; what is sent twice is there once.
    pub payments: BTreeMap<(Slug, FeedType), BTreeMap<String, PaymentRecord>>,
    /// By id.
    pub sales: BTreeMap<String, SaleRecord>,
    /// How many sales were in the file of those that come late.
    pub late_sales: u64,
    /// Records that came again.
    pub duplicates: u64,
    folder: TempDir,
}

/// The world of a scheme, with every network or with some.
pub fn world(scheme: &str, providers: &[&str], options: &Options) -> World {
    let folder = tempfile::tempdir().unwrap();
    let providers: Vec<String> = match providers {
        [] => provider_slugs().map(str::to_owned).collect(),
        some => some.iter().map(|slug| (*slug).to_owned()).collect(),
    };
    let mut told = 0;
    let summary = generate_scheme(scheme, &providers, options, folder.path(), &mut |made| {
        told = made;
    });
    assert_eq!(told, options.purchases);
    let mut world = World {
        rows: Vec::new(),
        payments: BTreeMap::new(),
        sales: BTreeMap::new(),
        late_sales: 0,
        duplicates: 0,
        summary: summary.unwrap(),
        folder,
    };
    world.rows = rows(&world.summary.truth_file, true)
        .into_iter()
        .map(|row| Row {
            payment: row[0].into(),
            sale: row[1].into(),
            fault: row[2].into(),
        })
        .collect();
    // The older file says nothing that is not in another.
    let feeds = world.summary.feeds.clone().into_iter();
    for file in feeds.filter(|file| file.feed != "amex-file") {
        world.read(&file.feed, &file.path, file.records);
    }
    world
}

/// The rows of a table.
pub fn rows(path: &Path, has_header: bool) -> Vec<csv::StringRecord> {
    let mut table = csv::ReaderBuilder::new()
        .has_headers(has_header)
        .from_path(path)
        .unwrap();
    table.records().map(Result::unwrap).collect()
}

impl World {
    /// Every file of it, by its path within.
    pub fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(self.folder.path()).unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
        files
    }

    /// A payment of a feed type.
    pub fn payment(&self, feed_type: FeedType, id: &str) -> Option<&PaymentRecord> {
        let mut feeds = self.payments.iter().filter(|((_, of), _)| *of == feed_type);
        feeds.find_map(|(_, payments)| payments.get(id))
    }

    /// The purchases of the truth with a fault: their rows, by the sale or, without one, the
    /// payment.
    pub fn purchases_with(&self, fault: &str) -> Vec<Vec<Row>> {
        let mut purchases: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        let mut sale_of: HashMap<&str, &str> = HashMap::new();
        for row in &self.rows {
            if row.fault.split(':').next() != Some(fault) {
                continue;
            }
            if !row.sale.is_empty() && !row.payment.is_empty() {
                sale_of.insert(&row.payment, &row.sale);
            }
            let own = if row.sale.is_empty() {
                &row.payment
            } else {
                &row.sale
            };
            let key = sale_of.get(row.payment.as_str()).copied().unwrap_or(own);
            purchases.entry(key).or_default().push(row.clone());
        }
        purchases.into_values().collect()
    }

    /// MID to location, of one network.
    pub fn mids(&self, provider: &str) -> HashMap<String, String> {
        let rows = rows(&self.summary.mids_file, false).into_iter();
        let primary = rows.filter(|row| &row[0] == provider && &row[2] == "PRIMARY");
        primary
            .map(|row| (row[1].to_owned(), row[4].to_owned()))
            .collect()
    }

    /// Reads a feed's file; nothing of it may be rejected or skipped.
    fn read(&mut self, name: &str, path: &Path, records: u64) {
        let bytes = std::fs::read(path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("4111111111111111"));
        let Some(feed) = AGENTS.iter().find_map(|agent| agent.feed(name)) else {
            panic!("no agent file has a feed {name}");
        };
        let mut inspector = feed.inspect();
        inspector.feed(&bytes);
        inspector.finish().unwrap();
        let mut read = 0;
        let mut reader = feed.reader(bytes.as_slice()).unwrap();
        let mut raw = RawRecord::default();
        let late = path
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .ends_with("-late");
        while reader.next(&mut raw).unwrap() {
            read += 1;
            self.late_sales += u64::from(late);
            self.take(feed, &raw);
        }
        assert_eq!(read, records, "{}", path.display());
    }

    fn take(&mut self, feed: &Feed, raw: &RawRecord) {
        let before = match feed.read(raw) {
            Outcome::Payment(mut payment) => {
                let scheme = Slug::new(&self.summary.scheme).unwrap();
                if let Some(when) = feed.moment_for_scheme(raw, &scheme) {
                    payment.when = when;
                }
                let key = (feed.provider_slug.clone(), feed.feed_type);
                let id = payment.transaction_id.to_string();
                let payments = self.payments.entry(key).or_default();
                payments
                    .insert(id, payment.clone())
                    .map(|before| before == payment)
            }
            Outcome::Sale(sale) => {
                let id = sale.transaction_id.to_string();
                self.sales
                    .insert(id, sale.clone())
                    .map(|before| before == sale)
            }
            other => panic!("{}: {:?}", feed.name, other.fields()),
        };
        assert_ne!(before, Some(false), "one id for two records");
        self.duplicates += u64::from(before.is_some());
    }

    /// Every id of the truth, each once: payments, then sales.
    pub fn ids(&self) -> [BTreeSet<&str>; 2] {
        let named = |of: fn(&Row) -> &String| {
            let ids = self.rows.iter().map(of).filter(|id| !id.is_empty());
            ids.map(String::as_str).collect()
        };
        [named(|row| &row.payment), named(|row| &row.sale)]
    }
}
