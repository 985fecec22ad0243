"""The admin of queues: how full they are, who serves them, pause and resume."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_jobs import figures, pause_queue
from django_jobs.admin import fullness
from django_jobs.models import Queue, Worker
from tests.rows import make_job, make_jobs

pytestmark = pytest.mark.django_db

LIST = reverse("admin:django_jobs_queue_changelist")


@pytest.fixture
def mail():
    return Queue.objects.create(name="mail")


def address(queue, page="change"):
    return reverse(f"admin:django_jobs_queue_{page}", args=[queue.pk])


def page_of(client, queue):
    return client.get(address(queue)).content.decode()


def the_list(client):
    return client.get(LIST).content.decode()


def steer(client, queue, action, **data):
    return client.post(address(queue, "steer"), {"action": action, **data}, follow=True)


def link(queue, state, text):
    address = f"/admin/django_jobs/job/?queue={queue.name}&amp;state__exact={state}"
    return f'<a href="{address}">{text}</a>'


class TestFigures:
    def test_list_and_page_count_by_state_with_links_to_the_jobs(self, admin_client, mail):
        for state, count in (("ready", 3), ("running", 2), ("scheduled", 1), ("failed", 4)):
            for _ in range(count):
                make_job(state, queue="mail", scheduled_at=timezone.now() - timedelta(minutes=5))
        make_job(queue="other")
        for html in (the_list(admin_client), page_of(admin_client, mail)):
            for state, count in (("ready", 3), ("running", 2), ("scheduled", 1), ("failed", 4)):
                assert link(mail, state, count) in html
            assert "5 min" in html

    def test_more_than_are_counted_are_told_so(self, admin_client, mail, monkeypatch):
        monkeypatch.setattr(figures, "MOST", 2)
        make_jobs(3, queue="mail")
        assert link(mail, "ready", "2+") in the_list(admin_client)

    def test_it_asks_as_many_questions_for_fifty_as_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        for number in range(50):
            Queue.objects.create(name=f"empty {number}")
        make_job(queue="empty 7")
        with django_assert_max_num_queries(16):
            the_list(admin_client)

    def test_limited_users_count_what_they_may_see(self, staff, settings, mail, monkeypatch):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        for tenant in (1, 1, 2, 2, 2):
            make_job(queue="mail", meta={"tenant": tenant})
        client = staff("view_queue", "view_job")
        for html in (the_list(client), page_of(client, mail)):
            assert link(mail, "ready", "2") in html
        # And of the first jobs alone, where there are very many: however rare theirs may be
        monkeypatch.setattr(fullness, "MOST", 4)
        assert link(mail, "ready", "2+") in the_list(client)

    def test_without_the_permission_to_see_jobs_nothing_is_counted(self, staff, mail):
        make_jobs(3, queue="mail")
        client = staff("view_queue")
        for html in (the_list(client), page_of(client, mail)):
            assert "state__exact" not in html
            assert "oldest waits" not in html.lower()

    def test_names_and_limits_are_text(self, admin_client):
        queue = Queue.objects.create(name="<b>q", rate_limit="5/m", tags=["<i>t"])
        Worker.objects.create(hostname="<u>h", pid=1, tags=["<i>t"])
        for html in (the_list(admin_client), page_of(admin_client, queue)):
            for tag in ("<b>q", "<i>t", "<u>h"):
                assert tag not in html
        assert "rate 5/m, tags &lt;i&gt;t" in the_list(admin_client)


class TestWorkers:
    def test_those_that_serve_it_are_named(self, admin_client, mail):
        serving = Worker.objects.create(hostname="a", pid=1, queues=["mail"])
        Worker.objects.create(hostname="b", pid=2, queues=["other"])
        quiet = Worker.objects.create(hostname="c", pid=3, orders="quiet")
        html = page_of(admin_client, mail)
        assert f'<a href="/admin/django_jobs/worker/{serving.pk}/change/">a:1</a> </div>' in html
        assert f'<a href="/admin/django_jobs/worker/{quiet.pk}/change/">c:3</a> quiet</div>' in html
        assert "b:2" not in html
        assert "<span>1</span>" in the_list(admin_client)

    def test_a_queue_that_nobody_serves_is_marked(self, admin_client, mail):
        Queue.objects.update(tags=["gpu"])
        Worker.objects.create(hostname="a", pid=1)
        assert '<span class="django-jobs-warning">none</span>' in the_list(admin_client)
        assert "no worker</span>" in page_of(admin_client, mail)

    def test_who_may_not_see_workers_sees_none(self, staff, mail):
        Worker.objects.create(hostname="web1", pid=1)
        client = staff("view_queue", "view_job")
        assert "web1" not in page_of(client, mail)
        assert "column-shown_workers" not in the_list(client)


class TestPausing:
    def test_the_buttons_pause_and_resume_and_are_written_down(self, admin_client, mail):
        html = steer(admin_client, mail, "pause_queues").content.decode()
        assert "Paused. Running jobs go on." in html
        assert "paused since" in html
        assert 'value="resume_queues"' in html
        html = steer(admin_client, mail, "resume_queues").content.decode()
        assert "1 queue was resumed." in html
        assert 'value="resume_queues"' not in html
        assert Queue.objects.get().paused_at is None
        entries = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
        assert list(entries) == [("mail", "Paused."), ("mail", "Resumed.")]

    def test_a_pause_has_an_end_where_one_is_given(self, admin_client, mail):
        until = timezone.localtime() + timedelta(hours=2)
        html = steer(admin_client, mail, "pause_queues", until=f"{until:%Y-%m-%dT%H:%M}")
        assert f"Paused until {until:%Y-%m-%d %H:%M}:00" in html.content.decode()
        assert Queue.objects.get().resume_at == until.replace(second=0, microsecond=0)

    @pytest.mark.parametrize(
        ("until", "said"), [("2001-01-01T00:00", "in the past"), ("soon", "valid date")]
    )
    def test_an_end_that_makes_no_sense_is_refused(self, admin_client, mail, until, said):
        html = steer(admin_client, mail, "pause_queues", until=until).content.decode()
        assert said in html
        assert Queue.objects.get().paused_at is None
        assert not LogEntry.objects.exists()

    def test_a_pause_that_is_over_is_told_as_open(self, admin_client, mail):
        past = timezone.now() - timedelta(hours=1)
        Queue.objects.update(paused_at=past, resume_at=past)
        assert "paused since" not in page_of(admin_client, mail)

    def test_of_selected_queues_only_paused_ones_are_resumed(self, admin_client, mail):
        pause_queue("other")
        data = {
            "action": "resume_queues",
            "_selected_action": Queue.objects.values_list("pk", flat=True),
        }
        html = admin_client.post(LIST, data, follow=True).content.decode()
        assert "1 queue was resumed." in html
        assert LogEntry.objects.get().object_repr == "other"

    def test_limits_are_saved_as_before(self, admin_client, mail):
        form = {"concurrency": "3", "max_running": "", "rate_limit": "5/m", "rate_burst": "",
                "weight": "", "tags": ""}  # fmt: skip
        assert admin_client.post(address(mail), form).status_code == 302
        mail.refresh_from_db()
        assert (mail.concurrency, mail.rate_limit) == (3, "5/m")

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("rate_limit", "often", "The rate limit"),
            ("tags", '"gpu"', "must be a list of texts"),
            ("tags", '["("]', "is no regular expression"),
        ],
    )
    def test_limits_that_make_no_sense_are_refused(self, admin_client, mail, field, value, said):
        form = {"concurrency": "", "max_running": "", "rate_limit": "", "rate_burst": "",
                "weight": "3", "tags": "", field: value}  # fmt: skip
        (error,) = admin_client.post(address(mail), form).context["adminform"].form.errors[field]
        assert said in error
        assert Queue.objects.get().weight is None


class TestPermissions:
    def test_who_may_only_look_sees_no_buttons_and_is_refused(self, staff, mail):
        client = staff("view_queue")
        assert "pause_queues" not in page_of(client, mail)
        for action in ("pause_queues", "resume_queues", "no such"):
            assert steer(client, mail, action).status_code == 403
            client.post(LIST, {"action": action, "_selected_action": [mail.pk]})
        assert Queue.objects.get().paused_at is None
        assert not LogEntry.objects.exists()

    def test_who_may_not_look_is_refused_everywhere(self, staff, mail):
        client = staff("pause_queue", "view_job")
        for url in (LIST, address(mail), address(mail, "steer")):
            assert client.get(url).status_code == 403
        assert steer(client, mail, "pause_queues").status_code == 403

    def test_looking_changes_nothing(self, admin_client, mail):
        url = address(mail, "steer")
        assert admin_client.get(url, {"action": "pause_queues"}).status_code == 405
        assert Queue.objects.get().paused_at is None

    def test_a_forged_post_is_refused(self, django_user_model, mail):
        client = Client(enforce_csrf_checks=True)
        client.force_login(django_user_model.objects.create_superuser("eve"))
        assert steer(client, mail, "pause_queues").status_code == 403
        assert Queue.objects.get().paused_at is None


def test_the_form_of_a_queue_without_tags_is_empty_and_stays_so(admin_client, mail):
    # Given a queue without tags
    page = reverse("admin:django_jobs_queue_change", args=[mail.pk])
    # When its form is shown
    form = admin_client.get(page).context["adminform"].form
    # Then the field is empty
    assert form["tags"].value() in ("", None)
    assert ">null<" not in str(form["tags"])
    # And when it is saved so, there are none
    admin_client.post(page, {"weight": 3, "tags": ""})
    mail.refresh_from_db()
    assert (mail.weight, mail.tags) == (3, None)
    # And a list of texts is kept
    admin_client.post(page, {"weight": 3, "tags": '["gpu"]'})
    mail.refresh_from_db()
    assert mail.tags == ["gpu"]
