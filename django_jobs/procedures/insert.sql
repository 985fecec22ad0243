-- Makes one job, in the transaction of the caller, unless a live one holds its unique key.
--
-- An option more is: a parameter here and in django_jobs_enqueue, and a column of the INSERT.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_insert(
    task_name text, arguments jsonb, to_queue text, of_priority integer, attempts integer,
    due timestamptz, key text, limit_of_time interval, own_meta jsonb,
    own_concurrency_key text, lifetime interval,
    OUT job_id bigint, OUT created boolean
)
LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    task @schema@.django_jobs_task%ROWTYPE;
    given jsonb := coalesce(arguments, '{}');
    is_later boolean;
BEGIN
    SELECT * INTO task FROM @schema@.django_jobs_task AS one
    WHERE one.name = task_name AND one.is_current;
    IF NOT FOUND THEN
        PERFORM @schema@.django_jobs_unknown_task(
            coalesce(task_name, 'null'),
            ARRAY(SELECT name FROM @schema@.django_jobs_task WHERE is_current));
    END IF;
    IF jsonb_typeof(given) = 'object' THEN
        given := task.defaults || given;
    END IF;
    PERFORM @schema@.django_jobs_check_arguments(
        task.name, task.parameters, task.takes_any, given);
    PERFORM @schema@.django_jobs_check_options(
        task.name, to_queue, attempts, due, key, limit_of_time, own_meta, own_concurrency_key,
        lifetime);
    IF task.computes_unique_key AND key IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ008',
            MESSAGE = format('%s: only Python can compute its unique key.', task.name),
            HINT = 'Pass the key: django_jobs_enqueue(…, unique_key => ''…'').';
    END IF;
    to_queue := coalesce(to_queue, task.queue);
    key := coalesce(key, task.unique_key);
    is_later := coalesce(due > statement_timestamp(), false);
    -- A key may be freed between our insert and our look for who holds it.
    FOR patience IN 1..20 LOOP
        INSERT INTO @schema@.django_jobs_job AS job (
            name, kwargs, queue, unique_key, priority, max_attempts, timeout, meta,
            memory_limit, units, lane, concurrency_key, state, scheduled_at, expires_at
        ) VALUES (
            task.name, given, to_queue, key,
            coalesce(of_priority, task.priority),
            coalesce(attempts, task.max_attempts),
            coalesce(limit_of_time, task.timeout),
            coalesce(own_meta, '{}'),
            task.memory_limit, task.units, task.lane,
            coalesce(own_concurrency_key, task.concurrency_key, ''),
            CASE WHEN is_later THEN 'scheduled' ELSE 'ready' END,
            coalesce(due, statement_timestamp()),
            coalesce(due, statement_timestamp()) + coalesce(lifetime, task.expires_after)
        )
        ON CONFLICT (unique_key)
            WHERE unique_key IS NOT NULL AND state IN ('blocked', 'ready', 'running', 'scheduled')
            DO NOTHING
        RETURNING id INTO job_id;
        created := job_id IS NOT NULL;
        EXIT WHEN created;
        SELECT id INTO job_id FROM @schema@.django_jobs_job AS job
        WHERE job.unique_key = key AND state IN ('blocked', 'ready', 'running', 'scheduled');
        EXIT WHEN job_id IS NOT NULL;
    END LOOP;
    IF job_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ009',
            MESSAGE = format('The unique key %s was taken and freed 20 times meanwhile.', key),
            HINT = 'Try again.';
    END IF;
    IF created THEN
        -- Looked for first: inserting would wait for another transaction that is making it.
        IF NOT EXISTS (SELECT FROM @schema@.django_jobs_queue AS one WHERE one.name = to_queue) THEN
            INSERT INTO @schema@.django_jobs_queue (name) VALUES (to_queue) ON CONFLICT DO NOTHING;
        END IF;
        IF NOT is_later THEN
            PERFORM pg_notify('django_jobs', to_queue);
        END IF;
    END IF;
END
$body$
