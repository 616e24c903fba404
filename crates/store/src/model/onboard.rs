//! Schemes, merchant identifiers and linked cards.

use super::world::{CardRow, MidRow, World, next_number};
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::identify::{LinkedCard, MerchantIdentifier};
use harmonia_core::ids::{MidId, SchemeId, Slug};
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
        let is_it = |row: &&mut MidRow| row.valid_to.is_none() && same_identifier(row, &change);
        let in_force = self.mids.values_mut().find(is_it);
        let is_addition = change.action == MidAction::Add;
        match in_force {
            Some(row) if is_addition && same_place(row, &change) => return false,
            None if !is_addition => return false,
            Some(row) => row.valid_to = Some(at),
            None => {}
        }
        if is_addition {
            let id = MidId(next_number(&self.mids, |id| id.0));
            let row = MidRow {
                told: change,
                scheme,
                valid_to: None,
            };
            self.mids.insert(id, row);
        }
        true
    }

    /// The identifiers in force.
    pub fn identifiers(&self) -> Vec<MerchantIdentifier> {
        let in_force = self.mids.iter().filter(|(_, row)| row.valid_to.is_none());
        in_force
            .map(|(id, row)| MerchantIdentifier {
                id: *id,
                provider: row.told.provider.clone(),
                identifier_type: row.told.identifier_type,
                identifier: row.told.identifier.clone(),
                scheme: row.scheme,
                scheme_slug: row.told.scheme_slug.clone(),
                location_id: row.told.location_id.clone(),
                merchant_internal_id: row.told.merchant_internal_id.clone(),
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
