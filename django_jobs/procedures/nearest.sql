-- The known word most like another, by the pairs of letters that they share; null where none is.
CREATE OR REPLACE FUNCTION @schema@.django_jobs_nearest(wanted text, known text[])
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $body$
    WITH pairs AS (
        SELECT word, substr(' ' || lower(left(word, 255)) || ' ', place, 2) AS pair
        FROM (SELECT unnest(known || wanted) AS word) AS words
        CROSS JOIN LATERAL generate_series(1, length(left(word, 255)) + 1) AS place
        GROUP BY 1, 2
    ), counted AS (
        SELECT word, count(*) AS pairs, count(*) FILTER (
            WHERE pair IN (SELECT pair FROM pairs WHERE word = wanted)
        ) AS shared
        FROM pairs GROUP BY word
    )
    SELECT word FROM counted
    WHERE word <> wanted
        AND shared >= 0.25 * (pairs + (SELECT pairs FROM counted WHERE word = wanted))
    ORDER BY shared::float8 / (pairs + (SELECT pairs FROM counted WHERE word = wanted)) DESC, word
    LIMIT 1
$body$
