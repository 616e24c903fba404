//! The statements, each from its own file under `sql/sqlite/<noun>/`.

macro_rules! statements {
    ($($noun:ident { $($name:ident),+ $(,)? })+) => {
        $(pub mod $noun {
            $(pub const $name: &str =
                include_str!(concat!("../../sql/sqlite/", stringify!($noun), "/", stringify!($name), ".sql"));)+
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
        audit_log { insert, last, list }
        card { find, list, of_token, upsert }
        check_in { list, set }
        config { lanes, list, set, set_lanes, unset }
        export {
            attempt, cancel, deliver, extend_file, files, find_file, freeze, handle, insert, list,
            of_match, of_pairing, send, sent_before, thaw, undelivered, waiting,
        }
        feed { find, insert }
        file {
            begin_messages, find, find_unfinished, insert, last, list, of_messages, progress,
            recount, sources, volume,
        }
        identity { find, insert, of_payment }
        job {
            claim, done, free_holder, give_back, holders, insert, insert_leased, is_busy,
            is_in_hand, lane_is_held,
            lease_again, next_due, prolong, take_lane, waiting, waits_for_match, waits_in_lane,
        }
        leader { free_holder, lead, leads, resign }
        mid {
            all, all_sets, copy, find_set, held, in_force, insert, insert_set, retain, revise,
            revision, set_has_days,
        }
        outbox { done, insert, waiting }
        pairing {
            any_voided, barred, end_of, insert, of_payment, of_sale, rows, settlements, void,
        }
        payment {
            by_key, close, explain, history, insert, near, next_day, of_day, open, open_after, paid,
            reopened, review, row, same_key, same_purchase, to_sweep, transaction_ids, undecided,
            unidentified, without_sale,
        }
        purge {
            attempt, attempts, delivery, export, exports, identity, keep_from, kept_from,
            last_number, pairing, pairings, payment, payments, raw, recount, reject, rejects, sale,
            sales,
        }
        push { find, insert, prune }
        raw { find, insert, newest, take_up }
        redress { close, list, propose }
        reject { find, insert, keep, kept, list, listed, newest, quarantined, replay }
        sale {
            between, by_key, candidates, days, explain, history, insert, near, nearly, next_day,
            of_day, open, row, same_key, sold, taken, transaction_ids,
        }
        scheme { find }
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
    use rusqlite::Connection;
    use std::path::Path;

    #[test]
    fn every_statement_is_lawful_sql_and_says_its_name() {
        let connection = Connection::open_in_memory().unwrap();
        crate::sqlite::migrate::apply_missing(&connection).unwrap();
        for (noun, name, sql) in ALL {
            let first = format!("-- {noun}/{name}: ");
            assert!(
                sql.starts_with(&first),
                "{noun}/{name} does not begin with {first:?}"
            );
            let prepared = connection.prepare(sql);
            assert!(prepared.is_ok(), "{noun}/{name}: {:?}", prepared.err());
        }
    }

    #[test]
    fn every_file_is_a_statement() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/sqlite");
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
