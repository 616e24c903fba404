-- Whose card a payment was has the payment's number: one of its own, and an index of those, cost each
-- import and served nobody.
ALTER TABLE user_identity DROP COLUMN id;
ALTER TABLE user_identity ADD COLUMN id bigint NOT NULL
    GENERATED ALWAYS AS (payment_transaction_id) STORED;
ALTER TABLE user_identity REPLICA IDENTITY USING INDEX user_identity_payment_transaction_id_key;
