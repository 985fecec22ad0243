"""The admin of workflows: the list, the page with its graph, the actions."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from django_jobs import Flow, chain, group
from django_jobs.admin.graph import MOST_STEPS
from django_jobs.admin.layout import layout
from tests.flowing import job_named, now, run, run_all, settle, spec

LIST = reverse("admin:django_jobs_workflow_changelist")


def page_of(client, workflow):
    url = reverse("admin:django_jobs_workflow_change", args=[workflow.pk])
    return client.get(url).content.decode()


def graph_in(html):
    found = re.search(r'"django-jobs-graph">(<svg.*?</svg>)', html, re.DOTALL)
    assert found
    return ElementTree.fromstring(found[1])


@pytest.mark.django_db
class TestPages:
    def test_the_list_says_how_far_each_has_got(self, admin_client):
        chain(spec("a"), spec("b"), cleanup=spec("t"), name="mine").enqueue()
        run()
        html = admin_client.get(LIST).content.decode()
        assert "mine" in html
        assert '<progress value="0.5000" max="1"></progress> 1 of 2 (50 %)' in html

    def test_the_time_that_it_took_is_told_in_words(self, admin_client):
        workflow = chain(spec("a")).enqueue()
        workflow.finished_at = workflow.created_at + timedelta(minutes=65)
        workflow.state = "succeeded"
        workflow.save()
        assert "1 h 5 min" in page_of(admin_client, workflow)

    def test_the_list_asks_as_many_questions_for_fifty_as_for_one(
        self, admin_client, django_assert_max_num_queries
    ):
        for _ in range(50):
            chain(spec("a")).enqueue()
        with django_assert_max_num_queries(9):
            admin_client.get(LIST)

    def test_the_page_draws_the_steps_and_tells_them_in_a_table(self, admin_client):
        flow = (
            Flow("import")
            .step("read", spec("a"))
            .step("rows", [spec(f"r{n}") for n in range(10)], after="read")
            .step("sum", spec("s"), after=["rows", "read"])
        )
        workflow = flow.enqueue()
        run()
        run(most=4, failing=["r0"])
        html = page_of(admin_client, workflow)

        svg = graph_in(html)
        texts = [text.text for text in svg.iter("text")]
        assert texts == [
            "read", "succeeded", "rows \N{MULTIPLICATION SIGN} 10", "running, 4 done, 1 bad",
            "sum", "cancelled",
        ]  # fmt: skip
        assert len([path for path in svg.iter("path") if path.get("class") == "edge"]) == 3
        assert "<td>read, rows</td>" in html or "<td>rows, read</td>" in html
        step = workflow.steps.get(name="rows")
        jobs = admin_client.get(f"/admin/django_jobs/job/?step__id__exact={step.pk}")
        assert jobs.context["cl"].result_count == 10

    def test_the_page_has_no_script_and_no_style_of_its_own_and_escapes_names(self, admin_client):
        workflow = Flow("<b>x</b>").step("<i>&\"'", spec("a")).enqueue()
        html = page_of(admin_client, workflow)
        ours = html.partition('"django-jobs-graph">')[2].partition("</tbody>")[0]
        assert "django-jobs-steps" in ours
        for forbidden in ("<script", "style=", "onclick", "<style"):
            assert forbidden not in ours
        assert "<i>&" not in html
        assert "&lt;i&gt;&amp;&quot;&#x27;" in html
        assert "<b>x</b>" not in html
        assert next(graph_in(html).iter("text")).text == "<i>&\"'"

    def test_joins_are_drawn_as_points(self, admin_client):
        pair = group(chain(spec("a"), spec("b")), chain(spec("c"), spec("d")))
        workflow = (pair | group(spec("e"), spec("f"))).enqueue()
        assert len(list(graph_in(page_of(admin_client, workflow)).iter("circle"))) == 1

    def test_what_is_too_large_to_draw_says_so_and_has_its_table(self, admin_client):
        work = group(*(chain(spec("a"), spec("b")) for _ in range(MOST_STEPS)))
        html = page_of(admin_client, work.enqueue())
        assert '"django-jobs-graph"' not in html
        assert f"It has {2 * MOST_STEPS} steps, too many to draw" in html

    def test_the_page_of_a_job_leads_to_its_workflow(self, admin_client):
        workflow = chain(spec("a"), name="mine").enqueue()
        url = reverse("admin:django_jobs_job_change", args=[job_named("a").pk])
        html = admin_client.get(url).content.decode()
        assert f'<a href="/admin/django_jobs/workflow/{workflow.pk}/change/">mine #' in html

    def test_workflows_are_cancelled_and_retried(self, admin_client):
        workflow = chain(spec("a"), spec("b")).enqueue()
        data = {"action": "cancel_workflows", "_selected_action": [workflow.pk]}
        html = admin_client.post(LIST, data, follow=True).content.decode()
        assert "2 jobs were cancelled." in html
        settle()
        assert now(workflow).state == "cancelled"
        html = admin_client.post(
            LIST, {**data, "action": "retry_workflows"}, follow=True
        ).content.decode()
        assert "2 jobs were put back." in html
        run_all()
        assert now(workflow).state == "succeeded"


def steer(client, workflow, action):
    url = reverse("admin:django_jobs_workflow_steer", args=[workflow.pk])
    return client.post(url, {"action": action}, follow=True)


def offered(client, workflow):
    html = page_of(client, workflow)
    return [name for name in ("retry", "cancel") if f'value="{name}_workflows"' in html]


@pytest.mark.django_db
class TestActing:
    def test_buttons_cancel_and_retry_and_are_written_down(self, admin_client):
        workflow = chain(spec("a"), spec("b"), name="mine").enqueue()
        assert offered(admin_client, workflow) == ["cancel"]
        html = steer(admin_client, workflow, "cancel_workflows").content.decode()
        assert "2 jobs were cancelled." in html
        settle()
        assert offered(admin_client, workflow) == ["retry"]
        steer(admin_client, workflow, "retry_workflows")
        run_all()
        assert offered(admin_client, workflow) == []
        entries = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
        name = f"mine #{workflow.pk}"
        assert list(entries) == [(name, "Cancelled."), (name, "Retried.")]

    def test_what_changes_nothing_is_not_written_down(self, admin_client):
        workflow = chain(spec("a")).enqueue()
        run_all()
        steer(admin_client, workflow, "cancel_workflows")
        assert not LogEntry.objects.exists()

    def test_who_may_only_look_sees_no_buttons_and_is_refused(self, staff):
        workflow = chain(spec("a")).enqueue()
        client = staff("view_workflow")
        assert offered(client, workflow) == []
        for action in ("cancel_workflows", "retry_workflows", "no such"):
            assert steer(client, workflow, action).status_code == 403
            client.post(LIST, {"action": action, "_selected_action": [workflow.pk]})
        assert now(workflow).state == "running"

    def test_who_may_not_look_is_refused_everywhere(self, staff):
        workflow = chain(spec("a")).enqueue()
        client = staff("cancel_job", "retry_job", "view_job")
        page = reverse("admin:django_jobs_workflow_change", args=[workflow.pk])
        assert client.get(LIST).status_code == 403
        assert client.get(page).status_code == 403
        assert steer(client, workflow, "cancel_workflows").status_code == 403

    def test_looking_changes_nothing(self, admin_client):
        workflow = chain(spec("a")).enqueue()
        url = reverse("admin:django_jobs_workflow_steer", args=[workflow.pk])
        assert admin_client.get(url, {"action": "cancel_workflows"}).status_code == 405
        assert now(workflow).state == "running"

    def test_a_forged_post_is_refused(self, django_user_model):
        workflow = chain(spec("a")).enqueue()
        client = Client(enforce_csrf_checks=True)
        client.force_login(django_user_model.objects.create_superuser("eve"))
        assert steer(client, workflow, "cancel_workflows").status_code == 403
        assert now(workflow).state == "running"

    def test_the_data_on_it_is_for_those_who_may_see_arguments_without_secrets(
        self, staff, admin_client
    ):
        meta = {"shop": "harbour", "token": "hunter2"}
        workflow = chain(spec("a"), meta=meta).enqueue()
        html = page_of(admin_client, workflow)
        assert "harbour" in html
        assert "hunter2" not in html
        assert "harbour" not in page_of(staff("view_workflow"), workflow)


@pytest.mark.django_db
class TestLimitedUsers:
    @pytest.fixture
    def client(self, staff, settings):
        settings.DJANGO_JOBS = {"ADMIN_VISIBLE_JOBS": "tests.tenants.own_jobs"}
        return staff("view_workflow", "cancel_job", "retry_job")

    def of(self, *tenants):
        return chain(*(spec("a", meta={"tenant": tenant}) for tenant in tenants)).enqueue()

    def test_they_see_workflows_of_which_they_may_see_a_job(self, client):
        own, mixed, other = self.of(1, 1), self.of(2, 1), self.of(2, 2)
        shown = client.get(LIST).context["cl"].result_list
        assert [one.pk for one in shown] == [mixed.pk, own.pk]
        for workflow, status in ((own, 200), (mixed, 200), (other, 302)):
            page = reverse("admin:django_jobs_workflow_change", args=[workflow.pk])
            assert client.get(page).status_code == status

    def test_they_change_those_whose_jobs_they_may_all_see(self, client):
        own, mixed, other = self.of(1, 1), self.of(2, 1), self.of(2, 2)
        html = steer(client, mixed, "cancel_workflows").content.decode()
        assert "1 workflow was left: it has jobs that you may not see." in html
        assert steer(client, other, "cancel_workflows").status_code == 404
        assert "2 jobs were cancelled." in steer(client, own, "cancel_workflows").content.decode()
        settle()
        assert [now(one).state for one in (own, mixed, other)] == [
            "cancelled", "running", "running",
        ]  # fmt: skip


@st.composite
def graphs(draw):
    """Return steps in order, and for each some of those before it."""
    count = draw(st.integers(1, 12))
    return {
        n: sorted(draw(st.sets(st.integers(0, n - 1), max_size=3))) if n else []
        for n in range(count)
    }


class TestLayout:
    @given(graphs())
    def test_nothing_lies_on_anything_else_and_all_lines_lead_to_the_right(self, before):
        where = layout(list(before), before)

        assert where.points.keys() == before.keys()
        assert len(set(where.points.values())) == len(before)
        inner = [point for line in where.lines.values() for point in line[1:-1]]
        assert len(set(inner) | set(where.points.values())) == len(inner) + len(before)
        for (start, end), line in where.lines.items():
            assert (line[0], line[-1]) == (where.points[start], where.points[end])
            ranks = [point.rank for point in line]
            assert ranks == list(range(ranks[0], ranks[0] + len(ranks)))

    def test_crossed_chains_are_uncrossed(self):
        where = layout([1, 2, 3, 4], {3: [2], 4: [1]})
        rows = [where.points[step].row for step in (1, 4, 2, 3)]
        assert rows[0] == rows[1]
        assert rows[2] == rows[3]

    def test_an_empty_graph_is_drawn_too(self):
        assert layout([], {}).height == 0
