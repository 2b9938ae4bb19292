"""The one error that is the user's to mend."""

from counterplay.engine.text import printable


class UserError(ValueError):
    """Something that was given does not fit; the message says in a sentence what was wrong and what would be right.

    The command line prints such a message and exits with 2. Whatever else is raised is a fault of ours, or of somebody
    else's code that was called. Messages quote what was given, so what would steer a terminal is escaped in them.
    """

    def __init__(self, message: object = ""):
        super().__init__(printable(str(message)))
