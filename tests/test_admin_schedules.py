"""The admin of schedules."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import engine, pause_queue
from django_jobs.admin import audit
from django_jobs.models import Job, Schedule
from tests.plans import TABLE, statements_of, ways_into_jobs
from tests.rows import make_job, sql
from tests.test_query_plans import finished

pytestmark = pytest.mark.django_db

LIST = reverse("admin:django_jobs_schedule_changelist")
ADD = reverse("admin:django_jobs_schedule_add")
PREVIEW = reverse("admin:django_jobs_schedule_preview")
FORM = {
    "name": "by hand", "function": "tests.samples.send", "args": "[7]", "kwargs": "{}",
    "cron": "0 3 * * *", "every": "", "timezone": "Asia/Tokyo", "missed": "once",
    "overlap": "allow", "is_enabled": "on", "queue": "", "priority": "",
    "start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_others(db):
    Schedule.objects.all().delete()


def make(**fields):
    return Schedule.objects.create(
        **{"name": "one", "function": "tests.samples.anything", "cron": "0 3 * * *", **fields}
    )


def address(schedule, page="change"):
    return reverse(f"admin:django_jobs_schedule_{page}", args=[schedule.pk])


def page_of(client, schedule):
    return client.get(address(schedule)).content.decode()


def act(client, action, *schedules):
    data = {"action": action, "_selected_action": [one.pk for one in schedules]}
    return client.post(LIST, data, follow=True).content.decode()


class TestForms:
    def test_a_schedule_is_made_by_hand(self, admin_client):
        admin_client.post(ADD, FORM)
        made = Schedule.objects.get()
        assert (made.function, made.args, made.kwargs) == ("tests.samples.send", [7], {})
        assert (made.cron, made.every, made.queue) == ("0 3 * * *", None, None)
        assert (made.timezone, made.source) == ("Asia/Tokyo", "hand")

    def test_only_declared_job_functions_are_a_choice(self, admin_client):
        html = admin_client.get(ADD).content.decode()
        assert '<option value="tests.samples.send">' in html
        assert "read_price_list" not in html
        page = admin_client.post(ADD, {**FORM, "function": "testproject.shop.jobs.read_price_list"})
        assert "is not one of the available choices" in page.content.decode()
        assert not Schedule.objects.exists()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"cron": "61 * * * *"}, "Bad minute"),
            ({"args": "[]"}, "missing a required argument"),
            ({"timezone": "Mars"}, "no time zone"),
            ({"every": "3600"}, "Give either"),
            ({"kwargs": '{"note": NaN}'}, "NaN"),
        ],
    )
    def test_what_could_not_tick_is_refused(self, admin_client, wrong, said):
        page = admin_client.post(ADD, {**FORM, **wrong})
        assert said.lower() in page.content.decode().lower()
        assert not Schedule.objects.exists()

    def test_empty_arguments_are_none(self, admin_client):
        admin_client.post(
            ADD, {**FORM, "function": "tests.samples.anything", "args": "", "kwargs": ""}
        )
        assert (Schedule.objects.get().args, Schedule.objects.get().kwargs) == ([], {})

    def test_its_next_five_runs_are_shown_in_its_time_zone(self, admin_client):
        html = page_of(admin_client, make(timezone="Asia/Tokyo"))
        assert html.count("03:00:00 JST") == 5

    def test_one_that_cannot_be_read_is_shown_all_the_same(self, admin_client):
        schedule = make(cron="every day", note="InvalidOption: <b>")
        assert "cannot be read" in page_of(admin_client, schedule)
        assert "InvalidOption: &lt;b&gt;" in admin_client.get(LIST).content.decode()

    def test_of_what_code_declares_people_only_say_whether_it_is_enabled(self, admin_client):
        schedule = make(source="code", function="gone.with.the.deploy")
        url = reverse("admin:django_jobs_schedule_change", args=[schedule.pk])
        admin_client.post(url, {**FORM, "is_enabled": ""})
        schedule.refresh_from_db()
        assert (schedule.is_enabled, schedule.name, schedule.cron) == (False, "one", "0 3 * * *")

    def test_what_code_declares_is_not_deleted(self, admin_client):
        declared, other = make(source="code"), make(name="two")
        url = reverse("admin:django_jobs_schedule_delete", args=[declared.pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403
        chosen = {"_selected_action": [declared.pk, other.pk]}
        data = {"action": "delete_selected", "post": "yes", **chosen}
        assert admin_client.post(LIST, data).status_code == 403
        url = reverse("admin:django_jobs_schedule_delete", args=[other.pk])
        admin_client.post(url, {"post": "yes"})
        assert Schedule.objects.get() == declared


class TestList:
    def test_it_says_when_and_what_came_of_it(self, admin_client):
        job = make_job("failed")
        tick = timezone.now()
        make(last_job=job, last_tick=tick, next_tick=tick + timedelta(days=1))
        make(name="two", cron=None, every=timedelta(minutes=5), last_job_id=10**12)
        html = admin_client.get(LIST).content.decode()
        assert "At 03:00 every day" in html
        assert "Every 5 min" in html
        page = reverse("admin:django_jobs_job_change", args=[job.pk])
        assert f'<a href="{page}">#{job.pk}</a> failed' in html
        assert f"#{10**12}" in html

    def test_it_asks_as_many_questions_for_fifty_as_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        for number in range(50):
            make(name=str(number), last_job=make_job())
        with django_assert_max_num_queries(9):
            admin_client.get(LIST)

    def test_of_last_jobs_only_visible_ones_are_shown(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        own, other = (make_job("failed", meta={"tenant": tenant}) for tenant in (1, 2))
        for job in (own, other):
            make(name=str(job.pk), last_job=job)
        html = staff("view_schedule", "view_job").get(LIST).content.decode()
        assert f">#{own.pk}</a> failed" in html
        assert f"#{other.pk}<" not in html

    def test_without_the_permission_to_see_jobs_none_is_shown(self, staff):
        job = make_job("failed")
        schedule = make(last_job=job)
        client = staff("view_schedule")
        assert f"#{job.pk}" not in client.get(LIST).content.decode()
        assert "last jobs" not in page_of(client, schedule).lower()

    def test_schedules_are_run_now(self, admin_client):
        html = act(admin_client, "run_now", make(), make(name="bad", function="no.such"))
        assert "1 job was enqueued." in html
        assert "No job function is named &#x27;no.such&#x27;" in html
        assert Job.objects.filter(schedule__name="one").count() == 1
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.change_message) == ("one", "Run now.")

    def test_where_none_can_be_run_nothing_is_said_to_be_enqueued(self, admin_client):
        html = act(admin_client, "run_now", make(function="no.such"))
        assert "No job function is named" in html
        assert "enqueued" not in html
        assert not LogEntry.objects.exists()

    def test_of_very_many_there_is_one_entry(self, admin_client, monkeypatch):
        monkeypatch.setattr(audit, "MOST", 2)
        act(admin_client, "disable", *(make(name=str(number)) for number in range(3)))
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.change_message) == ("3 schedules", "Disabled.")

    def test_they_are_disabled_and_enabled_and_count_from_then_on(self, admin_client):
        schedule = make()
        past = timezone.now() - timedelta(days=1)
        Schedule.objects.update(next_tick=past, counts_from=past)
        assert "1 schedule was switched." in act(admin_client, "disable", schedule)
        assert engine.fire(using="default").count == 0
        act(admin_client, "enable", schedule)
        assert engine.fire(using="default").count == 0
        schedule.refresh_from_db()
        assert schedule.next_tick > timezone.now()
        entries = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
        assert list(entries) == ["Disabled.", "Enabled."]

    def test_who_may_only_look_cannot_act(self, client, django_user_model):
        user = django_user_model.objects.create_user("anna", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_schedule"))
        client.force_login(user)
        schedule = make()
        for action in ("run_now", "disable"):
            act(client, action, schedule)
        assert not Job.objects.exists()
        assert Schedule.objects.get().is_enabled
        assert client.post(ADD, FORM).status_code == 403
        assert "At 03:00 every day" in client.get(LIST).content.decode()


class TestPreview:
    def preview(self, client, **given):
        return client.get(PREVIEW, given)

    @pytest.mark.parametrize("at", ["add", "change"])
    def test_the_button_shows_the_next_runs_and_saves_nothing(self, admin_client, at):
        schedule = make(name="old") if at == "change" else None
        url = address(schedule) if schedule else ADD
        html = admin_client.post(url, {**FORM, "_preview": "Preview"}).content.decode()
        assert html.count("03:00:00 JST") == 5
        assert "At 03:00 every day" in html
        assert 'value="by hand"' in html
        assert "errornote" not in html
        assert not Schedule.objects.exclude(name="old").exists()
        assert not LogEntry.objects.exists()

    def test_what_is_wrong_is_told_with_it(self, admin_client):
        wrong = {**FORM, "args": "[]", "_preview": "Preview"}
        html = admin_client.post(ADD, wrong).content.decode()
        assert "missing a required argument" in html
        assert html.count("03:00:00 JST") == 5

    def test_while_one_types_it_is_shown_live(self, admin_client):
        answer = self.preview(admin_client, cron="0 3 * * *", timezone="Asia/Tokyo")
        html = answer.content.decode()
        assert html.count("03:00:00 JST") == 5
        assert "<strong>At 03:00 every day</strong>" in html
        assert not Schedule.objects.exists()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({}, "Give either"),
            ({"cron": "0 3 * * *", "every": "60"}, "Give either"),
            ({"cron": "61 * * * *"}, "Bad minute"),
            ({"cron": "<b>"}, "&lt;b&gt;"),
            ({"cron": "0 3 * * *", "timezone": "Mars"}, "no time zone"),
            ({"every": "soon"}, "valid duration"),
            ({"cron": "0 3 * * *", "start_at_0": "x", "start_at_1": "y"}, "valid date"),
            ({"cron": "0 3 * * *", "end_at_0": "2001-01-01", "end_at_1": "00:00"}, "it is over"),
            ({"cron": "0 3 * * *\0"}, "Null characters"),
            ({"cron": "0 0 30 2 *"}, "Bad day-of-month"),
        ],
    )
    def test_also_what_makes_no_sense_yet(self, admin_client, given, said):
        answer = self.preview(admin_client, **given)
        assert answer.status_code == 200
        assert said in answer.content.decode()
        assert "<b>" not in answer.content.decode()

    def test_intervals_go_on_from_where_the_schedule_began(self, admin_client):
        schedule = make(cron=None, every=timedelta(hours=1))
        Schedule.objects.update(created_at="2026-01-01T00:12:34Z")
        answer = self.preview(admin_client, every="7200", schedule=schedule.pk)
        assert answer.content.decode().count(":12:34 ") == 5
        schedule.refresh_from_db()
        assert schedule.every == timedelta(hours=1)

    @pytest.mark.parametrize("permission", ["add_schedule", "change_schedule"])
    def test_who_may_make_or_change_schedules_may_ask(self, staff, permission):
        assert self.preview(staff(permission), cron="@daily").status_code == 200

    def test_others_may_not(self, staff, client):
        assert self.preview(client, cron="@daily").status_code == 302
        client = staff("view_schedule", "run_schedule")
        assert self.preview(client, cron="@daily").status_code == 403
        assert "_preview" not in page_of(client, make())

    def test_what_code_says_has_no_button_for_it(self, admin_client):
        assert "_preview" not in page_of(admin_client, make(source="code"))
        assert "_preview" in page_of(admin_client, make(name="two"))


class TestThePage:
    def steer(self, client, schedule, action):
        return client.post(address(schedule, "steer"), {"action": action}, follow=True)

    def test_its_buttons_run_and_switch_it(self, admin_client):
        schedule = make()
        assert (
            "1 job was enqueued." in self.steer(admin_client, schedule, "run_now").content.decode()
        )
        html = self.steer(admin_client, schedule, "disable").content.decode()
        assert "It is disabled." in html
        assert 'value="enable"' in html
        assert 'value="disable"' not in html
        self.steer(admin_client, schedule, "enable")
        assert Schedule.objects.get().is_enabled
        messages = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
        assert list(messages) == ["Run now.", "Disabled.", "Enabled."]

    def test_an_action_may_ask_first_and_leads_to_the_list_where_it_has_deleted_it(
        self, admin_client
    ):
        schedule = make()
        page = self.steer(admin_client, schedule, "delete_selected")
        assert "Are you sure" in page.content.decode()
        data = {"action": "delete_selected", "_selected_action": schedule.pk, "post": "yes"}
        page = admin_client.post(address(schedule, "steer"), data)
        assert page.url == LIST
        assert not Schedule.objects.exists()

    def test_the_last_jobs_that_it_has_made_are_shown(self, admin_client):
        schedule = make()
        tick = timezone.now() - timedelta(minutes=7)
        made = make_job("succeeded", schedule=schedule, tick=tick, started_at=timezone.now())
        Job.objects.filter(pk=made.pk).update(
            started_at=tick, finished_at=tick + timedelta(seconds=90)
        )
        other = make_job()
        html = page_of(admin_client, schedule)
        assert f">#{made.pk}</a>" in html
        assert '<span class="django-jobs-badge succeeded">' in html
        assert "<td>1 min 30 s</td>" in html
        assert f"{timezone.localtime(tick):%Y-%m-%d %H:%M:%S}" in html
        assert f">#{other.pk}</a>" not in html

    def test_of_these_only_visible_ones(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        schedule = make()
        own = make_job(schedule=schedule, meta={"tenant": 1})
        other = make_job(schedule=schedule, meta={"tenant": 2})
        html = page_of(staff("view_schedule", "view_job"), schedule)
        assert f">#{own.pk}</a>" in html
        assert f">#{other.pk}</a>" not in html

    def test_they_are_found_by_their_index(self, admin_client):
        # Given so many other jobs that the planner minds, and its knowledge of them
        schedule = make()
        finished(2_000)
        sql(f"ANALYZE {TABLE}")
        look = partial(page_of, admin_client, schedule)
        (statement,) = statements_of(look, like='"schedule_id" = ')
        assert ways_into_jobs(statement) == {"schedule"}

    def test_it_asks_no_more_for_many_jobs_than_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        schedule = make()
        for _ in range(50):
            make_job(schedule=schedule)
        with django_assert_max_num_queries(10):
            page_of(admin_client, schedule)

    def test_arguments_are_for_those_who_may_see_them_without_secrets(self, staff, admin_client):
        schedule = make(kwargs={"note": "visible", "password": "hunter2"}, source="code")
        html = page_of(admin_client, schedule)
        assert "visible" in html
        assert "hunter2" not in html
        assert "visible" not in page_of(staff("view_schedule"), schedule)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"is_enabled": False}, "It is disabled."),
            ({"is_over": True}, "no tick will come"),
            ({"source": "withdrawn"}, "declares it no more"),
            ({"function": "<b>gone"}, "&lt;b&gt;gone"),
            ({"queue": "mail"}, "The queue of its jobs, mail, is paused"),
        ],
    )
    def test_it_says_what_is_in_the_way(self, admin_client, fields, said):
        pause_queue("mail")
        html = page_of(admin_client, make(**fields))
        assert said in html
        assert "<b>gone" not in html

    def test_nothing_is_in_the_way_of_others(self, admin_client):
        assert "django-jobs-warning" not in page_of(admin_client, make())

    def test_who_may_not_is_refused(self, staff):
        schedule = make()
        client = staff("view_schedule")
        assert 'name="action"' not in page_of(client, schedule)
        for action in ("run_now", "disable", "enable", "delete_selected"):
            assert self.steer(client, schedule, action).status_code == 403
        assert not Job.objects.exists()
        assert client.get(address(schedule, "steer")).status_code == 405
        assert Schedule.objects.get().is_enabled

    def test_who_may_not_look_is_refused_everywhere(self, staff):
        schedule = make()
        client = staff("run_schedule", "view_job")
        for url in (LIST, ADD, address(schedule), address(schedule, "steer"), PREVIEW):
            assert client.get(url).status_code == 403
        assert self.steer(client, schedule, "run_now").status_code == 403

    def test_a_forged_post_is_refused(self, django_user_model):
        schedule = make()
        client = Client(enforce_csrf_checks=True)
        client.force_login(django_user_model.objects.create_superuser("eve"))
        assert self.steer(client, schedule, "run_now").status_code == 403
        assert not Job.objects.exists()


class TestJobs:
    def test_a_job_shows_the_schedule_that_made_it(self, admin_client):
        row = make_job(schedule=make(name="<i>nightly"), tick=timezone.now())
        url = reverse("admin:django_jobs_job_change", args=[row.pk])
        html = admin_client.get(url).content.decode()
        assert "Where it comes from" in html
        assert "&lt;i&gt;nightly</a>" in html

    def test_also_one_that_is_gone(self, admin_client):
        row = make_job(schedule_id=10**12)
        url = reverse("admin:django_jobs_job_change", args=[row.pk])
        assert f"{10**12}, gone" in admin_client.get(url).content.decode()
