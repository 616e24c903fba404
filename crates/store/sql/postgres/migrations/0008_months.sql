-- Raw records and attempts by month: purging drops a month that is over instead of its rows.
--
-- `month` is the first day of the month, in UTC, of the commit that wrote the row last. A payment or
-- sale was read from its raw record by that commit, so its `created_at` says in which part that is.
-- What stays when its month goes is put aside, among the rest: so is what was there before months were,
-- without being written anew, what is of no month that could be made, and what a release writes that
-- knows of no months.

ALTER TABLE import_transaction RENAME TO import_transaction_rest;
ALTER INDEX import_transaction_pkey RENAME TO import_transaction_rest_pkey;
ALTER TABLE import_transaction_rest ADD COLUMN month date NOT NULL DEFAULT '-infinity';
ALTER TABLE import_transaction_rest ALTER COLUMN month DROP DEFAULT;
-- Each part has a key of its own, by the number alone: the numbers come from one sequence.
CREATE TABLE import_transaction (
    id         bigint NOT NULL,
    file_id    bigint NOT NULL,
    number     bigint NOT NULL,
    created_at timestamptz NOT NULL,
    month      date NOT NULL DEFAULT '-infinity',
    identified boolean NOT NULL,
    data       json NOT NULL
) PARTITION BY LIST (month);
ALTER TABLE import_transaction
    ATTACH PARTITION import_transaction_rest FOR VALUES IN ('-infinity');

CREATE SEQUENCE export_attempt_number;
SELECT setval('export_attempt_number', last_value, is_called) FROM export_attempt_id_seq;
ALTER TABLE export_attempt RENAME TO export_attempt_rest;
ALTER INDEX export_attempt_pkey RENAME TO export_attempt_rest_pkey;
ALTER TABLE export_attempt_rest ALTER COLUMN id DROP IDENTITY;
ALTER TABLE export_attempt_rest ADD COLUMN month date NOT NULL DEFAULT '-infinity';
ALTER TABLE export_attempt_rest ALTER COLUMN month DROP DEFAULT;
CREATE TABLE export_attempt (
    id          bigint NOT NULL DEFAULT nextval('export_attempt_number'),
    scheme_id   bigint NOT NULL,
    duration_us bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    month       date NOT NULL DEFAULT '-infinity',
    destination text NOT NULL,
    body        text NOT NULL,
    response    text,
    error       text
) PARTITION BY LIST (month);
ALTER TABLE export_attempt ATTACH PARTITION export_attempt_rest FOR VALUES IN ('-infinity');

-- The raw records that bad ones still need.
CREATE INDEX rejected_record_raw ON rejected_record (import_transaction_id)
    WHERE import_transaction_id IS NOT NULL;

-- The first day of a stamp's month.
CREATE FUNCTION month_of(stamp timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS
    $$ SELECT date_trunc('month', stamp AT TIME ZONE 'UTC')::date $$;

-- Makes the parts of a month and of the next, where they are missing, unless they are purged. Attaching
-- a part keeps nobody waiting who reads or writes; those who make parts do so one after the other.
CREATE FUNCTION make_months(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    next  date := month + interval '1 month';
    kind  text;
    first date;
    part  text;
BEGIN
    PERFORM pg_advisory_xact_lock(x'48500000'::int, 0);
    FOREACH kind IN ARRAY ARRAY['import_transaction', 'export_attempt'] LOOP
        FOREACH first IN ARRAY ARRAY[month, next] LOOP
            part := kind || to_char(first, '_YYYY_MM');
            CONTINUE WHEN to_regclass(part) IS NOT NULL
                OR first + interval '1 month' <= (SELECT kept_from FROM retention);
            EXECUTE format('CREATE TABLE %I (LIKE %I, PRIMARY KEY (id))', part, kind);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%L)',
                           kind, part, first);
        END LOOP;
    END LOOP;
END $$;

-- Drops a month's part, unless somebody reads it: whoever comes meanwhile waits for a moment at most.
-- Says whether it is gone.
CREATE FUNCTION drop_month(kind text, month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    patience text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true);
    EXECUTE format('DROP TABLE %I', kind || to_char(month, '_YYYY_MM'));
    PERFORM set_config('lock_timeout', patience, true);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END $$;
