"""Structured logs: one JSON object a line on stdout, in the fields that Cloud Logging reads."""

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """`severity`, `message`, `time`, `logger`, and what was passed as `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback goes into `exception` so that Error Reporting groups it."""
        entry = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure(level: int = logging.INFO) -> None:
    """Sends the root logger's records to stdout as JSON lines; called by entry points only."""
    stdout = logging.StreamHandler(sys.stdout)
    stdout.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[stdout], force=True)
    for chatty in ("httpx", "httpcore"):  # they write every address, with cursors and whatever else is in it
        logging.getLogger(chatty).setLevel(logging.WARNING)
