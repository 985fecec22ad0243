"""manage.py jobs triggers: what is there, what should be, and putting it right."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from django_jobs.terminal.base import NOTHING
from django_jobs.triggers import JobTrigger, catalogue
from testproject.depot.models import Parcel
from tests.rows import sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def triggers(capsys):
    """Return the command: called, it returns its exit code and what it has written."""

    def run(*words):
        try:
            call_command("jobs", "triggers", *words)
        except SystemExit as leaving:
            return leaving.code, capsys.readouterr().out.strip()
        return 0, capsys.readouterr().out.strip()

    return run


@pytest.fixture
def orphan():
    with connection.schema_editor() as editor:
        editor.add_constraint(
            Parcel, JobTrigger(name="depot_old", job="depot.gone", on=["insert", "delete"])
        )


def listed(triggers, *names):
    _, said = triggers(*names, "--format", "json")
    return json.loads(said)["triggers"]


def test_all_are_listed_with_what_declares_them(triggers):
    told = listed(triggers)

    assert {one["status"] for one in told} == {"ok"}
    assert len(told) == 11
    assert listed(triggers, "depot_gone") == [
        {
            "name": "depot_gone",
            "table": "depot_parcel",
            "event": "delete",
            "job": "testproject.depot.jobs.tell",
            "for_each": "row",
            "declared_by": "depot.Parcel",
            "enabled": True,
            "status": "ok",
            "problem": "",
        }
    ]


def test_text_is_a_line_for_each(triggers):
    code, said = triggers("depot_sent")

    assert code == 0
    assert said.splitlines()[0].split() == [
        *["depot_sent", "depot_parcel", "insert", "enabled", "ok", "testproject.depot.jobs.tell"],
        *["declared", "by", "depot.Parcel"],
    ]


def test_a_disabled_trigger_makes_no_jobs_until_it_is_enabled(triggers, made):
    code, said = triggers("depot_new", "--disable")
    Parcel.objects.create(label="x")
    disabled = len(made("depot_new"))
    states = [one["enabled"] for one in listed(triggers, "depot_new")]
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come cannot be altered
    triggers("depot_new", "--enable")
    Parcel.objects.create(label="x")

    assert (code, said) == (0, "1 disabled: depot_new (insert).")
    assert (disabled, states, len(made("depot_new"))) == (0, [False], 1)


def test_orphans_are_listed_and_dropped(triggers, orphan, made):
    told = listed(triggers, "depot_old")
    code, said = triggers("--drop-orphans")
    again, _ = triggers("--drop-orphans")

    assert [(one["status"], one["declared_by"], one["job"]) for one in told] == [
        ("orphan", None, "depot.gone")
    ] * 2
    assert (code, said) == (0, "2 dropped: depot_old (delete), depot_old (insert).")
    assert again == NOTHING
    assert {one["status"] for one in listed(triggers)} == {"ok"}


def test_what_is_missing_is_made(triggers, made):
    sql("DROP TRIGGER depot_new_insert ON depot_parcel")
    missing = [one["name"] for one in listed(triggers) if one["status"] == "missing"]

    code, said = triggers("--sync")
    Parcel.objects.create(label="x")

    assert missing == ["depot_new"]
    assert (code, said) == (0, "1 made: depot_new (insert).")
    assert len(made("depot_new")) == 1


def test_what_is_outdated_is_made_anew_and_stays_disabled(triggers, monkeypatch):
    (changed,) = (one for one in Parcel._meta.constraints if one.name == "depot_lighter")
    monkeypatch.setattr(changed, "queue", "other")
    triggers("depot_lighter", "--disable")
    before = listed(triggers, "depot_lighter")

    triggers("--sync")

    (after,) = listed(triggers, "depot_lighter")
    (found,) = (one for one in catalogue.found("default") if one.name == "depot_lighter_update")
    assert [one["status"] for one in before] == ["outdated"]
    assert (after["status"], after["enabled"]) == ("ok", False)
    assert found.given["columns"]["queue"] == "other"


def test_a_declaration_that_no_longer_works_is_told(triggers, monkeypatch):
    (changed,) = (one for one in Parcel._meta.constraints if one.name == "depot_gone")
    monkeypatch.setattr(changed, "kwargs", {"parcel": "pk", "before": "colour"})

    (told,) = listed(triggers, "depot_gone")

    assert told["status"] == "invalid"
    assert "no field 'colour'" in told["problem"]


def test_a_declaration_whose_job_is_gone_is_told(triggers, monkeypatch):
    (changed,) = (one for one in Parcel._meta.constraints if one.name == "depot_gone")
    monkeypatch.setattr(changed, "job", "depot.gone")

    (told,) = listed(triggers, "depot_gone")

    assert (told["status"], told["problem"]) == ("invalid", "there is no job depot.gone")


def test_a_database_without_jobs_has_none(triggers, settings):
    class Elsewhere:
        def allow_migrate(self, db, app_label, **hints):
            return app_label != "django_jobs"

    settings.DATABASE_ROUTERS = [Elsewhere()]

    assert triggers() == (0, "There are no job triggers.")


def test_a_name_that_nobody_has_is_answered_with_the_nearest(triggers):
    with pytest.raises(CommandError, match="Did you mean 'depot_gone'"):
        triggers("depot_gon")


def test_enabling_wants_names(triggers):
    with pytest.raises(CommandError, match="Name the triggers to enable"):
        triggers("--enable")
