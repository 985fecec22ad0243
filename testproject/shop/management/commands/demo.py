"""python manage.py demo"""

import argparse
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from testproject.shop.demo.show import Show
from testproject.shop.demo.story import Story

#: What a shell says of a command that was ended by Ctrl-C.
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Fill the queue, work it off with two workers, kill one, and check that nothing is lost."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--orders", type=count, default=400, help="orders to place")
        parser.add_argument("--products", type=count, help="rows to import, all unless given")
        parser.add_argument("--no-serve", action="store_true", help="do not serve the admin")
        parser.add_argument("--port", type=count, default=8000, help="where to serve the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        show = Show(Story(self.stdout), options["orders"], options["products"])
        terminal = sys.stdin.isatty() and self.stdout.isatty()
        # A demo that is terminated stops its workers too, as after Ctrl-C.
        former = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            held = show.play()
            show.open_admin(options["port"], serve=terminal and not options["no_serve"])
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=INTERRUPTED) from None
        finally:
            signal.signal(signal.SIGTERM, former)
        if not held:
            raise CommandError("Not everything that must hold does: see the crosses above.")


def count(text: str) -> int:
    """Read how many there shall be: at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above zero.")
    return int(text)
