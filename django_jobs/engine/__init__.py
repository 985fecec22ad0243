"""The closed list of verbs that change jobs. Nothing else writes ``Job.state``.

Each verb takes and returns many jobs; one job is a list of one. Each commits by itself, except
that enqueue, cancel, retry, expedite and reprioritize join the caller's transaction.

Order of locks, the same everywhere: workers before jobs, jobs in ascending ``id``, unique keys in
ascending order. A claim under limits takes advisory locks before any row: the host's, then one
lane's. settle and retry hold the row of a workflow before they write its steps and the jobs
that wait in it: settle skips one that somebody else holds, retry and the cancellation of a workflow
wait for it. claim, promote, expire, rescue, settle, prune and fire take rows that nobody waits for
them on: they skip what is locked and never wait. fire has its schedules before it enqueues. finish
and release write rows that their worker owns. cancel, retry, expedite and reprioritize wait, in
ascending ``id``: retry with all that it will write, and block with what is to be waited for, in one
statement before the first write. Links have no locks of their own: who writes one holds the job
that waits, or the job that it waits for.
"""

from django_jobs.engine.ageing import age
from django_jobs.engine.amending import retry_with
from django_jobs.engine.announcing import announce
from django_jobs.engine.block import Wait, block
from django_jobs.engine.cancel import cancel
from django_jobs.engine.claim import Claim, claim
from django_jobs.engine.declare import declare
from django_jobs.engine.enqueue import enqueue
from django_jobs.engine.expedite import expedite
from django_jobs.engine.expire import expire
from django_jobs.engine.finish import finish, lost, mark_started
from django_jobs.engine.fire import Fired, fire, fire_now
from django_jobs.engine.history import roll_up, sample, write_history
from django_jobs.engine.levels import forget_levels
from django_jobs.engine.promote import promote
from django_jobs.engine.prune import MOST as PRUNABLE
from django_jobs.engine.prune import prunable, prune, prune_older
from django_jobs.engine.queues import ensure_queue, pause_queue, queue_rows, resume_queue
from django_jobs.engine.release import disown, release
from django_jobs.engine.remember import remember
from django_jobs.engine.report import report
from django_jobs.engine.reprioritize import reprioritize
from django_jobs.engine.rescue import Rescued, rescue, rescue_dead
from django_jobs.engine.reset import reset
from django_jobs.engine.retry import retry
from django_jobs.engine.rows import row_of
from django_jobs.engine.settle import is_settled, settle
from django_jobs.engine.tasks import known_tasks, store_tasks
from django_jobs.engine.workers import deregister, heartbeat, register, tell_workers
from django_jobs.engine.workflows import cancel_workflow, retry_workflow, start

__all__ = [
    "PRUNABLE",
    "Claim",
    "Fired",
    "Rescued",
    "Wait",
    "age",
    "announce",
    "block",
    "cancel",
    "cancel_workflow",
    "claim",
    "declare",
    "deregister",
    "disown",
    "enqueue",
    "ensure_queue",
    "expedite",
    "expire",
    "finish",
    "fire",
    "fire_now",
    "forget_levels",
    "heartbeat",
    "is_settled",
    "known_tasks",
    "lost",
    "mark_started",
    "pause_queue",
    "promote",
    "prunable",
    "prune",
    "prune_older",
    "queue_rows",
    "register",
    "release",
    "remember",
    "report",
    "reprioritize",
    "rescue",
    "rescue_dead",
    "reset",
    "resume_queue",
    "retry",
    "retry_with",
    "retry_workflow",
    "roll_up",
    "row_of",
    "sample",
    "settle",
    "start",
    "store_tasks",
    "tell_workers",
    "write_history",
]
