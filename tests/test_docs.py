"""What the documentation says is so: its code runs, its links lead somewhere, its tables agree."""

import inspect
import os
import re
import sys
import unittest
from collections import defaultdict
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import django
import pytest
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import signals
from django.dispatch import Signal

from django_jobs import (
    cancel,
    decorators,
    encoding,
    enqueue,
    enqueue_on,
    exceptions,
    registry,
    schedules,
)
from django_jobs import signals as job_signals
from django_jobs.backoff import Exponential
from django_jobs.capabilities import EXECUTORS
from django_jobs.conf import Options, read
from django_jobs.context import JobContext
from django_jobs.definitions import Definition
from django_jobs.limits import DEFAULT_UNITS
from django_jobs.management.commands import runjobs
from django_jobs.models import Job, Schedule
from django_jobs.orders import WorkerOptions
from django_jobs.states import TRANSITIONS, State
from django_jobs.terminal import SUBCOMMANDS
from django_jobs.worker.worker import Worker
from testproject.ledger.jobs import nothing
from testproject.shop.models import Customer, Order, OrderLine, Product
from tests.command_reference import reference
from tests.pages import (
    DOCS,
    PAGES,
    ROOT,
    Session,
    anchors,
    blocks,
    links,
    names,
    python_blocks,
    table,
)
from versions import classified, project

PACKAGE = ROOT / "django_jobs"
LIFECYCLE = DOCS / "lifecycle.md"
#: Runs where Django's own tasks are, in a project whose backend for them is ours.
DJANGO_TASKS = DOCS / "django-tasks.md"
#: Followed to the letter, in a project of its own, by tests/test_tutorial.py.
TUTORIAL = DOCS / "tutorial.md"
PAGES_WITH_CODE = [
    page
    for page in sorted(DOCS.glob("*.md"))
    if python_blocks(page) and page not in (DJANGO_TASKS, TUTORIAL)
]
#: The signals of this project, by name.
SIGNALS = {name: one for name, one in vars(job_signals).items() if isinstance(one, Signal)}
LANGUAGES = {"python", "sh", "sql", "ini", "text", "mermaid", "dockerfile", "yaml"}


def page_name(page):
    return page.stem


@pytest.fixture
def shop(monkeypatch):
    """Return what the pages take for granted, and take back what they register."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))
    monkeypatch.setattr(registry, "_aliases", dict(registry._aliases))
    for signal in (signals.post_save, signals.post_delete):
        # The example shop's own receivers would answer to the orders of the pages too.
        monkeypatch.setattr(signal, "receivers", [])
        signal.sender_receivers_cache.clear()
    for ours in SIGNALS.values():
        monkeypatch.setattr(ours, "receivers", [])
    customer = Customer.objects.create(name="Ada Martin", email="ada@example.com")
    lamp = Product.objects.create(sku="LAMP", name="Brass lamp", price=Decimal("9.90"))
    order = Order.objects.create(customer=customer, total=Decimal("29.70"))
    OrderLine.objects.create(order=order, product=lamp, quantity=3, unit_price=lamp.price)
    yield {"customer": customer, "order": order}
    for signal in (signals.post_save, signals.post_delete):
        signal.sender_receivers_cache.clear()


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=page_name)
def test_the_code_of_a_page_runs(page, transactional_db, shop, running_worker, monkeypatch):
    session = Session(page, monkeypatch, **shop)

    session.run()

    settings = sys.modules.get("settings")
    if settings is not None and hasattr(settings, "DJANGO_JOBS"):
        read(settings.DJANGO_JOBS)


@pytest.mark.skipif(django.VERSION < (6, 1), reason="@task takes our options from Django 6.1 on")
def test_the_code_of_the_page_on_djangos_tasks_runs(
    transactional_db, shop, running_worker, monkeypatch, settings
):
    settings.TASKS = {"default": {"BACKEND": "django_jobs.backend.JobsBackend"}}
    session = Session(DJANGO_TASKS, monkeypatch, **shop)

    session.run()

    result = session.names["result"]
    row = Job.objects.get(pk=result.id).wait(timeout=20)
    result.refresh()
    assert (row.state, result.return_value) == (State.SUCCEEDED, "Reminded ada@example.com")
    settings.TASKS = session.module("settings").TASKS
    from django.tasks import task_backends

    assert [list(task_backends[alias].check()) for alias in ("default", "patient")] == [[], []]


def test_the_hooks_of_the_page_are_called(transactional_db, shop, monkeypatch, settings, caplog):
    session = Session(DOCS / "hooks.md", monkeypatch, **shop)
    session.run()
    settings.DJANGO_JOBS = session.module("settings").DJANGO_JOBS
    jobs = session.module("shop.jobs")
    jobs.send_receipt.enqueue(order_id=shop["order"].pk)
    broken = Job.objects.create(name="shop.jobs.send_receipt", kwargs={"order": 1})

    with caplog.at_level("INFO", logger="shop"):
        Worker(WorkerOptions(burst=True)).run()

    assert len(jobs.durations) == 1
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert told.count("shop.jobs.send_receipt took 0.") == 2
    assert f"<JobContext shop.jobs.send_receipt #{broken.pk}, attempt 1> failed" in told
    assert f"shop.jobs.send_receipt #{broken.pk} failed for good" in told


def test_the_sql_of_a_page_makes_a_job(db):
    page = DOCS / "enqueueing.md"
    with connection.cursor() as cursor:
        for block in blocks(page):
            if block.language == "sql":
                cursor.execute(block.code)

    made = Job.objects.get()

    assert (made.state, made.name, made.kwargs) == ("ready", "shop.jobs.pack", {"order_id": 3})


def test_the_sql_of_a_page_makes_a_schedule(db):
    (block,) = (block for block in blocks(DOCS / "schedules.md") if block.language == "sql")
    with connection.cursor() as cursor:
        cursor.execute(block.code)

    made = Schedule.objects.get(name="nightly")

    assert len(made.next_runs()) == 5


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_of_code_says_what_language_it_is(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_links_of_a_page_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_links_every_page():
    linked = {link.partition("#")[0] for link in links(DOCS / "index.md")}

    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= linked


def test_every_script_is_explained_to_those_who_contribute():
    explained = {names(name)[0] for name, _ in table(ROOT / "CONTRIBUTING.md", "script")}
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if os.access(path, os.X_OK)}

    assert explained >= {name for name in scripts if (ROOT / "scripts" / name).is_file()}
    assert all((ROOT / "scripts" / name).exists() for name in explained)


# The reference, compared with the code ---------------------------------------------------------


def test_the_settings_page_has_every_key_and_its_default():
    documented = {names(key)[0]: names(default)[0] for key, default, _ in documented_settings()}
    defaults = Options()

    assert set(documented) == {field.name.upper() for field in fields(Options)}
    for key, text in documented.items():
        value = eval(text, {"timedelta": timedelta, "Exponential": Exponential})
        assert getattr(read({key: value}), key.lower()) == getattr(defaults, key.lower()), key


def documented_settings():
    return table(DOCS / "settings.md", "key")


def test_the_table_of_verbs_is_the_table_of_transitions():
    documented = {
        names(verb)[0]: (set(names(sources)), set(names(targets)))
        for verb, sources, targets, _ in table(LIFECYCLE, "verb")
    }

    assert documented == {
        verb: ({s.value for s in move.sources}, {s.value for s in move.targets})
        for verb, move in TRANSITIONS.items()
    }


def test_the_diagram_draws_every_transition_and_no_other():
    (diagram,) = (block.code for block in blocks(LIFECYCLE) if block.language == "mermaid")
    drawn = set(re.findall(r"(\S+) --> (\S+): (\w+)", diagram))
    ends = {(state, "[*]", "prune") for state in ("succeeded", "failed", "cancelled")}

    assert drawn - ends == {
        (source, target.value, verb)
        for verb, move in TRANSITIONS.items()
        for source in ([state.value for state in move.sources] or ["[*]"])
        for target in move.targets
    }
    assert ends <= drawn


def test_the_table_of_states_has_every_state():
    documented = [names(state)[0] for state, _ in table(LIFECYCLE, "state")]

    assert sorted(documented) == sorted(State.values)


def test_every_option_of_job_is_documented():
    rows = table(DOCS / "enqueueing.md", "option of `@job`")
    documented = {names(option)[0] for option, *_ in rows}

    assert documented == set(decorators._DECLARED)


def test_the_defaults_of_job_are_documented():
    plain = {field.name: field.default for field in fields(Definition)} | {"kwargs": {}}
    documented = {
        names(option)[0]: eval(names(default)[0])
        for option, default, _ in table(DOCS / "enqueueing.md", "option of `@job`")
        if names(default) and not is_a_setting(names(default)[0])
    }

    assert len(documented) > 7
    assert documented == {option: plain[option] for option in documented}


def is_a_setting(name):
    return name.lower() in {field.name for field in fields(Options)}


def test_the_table_of_executors_says_what_they_support():
    documented = {
        names(name)[0]: [cell_means(cell) for cell in cells]
        for name, *cells, _ in table(DOCS / "executors.md", "executor")
    }

    assert documented == {
        name: [one.functions, one.coroutines, one.hard_timeout, one.memory_limit, one.atomic]
        for name, one in EXECUTORS.items()
    }


def test_the_table_of_executors_says_where_they_have_places():
    documented = {
        names(name)[0]: "of their own" in places
        for name, *_, places in table(DOCS / "executors.md", "executor")
    }

    assert documented == {name: one.own_places for name, one in EXECUTORS.items()}


def cell_means(cell):
    """Return what a cell of the table of executors says about this machine."""
    assert re.match("yes|no|on Linux$", cell), cell
    return sys.platform == "linux" if cell == "on Linux" else cell.startswith("yes")


def test_every_option_of_cron_is_documented():
    rows = table(DOCS / "schedules.md", "option of `@cron`")

    assert {name for option, *_ in rows for name in names(option)} == set(schedules._DECLARED)


def test_everything_in_the_context_is_documented():
    rows = table(DOCS / "context.md", "name")
    public = {name for name in vars(JobContext) if not name.startswith("_")}

    assert {names(name)[0].partition("(")[0] for name, _ in rows} == public


def test_every_signal_is_documented():
    rows = table(DOCS / "hooks.md", "signal")

    assert {names(name)[0] for name, *_ in rows} == set(SIGNALS)


def test_the_arguments_of_each_signal_are_documented(transactional_db, shop):
    documented = {
        names(name)[0]: set(names(arguments)) - {"Worker"}
        for name, arguments, *_ in table(DOCS / "hooks.md", "signal")
    }
    heard: dict[str, set[str]] = defaultdict(set)
    receivers = [listen(heard, name, signal) for name, signal in SIGNALS.items()]

    nothing.enqueue()
    cancel(enqueue(nothing.job.with_scheduled_at(timedelta(days=1))))
    Job.objects.create(name=nothing.job.definition.name, args=["no such argument"])
    Job.objects.create(name=nothing.job.definition.name, args=["neither"], max_attempts=2)
    Worker(WorkerOptions(burst=True)).run()

    assert len(receivers) == len(heard)
    assert heard == documented


def listen(heard, name, signal):
    """Note what a signal tells."""

    def receiver(sender, signal, **told):
        heard[name] |= set(told)

    signal.connect(receiver, weak=False)
    return receiver


def test_every_type_that_has_a_tag_is_documented():
    stored = " ".join(cell for _, cell in table(DOCS / "enqueueing.md", "you pass"))

    assert set(re.findall(r'"(\$\w+)"', stored)) == set(encoding._LOADERS)


def test_every_argument_of_enqueue_on_is_documented():
    documented = [names(argument)[0] for argument, _ in table(DOCS / "model-events.md", "argument")]

    assert documented == list(inspect.signature(enqueue_on).parameters)


def test_every_flag_of_runjobs_is_documented():
    documented = {names(flag)[0].split()[0] for flag, *_ in table(DOCS / "workers.md", "flag")}

    assert documented == flags(runjobs.Command()) - flags(BaseCommand())


def test_the_settings_that_flags_stand_for_have_the_defaults_that_are_told():
    told = {
        key: int(number.replace(",", ""))
        for _, cell, _ in table(DOCS / "workers.md", "flag")
        for key, number in re.findall(r"^`([A-Z_]+)`, ([\d,]+)$", cell)
    }

    assert len(told) > 2
    assert told == {key: getattr(Options(), key.lower()) or DEFAULT_UNITS for key in told}


def flags(command):
    """Return the flags that a command takes."""
    parser = command.create_parser("manage.py", "runjobs")
    return {flag for action in parser._actions for flag in action.option_strings}


def test_every_error_is_documented():
    text = (DOCS / "errors.md").read_text()
    errors = {
        name
        for name, kind in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(kind, exceptions.JobsError)
    }

    assert {name for name in errors if f"`{name}`" not in text} == set()


def test_the_built_in_that_an_error_also_is_is_documented():
    for name, also in documented_bases().items():
        kind = getattr(exceptions, name)

        assert {base.__name__ for base in kind.__bases__[1:]} == also, name


def documented_bases():
    """Return the built-in bases of the errors, as the tables with a column for them say."""
    text = (DOCS / "errors.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (`\w+`) \|", text, re.MULTILINE)
    assert len(rows) > 5
    return {name: set(names(cell)) for name, cell in rows}


def test_every_system_check_is_documented_with_its_level():
    documented = {names(check)[0]: level for check, level, *_ in table(DOCS / "checks.md", "check")}

    assert documented == {
        check: {"E": "error", "W": "warning"}[check.partition(".")[2][0]]
        for check in re.findall(r"django_jobs\.[EWI]\d{3}", source())
    }


def test_the_id_of_a_check_says_its_level():
    found = re.findall(
        r'\b(Error|Warning)\((?:(?!\b(?:Error|Warning)\().)*?id="\w+\.([EW])', source(), re.S
    )

    assert len(found) > 20
    assert {(level[0], letter) for level, letter in found} == {("E", "E"), ("W", "W")}


def test_the_versions_that_are_supported_are_those_of_the_classifiers():
    documented = {what: re.findall(r"\d+(?:\.\d+)+", cell) for what, cell, _ in supported()}

    assert documented["Python"] == classified("Programming Language :: Python")
    assert documented["Django"] == classified("Framework :: Django")
    assert f"psycopg>={documented['psycopg'][0]}" in project()["dependencies"]


def supported():
    return table(DOCS / "upgrading.md", "what")


def test_every_event_in_the_log_is_documented():
    rows = table(DOCS / "workers.md", "event")
    documented = {event for events, *_ in rows for event in names(events)}

    # Those of a job that steers itself are named after their outcomes.
    assert documented == logged_events() | {"job.snoozed", "job.cancelled"}


def logged_events():
    """Return the first words of the messages that the package logs."""
    words = re.findall(r'logger\.\w+\(\s*"([a-z]+\.[a-z_]+) ', source())
    assert len(words) > 10
    return set(words)


def source():
    """Return the code of the package."""
    return "\n".join(path.read_text() for path in sorted(PACKAGE.rglob("*.py")))


def test_the_reference_of_the_jobs_command_is_made_from_the_code():
    page = (DOCS / "commands.md").read_text()

    # If not: python -m tests.command_reference prints what belongs there.
    assert page.partition("\n## Subcommands\n")[2].strip() == reference()


def test_the_json_of_every_subcommand_is_documented():
    documented = [names(name)[0] for name, _ in table(DOCS / "commands.md", "subcommand")]

    assert sorted(documented) == sorted(one.name for one in SUBCOMMANDS)


def test_the_tests_of_the_page_pass(transactional_db, shop, monkeypatch):
    session = Session(DOCS / "testing.md", monkeypatch, **shop)
    session.run()
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(
        session.module("shop.tests").PaymentTests
    )

    result = unittest.TestResult()
    tests.run(result)

    assert (result.testsRun, result.errors, result.failures) == (4, [], [])
