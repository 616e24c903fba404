//! The ledger of what is told over HTTP: in flight with a frozen request, tried again, uncertain, and
//! what people decide.

use crate::support::{Bench, NOON, Town, holder};
use harmonia_core::changes::{
    Attempt, Changes, Delivery, Handled, JobEnd, Lane, NewJob, NewWork, Queue, Redress, Sending,
    Span, Void, Work,
};
use harmonia_core::ids::{ExportId, MatchId};
use harmonia_core::state::ExportState::{
    self, Cancelled, Delivered, Failed, Held, InFlight, Pending, Retrying, Skipped, Uncertain,
};
use harmonia_core::time::{Instant, MINUTE_US};
use harmonia_journey::ports::{CommitError, Lease, SentBefore};

const REQUEST: &str = r#"{"url":"https://merchant.example/told","body":"{\"member\":\"m-1\"}"}"#;

pub async fn what_is_sent_is_in_flight_with_its_request(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let exports = town.matched(&["a", "b"]).await;
    send(&town, NOON, exports[0], REQUEST).await.unwrap();
    let rows = town.store.exports(None, 0, 9).await.unwrap();
    assert_eq!((rows[0].status.as_str(), rows[0].tries), ("IN_FLIGHT", 0));
    let expected = SentBefore {
        export: exports[0],
        state: InFlight,
        tries: 0,
        first_sent_at: Some(NOON),
        due_at: None,
        request: Some(REQUEST.to_owned()),
    };
    assert_eq!(sent_before(&town).await, [expected]);
    // What leaves by a file has nothing to do with it; what leaves over HTTP has to take it up.
    assert_eq!(undelivered(&town).await, [exports[1]]);
    assert_eq!(unsettled(&town).await, exports);
    let others = town.store.sent_before(town.books, &Span::Range(1, 9)).await;
    assert_eq!(others.unwrap(), []);
}

pub async fn a_request_never_changes(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let later = NOON.plus(MINUTE_US);
    send(&town, NOON, export, REQUEST).await.unwrap();
    tell(&town, NOON, export, Retrying, Some(later)).await;
    send(&town, later, export, "another").await.unwrap();
    let before = &sent_before(&town).await[0];
    assert_eq!(before.request.as_deref(), Some(REQUEST));
    assert_eq!((before.first_sent_at, before.due_at), (Some(NOON), None));
    assert_eq!((before.state, before.tries), (InFlight, 1));
    tell(&town, later, export, Delivered, None).await;
    // The secrets of members are kept no longer than they are needed.
    assert_eq!(sent_before(&town).await, []);
}

pub async fn a_delivery_moves_through_the_states_of_the_ledger(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let lasting = [Retrying, Uncertain, Held, Failed];
    for (state, name) in lasting.into_iter().zip(["a", "b", "c", "d"]) {
        let export = *town.matched(&[name]).await.last().unwrap();
        send(&town, NOON, export, REQUEST).await.unwrap();
        tell(&town, NOON, export, state, None).await;
        let row = &town.store.exports(None, export.0 - 1, 1).await.unwrap()[0];
        let reason = format!("it is {state}");
        assert_eq!((row.status.as_str(), row.tries), (state.as_str(), 1));
        assert_eq!(row.status_reason.as_deref(), Some(reason.as_str()));
        assert_eq!(sent_before(&town).await.last().unwrap().state, state);
    }
    assert_eq!(sent_before(&town).await.len(), 4);
}

pub async fn what_is_settled_is_not_sent_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for (state, name) in [Delivered, Skipped].into_iter().zip(["a", "b"]) {
        let export = *town.matched(&[name]).await.last().unwrap();
        send(&town, NOON, export, REQUEST).await.unwrap();
        tell(&town, NOON, export, state, None).await;
        let again = send(&town, NOON, export, REQUEST).await;
        assert!(matches!(again, Err(CommitError::Conflict)));
        for other in [InFlight, Retrying, Held, Failed, Pending] {
            tell(&town, NOON, export, other, None).await;
        }
        let row = &town.store.exports(None, export.0 - 1, 1).await.unwrap()[0];
        assert_eq!((row.status.as_str(), row.tries), (state.as_str(), 1));
    }
    assert_eq!(sent_before(&town).await, []);
    assert_eq!(unsettled(&town).await, []);
}

pub async fn only_what_waits_for_another_try_is_due(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    send(&town, NOON, export, REQUEST).await.unwrap();
    let picture = town.picture().await;
    for state in [Pending, InFlight, Held, Failed, Delivered, Skipped] {
        let refused = town.refused(told(&town, NOON, export, state, Some(NOON)));
        assert!(matches!(refused.await, CommitError::Store(_)), "{state}");
    }
    assert_eq!(town.picture().await, picture);
    let due = Some(NOON.plus(MINUTE_US));
    tell(&town, NOON, export, Uncertain, due).await;
    assert_eq!(sent_before(&town).await[0].due_at, due);
    tell(&town, NOON, export, Uncertain, None).await;
    assert_eq!(sent_before(&town).await[0].due_at, None);
}

pub async fn what_was_never_sent_is_not_uncertain(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    for state in [InFlight, Uncertain] {
        let refused = town.refused(told(&town, NOON, export, state, None)).await;
        assert!(matches!(refused, CommitError::Store(_)), "{state}");
    }
    assert_eq!(undelivered(&town).await, [export]);
}

pub async fn what_a_person_decides_is_done_where_it_still_stands(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let refused = town.refused(handling(export, Held, Pending)).await;
    assert!(matches!(refused, CommitError::Conflict));
    town.commit(handling(export, Pending, Held)).await;
    assert_eq!(unsettled(&town).await, []);
    let refused = send(&town, NOON, export, REQUEST).await;
    assert!(matches!(refused, Err(CommitError::Conflict)));
    town.commit(handling(export, Held, Pending)).await;
    send(&town, NOON, export, REQUEST).await.unwrap();
    tell(&town, NOON, export, Uncertain, Some(NOON)).await;
    let refused = town.refused(handling(export, Retrying, Cancelled)).await;
    assert!(matches!(refused, CommitError::Conflict));
    town.commit(handling(export, Uncertain, Delivered)).await;
    assert_eq!(sent_before(&town).await, []);
    let row = &town.store.exports(None, 0, 1).await.unwrap()[0];
    assert_eq!(row.status_reason.as_deref(), Some("ann: it must be so"));
    assert_eq!((row.status.as_str(), row.tries), ("DELIVERED", 1));
    let unknown = town.refused(handling(ExportId(9), Pending, Held)).await;
    assert!(matches!(unknown, CommitError::Conflict));
}

pub async fn a_match_is_not_undone_while_a_request_of_it_may_be_out(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let made = town.store.matches(None, 0, 1).await.unwrap()[0].id;
    let undo = || {
        let mut changes = Changes::none(NOON);
        let redress = Redress {
            operator: "ann".into(),
            reason: "not theirs".into(),
        };
        changes.voids.push(Void {
            id: MatchId(made),
            redress,
        });
        changes
    };
    send(&town, NOON, export, REQUEST).await.unwrap();
    tell(&town, NOON, export, Uncertain, None).await;
    // A person wants it sent once more, or kept back: what was sent before may have arrived all the same.
    for (from, to) in [(Uncertain, Pending), (Pending, Held), (Held, Pending)] {
        town.commit(handling(export, from, to)).await;
        let refused = town.refused(undo()).await;
        assert!(matches!(refused, CommitError::Conflict), "{to}");
    }
    town.commit(handling(export, Pending, Cancelled)).await;
    town.commit(undo()).await;
    let row = &town.store.exports(None, 0, 1).await.unwrap()[0];
    assert_eq!(row.status, "CANCELLED");
    let undone = &town.store.matches(None, 0, 1).await.unwrap()[0];
    assert_eq!(undone.voided_by.as_deref(), Some("ann"));
}

pub async fn nobody_decides_about_what_a_file_is_being_written_with(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let lane = Lane::delivery(town.bakery);
    let mut changes = Changes::none(NOON);
    changes.jobs.push(NewJob {
        queue: Queue::Export,
        lane: Some(lane),
        ready_at: NOON,
        work: NewWork::Known(Work::Exports {
            scheme: town.bakery,
            exports: Span::Ids(vec![export.0]),
        }),
    });
    town.commit(changes).await;
    let mut holding = handling(export, Pending, Held);
    holding.handled[0].unless_held = Some(lane);
    let holder = holder("writer");
    let claimed = town.store.claim(&[Queue::Export], &holder, NOON).await;
    let job = claimed.unwrap().unwrap();
    let refused = town.refused(holding.clone()).await;
    assert!(matches!(refused, CommitError::Conflict));
    let mut done = Changes::none(NOON);
    done.job = JobEnd::Done;
    town.store.commit(job.lease, done).await.unwrap();
    town.commit(holding).await;
    let row = &town.store.exports(None, 0, 1).await.unwrap()[0];
    assert_eq!(row.status, "HELD");
}

pub async fn what_may_be_out_and_nobody_takes_up_is_found(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let export = town.matched(&["a"]).await[0];
    let gone = holder("gone");
    let claimed = town.store.claim(&[Queue::Export], &gone, NOON);
    let lease = claimed.await.unwrap().unwrap().lease;
    let done = town.store.commit(lease, Changes::done(NOON)).await;
    done.unwrap();
    town.commit(handling(export, Pending, Held)).await;
    town.expect_sound().await;
    town.commit(handling(export, Held, Pending)).await;
    send(&town, NOON, export, REQUEST).await.unwrap();
    let forgotten = async |state, due| {
        tell(&town, NOON, export, state, due).await;
        let findings = town.store.audit().await.unwrap();
        findings.len()
    };
    assert_eq!(town.store.audit().await.unwrap().len(), 1);
    assert_eq!(forgotten(Retrying, Some(NOON)).await, 1);
    assert_eq!(forgotten(Uncertain, Some(NOON)).await, 1);
    // It waits for a person.
    assert_eq!(forgotten(Uncertain, None).await, 0);
}

async fn send(
    town: &Town,
    at: Instant,
    export: ExportId,
    request: &str,
) -> Result<(), CommitError> {
    let mut changes = Changes::none(at);
    changes.sending.push(Sending {
        export,
        request: request.to_owned(),
    });
    let committed = town.store.commit(Lease::Operator, changes).await;
    committed.map(|_| ())
}

async fn tell(
    town: &Town,
    at: Instant,
    export: ExportId,
    state: ExportState,
    due: Option<Instant>,
) {
    town.commit(told(town, at, export, state, due)).await;
}

fn told(
    town: &Town,
    at: Instant,
    export: ExportId,
    state: ExportState,
    due_at: Option<Instant>,
) -> Changes {
    let mut changes = Changes::none(at);
    changes.attempts.push(Attempt {
        scheme: town.bakery,
        destination: "https://merchant.example/told".to_owned(),
        body: "{}".to_owned(),
        response: None,
        error: None,
        duration_us: 3,
        deliveries: vec![Delivery {
            export,
            state,
            reason: Some(format!("it is {state}")),
            due_at,
        }],
        file: None,
    });
    changes
}

fn handling(export: ExportId, from: ExportState, to: ExportState) -> Changes {
    let mut changes = Changes::none(NOON);
    changes.handled.push(Handled {
        export,
        from,
        to,
        reason: "ann: it must be so".to_owned(),
        unless_held: None,
    });
    changes
}

async fn sent_before(town: &Town) -> Vec<SentBefore> {
    let all = Span::Range(0, 100);
    town.store.sent_before(town.bakery, &all).await.unwrap()
}

async fn undelivered(town: &Town) -> Vec<ExportId> {
    let all = Span::Range(0, 100);
    let found = town.store.undelivered(town.bakery, &all).await.unwrap();
    found.into_iter().map(|(id, _)| id).collect()
}

async fn unsettled(town: &Town) -> Vec<ExportId> {
    let all = Span::Range(0, 100);
    let found = town.store.unsettled(town.bakery, &all).await.unwrap();
    found.into_iter().map(|one| one.export).collect()
}
