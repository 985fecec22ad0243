"""The closed list of verbs that change jobs. Nothing else writes ``Job.state``.

Each verb takes and returns many jobs; one job is a list of one. Each commits by itself, except
that enqueue, cancel and retry join the caller's transaction.

Order of locks, the same everywhere: workers before jobs, jobs in ascending ``id``, unique keys in
ascending order. A claim under limits takes advisory locks before any row: the host's, then one
lane's. claim, promote, rescue, settle and prune take rows that nobody waits for them on: they
skip what is locked and never wait. finish and release write rows that their worker owns. cancel and
retry wait, in ascending ``id``: retry with all that it will write, and block with what is to be
waited for, in one statement before the first write. Links have no locks of their own: who writes
one holds the job that waits, or the job that it waits for.
"""

from django_jobs.engine.announcing import announce
from django_jobs.engine.block import Wait, block
from django_jobs.engine.cancel import cancel
from django_jobs.engine.claim import claim
from django_jobs.engine.enqueue import enqueue
from django_jobs.engine.finish import finish, lost, mark_started
from django_jobs.engine.promote import promote
from django_jobs.engine.prune import prune
from django_jobs.engine.queues import ensure_queue, pause_queue, resume_queue
from django_jobs.engine.release import disown, release
from django_jobs.engine.remember import remember
from django_jobs.engine.report import report
from django_jobs.engine.rescue import Rescued, rescue, rescue_dead
from django_jobs.engine.retry import retry
from django_jobs.engine.rows import row_of
from django_jobs.engine.settle import settle
from django_jobs.engine.workers import deregister, heartbeat, register

__all__ = [
    "Rescued",
    "Wait",
    "announce",
    "block",
    "cancel",
    "claim",
    "deregister",
    "disown",
    "enqueue",
    "ensure_queue",
    "finish",
    "heartbeat",
    "lost",
    "mark_started",
    "pause_queue",
    "promote",
    "prune",
    "register",
    "release",
    "remember",
    "report",
    "rescue",
    "rescue_dead",
    "resume_queue",
    "retry",
    "row_of",
    "settle",
]
