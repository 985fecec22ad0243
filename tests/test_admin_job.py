"""The page of one job: what it shows to whom, and what it keeps to itself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import django
import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_jobs import chain, group, job
from django_jobs.admin import JobAdmin
from django_jobs.encoding import MAX_DEPTH, encode
from django_jobs.models import Job, Link, Schedule, Step, Task, Worker
from django_jobs.redaction import HIDDEN
from tests.rows import make_job, new_job
from tests.samples import as_if_at_the_top

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"
TOLD = "&lt;script&gt;alert(1)"


@pytest.fixture
def admin_client(client, django_user_model):
    """Return the client of somebody who may do anything, and whose password nobody has to hash."""
    client.force_login(
        django_user_model.objects.create(username="root", is_staff=True, is_superuser=True)
    )
    return client


@pytest.fixture
def member(client, django_user_model, settings):
    """Return a function that lets a member of staff of the shop "anna" in, who sees its jobs."""

    def come(*codenames, limited=True):
        if limited:
            settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.of_their_shop"}
        user = django_user_model.objects.create(username="anna", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return come


def address(row, name="change"):
    return reverse(f"admin:django_jobs_job_{name}", args=[row.pk])


def page_of(client, row, name="change"):
    page = client.get(address(row, name))
    assert page.status_code == 200
    return page.content.decode()


def error(attempt=1, minutes=10, **given: Any) -> dict[str, Any]:
    began = timezone.now() - timedelta(minutes=minutes)
    return {
        "attempt": attempt, "exception": "shop.Refused", "message": "no money",
        "traceback": 'File "shop.py", line 3', "worker": "web1:7",
        "started_at": began.isoformat(),
        "ended_at": (began + timedelta(seconds=90)).isoformat(), **given,
    }  # fmt: skip


class TestTheTimeLine:
    def test_it_tells_each_attempt_with_its_worker_its_duration_and_its_end(self, admin_client):
        # Given a job that has failed twice
        row = make_job(
            "failed", attempts=2, errors=[error(1, 10), error(2, 5, message="no money again")],
            enqueued_at=timezone.now() - timedelta(minutes=11),
        )  # fmt: skip
        # When it is looked at
        html = page_of(admin_client, row)
        # Then each attempt is told, in the order of time, and the last traceback is open
        places = [html.index(words) for words in ("Enqueued", "Attempt 1 failed", "Attempt 2 fai")]
        assert places == sorted(places)
        assert "for 1 min 30 s" in html
        assert "by web1:7" in html
        assert "shop.Refused: no money again" in html
        assert html.count("<details") == 2
        assert '<details id="traceback-3" open>' in html

    @pytest.mark.parametrize(
        ("state", "fields", "words"),
        [
            ("ready", {}, "Now"),
            ("running", {"started_at": timezone.now()}, "Attempt 1 is running"),
            ("running", {}, "Claimed for attempt 1, not begun"),
            ("succeeded", {"started_at": timezone.now()}, "Attempt 1 succeeded"),
            ("cancelled", {"started_at": timezone.now()}, "Attempt 1 was cancelled"),
            ("cancelled", {"attempts": 0}, "Cancelled before it ran"),
            ("failed", {"started_at": timezone.now()}, "Attempt 1 failed"),
            ("scheduled", {"attempts": 1, "max_attempts": 3}, "Attempt 2 is due"),
            ("ready", {"aged_at": timezone.now()}, "Priority raised"),
            ("ready", {"expires_at": timezone.now()}, "Cancelled unless it has begun"),
            ("succeeded", {"prune_at": timezone.now()}, "Its row may be deleted"),
            ("ready", {"scheduled_at": timezone.now() + timedelta(hours=1)}, "Due"),
        ],
    )
    def test_it_tells_where_a_job_is(self, state, fields, words, admin_client):
        assert words in page_of(admin_client, make_job(state, **fields))

    def test_runs_that_dead_workers_gave_back_are_told_beside_the_attempts(self, admin_client):
        html = page_of(admin_client, make_job(attempts=1, max_attempts=3, reprieves=2))
        assert "1 of 3, given back 2 times by dead workers, at no charge" in html

    @pytest.mark.parametrize(
        "odd",
        [
            {}, [3], [{"started_at": "soon", "ended_at": 3}],
            [{"started_at": "2026-02-30T08:00:00+00:00"}], "x",
        ],
    )  # fmt: skip
    def test_what_only_sql_could_write_is_shown_too(self, odd, admin_client):
        page_of(admin_client, make_job("failed", errors=odd))


class TestValues:
    def test_tagged_ones_are_readable(self, admin_client):
        kwargs = {
            "at": {"$datetime": "2026-11-22T08:00:00+01:00"}, "price": {"$decimal": "9.90"},
            "wait": {"$timedelta": "1:3600:0"}, "pair": {"$tuple": [1, 2]}, "$$own": 3,
            "order": {"$model": ["shop.order", 3, "default"]}, "odd": {"$timedelta": "x"},
        }  # fmt: skip

        html = page_of(admin_client, make_job(kwargs=kwargs))

        for words in (
            "datetime 2026-11-22T08:00:00+01:00", "Decimal 9.90", "timedelta 1 day, 1:00:00",
            "tuple [", "&quot;$own&quot;: 3", "shop.order #3", "&quot;$timedelta&quot;: &quot;x",
        ):  # fmt: skip
            assert words in html

    def test_very_large_ones_are_cut_and_it_is_said(self, admin_client):
        row = make_job("succeeded", result=list(range(100_000)))

        html = page_of(admin_client, row)

        assert "cut after 20,000 characters" in html
        assert len(html) < 100_000

    @pytest.mark.parametrize("kind", ["list", "dict", "tuple"])
    def test_those_nested_as_deep_as_can_be_stored_break_no_page(self, kind, admin_client):
        # Given a job with arguments, and a result, that are nested as deep as they may be
        value: Any = 1
        for _ in range(MAX_DEPTH - 1):
            value = {"list": [value], "dict": {"a": value}, "tuple": (value,)}[kind]
        stored = json.loads(encode([value]))
        row = make_job(
            "failed", name="tests.samples.anything", kwargs={"x": stored}, result=stored,
            meta={"x": stored},
        )  # fmt: skip
        # When it is looked at, then their beginning is shown
        assert page_of(admin_client, row).count("cut after 20,000 characters") == 3
        # And it can be retried with them as they are
        form = admin_client.get(address(row, "retry_with")).context["form"]
        data = {name: form[name].value() for name in form.fields}
        assert admin_client.post(address(row, "retry_with"), data).status_code == 302
        assert Job.objects.get().kwargs == {"x": stored}

    def test_everything_from_a_job_is_text(self, admin_client):
        # Given a job with script in every field that can hold it
        row = make_job(
            "failed", name=EVIL, queue=EVIL, unique_key=EVIL, concurrency_key=EVIL, note=EVIL,
            args=[EVIL], kwargs={EVIL: EVIL}, result={EVIL: EVIL}, meta={EVIL: EVIL},
            progress={"done": EVIL, "total": EVIL, "message": EVIL}, fingerprint="<script>",
            log=[{"attempt": EVIL, "at": EVIL, "message": EVIL}],
            errors=[error(EVIL, exception=EVIL, message=EVIL, traceback=EVIL, worker=EVIL)],
        )  # fmt: skip
        make_job(name=EVIL, parent=row)
        # When its pages are looked at
        for name in ("change", "live", "history", "retry", "retry_with"):
            html = page_of(admin_client, row, name)
            # Then nothing of it is markup
            assert "<script>alert" not in html
            assert "<script>" not in html.replace("<script>\n", "")
        assert TOLD in page_of(admin_client, row)


class TestSecrets:
    def test_they_are_hidden_by_name_by_parameter_and_wherever_they_are_repeated(
        self, admin_client, own_registry
    ):
        # Given a function with parameters named like secrets, and a job that repeats them
        @job
        @as_if_at_the_top
        def function(user, api_token, /, *passwords, card: dict[str, Any]): ...

        row = make_job(
            "failed", name=function.job.func, args=["ada", "tok-positional", "pass-rest"],
            kwargs={"card": {"number": 1, "secret_code": "code-nested"}},
            meta={"password": "pass-meta"}, result={"token": "tok-result", "echo": "code-nested"},
            progress={"done": 1, "message": "using tok-positional"},
            log=[{"attempt": 1, "at": "", "message": "code-nested is fine"}],
            errors=[error(message="bad pass-rest", traceback="f('pass-meta')")],
            note="pass-meta", unique_key="k-tok-positional",
        )  # fmt: skip
        # When its pages are looked at
        for name in ("change", "live", "retry_with"):
            html = page_of(admin_client, row, name)
            # Then none of them is there, and the rest is
            for secret in ("tok-", "pass-", "code-"):
                assert secret not in html.replace("retry-", "")
        html = page_of(admin_client, row)
        assert "ada" in html
        assert HIDDEN in html

    def test_positional_ones_are_hidden_by_the_catalogue_where_the_code_is_unknown(
        self, admin_client
    ):
        Task.objects.create(
            name="gone.one", hash="x", parameters=[{"name": "user"}, {"name": "password"}]
        )
        html = page_of(admin_client, make_job(name="gone.one", args=["ada", "hunter2"]))
        assert "ada" in html
        assert "hunter2" not in html

    def test_where_nobody_knows_the_parameters_nothing_by_position_is_shown(self, admin_client):
        html = page_of(admin_client, make_job(name="gone.two", args=["ada", "hunter2"]))
        assert "ada" not in html
        assert "hunter2" not in html


class TestWithoutThePermissionToSeeArguments:
    def test_nothing_that_a_job_was_given_or_says_is_shown_and_that_is_said(self, member):
        # Given a job full of data
        row = make_job(
            "failed", name="tests.samples.anything", args=["DATA"], kwargs={"x": "DATA"},
            result="DATA", note="DATA", meta={"shop": "anna", "x": "DATA"},
            progress={"done": 1, "total": 2, "message": "DATA"},
            log=[{"attempt": 1, "at": "", "message": "DATA"}],
            errors=[error(message="DATA", traceback="DATA", exception="shop.Refused")],
        )  # fmt: skip
        # When somebody looks who may see jobs only
        client = member("view_job")
        for html in (page_of(client, row), page_of(client, row, "live")):
            # Then they see what kind of error it was, and how far the job is
            assert "DATA" not in html
            assert "shop.Refused" in html
            assert "1 of 2 (50 %)" in html
        assert "You may not see arguments" in page_of(client, row)

    def test_the_reasons_repeat_none_of_it_either(self, member):
        row = make_job(
            "scheduled", attempts=1, note="DATA", meta={"shop": "anna"},
            errors=[error(message="DATA")], scheduled_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        html = page_of(member("view_job"), row)
        assert "Attempt 1 failed: Refused" in html
        assert "DATA" not in html


class TestALimitedUser:
    @pytest.mark.parametrize("name", ["live", "retry", "retry_with", "cancel", "run_now"])
    def test_finds_no_page_of_jobs_of_others(self, name, member):
        row = make_job("failed", meta={"shop": "bert"})
        client = member(
            "view_job", "retry_job", "cancel_job", "add_job", "change_job", "view_job_arguments"
        )
        assert client.get(address(row, name)).status_code == 404
        assert client.post(address(row, name)).status_code == (405 if name == "live" else 404)

    def test_is_led_away_from_them_as_from_jobs_that_are_not_there(self, member):
        row = make_job(meta={"shop": "bert"})
        client = member("view_job")
        for name in ("change", "history"):
            page = client.get(address(row, name), follow=True)
            assert page.request["PATH_INFO"] == reverse("admin:index")

    def test_sees_relations_to_their_own_jobs_and_how_many_others_there_are(self, member):
        # Given a job of their shop that waits for jobs of both shops
        row = make_job("blocked", meta={"shop": "anna"}, parent=make_job(name="other.parent"))
        theirs = make_job(name="own.one", meta={"shop": "anna"})
        others = [make_job(name="other.one", meta={"shop": "bert"}) for _ in range(2)]
        for awaited in (theirs, *others):
            Link.objects.create(waiting=row, awaited=awaited)
        make_job(name="other.child", parent=row)
        # When they look at it
        html = page_of(member("view_job"), row)
        # Then the others are counted, and neither named nor numbered
        assert f"own.one #{theirs.pk}" in html
        assert "2 jobs that you may not see" in html
        assert "other." not in html
        for one in others:
            assert f"#{one.pk}" not in html

    def test_is_not_told_who_holds_a_limit(self, member, own_registry):
        @job(max_running=1)
        @as_if_at_the_top
        def function(): ...

        name = function.job.func
        holder = make_job("running", name=name, lane=name, meta={"shop": "bert"})
        row = make_job(name=name, lane=name, meta={"shop": "anna"})
        html = page_of(member("view_job"), row)
        assert "Of its function 1 may run at one time, and as many do." in html
        assert f"#{holder.pk}" not in html

    def test_is_not_told_of_the_job_of_others_that_has_ended_theirs(self, member):
        # Given a job that never ran because of another one's end
        other = make_job("failed", name="other.one", meta={"shop": "bert"})
        told = f"other.one #{other.pk} has failed"
        row = make_job(
            "failed", ended_by=other.pk, attempts=0, meta={"shop": "anna"}, note=told,
            errors=[error(0, message=told, traceback="", started_at=None)],
        )  # fmt: skip
        # When they look at it, whatever else they may
        client = member("view_job", "view_job_arguments", "retry_job", "add_job")
        html = page_of(client, row)
        # Then nothing tells of it, and a retry, which would be the other one's, is not theirs
        assert "it waited for another job" in html
        assert "other.one" not in html
        assert f"#{other.pk}" not in html
        assert "button-retry" not in html
        client.post(address(row, "retry"))
        client.post(address(row, "retry_with"))
        assert Job.objects.failed().count() == 2


class TestWhereItComesFrom:
    def test_code_is_the_answer_where_nothing_else_says_so(self, admin_client):
        assert "code: a view, a command" in page_of(admin_client, make_job())

    def test_a_schedule_is_named_with_the_tick(self, admin_client):
        schedule = Schedule.objects.create(
            name="nightly", function="tests.samples.anything", cron="0 3 * * *",
            next_tick=timezone.now(),
        )  # fmt: skip
        row = make_job(schedule=schedule, tick=timezone.now())
        html = page_of(admin_client, row)
        assert reverse("admin:django_jobs_schedule_change", args=[schedule.pk]) in html
        assert "For the tick of" in html

    def test_a_schedule_that_is_gone_is_told_by_its_number(self, admin_client):
        assert "4711, gone" in page_of(admin_client, make_job(schedule_id=4711))

    def test_a_workflow_is_linked_with_its_step(self, admin_client):
        workflow = chain(new_job(), new_job()).enqueue()
        row = Job.objects.latest("pk")
        html = page_of(admin_client, row)
        assert reverse("admin:django_jobs_workflow_change", args=[workflow.pk]) in html
        assert f"?step__id__exact={row.step_id}" in html
        assert "jobs have ended" not in html

    def test_a_workflow_is_named_to_those_who_may_not_follow_a_link(self, member):
        workflow = chain(new_job(meta={"shop": "anna"}), name="mine").enqueue()
        html = page_of(member("view_job"), Job.objects.get())
        assert f"mine #{workflow.pk}" in html
        assert "/workflow/" not in html

    def test_a_workflow_that_is_gone_is_told_so(self, admin_client):
        assert "It is gone." in page_of(admin_client, make_job(step_id=4711))

    def test_of_a_batch_in_a_workflow_it_is_told_how_far_it_is(self, admin_client, member):
        # Given one of three jobs, of which two have ended
        group(*[new_job(meta={"shop": "anna"}) for _ in range(3)]).enqueue()
        Step.objects.update(jobs_left=1)
        row = Job.objects.latest("pk")
        # When it is looked at
        told = "2 of its 3 jobs have ended"
        assert told in page_of(admin_client, row)
        # Then who may not see all jobs is not told how others are
        assert told not in page_of(member("view_job"), row)

    def test_a_link_is_for_those_who_may_follow_it(self, member):
        schedule = Schedule.objects.create(
            name="nightly", function="tests.samples.anything", cron="0 3 * * *",
            next_tick=timezone.now(),
        )  # fmt: skip
        row = make_job(schedule=schedule, meta={"shop": "anna"})
        html = page_of(member("view_job"), row)
        assert "nightly" in html
        assert reverse("admin:django_jobs_schedule_change", args=[schedule.pk]) not in html

    def test_who_enqueued_it_in_the_admin_is_told_by_the_log(self, admin_client, admin_user):
        row = make_job()
        LogEntry.objects.create(
            user=admin_user, content_type=ContentType.objects.get_for_model(Job),
            object_id=str(row.pk), object_repr="x", action_flag=ADDITION, change_message=EVIL,
        )  # fmt: skip
        html = page_of(admin_client, row)
        assert "Enqueued in the admin by" in html
        assert str(admin_user) in html
        assert EVIL not in html


class TestTheLivePart:
    def test_it_is_asked_for_while_the_job_lives(self, admin_client):
        row = make_job("running")
        assert f'data-django-jobs-live="{address(row, "live")}" data-interval="2"' in page_of(
            admin_client, row
        )
        assert "data-django-jobs-live" not in page_of(admin_client, make_job("failed"))

    def test_it_has_the_state_the_progress_the_log_and_no_page_around_it(self, admin_client):
        row = make_job(
            "running", started_at=timezone.now(), progress={"done": 1, "total": 2},
            log=[{"attempt": 1, "at": timezone.now().isoformat(), "message": "opened"}],
        )  # fmt: skip
        page = admin_client.get(address(row, "live"))
        html = page.content.decode()
        for words in ("running", "1 of 2 (50 %)", "opened", "Attempt 1 is running", "Cancel…"):
            assert words in html
        assert "<html" not in html
        assert "no-store" in page.headers["Cache-Control"]

    def test_it_is_read_only(self, admin_client):
        assert admin_client.post(address(make_job(), "live")).status_code == 405

    def test_it_is_for_those_who_may_see_jobs(self, member, client):
        row = make_job()
        assert client.get(address(row, "live")).status_code == 302
        assert member("retry_job").get(address(row, "live")).status_code == 403

    def test_a_job_that_is_gone_is_not_found(self, admin_client):
        url = reverse("admin:django_jobs_job_live", args=[123456789])
        assert admin_client.get(url).status_code == 404


def test_the_page_has_nothing_that_a_strict_policy_refuses(admin_client):
    html = page_of(admin_client, make_job("running", progress={"done": 1, "total": 2}))
    own = html[html.index('id="content"') :]
    for what in (" style=", " onclick=", "<style", "<script>"):
        assert what not in own.partition("</form>")[0]


@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django has no actions on change forms")
def test_actions_of_a_project_that_are_for_the_change_form_stand_on_the_page(rf, django_user_model):
    # Given a project's own admin of jobs, with an action for one job
    def paint(admin, request, queryset):
        return HttpResponse(f"painted {queryset.get().pk}")

    paint.locations = [admin.ActionLocation.CHANGE_FORM]  # type: ignore[attr-defined]

    class Own(JobAdmin):
        actions: Any = (*JobAdmin.actions, paint)

    row, own = make_job("failed"), Own(Job, admin.site)
    root = django_user_model.objects.create(username="root", is_staff=True, is_superuser=True)

    def answer(request):
        request.user, request._dont_enforce_csrf_checks = root, True
        response = own.change_view(request, str(row.pk))
        return response.render() if hasattr(response, "render") else response

    # When the page is looked at, and the action is chosen
    html = answer(rf.get("/")).content.decode()
    chosen = {"CHANGE_FORM-action": "paint", "_selected_action": str(row.pk)}
    # Then it is there and runs, beside the buttons, and without those of the list
    assert '<option value="paint">' in html
    assert "button-retry" in html
    assert "retry_jobs" not in html
    assert answer(rf.post("/", chosen)).content.decode() == f"painted {row.pk}"


def queries(client, row):
    with CaptureQueriesContext(connection) as seen:
        page_of(client, row)
    return [query["sql"] for query in seen]


def test_the_page_asks_as_many_questions_whatever_the_job_has_to_do_with(admin_client):
    # Given a job with one of everything, and one with many
    def job_with(count):
        worker = Worker.objects.create(hostname="web1", pid=1)
        row = make_job(
            "blocked", errors=[error(n) for n in range(count * 2)], parent=make_job(),
            kwargs={"x": 1}, meta={"x": 1},
        )  # fmt: skip
        for _ in range(count):
            make_job(parent=row)
            Link.objects.create(waiting=row, awaited=make_job("running", worker=worker))
            Link.objects.create(waiting=make_job(), awaited=row)
        return row

    few, many = job_with(1), job_with(50)
    queries(admin_client, few)  # fills caches of content types
    # When both are looked at, then as many questions are asked, and none of them counts
    asked = queries(admin_client, many)
    assert len(asked) == len(queries(admin_client, few)) <= 20
    assert not [sql for sql in asked if "COUNT(*)" in sql.upper() and "LIMIT" not in sql.upper()]


def test_what_is_stored_oddly_breaks_no_page(admin_client):
    odd: Any
    for odd in (3, "x", None, [[[]]], {"$result": ["one", 3]}):
        row = make_job(kwargs={"x": odd}, meta={"y": odd})
        html = page_of(admin_client, row)
        assert json.dumps("x").replace('"', "&quot;") in html
