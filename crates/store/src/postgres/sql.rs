//! The statements, each from its own file under `sql/postgres/<noun>/`.

macro_rules! statements {
    ($($noun:ident { $($name:ident),+ $(,)? })+) => {
        $(pub mod $noun {
            $(pub const $name: &str =
                include_str!(concat!("../../sql/postgres/", stringify!($noun), "/", stringify!($name), ".sql"));)+
        })+

        /// Every statement with its noun and name, for tests.
        #[cfg(test)]
        pub const ALL: &[(&str, &str, &str)] =
            &[$($((stringify!($noun), stringify!($name), $noun::$name)),+),+];
    };
}
#[expect(
    non_upper_case_globals,
    reason = "a statement is called what its file is called"
)]
mod named {
    statements! {
        answer { by_payment, by_uid, insert, is_known, purge }
        api_key { find, insert, list, revoke, used }
        audit {
            delivered_was_sent, export_is_due, file_counts, matched_is_exported,
            matched_is_identified, matched_is_not_open, nothing_forgotten, one_to_one_payment,
            one_to_one_sale, raw_is_typed, same_purchase, settlement_follows,
        }
        audit_log { insert, last, list, lock }
        card { find, known, list, of_token, upsert }
        commit { forget, prune, resolve, token }
        check_in { list, set }
        config { lanes, list, lock_lanes, set, set_lanes, unset }
        export {
            attempt, cancel, copy, deliver, extend_file, files, find_file, freeze, handle, list,
            of_match, of_pairing, send, sent_before, thaw, undelivered, waiting,
        }
        feed { all, find, insert, of_id }
        file {
            begin_messages, feed, find, find_unfinished, insert, last, list, lock, of_messages,
            progress, recount, sources, volume,
        }
        identity { copy, find, known, of_payment }
        job {
            claim, done, give_back, insert, insert_leased, is_busy, is_first, is_in_hand,
            is_leased, lane_is_held, lease, lock_lane, next_due, prolong, take_lane, waiting,
            waits_for_match,
            waits_in_lane,
        }
        leader { lead, leads, resign }
        mid {
            all, all_sets, copy, find_set, held, in_force, insert, insert_set, lock, retain,
            revise, revision, set_has_days,
        }
        month { drop, list, make }
        numbers { give_back, next_raw, settled, take }
        outbox { done, insert, waiting }
        pairing { barred, copy, end_of, of_payment, of_sale, rows, settlements, void }
        payment {
            any_open, by_key, close, copy, explain, history, is_touched, known, known_between, near,
            of_day, of_sale, open, open_after, paid, reopened, review, row, same_purchase, to_sweep,
            transaction_ids, undecided, unidentified, untouched, without_sale,
        }
        provider { add, find, rename }
        purge {
            attempt, attempt_aside, attempt_bounds, attempt_staying, attempts, count, delivery,
            export, identity, keep_from, kept_from, lock, pairing, pairings, payment, payments, raw,
            raw_aside, raw_bounds, raw_left, raw_staying, raws, recount, reject, rejects, sale, sales,
            share,
        }
        push { find, insert, prune }
        raw { copy, find, insert, newest, search, take_up }
        redress { close, list, propose }
        reject { copy, find, keep, kept, known, list, listed, newest, quarantined, replay }
        sale {
            between, by_key, candidates, copy, days, explain, history, known, known_between, near,
            nearly, of_day, open, row, sold, taken, transaction_ids,
        }
        scheme { add, find, rename }
        schedule { list, tick }
        sealing { find, insert }
        status {
            ended, exports, feeds, files, jobs, matched, numbers, oldest_due, open_payments,
            payments, reject_states, rejects, sales,
        }
    }
}
pub use named::*;

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::path::Path;

    #[test]
    fn every_statement_says_its_name() {
        for (noun, name, sql) in ALL {
            let first = format!("-- {noun}/{name}: ");
            assert!(
                sql.starts_with(&first),
                "{noun}/{name} does not begin with {first:?}"
            );
        }
    }

    #[test]
    fn every_file_is_a_statement() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/postgres");
        let mut files = 0;
        for noun in std::fs::read_dir(folder).unwrap() {
            let noun = noun.unwrap().path();
            if !noun.ends_with("migrations") {
                files += std::fs::read_dir(noun).unwrap().count();
            }
        }
        assert_eq!(
            files,
            ALL.len(),
            "a file that nobody runs, or that two names stand for"
        );
    }
}
