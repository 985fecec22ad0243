"""What a blocked job waits for: other jobs, or the steps before its own."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext, gettext_lazy, ngettext

from django_jobs import surroundings, wording
from django_jobs.models import Job, Step
from django_jobs.reasons import Code, Reason
from django_jobs.states import State
from django_jobs.surroundings import Linked

#: What is said of a job that waits for one in each state.
_WAITS_FOR = {
    State.SCHEDULED: gettext_lazy("It waits for %(name)s #%(id)s, which is scheduled."),
    State.BLOCKED: gettext_lazy("It waits for %(name)s #%(id)s, which is blocked itself."),
    State.READY: gettext_lazy("It waits for %(name)s #%(id)s, which is ready."),
    State.RUNNING: gettext_lazy("It waits for %(name)s #%(id)s, which is running."),
    State.SUCCEEDED: gettext_lazy("It waits for %(name)s #%(id)s, which has succeeded."),
    State.FAILED: gettext_lazy("It waits for %(name)s #%(id)s, which has failed."),
    State.CANCELLED: gettext_lazy("It waits for %(name)s #%(id)s, which was cancelled."),
}


def headline(awaited: Sequence[Linked]) -> str:
    """Return that a job is blocked, and by how many others."""
    count = len(awaited)
    if not count:
        return gettext("It is blocked.")
    if count >= surroundings.MOST:
        text = gettext("It is blocked: it waits for %(count)s other jobs or more to succeed.")
    else:
        text = ngettext(
            "It is blocked: it waits for %(count)s other job to succeed.",
            "It is blocked: it waits for %(count)s other jobs to succeed.",
            count,
        )
    return text % {"count": wording.number(count)}


def jobs(awaited: Sequence[Linked]) -> list[Reason]:
    """Return what is said of the first few of the jobs that a job waits for."""
    if not awaited:
        return [Reason(Code.BLOCKED, gettext("It waits for other jobs to succeed."))]
    discreet = gettext("It waits for another job.")
    return [Reason(Code.WAITS_FOR, _told(one), discreet) for one in awaited[: wording.NAMED]]


def _told(linked: Linked) -> str:
    if linked.state is None:
        return gettext("It waits for #%(id)s, whose row is gone.") % {"id": linked.id}
    return _WAITS_FOR[State(linked.state)] % {"name": linked.name, "id": linked.id}


def steps(job: Job) -> list[Reason]:
    """Return which steps of its workflow a job waits for; nothing where it has none."""
    if text := _steps(job):
        discreet = gettext("It waits for other steps of its workflow.")
        return [Reason(Code.BLOCKED, text, discreet)]
    return []


def _steps(job: Job) -> str:
    if job.step_id is None:
        return ""
    steps = Step.objects.using(job._state.db)
    own = steps.filter(pk=job.step_id).select_related("workflow").first()
    if own is None:
        return ""
    told = {"workflow": wording.quoted(own.workflow.name), "id": own.workflow_id}
    if own.kind == Step.Kind.CLEANUP:
        text = gettext(
            "It cleans up when all else in the workflow %(workflow)s (#%(id)s) has ended, and not "
            "well."
        )
        return text % told
    before = steps.filter(edges_out__after=own).exclude(state=Step.State.SUCCEEDED)
    text = gettext(
        "It is in the step %(step)s of the workflow %(workflow)s (#%(id)s), and waits for "
        "%(steps)s."
    )
    names = wording.listed([_step(step) for step in before.order_by("position")])
    return text % {**told, "step": wording.quoted(own.name), "steps": names}


def _step(step: Step) -> str:
    if step.kind == Step.Kind.JOIN:
        return gettext("the steps before it")
    if step.size == 1:
        text = gettext("%(step)s (%(done)s of %(size)s job has ended)")
    else:
        text = ngettext(
            "%(step)s (%(done)s of %(size)s jobs has ended)",
            "%(step)s (%(done)s of %(size)s jobs have ended)",
            step.done,
        )
    return text % {
        "step": wording.quoted(step.name),
        "done": wording.number(step.done),
        "size": wording.number(step.size),
    }
