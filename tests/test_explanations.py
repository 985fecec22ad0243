"""Why is this job not running? In any state; what bars a waiting job has tests of its own."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from django_jobs import aexplain, cancel, explain
from django_jobs.explanations import error_text
from django_jobs.lifesigns import progress_text
from django_jobs.models import Job, Link, Worker
from django_jobs.reasons import Code
from tests.explainable import waiting
from tests.rows import make_job

pytestmark = pytest.mark.django_db

ERROR = {"attempt": 1, "exception": "builtins.ValueError", "message": "line 3\nis broken"}


@pytest.fixture
def colleague():
    """Return a live worker with a free place."""
    return Worker.objects.create(hostname="web1", pid=42, concurrency=5)


def ago(**duration):
    return timezone.now() - timedelta(**duration)


def ahead(**duration):
    return timezone.now() + timedelta(**duration)


def text_of(explanation, code):
    [text] = [reason.text for reason in explanation.reasons if reason.code == code]
    return text


class TestAsking:
    def test_a_job_or_its_id_may_be_given_and_the_row_is_read_anew(self, colleague):
        job = make_job()
        cancel(job)

        assert job.state == "ready"
        assert explain(job).state == explain(job.pk).state == "cancelled"

    def test_there_is_an_asynchronous_twin(self, colleague):
        job = make_job()

        assert async_to_sync(aexplain)(job) == explain(job)

    def test_a_job_that_is_not_there_is_named(self):
        with pytest.raises(Job.DoesNotExist, match="There is no job #4711"):
            explain(4711)

    def test_it_is_text_for_people_and_codes_for_programs(self):
        given = explain(make_job("failed", errors=[ERROR]))

        assert str(given).startswith(f"tests.samples.anything #{given.id}: It failed at ")
        assert "\n- Attempt 1 failed: ValueError: line 3" in str(given)
        assert given.as_dict()["reasons"][0]["code"] == "last_error"


class TestReady:
    def test_with_nothing_in_its_way_it_is_about_to_start(self, colleague):
        given = explain(make_job())

        assert given.headline.startswith("It is ready, and nothing is in its way")
        assert given.reasons == ()

    def test_with_others_before_it_it_waits_for_its_turn(self, colleague):
        make_job()

        given = explain(make_job())

        assert given.headline == "It is ready, and waits for its turn."
        assert given.codes == {Code.JOBS_AHEAD}

    def test_with_nobody_there_it_will_not_run(self):
        given = explain(make_job())

        assert given.headline == "It is ready, and will not run as things are."
        assert given.codes == {Code.NO_WORKER}

    def test_what_went_wrong_before_is_told_last(self):
        given = explain(make_job(attempts=1, errors=[ERROR]))

        assert given.reasons[-1][:2] == ("last_error", "Attempt 1 failed: ValueError: line 3")


class TestScheduled:
    def test_it_says_when_it_is_due(self, colleague):
        given = explain(make_job("scheduled", scheduled_at=ahead(hours=3, seconds=30)))

        assert given.headline == "It is due in 3 h."
        assert given.codes == {Code.NOT_DUE}

    def test_it_says_for_which_attempt_it_waits_and_after_what(self, colleague):
        job = make_job(
            "scheduled", scheduled_at=ahead(hours=1), attempts=1, max_attempts=3, errors=[ERROR]
        )

        given = explain(job)

        assert text_of(given, Code.NEXT_ATTEMPT) == "It waits for attempt 2 of 3."
        assert text_of(given, Code.LAST_ERROR) == "Attempt 1 failed: ValueError: line 3"

    def test_a_parked_one_says_why_and_whether_this_process_knows_better(self, colleague):
        note = "Parked: No job function is named 'shop.jobs.new'."
        at = ahead(seconds=60)

        unknown = explain(make_job("scheduled", scheduled_at=at, note=note, name="shop.jobs.new"))
        known = explain(make_job("scheduled", scheduled_at=at, note=note))

        assert text_of(unknown, Code.PARKED) == note
        assert Code.UNKNOWN_FUNCTION in unknown.codes
        assert text_of(known, Code.PARKED) == f"{note} This process knows the function."

    def test_a_due_one_is_about_to_be_promoted_if_anybody_is_there(self):
        given = explain(make_job("scheduled", scheduled_at=ago(seconds=1)))

        assert given.headline == "It is due, and about to be made ready."
        assert given.codes == {Code.NOT_PROMOTED, Code.NO_WORKER}


def test_a_blocked_one_waits_for_others():
    assert explain(make_job("blocked")).codes == {Code.BLOCKED}


@pytest.mark.parametrize(
    ("make", "waits_for"),
    [
        (waiting.blocked_by_steps, "'load' (1 of 2 jobs has ended), 'check' (0 of 1 job"),
        (waiting.blocked_behind_a_join, "the steps before it."),
    ],
)
@pytest.mark.usefixtures("own_registry")
def test_one_of_a_workflow_names_the_steps_that_it_waits_for(make, waits_for):
    text = text_of(explain(make()), Code.BLOCKED)

    assert text.startswith("It is in the step 'last' of the workflow 'nightly' (#")
    assert f"and waits for {waits_for}" in text


def test_one_whose_workflow_is_gone_says_no_more_than_it_knows(own_registry):
    given = explain(waiting.blocked_in_a_workflow_that_is_gone())

    assert given.headline == "It is blocked."
    assert text_of(given, Code.BLOCKED) == "It waits for other jobs to succeed."


class TestRunning:
    def test_it_says_by_whom_since_when_and_for_which_attempt(self, colleague):
        job = make_job(
            "running",
            worker_id=colleague.pk,
            started_at=ago(minutes=5, seconds=1),
            attempts=2,
            max_attempts=3,
        )

        given = explain(job)

        assert given.headline.startswith("It is running, for 5 min ")
        assert given.headline.endswith(", by web1:42: attempt 2 of 3.")
        assert given.reasons == ()

    def test_it_tells_what_the_job_says(self, colleague):
        progress = {"done": 1, "total": 4, "message": "reading", "at": "…"}

        given = explain(make_job("running", worker_id=colleague.pk, progress=progress))

        assert text_of(given, Code.PROGRESS) == "It says: 1 of 4 (25 %), reading."

    def test_one_claimed_ahead_may_not_have_begun(self, colleague):
        given = explain(make_job("running", worker_id=colleague.pk))

        assert "claimed by web1:42" in given.headline
        assert given.codes == {Code.NOT_BEGUN}

    def test_one_past_its_timeout_is_told_of(self, colleague):
        since = {"worker_id": colleague.pk, "started_at": ago(minutes=11)}

        codes = [
            explain(make_job("running", timeout=timeout, **since)).codes
            for timeout in (None, timedelta(minutes=1), timedelta(), timedelta(hours=1))
        ]

        assert codes == [{Code.OVER_TIME}, {Code.OVER_TIME}, set(), set()]

    def test_a_silent_worker_is_told_of(self, colleague):
        Worker.objects.update(heartbeat_at=ago(minutes=2))

        given = explain(make_job("running", worker_id=colleague.pk, started_at=ago(minutes=3)))

        assert "no sign of life for 2 min" in text_of(given, Code.HEARTBEAT_OLD)

    def test_a_worker_that_is_gone_is_told_of(self):
        given = explain(make_job("running", worker_id=77, started_at=ago(seconds=3)))

        assert "by worker 77, which is gone" in given.headline
        assert given.codes == {Code.WORKER_GONE}


class TestFinished:
    def test_a_success_says_when_and_after_how_long(self):
        now = timezone.now()
        job = make_job(
            "succeeded", started_at=now - timedelta(seconds=3), finished_at=now,
            prune_at=ahead(days=1), errors=[ERROR], attempts=2, max_attempts=2,
        )  # fmt: skip

        given = explain(job)

        assert given.headline.startswith("It succeeded at ")
        assert given.headline.endswith(", at attempt 2 of 2, after 3 s.")
        assert given.codes == {Code.KEPT}

    def test_a_success_that_somebody_has_written_by_hand_says_no_more_than_when(self):
        given = explain(make_job("succeeded", attempts=0))

        assert re.fullmatch(r"It succeeded at [-\d]+ [:\d]+ \w+\.", given.headline)

    def test_a_failure_says_with_what(self):
        given = explain(make_job("failed", errors=[{**ERROR, "message": "old"}, ERROR]))

        assert given.headline.startswith("It failed at ")
        assert text_of(given, Code.LAST_ERROR) == "Attempt 1 failed: ValueError: line 3"

    def test_a_cancelled_one_says_why_if_it_said_so(self):
        given = explain(make_job("cancelled", note="Out of stock."))

        assert given.headline.startswith("It was cancelled at ")
        assert text_of(given, Code.NOTE) == "Its note says: Out of stock."


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"done": 3}, "3"),
        ({"done": 1500, "total": 2000}, "1,500 of 2,000 (75 %)"),
        ({"done": 0, "total": 0}, "0"),
        ({"done": 1, "total": None, "message": "one\ntwo"}, "1, one"),
        ({"done": "half", "total": "all"}, "half"),
        ({"done": 10**400, "total": 10}, f"{10**400:,} of 10"),
    ],
)
def test_progress_is_told_however_it_looks(told, text):
    assert progress_text(told) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ERROR, "ValueError: line 3"),
        ({"exception": "KeyError", "message": ""}, "KeyError"),
        ({}, ""),
    ],
)
def test_an_error_is_told_in_one_line(error, text):
    assert error_text(error) == text


class TestLinks:
    def test_a_blocked_job_says_what_it_waits_for(self):
        awaited = [
            make_job(state, name=f"shop.jobs.{state}")
            for state in ("ready", "running", "scheduled", "blocked")
        ]
        done = make_job("succeeded", name="shop.jobs.done")
        job = make_job("blocked")
        Link.objects.bulk_create(Link(waiting=job, awaited=one) for one in awaited)
        Link.objects.create(waiting=job, awaited=done, resolved=True)

        given = explain(job)

        assert given.headline == "It is blocked: it waits for 4 other jobs to succeed."
        texts = [reason.text for reason in given.reasons if reason.code == Code.WAITS_FOR]
        assert texts == [
            f"It waits for shop.jobs.{state} #{one.pk}, which {does}."
            for one, (state, does) in zip(
                awaited,
                [
                    ("ready", "is ready"),
                    ("running", "is running"),
                    ("scheduled", "is scheduled"),
                    ("blocked", "is blocked itself"),
                ],
                strict=True,
            )
        ]

    def test_of_ten_thousand_the_first_few_are_named(self):
        job = make_job("blocked")
        Link.objects.bulk_create(Link(waiting=job, awaited_id=n) for n in range(1, 10_001))

        given = explain(job)

        assert given.headline == "It is blocked: it waits for 1,000 other jobs or more to succeed."
        assert len(given.reasons) == 5
        assert given.reasons[0].text == "It waits for #1, whose row is gone."

    def test_one_that_failed_because_of_another_says_so(self):
        error = {"attempt": 0, "exception": "x.DependencyFailed", "message": "It waited."}
        given = explain(make_job("failed", attempts=0, ended_by=12, errors=[error]))

        assert "It never ran: it waited for job #12" in text_of(given, Code.ENDED_BY)
        assert text_of(given, Code.LAST_ERROR) == "It failed: DependencyFailed: It waited."
