-- export/waiting: what the jobs of a lane of deliveries are about, in their order.
SELECT work::text FROM job WHERE queue = 'export' AND lane = $1 ORDER BY id
