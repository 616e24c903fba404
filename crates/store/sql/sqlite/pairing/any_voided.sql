-- pairing/any_voided: whether anything was ever undone.
SELECT EXISTS (SELECT 1 FROM pairing WHERE voided_at IS NOT NULL)
