-- Says that nothing is known by a name, and what might have been meant.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_unknown_task(wanted text, known text[])
RETURNS void LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    likely CONSTANT text := @schema@.django_jobs_nearest(wanted, known);
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'JQ001',
        MESSAGE = format('No job function is known by the name %s.', left(wanted, 300)),
        HINT = CASE
            WHEN likely IS NOT NULL THEN format('Did you mean %s?', likely)
            WHEN known = '{}' THEN 'None is known at all: run manage.py migrate.'
            ELSE 'If the code declares it, run manage.py jobs sync. The table django_jobs_task '
                'lists what is known.'
        END;
END
$body$
