//! Jobs and leases: who works on what, and who may not any more.

use crate::support::{
    BAKERY, Bench, LEASE_US, NOON, Town, VISA_SETTLED, holder, payment, refused, sale,
};
use harmonia_core::changes::{
    Changes, JobEnd, Lane, NewJob, NewWork, Queue, Span, StillOpen, Work,
};
use harmonia_core::ids::PaymentId;
use harmonia_core::matching::OpenReason;
use harmonia_core::problem::RejectReason;
use harmonia_core::time::{Instant, MINUTE_US, SECOND_US};
use harmonia_journey::ports::{CommitError, Job, Lease};

pub async fn a_job_covers_exactly_what_its_commit_added(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = vec![
        town.paid(payment("p1")),
        refused(RejectReason::UnknownMid, 1),
        town.paid(payment("p2")),
    ];
    town.import(VISA_SETTLED, payments).await;
    let sales = vec![
        town.sold(sale("s1")),
        town.sold(sale("s1")),
        town.sold(sale("s2")),
    ];
    town.import(BAKERY, sales).await;
    town.commit(town.matching(&[(PaymentId(1), harmonia_core::ids::SaleId(4))]))
        .await;
    let mut works = Vec::new();
    while let Some(job) = claim(&town, "one", NOON).await {
        works.push(job.work);
    }
    let exports = Work::Exports {
        scheme: town.bakery,
        exports: Span::Range(1, 1),
    };
    let payments = Work::Payments(Span::Range(1, 3));
    assert_eq!(works, [payments, Work::Sales(Span::Range(4, 5)), exports]);
}

pub async fn a_commit_that_adds_nothing_makes_no_job(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.import(VISA_SETTLED, vec![refused(RejectReason::BadDate, 1)])
        .await;
    town.commit(town.matching(&[])).await;
    assert_eq!(claim(&town, "one", NOON).await, None);
    assert_eq!(town.store.next_due(&Queue::ALL).await.unwrap(), None);
}

pub async fn jobs_come_in_the_order_they_were_added(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for number in 1..=3 {
        add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, number).await;
        add(&town, Queue::Export, Some(Lane(1)), NOON, number).await;
    }
    let mut order = Vec::new();
    while let Some(job) = claim(&town, "one", NOON).await {
        assert_eq!(job.tries, 0);
        order.push((job.queue, number_of(&job)));
    }
    let (matching, export) = (Queue::Matching, Queue::Export);
    let expected = [
        (matching, 1),
        (matching, 2),
        (matching, 3),
        (export, 1),
        (export, 2),
        (export, 3),
    ];
    assert_eq!(order, expected);
}

pub async fn a_job_is_not_due_before_its_time(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let later = NOON.plus(MINUTE_US);
    add(&town, Queue::Identify, None, later, 1).await;
    add(&town, Queue::Identify, None, NOON, 2).await;
    assert_eq!(claimed(&town, "one", NOON).await, Some(2));
    assert_eq!(claimed(&town, "one", later.plus(-1)).await, None);
    assert_eq!(claimed(&town, "one", later).await, Some(1));
    let of_another_queue = town
        .store
        .claim(&[Queue::Export], &holder("one"), later)
        .await;
    assert_eq!(of_another_queue.unwrap(), None);
}

pub async fn what_waits_is_busy_and_what_is_worked_on_is_in_hand(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let is = async |queue: Queue, now: Instant| {
        let busy = town.store.is_busy(&[Queue::Export, queue], now).await;
        let in_hand = town.store.is_in_hand(&[Queue::Export, queue], now).await;
        (busy.unwrap(), in_hand.unwrap())
    };
    add(&town, Queue::Matching, None, NOON, 1).await;
    assert_eq!(is(Queue::Matching, NOON.plus(-1)).await, (false, false));
    assert_eq!(is(Queue::Matching, NOON).await, (true, false));
    assert_eq!(is(Queue::Identify, NOON).await, (false, false));
    let job = claim(&town, "one", NOON).await.unwrap();
    assert_eq!(is(Queue::Matching, NOON).await, (true, true));
    let after = NOON.plus(LEASE_US);
    assert_eq!(is(Queue::Matching, after).await, (true, false));
    finish(&town, job.lease, NOON).await;
    assert_eq!(is(Queue::Matching, NOON).await, (false, false));
}

pub async fn a_lane_is_never_leased_to_two_holders(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 1).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 2).await;
    add(&town, Queue::Identify, Some(Lane::MATCHING), NOON, 3).await;
    add(&town, Queue::Export, Some(Lane(1)), NOON, 4).await;
    let first = claim(&town, "one", NOON).await.unwrap();
    assert_eq!(
        claimed(&town, "two", NOON).await,
        Some(4),
        "another lane is free"
    );
    assert_eq!(claimed(&town, "two", NOON).await, None);
    // The lane's own holder may go on.
    assert_eq!(claimed(&town, "one", NOON).await, Some(2));
    finish(&town, first.lease, NOON).await;
    assert_eq!(
        claimed(&town, "two", NOON).await,
        None,
        "the second job is still leased"
    );
    assert_eq!(claimed(&town, "one", NOON).await, Some(3));
}

pub async fn a_lane_passes_to_another_holder_whole(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 1).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 2).await;
    claim(&town, "slow", NOON).await.unwrap();
    let second = claim(&town, "slow", NOON).await.unwrap();
    let late = NOON.plus(LEASE_US);
    assert_eq!(claimed(&town, "two", late).await, Some(1));
    // The second job was not claimed by anybody else, but its lane was.
    let answer = town.store.commit(second.lease, Changes::none(late)).await;
    assert!(matches!(answer, Err(CommitError::StaleLease)));
    assert_eq!(claimed(&town, "slow", late).await, None);
    assert_eq!(claimed(&town, "two", late).await, Some(2));
}

pub async fn jobs_without_a_lane_run_side_by_side(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Identify, None, NOON, 1).await;
    add(&town, Queue::Identify, None, NOON, 2).await;
    assert_eq!(claimed(&town, "one", NOON).await, Some(1));
    assert_eq!(claimed(&town, "two", NOON).await, Some(2));
}

pub async fn a_lease_that_ran_out_passes_on_with_a_later_token(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 1).await;
    let slow = claim(&town, "slow", NOON).await.unwrap();
    let late = NOON.plus(LEASE_US);
    assert_eq!(claim(&town, "two", late.plus(-1)).await, None);
    let job = claim(&town, "two", late).await.unwrap();
    assert_eq!((number_of(&job), job.tries), (1, 1));
    assert!(token(job.lease) > token(slow.lease));
    let answer = town.store.commit(slow.lease, Changes::done(late)).await;
    assert!(matches!(answer, Err(CommitError::StaleLease)));
    finish(&town, job.lease, late).await;
    assert_eq!(claim(&town, "two", late).await, None);
}

pub async fn a_stale_commit_leaves_nothing_behind(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let payments = town.pay(vec![payment("p1"), payment("p2")]).await;
    let sales = town.sell(vec![sale("s1")]).await;
    let (file, ..) = town
        .claim_file(&town.arrival(VISA_SETTLED), "slow", NOON)
        .await;
    let slow = claim(&town, "slow", NOON).await.unwrap();
    let late = NOON.plus(LEASE_US);
    let lease = claim(&town, "two", late).await.unwrap().lease;
    let before = town.picture().await;
    let changes = || {
        let mut changes = town.matching(&[(payments[0], sales[0])]);
        let imported = town.whole_file(file, VISA_SETTLED, vec![town.paid(payment("p3"))]);
        changes.imported = imported.imported;
        changes
            .cards
            .push(town.linked("card-1", Default::default()));
        changes.open.push(StillOpen {
            payment: payments[1],
            reason: OpenReason::NoSale,
            sale: None,
            seen: 0,
        });
        changes.job = JobEnd::Done;
        changes
    };
    let answer = town.store.commit(slow.lease, changes()).await;
    assert!(matches!(answer, Err(CommitError::StaleLease)));
    assert_eq!(town.picture().await, before);
    // Its heir's commit is whole.
    town.store.commit(lease, changes()).await.unwrap();
    let status = town.store.status(NOON).await.unwrap();
    assert_eq!(
        (status.matched.count, status.payments.count, status.cards),
        (1, 3, 1)
    );
    assert_eq!(status.open_payments[0].reason, "NO_SALE");
}

pub async fn a_lease_that_was_given_back_is_over(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Matching, Some(Lane::MATCHING), NOON, 1).await;
    let first = claim(&town, "one", NOON).await.unwrap();
    let later = NOON.plus(SECOND_US);
    let mut given_back = Changes::none(NOON);
    given_back.job = JobEnd::Again { ready_at: later };
    town.store
        .commit(first.lease, given_back.clone())
        .await
        .unwrap();
    let answer = town.store.commit(first.lease, given_back).await;
    assert!(matches!(answer, Err(CommitError::StaleLease)));
    assert_eq!(
        claim(&town, "two", NOON).await,
        None,
        "it waits for its time"
    );
    let again = claim(&town, "two", later).await.unwrap();
    assert_eq!((number_of(&again), again.tries), (1, 1));
}

pub async fn a_lease_ends_with_its_job_for_ever(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Matching, None, NOON, 1).await;
    let slow = claim(&town, "slow", NOON).await.unwrap();
    let late = NOON.plus(LEASE_US);
    let heir = claim(&town, "two", late).await.unwrap();
    finish(&town, heir.lease, late).await;
    // Whatever jobs come and are leased afterwards, none of them is the slow one's.
    for number in 2..=3 {
        add(&town, Queue::Matching, None, late, number).await;
        let other = claim(&town, "two", late).await.unwrap();
        for stale in [slow.lease, heir.lease] {
            let answer = town.store.commit(stale, Changes::done(late)).await;
            assert!(matches!(answer, Err(CommitError::StaleLease)));
        }
        finish(&town, other.lease, late).await;
    }
}

pub async fn lanes_that_are_in_hand_are_passed_over(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for (lane, number) in [(1, 1), (1, 2), (2, 3), (-3, 4)] {
        add(&town, Queue::Export, Some(Lane(lane)), NOON, number).await;
    }
    add(&town, Queue::Export, None, NOON, 5).await;
    let one = holder("one");
    let beside = async |in_hand: &[Lane]| {
        let claimed = town
            .store
            .claim_beside(in_hand, &[Queue::Export], &one, NOON);
        claimed.await.unwrap()
    };
    let first = beside(&[]).await.unwrap();
    assert_eq!((number_of(&first), first.lane), (1, Some(Lane(1))));
    let mut in_hand = vec![Lane(1)];
    for (number, lane) in [(3, Some(Lane(2))), (4, Some(Lane(-3))), (5, None)] {
        let next = beside(&in_hand).await.unwrap();
        assert_eq!((number_of(&next), next.lane), (number, lane));
        in_hand.extend(lane);
    }
    assert_eq!(beside(&in_hand).await, None);
    finish(&town, first.lease, NOON).await;
    let second = beside(&[Lane(2), Lane(-3)]).await;
    assert_eq!(second.as_ref().map(number_of), Some(2));
}

pub async fn keeping_a_job_prolongs_its_lease(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    add(&town, Queue::Export, Some(Lane(1)), NOON, 1).await;
    let job = claim(&town, "one", NOON).await.unwrap();
    let halfway = NOON.plus(LEASE_US / 2);
    town.store
        .commit(job.lease, Changes::none(halfway))
        .await
        .unwrap();
    let first_end = NOON.plus(LEASE_US);
    assert_eq!(claim(&town, "two", first_end).await, None);
    assert_eq!(claimed(&town, "two", halfway.plus(LEASE_US)).await, Some(1));
}

pub async fn the_next_job_is_due_when_it_is_free(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let queues = [Queue::Matching, Queue::Export];
    let later = NOON.plus(2 * LEASE_US);
    add(&town, Queue::Matching, None, NOON, 1).await;
    add(&town, Queue::Export, None, later, 2).await;
    assert_eq!(town.store.next_due(&queues).await.unwrap(), Some(NOON));
    let job = claim(&town, "one", NOON).await.unwrap();
    let lease_end = NOON.plus(LEASE_US);
    assert_eq!(town.store.next_due(&queues).await.unwrap(), Some(lease_end));
    finish(&town, job.lease, NOON).await;
    assert_eq!(town.store.next_due(&queues).await.unwrap(), Some(later));
    assert_eq!(town.store.next_due(&[Queue::Matching]).await.unwrap(), None);
}

pub async fn what_waits_is_counted_no_further_than_asked(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let later = NOON.plus(2 * LEASE_US);
    for number in 1..=5 {
        add(&town, Queue::Matching, None, NOON, number).await;
    }
    add(&town, Queue::Identify, None, NOON, 6).await;
    add(&town, Queue::Matching, None, later, 7).await;
    add(&town, Queue::Export, None, NOON, 8).await;
    let waiting = async |queues: &[Queue], now, most| {
        let waiting = town.store.waiting(queues, now, most).await;
        waiting.unwrap()
    };
    let both = [Queue::Matching, Queue::Identify];
    assert_eq!(waiting(&both, NOON, 100).await, 6);
    assert_eq!(waiting(&both, later, 100).await, 7);
    assert_eq!(waiting(&both, NOON.plus(-1), 100).await, 0);
    assert_eq!(waiting(&[Queue::Matching], NOON, 100).await, 5);
    assert_eq!(waiting(&[Queue::Streaming], NOON, 100).await, 0);
    for most in [0, 1, 5, 6] {
        assert_eq!(waiting(&both, NOON, most).await, u64::from(most));
    }
    // What is in hand is not done yet.
    let job = claim(&town, "one", NOON).await.unwrap();
    assert_eq!(waiting(&both, NOON, 100).await, 6);
    finish(&town, job.lease, NOON).await;
    assert_eq!(waiting(&both, NOON, 100).await, 5);
}

/// Adds a job that is known by a number.
async fn add(town: &Town, queue: Queue, lane: Option<Lane>, ready_at: Instant, number: i64) {
    let mut changes = Changes::none(NOON);
    changes.jobs.push(NewJob {
        queue,
        lane,
        ready_at,
        work: NewWork::Known(Work::Payments(Span::Ids(vec![number]))),
    });
    town.commit(changes).await;
}

fn number_of(job: &Job) -> i64 {
    match &job.work {
        Work::Payments(Span::Ids(ids)) => ids[0],
        other => panic!("not a job of this test: {other:?}"),
    }
}

fn token(lease: Lease) -> i64 {
    match lease {
        Lease::Job { token, .. } => token,
        Lease::Leader { .. } | Lease::Operator => panic!("no lease of a job"),
    }
}

/// Claims from the queues in their order, but not the import queue, which nobody claims from.
async fn claim(town: &Town, name: &str, now: Instant) -> Option<Job> {
    let queues = [Queue::Matching, Queue::Identify, Queue::Export];
    let job = town.store.claim(&queues, &holder(name), now).await;
    job.unwrap()
}

async fn claimed(town: &Town, name: &str, now: Instant) -> Option<i64> {
    claim(town, name, now).await.as_ref().map(number_of)
}

async fn finish(town: &Town, lease: Lease, now: Instant) {
    town.store.commit(lease, Changes::done(now)).await.unwrap();
}
