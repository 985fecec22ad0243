"""What a declaration takes, what it refuses, and what is found out about it beforehand."""

import inspect
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.core.checks import Error
from django.db import connection, models, router
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import F, Q, Value
from django.test.utils import isolate_apps

import django_jobs
from django_jobs.checks import declarations as checks
from django_jobs.exceptions import InvalidOption
from django_jobs.triggers import CreateJobTrigger, DropJobTrigger, JobTrigger, problems
from django_jobs.triggers.selecting import MAX_IDS, STATEMENT_WORDS
from testproject.depot import jobs
from testproject.depot.models import Parcel, Shelf
from tests.pages import DOCS, names, table

WEIGH = "testproject.depot.jobs.weigh"


def trigger(**how):
    return JobTrigger(**{"name": "t", "job": WEIGH, "on": "insert", **how})


def test_it_can_be_had_from_the_package():
    assert django_jobs.JobTrigger is JobTrigger


def test_a_migration_gets_plain_values_that_make_the_same_trigger():
    one = trigger(
        job=jobs.weigh,
        on=["update", "insert"],
        kwargs={"parcel": "pk", "by": Value(1)},
        when=Q(weight=1),
        when_old=Q(weight__gt=1),
        update_of=["weight"],
        unique_key="p-{id}",
        queue="q",
        priority=1,
        max_attempts=2,
        timeout=timedelta(minutes=1),
        scheduled_at=timedelta(days=1),
        notify=False,
    )

    path, args, kwargs = one.deconstruct()
    text, imports = MigrationWriter.serialize(one)

    assert path == "django_jobs.triggers.JobTrigger"
    assert kwargs["job"] == WEIGH
    assert kwargs["on"] == ["insert", "update"]
    assert JobTrigger(*args, **kwargs) == one
    assert hash(JobTrigger(*args, **kwargs)) == hash(one)
    assert one.clone() == one
    assert one != trigger()
    assert one != models.UniqueConstraint(fields=["id"], name=one.name)
    assert "import django_jobs.triggers" in imports
    assert text.startswith("django_jobs.triggers.JobTrigger(job='testproject.depot.jobs.weigh'")
    assert "when_old" in repr(one)


@isolate_apps("testproject.depot")
def test_an_abstract_model_hands_it_on_under_a_name_for_each():
    class Tracked(models.Model):
        class Meta:
            app_label = "depot"
            abstract = True
            constraints = [trigger(name="%(app_label)s_%(class)s_new")]

    class Letter(Tracked):
        class Meta(Tracked.Meta):
            pass

    (one,) = Letter._meta.constraints

    assert isinstance(one, JobTrigger)
    assert one.name_for("insert") == "depot_letter_new_insert"


def test_what_is_not_given_is_not_in_the_migration():
    assert set(trigger().deconstruct()[2]) == {"name", "job", "on"}


def test_a_row_is_valid_whatever_the_triggers():
    Parcel(label="x", status="y").full_clean(exclude=["due_at", "shelf"], validate_constraints=True)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"on": "inserted"}, "'insert'"),
        ({"on": []}, "at least one"),
        ({"for_each": "table"}, "'row' or 'statement'"),
        ({"job": 3}, "job function or its name"),
        ({"job": lambda: None}, "top level"),
        ({"name": "n" * 57}, "57 bytes"),
        ({"name": "%"}, "holds a %"),
        ({"name": ""}, "1 to 255"),
        ({"kwargs": {"parcel": F("id")}}, "Value"),
        ({"kwargs": {"parcel": "row.id"}}, "new or old"),
        ({"kwargs": {"parcel": "old.id"}}, "no meaning"),
        ({"on": "delete", "kwargs": {"parcel": "new.id"}}, "no meaning"),
        ({"update_of": ["label"]}, "no meaning"),
        ({"update_of": "label", "on": "update"}, "list of names"),
        ({"when_old": Q(weight=1)}, "no meaning"),
        ({"when": "weight = 1"}, "must be a Q"),
        ({"unique_key": "p-{id"}, "expected '}'"),
        ({"unique_key": "p-{}"}, "name of a field"),
        ({"unique_key": "p-{id:>3}"}, "name of a field"),
        ({"priority": 1.5}, "32 bits"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout": -1}, "timeout"),
        ({"scheduled_at": 5}, "a timedelta"),
        ({"scheduled_at": timedelta(-1)}, "100 years"),
        ({"notify": 1}, "True or False"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(how, message):
    with pytest.raises(InvalidOption, match=message):
        trigger(**how)


class TestOperations:
    def test_want_the_label_of_a_model(self):
        with pytest.raises(InvalidOption, match=r"app_label\.Model"):
            CreateJobTrigger("User", trigger())

    def test_give_their_migration_a_name(self):
        class Made(Migration):
            operations = [CreateJobTrigger("auth.User", trigger(name="User_New"))]

        class Dropped(Migration):
            operations = [DropJobTrigger("auth.User", trigger(name="User_New"))]

        assert Made("0002", "depot").suggest_name() == "user_new"
        assert Dropped("0003", "depot").suggest_name() == "drop_user_new"

    @pytest.mark.django_db
    def test_want_a_migration_of_the_model_before_theirs(self):
        operation = CreateJobTrigger("auth.User", trigger())

        with (
            connection.schema_editor() as editor,
            pytest.raises(InvalidOption, match="'auth' into the dependencies"),
        ):
            operation.database_forwards("depot", editor, ProjectState(), ProjectState())

    @pytest.mark.django_db
    def test_leave_a_database_alone_that_the_model_is_not_in(self, settings, made):
        class Elsewhere:
            def allow_migrate(self, db, app_label, **hints):
                return app_label != "depot"

        settings.DATABASE_ROUTERS = [Elsewhere()]
        state = ProjectState.from_apps(apps)

        with connection.schema_editor() as editor:
            CreateJobTrigger("depot.Parcel", trigger()).database_forwards(
                "shop", editor, state, state
            )
            DropJobTrigger("depot.Parcel", trigger(name="depot_new")).database_forwards(
                "shop", editor, state, state
            )
        Parcel.objects.create(label="x")

        assert made("t") == []
        assert len(made("depot_new")) == 1


class TestProblems:
    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"kwargs": {"parcel": "wieght"}}, "Did you mean 'weight'"),
            ({"kwargs": {"parcel": "sample"}}, "no field 'sample'"),
            ({"kwargs": {"parcle": "pk"}}, "parcel"),
            ({"kwargs": {"parcel": "pk", "more": "pk"}}, "more"),
            ({"when": Q(colour="red")}, "colour"),
            ({"when": Q(weight="much")}, "expected a number"),
            ({"when": Q(shelf__parcel=1)}, "[Jj]oined"),
            ({"on": "update", "update_of": ["colour"]}, "no field 'colour'"),
            ({"unique_key": "p-{colour}"}, "no field 'colour'"),
            ({"scheduled_at": "weight"}, "no DateTimeField"),
            ({"for_each": "statement", "kwargs": {"parcel": "weight"}}, "ids, count"),
            ({"for_each": "statement", "unique_key": "p-{id}"}, "no one row"),
            ({"for_each": "statement", "scheduled_at": "due_at"}, "no one row"),
            ({"job": "testproject.depot.jobs.weihg"}, "Did you mean"),
        ],
    )
    def test_are_found_before_a_migration_is_made(self, how, message):
        (found,) = problems.problems(trigger(**how), Parcel)

        with pytest.raises(ValueError, match=message):
            raise ValueError(found)

    def test_none_are_found_in_what_is_right(self):
        assert [*problems.problems(trigger(), Parcel)] == []

    @isolate_apps("testproject.depot")
    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (lambda: models.BinaryField(), "BinaryField, whose values cannot be arguments"),
            (
                lambda: ArrayField(ArrayField(models.DateField())),
                "an array of arrays of DateField: pass the primary key",
            ),
            (
                lambda: models.GeneratedField(
                    expression=F("id") * 2, output_field=models.IntegerField(), db_persist=False
                ),
                "computed when it is read",
            ),
            (lambda: models.ManyToManyField(Shelf), "'data' is no column of the table"),
        ],
        ids=["binary", "arrays of arrays", "virtual", "many to many"],
    )
    def test_a_column_that_no_job_can_be_given(self, column, message):
        class Blob(models.Model):
            data = column()

            class Meta:
                app_label = "depot"

        (found,) = problems.problems(trigger(kwargs={"parcel": "data"}), Blob)

        assert message in found

    @isolate_apps("testproject.depot")
    def test_a_model_without_a_table_of_its_own(self):
        class Proxy(Parcel):
            class Meta:
                app_label = "depot"
                proxy = True

        (found,) = problems.problems(trigger(), Proxy)

        assert "put the trigger on depot.Parcel" in found

    @isolate_apps("testproject.depot")
    def test_a_column_of_the_table_that_a_model_inherits_from(self):
        class Crate(Parcel):
            class Meta:
                app_label = "depot"

        (found,) = problems.problems(trigger(kwargs={"parcel": "weight"}), Crate)

        assert "in the table of depot.Parcel" in found

    def test_a_queue_that_is_not_declared(self, settings):
        settings.DJANGO_JOBS = {"STRICT_QUEUES": True, "QUEUES": ["default"]}

        (found,) = problems.problems(trigger(queue="depto"), Parcel)

        assert "'depto' is not declared" in found

    def test_a_name_that_an_abstract_model_has_made_too_long(self):
        long = trigger()
        long.name = "n" * 60

        (found,) = problems.problems(long, Parcel)

        assert "56 bytes" in found

    def test_are_reported_by_the_system_check(self, monkeypatch):
        wrong = trigger(job="testproject.shop.jobs.book_order", kwargs={"parcel": "pk"})
        monkeypatch.setattr(Parcel._meta, "constraints", [wrong])

        found = checks.check_triggers(None)

        assert [(one.id, one.obj) for one in found] == [
            ("django_jobs.E061", Parcel),
            ("django_jobs.W061", Parcel),
        ]

    def test_a_table_in_another_database_is_reported(self, monkeypatch):
        class Elsewhere:
            def db_for_write(self, model, **hints):
                return "other" if model is Parcel else None

        monkeypatch.setattr(router, "routers", [Elsewhere()])

        found = [one for one in checks.check_triggers(None) if one.id == "django_jobs.E062"]

        assert len(found) == len(Parcel._meta.constraints)
        assert isinstance(found[0], Error)
        assert "written to the database 'other'" in found[0].msg


class TestThePage:
    def test_has_every_argument(self):
        documented = [
            name for cell, _ in table(DOCS / "triggers.md", "argument") for name in names(cell)
        ]

        assert sorted(documented) == sorted(inspect.signature(JobTrigger).parameters)

    def test_has_every_word_for_a_statement(self):
        documented = [names(cell)[0].strip('"') for cell, _ in table(DOCS / "triggers.md", "word")]

        assert tuple(documented[: len(STATEMENT_WORDS)]) == STATEMENT_WORDS

    def test_says_how_many_keys_a_statement_tells(self):
        assert f"`None` for more than {MAX_IDS:,}" in (DOCS / "triggers.md").read_text()
