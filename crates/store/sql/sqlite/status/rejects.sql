-- status/rejects: bad records by reason.
SELECT reason, count(*) FROM rejected_record GROUP BY reason ORDER BY reason
