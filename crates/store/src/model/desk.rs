//! What the support desk asks, found by looking at every row there is.

use super::load::sale;
use super::world::{PaymentRow, SaleRow, World};
use compact_str::CompactString;
use harmonia_core::card::CardToken;
use harmonia_core::identify::{CardLink, LinkedCard};
use harmonia_core::ids::{PaymentId, RejectId, SchemeId, Slug};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Sale};
use harmonia_core::money::Money;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant, Moment};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{ForReview, Paid, RejectRow, Sold, Sought, WithoutSale};
use std::collections::BTreeSet;

impl World {
    /// Open payments that a person should look at.
    pub fn for_review(
        &self,
        scheme: Option<SchemeId>,
        reason: Option<OpenReason>,
        after: PaymentId,
        limit: usize,
    ) -> Vec<ForReview> {
        self.open
            .iter()
            .filter(|(id, open)| {
                **id > after
                    && open.reason.is_for_review()
                    && reason.is_none_or(|reason| open.reason == reason)
                    && self.is_of(**id, scheme)
            })
            .take(limit)
            .map(|(id, open)| ForReview {
                payment: *id,
                reason: open.reason,
                sale: open.sale,
            })
            .collect()
    }

    fn is_of(&self, payment: PaymentId, scheme: Option<SchemeId>) -> bool {
        let own = self.payments.get(&payment).map(|row| row.scheme);
        scheme.is_none() || own == scheme
    }

    /// Open payments that found no sale, within so many looks.
    pub fn without_sale(
        &self,
        scheme: Option<SchemeId>,
        after: PaymentId,
        limit: usize,
        looks: usize,
    ) -> WithoutSale {
        let mut found = WithoutSale::default();
        let open = self.open.iter().filter(|(id, _)| **id > after);
        for (looked, (id, open)) in open.take(looks).enumerate() {
            if open.reason == OpenReason::NoSale && self.is_of(*id, scheme) {
                found.payments.push(*id);
            }
            if found.payments.len() >= limit || looked + 1 >= looks {
                found.through = Some(*id);
                break;
            }
        }
        found
    }

    /// The open sales that each question asks for.
    pub fn nearly(&self, questions: &[Nearly], limit: usize) -> Vec<Sale> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for one in questions {
            let is_asked = |sale: &Sale| {
                sale.mid_set == one.mid_set
                    && sale.amount.currency == one.currency
                    && (one.least..=one.most).contains(&sale.amount.minor)
                    && (one.reach.from..=one.reach.to).contains(&sale.when.start)
            };
            let open = self.open_sale_rows().map(|(id, row)| sale(id, row));
            let mut of_question: Vec<Sale> = open.filter(is_asked).collect();
            of_question.sort_by_key(|sale| (sale.when.start.0.abs_diff(one.near.0), sale.id));
            of_question.truncate(limit);
            of_question.retain(|sale| seen.insert(sale.id));
            found.append(&mut of_question);
        }
        found
    }

    /// The payments that may be the one sought.
    pub fn paid(&self, sought: &Sought, limit: usize) -> Vec<Paid> {
        let is_sought = |row: &PaymentRow| {
            let (record, mids) = (&row.record, [row.carried_mid()]);
            let token = sought.card_token.as_ref();
            token.is_none_or(|token| *token == record.card_token)
                && may_be(sought, record.amount, record.when, row.scheme, &mids)
        };
        let mut found: Vec<Paid> = self
            .payments
            .iter()
            .filter(|(_, row)| is_sought(row))
            .map(|(id, row)| Paid {
                id: *id,
                provider: row.feed.0.clone(),
                feed_type: row.feed.1,
                scheme: row.scheme,
                mid: row.carried_mid(),
                when: row.record.when,
                card_token: row.record.card_token.clone(),
                digits: row.record.digits,
            })
            .collect();
        found.sort_by_key(|paid| (paid.when.start, paid.id));
        found.truncate(limit);
        found
    }

    /// The sales that may be the one sought.
    pub fn sold(&self, sought: &Sought, limit: usize) -> Vec<Sold> {
        let mids = |row: &SaleRow| self.mid_sets.get(&row.mid_set).map(|set| set.mids.clone());
        let mut found: Vec<Sold> = self
            .sales
            .iter()
            .filter_map(|(id, row)| {
                let mids = mids(row)?;
                let record = &row.record;
                may_be(sought, record.amount, record.when, row.scheme, &mids).then(|| Sold {
                    sale: sale(*id, row),
                    scheme: row.scheme,
                    mids,
                })
            })
            .collect();
        found.sort_by_key(|sold| (sold.sale.when.start, sold.sale.id));
        found.truncate(limit);
        found
    }

    /// How many records of a feed are known of a day.
    pub fn known_of_day(&self, provider: &Slug, feed_type: FeedType, day: Day) -> u64 {
        let is_it = |feed: &(Slug, FeedType), start: Instant| {
            feed.0 == *provider && feed.1 == feed_type && start.day() == day
        };
        let payments = self.payments.values();
        let sales = self.sales.values();
        let paid = payments.filter(|row| is_it(&row.feed, row.record.when.start));
        let sold = sales.filter(|row| is_it(&row.feed, row.record.when.start));
        (paid.count() + sold.count()) as u64
    }

    /// The schemes that a card is linked in.
    pub fn links_of_card(&self, card: &CardToken) -> Vec<LinkedCard> {
        let mut links: Vec<LinkedCard> = self
            .cards
            .values()
            .filter(|row| row.card_token == *card)
            .map(|row| LinkedCard {
                card_token: card.clone(),
                scheme: row.scheme,
                link: CardLink {
                    credentials: None,
                    ..row.link.clone()
                },
            })
            .collect();
        links.sort_by_key(|link| link.scheme);
        links
    }

    /// Bad records that still wait, newest first.
    pub fn newest_rejects(&self, before: RejectId, limit: usize) -> Vec<RejectRow> {
        let earlier = self.rejects.range(..before.0).rev();
        earlier
            .filter(|(_, row)| row.state != RejectState::Replayed)
            .filter_map(|(id, _)| self.reject_row(*id))
            .take(limit)
            .collect()
    }
}

fn may_be(
    sought: &Sought,
    amount: Money,
    when: Moment,
    scheme: SchemeId,
    mids: &[CompactString],
) -> bool {
    let from = if when.has_time() {
        sought.from
    } else {
        sought.from.min(sought.days_from)
    };
    let is_there = |asked: &Vec<CompactString>| asked.iter().any(|mid| mids.contains(mid));
    amount == sought.amount
        && (from..=sought.to).contains(&when.start)
        && sought.scheme.is_none_or(|asked| asked == scheme)
        && sought.mids.as_ref().is_none_or(is_there)
}
