-- status/ended: payments that ended without a match, by how.
SELECT matching_type, count(*) FROM pairing
WHERE voided_at IS NULL
  AND matching_type IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE', 'STREAMED', 'UNMATCHED')
GROUP BY matching_type ORDER BY matching_type
