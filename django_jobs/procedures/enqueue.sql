-- Enqueues a job function by its name, and returns the id of the job, or of the one that holds its
-- unique key. What is null is as the declaration says. The arguments are json, jsonb or text.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_enqueue(
    name text,
    arguments anycompatible DEFAULT '{}'::jsonb,
    queue text DEFAULT NULL,
    priority integer DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    scheduled_at timestamptz DEFAULT NULL,
    unique_key text DEFAULT NULL,
    timeout interval DEFAULT NULL,
    meta jsonb DEFAULT NULL,
    concurrency_key text DEFAULT NULL,
    expires_after interval DEFAULT NULL
)
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN job_id FROM @schema@.django_jobs_insert(
        name, arguments::text::jsonb, queue, priority, max_attempts, scheduled_at, unique_key,
        timeout, meta, concurrency_key, expires_after
    );
END
$body$
