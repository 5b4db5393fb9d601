"""Structured logs: one JSON object a line on stdout, in the fields that Cloud Logging reads.

Fields of the current request or job are bound once (`reset`, `bind`) and appear in every line after that.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from cloudact import redaction
from cloudact.redaction import KeyForms, without_secrets

Given = ParamSpec("Given")
Done = TypeVar("Done")
_context: ContextVar[Mapping[str, object]] = ContextVar("context", default=MappingProxyType({}))


class JsonLines(logging.Formatter):
    """Formats a record as JSON: `severity`, `message`, `time`, `logger`, bound fields, and `extra={"fields": {…}}`.

    Callers must not log keys; whatever has the form of a key is removed here as well.
    """

    def format(self, record: logging.LogRecord) -> str:
        """JSON line of the record; a traceback goes into `exception`, so that Error Reporting groups it."""
        entry = {
            "severity": record.levelname,
            "message": without_secrets(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            **_context.get(),
            **{name: _without_secrets(value) for name, value in getattr(record, "fields", {}).items()},
        }
        if record.exc_info:
            entry["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


def _without_secrets(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) else value


def reset(**fields: object) -> None:
    """Binds these fields for a new request or job, and drops what this thread had bound for another one."""
    _context.set(fields)


def bind(**fields: object) -> None:
    """Adds fields to every later line of this request or job."""
    _context.set({**_context.get(), **fields})


def with_context(act: Callable[Given, Done]) -> Callable[Given, Done]:
    """Wraps a function for other threads: its log lines carry the fields that are bound at the time of wrapping."""
    here = copy_context()

    def act_there(*args: Given.args, **kwargs: Given.kwargs) -> Done:
        return here.copy().run(act, *args, **kwargs)  # a context can be entered once at a time, a copy of it is free

    return act_there


def configure(secrets: Iterable[KeyForms], level: int = logging.INFO) -> None:
    """Sends the root logger's records to stdout as JSON lines, without `secrets`; called by entry points only."""
    redaction.know(secrets)
    stdout = logging.StreamHandler(sys.stdout)
    stdout.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stdout], force=True)
    silence_libraries()


def silence_libraries() -> None:
    """Keeps libraries from writing every address that is asked, with cursors and whatever else is in it."""
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
