"""The admin of workflows: the list, the page with its graph, the actions."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
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
        assert "1 of 2 (50 %)" in html

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
