//! What every ledger does for what stock can't fill: procurements and reviews, and what they ask of the ledger's
//! other ports. A backend runs all of it with
//! `mod procurements { fulfil_contract::procurements_suite!(super::fresh_backend); }`, where
//! `async fn fresh_backend() -> impl SlowLaneBackend` ([`SlowLaneBackend`](samples::SlowLaneBackend)).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite is test code")]

pub mod attempts;
pub mod counting;
pub mod delivering;
pub mod delivering_at_once;
pub mod ending;
pub mod late;
pub mod leasing;
pub mod making;
pub mod owing;
pub mod releasing;
pub mod resolving;
pub mod reviews;
pub mod samples;
pub mod showing;
pub mod unaided;
pub mod waking;

/// One test per case of the procurements' suite.
#[macro_export]
macro_rules! procurements_suite {
    ($make_backend:path) => {
        $crate::ledger_cases! { $make_backend, procurements,
            attempts::a_change_keeps_what_it_does_not_name,
            attempts::a_change_made_again_is_made_once,
            attempts::a_change_names_the_version_that_it_saw,
            attempts::a_reference_is_used_once_in_the_whole_ledger,
            attempts::a_refused_attempt_keeps_what_the_no_means,
            attempts::a_send_is_counted_and_sets_when_a_not_found_counts,
            attempts::an_attempt_is_changed_under_its_own_lease,
            attempts::an_attempt_is_kept_as_it_was_intended,
            attempts::another_is_refused_while_one_is_open,
            attempts::one_intent_made_twice_at_once,
            attempts::the_machine_has_no_other_transitions,
            attempts::the_same_reference_gives_the_same_attempt,
            counting::each_is_counted_where_it_stands,
            delivering::a_delivery_made_again_is_the_same_and_no_lie,
            delivering::a_key_told_twice_counts_once,
            delivering::a_thousand_keys_come_in_two_parts,
            delivering::a_top_up_has_a_receipt_and_no_keys,
            delivering::a_whole_delivery_ends_the_procurement,
            delivering::goods_come_from_an_attempt_that_was_sent,
            delivering::goods_of_the_other_kind_are_refused,
            delivering::held_keys_are_refused_and_never_imported,
            delivering::keys_of_the_ledger_are_refused,
            delivering::known_keys_do_not_hinder_a_whole_line,
            delivering::nothing_delivered_is_all_missing,
            delivering::surplus_of_a_sku_that_was_never_imported_is_loaded,
            delivering::too_few_are_held_until_the_rest_comes,
            delivering::too_many_go_into_stock,
            delivering::what_an_attempt_told_is_known_afterwards,
            delivering_at_once::one_delivery_made_twice_at_once,
            delivering_at_once::one_key_delivered_and_imported_at_once,
            delivering_at_once::one_key_for_two_lines_at_once,
            delivering_at_once::one_key_held_for_two_lines_at_once,
            delivering_at_once::one_key_is_taken_from_stock_once,
            delivering_at_once::surplus_and_imports_at_once_keep_ids_in_order,
            ending::a_final_result_is_owed,
            ending::a_line_that_failed_stands_beside_the_delivered,
            ending::a_repeat_gets_the_result_as_it_stands,
            ending::an_order_records_and_ends_beside_its_own_repeat,
            ending::an_order_whose_lines_all_failed_is_rejected,
            ending::keys_of_a_line_that_ended_are_sold_while_its_order_goes_on,
            ending::lines_that_end_at_once_give_one_result,
            ending::the_order_is_decided_with_its_last_line,
            late::a_late_top_up_is_one,
            late::another_answer_comes_late,
            late::goods_after_a_no_go_into_stock,
            late::goods_of_a_lost_lease_are_placed,
            late::late_goods_are_of_an_attempt_that_was_sent,
            late::late_goods_settle_the_review_that_was_opened,
            late::late_goods_told_again_are_known,
            late::the_same_goods_come_late_and_in_time_at_once,
            late::too_few_late_goods_leave_the_rest_to_be_bought,
            leasing::a_fence_rises_with_every_lease,
            leasing::a_former_holder_writes_nothing,
            leasing::a_lapsed_lease_is_given_to_another,
            leasing::a_send_renews_the_lease,
            leasing::leases_at_once_share_the_procurements,
            leasing::only_what_is_due_is_leased,
            leasing::the_longest_due_is_leased_first,
            leasing::what_has_ended_is_leased_and_changed_by_nobody,
            making::a_batch_recorded_twice_makes_one_procurement_each,
            making::a_line_that_is_bought_leaves_stock_alone,
            making::a_line_that_stock_cannot_fill_whole_takes_nothing_from_it,
            making::a_line_that_stock_fills_makes_no_procurement,
            making::a_need_changes_nothing_for_claimed_and_refused_lines,
            making::a_procurement_says_what_its_line_needs,
            making::a_repeat_gets_the_stored_order,
            making::an_order_that_is_refused_or_lost_makes_none,
            making::an_unknown_sku_with_a_need_is_bought,
            making::delivered_bought_and_rejected_lines_stand_beside_each_other,
            making::one_order_in_two_workers_makes_one_procurement,
            making::what_a_neighbour_leaves_decides,
            making::who_records_announces_so_nothing_is_owed,
            owing::a_revision_that_is_over_comes_to_be_owed_by_nobody,
            owing::each_revision_is_owed_as_it_was,
            owing::paid_is_one_revision,
            releasing::a_line_fails_with_its_reason,
            releasing::a_line_is_reviewed_without_an_open_attempt,
            releasing::a_release_made_again_is_the_same,
            releasing::a_review_beside_an_open_line_waits_for_it,
            releasing::a_review_stops_the_line,
            releasing::an_open_attempt_is_in_the_way,
            releasing::held_keys_of_a_failed_line_go_into_stock,
            releasing::stock_fills_a_line_that_holds_keys_exactly,
            releasing::stock_fills_a_whole_line_or_nothing_of_it,
            releasing::stock_never_fills_a_top_up,
            releasing::what_waits_is_due_after_its_time,
            resolving::a_line_goes_on_beside_one_in_review,
            resolving::a_line_without_an_open_attempt_is_rejected_too,
            resolving::a_person_rejects_the_line,
            resolving::a_review_is_resolved_once,
            resolving::a_top_up_was_made_after_all,
            resolving::an_attempt_is_asked_about_again,
            resolving::delivered_goods_complete_the_line,
            resolving::each_resolution_fits_its_reviews_or_changes_nothing,
            resolving::goods_of_a_person_are_looked_at_like_any,
            resolving::lines_in_review_are_decided_one_by_one,
            resolving::nothing_bought_goes_on_to_another_supplier,
            resolving::two_people_resolve_one_review_at_once,
            reviews::a_review_holds_its_evidence,
            reviews::a_review_says_nothing_of_keys,
            reviews::reviews_are_read_page_by_page,
            reviews::the_same_kind_on_the_same_attempt_opens_one,
            reviews::too_many_for_a_part_of_a_line_are_told_at_once,
            reviews::what_is_told_wrong_gets_a_review_of_its_kind,
            showing::an_order_s_file_shows_its_procurements,
            unaided::new_stock_fills_who_waits,
            unaided::stock_fills_each_once_whoever_looks,
            unaided::the_oldest_are_filled_first_and_not_too_many,
            unaided::what_has_expired_is_over_without_an_open_attempt,
            unaided::who_has_lost_its_lease_is_no_hindrance,
            unaided::who_is_filled_gives_back_what_was_held,
            unaided::whose_time_is_over_is_leased_to_be_ended,
            waking::a_callback_about_what_is_final_wakes_nothing,
            waking::a_callback_during_a_visit_is_not_forgotten,
            waking::a_callback_wakes_by_our_reference_or_their_id,
            waking::an_import_beside_a_look_into_stock_is_not_missed,
            waking::new_stock_wakes_who_has_no_open_attempt,
            waking::stock_that_is_left_over_wakes_too,
            waking::who_works_on_it_is_not_disturbed,
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_run() {
        let listed = include_str!("procurements.rs");
        let files = [
            ("attempts", include_str!("procurements/attempts.rs")),
            ("counting", include_str!("procurements/counting.rs")),
            ("delivering", include_str!("procurements/delivering.rs")),
            ("delivering_at_once", include_str!("procurements/delivering_at_once.rs")),
            ("ending", include_str!("procurements/ending.rs")),
            ("late", include_str!("procurements/late.rs")),
            ("leasing", include_str!("procurements/leasing.rs")),
            ("making", include_str!("procurements/making.rs")),
            ("owing", include_str!("procurements/owing.rs")),
            ("releasing", include_str!("procurements/releasing.rs")),
            ("resolving", include_str!("procurements/resolving.rs")),
            ("reviews", include_str!("procurements/reviews.rs")),
            ("showing", include_str!("procurements/showing.rs")),
            ("unaided", include_str!("procurements/unaided.rs")),
            ("waking", include_str!("procurements/waking.rs")),
        ];
        for (file, text) in files {
            for name in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()) {
                assert!(listed.contains(&format!("{file}::{name},")), "{file}::{name} is in no suite");
            }
        }
    }
}
