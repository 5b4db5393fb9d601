"""How a command ends other than well; each has its exit code. One sentence goes to stderr.

Failure
├── EndedBadly    1  the run was FAILED or CANCELLED, the integration is INVALID
├── Usage         2  something is missing or wrong in how the command was called, or was not confirmed
├── RefusedByApi  3  the API answered 4xx
├── Unreachable   4  no answer, a 5xx, or an answer that is not the API's; after it was tried again
├── StillRunning  5  --timeout passed before the run ended
└── Interrupted 130  Ctrl-C
"""

import click

from cli.text import clean


class Failure(click.ClickException):
    """Click prints it on stderr and exits with its code."""

    def format_message(self) -> str:
        """What the server wrote may be in it."""
        return clean(self.message)


class EndedBadly(Failure):
    """What was asked about has failed."""

    exit_code = 1


class Usage(Failure):
    """The caller must call differently."""

    exit_code = 2


class RefusedByApi(Failure):
    """The API says no."""

    exit_code = 3

    def __init__(self, status: int, detail: str, request_id: str) -> None:
        super().__init__(f"{detail} (HTTP {status}{_request(request_id)})")
        self.status = status


class Unreachable(Failure):
    """The API cannot say anything."""

    exit_code = 4

    def __init__(self, detail: str, request_id: str = "") -> None:
        super().__init__(f"{detail} ({_request(request_id).removeprefix(', ')})" if request_id else detail)


class StillRunning(Failure):
    """The command has waited long enough; the run goes on."""

    exit_code = 5


class Interrupted(Failure):
    """Ctrl-C, as shells number it."""

    exit_code = 130

    def __init__(self, message: str = "Interrupted.") -> None:
        super().__init__(message)


def _request(request_id: str) -> str:
    return f", request {request_id}" if request_id else ""
