"""Structured logs: one JSON object a line on stdout, in the fields that Cloud Logging reads.

What a request or a job is about is said once (`begin`, `know`) and stands in every line after it.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from cloudact.redaction import without_secrets

Given = ParamSpec("Given")
Done = TypeVar("Done")
_known: ContextVar[Mapping[str, object]] = ContextVar("known", default=MappingProxyType({}))


class JsonLines(logging.Formatter):
    """`severity`, `message`, `time`, `logger`, what is known, and what was passed as `extra={"fields": {…}}`.

    Whoever logs takes care that no key is in it; what is a key by its form is taken out here all the same.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback goes into `exception` so that Error Reporting groups it."""
        entry = {
            "severity": record.levelname,
            "message": without_secrets(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            **_known.get(),
            **{name: _without_secrets(value) for name, value in getattr(record, "fields", {}).items()},
        }
        if record.exc_info:
            entry["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


def _without_secrets(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) else value


def begin(**fields: object) -> None:
    """Something new begins: what was known in this thread, about another request, is forgotten."""
    _known.set(fields)


def know(**fields: object) -> None:
    """From now on every line of this request or job has these fields too."""
    _known.set({**_known.get(), **fields})


def carried(act: Callable[Given, Done]) -> Callable[Given, Done]:
    """The act for other threads: each of its calls there knows what is known here and now."""
    here = copy_context()

    def act_there(*args: Given.args, **kwargs: Given.kwargs) -> Done:
        return here.copy().run(act, *args, **kwargs)  # a context can be entered once at a time, a copy of it is free

    return act_there


def configure(level: int = logging.INFO) -> None:
    """Sends the root logger's records to stdout as JSON lines; called by entry points only."""
    stdout = logging.StreamHandler(sys.stdout)
    stdout.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stdout], force=True)
    for chatty in ("httpx", "httpcore"):  # they write every address, with cursors and whatever else is in it
        logging.getLogger(chatty).setLevel(logging.WARNING)
