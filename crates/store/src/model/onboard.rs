//! Schemes, merchant identifiers and linked cards.

use super::world::{CardRow, MidRow, World, next_number};
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::identify::{LinkedCard, MerchantIdentifier};
use harmonia_core::ids::{MidId, SchemeId, Slug};
use harmonia_core::term::{
    Held, Left, Rearranged, SINCE_EVER, Term, put_in_force, take_out_of_force,
};
use harmonia_core::time::Instant;

impl World {
    /// The scheme of a slug, made known where it is not.
    pub fn scheme(&mut self, slug: &Slug) -> SchemeId {
        if let Some((id, _)) = self.schemes.iter().find(|(_, known)| *known == slug) {
            return *id;
        }
        let id = SchemeId(next_number(&self.schemes, |id| id.0));
        self.schemes.insert(id, slug.clone());
        id
    }

    /// The slug of a scheme.
    pub fn scheme_slug(&self, id: SchemeId) -> String {
        self.schemes
            .get(&id)
            .map(Slug::to_string)
            .unwrap_or_default()
    }

    /// Puts identifiers in force, or out of it. Returns how many changed anything.
    pub fn onboard(&mut self, changes: Vec<MidChange>, at: Instant) -> u64 {
        let mut changed = 0;
        for change in changes {
            changed += u64::from(self.onboard_one(change, at));
        }
        changed
    }

    fn onboard_one(&mut self, change: MidChange, at: Instant) -> bool {
        let scheme = self.scheme(&change.scheme_slug);
        let rows = self.mids.iter();
        let held: Vec<Held> = rows
            .filter(|(_, row)| same_identifier(row, &change) && !row.term.is_empty())
            .map(|(id, row)| Held {
                id: *id,
                term: row.term,
                same_scheme: row.told.scheme_slug == change.scheme_slug,
                same_place: same_place(row, &change),
            })
            .collect();
        let rearranged = match change.action {
            MidAction::Add => put_in_force(&held, change.from, change.until, at),
            MidAction::Delete => take_out_of_force(&held, change.from, at),
        };
        let Some(Rearranged { cut, add }) = rearranged else {
            return false;
        };
        for (id, left) in cut {
            self.retain_term(id, left);
        }
        if let Some(term) = add {
            let told = change;
            self.add_mid(MidRow { told, scheme, term });
        }
        true
    }

    fn add_mid(&mut self, row: MidRow) {
        let id = MidId(next_number(&self.mids, |id| id.0));
        self.mids.insert(id, row);
    }

    /// A row keeps what is left of its term, and stays even where nothing is.
    fn retain_term(&mut self, id: MidId, left: Left) {
        let never = Term {
            from: SINCE_EVER,
            until: Some(SINCE_EVER),
        };
        let Some(row) = self.mids.get_mut(&id) else {
            return;
        };
        row.term = left.0.or(left.1).unwrap_or(never);
        if let (Some(_), Some(term)) = left {
            let tail = MidRow {
                term,
                ..row.clone()
            };
            self.add_mid(tail);
        }
    }

    /// The identifiers that are in force without end.
    pub fn identifiers(&self) -> Vec<MerchantIdentifier> {
        let mut terms = self.identifier_terms();
        terms.retain(|row| row.term.until.is_none());
        terms
    }

    /// The identifiers that are, were or will be in force.
    pub fn identifier_terms(&self) -> Vec<MerchantIdentifier> {
        let rows = self.mids.iter().filter(|(_, row)| !row.term.is_empty());
        rows.map(|(id, row)| MerchantIdentifier {
            id: *id,
            provider: row.told.provider.clone(),
            identifier_type: row.told.identifier_type,
            identifier: row.told.identifier.clone(),
            scheme: row.scheme,
            scheme_slug: row.told.scheme_slug.clone(),
            location_id: row.told.location_id.clone(),
            merchant_internal_id: row.told.merchant_internal_id.clone(),
            term: row.term,
        })
        .collect()
    }

    /// Links cards; a row for the same card and scheme is replaced, and keeps its number.
    pub fn link_cards(&mut self, cards: Vec<LinkedCard>) -> u64 {
        let count = cards.len() as u64;
        for linked in cards {
            let is_it = |row: &&mut CardRow| {
                row.card_token == linked.card_token && row.scheme == linked.scheme
            };
            if let Some(row) = self.cards.values_mut().find(is_it) {
                row.link = linked.link;
                continue;
            }
            let row = CardRow {
                card_token: linked.card_token,
                scheme: linked.scheme,
                link: linked.link,
            };
            self.cards.insert(next_number(&self.cards, |id| id), row);
        }
        count
    }
}

fn same_identifier(row: &MidRow, change: &MidChange) -> bool {
    row.told.provider == change.provider
        && row.told.identifier_type == change.identifier_type
        && row.told.identifier == change.identifier
}

fn same_place(row: &MidRow, change: &MidChange) -> bool {
    row.told.scheme_slug == change.scheme_slug
        && row.told.location_id == change.location_id
        && row.told.merchant_internal_id == change.merchant_internal_id
        && row.told.location == change.location
        && row.told.postcode == change.postcode
}
