"""Triggers as a project has them: declared, migrated, changed, renamed, taken back."""

from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.databases import url_of_test_database
from tests.triggers.projects import Project

MODELS = """
    from django.db import models
    from django.db.models import Q
    from django_jobs import JobTrigger

    class Invoice(models.Model):
        total = models.IntegerField()

        class Meta:
            constraints = [
                JobTrigger(name="billing_new", job="billing.jobs.send", on=["insert"]),
            ]
"""
JOBS = """
    from django_jobs import job

    @job(queue="mail")
    def send(invoice, total=None): ...
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory, django_db_setup, django_db_blocker):
    """Return a project that is migrated, for the tests to take copies of."""
    with django_db_blocker.unblock():
        made = Project(tmp_path_factory.mktemp("billing"), create_database("billing"))
        made.write("models.py", MODELS)
        made.write("jobs.py", JOBS)
        made.manage("makemigrations", "billing")
        made.manage("migrate")
    yield made
    with django_db_blocker.unblock():
        drop_database("billing")


@pytest.fixture
def migrated(tmp_path, template, transactional_db):
    yield template.copy(tmp_path / "copy", create_database("billing_copy", like="billing"))
    drop_database("billing_copy")


def create_database(name, like="template0"):
    url = urlsplit(url_of_test_database())
    own = url.path.removeprefix("/")
    drop_database(name)
    like = like if like == "template0" else f"{own}_{like}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {own}_{name} TEMPLATE {like}")
    return urlunsplit(url._replace(path=f"/{own}_{name}"))


def drop_database(name):
    own = urlsplit(url_of_test_database()).path.removeprefix("/")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {own}_{name} WITH (FORCE)")


def insert(project, columns="total", table="billing_invoice"):
    project.sql(f"INSERT INTO {table} ({columns}) VALUES (5)")
    return project.jobs()


def test_a_migration_is_written_made_and_taken_back(migrated):
    again = migrated.manage("makemigrations", "billing", "--check", "--dry-run")
    shown = migrated.manage("sqlmigrate", "billing", "0001")
    made = insert(migrated)
    checked = migrated.manage("check")
    migrated.manage("migrate", "billing", "zero")

    assert "No changes" in again
    assert 'CREATE TRIGGER "billing_new_insert" AFTER INSERT ON "billing_invoice"' in shown
    assert made == [("billing.jobs.send", "mail", [1], {})]
    assert "no issues" in checked
    assert migrated.triggers() == []


def test_a_changed_declaration_is_a_migration_that_can_be_reversed(migrated):
    migrated.write("models.py", MODELS.replace('"insert"]', '"insert"], when=Q(total__gt=5)'))

    written = migrated.manage("makemigrations", "billing")
    migrated.manage("migrate")
    after = insert(migrated)
    migrated.manage("migrate", "billing", "0001")
    before = insert(migrated)

    assert written.index("Remove constraint billing_new") < written.index("billing_new on model")
    assert (len(after), len(before)) == (0, 1)


def test_a_renamed_field_takes_the_declaration_along(migrated):
    with_total = MODELS.replace('"insert"]', '"insert"], kwargs={"invoice": "pk", "total": FIELD}')
    migrated.write("models.py", with_total.replace("FIELD", "'total'"))
    migrated.manage("makemigrations", "billing")
    migrated.write(
        "models.py", with_total.replace("FIELD", "'amount'").replace("total =", "amount =")
    )

    migrated.manage("makemigrations", "billing", answers="y\n")
    migrated.manage("migrate")

    assert insert(migrated, "amount") == [("billing.jobs.send", "mail", [], {"invoice": 1, "total": 5})]  # fmt: skip  # noqa: E501


def test_a_column_that_only_the_database_calls_otherwise_is_followed_after_the_migration(migrated):
    with_total = MODELS.replace('"insert"]', '"insert", "update"], when=Q(total=5)')
    migrated.write("models.py", with_total)
    migrated.manage("makemigrations", "billing")
    migrated.manage("migrate")
    migrated.manage("jobs", "triggers", "billing_new", "--disable")
    migrated.write("models.py", with_total.replace("Field()", "Field(db_column='sum')"))
    migrated.manage("makemigrations", "billing")

    migrated.manage("migrate")
    disabled = insert(migrated, "sum")
    migrated.manage("jobs", "triggers", "billing_new", "--enable")

    assert disabled == []
    assert len(insert(migrated, "sum")) == 1


def test_a_renamed_model_keeps_its_triggers(migrated):
    migrated.write("models.py", MODELS.replace("class Invoice", "class Bill"))

    migrated.manage("makemigrations", "billing", answers="y\n")
    migrated.manage("migrate")

    assert len(insert(migrated, table="billing_bill")) == 1
    assert "ok" in migrated.manage("jobs", "triggers")


def test_a_deleted_model_leaves_nothing_behind(migrated):
    # One that a migration has made, too
    by = FOREIGN.replace("PREVIOUS", '("billing", "0001_initial")').replace(
        "auth.User", "billing.Invoice"
    )
    by = by.replace("email", "total").replace("is_active=True", "total=5")
    migrated.write("migrations/0002_more.py", by.replace("OPERATION", "CreateJobTrigger"))
    migrated.write("models.py", "")

    migrated.manage("makemigrations", "billing")
    migrated.manage("migrate")

    assert migrated.triggers() == []
    assert migrated.manage("jobs", "triggers").strip() == "There are no job triggers."


def test_other_options_of_the_job_are_taken_over_at_the_next_migrate(migrated):
    migrated.write("jobs.py", JOBS.replace("mail", "post"))

    outdated = migrated.manage("jobs", "triggers")
    before = insert(migrated)
    migrated.manage("migrate")
    after = insert(migrated)

    assert "outdated" in outdated
    assert (before[0][1], after[0][1]) == ("mail", "post")


def test_a_migration_back_to_before_a_change_of_columns_keeps_what_is_there_right(migrated):
    migrated.write("models.py", MODELS.replace("Field()", "Field(db_column='sum')"))
    migrated.manage("makemigrations", "billing")
    migrated.manage("migrate")

    migrated.manage("migrate", "billing", "0001")

    assert len(insert(migrated, "total")) == 1


def test_the_tables_of_jobs_stay_while_there_are_triggers(migrated):
    said = migrated.manage("migrate", "django_jobs", "zero", code=1)

    assert "billing_new_insert on table billing_invoice depends on function" in said
    assert len(insert(migrated)) == 1


FOREIGN = """
    from django.db import migrations
    from django.db.models import Q
    from django_jobs.triggers import CreateJobTrigger, DropJobTrigger, JobTrigger

    TRIGGER = JobTrigger(
        name="billing_user", job="billing.jobs.send", on="update", update_of=["email"],
        when=Q(is_active=True),
    )

    class Migration(migrations.Migration):
        dependencies = [("auth", "0012_alter_user_first_name_max_length"), PREVIOUS]
        operations = [OPERATION("auth.User", TRIGGER)]
"""


def test_a_model_of_another_app_gets_a_trigger_by_an_operation(migrated):
    by = FOREIGN.replace("PREVIOUS", '("billing", "0001_initial")')
    migrated.write("migrations/0002_user.py", by.replace("OPERATION", "CreateJobTrigger"))
    by = FOREIGN.replace("PREVIOUS", '("billing", "0002_user")')
    migrated.write("migrations/0003_no_user.py", by.replace("OPERATION", "DropJobTrigger"))
    migrated.sql(
        "INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email,"
        " is_staff, is_active, date_joined) VALUES ('a', '', false, '', '', '', false, true, now())"
    )

    plan = migrated.manage("migrate", "--plan")
    migrated.manage("migrate", "billing", "0002")
    listed = migrated.manage("jobs", "triggers", "billing_user")
    again = migrated.manage("makemigrations", "--check", "--dry-run")
    migrated.sql("UPDATE auth_user SET first_name = 'x'")
    migrated.sql("UPDATE auth_user SET email = 'x@example.com'")
    made = migrated.jobs()
    migrated.manage("migrate", "billing", "0003")
    dropped = migrated.triggers()
    listed_then = migrated.manage("jobs", "triggers")
    migrated.manage("migrate", "billing", "0002")
    made_again = migrated.triggers()
    migrated.manage("migrate", "billing", "0001")

    assert "Create job trigger billing_user on auth.User" in plan
    assert "declared by billing.0002_user" in listed
    assert "No changes" in again
    assert made == [("billing.jobs.send", "mail", [1], {})]
    assert dropped == ["billing_new_insert"]
    assert "billing_user" not in listed_then
    assert made_again == ["billing_new_insert", "billing_user_update"]
    assert migrated.triggers() == ["billing_new_insert"]


def test_a_declaration_that_cannot_work_is_refused_before_it_is_made(migrated):
    migrated.write("models.py", MODELS.replace("billing.jobs.send", "billing.jobs.sent"))

    said = migrated.manage("check", code=1)

    assert "django_jobs.E061" in said
    assert "Did you mean 'billing.jobs.send'?" in said
