//! Every configuration key, defined once: what operators change while Harmonia runs.
//!
//! A key's value is text in the table `config_item`; a key that is not there has its default. A
//! process asks anew with each step, so a change counts within moments, without a restart.
//! What is set once for a process is a [setting](crate::settings) instead.

use crate::agent::Agent;
use crate::ids::Slug;
use crate::retention::{LEAST_DAYS, MOST_DAYS};
use crate::schedule::Schedule;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How every key begins.
pub const PREFIX: &str = "txmatch:config:";

/// How a key begins, after that, that says when something is done.
const SCHEDULE: &str = "schedule:";
/// What is done never.
const NEVER: &str = "never";

/// The keys of schedules: there is one for each feed that is looked for and for each sweep.
pub const SCHEDULES: ConfigKey = ConfigKey {
    name: Cow::Borrowed("txmatch:config:schedule:<look:feed or sweep:scheme>"),
    doc: " When a feed is looked for, or a scheme's payments are given up: five cron fields, in UTC unless CRON_TZ=<zone> stands before them; or never.",
    default: "as the agent file says",
    check: |value| schedule(Some(value)).map(drop),
};

/// One key.
#[derive(Clone, Debug)]
pub struct ConfigKey {
    /// Its name, whole.
    pub name: Cow<'static, str>,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// What it is when it is not set, for people.
    pub default: &'static str,
    check: fn(&str) -> Result<(), String>,
}

impl ConfigKey {
    /// The key of a name, whole or without its prefix.
    ///
    /// # Errors
    /// Lists the keys there are.
    pub fn find(name: &str) -> Result<Self, String> {
        let short = name.strip_prefix(PREFIX).unwrap_or(name);
        if let Some(of) = short.strip_prefix(SCHEDULE)
            && let Some(("look" | "sweep", of)) = of.split_once(':')
            && Slug::new(of).is_ok()
        {
            let name = Cow::Owned(format!("{PREFIX}{short}"));
            return Ok(Self { name, ..SCHEDULES });
        }
        let found = ALL.iter().find(|key| key.short_name() == short);
        found.cloned().ok_or_else(|| {
            let all = ALL.iter().chain([&SCHEDULES]);
            let known: Vec<&str> = all.map(|key| key.name.as_ref()).collect();
            format!(
                "there is no configuration key {name:?}: there are {}",
                known.join(", ")
            )
        })
    }

    /// Its name without the prefix.
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix(PREFIX).unwrap_or(&self.name)
    }

    /// Whether a value will do.
    ///
    /// # Errors
    /// Says what would.
    pub fn check(&self, value: &str) -> Result<(), String> {
        (self.check)(value).map_err(|wrong| format!("{}={value:?}: {wrong}", self.name))
    }
}

/// Whether a value will do for a key, where these agents are all there are.
///
/// # Errors
/// Says what would: of a name that is nobody's, which there are.
pub fn check_among(key: &ConfigKey, value: &str, agents: &[Agent]) -> Result<(), String> {
    key.check(value)?;
    let item = (key.name.clone().into_owned(), value.to_owned());
    let config = Config::read(&BTreeMap::from([item]));
    let is_known = |name: &str, known: Vec<&str>, what: &str| match known.contains(&name) {
        true => Ok(()),
        false => Err(format!(
            "{}={value:?}: no agent file has the {what} {name}: there are {}",
            key.name,
            known.join(", ")
        )),
    };
    for name in config.schedules.keys() {
        match name.split_once(':') {
            Some(("look", feed)) => {
                let feeds = agents.iter().flat_map(|agent| &agent.feeds);
                let looked_for = feeds.filter(|feed| feed.source.schedule().is_some());
                let known = looked_for.map(|feed| feed.name.as_str()).collect();
                is_known(feed, known, "looked-for feed")?;
            }
            Some((_, scheme)) => {
                let sweeping = agents.iter().filter(|agent| agent.sweep.is_some());
                let known = sweeping.map(|agent| agent.slug.as_str()).collect();
                is_known(scheme, known, "sweeping scheme")?;
            }
            None => {}
        }
    }
    for scheme in config.matching_slow.iter().flatten() {
        let matching = agents.iter().filter(|agent| agent.matching.is_some());
        let known = matching.map(|agent| agent.slug.as_str()).collect();
        is_known(scheme.as_str(), known, "matched scheme")?;
    }
    Ok(())
}

/// A key with its value, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigItem {
    /// The key, whole.
    pub key: String,
    /// Its value; `None` where it is not set.
    pub value: Option<String>,
    /// What it is when it is not set, for people.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

impl ConfigItem {
    /// Of a key.
    pub fn of(key: &ConfigKey, value: Option<String>) -> Self {
        Self {
            key: key.name.clone().into_owned(),
            value,
            default: key.default,
            doc: key.doc.trim(),
        }
    }

    /// Every key there is, by the items that are stored: the schedules that are set, and how they are set,
    /// come last.
    pub fn all(mut stored: BTreeMap<String, String>) -> Vec<Self> {
        let mut all: Vec<Self> = ALL
            .iter()
            .map(|key| Self::of(key, stored.remove(key.name.as_ref())))
            .collect();
        all.extend(stored.into_iter().filter_map(|(key, value)| {
            let key = ConfigKey::find(&key).ok()?;
            Some(Self::of(&key, Some(value)))
        }));
        all.push(Self::of(&SCHEDULES, None));
        all
    }
}

/// A key that is set, or with no value is at its default again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key, whole.
    pub key: String,
    /// Its value from now on.
    pub value: Option<String>,
}

macro_rules! config {
    ($($(#[doc = $doc:literal])* $field:ident: $kind:ty = $name:literal, $default:literal, $read:path;)+) => {
        /// Every key's value; of one that cannot be read, what is wrong and what would do. It stops what
        /// asks for it, and nothing else.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])* pub $field: Result<$kind, String>,)+
            /// The schedules that are not as their agent files say, by their names; `None` is never.
            pub schedules: BTreeMap<String, Result<Option<Schedule>, String>>,
        }

        /// Every key of this build, but for those of [`SCHEDULES`].
        pub const ALL: &[ConfigKey] = &[
            $(ConfigKey {
                name: Cow::Borrowed(concat!("txmatch:config:", $name)),
                doc: concat!($($doc),*),
                default: $default,
                check: |value| $read(Some(value)).map(drop),
            },)+
        ];

        impl Config {
            /// The values of the items that are stored. Those of other builds are none of ours.
            pub fn read(items: &BTreeMap<String, String>) -> Self {
                let value = |name: &str| items.get(&format!("{PREFIX}{name}")).map(String::as_str);
                Self {
                    $($field: $read(value($name)).map_err(|wrong| to_mend($name, &wrong)),)+
                    schedules: schedules(items),
                }
            }
        }
    };
}

config! {
    /// For how many days transactions are kept: what is older and not known is rejected as too old when it comes, and `harmonia purge` takes out what is older. Not set: everything is kept, and only what is older than the last purge is too old.
    retention_days: Option<u32> = "retention-days", "keep everything", days;
    /// Schemes that are matched in the queue matching_slow, each by itself, so that none keeps others waiting: their slugs, with commas between. What waits of a scheme when it is added or taken out is still matched where it waits.
    matching_slow: Vec<Slug> = "matching-slow", "all are matched in the queue matching", slugs;
    /// Above which amount, in minor units of its currency, a match is made or undone by two people: the second asks for the same as the first. Not set: one person is enough.
    two_people_above: Option<i64> = "two-people-above", "one person is enough", amount;
    /// How many jobs may wait to be decided, 1 to 1000000, before importing pauses: files between two batches, message queues before the next, pushes with 503. It goes on when a tenth of them is done. A command that imports is not kept waiting.
    queue_limit: u32 = "queue-limit", "5000", queue_limit;
}

/// What is wrong with the value of a key, and how it is put right.
fn to_mend(name: &str, wrong: &str) -> String {
    format!("{PREFIX}{name}: {wrong}; mend it with `harmonia config set {name}`, or `unset`")
}

fn schedules(
    items: &BTreeMap<String, String>,
) -> BTreeMap<String, Result<Option<Schedule>, String>> {
    let of_schedules = items.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix(PREFIX)?;
        Some((key, key.strip_prefix(SCHEDULE)?, value))
    });
    let read = |(key, name, value): (&str, &str, &String)| {
        let schedule = schedule(Some(value)).map_err(|wrong| to_mend(key, &wrong));
        (name.to_owned(), schedule)
    };
    of_schedules.map(read).collect()
}

fn schedule(value: Option<&str>) -> Result<Option<Schedule>, String> {
    match value {
        None | Some(NEVER) => Ok(None),
        Some(value) => Schedule::parse(value).map(Some),
    }
}

fn amount(value: Option<&str>) -> Result<Option<i64>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let amount = value.parse().ok().filter(|amount| *amount >= 0);
    amount
        .map(Some)
        .ok_or_else(|| "write an amount in minor units, such as 10000 for 100.00".to_owned())
}

fn slugs(value: Option<&str>) -> Result<Vec<Slug>, String> {
    let names = value.unwrap_or_default().split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(Slug::new)
        .collect()
}

fn queue_limit(value: Option<&str>) -> Result<u32, String> {
    const DEFAULT: u32 = 5000;
    const MOST: u32 = 1_000_000;
    let Some(value) = value else {
        return Ok(DEFAULT);
    };
    let limit = value.parse().ok();
    limit
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| format!("write a whole number of jobs from 1 to {MOST}"))
}

fn days(value: Option<&str>) -> Result<Option<u32>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let days = value.parse().ok();
    let days = days.filter(|days| (LEAST_DAYS..=MOST_DAYS).contains(days));
    days.map(Some)
        .ok_or_else(|| format!("write a whole number of days from {LEAST_DAYS} to {MOST_DAYS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: &str) -> BTreeMap<String, String> {
        let key = ConfigKey::find("retention-days").unwrap();
        BTreeMap::from([(key.name.into_owned(), value.to_owned())])
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let config = Config::read(&BTreeMap::new());
        assert_eq!(config.retention_days, Ok(None));
        assert_eq!(Config::read(&stored("60")).retention_days, Ok(Some(60)));
    }

    #[test]
    fn a_value_that_will_not_do_is_refused_with_what_would() {
        let key = ConfigKey::find("txmatch:config:retention-days").unwrap();
        for value in ["", "1", "-3", "sixty", "60.0", "36501"] {
            let wrong = key.check(value).unwrap_err();
            assert!(
                wrong.contains("txmatch:config:retention-days")
                    && wrong.contains("from 2 to 36500"),
                "{wrong}"
            );
            let config = Config::read(&stored(value));
            assert!(config.retention_days.is_err(), "{value}");
            assert_eq!(config.matching_slow, Ok(Vec::new()), "the others stand");
        }
        assert_eq!(key.check("60"), Ok(()));
    }

    #[test]
    fn the_queue_limit_is_a_number_of_jobs() {
        let key = ConfigKey::find("queue-limit").unwrap();
        assert_eq!(Config::read(&BTreeMap::new()).queue_limit, Ok(5000));
        assert_eq!(key.default, "5000");
        for value in ["0", "-1", "many", "1000001", ""] {
            let wrong = key.check(value).unwrap_err();
            assert!(wrong.contains("from 1 to 1000000"), "{wrong}");
        }
        assert_eq!(key.check("1"), Ok(()));
    }

    #[test]
    fn every_schedule_has_a_key() {
        let key = ConfigKey::find("schedule:look:visa-auth").unwrap();
        assert_eq!(key.name, "txmatch:config:schedule:look:visa-auth");
        assert_eq!(key.check("*/5 * * * *"), Ok(()));
        assert_eq!(key.check("never"), Ok(()));
        assert!(
            key.check("hourly")
                .unwrap_err()
                .contains("five cron fields")
        );
        let items = BTreeMap::from([(key.name.clone().into_owned(), "never".to_owned())]);
        let config = Config::read(&items);
        assert_eq!(config.schedules["look:visa-auth"], Ok(None));
        for name in [
            "schedule:",
            "schedule:look:",
            "schedule:eat:visa",
            "schedule:visa",
        ] {
            assert!(ConfigKey::find(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_read_spoils_no_other_key() {
        let item = |name: &str, value: &str| (format!("{PREFIX}{name}"), value.to_owned());
        let config = Config::read(&BTreeMap::from([
            item("schedule:look:visa-auth", "when it suits you"),
            item("schedule:look:itsu", "0 7 * * *"),
            item("schedule:", ""),
            item("retention-days", "60"),
        ]));
        assert_eq!(config.retention_days, Ok(Some(60)));
        let itsu = config.schedules["look:itsu"].clone();
        assert_eq!(itsu, Schedule::parse("0 7 * * *").map(Some));
        let wrong = config.schedules["look:visa-auth"].clone().unwrap_err();
        let mend = "harmonia config set schedule:look:visa-auth";
        assert!(
            wrong.contains("five cron fields") && wrong.contains(mend),
            "{wrong}"
        );
    }

    #[test]
    fn an_unknown_key_is_told_which_there_are() {
        let wrong = ConfigKey::find("retention").unwrap_err();
        for key in ALL {
            assert!(wrong.contains(key.name.as_ref()), "{wrong}");
        }
    }
}
