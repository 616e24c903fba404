//! Where a scheme's shops are, and under which identifiers its networks know them.

use super::merchants::{Place, Scheme};
use super::names::{Names, unknown_place};
use super::networks::{NETWORKS, Network};
use crate::random::Random;
use crate::shops::{MIDS_A_LOCATION, Shop, Shops};
use compact_str::CompactString;
use std::io::{self, Write};

/// All shops of a scheme's world.
pub(super) struct Estate {
    scheme: &'static Scheme,
    names: Names,
    shops: Shops,
    onboarded: u32,
}

impl Estate {
    pub(super) fn new(scheme: &'static Scheme, names: Names, purchases: u64, seed: u64) -> Self {
        let shops = Shops::new(purchases, seed);
        let onboarded = u32::try_from(shops.onboarded()).unwrap_or(u32::MAX);
        Self {
            scheme,
            names,
            shops,
            onboarded,
        }
    }

    /// A shop that somebody walks into.
    pub(super) fn any(&self, random: &mut Random) -> Shop {
        self.shops.any(random)
    }

    /// A shop that `mids.csv` lacks.
    pub(super) fn any_unknown(&self, random: &mut Random) -> Shop {
        self.shops.any_unknown(random)
    }

    /// A shop of another location than this one.
    pub(super) fn another(&self, shop: Shop, random: &mut Random) -> Shop {
        loop {
            // The fewest shops there are have three locations.
            let other = self.shops.any(random);
            if self.location_number(other) != self.location_number(shop) {
                return other;
            }
        }
    }

    /// What tells a shop's sales from another's: itself, or where it says no more, its location.
    pub(super) fn place(&self, shop: Shop) -> u32 {
        match self.till_place() {
            Place::Mid => shop.index(),
            Place::Location | Place::Till => self.location_number(shop),
        }
    }

    /// Its MID at a network.
    pub(super) fn mid(&self, network: &Network, shop: Shop) -> CompactString {
        self.names.mid(network, shop.index())
    }

    /// A network's id of its location; empty where the network has none.
    pub(super) fn secondary_mid(&self, network: &Network, shop: Shop) -> CompactString {
        if !network.has_further_identifiers {
            return CompactString::default();
        }
        self.names.secondary(network, self.location_number(shop))
    }

    /// A network's id of the merchant; empty where the network has none, and for a shop that was
    /// never onboarded: it would be known by that.
    pub(super) fn psimi(&self, network: &Network, shop: Shop) -> CompactString {
        if !network.has_further_identifiers || shop.index() >= self.onboarded {
            return CompactString::default();
        }
        self.names.psimi(network)
    }

    /// The merchant's own id of its location.
    pub(super) fn location(&self, shop: Shop) -> CompactString {
        self.location_id(self.location_number(shop))
    }

    fn location_id(&self, number: u32) -> CompactString {
        let four_characters = self.till_place() == Place::Till;
        self.names.location(number, four_characters)
    }

    fn till_place(&self) -> Place {
        let till = self.scheme.till.as_ref();
        till.map_or(Place::Mid, |till| till.place)
    }

    fn location_number(&self, shop: Shop) -> u32 {
        match shop.index().checked_sub(self.onboarded) {
            None => shop.index() / MIDS_A_LOCATION as u32 + 1,
            Some(unknown) => unknown_place(unknown),
        }
    }

    /// Writes `mids.csv`: what `harmonia mids import` takes. Gives the number of rows.
    pub(super) fn write_csv(&self, networks: &[usize], out: &mut impl Write) -> io::Result<u64> {
        let mut table = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(out);
        let mut rows = 0;
        for place in networks {
            rows += self.write_network(&NETWORKS[*place], &mut table)?;
        }
        table.flush()?;
        Ok(rows)
    }

    fn write_network<W: Write>(
        &self,
        network: &Network,
        table: &mut csv::Writer<W>,
    ) -> io::Result<u64> {
        let mut rows = 0;
        let mut write = |identifier: &str, kind: &str, location: u32, internal: &str| {
            rows += 1;
            let (place, name, postcode) = match location {
                0 => Default::default(),
                _ => (
                    self.location_id(location),
                    format!("{} {location}", self.scheme.name),
                    format!("EX{} {}XX", location / 10 + 1, location % 10),
                ),
            };
            table.write_record([
                network.slug,
                identifier,
                kind,
                self.scheme.slug,
                &place,
                internal,
                self.scheme.name,
                &name,
                &postcode,
                "A",
            ])
        };
        for shop in 0..self.onboarded {
            let location = shop / MIDS_A_LOCATION as u32 + 1;
            let mid = self.names.mid(network, shop);
            write(&mid, "PRIMARY", location, &format!("{}", shop + 1))?;
        }
        if network.has_further_identifiers {
            for location in 1..=self.onboarded.div_ceil(MIDS_A_LOCATION as u32) {
                let secondary = self.names.secondary(network, location);
                write(&secondary, "SECONDARY", location, "")?;
            }
            write(&self.names.psimi(network), "PSIMI", 0, "")?;
        }
        Ok(rows)
    }
}
