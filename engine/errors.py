"""The errors that are the user's to mend."""

from typing import Any

from counterplay.engine.text import printable


class UserError(ValueError):
    """Something that was given does not fit; the message says in a sentence what was wrong and what would be right.

    The command line prints such a message and exits with 2. Whatever else is raised is a fault of ours, or of somebody
    else's code that was called. Messages quote what was given, so what would steer a terminal is escaped in them.
    """

    def __init__(self, message: object = ""):
        super().__init__(printable(str(message)))


def sentence(error: Exception) -> str:
    """Return what an error says, for somebody who is told of it elsewhere; one that is no `ValueError` by its kind."""
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


class NotSaved(UserError):
    """What was found could not be saved where it was to be; the message says where it is instead, if anywhere."""

    def __init__(self, message: str, result: Any, place: Any = None) -> None:
        super().__init__(message)
        self.result, self.place = result, place  # what was found; the path where it is, or None
