"""The one function in the database that every job trigger calls, and the one that tries a trigger.

A trigger says by its two arguments what it does: a JSON object of what is the same for all its
jobs, and a SELECT from the transition tables ``new_rows`` and ``old_rows``, which yields one row
for each job. So dropping a trigger, or its table, leaves nothing behind.

The function runs with the rights of its owner: who may write the model's table need not be allowed
to write jobs. Whoever may make a trigger of it may say what it runs, so nobody else may.
"""

from __future__ import annotations

from django_jobs.states import LIVE

#: The function's name, as ``CREATE TRIGGER`` and the catalogue have it.
FUNCTION = "django_jobs_trigger"
#: Tries what a trigger would run, on no rows.
TRY_FUNCTION = "django_jobs_try_trigger"

_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))

# What a caller's session may say otherwise decides how values become text.
_SESSION = """SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO' SET "IntervalStyle" = 'postgres'
SET extra_float_digits = 1"""

_FIRE = f"""
CREATE OR REPLACE FUNCTION @schema@.{FUNCTION}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER {_SESSION} AS $body$
DECLARE
    given CONSTANT jsonb := TG_ARGV[0];
    queue CONSTANT text := given -> 'columns' ->> 'queue';
    is_unique CONSTANT boolean := given -> 'select' ? 'unique_key';
    columns text;
    constants text;
    made bigint;
BEGIN
    SELECT string_agg(format('%I', key), ', '), string_agg(format('%L', value), ', ')
    INTO columns, constants FROM jsonb_each_text(given -> 'columns');
    EXECUTE format(
        'INSERT INTO @schema@.django_jobs_job (%s, meta, %s) '
        'SELECT %s, $1, made.* FROM (%s) AS made %s',
        columns,
        CASE WHEN is_unique THEN 'id, ' ELSE '' END ||
        (SELECT string_agg(format('%I', name), ', ' ORDER BY place)
         FROM jsonb_array_elements_text(given -> 'select') WITH ORDINALITY AS s (name, place)),
        constants,
        -- Ids in the order of the rows, which is that of the claim, though keys go in by their own
        -- order, so that two writers wait for each other at most.
        CASE WHEN is_unique THEN
            'SELECT nextval(pg_get_serial_sequence(''@schema@.django_jobs_job'', ''id'')), rows.* '
            'FROM (' || TG_ARGV[1] || ') AS rows'
        ELSE TG_ARGV[1] END,
        CASE WHEN is_unique THEN
            'ORDER BY made.unique_key ON CONFLICT (unique_key) '
            'WHERE unique_key IS NOT NULL AND state IN ({_LIVE.replace("'", "''")}) DO NOTHING'
        ELSE '' END
    ) USING jsonb_build_object('trigger', jsonb_build_object(
        'name', given ->> 'trigger',
        'operation', lower(TG_OP),
        'table', TG_TABLE_NAME,
        'at', statement_timestamp()
    ));
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made > 0 THEN
        IF NOT EXISTS (SELECT FROM @schema@.django_jobs_queue WHERE name = queue) THEN
            INSERT INTO @schema@.django_jobs_queue (name) VALUES (queue) ON CONFLICT DO NOTHING;
        END IF;
        IF (given -> 'notify')::boolean THEN
            PERFORM pg_notify('django_jobs', queue);
        END IF;
    END IF;
    RETURN NULL;
END
$body$;
REVOKE ALL ON FUNCTION @schema@.{FUNCTION}() FROM PUBLIC
"""  # noqa: S608 - names and states

_TRY = f"""
CREATE OR REPLACE FUNCTION @schema@.{TRY_FUNCTION}(relation regclass, wanted name) RETURNS void
LANGUAGE plpgsql {_SESSION} AS $body$
DECLARE
    arguments CONSTANT bytea := (
        SELECT tgargs FROM pg_trigger WHERE tgrelid = relation AND tgname = wanted
    );
    first CONSTANT integer := position('\\x00'::bytea IN arguments);
BEGIN
    EXECUTE format(
        'EXPLAIN WITH new_rows AS (SELECT * FROM %1$s), old_rows AS (SELECT * FROM %1$s) %2$s',
        relation,
        convert_from(
            substring(arguments FROM first + 1 FOR length(arguments) - first - 1),
            getdatabaseencoding()
        )
    );
END
$body$
"""  # noqa: S608 - names


def _in_the_schema_of_jobs(*statements: str) -> str:
    """Return statements that are run where the table of jobs is, or will be."""
    run = "\n".join(f"EXECUTE replace($sql${one}$sql$, '@schema@', home);" for one in statements)
    return f"""DO $do$
DECLARE
    home CONSTANT text := coalesce(
        (SELECT relnamespace::regnamespace::text FROM pg_class
         WHERE oid = to_regclass('django_jobs_job')),
        quote_ident(current_schema())
    );
BEGIN
{run}
END
$do$"""  # noqa: S608 - our own statements


#: Make both functions, or bring them up to date. Whoever changes them adds a migration that runs
#: this again.
CREATE = _in_the_schema_of_jobs(_FIRE, _TRY)

#: Refused by the database while there are triggers: without the table of jobs they would make every
#: write to their own tables fail.
DROP = f"DROP FUNCTION IF EXISTS {FUNCTION}(), {TRY_FUNCTION}(regclass, name)"
