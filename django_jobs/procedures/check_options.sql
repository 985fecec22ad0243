-- Raises unless the options of a job make sense; null is an option that was not given.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_check_options(
    task text, queue text, max_attempts integer, scheduled_at timestamptz, unique_key text,
    timeout interval, meta jsonb, concurrency_key text, expires_after interval
)
RETURNS void LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    -- Beyond that Python could not read the row.
    longest CONSTANT interval := '36500 days';
    wrong CONSTANT text := CASE
        WHEN queue = '' OR length(queue) > 255 OR queue ~ '[[:cntrl:]]'
            THEN 'queue must be 1 to 255 printable characters.'
        WHEN unique_key = '' OR length(unique_key) > 255 OR unique_key ~ '[[:cntrl:]]'
            THEN 'unique_key must be 1 to 255 printable characters.'
        WHEN concurrency_key = '' OR length(concurrency_key) > 255
            OR concurrency_key ~ '[[:cntrl:]]'
            THEN 'concurrency_key must be 1 to 255 printable characters.'
        WHEN expires_after <= interval '0' OR expires_after > longest
            THEN 'expires_after must be more than 0, and 100 years at most.'
        WHEN max_attempts NOT BETWEEN 1 AND 32767
            THEN 'max_attempts must be from 1 to 32767.'
        WHEN NOT isfinite(scheduled_at)
            OR scheduled_at NOT BETWEEN now() - longest AND now() + longest
            THEN 'scheduled_at must be within 100 years from now.'
        WHEN timeout NOT BETWEEN interval '0' AND longest
            THEN 'timeout must be from 0, which is no limit, to 100 years.'
        WHEN jsonb_typeof(meta) <> 'object'
            THEN 'meta must be a JSON object.'
    END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ007',
            MESSAGE = format('%s: %s', task, wrong),
            HINT = 'Leave an option out, or pass null, to have what the declaration says.';
    END IF;
END
$body$
