-- On PostgreSQL the row of whose card a payment was gets the payment's number. Here it keeps its own.
SELECT 1;
