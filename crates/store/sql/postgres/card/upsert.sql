-- card/upsert: cards linked in a scheme; a later row replaces an earlier one, and keeps its number.
INSERT INTO card_link
    (id, card_token, scheme_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
     first_six, last_four, expiry_month, expiry_year, credentials, created_at)
SELECT c.*, $13::timestamptz
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bytea[]) AS c
ON CONFLICT (card_token, scheme_id) DO UPDATE SET
    loyalty_id = excluded.loyalty_id, user_id = excluded.user_id,
    scheme_account_id = excluded.scheme_account_id,
    payment_card_account_id = excluded.payment_card_account_id,
    first_six = excluded.first_six, last_four = excluded.last_four,
    expiry_month = excluded.expiry_month, expiry_year = excluded.expiry_year,
    credentials = excluded.credentials, created_at = excluded.created_at
