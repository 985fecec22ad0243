"""What an operator does, in a real browser, beside a real worker."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry

from django_jobs import chain, enqueue, enqueue_many, group
from django_jobs.models import Job, Queue, Schedule
from testproject.ledger.jobs import divide, nothing
from tests.browser.conftest import is_wider_than_screen
from tests.threads import wait_until

PAGES = ("/admin/django_jobs/", "/admin/django_jobs/job/", "/admin/django_jobs/queue/")


def state_of(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def test_a_failed_job_is_found_explained_retried_with_other_arguments_and_seen_to_succeed(
    page, runjobs_beside
):
    # Given a job that divides by zero, and fails
    job = divide.enqueue(6, by=0)
    wait_until(lambda: state_of(job) == "failed")
    # When it is found among the failed ones
    page.goto("/admin/django_jobs/job/")
    page.get_by_role("link", name=re.compile("^Failed")).click()
    page.get_by_role("link", name=str(job.pk), exact=True).click()
    # Then its page says why
    assert page.locator(".django-jobs-badge").first.inner_text() == "failed"
    assert page.get_by_text("ZeroDivisionError").first.is_visible()
    # And when it is retried with another argument
    page.get_by_role("link", name="Retry with edited arguments").click()
    page.get_by_label("by").fill("3")
    page.get_by_role("button", name="Retry with edited arguments").click()
    # Then the page shows its success, without being asked again
    page.locator(".django-jobs-badge.succeeded").first.wait_for()
    assert Job.objects.get(pk=job.pk).result == 2
    # And from then on nobody is asked any more
    assert page.locator(".django-jobs-live-bar button").is_hidden()
    assert "edited" in LogEntry.objects.latest("pk").get_change_message()


def test_a_queue_is_paused_and_resumed(page):
    # Given a queue with a job
    Queue.objects.get_or_create(name="default")
    nothing.enqueue()
    # When it is paused from the dashboard
    page.goto("/admin/django_jobs/")
    page.get_by_role("button", name="Pause default").first.click()
    # Then it says so, and is
    page.get_by_role("button", name="Resume default").first.wait_for()
    assert Queue.objects.get(name="default").paused_at is not None
    # And when it is resumed, it is not
    page.get_by_role("button", name="Resume default").first.click()
    page.get_by_role("button", name="Pause default").first.wait_for()
    assert Queue.objects.get(name="default").paused_at is None


def test_a_thousand_jobs_are_cancelled_by_a_filter(page):
    # Given a thousand jobs on one queue, and one on another
    Queue.objects.create(name="mail")
    enqueue_many([nothing.job.with_queue("mail")] * 1_000)
    other = nothing.enqueue()
    # When all that match are chosen, and it is confirmed
    page.goto("/admin/django_jobs/job/?queue=mail")
    page.get_by_label("all that match, on other pages too").check()
    page.locator("select[name=action]").select_option(label="Cancel unfinished jobs")
    page.get_by_role("button", name="Go", exact=True).click()
    assert "1,000" in page.locator("#content").inner_text()
    page.locator("#content form [type=submit]").first.click()
    # Then they are cancelled, and only they
    assert "1,000" in page.locator(".messagelist").inner_text()
    assert Job.objects.filter(state="cancelled", queue="mail").count() == 1_000
    assert state_of(other) == "ready"


def test_a_schedule_is_made_with_a_preview(page):
    page.goto("/admin/django_jobs/schedule/add/")
    page.get_by_label("Name").fill("every morning")
    page.get_by_label("Function").select_option(label=nothing.job.func)
    page.get_by_label("Cron expression").fill("30 6 * * *")
    # What it means is told before anything is saved
    page.get_by_text("06:30").first.wait_for()
    assert not Schedule.objects.filter(name="every morning").exists()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".messagelist .success").wait_for()
    assert Schedule.objects.get(name="every morning").cron == "30 6 * * *"


def test_the_graph_of_a_workflow_is_seen(page):
    work = enqueue(chain(group(nothing.job, nothing.job), nothing.job))
    page.goto(f"/admin/django_jobs/workflow/{work.pk}/change/")
    graph = page.locator(".django-jobs-graph svg")
    assert graph.is_visible()
    assert graph.locator(".step").count() == work.steps.count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_as_light_or_dark_as_the_system(open_page, scheme):
    nothing.enqueue()
    page = open_page(color_scheme=scheme)
    page.goto("/admin/django_jobs/job/")
    red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]")
    assert (int(red) > 200) is (scheme == "light")
    badge = page.locator(".django-jobs-badge").first
    ink, ground = (
        badge.evaluate(f"one => getComputedStyle(one).{name}")
        for name in ("color", "backgroundColor")
    )
    assert contrast(ink, ground) >= 4.5  # WCAG 2.1, AA


def test_nothing_sticks_out_of_a_narrow_screen(open_page):
    job = nothing.enqueue()
    page = open_page(viewport={"width": 375, "height": 812})
    for address in (*PAGES, f"/admin/django_jobs/job/{job.pk}/change/"):
        page.goto(address)
        assert not is_wider_than_screen(page), address


def test_without_javascript_a_job_is_cancelled_and_the_dashboard_told(open_page):
    job = nothing.enqueue()
    page = open_page(java_script_enabled=False)
    page.goto("/admin/django_jobs/")
    assert page.get_by_role("link", name="default").first.is_visible()
    page.goto(f"/admin/django_jobs/job/{job.pk}/change/")
    page.get_by_role("link", name=re.compile("^Cancel")).click()
    page.locator("#content form [type=submit]").first.click()
    assert page.locator(".django-jobs-badge").first.inner_text() == "cancelled"
    assert state_of(job) == "cancelled"


def test_the_dashboard_is_worked_by_keyboard_alone(page):
    Queue.objects.get_or_create(name="default")
    nothing.enqueue()
    page.goto("/admin/django_jobs/")
    button = page.get_by_role("button", name="Pause default").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Resume default").first.wait_for()
    assert Queue.objects.get(name="default").paused_at is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2.1 counts it."""
    lights = sorted(_luminance(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
