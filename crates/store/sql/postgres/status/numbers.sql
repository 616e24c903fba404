-- status/numbers: identified payments; sales matched; identifiers in force; linked cards.
SELECT (SELECT count(*) FROM user_identity),
       (SELECT count(*) FROM pairing
        WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL AND sale_part = 0),
       (SELECT count(*) FROM merchant_identifier WHERE valid_to IS NULL),
       (SELECT count(*) FROM card_link)
