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


class CloudActError(Exception):
    """Base of all errors that we raise on purpose."""


class ConfigError(CloudActError):
    """A shipped config, a setting or a message on the queue is wrong; the text names the place and what is allowed."""


class Skip(CloudActError):
    """The work is someone else's or no longer wanted; leaving it alone is the right outcome."""


class RunError(CloudActError):
    """A failure that is told to the run's owner.

    `code` is a word that programs compare (docs/errors.md), `message` one plain sentence without secrets, `hint` what
    a person can do about it.
    """

    retryable = False

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Retry(RunError):
    """A passing failure."""

    retryable = True


class Exhausted(Retry):
    """A passing failure that was repeated already: the next try is the platform's."""


class Postponed(Exhausted):
    """Nothing that is done within the hour helps: who waits for it gives up, and a later call does the work."""


class Stop(RunError):
    """A failure that repeats until a person changes something."""
