-- job/holders: who holds leases.
SELECT lease_holder FROM job WHERE lease_holder IS NOT NULL
UNION SELECT holder FROM leader WHERE leased_until > 0
