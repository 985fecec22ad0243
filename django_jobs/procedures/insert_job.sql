-- Enqueues a job function by its type key and task key, as JobMaster's procedure does.
CREATE OR REPLACE PROCEDURE @schema@.django_jobs_insert_job(
    type_key text,
    task_key text,
    priority integer,
    arguments anycompatible,
    INOUT new_job_id bigint DEFAULT NULL,
    INOUT message text DEFAULT NULL
)
LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    wanted CONSTANT text := format('(%s, %s)', type_key, task_key);
    names CONSTANT text[] := ARRAY(
        SELECT name FROM @schema@.django_jobs_task AS task
        WHERE task.type_key = django_jobs_insert_job.type_key
            AND task.task_key = django_jobs_insert_job.task_key AND is_current
        ORDER BY name
    );
    is_new boolean;
BEGIN
    IF cardinality(names) = 0 THEN
        PERFORM @schema@.django_jobs_unknown_task(wanted, ARRAY(
            SELECT format('(%s, %s)', task.type_key, task.task_key)
            FROM @schema@.django_jobs_task AS task WHERE is_current));
    ELSIF cardinality(names) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ002',
            MESSAGE = format(
                'The task %s is ambiguous: %s.', wanted, array_to_string(names, ', ')),
            HINT = format(
                'Call django_jobs_enqueue(''%s'', …), or give one of them a key of its own: '
                '@job(type_key=…).', names[1]);
    END IF;
    SELECT job_id, created INTO new_job_id, is_new FROM @schema@.django_jobs_insert(
        names[1], arguments::text::jsonb, NULL, priority, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    message := CASE
        WHEN is_new THEN 'Inserted.'
        ELSE format('Not inserted: job %s holds its unique key.', new_job_id)
    END;
END
$body$
