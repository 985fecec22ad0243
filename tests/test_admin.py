"""The admin of jobs, queues and workers."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_jobs import cancel, enqueue, pause_queue
from django_jobs.models import Job, Link, Queue, Worker
from testproject.ledger.jobs import give_back, nothing
from tests.rows import make_job

pytestmark = pytest.mark.django_db

JOBS = reverse("admin:django_jobs_job_changelist")
QUEUES = reverse("admin:django_jobs_queue_changelist")


def test_the_list_shows_jobs_and_filters_them_by_state(admin_client):
    # Given a ready and a cancelled job
    ready, cancelled = nothing.enqueue(), nothing.enqueue()
    cancel(cancelled)
    # When the cancelled ones are asked for
    page = admin_client.get(JOBS, {"state__exact": "cancelled"})
    # Then only these are shown
    assert [job.pk for job in page.context["cl"].result_list] == [cancelled.pk]
    assert ready.pk != cancelled.pk


def test_the_list_is_narrowed_to_a_queue_without_a_search_for_the_queues_of_all_jobs(
    admin_client,
):
    # Given jobs on two queues
    Queue.objects.create(name="mail")
    wanted, other = enqueue(nothing.job.with_queue("mail")), nothing.enqueue()
    # When those of the one are asked for
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(JOBS, {"queue": "mail"})
    # Then only these are shown, and nobody has looked for all queues among the jobs
    assert [job.pk for job in page.context["cl"].result_list] == [wanted.pk]
    assert wanted.pk != other.pk
    assert not [query for query in queries if "DISTINCT" in query["sql"]]


def test_a_job_is_found_by_its_id(admin_client):
    rows = [nothing.enqueue() for _ in range(3)]
    page = admin_client.get(JOBS, {"q": str(rows[1].pk)})
    assert [job.pk for job in page.context["cl"].result_list] == [rows[1].pk]


def test_a_job_is_shown_read_only_and_escaped(admin_client):
    # Given a job whose arguments and error hold markup
    row = give_back.enqueue("<script>alert(1)</script>")
    error = {"attempt": 1, "message": "<b>bold</b>", "exception": "x.Y", "traceback": "<i>"}
    Job.objects.filter(pk=row.pk).update(errors=[error])
    # When it is looked at
    page = admin_client.get(reverse("admin:django_jobs_job_change", args=[row.pk]))
    # Then everything is text, and there is nothing to save
    html = page.content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "&lt;b&gt;bold" in html
    assert "<script>alert(1)" not in html
    assert 'name="_save"' not in html


def page_of(client, row):
    return client.get(reverse("admin:django_jobs_job_change", args=[row.pk])).content.decode()


def test_a_waiting_job_says_why_it_waits(admin_client):
    # Given a job on a paused queue, and a worker
    Worker.objects.create(hostname="web1", pid=1)
    pause_queue("default")
    row = nothing.enqueue()
    # When it is looked at
    html = page_of(admin_client, row)
    # Then the page begins with the reason
    assert "Why is it not running?" in html
    assert '<div data-code="queue_paused">The queue &#x27;default&#x27; is paused' in html


def test_a_finished_job_needs_no_explanation(admin_client):
    html = page_of(admin_client, make_job("failed"))
    assert "Why is it not running?" not in html
    assert "How is it running?" not in html


def test_a_running_job_shows_what_it_says_as_text(admin_client):
    # Given a running job that has told of itself, with markup in it
    row = make_job(
        "running",
        progress={"done": 30, "total": 120, "message": "<b>reading</b>", "at": "…"},
        log=[{"attempt": 1, "at": "2026-11-22T08:00:00.000+00:00", "message": "<i>opened</i>"}],
        fingerprint="ab12cd34",
    )
    # When it is looked at
    html = page_of(admin_client, row)
    # Then there is a bar, the log and the fingerprint, all escaped
    assert "How is it running?" in html
    assert '<progress value="0.2500" max="1"></progress>' in html
    assert "30 of 120 (25 %), &lt;b&gt;reading" in html
    assert "attempt 1  &lt;i&gt;opened" in html
    assert "ab12cd34" in html


@pytest.mark.parametrize("told", [{"done": 3}, {"done": 1, "total": 0}, {"done": "x", "total": []}])
def test_progress_to_nowhere_has_no_bar(told, admin_client):
    html = page_of(admin_client, make_job("running", progress=told))
    assert "<progress" not in html


def test_a_bar_never_overflows(admin_client):
    html = page_of(admin_client, make_job("running", progress={"done": 2**70, "total": 3}))
    assert '<progress value="1.0000" max="1">' in html


def test_who_may_only_look_cannot_act(client, django_user_model):
    # Given a member of staff who may view jobs
    user = django_user_model.objects.create_user("anna", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(user)
    row = nothing.enqueue()
    # When a cancellation is posted all the same
    client.post(JOBS, {"action": "cancel_jobs", "_selected_action": [row.pk]})
    # Then nothing happens
    row.refresh_from_db()
    assert row.state == Job.State.READY
    assert client.get(JOBS).status_code == 200


def test_jobs_are_not_deleted_by_forms(admin_client):
    row = nothing.enqueue()
    url = reverse("admin:django_jobs_job_delete", args=[row.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_queues_are_paused_and_resumed(admin_client):
    # Given a queue
    enqueue(nothing.job.with_queue("mail"))
    pause_queue("mail")
    queue = Queue.objects.get(name="mail")
    # When it is resumed and paused again
    admin_client.post(QUEUES, {"action": "resume_queues", "_selected_action": [queue.pk]})
    queue.refresh_from_db()
    assert queue.paused_at is None
    admin_client.post(QUEUES, {"action": "pause_queues", "_selected_action": [queue.pk]})
    # Then it is paused
    queue.refresh_from_db()
    assert queue.paused_at is not None


def test_the_list_asks_as_many_questions_for_fifty_jobs_as_for_one(
    admin_client, django_assert_max_num_queries
):
    for _ in range(50):
        nothing.enqueue()
    with django_assert_max_num_queries(10):
        admin_client.get(JOBS)


def test_the_jobs_that_a_job_has_to_do_with_are_shown_with_links(admin_client):
    # Given a job that was made by one, has made one, waits for one, and is waited for by one
    parent, awaited, waiting = (make_job(name=f"shop.jobs.{n}") for n in ("aa", "bb", "cc"))
    job = make_job("blocked", parent=parent)
    child = make_job(parent=job, name="shop.jobs.dd")
    Link.objects.create(waiting=job, awaited=awaited)
    Link.objects.create(waiting=waiting, awaited=job)
    Job.objects.filter(pk=job.pk).update(ended_by=123456789)
    # When it is looked at
    page = admin_client.get(reverse("admin:django_jobs_job_change", args=[job.pk]))
    # Then each of them is named, and linked as long as its row is there
    text = page.content.decode()
    for other in (parent, awaited, waiting, child):
        assert f'<a href="/admin/django_jobs/job/{other.pk}/change/">{other.name} #' in text
    assert "#123456789 gone" in text


def test_a_job_that_is_alone_has_no_other_jobs_to_show(admin_client):
    page = admin_client.get(reverse("admin:django_jobs_job_change", args=[make_job().pk]))

    assert "Other jobs" not in page.content.decode()
