//! Schemes, merchant identifiers and linked cards.

use crate::support::{Bench, NOON, Town, card_link, mid_change, slug};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{AuditEntry, CardInScheme, Changes, MidAction, MidChange};
use harmonia_core::identify::{CardLink, MerchantIdentifier};
use harmonia_core::ids::SchemeId;
use harmonia_core::term::Term;
use harmonia_core::time::{HOUR_US, Instant, MINUTE_US};
use harmonia_core::transaction::{Identifiers, Place};
use serde_json::json;

pub async fn registering_is_idempotent(bench: &dyn Bench) {
    let store = bench.fresh().await;
    let schemes = [
        (slug("bakery"), "Bakery".to_owned()),
        (slug("books"), "Books".to_owned()),
    ];
    let providers = [(slug("visa"), "Visa".to_owned())];
    let first = store.register(&schemes, &providers).await.unwrap();
    let renamed = [
        (slug("books"), "Old Books".to_owned()),
        (slug("cafe"), "Café".to_owned()),
    ];
    let second = store.register(&renamed, &providers).await.unwrap();
    assert_eq!(second[0], first[1]);
    assert!(!first.contains(&second[1]));
    assert_eq!(store.register(&schemes, &providers).await.unwrap(), first);
}

pub async fn who_onboards_is_logged_with_how_much_it_changed(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let before = town.store.log(0, 100).await.unwrap().len();
    let entry = |action, detail| AuditEntry {
        operator: "ann".into(),
        action,
        detail,
    };
    let mut changes = Changes::none(NOON);
    changes.mids = vec![
        mid_change("m-9", "bakery"),
        mid_change("m-9", "bakery"),
        mid_change("m-8", "books"),
    ];
    changes.audit.push(entry("mids.import", json!({"rows": 3})));
    assert_eq!(town.commit(changes).await.onboarded, 2);
    let mut changes = Changes::none(NOON);
    changes.audit.push(entry("config.set", json!({"key": "k"})));
    town.commit(changes).await;
    let log = town.store.log(0, 100).await.unwrap();
    let told: Vec<_> = log[before..]
        .iter()
        .map(|row| {
            let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap();
            (&*row.operator, &*row.action, detail)
        })
        .collect();
    let expected = [
        ("ann", "mids.import", json!({"rows": 3, "changed": 2})),
        ("ann", "config.set", json!({"key": "k"})),
    ];
    assert_eq!(told, expected);
    assert_eq!(town.store.audit().await.unwrap(), []);
}

pub async fn an_identifier_is_in_force_from_its_addition(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let changed = onboard(&town, mid_change("m-9", "bakery")).await;
    assert_eq!(changed, 1);
    let found = in_force(&town, "m-9").await.unwrap();
    assert_eq!(found.scheme, town.bakery);
    assert_eq!(found.scheme_slug, slug("bakery"));
    assert_eq!(town.store.status(NOON).await.unwrap().mids, 4);
}

pub async fn an_identifier_that_is_added_again_changes_nothing(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    assert_eq!(onboard(&town, mid_change("m-9", "bakery")).await, 1);
    let before = town.store.mids().await.unwrap();
    assert_eq!(onboard(&town, mid_change("m-9", "bakery")).await, 0);
    assert_eq!(town.store.mids().await.unwrap(), before);
}

pub async fn an_identifier_that_is_deleted_is_no_longer_in_force(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let deletion = MidChange {
        action: MidAction::Delete,
        ..mid_change("m-2", "bakery")
    };
    assert_eq!(onboard(&town, deletion.clone()).await, 1);
    assert_eq!(in_force(&town, "m-2").await, None);
    assert_eq!(onboard(&town, deletion).await, 0);
}

pub async fn an_identifier_that_moves_is_replaced(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let before = in_force(&town, "m-2").await.unwrap();
    let moved = MidChange {
        location_id: Some("harbour".into()),
        ..mid_change("m-2", "books")
    };
    assert_eq!(onboard(&town, moved).await, 1);
    let after = in_force(&town, "m-2").await.unwrap();
    assert_ne!(after.id, before.id);
    assert_eq!(after.scheme, town.books);
    assert_eq!(after.location_id.as_deref(), Some("harbour"));
    assert_eq!(town.store.mids().await.unwrap().len(), 3);
}

pub async fn an_identifier_passes_from_one_scheme_to_another(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let day = NOON.plus(24 * HOUR_US);
    let leaving = MidChange {
        action: MidAction::Delete,
        from: Some(day),
        ..mid_change("m-2", "bakery")
    };
    let coming = MidChange {
        from: Some(day),
        ..mid_change("m-2", "books")
    };
    assert_eq!(onboard(&town, leaving.clone()).await, 1);
    assert_eq!(onboard(&town, coming.clone()).await, 1);
    assert_eq!(onboard(&town, coming).await, 0);
    assert_eq!(onboard(&town, leaving).await, 0, "the other scheme's stays");
    let whose = async |at| scheme_at(&town, "m-2", at).await;
    assert_eq!(whose(day.plus(-1)).await, Some(town.bakery));
    assert_eq!(whose(day).await, Some(town.books));
    assert_eq!(whose(Instant(0)).await, Some(town.bakery));
    let terms = town.store.mid_terms().await.unwrap();
    let terms: Vec<_> = terms
        .iter()
        .filter(|row| row.identifier == "m-2")
        .map(|row| (row.scheme_slug.as_str(), row.term))
        .collect();
    let until = Term {
        until: Some(day),
        ..Term::ALWAYS
    };
    assert_eq!(terms, [("bakery", until), ("books", Term::since(day))]);
    assert_eq!(in_force(&town, "m-2").await.unwrap().scheme, town.books);
}

pub async fn a_place_that_is_corrected_is_so_for_all_time(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let corrected = MidChange {
        location_id: Some("harbour".into()),
        ..mid_change("m-2", "bakery")
    };
    assert_eq!(onboard(&town, corrected).await, 1);
    let mids = async |location: &str, at| {
        let place = Place {
            location: Some(location.into()),
            mids: Vec::new(),
        };
        let directory = town.store.mid_directory().await.unwrap();
        directory
            .mids_of(town.bakery, place, at)
            .unwrap_or_default()
    };
    assert_eq!(mids("harbour", Instant(0)).await, ["m-2"]);
    assert_eq!(mids("market", Instant(0)).await, [""; 0]);
    // For a week it is somewhere else.
    let week = (NOON, NOON.plus(7 * 24 * HOUR_US));
    let fair = MidChange {
        location_id: Some("fair".into()),
        from: Some(week.0),
        until: Some(week.1),
        ..mid_change("m-2", "bakery")
    };
    assert_eq!(onboard(&town, fair).await, 1);
    for (at, location) in [
        (NOON.plus(-1), "harbour"),
        (week.0, "fair"),
        (week.1.plus(-1), "fair"),
        (week.1, "harbour"),
    ] {
        for other in ["harbour", "fair"] {
            let here = mids(other, at).await.len();
            assert_eq!(here, usize::from(other == location), "{other} at {at}");
        }
    }
}

pub async fn what_was_removed_is_known_for_what_comes_late(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let removal = MidChange {
        action: MidAction::Delete,
        ..mid_change("m-2", "bakery")
    };
    assert_eq!(onboard(&town, removal).await, 1);
    let removed = NOON.plus(MINUTE_US);
    let whose = async |at| scheme_at(&town, "m-2", at).await;
    assert_eq!(whose(removed.plus(-1)).await, Some(town.bakery));
    assert_eq!(whose(removed).await, None);
    // Onboarded again, it begins where it ended.
    assert_eq!(onboard(&town, mid_change("m-2", "bakery")).await, 1);
    for at in [removed.plus(-1), removed] {
        assert_eq!(whose(at).await, Some(town.bakery));
    }
}

pub async fn what_is_onboarded_counts_at_once(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    assert_eq!(scheme_by_mid(&town, "m-9").await, None);
    onboard(&town, mid_change("m-9", "flowers")).await;
    let flowers = [(slug("flowers"), "flowers".to_owned())];
    let flowers = town.store.register(&flowers, &[]).await.unwrap();
    assert_eq!(scheme_by_mid(&town, "m-9").await, Some(flowers[0]));
    let place = Place {
        location: Some("market".into()),
        mids: Vec::new(),
    };
    let directory = town.store.mid_directory().await.unwrap();
    assert_eq!(
        directory.mids_of(town.bakery, place, NOON).unwrap(),
        ["m-2"]
    );
}

pub async fn cards_come_back_in_the_order_asked(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    link(&town, "card-1", card_link("member-1")).await;
    link(&town, "card-2", card_link("member-2")).await;
    let ask = |card: &str, scheme| CardInScheme {
        scheme,
        card_token: CardToken(card.into()),
    };
    let asked = [
        ask("card-2", town.bakery),
        ask("card-9", town.bakery),
        ask("card-1", town.books),
        ask("card-1", town.bakery),
        ask("card-2", town.bakery),
    ];
    let answers = town.store.card_links(&asked).await.unwrap();
    let members: Vec<_> = answers
        .iter()
        .map(|link| link.as_ref().and_then(|link| link.loyalty_id.as_deref()))
        .collect();
    let (first, second) = (Some("member-1"), Some("member-2"));
    assert_eq!(members, [second, None, None, first, second]);
}

pub async fn a_card_that_is_linked_again_is_replaced(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    link(&town, "card-1", card_link("member-1")).await;
    link(&town, "card-2", card_link("member-2")).await;
    let cards = town.store.cards(0, 10).await.unwrap();
    let nothing_but_an_account = CardLink {
        scheme_account_id: Some(71),
        ..CardLink::default()
    };
    let changed = link(&town, "card-1", nothing_but_an_account.clone()).await;
    assert_eq!(changed, 1);
    assert_eq!(look_up(&town, "card-1").await, Some(nothing_but_an_account));
    let after = town.store.cards(0, 10).await.unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!(
        (after[0].0, after[1].clone()),
        (cards[0].0, cards[1].clone())
    );
    assert_eq!(after[0].3, None);
}

pub async fn credentials_come_back_as_they_were(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for credentials in [r#"{"email":"ä@example.com","n":1}"#, "{}"] {
        let told = CardLink {
            credentials: Some(credentials.into()),
            ..card_link("member-1")
        };
        link(&town, "card-1", told.clone()).await;
        assert_eq!(look_up(&town, "card-1").await, Some(told));
    }
}

async fn onboard(town: &Town, change: MidChange) -> u64 {
    let mut changes = Changes::none(NOON.plus(MINUTE_US));
    changes.mids.push(change);
    town.commit(changes).await.onboarded
}

async fn in_force(town: &Town, mid: &str) -> Option<MerchantIdentifier> {
    let mids = town.store.mids().await.unwrap();
    mids.into_iter().find(|found| found.identifier == mid)
}

async fn scheme_by_mid(town: &Town, mid: &str) -> Option<SchemeId> {
    scheme_at(town, mid, NOON).await
}

async fn scheme_at(town: &Town, mid: &str, at: Instant) -> Option<SchemeId> {
    let carried = Identifiers {
        primary: Some(mid.into()),
        ..Identifiers::default()
    };
    let directory = town.store.mid_directory().await.unwrap();
    let found = directory.scheme_of(&slug("visa"), &carried, at);
    found.ok().map(|found| found.scheme)
}

async fn link(town: &Town, card: &str, link: CardLink) -> u64 {
    let mut changes = Changes::none(NOON);
    changes.cards.push(town.linked(card, link));
    town.commit(changes).await.onboarded
}

async fn look_up(town: &Town, card: &str) -> Option<CardLink> {
    let asked = CardInScheme {
        scheme: town.bakery,
        card_token: CardToken(card.into()),
    };
    town.store.card_links(&[asked]).await.unwrap().remove(0)
}
