"""What a project may listen to. Each signal tells of something that has happened and is committed.

Receivers are called robustly: one that raises is logged, by Django, and stops nothing. The sender
of a signal about a job is its function (None where the name is unknown), so that
``@receiver(job_failed, sender=send_receipt)`` hears of that function alone. ``job`` is a ``Job``;
what the queue did not have at hand is read from the database when it is asked for.

Signals are not a second queue: a process that is killed sends none. What must not be lost is a job.
"""

from django.dispatch import Signal

#: Sent where the job was made, once that is committed: ``job``.
job_enqueued = Signal()
#: Sent by the worker, when a run begins: ``job``.
job_started = Signal()
#: Sent by the worker, when a success is recorded: ``job``, ``duration`` in seconds.
job_succeeded = Signal()
#: Sent by the worker, when the last attempt has failed: ``job``, ``fault`` (exception, message,
#: traceback, fingerprint).
job_failed = Signal()
#: Sent by the worker, when an attempt has failed and another follows: ``job``, ``fault``, ``delay``
#: in seconds.
job_retrying = Signal()
#: Sent where the job was cancelled, once that is committed, or by the worker where the job did it
#: itself: ``job``, ``reason``.
job_cancelled = Signal()
#: Sent by a worker process, in its main thread: when it is known to all, and when it has given back
#: everything and is about to end. The sender is the model ``Worker``: ``worker``, its id; ``name``.
worker_started = Signal()
worker_stopped = Signal()
