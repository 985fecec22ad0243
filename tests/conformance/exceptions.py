"""Those of Django's own tests of tasks that our backend is not to pass, and why.

The tests were written for two backends in memory. All of these assert what these cannot do, or what
they are.
"""

_CLASS = "asserts the class of the backend that the tests name, in whose place ours stands"
_MEMORY = "changes an object in the dummy backend's memory and wants to find it there again"

#: By class and method.
EXCEPTIONS = {
    "test_dummy_backend.DummyBackendTestCase.test_using_correct_backend": _CLASS,
    "test_immediate_backend.ImmediateBackendTestCase.test_using_correct_backend": _CLASS,
    "test_tasks.TaskTestCase.test_using_correct_backend": _CLASS,
    "test_tasks.TaskTestCase.test_get_backend": _CLASS,
    "test_dummy_backend.DummyBackendTestCase.test_refresh_result": _MEMORY,
    "test_dummy_backend.DummyBackendTestCase.test_refresh_result_async": _MEMORY,
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_get_result": (
        "asserts that results cannot be got; ours can"
    ),
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_refresh_result": (
        "asserts that results cannot be refreshed; ours can"
    ),
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_pass_run_after": (
        "asserts that run_after is refused; we run the task then"
    ),
    "test_immediate_backend.ImmediateBackendTestCase.test_throws_keyboard_interrupt": (
        "asserts that an interrupt in a task reaches who has enqueued it; here that is another "
        "process, and the task has failed of it"
    ),
}
