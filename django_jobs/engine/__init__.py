"""The closed list of verbs that change jobs. Nothing else writes ``Job.state``.

Each verb takes and returns many jobs; one job is a list of one. Each commits by itself, except
that enqueue, cancel and retry join the caller's transaction.

Order of locks, the same everywhere: workers before jobs, jobs in ascending ``id``, unique keys in
ascending order. A claim under limits takes advisory locks before any row: the host's, then one
lane's. settle and retry hold the row of a workflow before they write its steps and the jobs
that wait in it: settle skips one that somebody else holds, retry and the cancellation of a workflow
wait for it. claim, promote, rescue and prune take rows that nobody waits for them on: they skip
what is locked and never wait. finish and release write rows that their worker owns. cancel and
retry wait, in ascending ``id``.
"""

from django_jobs.engine.announcing import announce
from django_jobs.engine.cancel import cancel
from django_jobs.engine.claim import claim
from django_jobs.engine.enqueue import enqueue
from django_jobs.engine.finish import finish, lost, mark_started
from django_jobs.engine.promote import promote
from django_jobs.engine.prune import prune
from django_jobs.engine.queues import ensure_queue, pause_queue, resume_queue
from django_jobs.engine.release import disown, release
from django_jobs.engine.report import report
from django_jobs.engine.rescue import Rescued, rescue, rescue_dead
from django_jobs.engine.retry import retry
from django_jobs.engine.rows import row_of
from django_jobs.engine.settle import is_settled, settle
from django_jobs.engine.workers import deregister, heartbeat, register
from django_jobs.engine.workflows import cancel_workflow, retry_workflow, start

__all__ = [
    "Rescued",
    "announce",
    "cancel",
    "cancel_workflow",
    "claim",
    "deregister",
    "disown",
    "enqueue",
    "ensure_queue",
    "finish",
    "heartbeat",
    "is_settled",
    "lost",
    "mark_started",
    "pause_queue",
    "promote",
    "prune",
    "register",
    "release",
    "report",
    "rescue",
    "rescue_dead",
    "resume_queue",
    "retry",
    "retry_workflow",
    "row_of",
    "settle",
    "start",
]
