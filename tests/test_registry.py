from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec

import pytest

from django_jobs import registry
from django_jobs.definitions import define
from django_jobs.exceptions import DuplicateJobName, InvalidOption, UnknownJob
from tests import samples

pytestmark = pytest.mark.usefixtures("own_registry")


@pytest.fixture
def module(monkeypatch):
    """Return a module outside every app, with one function."""
    made = types.ModuleType("nightly")
    exec("def report(day): return day\nanswer = 42\nfrom os.path import join", made.__dict__)
    monkeypatch.setitem(sys.modules, "nightly", made)
    return made


class TestPaths:
    def test_a_function_at_the_top_of_a_module_has_a_path(self):
        assert registry.import_path(samples.undecorated) == "tests.samples.undecorated"

    def test_a_function_of_a_module_that_was_started_has_the_path_of_that_module(self, monkeypatch):
        main = types.ModuleType("__main__")
        main.__spec__ = ModuleSpec("shop.nightly", loader=None)
        monkeypatch.setitem(sys.modules, "__main__", main)
        exec("def report(): pass", main.__dict__)

        assert registry.import_path(main.report) == "shop.nightly.report"

    def test_a_function_of_a_script_has_none(self, monkeypatch):
        main = types.ModuleType("__main__")
        main.__spec__ = None
        monkeypatch.setitem(sys.modules, "__main__", main)
        exec("def report(): pass", main.__dict__)

        with pytest.raises(InvalidOption, match="report is defined in a script"):
            registry.import_path(main.report)


class TestRegistering:
    def test_a_function_is_found_by_its_name(self):
        assert registry.resolve("tests.samples.send").func is samples.send
        assert "tests.samples.send" in registry.names()

    def test_two_functions_cannot_share_a_name(self):
        mine = define(samples.undecorated, "tests.samples.send", None)

        with pytest.raises(
            DuplicateJobName, match=r"taken by tests.samples.send; tests.samples.undecorated needs"
        ):
            registry.register(mine)

    def test_a_module_that_is_imported_anew_replaces_its_own(self):
        again = define(samples.send, "tests.samples.send", None)

        registry.register(again)

        assert registry.resolve("tests.samples.send") is again

    def test_imported_anew_it_has_the_old_names_that_it_gives_now_and_no_others(self):
        first = define(samples.undecorated, "nightly", None, aliases=("weekly", "monthly"))
        again = define(samples.undecorated, "nightly", None, aliases=("weekly",))

        registry.register(first)
        registry.register(again)

        assert registry.resolve("weekly") is again
        with pytest.raises(UnknownJob):
            registry.resolve("monthly")


class TestImporting:
    def test_a_plain_function_of_an_installed_app_is_found(self):
        found = registry.resolve("testproject.ledger.jobs.leave_effect")

        assert found.max_attempts == 5

    @pytest.mark.parametrize(
        "name", ["os.system", "nightly.report", "subprocess.run", "builtins.eval", "tests.x.y"]
    )
    def test_other_modules_are_never_imported(self, name, module):
        with pytest.raises(UnknownJob, match="neither in an installed app nor in"):
            registry.resolve(name)

    def test_job_modules_open_a_module_and_what_is_below(self, module, settings):
        settings.DJANGO_JOBS = {"JOB_MODULES": ["nightly"]}

        assert registry.resolve("nightly.report").func is module.report

    def test_job_modules_open_no_module_that_only_begins_like_it(self, module, settings):
        settings.DJANGO_JOBS = {"JOB_MODULES": ["night"]}

        with pytest.raises(UnknownJob):
            registry.resolve("nightly.report")

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("nightly.reprot", "has no attribute 'reprot'"),
            ("nightly.answer", "not a function of that module"),
            ("nightly.join", "not a function of that module"),
            ("nightly.daily.report", "No module named"),
        ],
    )
    def test_the_reason_is_named(self, name, reason, module, settings):
        settings.DJANGO_JOBS = {"JOB_MODULES": ["nightly"]}

        with pytest.raises(UnknownJob, match=reason):
            registry.resolve(name)

    def test_an_old_name_is_known_once_its_module_is_imported(
        self, tmp_path, monkeypatch, settings
    ):
        # Given a module that nobody has imported, with a function that was renamed
        source = "from django_jobs import job\n@job(aliases=['{0}.old'])\ndef new(): pass\n"
        (tmp_path / "of_last_year.py").write_text(source.format("of_last_year"))
        monkeypatch.syspath_prepend(tmp_path)
        settings.DJANGO_JOBS = {"JOB_MODULES": ["of_last_year"]}
        # When a row asks for it by its old name
        found = registry.resolve("of_last_year.old")
        # Then it is found
        assert found is registry.resolve("of_last_year.new")
        sys.modules.pop("of_last_year")

    @pytest.mark.parametrize("name", ["", "x", ".", "..", "a.", ".a", "a\x00.b", "testproject."])
    def test_nonsense_is_an_unknown_job_and_nothing_worse(self, name):
        with pytest.raises(UnknownJob):
            registry.resolve(name)

    def test_the_nearest_name_is_proposed(self):
        with pytest.raises(UnknownJob, match=r"Did you mean 'tests.samples.send'"):
            registry.resolve("tests.samples.sendd")

    def test_an_unknown_job_can_be_found_later(self, module, settings):
        with pytest.raises(UnknownJob):
            registry.resolve("nightly.report")

        settings.DJANGO_JOBS = {"JOB_MODULES": ["nightly"]}

        assert registry.resolve("nightly.report").name == "nightly.report"


class TestCalls:
    @pytest.mark.parametrize("kwargs", [{"order_id": 1}, {"order_id": 1, "note": "x"}])
    def test_what_fits_passes(self, kwargs):
        registry.resolve("tests.samples.send").check_call((), kwargs)

    def test_positional_only_parameters_cannot_be_named(self):
        def exact(a, /, b):
            """Take one by position."""

        definition = define(exact, "exact", None)

        definition.check_call((1,), {"b": 2})
        with pytest.raises(TypeError, match=r"exact\(a, /, b\): .*'a'"):
            definition.check_call((), {"a": 1, "b": 2})

    def test_anything_fits_a_function_that_takes_anything(self):
        registry.resolve("tests.samples.anything").check_call((1, 2), {"$": 3})


class TestContext:
    @pytest.mark.parametrize(
        ("name", "parameter", "place"),
        [
            ("thread.ask_context", "context", 0),
            ("thread.mind_the_place", "context", 1),
            ("thread.check_until_stopped", "context", 1),
            ("thread.wait_to_be_cancelled", "context", 1),
            ("thread.give_back", None, 0),
        ],
    )
    def test_the_parameter_that_gets_it_is_found_and_is_no_argument(self, name, parameter, place):
        definition = registry.resolve(name)

        found = definition.context and definition.context.name
        assert (found, definition.context_place) == (parameter, place)
        assert parameter not in definition.signature.parameters
        assert parameter not in definition.positional

    def test_a_call_by_name_is_checked_without_it(self):
        definition = registry.resolve("thread.mind_the_place")

        definition.check_call((), {"first": "a"})
        with pytest.raises(TypeError, match="'first'"):
            definition.check_call((), {"second": "b"})


class TestLimits:
    def test_a_process_job_has_places_of_its_own(self):
        definition = registry.resolve("process.nothing")

        assert definition.limit is not None
        assert definition.limit.places == "process"
        assert definition.lane == "process.nothing"

    def test_most_jobs_have_none(self):
        assert registry.limit_of("thread.nothing") is None
        assert registry.limit_of("nobody.knows.it") is None
        assert registry.resolve("thread.nothing").lane == ""
