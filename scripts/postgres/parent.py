"""The tie between the runner and its children."""

import ctypes
import signal
import sys

# What the runner handles, and blocks while it starts a child.
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signum: signal.Signals) -> None:
    """Ask for a signal at the runner's death: it may be killed, and then it stops nothing."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
