"""The admin page of failures: groups, filters, and the retry of a whole group."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import failures as grouping
from django_jobs import slices
from django_jobs.admin import audit
from django_jobs.admin import failures as page
from django_jobs.models import Job, Queue
from tests.plans import statements_of, ways_into_jobs
from tests.rows import make_job, sql

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:django_jobs_failures")
RETRY = reverse("admin:django_jobs_failures_retry")


def fail(fingerprint="ab12", **fields):
    error = {"attempt": 1, "exception": "shop.Refused", "message": "card refused\nin detail"}
    given = {"errors": [error], "fingerprint": fingerprint, **fields}
    return make_job("failed", **given)


def html_of(client, url=PAGE, **query):
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


class TestGroups:
    def test_it_tells_what_failed_how_often_and_since_when(self, admin_client):
        old = fail(finished_at=timezone.now() - timedelta(days=2))
        new = fail(name="shop.jobs.pay")
        html = html_of(admin_client)
        assert "<strong>shop.Refused</strong>: card refused<div" in html
        assert "shop.jobs.pay, tests.samples.anything" in html
        for job in (old, new):
            assert f'<a href="/admin/django_jobs/job/{job.pk}/change/">#{job.pk}</a>' in html
            assert timezone.localtime(job.finished_at).strftime("%Y-%m-%d %H:%M:%S") in html
        jobs = "/admin/django_jobs/job/?fingerprint=ab12&amp;state__exact=failed"
        assert f'<a href="{jobs}">2</a>' in html

    def test_its_links_lead_to_the_jobs_of_the_group(self, admin_client):
        wanted, without, other = fail(), fail(None), fail("cd34")
        jobs = reverse("admin:django_jobs_job_changelist")
        answer = admin_client.get(jobs, {"fingerprint": "ab12", "state__exact": "failed"})
        assert [job.pk for job in answer.context["cl"].result_list] == [wanted.pk]
        html = html_of(admin_client)
        assert f"{jobs}?fingerprint=ab12&amp;state__exact=failed" in html
        assert f"{jobs}?fingerprint={other.fingerprint}&amp;state__exact=failed" in html
        # Those without a fingerprint are among all that failed
        assert f'"{jobs}?state__exact=failed"' in html
        assert f"/job/{without.pk}/" in html

    def test_it_is_narrowed_to_a_queue_and_a_function(self, admin_client):
        Queue.objects.create(name="mail")
        fail("on-mail", queue="mail")
        fail("of-pay", name="shop.jobs.pay")
        assert '<option value="mail" selected>' in html_of(admin_client, queue="mail")
        for query, shown, hidden in (
            ({"queue": "mail"}, "on-mail", "of-pay"),
            ({"name": "shop.jobs.pay"}, "of-pay", "on-mail"),
        ):
            html = html_of(admin_client, **query)
            assert shown in html
            assert hidden not in html
        assert "No job has failed." in html_of(admin_client, name="x" * 300)

    def test_what_jobs_say_is_text(self, admin_client):
        error = {"exception": "<b>x", "message": "<i>m"}
        fail("<u>f", name="<s>n", errors=[error])
        for html in (html_of(admin_client), html_of(admin_client, RETRY, fingerprint="<u>f")):
            for tag in ("<b>x", "<i>m", "<u>f", "<s>n"):
                assert tag not in html
            assert "&lt;i&gt;m" in html

    def test_it_asks_as_many_questions_for_fifty_groups_as_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        for number in range(50):
            fail(str(number))
        with django_assert_max_num_queries(6):
            html_of(admin_client)

    def test_limited_users_see_groups_of_the_jobs_that_they_may_see(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        own, other = fail(meta={"tenant": 1}), fail(meta={"tenant": 2})
        fail("theirs", meta={"tenant": 2})
        html = html_of(staff("view_job"))
        assert f"#{own.pk}<" in html
        assert f"#{other.pk}<" not in html
        assert ">1</a>" in html
        assert "theirs" not in html

    def test_where_not_all_were_looked_at_it_does_not_say_that_none_has_failed(
        self, admin_client, monkeypatch
    ):
        # Given an old failure of one function, and more of another than a look goes through
        monkeypatch.setattr(slices, "REACH", 2)
        monkeypatch.setattr(page, "LOOKS", 1)
        fail(name="shop.old")
        for _ in range(3):
            fail(name="shop.new")
        # When those of the one are looked for
        html = html_of(admin_client, name="shop.old")
        # Then it says how far it has looked
        assert "there may be older ones" in html
        assert "No job has failed" not in html

    def test_of_given_jobs_the_groups_are_found_by_their_ids(self):
        sql("ANALYZE django_jobs_job")
        ids = [fail().pk for _ in range(3)]
        look = partial(grouping.failures, among=ids, using="default")
        assert [group.size for group in look().groups] == [3]
        for statement in statements_of(look, like="newest"):
            assert "failed" not in ways_into_jobs(statement)


class TestRetry:
    def test_it_asks_first_and_says_how_many(self, admin_client):
        for _ in range(3):
            fail()
        fail("cd34")
        html = html_of(admin_client, RETRY, fingerprint="ab12")
        assert "3 failed jobs are put back" in html
        assert "shop.Refused" in html
        assert Job.objects.failed().count() == 4

    def test_the_whole_group_is_put_back_and_written_down(self, admin_client):
        rows, other = [fail(), fail()], fail("cd34")
        answer = admin_client.post(RETRY, {"fingerprint": "ab12"}, follow=True)
        assert "2 jobs were put back." in answer.content.decode()
        assert set(Job.objects.ready()) == set(rows)
        assert Job.objects.failed().get() == other
        entries = LogEntry.objects.values_list("object_id", "change_message")
        done = "Retried, with the group of its failure."
        assert set(entries) == {(str(row.pk), done) for row in rows}

    def test_of_very_many_there_is_one_entry(self, admin_client, monkeypatch):
        monkeypatch.setattr(audit, "MOST", 2)
        for _ in range(3):
            fail()
        admin_client.post(RETRY, {"fingerprint": "ab12"})
        assert LogEntry.objects.get().object_repr == "3 jobs"

    def test_more_than_one_look_finds_is_retried_too(self, admin_client, monkeypatch):
        monkeypatch.setattr(page, "MOST", 2)
        for _ in range(5):
            fail()
        assert "2 failed jobs or more" in html_of(admin_client, RETRY, fingerprint="ab12")
        admin_client.post(RETRY, {"fingerprint": "ab12"})
        assert Job.objects.ready().count() == 5

    def test_of_more_than_one_request_can_do_the_rest_stays_and_is_found_again(
        self, admin_client, monkeypatch
    ):
        monkeypatch.setattr(page, "MOST", 2)
        monkeypatch.setattr(page, "ROUNDS", 1)
        rows = [fail() for _ in range(3)]
        answer = admin_client.post(RETRY, {"fingerprint": "ab12"}, follow=True)
        html = answer.content.decode()
        assert "2 jobs were put back." in html
        assert f"#{rows[0].pk}</a>" in html
        assert Job.objects.failed().get() == rows[0]

    @pytest.mark.parametrize("error", [["x"], [None], [], [{"exception": None}]])
    def test_what_only_sql_could_write_is_a_group_too(self, error, admin_client):
        fail(errors=error)
        assert "1 failed job is put back" in html_of(admin_client, RETRY, fingerprint="ab12")
        assert ">1</a>" in html_of(admin_client)

    def test_what_cannot_be_retried_is_told_honestly(self, admin_client):
        make_job(unique_key="k")
        for key in ("k", None):
            fail(unique_key=key)
        answer = admin_client.post(RETRY, {"fingerprint": "ab12"}, follow=True)
        html = answer.content.decode()
        assert "1 job was put back. 1 was left:" in html
        assert Job.objects.failed().count() == 1

    def test_it_keeps_to_the_filters(self, admin_client):
        on_mail, other = fail(queue="mail"), fail()
        Queue.objects.create(name="mail")
        given = {"fingerprint": "ab12", "queue": "mail"}
        assert "1 failed job is put back" in html_of(admin_client, RETRY, **given)
        answer = admin_client.post(RETRY, given)
        assert answer.url == f"{PAGE}?queue=mail"
        assert Job.objects.ready().get() == on_mail
        assert Job.objects.failed().get() == other

    def test_jobs_without_a_fingerprint_are_a_group(self, admin_client):
        fail(None)
        other = fail()
        admin_client.post(RETRY, {"fingerprint": ""})
        assert Job.objects.failed().get() == other

    def test_nothing_is_left_to_retry(self, admin_client):
        assert "No job of this group" in html_of(admin_client, RETRY, fingerprint="gone")
        answer = admin_client.post(RETRY, {"fingerprint": "gone"}, follow=True)
        assert "0 jobs were put back." in answer.content.decode()
        assert not LogEntry.objects.exists()

    def test_limited_users_retry_what_they_may_see(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        own, other = fail(meta={"tenant": 1}), fail(meta={"tenant": 2})
        client = staff("view_job", "retry_job")
        assert "1 failed job is put back" in html_of(client, RETRY, fingerprint="ab12")
        client.post(RETRY, {"fingerprint": "ab12"})
        assert Job.objects.ready().get() == own
        assert Job.objects.failed().get() == other


class TestPermissions:
    def test_who_may_only_look_has_no_button_and_is_refused(self, staff):
        fail()
        client = staff("view_job")
        assert RETRY not in html_of(client)
        assert client.get(RETRY, {"fingerprint": "ab12"}).status_code == 403
        assert client.post(RETRY, {"fingerprint": "ab12"}).status_code == 403
        assert Job.objects.failed().count() == 1

    def test_who_may_not_look_is_refused_everywhere(self, staff):
        client = staff("retry_job", "view_queue", "view_worker")
        for url in (PAGE, RETRY):
            assert client.get(url).status_code == 403
        assert client.post(RETRY, {"fingerprint": "ab12"}).status_code == 403
        assert PAGE not in html_of(client, reverse("admin:django_jobs_queue_changelist"))

    def test_a_forged_post_is_refused(self, django_user_model):
        fail()
        client = Client(enforce_csrf_checks=True)
        client.force_login(django_user_model.objects.create_superuser("eve"))
        assert client.post(RETRY, {"fingerprint": "ab12"}).status_code == 403
        assert Job.objects.failed().count() == 1

    def test_the_groups_take_no_post(self, admin_client):
        assert admin_client.post(PAGE).status_code == 405
