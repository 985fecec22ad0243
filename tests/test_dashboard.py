"""The dashboard of the admin: its figures, its buttons, and who sees what of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from django_jobs import horizon, pause_queue
from django_jobs.admin.dashboard import queues, scale
from django_jobs.admin.dashboard.svg import Chart, Line
from django_jobs.engine.history import MOST
from django_jobs.models import Period, Queue, Schedule, Worker
from tests.plans import ways_into
from tests.rows import make_job, make_jobs, sql

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:app_list", kwargs={"app_label": "django_jobs"})
FRAGMENT = reverse("admin:django_jobs_dashboard")
STEER = reverse("admin:django_jobs_dashboard_steer")
NOTHING = "testproject.ledger.jobs.nothing"
SCRIPT = "<script>alert(1)</script>"


def text_of(answer):
    """Return the words of a page, each separated by one space."""
    return " ".join(answer.content.decode().split())


def log_in(*powers):
    """Return the client of somebody of the staff with these permissions alone."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=powers))
    client = Client()
    client.force_login(user)
    return client


def minute(queue, ago=0, **fields):
    begins_at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=ago)
    return Period.objects.create(queue=queue, span=60, begins_at=begins_at, **fields)


def own_jobs(request, jobs):
    """Narrow jobs to those of the queue that is named as the user is."""
    return jobs if request.user.is_superuser else jobs.filter(queue=request.user.username)


@pytest.fixture
def limited(settings):
    """Let users see the jobs of their own queues alone."""
    settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": f"{__name__}.own_jobs"}


@pytest.fixture
def busy():
    """Return nothing; there are queues with jobs, workers, schedules, failures and a history."""
    Queue.objects.create(name="mail")
    worker = Worker.objects.create(hostname="web1", pid=42, concurrency=5, version="1.2")
    make_jobs(3, queue="mail", name=NOTHING)
    make_job("running", queue="mail", name=NOTHING, worker_id=worker.pk, started_at=timezone.now())
    make_jobs(2, state="scheduled", queue="mail", name=NOTHING)
    error = {"exception": "ValueError", "message": "no stamp"}
    make_job("failed", queue="mail", name=NOTHING, fingerprint="ab12", errors=[error])
    half, most = [0] * 20, [0] * 25
    half[20 - 1], most[25 - 1] = 90, 10
    minute("mail", 1, succeeded=120, failed=60, waits=half, runs=most, ready=7)
    minute("", 1, succeeded=120, failed=60, waits=half, runs=most, ready=7)
    Schedule.objects.create(
        name="nightly", function=NOTHING, cron="0 3 * * *", next_tick=timezone.now()
    )


@pytest.mark.usefixtures("busy")
class TestPage:
    def test_it_stands_above_the_models_of_the_app(self, admin_client):
        html = text_of(admin_client.get(PAGE))
        assert html.index("All queues over time") < html.index('class="app-django_jobs module')
        assert f'data-django-jobs-live="{FRAGMENT}?range=hour"' in html

    def test_each_queue_says_how_full_it_is_and_how_fast_it_goes(self, admin_client):
        context = admin_client.get(FRAGMENT).context
        (row,) = context["queues"]
        assert row.name == "mail"
        assert [count for count, _ in row.counts] == ["3", "1", "2", "1"]
        assert row.per_minute == "2"
        assert row.failed_per_minute == "1"
        assert "ms" in row.waits
        assert "s" in row.runs

    def test_charts_are_drawn_with_titles_and_told_as_tables(self, admin_client):
        answer = admin_client.get(FRAGMENT)
        html = text_of(answer)
        assert html.count("<svg") == html.count("<desc") == 3
        assert html.count("<title id=") == 3
        ends, waits, backlog = answer.context["charts"]
        assert "In all 120 succeeded, 60 failed" in ends.description
        assert [values for _, values in ends.rows][1] == ["120", "60", "0", "0"]
        assert backlog.rows[1][1] == ["7"]
        assert not waits.is_empty
        assert html.count("<details") == 3

    def test_of_a_backlog_that_was_not_counted_to_its_end_it_is_said(self, admin_client):
        told = "Of each queue 10,000 are counted, and no more."
        assert told not in text_of(admin_client.get(FRAGMENT))
        minute("", 2, ready=MOST)
        assert told in text_of(admin_client.get(FRAGMENT))

    def test_charts_go_back_a_day_or_a_week(self, admin_client):
        for key, slots in (("hour", 60), ("day", 72), ("week", 84), ("nonsense", 60)):
            charts = admin_client.get(FRAGMENT, {"range": key}).context["charts"]
            assert [len(chart.moments) for chart in charts] == [slots] * 3
            assert "120" in charts[0].description

    def test_charts_may_be_of_one_queue(self, admin_client):
        minute("", 2, succeeded=1000)
        html = text_of(admin_client.get(PAGE, {"queue": "mail"}))
        assert "The queue mail over time" in html
        assert "In all 120 succeeded" in html
        assert "range=hour&amp;queue=mail" in html

    def test_what_is_asked_for_may_be_nonsense(self, admin_client):
        for query in ({"queue": "\0"}, {"queue": "no such"}, {"range": "\0"}):
            assert admin_client.get(PAGE, query).status_code == 200

    def test_workers_schedules_and_failures_are_told_of(self, admin_client):
        html = text_of(admin_client.get(FRAGMENT))
        assert "web1:42" in html
        assert f">{NOTHING}</a>" in html
        assert "nightly" in html
        assert "ValueError" in html
        assert "no stamp" in html

    def test_nothing_on_it_needs_inline_code(self, admin_client):
        html = admin_client.get(PAGE).content.decode()
        dashboard = html[html.index("data-django-jobs-live") : html.index("app-django_jobs module")]
        for forbidden in ("<script", "style=", " onclick", "javascript:"):
            assert forbidden not in dashboard

    def test_an_empty_project_has_a_dashboard(self, admin_client):
        for table in ("job", "queue", "worker", "schedule", "period"):
            sql(f"DELETE FROM django_jobs_{table}")
        html = text_of(admin_client.get(PAGE))
        for sentence in (
            "There are no queues yet.", "No worker is alive.", "No schedule is going to run.",
            "No job has failed.", "No job has ended in this time.",
        ):  # fmt: skip
            assert sentence in html


class TestEscaping:
    def test_names_that_hold_markup_are_text(self, admin_client):
        # Given markup wherever somebody may put it
        Queue.objects.create(name=SCRIPT, paused_at=timezone.now())
        worker = Worker.objects.create(hostname=SCRIPT, pid=1, version=SCRIPT, queues=[SCRIPT])
        make_job(queue=SCRIPT, name=SCRIPT)
        make_job("running", queue=SCRIPT, name=SCRIPT, worker_id=worker.pk)
        error = {"exception": SCRIPT, "message": SCRIPT}
        make_job("failed", queue=SCRIPT, name=SCRIPT, fingerprint="ab12", errors=[error])
        Schedule.objects.create(
            name=SCRIPT, function=SCRIPT, cron="0 3 * * *", next_tick=timezone.now()
        )
        minute(SCRIPT, 1, succeeded=1)
        # When
        html = admin_client.get(PAGE, {"queue": SCRIPT, "range": SCRIPT}).content.decode()
        # Then
        assert SCRIPT not in html
        assert html.count(escape(SCRIPT)) >= 8


class TestBanners:
    def texts(self, client):
        return [str(banner.text) for banner in client.get(FRAGMENT).context["banners"]]

    def test_a_healthy_queue_has_none(self, admin_client):
        Worker.objects.create(hostname="web1", pid=1)
        make_job(name=NOTHING)
        assert self.texts(admin_client) == []

    def test_a_queue_that_nobody_serves(self, admin_client):
        Worker.objects.create(hostname="web1", pid=1, queues=["default"])
        make_job(queue="mail", name=NOTHING)
        (text,) = self.texts(admin_client)
        assert "No worker serves the queue mail" in text

    def test_a_queue_whose_tag_nobody_carries(self, admin_client):
        Queue.objects.create(name="video", tags=["gpu"])
        Worker.objects.create(hostname="web1", pid=1)
        make_job(queue="video", name=NOTHING)
        (text,) = self.texts(admin_client)
        assert "The queue video is for workers that carry gpu" in text

    def test_a_paused_queue_needs_no_worker(self, admin_client):
        pause_queue("mail")
        make_job(queue="mail", name=NOTHING)
        assert self.texts(admin_client) == []

    def test_a_worker_without_a_heartbeat(self, admin_client):
        old = timezone.now() - timedelta(minutes=5)
        Worker.objects.create(hostname="web1", pid=1, heartbeat_at=old)
        (text,) = self.texts(admin_client)
        assert text.startswith("The worker web1:1 has given no sign of life for 5 min")

    def test_jobs_that_can_never_run(self, admin_client):
        Worker.objects.create(hostname="web1", pid=1)
        make_job(name="gone.away")
        make_job("scheduled", name="gone.too", scheduled_at=timezone.now())
        make_job(name=NOTHING)
        (text,) = self.texts(admin_client)
        assert "functions that this code does not know: gone.away, gone.too." in text


@pytest.mark.django_db(transaction=True)
class TestHorizon:
    @pytest.fixture
    def old_transaction(self, monkeypatch):
        """Let a transaction of another session hold a snapshot; each is called an old one."""
        monkeypatch.setattr(horizon, "LONG", 0.0)
        monkeypatch.setattr(horizon.pins, "__kwdefaults__", {"longer_than": 0.0})
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT '<i>secret</i>' || repeat('x', 1), 'a' AS " + "long" * 10)
            yield other.connection.info.backend_pid
        other.close()

    def test_a_transaction_that_pins_it_is_told_of(self, old_transaction, admin_client):
        html = text_of(admin_client.get(FRAGMENT))
        assert f"process {old_transaction} of" in html
        assert "&lt;i&gt;secret&lt;/i&gt;" in html

    def test_its_query_is_for_those_alone_who_may_stop_workers(self, old_transaction):
        html = text_of(log_in("view_worker", "view_queue", "view_job").get(FRAGMENT))
        assert str(old_transaction) not in html
        assert "secret" not in html


@pytest.mark.usefixtures("busy")
class TestPermissions:
    def test_without_any_there_is_no_dashboard(self):
        client = log_in("view_task")
        assert client.get(FRAGMENT).status_code == 403
        assert "data-django-jobs-live" not in text_of(client.get(PAGE))

    def test_who_is_not_of_the_staff_is_sent_away(self, client):
        client.force_login(User.objects.create_user("customer"))
        for url in (PAGE, FRAGMENT):
            assert client.get(url).status_code == 302
        assert client.post(STEER).status_code == 302

    @pytest.mark.parametrize(
        ("power", "shown"),
        [
            ("view_queue", "Wait p50"),
            ("view_worker", "web1:42"),
            ("view_schedule", "nightly"),
            ("view_job", "ValueError"),
        ],
    )
    def test_each_part_has_its_own(self, power, shown):
        html = text_of(log_in(power).get(FRAGMENT))
        parts = {"Wait p50", "web1:42", "nightly", "ValueError"}
        assert {part for part in parts if part in html} == {shown}
        assert NOTHING not in html.replace("ValueError</a><div", "") or power == "view_job"

    def test_buttons_are_for_those_who_may_pause(self):
        html = text_of(log_in("view_queue").get(FRAGMENT))
        assert STEER not in html

    def test_it_is_read_by_get_alone(self, admin_client):
        assert admin_client.post(FRAGMENT).status_code == 405


@pytest.mark.usefixtures("busy", "limited")
class TestLimitedUsers:
    POWERS = ("view_queue", "view_job", "view_worker", "view_schedule")

    def test_they_are_told_of_their_own_jobs_alone(self):
        # Given a user who sees what is in the queue "clerk"
        make_jobs(2, queue="clerk", name=NOTHING)
        make_job("failed", queue="clerk", name=NOTHING)
        # When they look
        answer = log_in(*self.POWERS).get(FRAGMENT)
        # Then there is nothing of the others, and nothing of all together
        (row,) = answer.context["queues"]
        assert (row.name, [count for count, _ in row.counts]) == ("clerk", ["2", "0", "0", "1"])
        html = text_of(answer)
        for hidden in ("mail", "<svg", "ValueError", "Succeeded a minute", NOTHING):
            assert hidden not in html

    def test_they_are_told_that_their_queue_is_paused(self):
        make_job(queue="clerk", name=NOTHING)
        until = timezone.now() + timedelta(days=1)
        pause_queue("clerk", resume_at=until)
        pause_queue("mail")
        (row,) = log_in(*self.POWERS).get(FRAGMENT).context["queues"]
        assert (row.name, row.paused_at is None, row.resume_at) == ("clerk", False, until)

    def test_their_counts_have_an_end(self, monkeypatch):
        monkeypatch.setattr(queues, "MOST_VISIBLE", 4)
        make_jobs(6, queue="clerk", name=NOTHING)
        (row,) = log_in(*self.POWERS).get(FRAGMENT).context["queues"]
        assert row.counts[0][0] == "4+"

    def test_who_sees_all_is_not_limited(self, admin_client):
        assert "<svg" in text_of(admin_client.get(FRAGMENT))


class TestSteering:
    def steer(self, client, verb="pause", **more):
        queue, _ = Queue.objects.get_or_create(name="mail")
        return client.post(STEER, {"queue": queue.pk, "verb": verb, **more}, follow=True)

    def test_a_queue_is_paused_and_goes_on(self, admin_client):
        # When
        html = text_of(self.steer(admin_client, back="range=day"))
        # Then it is paused, and it is written down who did it
        assert Queue.objects.get(name="mail").paused_at is not None
        assert "The queue mail is paused." in html
        assert f"{FRAGMENT}?range=day" in html
        assert LogEntry.objects.get().object_repr == "mail"
        # And again
        assert "The queue mail goes on." in text_of(self.steer(admin_client, "resume"))
        assert Queue.objects.get(name="mail").paused_at is None

    def test_without_the_permission_nothing_changes(self):
        assert self.steer(log_in("view_queue", "change_queue")).status_code == 403
        assert Queue.objects.get(name="mail").paused_at is None

    def test_without_a_token_nothing_changes(self, admin_user):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert self.steer(client).status_code == 403
        assert Queue.objects.get(name="mail").paused_at is None

    def test_a_link_changes_nothing(self, admin_client):
        assert admin_client.get(STEER).status_code == 405

    @pytest.mark.parametrize("key", ["", "0", "x", "9" * 40, "1 OR 1=1", "²"])
    def test_a_forged_queue_is_not_found(self, admin_client, key):
        assert admin_client.post(STEER, {"queue": key}).status_code == 404

    def test_it_leads_nowhere_else(self, admin_client):
        answer = admin_client.post(
            STEER, {"queue": Queue.objects.create(name="q").pk, "back": "//evil.example/?x=1"}
        )
        assert answer.url.startswith(PAGE)


class TestCost:
    def queries_of(self, client):
        client.get(FRAGMENT)  # what is cached once is not counted
        with CaptureQueriesContext(connection) as queries:
            assert client.get(FRAGMENT).status_code == 200
        return [query["sql"] for query in queries]

    def test_many_queues_and_workers_cost_no_more_statements(self, admin_client, busy):
        few = len(self.queries_of(admin_client))
        for number in range(60):
            Queue.objects.create(name=f"q{number}")
            Worker.objects.create(hostname="web2", pid=number)
            make_job(queue=f"q{number}", name=NOTHING)
            make_job("running", queue=f"q{number}", worker_id=number)
            minute(f"q{number}", succeeded=1)
        assert len(self.queries_of(admin_client)) == few <= 25

    def test_everything_is_read_by_indexes(self, admin_client, busy):
        # Given a history of jobs and periods
        sql(
            "INSERT INTO django_jobs_job (name, state, finished_at, prune_at, worker_id) "
            "SELECT 'x', 'succeeded', now(), now(), 1 FROM generate_series(1, 50000)"
        )
        sql(
            "INSERT INTO django_jobs_period (queue, span, begins_at, waits, runs) "
            "SELECT 'q' || n % 20, 60, now() - n * interval '1 min', '{1}', '{1}' "
            "FROM generate_series(1, 20000) AS n"
        )
        sql("ANALYZE django_jobs_job")
        sql("ANALYZE django_jobs_period")
        # When
        sent = [one for one in self.queries_of(admin_client) if "django_jobs_" in one]
        # Then
        jobs = set().union(*(ways_into(one, "django_jobs_job") for one in sent))
        periods = set().union(*(ways_into(one, "django_jobs_period") for one in sent))
        assert jobs <= {"ready", "running", "scheduled", "failed", "pkey", "step"}
        assert periods <= {"one", "span"}


class TestScale:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "0 s"), (0.0042, "4 ms"), (1.25, "1.2 s"), (59, "59 s"), (60, "1 min"),
            (92, "1 min 32 s"), (3600, "1 h"), (7500, "2 h 5 min"), (90_000, "1 d 1 h"),
        ],
    )  # fmt: skip
    def test_a_duration_is_told_in_two_units_at_most(self, seconds, words):
        assert scale.duration(seconds) == words

    def test_at_an_axis_it_is_told_in_one(self):
        assert [scale.level(one) for one in (0, 30, 90, 5400)] == [
            "0 s",
            "30 s",
            "1.5 min",
            "1.5 h",
        ]

    @pytest.mark.parametrize("top", [0, 0.003, 0.7, 1, 3, 47, 1_000, 86_400, 9e9])
    def test_axes_reach_the_top_in_a_few_steps(self, top):
        for levels in (scale.whole(top), scale.times(top)):
            assert levels[0] == 0
            assert levels[-1] >= top
            assert 2 <= len(levels) <= scale.LINES + 2

    def test_a_line_has_gaps_where_nothing_is_known(self):
        chart = Chart(
            "x", "X", "", ["a"] * 4, ["a"] * 4, [Line("half", "h", [1, None, 2, 3])], [0, 3],
            scale.number, scale.number,
        )  # fmt: skip
        assert chart.svg.count("<polyline") == 2


def test_workers_are_told_what_to_do_by_who_may(client, staff, admin_client):
    # Given a worker of known size that was told to be quiet
    worker = Worker.objects.create(hostname="web1", pid=12, rss=50 * 2**20, orders="quiet")
    page = reverse("admin:app_list", args=["django_jobs"])
    steer = reverse("admin:django_jobs_worker_steer", args=[worker.pk])
    # When somebody looks who may tell it anything
    html = admin_client.get(page).content.decode()
    # Then its memory, what it does and what it can be told are there
    assert "50.0" in html
    assert "is asked to be quiet" in html
    assert f'action="{steer}"' in html
    assert 'value="resume"' in html
    # And for others the buttons are not
    other = staff("view_worker")
    assert steer not in other.get(page).content.decode()
    # And one that was told to stop can be told nothing else
    Worker.objects.update(orders="stop")
    html = admin_client.get(page).content.decode()
    assert "is asked to stop" in html
    assert steer not in html
