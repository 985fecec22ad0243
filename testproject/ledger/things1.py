"""The first module of JobMaster's page."""

from pathlib import Path

from django_jobs import job


@job
def foo(file_path: str, number: [1, 2, 3]) -> None:  # type: ignore[valid-type]
    """
    Write a number to a file.

    :param file_path: the file to write to
    :param number: the number to write
    """
    Path(file_path).write_text(str(number))
