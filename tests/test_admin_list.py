"""The list of jobs: its tabs, filters, search, pages and columns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_jobs import argumentindex, slices, tallies
from django_jobs.models import Job, Queue, Schedule, Task, Worker
from django_jobs.states import State
from tests.rows import make_job, make_jobs, sql

pytestmark = pytest.mark.django_db

JOBS = reverse("admin:django_jobs_job_changelist")


def only_mail(request, jobs):
    """Let nobody see jobs on other queues."""
    return jobs.filter(queue="mail")


@pytest.fixture
def limited(settings):
    settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": f"{__name__}.only_mail"}


def shown(client, **query):
    """Return the ids that the list shows."""
    page = client.get(JOBS, query)
    assert page.status_code == 200
    return [job.pk for job in page.context["cl"].result_list]


def problems(client, **query):
    return client.get(JOBS, query).context["cl"].problems


def counts(client, **query):
    return {tab.state: tab.told for tab in client.get(JOBS, query).context["cl"].tabs}


class TestTabs:
    def test_there_is_one_for_each_state_with_how_many_jobs_are_in_it(self, admin_client):
        for state in State:
            make_job(state)
        make_job(State.FAILED)

        assert counts(admin_client) == {
            "": "8", **dict.fromkeys(State.values, "1"), State.FAILED: "2",
        }  # fmt: skip

    def test_a_tab_keeps_the_other_filters_and_begins_at_the_newest(self, admin_client):
        page = admin_client.get(JOBS, {"queue": "mail", "before": "7", "state__exact": "ready"})

        tab = next(tab for tab in page.context["cl"].tabs if tab.state == State.FAILED)
        assert tab.address == "?queue=mail&state__exact=failed"

    def test_the_chosen_one_is_marked(self, admin_client):
        html = admin_client.get(JOBS, {"state__exact": "failed"}).content.decode()

        assert '<a href="?state__exact=failed" class="chosen" aria-current="page">Failed' in html

    def test_nobody_counts_further_than_a_limit(self, admin_client, monkeypatch):
        monkeypatch.setattr(tallies, "MOST", 2)
        make_jobs(4)

        assert counts(admin_client)[State.READY] == "2+"

    def test_of_many_jobs_an_estimate_is_told(self, admin_client, monkeypatch):
        monkeypatch.setattr(tallies, "MOST", 100)
        Job.objects.bulk_create(
            Job(name="x", state="succeeded", finished_at=timezone.now()) for _ in range(900)
        )
        make_jobs(100)
        sql("ANALYZE django_jobs_job")

        told = counts(admin_client)

        assert (told[""], told[State.SUCCEEDED]) == ("about 1,000", "about 900")

    def test_with_a_filter_nobody_counts(self, admin_client):
        make_job()

        assert set(counts(admin_client, queue="default").values()) == {""}

    def test_who_sees_some_jobs_is_told_of_these(self, admin_client, limited):
        make_jobs(2, queue="mail")
        make_job()
        make_job(State.SUCCEEDED)

        told = counts(admin_client)

        assert (told[State.READY], told[""], told[State.SUCCEEDED]) == ("2", "", "")


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ({"state__exact": "failed"}, {"state": State.FAILED}),
            ({"state__exact": "running"}, {"state": State.RUNNING}),
            ({"queue": "mail"}, {"queue": "mail"}),
            ({"name": "shop.jobs.pack"}, {"name": "shop.jobs.pack"}),
            ({"concurrency_key": "acme"}, {"concurrency_key": "acme"}),
            ({"fingerprint": "ab12"}, {"fingerprint": "ab12"}),
            ({"has_errors": "on"}, {"fingerprint": "ab12"}),
            ({"parent__id__exact": "77"}, {"parent_id": 77}),
            ({"step__id__exact": "77"}, {"step_id": 77}),
            ({"worker__id__exact": "77"}, {"state": State.RUNNING, "worker_id": 77}),
            ({"enqueued": "hour"}, {"enqueued_at": timezone.now()}),
            ({"since": "2026-01-01T00:00"}, {"enqueued_at": timezone.now()}),
            ({"queue": "mail", "state__exact": "failed"}, {"queue": "mail", "state": "failed"}),
            ({"queue": "mail", "state__exact": "ready"}, {"queue": "mail"}),
        ],
    )
    def test_a_filter_shows_what_it_asks_for_and_nothing_else(self, query, fields, admin_client):
        old = {"enqueued_at": "2020-01-01T00:00Z"}
        make_job(State.SUCCEEDED, **old)
        job = make_job(fields.pop("state", State.READY), **{**old, **fields})
        make_job(State.SUCCEEDED, **old)

        assert shown(admin_client, **query) == [job.pk]

    def test_those_before_a_time(self, admin_client):
        old = make_job(enqueued_at="2020-01-01T00:00Z")
        make_job()

        assert shown(admin_client, until="2020-01-01T12:00") == [old.pk]

    def test_those_of_a_schedule(self, admin_client):
        schedule = Schedule.objects.create(name="nightly", function="x", cron="* * * * *")
        job = make_job(schedule=schedule)
        make_job()

        assert shown(admin_client, schedule="nightly") == [job.pk]
        assert shown(admin_client, schedule="nightly", queue="mail") == []

    def test_names_to_choose_from_are_known_ones_and_the_chosen_one(self, admin_client):
        Queue.objects.create(name="mail")
        Task.objects.create(name="shop.jobs.<pack>", type_key="a", task_key="a")

        html = admin_client.get(JOBS, {"queue": "gone"}).content.decode()

        assert '<option value="mail">mail</option>' in html
        assert '<option value="gone" selected>gone</option>' in html
        assert '<option value="shop.jobs.&lt;pack&gt;">' in html

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("state__exact", "dead"), ("since", "yesterday"), ("until", "2026-13-01T00:00"),
            ("enqueued", "year"), ("schedule", "none"), ("fingerprint", "a\0"),
            ("step__id__exact", "x"), ("worker__id__exact", "9" * 30), ("before", "x"),
            ("after", "-1"), ("password", "x"), ("kwargs__token__startswith", "a"),
            ("queue__regex", "((a+)+)+b"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_told_and_shows_nothing(self, name, value, admin_client):
        make_job()

        assert len(problems(admin_client, **{name: value})) == 1
        assert shown(admin_client, **{name: value}) == []

    def test_what_is_wrong_is_told_as_text(self, admin_client):
        html = admin_client.get(JOBS, {"<script>": "1"}).content.decode()

        assert "“&lt;script&gt;”" in html


class TestSearch:
    def test_by_id(self, admin_client):
        jobs = make_jobs(3)

        assert shown(admin_client, q=f" {jobs[1].pk} ") == [jobs[1].pk]
        assert shown(admin_client, q="9" * 40) == []

    @pytest.mark.parametrize(
        "fields",
        [{"name": "shop.jobs.pack"}, {"unique_key": "shop."}, {"concurrency_key": "shop."}],
    )
    def test_by_the_beginning_of_a_name_or_a_whole_key(self, fields, admin_client):
        job = make_job(State.SUCCEEDED, **fields)
        make_job(name="other", unique_key="shop.%", concurrency_key="SHOP.")

        assert shown(admin_client, q="shop.") == [job.pk]

    def test_who_holds_a_key_now_is_told_however_old(self, admin_client, monkeypatch):
        monkeypatch.setattr(slices, "WALK", 2)
        holder = make_job(unique_key="k")
        make_jobs(5)

        page = admin_client.get(JOBS, {"q": "k"})

        assert f"{holder.pk}/change/" in page.content.decode()

    @pytest.mark.parametrize(
        "text", ["order=17", '{"order": 17}', "name=ada", 'name="ada"', "of=NaN", "shop.jobs.pack"]
    )
    @pytest.mark.parametrize("indexed", [False, True])
    def test_by_arguments_where_the_setting_is_on(
        self, text, indexed, admin_client, settings, monkeypatch
    ):
        settings.DJANGO_JOBS = {"ADMIN_SEARCH_ARGUMENTS": True}
        monkeypatch.setattr(argumentindex, "exists", lambda using: indexed)
        kwargs = {"order": 17, "name": "ada", "of": "NaN"}
        job = make_job(name="shop.jobs.pack", kwargs=kwargs)
        make_job(kwargs={"order": 18, "name": "bob"})

        assert shown(admin_client, q=text) == [job.pk]

    def test_not_by_arguments_where_it_is_off(self, admin_client):
        make_job(kwargs={"order": 17})

        assert shown(admin_client, q="order=17") == []

    def test_not_by_arguments_for_who_may_not_see_them(self, client, django_user_model, settings):
        settings.DJANGO_JOBS = {"ADMIN_SEARCH_ARGUMENTS": True}
        user = django_user_model.objects.create_user("anna", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_job"))
        client.force_login(user)
        make_job(kwargs={"order": 17})

        assert shown(client, q="order=17") == []

    @pytest.mark.parametrize(
        "text", ["password=x", '{"a": [{"api_token": 1}]}', '{"a": 1', "{" * 9999]
    )
    def test_neither_by_secrets_nor_by_what_is_no_json(self, text, admin_client, settings):
        settings.DJANGO_JOBS = {"ADMIN_SEARCH_ARGUMENTS": True}
        make_job(kwargs={"password": "x"})

        assert len(problems(admin_client, q=text)) == 1


class TestCompleting:
    """A field of a project that names a job offers those that begin like what is typed."""

    def offered(self, client, text):
        field = {"app_label": "django_jobs", "model_name": "job", "field_name": "parent"}
        answer = client.get(reverse("admin:autocomplete"), {**field, "term": text})
        return [int(found["id"]) for found in answer.json()["results"]]

    def test_by_an_id_and_by_the_beginning_of_a_name(self, admin_client):
        wanted, other = make_job(name="shop.jobs.pack"), make_job()

        assert self.offered(admin_client, "shop.") == [wanted.pk]
        assert self.offered(admin_client, other.pk) == [other.pk]

    def test_among_those_that_the_user_may_see_and_not_by_arguments(self, staff, settings):
        settings.DJANGO_JOBS = {
            "ADMIN_VISIBLE_JOBS": f"{__name__}.only_mail", "ADMIN_SEARCH_ARGUMENTS": True,
        }  # fmt: skip
        wanted = make_job(queue="mail", name="shop.jobs.pack", kwargs={"order": 17})
        make_job(name="shop.jobs.pack")
        client = staff("view_job", "view_job_arguments")

        assert self.offered(client, "shop.") == [wanted.pk]
        assert self.offered(client, "order=17") == []


class TestPages:
    @pytest.fixture
    def page_of_three(self, monkeypatch):
        from django_jobs.admin.job import JobAdmin

        monkeypatch.setattr(JobAdmin, "list_per_page", 3)

    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ({}, {}),
            ({"state__exact": "failed"}, {"state": State.FAILED}),
            ({"state__exact": "scheduled"}, {"state": State.SCHEDULED}),
            ({"fingerprint": "f"}, {"fingerprint": "f"}),
            ({"queue": "mail"}, {"queue": "mail"}),
            ({"queue": "mail", "state__exact": "blocked"}, {"queue": "mail", "state": "blocked"}),
            ({"fingerprint": "f", "state__exact": "ready"}, {"fingerprint": "f"}),
        ],
    )
    def test_all_jobs_are_met_from_page_to_page_and_back(
        self, query, fields, admin_client, page_of_three
    ):
        fields = {"state": State.READY, **fields}
        jobs = [make_job(**fields).pk for _ in range(8)][::-1]
        expected = [jobs[:3], jobs[3:6], jobs[6:]]
        address, there = JOBS + "?" + "&".join(f"{k}={v}" for k, v in query.items()), []

        while address:
            cl = admin_client.get(address).context["cl"]
            there.append([job.pk for job in cl.result_list])
            address = JOBS + cl.older if cl.older else ""
        back = admin_client.get(JOBS + cl.newer).context["cl"]
        first = admin_client.get(JOBS + back.newer).context["cl"]

        assert there == expected
        assert [job.pk for job in back.result_list] == jobs[3:6]
        assert [job.pk for job in first.result_list] == jobs[:3]
        assert first.newer == ""

    def test_of_two_places_to_begin_at_the_older_jobs_are_shown(self, admin_client):
        jobs = make_jobs(3)

        query = {"before": jobs[1].pk, "after": jobs[1].pk}

        assert shown(admin_client, **query) == [jobs[0].pk]

    def test_a_search_that_no_index_serves_ends_somewhere_and_says_so(
        self, admin_client, monkeypatch
    ):
        # Given a job behind more others than are looked at
        monkeypatch.setattr(slices, "WALK", 4)
        wanted = make_job(queue="mail")
        make_jobs(10)
        # When it is looked for
        page = admin_client.get(JOBS, {"queue": "mail"})
        # Then it is not found, and the page says how far it looked, and leads on to it
        seen = 0
        while not page.context["cl"].result_list:
            assert "Look further" in page.content.decode()
            page = admin_client.get(JOBS + page.context["cl"].further)
            seen += 1
        assert [job.pk for job in page.context["cl"].result_list] == [wanted.pk]
        assert seen == 2
        assert "Look further" not in page.content.decode()

    def test_upward_it_ends_somewhere_too(self, admin_client, monkeypatch):
        monkeypatch.setattr(slices, "WALK", 4)
        first, *_, last = make_job(), *make_jobs(9), make_job(queue="mail")

        page = admin_client.get(JOBS, {"queue": "mail", "after": first.pk})
        while not page.context["cl"].result_list:
            page = admin_client.get(JOBS + page.context["cl"].further)

        assert [job.pk for job in page.context["cl"].result_list] == [last.pk]

    def test_a_rare_state_is_looked_through_so_far(self, admin_client, monkeypatch):
        monkeypatch.setattr(slices, "REACH", 3)
        wanted = make_job(State.FAILED, queue="mail")
        make_jobs(7, state=State.FAILED)

        page, seen = admin_client.get(JOBS, {"queue": "mail", "state__exact": "failed"}), 0
        while not page.context["cl"].result_list:
            page = admin_client.get(JOBS + page.context["cl"].further)
            seen += 1

        assert ([job.pk for job in page.context["cl"].result_list], seen) == ([wanted.pk], 2)

    def test_many_of_a_state_are_looked_for_among_all(self, admin_client, monkeypatch):
        monkeypatch.setattr(slices, "FEW", 2)
        jobs = make_jobs(4, state=State.SCHEDULED)

        assert shown(admin_client, state__exact="scheduled") == [job.pk for job in jobs[::-1]]

    def test_who_sees_some_jobs_sees_those_of_each_state(self, admin_client, limited):
        jobs = [make_job(state, queue="mail") for state in (State.FAILED, State.READY)]
        make_job(State.FAILED)
        make_job()

        assert shown(admin_client) == [job.pk for job in jobs[::-1]]
        assert shown(admin_client, state__exact="failed") == [jobs[0].pk]
        assert shown(admin_client, state__exact="ready") == [jobs[1].pk]


class TestColumns:
    def test_times_are_told_from_now_and_exactly(self, admin_client):
        at = timezone.now() + timedelta(minutes=3, seconds=30)
        make_job(State.SCHEDULED, scheduled_at=at)

        html = admin_client.get(JOBS).content.decode()

        assert f'<time datetime="{at.isoformat()}"' in html
        assert ">in 3 min</time>" in html

    def test_the_last_error_is_one_line_of_text(self, admin_client):
        errors = [{"message": "old"}, {"exception": "a.Bad", "message": "<b>new</b>\nmore"}]
        make_job(State.FAILED, errors=errors)

        html = admin_client.get(JOBS).content.decode()

        assert '<div class="django-jobs-error">Bad: &lt;b&gt;new&lt;/b&gt;</div>' in html

    def test_workers_are_named_and_those_that_are_gone_numbered(self, admin_client):
        worker = Worker.objects.create(hostname="web1", pid=12)
        make_job(State.RUNNING, worker_id=worker.pk)
        make_job(State.RUNNING, worker_id=987654)

        html = admin_client.get(JOBS).content.decode()

        assert "web1" in html
        assert "#987654" in html

    def test_large_columns_are_not_read(self, admin_client):
        make_job(kwargs={"a": "x" * 100_000}, result="y" * 100_000)

        with CaptureQueriesContext(connection) as queries:
            admin_client.get(JOBS)

        for column in ("kwargs", "args", "result", "log", "meta"):
            assert not [one for one in queries if f'"{column}"' in one["sql"]]

    def test_the_number_of_questions_is_the_same_for_many_jobs(self, admin_client):
        def asked():
            with CaptureQueriesContext(connection) as queries:
                admin_client.get(JOBS)
            return len(queries)

        make_job(State.RUNNING)
        few = asked()
        make_jobs(60, state=State.RUNNING)

        assert asked() == few <= 11

    def test_nothing_on_the_page_is_styled_or_scripted_inline(self, admin_client):
        make_job(State.FAILED)

        html = admin_client.get(JOBS).content.decode()
        main = html[html.index('id="content-main"') :]

        assert "style=" not in main
        assert "onclick" not in main
