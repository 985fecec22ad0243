"""What can go wrong."""


class ServerError(Exception):
    """The server cannot be started; the text says why and what to do."""
