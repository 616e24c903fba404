//! Placing: what one record is, and whose.
//!
//! A payment's MID tells its scheme, a sale's MIDs or location where it may have been paid. What
//! cannot be placed is kept with its reason.

use super::ImportError;
use crate::Journey;
use crate::agents::Agents;
use harmonia_core::changes::{ImportedBody, ImportedRecord};
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use harmonia_core::identify::MidDirectory;
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::Rules;
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::transaction::{FeedType, Told};
use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Places the records of one file, or of one batch of messages, in their order.
pub struct Placing {
    /// The feed they are of.
    pub feed: Feed,
    scheme: Option<SchemeId>,
    agents: Arc<Agents>,
    /// Whether the network both authorises and settles, so that a payment without a settlement key
    /// of its own has to be found by its transaction id.
    joins_purchases: bool,
    /// How often each refused record has come.
    fingerprints: HashMap<[u8; 16], u32>,
}

impl Placing {
    /// For the records of a feed.
    ///
    /// # Errors
    /// The feed is a scheme's that is not registered.
    pub fn new(journey: &Journey, feed: &Feed) -> Result<Self, ImportError> {
        let slug = &feed.provider_slug;
        let known = match feed.feed_type {
            FeedType::Auth | FeedType::Settled | FeedType::Refund => None,
            FeedType::Merchant => Some(journey.agents.scheme(slug)),
            FeedType::Answer => Some(journey.agents.export(slug)),
        };
        let unknown = || ImportError::NoScheme(feed.name.to_string());
        let scheme = known.map(|known| known.ok_or_else(unknown)).transpose()?;
        let has = |wanted: FeedType| {
            let agent = journey.agents.find(feed.provider_slug.as_str());
            agent.is_some_and(|agent| agent.feeds.iter().any(|feed| feed.feed_type == wanted))
        };
        Ok(Self {
            feed: feed.clone(),
            scheme,
            agents: Arc::clone(&journey.agents),
            joins_purchases: has(FeedType::Auth) && has(FeedType::Settled),
            fingerprints: HashMap::new(),
        })
    }

    /// What a record is; `None` when the feed's rules skip it.
    pub fn read_record(
        &mut self,
        raw: &RawRecord,
        directory: &MidDirectory,
    ) -> Option<ImportedRecord> {
        let outcome = self.feed.read(raw);
        if matches!(outcome, Outcome::Skipped) {
            return None;
        }
        let placed = self.place(outcome, raw, directory);
        let mut json = String::with_capacity(192);
        self.feed.raw_json(raw, placed.is_ok(), &mut json);
        let body = match placed {
            Ok(body) => body,
            Err((reject, told)) => {
                let fingerprint = self.fingerprint(&json);
                ImportedBody::Refused {
                    reject,
                    fingerprint,
                    told,
                }
            }
        };
        // Whether there is such an export the store finds out, when it is too late to count.
        let body = match body {
            ImportedBody::Answer { scheme, record, .. } => ImportedBody::Answer {
                scheme,
                record,
                fingerprint: self.fingerprint(&json),
            },
            body => body,
        };
        if self.is_for_another_feed(&body) {
            return None;
        }
        Some(ImportedRecord {
            number: raw.number(),
            occurrence: raw.occurrence(),
            raw: json.into(),
            body,
        })
    }

    /// Whether a payment's scheme is of a kind that waits for another of the network's feeds.
    fn is_for_another_feed(&self, body: &ImportedBody) -> bool {
        let ImportedBody::Payment { scheme, .. } = body else {
            return false;
        };
        let not_for = &self.feed.not_for;
        self.agents.of_scheme(*scheme).is_some_and(|agent| {
            let matched_so = |rules: &Rules| not_for.kinds.contains(&rules.kind);
            agent.matching.as_ref().is_some_and(matched_so)
                || not_for.streaming && !agent.streaming.is_empty()
        })
    }

    /// Finds the scheme of a payment, the MIDs of a sale. What cannot be placed though it is sound
    /// says by what it is known.
    fn place(
        &self,
        outcome: Outcome,
        raw: &RawRecord,
        directory: &MidDirectory,
    ) -> Result<ImportedBody, (Reject, Option<Box<Told>>)> {
        match (outcome, self.scheme) {
            (Outcome::Payment(mut record), _) => {
                let provider = &self.feed.provider_slug;
                let found = directory.scheme_of(provider, &record.identifiers, record.when.start);
                let scheme = match &found {
                    Ok(found) => Some(found.scheme),
                    // Whose it once was says in which zone it is known, if it is.
                    Err(_) => directory.any_scheme_of(provider, &record.identifiers),
                };
                if self.feed.has_zones_of_schemes()
                    && let Some(agent) = scheme.and_then(|scheme| self.agents.of_scheme(scheme))
                    && let Some(when) = self.feed.moment_for_scheme(raw, &agent.slug)
                {
                    record.when = when;
                }
                let found = found.map_err(|reject| (reject, Some(Box::new(record.told()))))?;
                if self.joins_purchases && record.settlement_key.is_none() {
                    record.settlement_key = Some(record.transaction_id.clone());
                }
                let record = Box::new(record);
                Ok(ImportedBody::Payment {
                    scheme: found.scheme,
                    mid: found.mid,
                    record,
                })
            }
            (Outcome::Sale(mut record), Some(scheme)) => {
                let (place, sold_at) = (std::mem::take(&mut record.place), record.when.start);
                let mids = directory
                    .mids_of(scheme, place, sold_at)
                    .map_err(|reject| {
                        // A MID that may be a card number is not sound.
                        let told = reject.reason.is_quarantine().then(|| record.told().into());
                        (reject, told)
                    })?;
                Ok(ImportedBody::Sale {
                    scheme,
                    mids,
                    record: Box::new(record),
                })
            }
            (Outcome::Answer(record), Some(scheme)) => Ok(ImportedBody::Answer {
                scheme,
                record: Box::new(record),
                fingerprint: [0; 32],
            }),
            (Outcome::Rejected(reject), _) => Err((reject, None)),
            (Outcome::Sale(_) | Outcome::Answer(_) | Outcome::Skipped, _) => {
                let wrong = "a sale in a feed of payments: the agent file's feed type is wrong";
                Err((Reject::record(RejectReason::UnknownValue, wrong), None))
            }
        }
    }

    /// The hash of a refused record and of how often it has come: the same file again gives the
    /// same ones.
    fn fingerprint(&mut self, json: &str) -> [u8; 32] {
        let hash: [u8; 32] = Sha256::digest(json.as_bytes()).into();
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        let count = self.fingerprints.entry(short).or_insert(0);
        *count += 1;
        let mut numbered = Sha256::new();
        numbered.update(hash);
        numbered.update(count.to_be_bytes());
        numbered.finalize().into()
    }
}
