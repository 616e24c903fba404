-- status/reject_states: records that were not taken, by state.
SELECT state, count(*) FROM rejected_record GROUP BY state ORDER BY state
