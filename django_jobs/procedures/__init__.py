"""What is called from SQL: functions in the database, made and dropped by migrations.

Each ``.sql`` file creates one of them, with ``@schema@`` for the schema of the tables: they are put
beside these, and name them in full, so that nobody's search_path can give a name another meaning.
"""

from __future__ import annotations

from importlib.resources import files

#: In the order in which they are created: each calls those before it.
FUNCTIONS = {
    "nearest": "FUNCTION {}(text, text[])",
    "unknown_task": "FUNCTION {}(text, text[])",
    "check_arguments": "FUNCTION {}(text, jsonb, boolean, jsonb)",
    "check_options": "FUNCTION {}(text, text, integer, timestamptz, text, interval, jsonb)",
    "insert": (
        "FUNCTION {}(text, jsonb, text, integer, integer, timestamptz, text, interval, jsonb)"
    ),
    "enqueue": (
        "FUNCTION {}(text, anycompatible, text, integer, integer, timestamptz, text, interval, "
        "jsonb)"
    ),
    "insert_job": "PROCEDURE {}(text, text, integer, anycompatible, bigint, text)",
}

_FOR_SCHEMA = """
DO $install$
DECLARE
    place CONSTANT text := (
        SELECT quote_ident(nspname) FROM pg_namespace AS space
        JOIN pg_class AS class ON class.relnamespace = space.oid
        WHERE class.oid = 'django_jobs_job'::regclass
    );
BEGIN
    EXECUTE replace($source${}$source$, '@schema@', place);
END
$install$;
"""


def create() -> str:
    """Return what makes the functions beside the tables, or replaces them."""
    folder = files(__name__)
    return "".join(
        _FOR_SCHEMA.format((folder / f"{name}.sql").read_text("utf-8")) for name in FUNCTIONS
    )


def drop() -> str:
    """Return what drops them."""
    statements = []
    for name, told in reversed(FUNCTIONS.items()):
        kind, _, signature = told.partition(" ")
        signature = signature.format(f"@schema@.django_jobs_{name}")
        statements.append(_FOR_SCHEMA.format(f"DROP {kind} IF EXISTS {signature}"))
    return "".join(statements)
