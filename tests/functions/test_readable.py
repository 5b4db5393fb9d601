"""Waiting until what was just added can be read, by whatever way looking at it fails."""

import logging

import pytest

from cloudact.error_codes import stored_code
from cloudact.errors import Retry, Stop
from functions.orgs.readable import wait_until


@pytest.mark.parametrize(
    "error", [Retry(stored_code("busy"), "Busy."), Stop(stored_code("no"), "No.", "Ask."), KeyError("row"), OSError()]
)
def test_an_answer_goes_out_however_looking_fails(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is one warning with its kind, and no failure of the request."""

    def look() -> bool:
        raise error

    wait_until(look)
    [line] = caplog.records
    fields = getattr(line, "fields", {})
    assert (line.levelno, fields["event"], fields["error"]) == (logging.WARNING, "not_readable", type(error).__name__)


def test_it_is_asked_until_it_is_so(caplog: pytest.LogCaptureFixture) -> None:
    """The first yes ends it, without a word."""
    answers = iter([False, False, True, False])
    wait_until(lambda: next(answers))
    assert (next(answers), caplog.records) == (False, [])
