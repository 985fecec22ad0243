"""Play the demo, serve its admin beside a worker, and take a picture of each page."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
#: Seconds that anything may take.
PATIENCE = 60
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 375, "height": 812}
#: Pixels of a page that are taken at most: what is below says nothing new.
TALLEST = 1700


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="names of pictures, without -light and .png")
    parser.add_argument("--language", default="en-GB", help="of the browser, such as de")
    parser.add_argument("--into", type=Path, default=IMAGES, help="folder for the pictures")
    given = parser.parse_args()
    only = set(given.only)
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "testproject.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the browser's loop runs in this thread
    manage("demo", "--no-serve", "--orders", "120").wait()
    with working(), served() as address:
        pictures = prepare()
        given.into.mkdir(parents=True, exist_ok=True)
        with logged_in(address, given.language, given.into) as take:
            for name, path in pictures.items():
                if not only or name in only:
                    take(name, path)


def manage(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of the project."""
    return subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT)


@contextmanager
def working() -> Iterator[None]:
    """Let a worker run."""
    with stopping(manage("runjobs", "--processes", "2", "--concurrency", "4", "--no-progress")):
        yield


@contextmanager
def served() -> Iterator[str]:
    """Serve the project, and give where."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with stopping(manage("runserver", f"127.0.0.1:{port}", "--noreload", "--insecure")):
        until = time.monotonic() + PATIENCE
        while not answers(f"{address}/admin/login/"):
            if time.monotonic() > until:
                raise TimeoutError(f"{address} does not answer")
            time.sleep(0.1)
        yield address


@contextmanager
def stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process at the end."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def answers(address: str) -> bool:
    """Return whether something is served there."""
    try:
        with urllib.request.urlopen(address):  # noqa: S310 - our own server
            return True
    except OSError:
        return False


def prepare() -> dict[str, str]:
    """Leave something of everything to be seen; return the pages by the names of their pictures."""
    import django

    django.setup()
    from testproject.shop.demo.sights import pages

    return pages()


@contextmanager
def logged_in(address: str, language: str, folder: Path) -> Iterator[Any]:
    """Give a function that takes the pictures of a page: light, dark, and narrow."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        windows = {
            "light": window(browser, address, WIDE, "light", language),
            "dark": window(browser, address, WIDE, "dark", language),
            "narrow": window(browser, address, NARROW, "light", language),
        }

        def take(name: str, path: str) -> None:
            for kind, page in windows.items():
                page.goto(address + path)
                page.wait_for_load_state("networkidle")
                height = page.evaluate("document.documentElement.scrollHeight")
                size = {**(NARROW if kind == "narrow" else WIDE)}
                clip = {"x": 0, "y": 0, "width": size["width"], "height": min(height, TALLEST)}
                target = folder / f"{name}-{kind}.png"
                page.screenshot(path=target, full_page=True, clip=clip)
                print(target, f"{target.stat().st_size // 1024} KB")

        yield take
        browser.close()


def window(browser: Any, address: str, size: dict[str, int], scheme: str, language: str) -> Any:
    """Return a window in which the demo's superuser is logged in."""
    page = browser.new_context(viewport=size, color_scheme=scheme, locale=language).new_page()
    page.goto(f"{address}/admin/login/?next=/admin/django_jobs/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("[type=submit]")
    page.wait_for_url("**/admin/django_jobs/")
    return page


if __name__ == "__main__":
    main()
