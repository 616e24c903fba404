//! Keys of the API: made, found by their hash, used, taken back.

use crate::support::{Bench, NOON, Town};
use harmonia_core::access::{ApiKey, KeyChange, KeyHash, NewKey, Scope};
use harmonia_core::changes::Changes;
use harmonia_core::time::{DAY_US, SECOND_US};
use harmonia_journey::ports::CommitError;

pub async fn a_key_is_found_by_its_hash(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    assert_eq!(town.store.find_key(KeyHash([1; 32])).await.unwrap(), None);
    change(&town, KeyChange::Create(key("till", 1))).await;
    change(&town, KeyChange::Create(key("office", 2))).await;
    let found = town
        .store
        .find_key(KeyHash([2; 32]))
        .await
        .unwrap()
        .unwrap();
    let expected = ApiKey {
        id: found.id,
        name: "office".to_owned(),
        hint: "txm_abcd".to_owned(),
        scopes: vec![Scope::FeedsWrite, Scope::ConfigRead],
        created_at: NOON,
        expires_at: Some(NOON.plus(DAY_US)),
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(found, expected);
    let all = town.store.keys().await.unwrap();
    assert_eq!((all.len(), &all[1]), (2, &found));
    assert!(found.in_force(NOON).is_ok());
    assert!(found.in_force(NOON.plus(DAY_US)).is_err());
}

pub async fn two_keys_in_force_have_two_names(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    change(&town, KeyChange::Create(key("till", 1))).await;
    for (name, mark) in [("till", 2), ("other", 1)] {
        let mut changes = Changes::none(NOON);
        changes.keys.push(KeyChange::Create(key(name, mark)));
        let refusal = town.refused(changes).await;
        assert!(matches!(refusal, CommitError::Conflict), "{refusal}");
    }
    let first = town.store.keys().await.unwrap()[0].id;
    change(&town, KeyChange::Revoke(first)).await;
    change(&town, KeyChange::Create(key("till", 2))).await;
    let keys = town.store.keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0].revoked_at, Some(NOON));
    assert!(keys[0].in_force(NOON).is_err() && keys[1].in_force(NOON).is_ok());
}

pub async fn a_key_knows_when_it_was_used_last(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    change(&town, KeyChange::Create(key("till", 1))).await;
    let id = town.store.keys().await.unwrap()[0].id;
    for seconds in [5, 3] {
        let used_at = NOON.plus(seconds * SECOND_US);
        change(&town, KeyChange::Used(id, used_at)).await;
        let used = town.store.keys().await.unwrap()[0].last_used_at;
        assert_eq!(used, Some(NOON.plus(5 * SECOND_US)));
    }
}

async fn change(town: &Town, change: KeyChange) {
    let mut changes = Changes::none(NOON);
    changes.keys.push(change);
    town.commit(changes).await;
}

fn key(name: &str, mark: u8) -> NewKey {
    NewKey {
        name: name.to_owned(),
        hint: "txm_abcd".to_owned(),
        hash: KeyHash([mark; 32]),
        scopes: vec![Scope::FeedsWrite, Scope::ConfigRead],
        expires_at: Some(NOON.plus(DAY_US)),
    }
}
