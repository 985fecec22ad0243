"""What the admin does to many jobs at once: it asks, does it, and says what it has done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import engine
from django_jobs.admin.job import batches
from django_jobs.models import Job
from django_jobs.states import State
from tests.rows import make_job, make_jobs, row_of, state_of

pytestmark = pytest.mark.django_db

JOBS = reverse("admin:django_jobs_job_changelist")


def only_mail(request, jobs):
    """Let nobody see jobs on other queues."""
    return jobs.filter(queue="mail")


def ask(client, action, *jobs, query="", **given):
    """Choose an action, and return the page that asks whether it is meant."""
    data = {"action": action, "index": 0, "_selected_action": [job.pk for job in jobs], **given}
    return client.post(JOBS + query, data)


def confirm(client, action, *jobs, query="", **given):
    """Send what the page that asks would send, and return the page that follows."""
    data = {"action": action, "_selected_action": [job.pk for job in jobs] or [0], "confirm": "y"}
    return client.post(JOBS + query, {**data, **given}, follow=True)


def told(page):
    return [str(message) for message in page.context["messages"]]


@pytest.fixture
def staff(client, django_user_model):
    """Return a function that logs a member of staff in, who has some permissions."""

    def log_in(*permissions):
        user = django_user_model.objects.create_user("anna", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


class TestAsking:
    def test_the_page_says_what_is_going_to_happen_and_to_which(self, admin_client):
        failed, running = make_job(State.FAILED), make_job(State.RUNNING)

        page = ask(admin_client, "retry_jobs", failed, running)

        html = page.content.decode()
        assert "It is for 1 job." in html
        assert "1 running" in html
        assert f"#{failed.pk}</a> {failed.name}" in html
        assert state_of(failed) == State.FAILED

    def test_nothing_can_be_confirmed_where_nothing_would_happen(self, admin_client):
        html = ask(admin_client, "retry_jobs", make_job()).content.decode()

        assert "nothing would happen" in html
        assert 'name="confirm"' not in html

    def test_all_that_match_are_counted_up_to_a_limit(self, admin_client, monkeypatch):
        monkeypatch.setattr(batches, "COUNTED", 3)
        make_jobs(5)

        html = ask(admin_client, "cancel_jobs", select_across="1").content.decode()

        assert "It is for 3+ jobs." in html

    def test_all_that_match_need_no_selected_one(self, admin_client):
        job = make_job()

        page = ask(admin_client, "cancel_jobs", select_across="1")

        assert f"#{job.pk}</a>" in page.content.decode()

    def test_nothing_selected_is_told(self, admin_client):
        page = admin_client.post(JOBS, {"action": "cancel_jobs", "index": 0}, follow=True)

        assert "Items must be selected" in told(page)[0]

    def test_names_are_text(self, admin_client):
        job = make_job(name="<script>alert(1)</script>")

        html = ask(admin_client, "cancel_jobs", job).content.decode()

        assert "&lt;script&gt;alert(1)" in html
        assert "<script>alert(1)" not in html

    def test_a_get_asks_and_does_nothing(self, admin_client):
        job = make_job()

        admin_client.get(
            JOBS, {"action": "cancel_jobs", "confirm": "y", "_selected_action": job.pk}
        )

        assert state_of(job) == State.READY


class TestDoing:
    def test_selected_jobs_are_retried_and_the_rest_is_told_of(self, admin_client):
        failed, cancelled = make_job(State.FAILED), make_job(State.CANCELLED)
        running, gone = make_job(State.RUNNING), make_job()
        Job.objects.filter(pk=gone.pk).delete()

        page = confirm(admin_client, "retry_jobs", failed, cancelled, running, gone)

        assert told(page) == ["2 jobs were put back. Left as they were: 1 running, 1 gone."]
        assert [state_of(job) for job in (failed, cancelled, running)] == [
            State.READY, State.READY, State.RUNNING,
        ]  # fmt: skip

    def test_a_job_whose_key_is_held_is_told_of(self, admin_client):
        failed = make_job(State.FAILED, unique_key="k")
        make_job(unique_key="k")

        page = confirm(admin_client, "retry_jobs", failed)

        assert "0 jobs were put back" in told(page)[0]
        assert "another job has their unique key" in told(page)[0]

    def test_of_the_cancelled_jobs_those_that_run_are_asked_to_stop(self, admin_client):
        page = confirm(admin_client, "cancel_jobs", make_job(State.RUNNING), make_job())

        assert told(page) == ["2 jobs were cancelled. 1 of them was running and is asked to stop."]

    def test_scheduled_jobs_run_now(self, admin_client):
        job = make_job(State.SCHEDULED, scheduled_at=timezone.now() + timedelta(days=1))

        page = confirm(admin_client, "run_jobs_now", job)

        assert told(page) == ["1 job is due now."]
        assert state_of(job) == State.READY

    def test_waiting_jobs_get_another_priority(self, admin_client):
        job = make_job()

        page = confirm(admin_client, "change_priority", job, priority="-7")

        assert told(page) == ["1 job has another priority."]
        assert row_of(job)["priority"] == -7

    @pytest.mark.parametrize("priority", ["", "x", "1.5", "99999999999", "\0"])
    def test_a_priority_that_is_none_is_asked_for_again(self, priority, admin_client):
        job = make_job()

        page = confirm(admin_client, "change_priority", job, priority=priority)

        assert page.status_code == 200
        assert "errorlist" in page.content.decode()
        assert row_of(job)["priority"] == 0

    def test_a_confirmation_without_a_priority_asks_for_one(self, admin_client):
        job = make_job()

        page = confirm(admin_client, "change_priority", job)

        assert 'name="priority"' in page.content.decode()
        assert row_of(job)["priority"] == 0

    @pytest.mark.parametrize("keys", [["x"], ["-1"], ["9" * 30], ["1; DROP"]])
    def test_a_forged_selection_does_nothing(self, keys, admin_client):
        data = {"action": "cancel_jobs", "_selected_action": keys, "confirm": "y"}

        assert admin_client.post(JOBS, data, follow=True).status_code == 200


class TestAllThatMatch:
    def test_a_thousand_jobs_are_cancelled_by_filter_and_no_others(self, admin_client):
        # Given more jobs than a page or a batch holds, and others
        Job.objects.bulk_create(Job(name="x", queue="mail") for _ in range(1000))
        other, ended = make_job(), make_job(State.SUCCEEDED, queue="mail")
        # When all that match are cancelled
        page = confirm(admin_client, "cancel_jobs", query="?queue=mail", select_across="1")
        # Then these are, and it is written down once
        assert told(page) == ["1,000 jobs were cancelled."]
        assert Job.objects.cancelled().count() == 1000
        assert (state_of(other), state_of(ended)) == (State.READY, State.SUCCEEDED)
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.change_message) == (
            "1,000 jobs",
            "1,000 jobs were cancelled.",
        )

    def test_what_is_enqueued_after_the_question_is_left(self, admin_client):
        first = make_job()
        page = ask(admin_client, "cancel_jobs", select_across="1")
        later = make_job()

        confirm(admin_client, "cancel_jobs", select_across="1", up_to=page.context["up_to"])

        assert (state_of(first), state_of(later)) == (State.CANCELLED, State.READY)

    def test_a_request_does_so_many_and_says_that_there_are_more(self, admin_client, monkeypatch):
        monkeypatch.setattr(batches, "MOST", 3)
        monkeypatch.setattr(batches, "BATCH", 2)
        make_jobs(5)

        page = confirm(admin_client, "cancel_jobs", select_across="1")

        assert told(page) == [
            "3 jobs were cancelled. There are more: choose the action again to go on."
        ]

    def test_a_filter_that_makes_no_sense_matches_nothing(self, admin_client):
        job = make_job()

        page = confirm(admin_client, "cancel_jobs", query="?since=yesterday", select_across="1")

        assert told(page) == ["0 jobs were cancelled."]
        assert state_of(job) == State.READY


class TestPowers:
    @pytest.mark.parametrize(
        ("action", "power", "state"),
        [
            ("retry_jobs", "retry_job", State.FAILED),
            ("cancel_jobs", "cancel_job", State.READY),
            ("run_jobs_now", "change_job", State.SCHEDULED),
            ("change_priority", "change_job", State.READY),
        ],
    )
    def test_each_action_asks_for_its_permission(self, action, power, state, staff):
        job = make_job(state)
        before = row_of(job)
        powers = {"view_job", "retry_job", "cancel_job", "change_job"} - {power}
        client = staff(*powers)

        for send in (ask, confirm):
            send(client, action, job, priority="5")

        assert row_of(job) == before
        names = [
            name for name, _ in client.get(JOBS).context["action_form"].fields["action"].choices
        ]
        assert action not in names

    def test_nothing_is_done_without_a_token(self, admin_user):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        job = make_job()

        assert confirm(client, "cancel_jobs", job).status_code == 403
        assert state_of(job) == State.READY

    def test_jobs_that_the_user_may_not_see_are_neither_shown_nor_changed(
        self, admin_client, settings
    ):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": f"{__name__}.only_mail"}
        seen, hidden = make_job(queue="mail"), make_job(name="secret.job")

        asked = ask(admin_client, "cancel_jobs", seen, hidden).content.decode()
        page = confirm(admin_client, "cancel_jobs", seen, hidden)
        confirm(admin_client, "cancel_jobs", select_across="1")

        assert "secret.job" not in asked
        assert told(page)[0].startswith("1 job was cancelled.")
        assert (state_of(seen), state_of(hidden)) == (State.CANCELLED, State.READY)


class TestTheLog:
    def test_each_of_few_jobs_has_an_entry(self, admin_client, admin_user):
        jobs = make_jobs(2)

        confirm(admin_client, "cancel_jobs", *jobs, make_job(State.SUCCEEDED))

        entries = LogEntry.objects.order_by("object_id")
        assert [entry.object_id for entry in entries] == [str(job.pk) for job in jobs]
        assert {entry.user_id for entry in entries} == {admin_user.pk}
        assert {entry.change_message for entry in entries} == {"2 jobs were cancelled."}

    def test_what_did_nothing_is_not_written_down(self, admin_client):
        confirm(admin_client, "cancel_jobs", make_job(State.SUCCEEDED))

        assert not LogEntry.objects.exists()


def test_where_others_have_been_faster_it_is_told(admin_client):
    # Given a job that somebody cancels while the user thinks about it
    job = make_job()
    ask(admin_client, "cancel_jobs", job)
    engine.cancel([job.pk], retention=60, using="default")
    # When it is cancelled here
    page = confirm(admin_client, "cancel_jobs", job)
    # Then nobody claims to have done it
    assert told(page) == ["0 jobs were cancelled. Left as they were: 1 cancelled."]
