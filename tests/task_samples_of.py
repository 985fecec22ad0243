"""A function for tests to make tasks of."""


def plain():
    return "plain"
