-- Whose card a payment was is found by the payment alone: a number of its own for the row, and an index
-- of those numbers, cost each import and served nobody.
ALTER TABLE user_identity DROP COLUMN id;
ALTER TABLE user_identity REPLICA IDENTITY USING INDEX user_identity_payment_transaction_id_key;
