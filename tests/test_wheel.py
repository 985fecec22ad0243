"""What is shipped."""

import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(folder.glob("*.whl"))) as opened:
        yield opened


def files_of_the_package() -> set[str]:
    found = (path for path in (ROOT / "django_jobs").rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert names == files_of_the_package()


def test_the_wheel_holds_what_django_and_type_checkers_look_for(wheel):
    names = set(wheel.namelist())

    assert "django_jobs/py.typed" in names
    assert "django_jobs/migrations/0001_initial.py" in names
    assert "django_jobs/management/commands/runjobs.py" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_library_needs_django_psycopg_and_cronsim_alone(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())

    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert needed == ["cronsim>=2.8", "django<6.2,>=5.2", "psycopg>=3.2.4"]
