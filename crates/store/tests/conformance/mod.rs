//! What every store promises, as cases that know nothing of any store.
//!
//! Each case takes a [`Bench`](crate::support::Bench), the factory of one kind of store, and
//! asserts what can be seen through the ports. The table below makes one test for each case and
//! store, which reports by both names. A new kind of store joins by one line at the bottom.

mod delivering;
mod desk;
mod files;
mod history;
mod importing;
mod inquiring;
mod jobs;
mod keys;
mod ledger;
mod matching;
mod onboarding;
mod outbox;
mod purging;
mod pushing;
mod replaying;
mod schedules;
mod sweeping;
mod turns;

/// One test for each case, on each store.
macro_rules! conformance {
    ($cases:tt on $($(#[$only:meta])? $store:ident: $bench:ty),+ $(,)?) => {
        $($(#[$only])? mod $store { cases_on!($bench, $cases); })+
    };
}

macro_rules! cases_on {
    ($bench:ty, { $($group:ident { $($case:ident),+ $(,)? })+ }) => {
        $(mod $group {
            $(#[tokio::test]
            async fn $case() {
                let bench = <$bench>::default();
                if !crate::support::Bench::is_left_out(&bench) {
                    crate::conformance::$group::$case(&bench).await;
                }
            })+
        })+
    };
}

conformance! {
    {
        onboarding {
            registering_is_idempotent,
            who_onboards_is_logged_with_how_much_it_changed,
            an_identifier_is_in_force_from_its_addition,
            an_identifier_that_is_added_again_changes_nothing,
            an_identifier_that_is_deleted_is_no_longer_in_force,
            an_identifier_that_moves_is_replaced,
            an_identifier_passes_from_one_scheme_to_another,
            a_place_that_is_corrected_is_so_for_all_time,
            what_was_removed_is_known_for_what_comes_late,
            what_is_onboarded_counts_at_once,
            cards_come_back_in_the_order_asked,
            a_card_that_is_linked_again_is_replaced,
            credentials_come_back_as_they_were,
        }
        files {
            a_new_file_begins_at_its_beginning,
            a_file_that_is_being_read_is_busy_for_another,
            its_own_holder_may_take_a_file_up_again,
            a_file_that_was_given_back_goes_on_where_it_stopped,
            a_file_whose_lease_ran_out_passes_to_another,
            the_same_bytes_of_another_feed_are_another_file,
            a_refused_file_says_why_and_may_come_again,
            a_file_that_was_imported_may_come_again,
            a_file_that_does_not_add_up_is_refused,
            files_are_listed_newest_first,
            messages_of_a_day_share_a_row,
        }
        outbox {
            what_is_announced_waits_in_its_order_until_it_is_told,
            one_job_announces_all_that_waits,
        }
        turns {
            numbers_are_in_the_order_of_the_records,
            what_comes_again_in_the_next_batch_is_a_duplicate,
            what_was_known_otherwise_before_both_is_a_conflict_in_both,
            what_both_need_is_made_once,
            after_one_that_is_not_made_none_is,
        }
        importing {
            new_records_are_taken_and_counted,
            the_same_records_again_are_duplicates,
            what_is_known_is_found_among_much_that_is_new,
            the_same_key_with_another_amount_is_a_conflict,
            a_key_is_of_one_feed_type_and_day,
            a_refused_record_is_kept_once_for_each_occurrence,
            a_quarantined_record_keeps_its_raw_record,
            skipped_records_are_counted,
            what_one_commit_adds_is_one_match_group,
        }
        pushing {
            requests_of_one_commit_are_answered_apart,
            an_answer_is_kept_with_its_key,
            a_key_that_was_used_is_a_conflict_and_leaves_nothing,
            an_answer_is_forgotten_in_the_end,
        }
        keys {
            a_key_is_found_by_its_hash,
            two_keys_in_force_have_two_names,
            a_key_knows_when_it_was_used_last,
        }
        replaying {
            a_quarantined_record_goes_on_under_its_own_number,
            a_mended_record_gets_a_raw_record,
            what_was_taken_up_is_not_taken_up_again,
            a_kept_record_that_is_in_already_is_a_duplicate,
            a_kept_record_that_cannot_be_taken_now_says_why_now,
            a_conflict_that_waited_first_is_listed_once,
            what_is_in_already_does_not_wait_again,
        }
        jobs {
            a_job_covers_exactly_what_its_commit_added,
            a_commit_that_adds_nothing_makes_no_job,
            jobs_come_in_the_order_they_were_added,
            a_job_is_not_due_before_its_time,
            a_lane_is_never_leased_to_two_holders,
            a_lane_passes_to_another_holder_whole,
            jobs_without_a_lane_run_side_by_side,
            a_lease_that_ran_out_passes_on_with_a_later_token,
            a_stale_commit_leaves_nothing_behind,
            a_lease_that_was_given_back_is_over,
            a_lease_ends_with_its_job_for_ever,
            lanes_that_are_in_hand_are_passed_over,
            keeping_a_job_prolongs_its_lease,
            the_next_job_is_due_when_it_is_free,
            what_waits_is_busy_and_what_is_worked_on_is_in_hand,
            what_waits_is_counted_no_further_than_asked,
        }
        matching {
            undecided_payments_come_in_order_without_the_matched,
            an_identity_is_stored_once_and_returned,
            candidates_lie_within_the_reach_edges_and_all,
            candidates_are_found_across_days,
            candidates_are_of_the_probes_mids_amount_and_currency,
            a_sale_that_many_probes_ask_for_comes_once,
            a_matched_sale_is_no_candidate,
            a_list_of_mids_is_found_by_each_of_its_mids,
            a_list_of_mids_says_whether_it_has_days,
            a_second_match_for_a_payment_is_a_conflict,
            a_second_match_for_a_sale_is_a_conflict,
            a_match_that_must_not_be_is_no_conflict,
            a_reason_replaces_an_earlier_one_and_ends_with_the_match,
            a_matched_payment_is_not_opened,
            only_what_waits_for_a_sale_is_reopened,
            payments_that_wait_for_their_card_come_in_pages,
        }
        purging {
            what_is_old_and_told_goes_and_is_too_old_from_then_on,
            what_is_open_or_untold_or_recent_stays,
            what_stays_is_still_known,
            a_match_goes_with_both_its_sides_or_not_at_all,
            what_waits_goes_on_however_old,
            what_may_be_waiting_is_not_purged,
            nothing_is_purged_before_its_day_is_made_known,
            the_day_never_moves_back,
            what_is_configured_as_too_old_is_so_without_a_purge,
            a_bad_record_goes_when_it_was_taken_up,
            purging_in_stretches_ends_the_same,
            what_stays_of_a_month_that_is_over_is_whole,
            configuration_is_kept_and_taken_back,
        }
        delivering {
            an_export_tells_all_there_is,
            a_spotted_payment_tells_of_itself,
            undelivered_exports_come_in_order_of_one_scheme,
            a_delivery_moves_through_its_states,
            what_is_delivered_stays_delivered,
            an_export_file_grows,
        }
        ledger {
            what_is_sent_is_in_flight_with_its_request,
            a_request_never_changes,
            a_delivery_moves_through_the_states_of_the_ledger,
            what_is_settled_is_not_sent_again,
            only_what_waits_for_another_try_is_due,
            what_was_never_sent_is_not_uncertain,
            what_a_person_decides_is_done_where_it_still_stands,
            a_match_is_not_undone_while_a_request_of_it_may_be_out,
            nobody_decides_about_what_a_file_is_being_written_with,
            what_may_be_out_and_nobody_takes_up_is_found,
        }
        sweeping {
            what_is_given_up_had_its_turn_and_its_member_is_known,
            what_was_given_up_is_told_by_another_export,
            a_payment_is_matched_or_given_up_and_never_both,
            what_waits_to_be_told_is_named_by_the_jobs_of_its_lane,
            an_answer_is_to_an_export_of_its_agent,
            an_answer_is_kept_once_and_the_newest_counts,
            a_rejected_answer_is_taken_when_its_export_is_there,
            an_answer_goes_with_its_export,
            a_late_sale_opens_nothing_that_was_given_up,
        }
        schedules {
            one_leads_until_it_resigns_or_is_gone,
            only_the_leader_ticks,
            a_schedule_ticks_each_time_once,
            a_look_that_waits_is_not_asked_for_again,
            the_latest_check_in_counts,
        }
        history {
            the_past_tells_what_became_of_each_payment,
            the_past_is_of_one_scheme_and_of_a_range_of_time,
            the_past_has_the_sales_within_the_window,
            the_past_comes_in_pages_until_nobody_listens,
            a_scheme_is_found_by_its_slug,
            rows_are_named_by_their_own_ids,
        }
        desk {
            what_people_should_look_at_comes_oldest_first,
            what_found_no_sale_comes_within_so_many_looks,
            open_sales_that_are_nearly_right_come_nearest_first,
            a_payment_is_sought_by_time_amount_and_place,
            a_sale_is_sought_by_time_amount_and_place,
            records_of_a_day_are_counted_for_each_feed,
            a_card_says_everywhere_it_is_linked,
            bad_records_come_newest_first,
        }
        inquiring {
            status_counts_everything,
            gauges_count_what_moves,
            a_transaction_is_found_by_its_own_id,
            a_story_tells_all,
            a_story_that_is_not_there_is_none,
            lists_come_in_pages,
            neighbours_are_the_nearest,
            a_sound_store_has_no_findings,
            a_payment_that_nobody_will_decide_is_found,
            an_export_that_nobody_will_deliver_is_found,
        }
    }
    on
    model: crate::support::ModelBench,
    sqlite: crate::support::SqliteBench,
    #[cfg(feature = "postgres")]
    postgres: crate::support::PostgresBench,
}
