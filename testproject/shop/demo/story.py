"""What the demo says while it goes on."""

from django.core.management.base import OutputWrapper

from testproject.shop.demo.invariants import Invariant
from testproject.shop.demo.kill import Casualty

#: Goes back to the start of a line and clears it: the live line of the workers is there.
CLEAR = "\r\x1b[K"


class Story:
    """Writes chapters to a stream that the workers write to as well."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out
        self.chapters = 0

    def chapter(self, title: str) -> None:
        """Begin a new chapter."""
        self.chapters += 1
        self.write(f"\n{self.chapters}. {title}\n")

    def say(self, text: str) -> None:
        """Write a line."""
        self.write(f"   {text}")

    def interrupt(self, text: str) -> None:
        """Write a line while the workers run."""
        self.write(f"{CLEAR if self.out.isatty() else ''}   {text}")

    def write(self, text: str) -> None:
        """Write a line now: what the workers write comes after it."""
        self.out.write(text)
        self.out.flush()

    def killed(self, dead: Casualty) -> None:
        """Tell who was killed, and with which jobs."""
        hands = ", ".join(f"{count:,} {short(name)}" for name, count in dead.names.most_common())
        self.interrupt(f"kill -9 {dead.pid} (worker {dead.worker}) with {hands} in hand")

    def result(self, invariant: Invariant) -> None:
        """Write an invariant with a tick or a cross."""
        sign, word = ("✓", "ok") if invariant.holds else ("✗", "NO")
        self.say(f"{sign if self.can_write(sign) else word} {invariant.sentence}")

    def can_write(self, sign: str) -> bool:
        """Say whether the stream has this sign."""
        try:
            sign.encode(getattr(self.out, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            return False
        return True


def short(name: str) -> str:
    """Return the name of a job without the name of the project."""
    for module in ("jobs", "closing", "tasks"):
        name = name.removeprefix(f"testproject.shop.{module}.")
    return name
