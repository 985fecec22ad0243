"""The admin of schedules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from django_jobs import engine
from django_jobs.models import Job, Schedule
from tests.rows import make_job

pytestmark = pytest.mark.django_db

LIST = reverse("admin:django_jobs_schedule_changelist")
ADD = reverse("admin:django_jobs_schedule_add")
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


def page_of(client, schedule):
    url = reverse("admin:django_jobs_schedule_change", args=[schedule.pk])
    return client.get(url).content.decode()


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

    def test_schedules_are_run_now(self, admin_client):
        html = act(admin_client, "run_now", make(), make(name="bad", function="no.such"))
        assert "1 job was enqueued." in html
        assert "No job function is named &#x27;no.such&#x27;" in html
        assert Job.objects.filter(schedule__name="one").count() == 1

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
