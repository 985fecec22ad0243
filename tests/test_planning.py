"""From chains, groups and flows to steps: what waits for what, their names, what is refused."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_jobs import Flow, JobSpec, chain, group, previous, result_of
from django_jobs.exceptions import InvalidOption, NotStorable, UnknownOption
from django_jobs.flows import Chain, Composition, Group
from django_jobs.planning import plan
from tests.flowing import spec
from tests.samples import anything, send

A, B, C, D = map(spec, "abcd")
#: What is given where it does not belong.
LIST: Any = [A, B]
CHAIN: Any = chain(A, B)
THREE: Any = 3
CIRCLE = Flow("f").step("a", A, after="c").step("b", B, after="a").step("c", C, after="b")


#: Jobs, and chains and groups of trees.
TREES = st.recursive(
    st.just("job"),
    lambda inner: st.tuples(
        st.sampled_from(["chain", "group"]), st.lists(inner, min_size=1, max_size=4)
    ),
    max_leaves=20,
)


def drawn(work):
    """Return the steps of a plan: the names of their jobs, and those of the steps before them."""
    steps = plan(work).steps
    told = [" ".join(str((one.kwargs or {}).get("name")) for one in step.specs) for step in steps]
    return [(told[at], [told[b] for b in step.before.steps]) for at, step in enumerate(steps)]


class TestShapes:
    def test_a_chain_is_one_step_after_the_other(self):
        assert drawn(chain(A, B, C)) == [("a", []), ("b", ["a"]), ("c", ["b"])]

    def test_a_group_of_jobs_is_one_step(self):
        assert drawn(group(A, B) | C) == [("a b", []), ("c", ["a b"])]

    def test_the_bar_makes_chains_of_whatever_is_beside_it(self):
        for work in (
            A | B | C,
            chain(A, B) | C,
            A | chain(B, C),
            chain(A) | (B | C),
        ):
            assert isinstance(work, Chain)
            assert drawn(work) == [("a", []), ("b", ["a"]), ("c", ["b"])]
        assert drawn(A | group(B, C)) == [("a", []), ("b c", ["a"])]
        assert plan(anything | A).steps[0].specs == (JobSpec.from_func(anything),)
        assert plan(A | anything).steps[1].specs == (JobSpec.from_func(anything),)

    def test_a_long_row_of_bars_is_no_tower(self):
        work: Any = A
        for _ in range(3000):
            work = work | B
        assert len(plan(work).steps) == 3001

    def test_chains_side_by_side(self):
        assert drawn(group(chain(A, B), C) | D) == [
            ("a", []), ("b", ["a"]), ("c", []), ("d", ["b", "c"]),
        ]  # fmt: skip

    def test_jobs_side_by_side_among_chains_are_one_step(self):
        work = group(A, B, chain(C, D)) | spec("e")
        assert drawn(work)[0] == ("a b", [])
        last = plan(work).steps[-1]
        assert last.before.shape == ["list", [["spread", 0], ["one", 2]]]

    def test_many_that_meet_many_meet_in_a_join(self):
        work = group(*(chain(A, B) for _ in range(50))) | group(*(chain(C, D) for _ in range(60)))
        steps = plan(work).steps
        assert sum(step.is_join for step in steps) == 1
        assert sum(len(step.before.steps) for step in steps) == 50 + 50 + 60 + 60

    def test_a_flow_has_the_steps_that_it_names(self):
        for many in ([B, C], group(B, C)):
            flow = Flow("f").step("a", A).step("b", many, after="a").step("d", D, after=["a", "b"])
            assert drawn(flow) == [("a", []), ("b c", ["a"]), ("d", ["a", "b c"])]
            assert [step.name for step in plan(flow).steps] == ["a", "b", "d"]

    def test_the_steps_of_a_flow_may_be_told_in_any_order(self):
        flow = Flow("f").step("last", B, after="first").step("first", A)
        assert drawn(flow) == [("a", []), ("b", ["a"])]

    def test_flows_are_put_together_like_anything_else(self):
        first = Flow("f").step("a", A).step("b", B)
        assert drawn(first | C) == [("a", []), ("b", []), ("c", ["a", "b"])]
        assert drawn(C | first) == [("c", []), ("a", ["c"]), ("b", ["c"])]

    @given(TREES)
    def test_whatever_is_put_together_has_each_job_once_and_no_circle(self, tree):
        count = 0

        def made(node):
            nonlocal count
            if node == "job":
                count += 1
                return spec(str(count))
            kind, members = node
            return {"chain": chain, "group": group}[kind](*map(made, members))

        steps = plan(chain(made(tree))).steps

        jobs = [(one.kwargs or {})["name"] for step in steps for one in step.specs]
        assert sorted(jobs, key=int) == [str(n) for n in range(1, count + 1)]
        graph = {at: step.before.steps for at, step in enumerate(steps)}
        assert all(before < at for at, befores in graph.items() for before in befores)
        TopologicalSorter(graph).prepare()
        assert len({step.name for step in steps}) == len(steps)


class TestNames:
    def test_a_step_is_called_like_its_function_and_numbered_where_need_be(self):
        steps = plan(chain(send.job.with_args(1), anything, anything, cleanup=A)).steps
        assert [step.name for step in steps] == ["send", "anything", "anything 2", "clean-up"]

    def test_a_step_that_was_named_keeps_its_name(self):
        flow = Flow("f").step("anything", A)
        assert [step.name for step in plan(B | flow).steps] == ["anything 2", "anything"]

    @pytest.mark.parametrize(
        ("work", "name"),
        [
            (chain(A, B, name="mine"), "mine"),
            (Flow("import").step("a", A), "import"),
            (Flow("import").step("a", A) | B, "import"),
            (chain(anything, send.job.with_args(1)), "anything → send"),
            (chain(A, A, A, A), "anything → anything 2 → anything 3 → …"),
        ],
    )
    def test_a_workflow_is_called_what_it_was_named_or_like_its_steps(self, work, name):
        assert plan(work).name == name

    def test_a_very_long_name_is_cut(self):
        work = Flow().step("x" * 255, A).step("y" * 255, B)
        assert len(plan(work).name) <= 255


class TestOptions:
    def test_options_are_given_when_it_is_made_or_later(self):
        first = chain(A, on_failure="go_on", cleanup=anything, meta={"a": 1})
        later = (A | B).with_options(on_failure="go_on", cleanup=anything, meta={"a": 1})
        for work in (first, later):
            made = plan(work)
            assert (made.on_failure, made.meta) == ("go_on", {"a": 1})
            assert made.steps[-1].is_cleanup

    def test_nothing_changes_a_composition(self):
        before = group(A, B)
        assert before.with_options(name="x") != before
        assert before.name is None
        flow = Flow("f")
        flow.step("a", A)
        assert flow.steps == ()

    def test_then_gives_a_function_what_it_needs(self):
        assert plan(group(A, B).then(send)).steps[1].specs[0].args == (previous,)
        assert plan(group(A, B).then(anything)).steps[1].specs[0].args == ()
        assert plan(group(A, B).then(C)).steps[1].specs == (C,)

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: chain(), "chain() needs at least one job"),
            (lambda: group(), "group() needs at least one job"),
            (lambda: group(LIST), "group(*jobs)"),
            (lambda: chain(A, THREE), "JobSpec or a job function"),
            (lambda: chain(A, on_failure=THREE), "on_failure must be one of 'stop', 'go_on'"),
            (lambda: chain(A, name=""), "name"),
            (lambda: chain(A, cleanup=THREE), "JobSpec or a job function"),
            (lambda: chain(A, meta=LIST), "meta"),
            (lambda: plan(Composition()), "is no chain, group or flow"),
            (lambda: plan(Flow("f")), "has no steps"),
            (lambda: Flow("f").step("a", []), "has no jobs"),
            (lambda: Flow("f").step("a", CHAIN), "given a composition"),
            (lambda: Flow("f").step("a", [CHAIN]), "given a composition"),
            (lambda: Flow("f").step("a", group(CHAIN, A)), "given a composition"),
            (lambda: Flow("f").step("", A), "step"),
            (lambda: plan(Flow("f").step("a", A).step("a", B)), "Two steps are named 'a'"),
            (
                lambda: plan(Flow("f").step("load", A).step("b", B, after="laod")),
                "no step has this name. Did you mean 'load'?",
            ),
            (lambda: plan(CIRCLE), "in a circle: "),
            (lambda: plan(Flow("f").step("a", A, after="a")), "in a circle: a → a"),
            (lambda: plan(Flow().step("a", A) | Flow().step("a", B)), "Two steps are named 'a'"),
            (lambda: plan(chain(A, on_failure="go_on") | B), "on_failure holds for a whole"),
            (lambda: plan(group(chain(A, cleanup=B), C)), "with_options(cleanup=…)"),
            (lambda: plan(chain(send.job.with_args(previous))), "there is none before it"),
            (
                lambda: plan(Flow("f").step("a", A).step("b", send.job.with_args(result_of("x")))),
                "no step has this name",
            ),
            (
                lambda: plan(Flow("f").step("a", A).step("b", send.job.with_args(result_of("a")))),
                "does not come after it",
            ),
            (lambda: result_of(""), "step"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused_in_clear_words(self, make, words):
        with pytest.raises(InvalidOption) as error:
            make()
        assert words in str(error.value)

    def test_an_unknown_option_is_answered_with_the_nearest(self):
        with pytest.raises(UnknownOption, match="Did you mean 'on_failure'"):
            chain(A, on_failur="stop")  # type: ignore[call-arg]

    @pytest.mark.parametrize("other", [None, 3, "a"])
    def test_the_bar_takes_jobs_only(self, other):
        with pytest.raises(TypeError):
            A | other
        with pytest.raises(TypeError):
            group(A, B) | other

    @pytest.mark.parametrize("handed", [previous, result_of("a"), [{"x": previous}]])
    def test_what_stands_for_a_result_is_for_workflows_only(self, handed):
        with pytest.raises(NotStorable, match="only a job that is enqueued as part of a workflow"):
            send.job.with_args(handed).prepare()

    def test_a_group_is_what_it_looks_like(self):
        assert isinstance(group(A), Group)
        assert repr(previous) == "previous"
        assert repr(result_of("load")) == "result_of('load')"
