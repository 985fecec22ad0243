"""What is called from SQL: functions in the database, made and dropped by migrations.

Each ``.sql`` file creates one of them, with ``@schema@`` for the schema of the tables: they are put
beside these, and name them in full, so that nobody's search_path can give a name another meaning.
"""

from __future__ import annotations

from importlib.resources import files

#: In the order in which they are created: each calls those before it.
FUNCTIONS = (
    "nearest",
    "unknown_task",
    "check_arguments",
    "check_options",
    "insert",
    "enqueue",
    "insert_job",
)

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
    return "".join(
        _FOR_SCHEMA.format(f"DROP ROUTINE IF EXISTS @schema@.django_jobs_{name}")
        for name in reversed(FUNCTIONS)
    )
