"""The admin's form that enqueues: made from what is known of a function, checked like Python."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import catalogue, enqueue, job
from django_jobs.encoding import decode
from django_jobs.models import Job, Task
from testproject.ledger.models import Gate
from testproject.ledger.paint import count_cans, order, paint
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.django_db

ADD = reverse("admin:django_jobs_job_add")
TASKS = reverse("admin:django_jobs_task_changelist")


@pytest.fixture
def admin_client(client, django_user_model):
    """Return the client of somebody who may do anything, and whose password nobody has to hash."""
    client.force_login(
        django_user_model.objects.create(username="root", is_staff=True, is_superuser=True)
    )
    return client


def url(function):
    return f"{ADD}?task={function.job.func}"


def filled(**arguments):
    """Return what a browser sends: arguments, and options that begin with an underscore."""
    return {
        (name[1:] if name.startswith("_") else f"argument-{name}"): value
        for name, value in arguments.items()
    }


def errors(page):
    return dict(page.context["form"].errors)


def test_the_page_offers_the_functions_that_the_code_declares(admin_client):
    Task.objects.filter(name=order.job.func).update(is_current=False)

    html = admin_client.get(ADD).content.decode()

    assert f'<a href="?task={paint.job.func}">{paint.job.func}</a>' in html
    assert "<td>Paint a wall, and leave" in html
    assert order.job.func not in html


def test_functions_are_found_by_words_of_their_name_and_help(admin_client):
    html = admin_client.get(ADD, {"q": "WALL leave"}).content.decode()

    assert paint.job.func in html
    assert order.job.func not in html
    assert "No function is found" in admin_client.get(ADD, {"q": "nowhere"}).content.decode()


def test_of_many_functions_the_first_are_listed_and_the_others_are_found(admin_client):
    Task.objects.bulk_create(
        Task(name=f"many.job{n:04}", type_key="m", task_key="t", hash="x") for n in range(300)
    )

    html = admin_client.get(ADD, {"q": "many"}).content.decode()

    assert html.count("?task=many.") == 100
    assert "search for the others" in html
    assert "many.job0299" in admin_client.get(ADD, {"q": "0299"}).content.decode()


def test_what_was_searched_for_and_the_catalogue_are_text(admin_client):
    evil = "<script>alert(1)</script>"
    Task.objects.create(
        name=evil, help=evil, queue=evil, hash="x", unique_key=evil,
        parameters=[
            {"name": evil, "type": evil, "required": True, "help": evil},
            {
                "name": "choice", "type": evil, "required": True, "help": "", "write_all": False,
                "choices": [evil], "labels": [evil],
            },
        ],
    )  # fmt: skip

    for given in ({"q": evil}, {"task": evil}):
        html = admin_client.get(ADD, given).content.decode()
        assert "&lt;script&gt;" in html
        assert evil not in html


def test_a_function_has_a_form_with_its_choices_help_and_defaults(admin_client):
    html = admin_client.get(url(paint)).content.decode()

    assert '<option value="&quot;red&quot;">Red as a rose</option>' in html
    assert '<option value="&quot;ALL&quot;">ALL: a job for each</option>' in html
    assert '<option value="1" selected>1</option>' in html
    assert "the colour, as the shop names it" in html
    assert "Paint a wall, and leave one effect." in html


def test_all_is_offered_only_where_it_is_allowed(admin_client):
    assert "ALL" not in admin_client.get(url(order)).content.decode()


def test_what_is_filled_in_is_enqueued(admin_client):
    page = admin_client.post(url(paint), filled(label="wall", colour='"red"', size="2"))

    row = Job.objects.get()
    assert page.url == reverse("admin:django_jobs_job_change", args=[row.pk])
    assert (row.name, row.kwargs) == (
        paint.job.func,
        {"label": "wall", "colour": "red", "size": 2},
    )


def test_all_is_enqueued_too(admin_client):
    admin_client.post(url(paint), filled(label="wall", colour='"ALL"', size='"ALL"'))

    assert Job.objects.get().kwargs["colour"] == "ALL"


def test_empty_fields_are_as_the_declaration_says_and_options_go_over_it(admin_client):
    admin_client.post(
        url(order),
        filled(
            colour='"red"', litres="1.5", price="9.90", coats="2", day="2026-12-24", urgent="on",
            _priority="-3", _queue="slow", _unique_key="once", _scheduled_at="2126-01-01T10:00",
            _max_attempts="5", _timeout="0", _expires_after="60",
        ),
    )  # fmt: skip
    admin_client.post(url(order), filled(colour='"red"', litres="1.5", coats="1"))

    one, two = Job.objects.order_by("id")
    assert {k: decode(json.dumps(v)) for k, v in one.kwargs.items()} == {
        "colour": "red", "litres": 1.5, "price": Decimal("9.90"), "coats": 2,
        "day": date(2026, 12, 24), "urgent": True,
    }  # fmt: skip
    assert (one.priority, one.queue, one.unique_key, one.state) == (-3, "slow", "once", "scheduled")
    assert timezone.localtime(one.scheduled_at).hour == 10
    assert (one.max_attempts, one.timeout) == (5, timedelta(0))
    assert one.expires_at == one.scheduled_at + timedelta(seconds=60)
    assert (two.priority, two.queue, two.max_attempts) == (7, "orders", 3)
    assert (two.timeout, two.expires_at) == (timedelta(seconds=30), None)
    assert two.kwargs == {
        "colour": "red", "litres": 1.5, "coats": 1, "urgent": False, "day": {"$date": "2026-11-22"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"colour": '"red"'}, "argument-litres"),
        ({"colour": '"blue"', "litres": "1"}, "argument-colour"),
        ({"colour": '"ALL"', "litres": "1"}, "argument-colour"),
        ({"colour": "red", "litres": "1"}, "argument-colour"),
        ({"colour": '"red"', "litres": "much"}, "argument-litres"),
        ({"colour": '"red"', "litres": "1", "day": "soon"}, "argument-day"),
        ({"colour": '"red"', "litres": "1", "_priority": "3000000000"}, "priority"),
        ({"colour": '"red"', "litres": "1", "_queue": "a\x07"}, "queue"),
        ({"colour": '"red"', "litres": "1", "_unique_key": "k" * 256}, "unique_key"),
        ({"colour": '"red"', "litres": "1", "_scheduled_at": "2926-01-01T10:00"}, "scheduled_at"),
        ({"colour": '"red"', "litres": "1", "_max_attempts": "0"}, "max_attempts"),
        ({"colour": '"red"', "litres": "1", "_max_attempts": "99999"}, "max_attempts"),
        ({"colour": '"red"', "litres": "1", "_timeout": "-1"}, "timeout"),
        ({"colour": '"red"', "litres": "1", "_timeout": "9" * 30}, "timeout"),
        ({"colour": '"red"', "litres": "1", "_expires_after": "soon"}, "expires_after"),
        ({"colour": '"red"', "litres": "1", "_expires_after": "9" * 30}, "expires_after"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(given, field, admin_client):
    page = admin_client.post(url(order), filled(coats="1", **given))

    assert list(errors(page)) == [field]
    assert not Job.objects.exists()


def test_what_python_refuses_is_told_in_the_same_words(admin_client, settings):
    settings.DJANGO_JOBS = {"STRICT_QUEUES": True, "QUEUES": ["orders"]}

    page = admin_client.post(url(count_cans), filled(_queue="ordrs"))

    assert "Did you mean 'orders'?" in errors(page)["queue"][0]


def test_a_value_that_is_no_choice_any_more_is_told_where_it_was_entered(admin_client):
    # Given a catalogue that is behind the code
    task = Task.objects.get(name=paint.job.func)
    (size,) = (one for one in task.parameters if one["name"] == "size")
    size.update(choices=[1, 2, 3, 4], labels=["1", "2", "3", "4"])
    task.save()
    # When what it offers is chosen
    page = admin_client.post(url(paint), filled(label="x", colour='"red"', size="4"))
    # Then Python refuses it, at its field
    assert "size must be one of 1, 2, 3, not 4. Did you mean 3?" in errors(page)["argument-size"][0]


def test_an_argument_that_the_catalogue_does_not_know_of_yet_is_told_above_the_fields(admin_client):
    # Given a catalogue that is behind the code
    task = Task.objects.get(name=paint.job.func)
    task.parameters = [one for one in task.parameters if one["name"] != "label"]
    task.save()
    # When all that it offers is filled in
    page = admin_client.post(url(paint), filled(colour='"red"', size="1"))
    # Then Python refuses it, and there is no field to tell it at
    assert "missing a required argument: 'label'" in errors(page)["__all__"][0]


def test_a_job_that_holds_the_key_is_shown_instead(admin_client):
    row = enqueue(count_cans.job)

    page = admin_client.post(url(count_cans), {}, follow=True)

    assert page.request["PATH_INFO"].endswith(f"/{row.pk}/change/")
    assert "this job holds the unique key" in page.content.decode()


def test_who_enqueues_is_logged_and_told_on_the_page_of_the_job(admin_client):
    page = admin_client.post(url(count_cans), {}, follow=True)

    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.is_addition()) == (str(Job.objects.get().pk), True)
    assert "Enqueued in the admin by" in page.content.decode()


def test_a_job_that_was_not_made_is_not_logged(admin_client):
    enqueue(count_cans.job)

    admin_client.post(url(count_cans), {})

    assert not LogEntry.objects.exists()


def test_a_forged_post_enqueues_nothing(admin_client, django_user_model):
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.get())

    assert client.post(url(count_cans), {}).status_code == 403
    assert not Job.objects.exists()


class TestTypes:
    @pytest.fixture
    def enqueued(self, admin_client, own_registry):
        """Return a function that enqueues a function of one parameter, and returns the argument."""

        def run(annotation: Any, given: str, **options: Any) -> Any:
            @as_if_at_the_top
            def function(x): ...

            function.__annotations__["x"] = annotation
            declared = job(**options)(function)
            catalogue.sync(using="default")
            page = admin_client.post(url(declared), filled(x=given))
            if page.status_code == 200:
                return errors(page)
            return decode(json.dumps(Job.objects.latest("id").kwargs["x"]))

        return run

    @pytest.mark.parametrize(
        ("annotation", "given", "value"),
        [
            (int, "3", 3),
            (float, "1e30", 1e30),
            (str, " two\r\nlines ", " two\r\nlines "),
            (bool, "", False),
            (date, "2026-12-24", date(2026, 12, 24)),
            (time, "10:30", time(10, 30)),
            (timedelta, "1 02:00:00", timedelta(days=1, hours=2)),
            (Decimal, "9.90", Decimal("9.90")),
            (UUID, "12345678123456781234567812345678", UUID("1234567812345678" * 2)),
            (int | None, "", None),
            (int | None, "3", 3),
            (dict[str, int], '{"a": [1]}', {"a": [1]}),
            (list[int], "[]", []),
            (Any, '{"$tuple": [1, 2]}', (1, 2)),
            (datetime | str, '"text"', "text"),
        ],
    )
    def test_each_comes_as_what_it_is(self, annotation, given, value, enqueued):
        found = enqueued(annotation, given)

        assert found == value
        assert type(found) is type(value)

    def test_a_moment_is_meant_in_the_current_time_zone(self, enqueued):
        found = enqueued(datetime, "2026-12-24T18:00")

        assert found.utcoffset() == timedelta(hours=1)

    def test_a_row_is_named_by_its_tag(self, enqueued):
        gate = Gate.objects.create(name="north")

        assert enqueued(Gate, f'{{"$model": ["ledger.gate", {gate.pk}, "default"]}}') == gate

    @pytest.mark.parametrize(
        "given",
        [
            '{"$model": ["ledger.gate", 0, "default"]}',
            '{"$model": ["no.model", 0, "default"]}',
            '{"$model": ["ledger.gate", 0, "elsewhere"]}',
            '{"$model": 3}',
            '{"$date": "soon"}',
            '{"$decimal": "x"}',
            "{",
            '{"a": ["\\u0000"]}',
        ],
    )
    def test_what_is_no_json_or_tagged_wrongly_or_cannot_be_stored_is_told(self, given, enqueued):
        assert list(enqueued(Any, given)) == ["argument-x"]

    def test_any_other_arguments_are_json(self, admin_client, own_registry):
        @job
        @as_if_at_the_top
        def function(a: int, **others): ...

        catalogue.sync(using="default")

        page = admin_client.post(url(function), {**filled(a="1"), "other-arguments": "[1]"})
        assert "JSON object" in errors(page)["__all__"][0]
        page = admin_client.post(
            url(function), {**filled(a="1"), "other-arguments": '{"b": "\\u0000"}'}
        )
        assert list(errors(page)) == ["other-arguments"]
        admin_client.post(url(function), {**filled(a="1"), "other-arguments": '{"b": 2}'})
        assert Job.objects.get().kwargs == {"a": 1, "b": 2}


class TestPermissions:
    @pytest.fixture
    def member(self, client, django_user_model):
        """Return a function that lets a member of staff with these permissions in."""

        def come(*codenames):
            user = django_user_model.objects.create(username="anna", is_staff=True)
            user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
            client.force_login(user)
            return client

        return come

    def test_who_may_not_add_jobs_sees_no_form(self, member):
        client = member("view_job", "change_job", "view_task")

        assert client.get(url(paint)).status_code == 403
        assert client.post(url(count_cans), {}).status_code == 403
        assert "?task=" not in client.get(TASKS).content.decode()
        assert not Job.objects.exists()

    def test_who_may_add_jobs_needs_no_other_permission(self, member):
        page = member("add_job").post(url(count_cans), {})

        assert page.url == reverse("admin:index")
        assert Job.objects.count() == 1

    def test_whose_jobs_are_limited_is_not_led_to_one_that_they_may_not_see(self, member, settings):
        # Given somebody who sees the jobs of their own shop, and one of another shop
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.of_their_shop"}
        row = enqueue(count_cans.job)
        # When they enqueue what that one holds the key of
        page = member("add_job", "view_job").post(url(count_cans), {}, follow=True)
        # Then they learn that it is held, and not by which job
        assert page.request["PATH_INFO"] == reverse("admin:index")
        html = page.content.decode()
        assert "another job holds the unique key" in html
        assert f"#{row.pk}" not in html


def test_the_tasks_are_listed_with_a_way_to_enqueue_each_that_the_code_declares(admin_client):
    Task.objects.filter(name=order.job.func).update(is_current=False)

    html = admin_client.get(TASKS, {"q": "paint"}).content.decode()

    assert f'<a href="{ADD}?task={paint.job.func}">Enqueue</a>' in html
    assert order.job.func in html
    assert f"?task={order.job.func}" not in html


def test_a_task_tells_what_it_takes_and_cannot_be_changed(admin_client):
    task = Task.objects.get(name=paint.job.func)

    html = admin_client.get(
        reverse("admin:django_jobs_task_change", args=[task.pk])
    ).content.decode()

    assert "<strong>size</strong> int · 1, 2, 3 · = 1 · metres" in html
    assert 'name="_save"' not in html
