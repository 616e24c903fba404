//! Files: who imports one, from where on, and what its log says.

use crate::support::{
    BAKERY, Bench, LEASE_US, NOON, Town, VISA_AUTH, VISA_SETTLED, holder, payment, slug,
};
use harmonia_core::changes::{Changes, Imported, JobEnd};
use harmonia_core::ids::FileId;
use harmonia_core::state::FileState;
use harmonia_core::time::{HOUR_US, Instant, SECOND_US};
use harmonia_journey::ports::{CommitError, FileArrival, FileClaim, FileRow, StoreError};

pub async fn a_new_file_begins_at_its_beginning(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (file, _, records_read) = town.claim_file(&arrival, "one", NOON).await;
    assert_eq!(records_read, 0);
    let files = town.store.files(10).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].id, file.0);
    assert_eq!(files[0].feed, "visa-settled");
    assert_eq!(files[0].source, arrival.source);
    assert_eq!(
        (files[0].size_bytes, &files[0].sha256),
        (1000, &arrival.sha256)
    );
    assert_eq!(
        (files[0].state.as_str(), files[0].records),
        ("IMPORTING", [0; 6])
    );
    assert_eq!(files[0].created_at, NOON);
}

pub async fn a_file_that_is_being_read_is_busy_for_another(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    town.claim_file(&arrival, "one", NOON).await;
    let claim = town.store.claim_file(&arrival, &holder("two"), NOON).await;
    let busy = FileClaim::Busy {
        holder: "one".to_owned(),
    };
    assert_eq!(claim.unwrap(), busy);
    assert_eq!(town.store.files(10).await.unwrap().len(), 1);
}

pub async fn its_own_holder_may_take_a_file_up_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (file, before, _) = town.claim_file(&arrival, "one", NOON).await;
    let (again, lease, _) = town.claim_file(&arrival, "one", NOON).await;
    assert_eq!(again, file);
    assert!(matches!(
        town.store.commit(before, read_one(&town, file, "p1")).await,
        Err(CommitError::StaleLease)
    ));
    let committed = town.store.commit(lease, read_one(&town, file, "p1")).await;
    assert_eq!(committed.unwrap().imported.new, 1);
}

pub async fn a_file_that_was_given_back_goes_on_where_it_stopped(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (file, lease, _) = town.claim_file(&arrival, "one", NOON).await;
    let stretch = read_one(&town, file, "p1");
    town.store.commit(lease, stretch).await.unwrap();
    let mut given_back = Changes::none(NOON);
    given_back.job = JobEnd::Again { ready_at: NOON };
    town.store.commit(lease, given_back).await.unwrap();
    let (again, lease, records_read) = town.claim_file(&arrival, "two", NOON).await;
    assert_eq!((again, records_read), (file, 1));
    let mut rest = town.whole_file(file, VISA_SETTLED, vec![town.paid(payment("p2"))]);
    if let Some(imported) = rest.imported.as_mut() {
        imported.records_read = 2;
    }
    town.store.commit(lease, rest).await.unwrap();
    let log = &town.store.files(1).await.unwrap()[0];
    assert_eq!(
        (log.state.as_str(), log.records),
        ("IMPORTED", [2, 2, 0, 0, 0, 0])
    );
}

pub async fn a_file_whose_lease_ran_out_passes_to_another(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (file, stale, _) = town.claim_file(&arrival, "one", NOON).await;
    let just_before = NOON.plus(LEASE_US - 1);
    let claim = town
        .store
        .claim_file(&arrival, &holder("two"), just_before)
        .await;
    assert!(matches!(claim, Ok(FileClaim::Busy { .. })));
    let (again, lease, records_read) = town.claim_file(&arrival, "two", NOON.plus(LEASE_US)).await;
    assert_eq!((again, records_read), (file, 0));
    assert!(matches!(
        town.store.commit(stale, read_one(&town, file, "p1")).await,
        Err(CommitError::StaleLease)
    ));
    assert!(
        town.store
            .commit(lease, read_one(&town, file, "p1"))
            .await
            .is_ok()
    );
}

pub async fn the_same_bytes_of_another_feed_are_another_file(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (first, ..) = town.claim_file(&arrival, "one", NOON).await;
    let other_type = FileArrival {
        feed_type: VISA_AUTH.1,
        ..arrival.clone()
    };
    let other_name = FileArrival {
        feed_name: slug("visa-late"),
        ..arrival
    };
    let (second, ..) = town.claim_file(&other_type, "two", NOON).await;
    let (third, ..) = town.claim_file(&other_name, "two", NOON).await;
    assert!(first != second && second != third && third != first);
}

pub async fn a_refused_file_says_why_and_may_come_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(BAKERY);
    let (file, lease, _) = town.claim_file(&arrival, "one", NOON).await;
    let mut refusal = stretch(file, Vec::new());
    refusal.state = FileState::Refused;
    refusal.refusal = Some("the file is empty".into());
    town.store.commit(lease, done_with(refusal)).await.unwrap();
    let log = &town.store.files(1).await.unwrap()[0];
    assert_eq!(
        (log.state.as_str(), log.refusal.as_deref()),
        ("REFUSED", Some("the file is empty"))
    );
    assert!(town.store.status(NOON).await.unwrap().jobs.is_empty());
    let (again, _, records_read) = town.claim_file(&arrival, "one", NOON).await;
    assert!(again != file && records_read == 0);
}

pub async fn a_file_that_was_imported_may_come_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    for new in [1, 0] {
        let (file, lease, _) = town.claim_file(&arrival, "one", NOON).await;
        let bodies = vec![town.paid(payment("p1"))];
        let changes = town.whole_file(file, VISA_SETTLED, bodies);
        let committed = town.store.commit(lease, changes).await.unwrap();
        assert_eq!(committed.imported.new, new);
    }
    assert_eq!(town.store.files(10).await.unwrap().len(), 2);
    town.expect_sound().await;
}

pub async fn a_file_that_does_not_add_up_is_refused(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (file, lease, _) = town
        .claim_file(&town.arrival(VISA_SETTLED), "one", NOON)
        .await;
    let before = town.picture().await;
    let mut changes = town.whole_file(file, VISA_SETTLED, vec![town.paid(payment("p1"))]);
    if let Some(imported) = changes.imported.as_mut() {
        imported.records_read = 2;
    }
    let answer = town.store.commit(lease, changes).await;
    assert!(matches!(
        answer,
        Err(CommitError::Store(StoreError::Broken(_)))
    ));
    assert_eq!(town.picture().await, before);
}

pub async fn files_are_listed_newest_first(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for _ in 0..3 {
        town.import(VISA_SETTLED, Vec::new()).await;
    }
    let files = town.store.files(2).await.unwrap();
    let ids: Vec<i64> = files.iter().map(|file| file.id).collect();
    assert_eq!(ids, [3, 2]);
}

pub async fn messages_of_a_day_share_a_row(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut arrival = town.arrival(VISA_SETTLED);
    arrival.source = "queue".to_owned();
    (arrival.size_bytes, arrival.sha256) = (0, String::new());
    let batch = async |arrival: &FileArrival, names: &[&str], at: Instant| {
        let file = town.store.message_log(arrival, at).await.unwrap();
        let bodies = names.iter().map(|name| town.paid(payment(name))).collect();
        let mut changes = town.whole_file(file, VISA_SETTLED, bodies);
        changes.at = at;
        if let Some(imported) = changes.imported.as_mut() {
            imported.more_bytes = 10;
        }
        town.commit(changes).await;
        file
    };
    let evening = NOON.plus(10 * HOUR_US);
    let first = batch(&arrival, &["p1", "p2"], NOON).await;
    assert_eq!(batch(&arrival, &["p2", "p3"], evening).await, first);
    let told = |row: &FileRow| (row.size_bytes, row.records[..3].to_vec(), row.state.clone());
    let files = town.store.files(10).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(told(&files[0]), (20, vec![4, 3, 1], "IMPORTED".to_owned()));
    let arrivals = town.store.arrivals(&slug("visa-settled"), 0, 9).await;
    assert_eq!(arrivals.unwrap().last, Some(evening));
    // Another day, and another source, are told apart.
    let tomorrow = NOON.plus(24 * HOUR_US);
    assert_ne!(batch(&arrival, &["p4"], tomorrow).await, first);
    arrival.source = "another queue".to_owned();
    assert_ne!(batch(&arrival, &["p5"], evening).await, first);
    // A file of the same name is never taken for messages.
    let mut file = town.arrival(VISA_SETTLED);
    file.source = "queue".to_owned();
    let (file, ..) = town.claim_file(&file, "one", NOON).await;
    assert_ne!(file, first);
    town.expect_sound().await;
}

/// A stretch of a file's beginning, with more to come.
fn stretch(file: FileId, records: Vec<harmonia_core::changes::ImportedRecord>) -> Imported {
    Imported {
        file,
        provider: slug("visa"),
        records_read: records.len() as u64,
        more_bytes: 0,
        records,
        skipped: 0,
        state: FileState::Importing,
        refusal: None,
    }
}

fn read_one(town: &Town, file: FileId, name: &str) -> Changes {
    let mut changes = town.whole_file(file, VISA_SETTLED, vec![town.paid(payment(name))]);
    changes.at = NOON.plus(SECOND_US);
    changes.job = JobEnd::Keep;
    if let Some(imported) = changes.imported.as_mut() {
        imported.state = FileState::Importing;
    }
    changes
}

fn done_with(imported: Imported) -> Changes {
    let mut changes = Changes::done(NOON);
    changes.imported = Some(imported);
    changes
}
