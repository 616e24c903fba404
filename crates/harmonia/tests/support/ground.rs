//! Where a world is worked through: a place, with its database in it or on a PostgreSQL server.

use crate::database::Database;
use crate::proxy::Proxy;
use crate::support::Place;
use std::ops::Deref;
use std::time::Duration;

/// Of jobs, those that are more than a look where a feed arrives.
const NO_LOOK: &str = "CAST(work AS text) NOT LIKE '%\"look\"%'";

/// How long a lease is here. It is what work that a killed process held has to wait for.
pub const LEASE_SECONDS: u64 = 1;

/// A place and its database.
pub struct Ground {
    place: Place,
    postgres: Option<Database>,
    proxy: Option<Proxy>,
}

impl Ground {
    /// A place with SQLite.
    pub fn sqlite(place: Place) -> Self {
        Self {
            place,
            postgres: None,
            proxy: None,
        }
    }

    /// A place with this database.
    pub fn postgres(place: Place, database: Database) -> Self {
        let place = place
            .with("TXM_POSTGRES_URI", database.uri())
            .with("TXM_LEASE_SECONDS", LEASE_SECONDS);
        Self {
            place,
            postgres: Some(database),
            proxy: None,
        }
    }

    /// Its server behind a proxy, for everything that is run here from now on.
    pub fn behind_a_proxy(mut self) -> Self {
        let uri = self.postgres.as_ref().unwrap().uri();
        let proxy = Proxy::before(&uri);
        self = self.with("TXM_POSTGRES_URI", proxy.uri(&uri));
        self.proxy = Some(proxy);
        self
    }

    /// The proxy before its server.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Waits until every lease that is held has run out: here nobody works any more. On SQLite, what a
    /// killed process held is free as soon as another starts.
    pub fn await_leases(&self) {
        let held = "SELECT 'held' FROM job WHERE leased_until > now()";
        while self.postgres.is_some() && !self.texts(held).is_empty() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// With another setting.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.place = self.place.with(name, value);
        self
    }

    /// Its database on a server, where it has one.
    pub fn database(&self) -> Option<&Database> {
        self.postgres.as_ref()
    }

    /// The rows of a query that gives one text each.
    pub fn texts(&self, query: &str) -> Vec<String> {
        match &self.postgres {
            Some(database) => database.texts(query),
            None => self.place.texts(query),
        }
    }

    /// Whether every feed's file that was begun is in, and no job is left that failed or waits for its
    /// turn. What is asked about again in minutes does not count, nor do looks where feeds arrive, which
    /// are asked for again and again.
    pub fn is_done(&self) -> bool {
        let soon = match self.postgres {
            Some(_) => "now() + interval '1 minute'",
            None => "(unixepoch('subsec') + 60) * 1000000",
        };
        let left = format!(
            "SELECT concat_ws(' ', id, queue) FROM job WHERE ready_at <= {soon} AND {NO_LOOK}
             UNION ALL
             SELECT concat_ws(' ', id, source) FROM import_file_log WHERE state = 'IMPORTING'"
        );
        self.texts(&left).is_empty()
    }

    /// Jobs that somebody holds.
    pub fn leased(&self) -> Vec<String> {
        let never = match self.postgres {
            Some(_) => "'-infinity'",
            None => "0",
        };
        self.texts(&format!(
            "SELECT concat_ws(' ', id, queue, lease_holder) FROM job
             WHERE {NO_LOOK} AND (lease_holder IS NOT NULL OR leased_until <> {never})"
        ))
    }

    /// What grows with every commit that does some of the work.
    pub fn progress(&self) -> String {
        self.texts(
            "SELECT concat_ws(' ', (SELECT sum(records_read) FROM import_file_log),
                              (SELECT count(*) FROM pairing),
                              (SELECT count(*) FROM export_transaction WHERE status = 'DELIVERED'))",
        )
        .concat()
    }
}

impl Deref for Ground {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}
