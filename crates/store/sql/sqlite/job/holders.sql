-- job/holders: who holds leases.
SELECT DISTINCT lease_holder FROM job WHERE lease_holder IS NOT NULL
