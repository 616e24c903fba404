//! What people ask: status, lists, the story of one transaction.

use super::world::{FileLog, LogEntry, Match, Outcome, Proposed, RejectedRecord, World};
use harmonia_core::ids::{ExportId, MatchId, PaymentId, SaleId, Slug};
use harmonia_core::money::Money;
use harmonia_core::purchase::EndKind;
use harmonia_core::state::{ExportState, FileState, RejectState};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{
    Arrivals, Counts, ExportRow, ExportScope, FileRow, Gauges, LogRow, MatchRow, OpenCount,
    ProposalRow, RejectRow, SaleStory, Side, Status, Story, TransactionRow,
};
use std::collections::BTreeMap;

/// A linked card as a person reads it: row, token, scheme, loyalty id, last four.
type CardLine = (i64, String, String, Option<String>, Option<String>);

impl World {
    /// Where everything stands.
    pub fn status(&self, now: Instant) -> Status {
        let amount = |id: &PaymentId| Some(self.payments.get(id)?.record.amount);
        Status {
            payments: counts(self.payments.values().map(|row| row.record.amount)),
            sales: counts(self.sales.values().map(|row| row.record.amount)),
            identified: self.identities.len() as u64,
            matched: counts(self.matched().filter_map(|made| amount(&made.payment))),
            ended: tally(self.ended().map(Outcome::as_str)),
            open_payments: self.open_counts(),
            open_sales: self.open_sale_rows().count() as u64,
            exports: self.export_counts(),
            rejects: tally(
                self.rejects
                    .values()
                    .filter(|row| row.state != RejectState::Replayed)
                    .map(|row| row.reject.reason.as_str()),
            ),
            jobs: self.job_counts(now),
            files: tally(self.files.values().map(|log| log.state.as_str())),
            mids: self.identifiers().len() as u64,
            cards: self.cards.len() as u64,
        }
    }

    /// The matches in force, those in parts once.
    fn matched(&self) -> impl Iterator<Item = &Match> {
        let first =
            |made: &&Match| made.part.of_payment == 0 && matches!(made.kind, Outcome::Matched(_));
        self.in_force().map(|(_, made)| made).filter(first)
    }

    /// How payments ended that were not matched.
    fn ended(&self) -> impl Iterator<Item = Outcome> {
        let kinds = self.in_force().map(|(_, made)| made.kind);
        kinds.filter(|kind| matches!(kind, Outcome::Ended(_)))
    }

    /// Open payments by reason; at the end those whose turn has not come.
    fn open_counts(&self) -> Vec<OpenCount> {
        let mut open = tally(self.open.values().map(|open| open.reason.as_str()));
        let decided = self.open.len() + self.matched().count() + self.ended().count();
        let waiting = self.payments.len() - decided;
        if waiting > 0 {
            open.push(("WAITING".to_owned(), waiting as u64));
        }
        open.into_iter()
            .map(|(reason, count)| OpenCount { reason, count })
            .collect()
    }

    /// Exports by state: first those that are pending, even when there are none.
    fn export_counts(&self) -> Vec<(String, u64)> {
        let pending = ExportState::Pending.as_str();
        let states = self
            .exports
            .keys()
            .map(|id| self.export_state(*id).as_str());
        let all = tally(states);
        let (first, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(state, _)| state == pending);
        let first = first.into_iter().next();
        let mut counts = vec![first.unwrap_or((pending.to_owned(), 0))];
        counts.extend(others);
        counts
    }

    /// Jobs of each queue: due, scheduled for later, being worked on.
    fn job_counts(&self, now: Instant) -> Vec<(String, u64, u64, u64)> {
        let mut queues: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
        for job in self.jobs.values() {
            let is_leased = job.leased_until().is_some_and(|until| until > now);
            let place = match (is_leased, job.ready_at <= now) {
                (true, _) => 2,
                (false, true) => 0,
                (false, false) => 1,
            };
            queues.entry(job.queue.as_str()).or_default()[place] += 1;
        }
        queues
            .into_iter()
            .map(|(queue, [due, later, leased])| (queue.to_owned(), due, later, leased))
            .collect()
    }

    /// What stands where.
    pub fn gauges(&self, now: Instant) -> Gauges {
        let mut oldest: BTreeMap<&str, Instant> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.due() <= now) {
            let since = oldest.entry(job.queue.as_str()).or_insert(job.ready_at);
            *since = job.ready_at.min(*since);
        }
        let mut feeds: BTreeMap<String, [u64; 5]> = BTreeMap::new();
        for log in self.files.values() {
            let of = log.counts;
            let counts = [
                of.new,
                of.duplicate,
                of.skipped,
                of.rejected,
                of.quarantined,
            ];
            let sums = feeds.entry(log.arrival.feed_name.to_string()).or_default();
            sums.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        Gauges {
            open_payments: tally(self.open.values().map(|open| open.reason.as_str())),
            exports: self.export_counts(),
            rejects: tally(self.rejects.values().map(|row| row.state.as_str())),
            jobs: self.job_counts(now),
            oldest_due: oldest
                .into_iter()
                .map(|(queue, since)| (queue.to_owned(), since))
                .collect(),
            feeds: feeds.into_iter().collect(),
        }
    }

    /// The newest files first.
    pub fn file_rows(&self, limit: usize) -> Vec<FileRow> {
        let newest = self.files.keys().rev().take(limit);
        newest.filter_map(|id| self.file_row(*id)).collect()
    }

    /// The transactions with an id of the provider's own, day by day.
    pub fn find(&self, side: Side, transaction_id: &str) -> Vec<TransactionRow> {
        let named = self
            .keys
            .iter()
            .filter(|(key, _)| key.transaction_id == transaction_id);
        let mut found: Vec<TransactionRow> = named
            .filter_map(|(_, id)| self.transaction_row(side, id.0))
            .collect();
        found.sort_by_key(|row| (row.transaction_date.day(), row.id));
        found
    }

    /// Everything about one transaction.
    pub fn story(&self, side: Side, id: i64) -> Option<Story> {
        let transaction = self.transaction_row(side, id)?;
        let is_its = |made: &Match| match side {
            Side::Payment => made.payment == PaymentId(id),
            Side::Sale => made.sale == Some(SaleId(id)),
        };
        let ids = self.matches.iter().filter(|(_, made)| is_its(made));
        let ids: Vec<MatchId> = ids.map(|(id, _)| *id).collect();
        let matches: Vec<MatchRow> = ids.iter().filter_map(|id| self.match_row(*id)).collect();
        let in_force = matches.iter().find(|found| found.voided_at.is_none());
        let payment = match side {
            Side::Payment => Some(PaymentId(id)),
            Side::Sale => in_force.map(|found| PaymentId(found.payment_transaction_id)),
        };
        let end = match side {
            Side::Payment => self.end_row(PaymentId(id)),
            Side::Sale => None,
        };
        let identity = payment.and_then(|payment| self.identities.get(&payment));
        let exports = self.exports.iter();
        Some(Story {
            transaction,
            raw: self.raw_row(id),
            loyalty_id: identity
                .and_then(|found| found.link.loyalty_id.as_ref())
                .map(ToString::to_string),
            identified_at: identity.map(|found| found.found_at),
            exports: exports
                .filter(|(_, export)| ids.contains(&export.match_id))
                .filter_map(|(id, _)| self.export_row(*id))
                .collect(),
            matches,
            end,
        })
    }

    /// The sales nearest to a payment, of its MID lists: those of its amount first, then by time.
    pub fn neighbours(&self, payment: PaymentId, limit: usize) -> Vec<SaleStory> {
        let Some(payment) = self.explained(payment).map(|found| found.payment) else {
            return Vec::new();
        };
        let is_near = |story: &SaleStory| {
            let mut sets = payment.mid_sets.iter();
            sets.any(|set| set.id == story.sale.mid_set)
        };
        let stories = self.sales.keys().filter_map(|id| self.sale_story(*id));
        let mut near: Vec<SaleStory> = stories.filter(is_near).collect();
        near.sort_by_key(|SaleStory { sale, .. }| {
            let apart = (sale.when.start.0 - payment.when.start.0).abs();
            (sale.amount != payment.amount, apart, sale.id)
        });
        near.truncate(limit);
        near
    }

    /// The payments nearest to a sale, of its MIDs: those of its amount first, then by time.
    pub fn payments_near(&self, sale: SaleId, limit: usize) -> Vec<PaymentId> {
        let Some(sale) = self.sales.get(&sale) else {
            return Vec::new();
        };
        let Some(set) = self.mid_sets.get(&sale.mid_set) else {
            return Vec::new();
        };
        let mut near: Vec<(bool, i64, PaymentId)> = self
            .payments
            .iter()
            .filter(|(_, row)| row.scheme == sale.scheme && set.mids.contains(&row.carried_mid()))
            .map(|(id, row)| {
                let apart = (row.record.when.start.0 - sale.record.when.start.0).abs();
                (row.record.amount != sale.record.amount, apart, *id)
            })
            .collect();
        near.sort_unstable();
        near.truncate(limit);
        near.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Matches since a time, oldest first, those after a row.
    pub fn match_rows(&self, since: Option<Instant>, after: i64, limit: usize) -> Vec<MatchRow> {
        let later = self.matches.range(MatchId(after + 1)..);
        later
            .filter(|(_, made)| since.is_none_or(|since| made.created_at >= since))
            .take(limit)
            .filter_map(|(id, _)| self.match_row(*id))
            .collect()
    }

    /// What ended as the settlement of a payment that was matched.
    pub fn settlements(&self, payment: PaymentId) -> Vec<(MatchId, PaymentId)> {
        let settlement = Outcome::Ended(EndKind::Settlement);
        self.in_force()
            .filter(|(_, made)| made.other == Some(payment) && made.kind == settlement)
            .map(|(id, made)| (id, made.payment))
            .collect()
    }

    /// What waits for a second person.
    pub fn proposal_rows(&self) -> Vec<ProposalRow> {
        let row = |one: &Proposed| ProposalRow {
            action: one.what.action.as_str().to_owned(),
            payment_transaction_id: one.what.payment.0,
            scheme_transaction_id: one.what.sale.map(|sale| sale.0),
            operator: one.redress.operator.to_string(),
            reason: one.redress.reason.to_string(),
            created_at: one.created_at,
        };
        self.proposals.iter().map(row).collect()
    }

    /// What people did, entries after a row.
    pub fn log_rows(&self, after: i64, limit: usize) -> Vec<LogRow> {
        let numbered = (1..).zip(&self.log).filter(|(id, _)| *id > after);
        let row = |(id, entry): (i64, &LogEntry)| LogRow {
            id,
            at: entry.at,
            operator: entry.operator.clone(),
            action: entry.action.clone(),
            detail: entry.detail.clone(),
        };
        numbered.take(limit).map(row).collect()
    }

    /// Bad records, oldest first, those after a row.
    pub fn reject_rows(
        &self,
        state: Option<RejectState>,
        after: i64,
        limit: usize,
    ) -> Vec<RejectRow> {
        let wanted = |row: &RejectedRecord| match state {
            Some(state) => row.state == state,
            None => row.state != RejectState::Replayed,
        };
        let later = self.rejects.range(after + 1..);
        later
            .filter(|(_, row)| wanted(row))
            .filter_map(|(id, _)| self.reject_row(*id))
            .take(limit)
            .collect()
    }

    /// What has arrived of a feed.
    pub fn arrivals(&self, feed: &Slug, since_day: i64, sources: usize) -> Arrivals {
        let is_it =
            |log: &&FileLog| log.state == FileState::Imported && log.arrival.feed_name == *feed;
        let mut files: Vec<&FileLog> = self.files.values().filter(is_it).collect();
        files.sort_by_key(|log| log.created_at);
        let mut records: BTreeMap<i64, u64> = BTreeMap::new();
        for log in &files {
            let day = i64::from(log.created_at.day().0);
            if day >= since_day {
                *records.entry(day).or_default() += log.counts.read;
            }
        }
        let newest = files.iter().rev().take(sources);
        Arrivals {
            last: files.iter().filter_map(|log| log.finished_at).max(),
            records: records.into_iter().collect(),
            sources: newest.map(|log| log.arrival.source.clone()).collect(),
        }
    }

    /// Exports, oldest first, those after a row; of one state if named.
    pub fn export_rows(&self, among: &ExportScope, after: i64, limit: usize) -> Vec<ExportRow> {
        let later = self.exports.range(ExportId(after + 1)..);
        later
            .filter_map(|(id, _)| self.export_row(*id))
            .filter(|row| {
                let is = |asked: &Option<String>, found: &String| {
                    asked.as_ref().is_none_or(|asked| asked == found)
                };
                is(&among.status, &row.status)
                    && is(&among.scheme, &row.provider_slug)
                    && among.since.is_none_or(|since| row.created_at >= since)
            })
            .take(limit)
            .collect()
    }

    /// Linked cards, those after a row.
    pub fn card_rows(&self, after: i64, limit: usize) -> Vec<CardLine> {
        let later = self.cards.range(after + 1..).take(limit);
        later
            .map(|(id, row)| {
                (
                    *id,
                    row.card_token.0.to_string(),
                    self.scheme_slug(row.scheme),
                    row.link.loyalty_id.as_ref().map(ToString::to_string),
                    row.link.digits.last_four.map(|digits| digits.to_string()),
                )
            })
            .collect()
    }
}

/// How many there are of each, in the order of their names.
fn tally<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

/// How many, and how much in each currency.
fn counts(amounts: impl Iterator<Item = Money>) -> Counts {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut count = 0;
    for amount in amounts {
        count += 1;
        *sums.entry(amount.currency.to_string()).or_default() += amount.minor;
    }
    Counts {
        count,
        amount_minor: sums.into_iter().collect(),
    }
}
