"""What the demo needs before it can begin: tables, somebody to log in, something to sell."""

from django.contrib.auth import get_user_model
from django.core.management import call_command

from testproject.shop.jobs import import_product, read_price_list

#: How many products are on the shelves before the price list is imported.
SHELVES = 40


def migrate() -> None:
    """Bring the tables up to date."""
    call_command("migrate", interactive=False, verbosity=0)


def ensure_superuser() -> bool:
    """Create the superuser admin with the password admin, or say that there is one."""
    users = get_user_model()._default_manager
    if users.filter(username="admin").exists():
        return False
    users.create_superuser("admin", "admin@example.com", "admin")
    return True


def fill_shelves() -> int:
    """Put the first products of the price list on sale; calling a job runs it here and now."""
    rows = read_price_list("products.csv")[:SHELVES]
    for row in rows:
        import_product(**row)
    return len(rows)
