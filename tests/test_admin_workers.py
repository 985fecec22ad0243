"""The admin of workers: how they are, what they run, what they are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from django_jobs.models import Worker
from tests.rows import make_job

pytestmark = pytest.mark.django_db

LIST = reverse("admin:django_jobs_worker_changelist")


def hire(**fields):
    return Worker.objects.create(**{"hostname": "web1", "pid": 7, "concurrency": 4, **fields})


def address(worker, page="change"):
    return reverse(f"admin:django_jobs_worker_{page}", args=[worker.pk])


def page_of(client, worker):
    return client.get(address(worker)).content.decode()


def the_list(client):
    return client.get(LIST).content.decode()


def steer(client, worker, action):
    return client.post(address(worker, "steer"), {"action": action})


def orders_of(worker):
    return Worker.objects.get(pk=worker.pk).orders


class TestTheList:
    def test_it_tells_how_each_is_and_what_it_runs(self, admin_client):
        worker = hire(
            rss=50 * 2**20, queues=["mail", "reports"], version="1.2",
            heartbeat_at=timezone.now() - timedelta(seconds=3.2),
        )  # fmt: skip
        started = timezone.now() - timedelta(minutes=2, seconds=5)
        job = make_job("running", worker_id=worker.pk, started_at=started)
        make_job("running", worker_id=worker.pk)
        make_job("running", worker_id=worker.pk + 1)
        html = the_list(admin_client)
        for told in ("web1:7", "works", "3.", " s ago", "50.0\xa0MB", "2 / 4", "mail, reports"):
            assert told in html
        assert f'href="/admin/django_jobs/job/{job.pk}/change/">{job.name} #{job.pk}</a>' in html
        assert "</a>, 2 min 5 s" in html
        assert "</a>, not begun" in html
        assert "taken for dead" not in html

    def test_a_heartbeat_that_is_too_old_is_marked(self, admin_client):
        worker = hire(heartbeat_at=timezone.now() - timedelta(minutes=5))
        for html in (the_list(admin_client), page_of(admin_client, worker)):
            assert '<span class="django-jobs-warning">5 min ago: taken for dead</span>' in html

    @pytest.mark.parametrize(
        ("orders", "heard", "told"),
        [
            ("", "", "works"),
            ("quiet", "", "is asked to be quiet"),
            ("quiet", "quiet", "is quiet"),
            ("", "quiet", "is asked to work again"),
            ("stop", "quiet", "is asked to stop"),
            ("stop", "stop", "stops"),
        ],
    )
    def test_it_tells_what_was_asked_and_what_was_heard(self, orders, heard, told, admin_client):
        hire(orders=orders, heard=heard)
        assert f">{told}<" in the_list(admin_client)

    def test_of_many_jobs_the_longest_are_named_and_the_rest_is_counted(self, admin_client):
        worker = hire()
        now = timezone.now()
        jobs = [
            make_job("running", worker_id=worker.pk, started_at=now - timedelta(hours=n))
            for n in range(1, 9)
        ]
        html = the_list(admin_client)
        assert [f"#{job.pk}<" in html for job in jobs] == [False] * 3 + [True] * 5
        assert "and 3 more" in html

    def test_it_asks_as_many_questions_for_fifty_as_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        for pid in range(50):
            worker = hire(pid=pid)
            for _ in range(3):
                make_job("running", worker_id=worker.pk)
        with django_assert_max_num_queries(9):
            the_list(admin_client)

    def test_what_workers_and_jobs_are_called_is_text(self, admin_client):
        worker = hire(
            hostname="<b>h", version="<i>v", queues=["<u>q"], tags=["<s>t"],
        )  # fmt: skip
        make_job("running", worker_id=worker.pk, name="<em>n")
        for html in (the_list(admin_client), page_of(admin_client, worker)):
            for tag in ("<b>h", "<i>v", "<u>q", "<s>t", "<em>n"):
                assert tag not in html
            assert "&lt;em&gt;n #" in html


class TestThePage:
    def test_it_has_the_buttons_that_make_sense(self, admin_client):
        def offered(**fields):
            html = page_of(admin_client, hire(**fields))
            return [name for name in ("quiet", "resume", "stop") if f'value="{name}"' in html]

        assert offered() == ["quiet", "stop"]
        assert offered(orders="quiet") == ["resume", "stop"]
        assert offered(orders="stop") == []

    def test_the_buttons_tell_the_worker_and_are_written_down(self, admin_client):
        worker = hire()
        for action, orders in (("quiet", "quiet"), ("resume", ""), ("stop", "stop")):
            page = steer(admin_client, worker, action)
            assert (page.status_code, page.url) == (302, address(worker))
            assert orders_of(worker) == orders
        entries = LogEntry.objects.order_by("pk")
        assert [entry.change_message for entry in entries] == [
            "Told to be quiet.", "Told to work again.", "Told to stop.",
        ]  # fmt: skip
        assert {(entry.object_id, entry.object_repr) for entry in entries} == {
            (str(worker.pk), "web1:7")
        }

    def test_who_was_told_to_stop_is_told_nothing_else(self, admin_client):
        worker = hire(orders="stop")
        url = address(worker, "steer")
        html = admin_client.post(url, {"action": "resume"}, follow=True).content.decode()
        assert "0 workers were told. 1 was told so before, or is stopping" in html
        assert orders_of(worker) == "stop"

    def test_one_that_is_gone_is_not_found(self, admin_client):
        worker = hire()
        Worker.objects.all().delete()
        assert steer(admin_client, worker, "stop").status_code == 404


class TestActions:
    def test_several_are_told_at_once(self, admin_client):
        workers = [hire(), hire(orders="quiet")]
        data = {"action": "quiet", "_selected_action": [one.pk for one in workers]}
        html = admin_client.post(LIST, data, follow=True).content.decode()
        assert "1 worker was told. 1 was told so before" in html
        assert [orders_of(one) for one in workers] == ["quiet", "quiet"]
        assert LogEntry.objects.count() == 2


class TestPermissions:
    def test_who_may_only_look_sees_no_buttons_and_is_refused(self, staff):
        client, worker = staff("view_worker"), hire()
        assert 'name="action"' not in page_of(client, worker)
        for action in ("quiet", "resume", "stop", "delete_selected", "", "no such"):
            assert steer(client, worker, action).status_code == 403
            client.post(LIST, {"action": action, "_selected_action": [worker.pk]})
        assert orders_of(worker) == ""
        assert not LogEntry.objects.exists()

    def test_who_may_not_look_is_refused_everywhere(self, staff):
        client, worker = staff("stop_worker", "view_job"), hire()
        for url in (LIST, address(worker), address(worker, "steer")):
            assert client.get(url).status_code == 403
        assert steer(client, worker, "stop").status_code == 403
        assert client.post(LIST, {"action": "stop"}).status_code == 403
        assert orders_of(worker) == ""

    def test_strangers_are_asked_who_they_are(self, client):
        worker = hire()
        assert steer(client, worker, "stop").status_code == 302
        assert orders_of(worker) == ""

    def test_who_may_steer_workers_can(self, staff):
        worker = hire()
        client = staff("view_worker", "stop_worker")
        assert 'value="stop"' in page_of(client, worker)
        assert steer(client, worker, "stop").status_code == 302
        assert orders_of(worker) == "stop"

    def test_looking_changes_nothing(self, admin_client):
        worker = hire()
        for action in ("quiet", "resume", "stop"):
            assert admin_client.get(address(worker, "steer"), {"action": action}).status_code == 405
        assert orders_of(worker) == ""

    def test_a_forged_post_is_refused(self, django_user_model):
        from django.test import Client

        client = Client(enforce_csrf_checks=True)
        client.force_login(django_user_model.objects.create_superuser("eve"))
        worker = hire()
        assert steer(client, worker, "stop").status_code == 403
        assert orders_of(worker) == ""

    def test_without_the_permission_to_see_jobs_none_is_shown(self, staff):
        worker = hire()
        job = make_job("running", worker_id=worker.pk)
        client = staff("view_worker")
        for html in (the_list(client), page_of(client, worker)):
            assert f"#{job.pk}" not in html
            assert "1 / 4" not in html

    def test_of_the_jobs_only_visible_ones_are_shown_and_counted(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        worker = hire()
        own = make_job("running", worker_id=worker.pk, meta={"tenant": 1})
        other = make_job("running", worker_id=worker.pk, meta={"tenant": 2})
        client = staff("view_worker", "view_job")
        for html in (the_list(client), page_of(client, worker)):
            assert f"#{own.pk}<" in html
            assert f"#{other.pk}<" not in html
            assert "1 / 4" in html
