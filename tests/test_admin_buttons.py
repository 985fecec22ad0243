"""The buttons on the page of one job: who may press them, what they do, and what they say."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import catalogue, job
from django_jobs.encoding import decode, encode
from django_jobs.models import Job, Link, Task
from django_jobs.redaction import HIDDEN
from testproject.ledger.paint import order
from tests.rows import make_job, state_of
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.django_db

ADD = reverse("admin:django_jobs_job_add")
#: Each button, a state that it is for, what it is posted with, and the permissions that it takes.
BUTTONS = {
    "retry": ("failed", {}, ["retry_job"]),
    "retry_with": ("failed", {}, ["retry_job", "add_job", "view_job_arguments"]),
    "run_now": ("scheduled", {}, ["change_job"]),
    "priority": ("ready", {"priority": "9"}, ["change_job"]),
    "cancel": ("ready", {}, ["cancel_job"]),
}


@pytest.fixture
def root(django_user_model):
    return django_user_model.objects.create(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def admin_client(client, root):
    """Return the client of somebody who may do anything, and whose password nobody has to hash."""
    client.force_login(root)
    return client


@pytest.fixture
def member(client, django_user_model):
    """Return a function that lets a member of staff with these permissions in."""

    def come(*codenames):
        user, _ = django_user_model.objects.get_or_create(username="anna", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return come


def address(row, name="change"):
    return reverse(f"admin:django_jobs_job_{name}", args=[row.pk])


def press(client, row, name, **data):
    return client.post(address(row, name), data, follow=True).content.decode()


def filled(**arguments):
    return {f"argument-{name}": value for name, value in arguments.items()}


def columns(row):
    return Job.objects.values().get(pk=row.pk)


def stored(row):
    return decode(json.dumps(Job.objects.get(pk=row.pk).kwargs))


class TestWhoMayPressThem:
    @pytest.mark.parametrize("name", BUTTONS)
    def test_each_takes_all_of_its_permissions(self, name, member):
        state, data, powers = BUTTONS[name]
        row = make_job(state)
        before = columns(row)
        for missing in powers:
            client = member("view_job", *(power for power in powers if power != missing))
            assert client.get(address(row, name)).status_code == 403
            assert client.post(address(row, name), data).status_code == 403
            assert f"button-{name}" not in client.get(address(row)).content.decode()
        assert columns(row) == before
        client = member("view_job", *powers)
        assert f'id="button-{name}"' in client.get(address(row)).content.decode()
        assert client.post(address(row, name), data).status_code == 302
        assert columns(row) != before

    @pytest.mark.parametrize("name", BUTTONS)
    def test_nobody_else_gets_further_than_to_the_login(self, name, client):
        state, data, _ = BUTTONS[name]
        row = make_job(state)
        before = columns(row)
        assert "/login/" in client.post(address(row, name), data).url
        assert columns(row) == before

    @pytest.mark.parametrize("name", BUTTONS)
    def test_a_forged_post_is_refused(self, name, root):
        # Given a browser that is logged in, and another site's page in it
        state, data, _ = BUTTONS[name]
        row = make_job(state)
        before = columns(row)
        client = Client(enforce_csrf_checks=True)
        client.force_login(root)
        # When that page posts, then nothing happens
        assert client.post(address(row, name), data).status_code == 403
        assert columns(row) == before

    @pytest.mark.parametrize("name", BUTTONS)
    def test_to_look_changes_nothing(self, name, admin_client):
        row = make_job(BUTTONS[name][0])
        before = columns(row)
        assert admin_client.get(address(row, name)).status_code == 200
        assert columns(row) == before

    def test_the_page_carries_the_token_that_its_buttons_send(self, root):
        client = Client(enforce_csrf_checks=True)
        client.force_login(root)
        row = make_job("failed")
        page = client.get(address(row))
        token = page.context["csrf_token"]
        client.post(address(row, "retry"), {"csrfmiddlewaretoken": str(token)})
        assert state_of(row) == "ready"

    def test_whoever_may_act_without_looking_is_led_to_the_index(self, member):
        page = member("cancel_job").post(address(make_job(), "cancel"))
        assert page.url == reverse("admin:index")


class TestWhatTheyDo:
    @pytest.mark.parametrize(
        ("name", "before", "after", "said"),
        [
            ("retry", "failed", "ready", "Retried."),
            ("retry", "cancelled", "ready", "Retried."),
            ("run_now", "scheduled", "ready", "Made ready before its time."),
            ("cancel", "ready", "cancelled", "Cancelled."),
            ("cancel", "running", "cancelled", "Its worker is asked to stop it."),
        ],
    )
    def test_they_move_the_job_say_so_and_log_it(self, name, before, after, said, admin_client):
        row = make_job(before, scheduled_at=timezone.now() + timedelta(days=1))
        html = press(admin_client, row, name)
        assert state_of(row) == after
        assert said in html
        entry = LogEntry.objects.get()
        assert entry.object_id == str(row.pk)
        assert entry.is_change()
        assert entry.get_change_message() in html

    def test_the_priority_is_what_was_entered(self, admin_client):
        row = make_job()
        press(admin_client, row, "priority", priority="-7")
        assert Job.objects.get().priority == -7
        assert LogEntry.objects.get().get_change_message() == "Priority changed."

    @pytest.mark.parametrize("given", ["", "high", "3000000000"])
    def test_a_priority_that_is_none_is_told_at_its_field(self, given, admin_client):
        page = admin_client.post(address(make_job(), "priority"), {"priority": given})
        assert "priority" in page.context["form"].errors

    def test_the_same_priority_is_no_change(self, admin_client):
        assert "has that priority already" in press(
            admin_client, make_job(priority=3), "priority", priority="3"
        )
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("name", BUTTONS)
    @pytest.mark.parametrize("state", Job.State.values)
    def test_what_the_job_is_not_fit_for_any_more_is_said_and_not_done(
        self, name, state, admin_client
    ):
        # Given a page that shows a button, and a job that has gone on meanwhile
        row = make_job(state)
        if f"button-{name}" in admin_client.get(address(row)).content.decode():
            return
        before = columns(row)
        # When the button is pressed
        html = press(admin_client, row, name, **BUTTONS[name][1])
        # Then nothing is changed, and it is said what the job is now
        assert columns(row) == before
        assert f"Nothing was changed: the job is {Job.State(state).label} now." in html
        assert not LogEntry.objects.exists()

    def test_jobs_of_an_ordered_function_keep_their_priority(self, admin_client, own_registry):
        @job(ordered=True, concurrency_key="one")
        @as_if_at_the_top
        def function(): ...

        row = make_job(name=function.job.func, lane=function.job.func)
        html = press(admin_client, row, "priority", priority="9")
        assert "its function is ordered" in html
        assert Job.objects.get().priority == 0

    def test_a_unique_key_that_another_job_holds_is_the_reason_that_is_told(self, admin_client):
        row = make_job("failed", unique_key="k")
        make_job(unique_key="k")
        html = press(admin_client, row, "retry")
        assert "another job is in the way" in html
        assert state_of(row) == "failed"

    def test_a_job_that_is_gone_is_not_found(self, admin_client):
        for name in BUTTONS:
            url = reverse(f"admin:django_jobs_job_{name}", args=[123456789])
            assert admin_client.post(url).status_code == 404


class TestRetryWithEditedArguments:
    @pytest.fixture
    def declared(self, own_registry):
        """Return a function that declares a function, and has it in the catalogue."""

        def declare(function: Any, **options: Any) -> str:
            name = job(**options)(as_if_at_the_top(function)).job.func
            catalogue.sync(using="default")
            return str(name)

        return declare

    def test_the_form_begins_with_the_arguments_that_the_job_has(self, admin_client):
        row = make_job(
            "failed", name=order.job.func,
            kwargs={"colour": "red", "litres": 1.5, "price": {"$decimal": "9.90"}, "coats": 2},
        )  # fmt: skip
        html = admin_client.get(address(row, "retry_with")).content.decode()
        assert 'value="1.5"' in html
        assert 'value="9.90"' in html
        assert '<option value="2" selected>' in html

    def test_the_job_itself_gets_what_was_edited_and_is_ready(self, admin_client):
        # Given a failed job
        row = make_job(
            "failed", name=order.job.func, attempts=3,
            kwargs={"colour": "red", "litres": 1.5, "price": {"$decimal": "9.90"}},
        )  # fmt: skip
        # When one of its arguments is edited
        html = press(
            admin_client, row, "retry_with",
            **filled(colour='"red"', litres="2.5", price="9.90", coats="1"),
        )  # fmt: skip
        # Then the row has the one and the others, and all of its attempts
        row.refresh_from_db()
        assert (row.state, row.attempts, Job.objects.count()) == ("ready", 0, 1)
        assert stored(row)["litres"] == 2.5
        assert stored(row)["price"] == Decimal("9.90")
        # And the log names no value
        assert "2.5" not in LogEntry.objects.get().change_message
        assert "its arguments were edited" in html

    def test_what_python_refuses_is_told_at_its_field_and_changes_nothing(self, admin_client):
        row = make_job("failed", name=order.job.func, kwargs={"colour": "red", "litres": 1.5})
        page = admin_client.post(
            address(row, "retry_with"), filled(colour='"red"', litres="much", coats="1")
        )
        assert list(page.context["form"].errors) == ["argument-litres"]
        assert state_of(row) == "failed"

    def test_a_secret_stays_as_it_was_unless_it_is_replaced(self, admin_client, declared):
        # Given a job with secrets: one as an argument, one within one
        def function(user: str, password: str, card: dict[str, Any], is_token: bool): ...

        row = make_job(
            "failed", name=declared(function),
            kwargs={
                "user": "ada", "password": "hunter2", "is_token": True,
                "card": {"number": 1, "api_key": "sesame"},
            },
        )  # fmt: skip
        # When the form is asked for, then none of them is in it
        html = admin_client.get(address(row, "retry_with")).content.decode()
        assert "hunter2" not in html
        assert "sesame" not in html
        # When something else is edited, and the secrets are left as they are
        shown = json.dumps({"number": 2, "api_key": HIDDEN})
        given = filled(user="bob", password="", card=shown, is_token="")
        press(admin_client, row, "retry_with", **given)
        # Then they are what they were
        assert stored(row) == {
            "user": "bob", "password": "hunter2", "is_token": True,
            "card": {"number": 2, "api_key": "sesame"},
        }  # fmt: skip
        # When they are replaced, then they are what was entered
        Job.objects.update(state="failed", finished_at=timezone.now())
        shown = json.dumps({"number": 2, "api_key": "new"})
        given = filled(user="bob", password="newer", card=shown, is_token="false")
        press(admin_client, row, "retry_with", **given)
        assert stored(row) == {
            "user": "bob", "password": "newer", "is_token": False,
            "card": {"number": 2, "api_key": "new"},
        }  # fmt: skip

    def test_a_secret_with_choices_stays_too_and_none_of_them_is_chosen(
        self, admin_client, declared
    ):
        def function(token: Literal["a", "b"], size: int): ...

        row = make_job("failed", name=declared(function), kwargs={"token": "b", "size": 1})
        html = admin_client.get(address(row, "retry_with")).content.decode()
        assert '<option value="" selected>' in html
        press(admin_client, row, "retry_with", **filled(token="", size="2"))
        assert stored(row) == {"token": "b", "size": 2}
        Job.objects.update(state="failed", finished_at=timezone.now())
        press(admin_client, row, "retry_with", **filled(token='"a"', size="2"))
        assert stored(row) == {"token": "a", "size": 2}

    def test_a_secret_cannot_be_moved_to_where_it_is_shown(self, admin_client, declared):
        def function(card: dict[str, Any]): ...

        row = make_job("failed", name=declared(function), kwargs={"card": {"token": "sesame"}})
        for moved in ({"name": HIDDEN}, [HIDDEN], HIDDEN, {"x": {"token": HIDDEN}}):
            data = filled(card=json.dumps(moved))
            page = admin_client.post(address(row, "retry_with"), data)
            assert "stands where nothing was hidden" in str(page.context["form"].errors)
        assert state_of(row) == "failed"

    def test_what_no_field_can_show_comes_back_as_it_was(self, admin_client, declared):
        # Given arguments that the fields of their types would change
        def function(
            at: datetime, naive: datetime, text: str = "x", none: int | None = 3, odd: int = 1,
            pair: Any = None,
        ): ...  # fmt: skip

        kwargs = {
            "at": datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC),
            "naive": datetime.fromisoformat("2026-11-22T08:00"), "text": "two\nlines",
            "none": None, "odd": "text", "pair": (1, None),
        }  # fmt: skip
        row = make_job("failed", name=declared(function), kwargs=json.loads(encode(kwargs)))
        # When the form is sent as a browser would send it, untouched
        form = admin_client.get(address(row, "retry_with")).context["form"]
        data = {name: form[name].value() for name in form.fields}
        data = {name: "" if value is None else value for name, value in data.items()}
        data["argument-at"] = form["argument-at"].subwidgets[0].data["value"]
        data["argument-text"] = "two\r\nlines"
        press(admin_client, row, "retry_with", **data)
        # Then nothing has changed
        assert state_of(row) == "ready"
        assert stored(row) == kwargs

    @pytest.mark.parametrize("stored", [{"$date": "soon"}, {"$model": ["ledger.gate", 0, "gone"]}])
    def test_what_is_tagged_as_what_it_is_not_is_shown_as_json(
        self, stored, admin_client, declared
    ):
        def function(day: date): ...

        row = make_job("failed", name=declared(function), kwargs={"day": stored})
        form = admin_client.get(address(row, "retry_with")).context["form"]
        assert json.loads(form["argument-day"].value()) == stored
        press(admin_client, row, "retry_with", **filled(day='{"$date": "2026-12-24"}'))
        assert decode(json.dumps(Job.objects.get().kwargs)) == {"day": date(2026, 12, 24)}

    def test_an_argument_that_is_emptied_is_as_the_declaration_says(self, admin_client, declared):
        def function(size: int = 7, data: Any = "usual"): ...

        name = declared(function)
        row = make_job("failed", name=name, kwargs={"size": 3, "data": {"a": 1}})
        press(admin_client, row, "retry_with", **filled(size="", data=""))
        assert stored(row) == {}

    def test_arguments_by_position_are_edited_by_their_names(self, admin_client, declared):
        def function(user: str, password: str, /): ...

        row = make_job("failed", name=declared(function), args=["ada", "hunter2"])
        press(admin_client, row, "retry_with", **filled(user="bob", password=""))
        assert Job.objects.get().args == ["bob", "hunter2"]

    def test_what_has_no_parameter_of_its_own_is_edited_as_json(self, admin_client, declared):
        # Given a function of any arguments
        def function(user, *passwords, **others): ...

        row = make_job("failed", name=declared(function), args=["ada", "hunter2"], kwargs={"x": 1})
        # When it is edited
        html = admin_client.get(address(row, "retry_with")).content.decode()
        assert "hunter2" not in html
        press(
            admin_client, row, "retry_with",
            args=json.dumps(["bob", HIDDEN]), kwargs='{"x": {"$decimal": "9.90"}}',
        )  # fmt: skip
        # Then the secret has stayed
        assert Job.objects.get().args == ["bob", "hunter2"]
        assert stored(row) == {"x": Decimal("9.90")}

    def test_arguments_that_the_function_takes_beside_its_parameters_are_edited_as_json(
        self, admin_client, declared
    ):
        # Given a job with arguments of any name, one of them a secret
        def function(size: int, **others: Any): ...

        kwargs = {"size": 1, "colour": "red", "api_token": "sesame"}
        row = make_job("failed", name=declared(function), kwargs=kwargs)
        # When the form is asked for, then they are in one field
        page = admin_client.get(address(row, "retry_with"))
        assert json.loads(page.context["form"]["other-arguments"].value()) == {
            "colour": "red", "api_token": HIDDEN,
        }  # fmt: skip
        assert "sesame" not in page.content.decode()
        # When one is edited, then the other stays
        others = json.dumps({"colour": "blue", "api_token": HIDDEN})
        press(admin_client, row, "retry_with", **filled(size="2"), **{"other-arguments": others})
        assert stored(row) == {"size": 2, "colour": "blue", "api_token": "sesame"}

    def test_arguments_that_are_no_list_are_shown_as_they_are_and_told_of(
        self, admin_client, declared
    ):
        def function(size: int = 1): ...

        row = make_job("failed", name=declared(function), args={"size": 3})
        form = admin_client.get(address(row, "retry_with")).context["form"]
        data = {name: form[name].value() for name in form.fields}
        page = admin_client.post(address(row, "retry_with"), data)
        assert "must be a JSON array" in str(page.context["form"].errors)
        press(admin_client, row, "retry_with", args="[3]", kwargs="")
        assert Job.objects.get().args == [3]

    @pytest.mark.parametrize(
        ("args", "kwargs", "said"),
        [
            ("{}", '{"order_id": 1}', "positional arguments must be a JSON array"),
            ("[1]", "[]", "keyword arguments must be a JSON object"),
            ("[", '{"order_id": 1}', "valid JSON"),
        ],
    )
    def test_json_of_another_kind_is_told(self, args, kwargs, said, admin_client):
        row = make_job("failed", name="tests.samples.send", kwargs={"order_id": 1})
        Task.objects.all().delete()
        data = {"args": args, "kwargs": kwargs}
        page = admin_client.post(address(row, "retry_with"), data)
        assert said in str(page.context["form"].errors)
        assert state_of(row) == "failed"

    def test_a_function_that_nobody_knows_is_told(self, admin_client):
        row = make_job("failed", name="gone.one")
        page = admin_client.post(address(row, "retry_with"), {"args": "[]", "kwargs": "{}"})
        assert "gone.one" in str(page.context["form"].errors)
        assert state_of(row) == "failed"

    def test_the_result_of_a_step_stays_what_it_stands_for(self, admin_client, declared):
        def function(given: Any, size: int): ...

        result = {"$result": ["one", 3]}
        name = declared(function)
        row = make_job("failed", name=name, kwargs={"given": result, "size": 1})
        press(admin_client, row, "retry_with", **filled(given=json.dumps(result), size="2"))
        assert Job.objects.get().kwargs == {"given": result, "size": 2}

    def test_nobody_can_ask_for_the_result_of_another_step(self, admin_client, declared):
        def function(given: Any): ...

        row = make_job("failed", name=declared(function), kwargs={"given": 1})
        data = filled(given='{"$result": ["one", 4711]}')
        page = admin_client.post(address(row, "retry_with"), data)
        assert list(page.context["form"].errors) == ["argument-given"]

    def test_keys_that_are_worked_out_from_the_arguments_are_worked_out_anew(
        self, admin_client, declared
    ):
        def function(size: int): ...

        key = "size-{}".format
        name = declared(
            function, unique_key=lambda size: key(size), concurrency_key=lambda size: key(size),
            max_running_per_key=1,
        )  # fmt: skip
        fields = {"unique_key": "size-1", "concurrency_key": "size-1", "kwargs": {"size": 1}}
        row = make_job("failed", name=name, **fields)
        press(admin_client, row, "retry_with", **filled(size="2"))
        row.refresh_from_db()
        assert (row.unique_key, row.concurrency_key) == ("size-2", "size-2")

    def test_a_key_that_another_job_holds_changes_nothing(self, admin_client, declared):
        def function(size: int): ...

        name = declared(function, unique_key=lambda size: f"size-{size}")
        row = make_job("failed", name=name, unique_key="size-1", kwargs={"size": 1})
        make_job(unique_key="size-2")
        html = press(admin_client, row, "retry_with", **filled(size="2"))
        row.refresh_from_db()
        assert (row.state, row.unique_key, row.kwargs) == ("failed", "size-1", {"size": 1})
        assert "another job is in the way" in html

    def test_one_that_another_job_has_ended_waits_for_it_again(self, admin_client, declared):
        def function(size: int): ...

        cause = make_job("failed", unsettled=True)
        row = make_job("failed", name=declared(function), kwargs={"size": 1}, ended_by=cause.pk)
        Link.objects.create(waiting=row, awaited=cause)
        press(admin_client, row, "retry_with", **filled(size="2"))
        assert [state_of(one) for one in (cause, row)] == ["ready", "blocked"]
        assert stored(row) == {"size": 2}


class TestClone:
    def test_the_form_that_enqueues_begins_with_the_job(self, admin_client):
        # Given a job that is not as its function says
        row = make_job(
            "succeeded", name=order.job.func, queue="slow", priority=-3, max_attempts=5,
            kwargs={"colour": "red", "litres": 1.5}, meta={"shop": "anna"}, timeout=timedelta(0),
        )  # fmt: skip
        url = f"{ADD}?clone={row.pk}"
        assert url in admin_client.get(address(row)).content.decode()
        # When it is cloned as the form shows it
        form = admin_client.get(url).context["form"]
        data = {name: form[name].value() for name in form.fields}
        data = {name: value for name, value in data.items() if value is not None}
        admin_client.post(url, data)
        # Then there is another one like it
        clone = Job.objects.latest("pk")
        assert clone.pk != row.pk
        assert (clone.queue, clone.priority, clone.max_attempts) == ("slow", -3, 5)
        assert clone.timeout == timedelta(0)
        assert clone.meta == {"shop": "anna"}
        assert stored(clone)["litres"] == 1.5
        assert LogEntry.objects.get().is_addition()

    def test_secrets_come_along_without_being_shown(self, admin_client, own_registry):
        @job
        @as_if_at_the_top
        def function(user: str, password: str): ...

        catalogue.sync(using="default")
        kwargs = {"user": "ada", "password": "hunter2"}
        row = make_job("succeeded", name=function.job.func, kwargs=kwargs)
        url = f"{ADD}?clone={row.pk}"
        assert "hunter2" not in admin_client.get(url).content.decode()
        admin_client.post(url, filled(user="bob", password=""))
        clone = Job.objects.latest("pk")
        assert clone.kwargs == {"user": "bob", "password": "hunter2"}
        assert "hunter2" not in LogEntry.objects.get().change_message

    def test_options_come_along_too_where_the_arguments_are_json(self, admin_client, own_registry):
        @job
        @as_if_at_the_top
        def function(*sizes: int): ...

        catalogue.sync(using="default")
        row = make_job("succeeded", name=function.job.func, args=[1, 2], queue="slow")
        url = f"{ADD}?clone={row.pk}"
        form = admin_client.get(url).context["form"]
        data = {name: form[name].value() for name in form.fields}
        data = {name: value for name, value in data.items() if value is not None}
        admin_client.post(url, {**data, "args": "[3]", "priority": "5"})
        clone = Job.objects.latest("pk")
        assert (clone.args, clone.queue, clone.priority) == ([3], "slow", 5)

    def test_it_takes_the_permissions_to_enqueue_and_to_see_arguments(self, member):
        row = make_job("succeeded", name=order.job.func)
        url = f"{ADD}?clone={row.pk}"
        for powers in (["view_job", "add_job"], ["view_job", "view_job_arguments"]):
            client = member(*powers)
            assert client.get(url).status_code == 403
            assert client.post(url).status_code == 403
            assert "button-clone" not in client.get(address(row)).content.decode()

    @pytest.mark.parametrize("key", ["0", "x", "9" * 30])
    def test_a_job_that_is_not_there_is_not_found(self, key, admin_client):
        assert admin_client.get(f"{ADD}?clone={key}").status_code == 404

    def test_a_job_that_they_may_not_see_is_not_found(self, member, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.of_their_shop"}
        row = make_job(name=order.job.func, meta={"shop": "bert"})
        client = member("view_job", "add_job", "view_job_arguments")
        assert client.get(f"{ADD}?clone={row.pk}").status_code == 404

    def test_a_function_that_is_not_in_the_catalogue_is_told(self, admin_client):
        html = admin_client.get(f"{ADD}?clone={make_job(name='gone.one').pk}").content.decode()
        assert "not in the catalogue: gone.one" in html
