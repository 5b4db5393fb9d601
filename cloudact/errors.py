"""The error tree, by what must be done about it.

    CloudActError
    ├── ConfigError     a file or environment variable of ours is wrong: fix it and deploy again
    ├── Retry           passing: a timeout, a 429, a 5xx; the same call may succeed later
    │   └── Exhausted   passing, and repeated as often as is sensible for now
    │       └── Postponed  passing, but not within the hour: a quota of a day is used up
    ├── Stop            final: the same call will fail again until a person changes something
    └── Skip            nothing to do: someone else has done it, or it is no longer wanted

Only entry points turn one of these into an HTTP status or an exit code.
"""

from cloudact.error_codes import ErrorCode

CONTACT_SUPPORT = "Please contact support."
OURS_TO_MEND = "This is ours to mend; please contact support."


class CloudActError(Exception):
    """Base of all errors that this code raises on purpose."""


class ConfigError(CloudActError):
    """Raised for a wrong config file, setting or queue message; the text names the place and what is allowed."""


class Skip(CloudActError):
    """Raised where there is nothing to do: the work is another execution's, or no longer wanted."""


class RunError(CloudActError):
    """Failure that the run's owner gets to read.

    `code` is a word that programs compare (docs/errors.md), `message` one plain sentence without secrets, `hint` what a
    person can do about it.
    """

    retryable = False

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Retry(RunError):
    """Failure that may pass by itself."""

    retryable = True


class Exhausted(Retry):
    """Passing failure that was repeated already; only the platform tries again."""


class Postponed(Exhausted):
    """Passing failure that lasts up to a day: the caller gives up, and a later call does the work."""


class Stop(RunError):
    """Failure that repeats until a person changes something."""
