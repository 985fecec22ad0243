-- Raises unless a job function takes these arguments.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_check_arguments(
    task text, parameters jsonb, takes_any boolean, given jsonb
)
RETURNS void LANGUAGE plpgsql SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    known CONSTANT text[] := ARRAY(
        SELECT one ->> 'name' FROM jsonb_array_elements(parameters) AS one
        WHERE NOT one ? 'positional_only'
    );
    wrong text;
    likely text;
    found record;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ003',
            MESSAGE = format(
                '%s: the arguments must be a JSON object, not %s.', task, left(given::text, 100)),
            HINT = format('Name each of them: {"%s": …}.', coalesce(known[1], 'name'));
    END IF;
    SELECT key INTO wrong FROM jsonb_object_keys(given) AS key
    WHERE key <> ALL (known) ORDER BY key LIMIT 1;
    IF wrong IS NOT NULL AND NOT takes_any THEN
        likely := @schema@.django_jobs_nearest(wrong, known);
        RAISE EXCEPTION USING
            ERRCODE = 'JQ005',
            MESSAGE = format('%s takes no argument %s.', task, left(wrong, 100)),
            HINT = CASE
                WHEN likely IS NOT NULL THEN format('Did you mean %s?', likely)
                WHEN known = '{}' THEN 'It takes none.'
                ELSE format('It takes: %s.', array_to_string(known, ', '))
            END;
    END IF;
    SELECT string_agg(one ->> 'name', ', ') AS names, bool_or(one ? 'positional_only') AS nameless
    INTO found
    FROM jsonb_array_elements(parameters) AS one
    WHERE (one -> 'required')::boolean AND (one ? 'positional_only' OR NOT given ? (one ->> 'name'));
    IF found.names IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'JQ004',
            MESSAGE = format('%s: missing arguments: %s.', task, found.names),
            HINT = CASE WHEN found.nameless
                THEN 'It takes some by position only, and in SQL arguments have names: remove the '
                    '/ from its signature.'
                ELSE format('It takes: %s.', array_to_string(known, ', '))
            END;
    END IF;
    SELECT one ->> 'name' AS name, one -> 'choices' AS choices, given -> (one ->> 'name') AS value
    INTO found
    FROM jsonb_array_elements(parameters) AS one
    WHERE one ? 'choices' AND given ? (one ->> 'name')
        AND NOT ((one -> 'write_all')::boolean AND given -> (one ->> 'name') = '"ALL"')
        AND given -> (one ->> 'name') NOT IN (SELECT jsonb_array_elements(one -> 'choices'))
    LIMIT 1;
    IF found.name IS NOT NULL THEN
        likely := @schema@.django_jobs_nearest(
            found.value #>> '{}', ARRAY(SELECT jsonb_array_elements_text(found.choices)));
        RAISE EXCEPTION USING
            ERRCODE = 'JQ006',
            MESSAGE = format(
                '%s: %s must be one of %s, not %s.', task, found.name,
                left((SELECT string_agg(one::text, ', ')
                      FROM jsonb_array_elements(found.choices) AS one), 1000),
                left(found.value::text, 100)),
            HINT = CASE
                WHEN found.value = '"ALL"' THEN format(
                    'To let ALL stand for each of them, declare it: @job(write_all=[''%s'']).',
                    found.name)
                WHEN likely IS NOT NULL THEN format('Did you mean %s?', likely)
                ELSE 'The type counts too: 1 is a number, "1" is text.'
            END;
    END IF;
END
$body$
