"""Failures of a command; each has its exit code. One sentence goes to stderr.

Failure
├── EndedBadly    1  the run was FAILED or CANCELLED, the integration is INVALID
├── Usage         2  something is missing or wrong in how the command was called, or was not confirmed
├── RefusedByApi  3  the API answered 4xx
├── Unreachable   4  no answer, a 5xx, or an answer that is not the API's; after it was tried again
├── StillRunning  5  --timeout passed before the run ended
└── Interrupted 130  Ctrl-C
"""

from collections.abc import Sequence

import click

from cli.text import clean

# Codes of the API's refusals that commands act on: docs/errors.md has them all. No command looks at a sentence.
RUN_UNKNOWN = "run_unknown"
QUOTA_EXCEEDED = "quota_exceeded"
DATASET_UNREADABLE = "dataset_unreadable"


class Failure(click.ClickException):
    """Base of all failures: click prints the message on stderr and exits with the code."""

    def format_message(self) -> str:
        """Message made safe for a terminal: text of the server may be in it."""
        return clean(self.message)


class EndedBadly(Failure):
    """Raised where the run, or the integration, that the command is about has failed."""

    exit_code = 1


class Usage(Failure):
    """Raised where the command must be called differently. `choices` are printed below the message, a line each."""

    exit_code = 2

    def __init__(self, message: str, choices: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.choices = choices

    def format_message(self) -> str:
        """Message and choices, each on one line."""
        return "\n  ".join([super().format_message(), *map(clean, self.choices)])


class RefusedByApi(Failure):
    """Raised where the API answers 4xx. `code` is the word of its problem document, '' where another has answered."""

    exit_code = 3

    def __init__(self, status: int, detail: str, request_id: str, code: str = "") -> None:
        super().__init__(f"{detail} (HTTP {status}{f', {code}' if code else ''}{_request(request_id)})")
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.code = code
        self.advice = ""  # what may be the cause

    def format_message(self) -> str:
        """Message with the advice."""
        return f"{super().format_message()} {self.advice}".strip()


class Unreachable(Failure):
    """Raised where the API gives no usable answer. `code` is the word of its problem document, '' without one."""

    exit_code = 4

    def __init__(self, detail: str, request_id: str = "", code: str = "") -> None:
        super().__init__(f"{detail} ({_request(request_id).removeprefix(', ')})" if request_id else detail)
        self.detail = detail
        self.request_id = request_id
        self.code = code


class StillRunning(Failure):
    """Raised when the time to wait is over; the run goes on."""

    exit_code = 5


class Interrupted(Failure):
    """Raised on Ctrl-C, with the exit code that shells use."""

    exit_code = 130

    def __init__(self, message: str = "Interrupted.") -> None:
        super().__init__(message)


def _request(request_id: str) -> str:
    return f", request {request_id}" if request_id else ""
