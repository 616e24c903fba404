-- status/rejects: records that were not taken, by reason.
SELECT reason, count(*) FROM rejected_record WHERE state <> 'REPLAYED' GROUP BY reason ORDER BY reason
