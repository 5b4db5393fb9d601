"""The lines of the log: what every one of them says, and that no request's facts reach another's."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from cloudact import logs
from tests.log_lines import written_lines

log = logging.getLogger(__name__)


def test_what_is_known_stands_in_every_line() -> None:
    """Known once, told in each line; what a line says itself is stronger; a new beginning forgets."""
    with written_lines() as lines:
        logs.reset(request_id="r1")
        logs.bind(org_slug="acme")
        log.info("one")
        log.warning("two", extra={"fields": {"org_slug": "bolt", "code": "x"}})
        logs.reset(request_id="r2")
        log.info("three")
    one, two, three = lines.told
    assert (one["request_id"], one["org_slug"], one["severity"]) == ("r1", "acme", "INFO")
    assert (two["request_id"], two["org_slug"], two["code"]) == ("r1", "bolt", "x")
    assert (three["request_id"], "org_slug" in three) == ("r2", False)
    assert datetime.fromisoformat(one["time"]).utcoffset() is not None


def test_threads_that_work_for_a_request() -> None:
    """A carried act knows in every thread what was known where it was carried from; another act there does not."""

    def tell(text: str) -> None:
        log.info(text)
        logs.bind(run_id=text)

    with written_lines() as lines, ThreadPoolExecutor(4) as threads:
        logs.reset(request_id="r1")
        list(threads.map(logs.with_context(tell), map(str, range(20))))
        list(threads.map(tell, ["alone"]))
    assert [line["request_id"] for line in lines.told if line["message"] != "alone"] == ["r1"] * 20
    assert not any("run_id" in line for line in lines.told if line["message"] != "alone")
    assert "request_id" not in next(line for line in lines.told if line["message"] == "alone")


def test_no_key_is_written() -> None:
    """What is a key by its form is taken out of messages, fields and tracebacks; names that begin like one stay."""
    key = "sk-admin-" + "aB3_" * 20
    with written_lines() as lines:
        try:
            raise ValueError(f"Authorization: Bearer {key}")
        except ValueError as err:
            log.warning("asked with %s for sk-learn-bot", key, exc_info=err, extra={"fields": {"said": f"not {key}"}})
    (line,) = lines.told
    assert (line["message"], line["said"]) == ("asked with [key] for sk-learn-bot", "not [key]")
    assert "aB3_" not in lines.text[0]


def test_one_line_whatever_is_in_it() -> None:
    """Line ends, quotes and objects stay inside one line of JSON; a traceback has a field of its own."""
    with written_lines() as lines:
        try:
            raise ValueError('two\nlines and a "quote"')
        except ValueError as err:
            log.error("failed\nbadly", extra={"fields": {"day": datetime(2026, 1, 1).date()}}, exc_info=err)  # noqa: DTZ001
    (text,) = lines.text
    assert json.loads(text)["message"] == "failed\nbadly"
    assert 'ValueError: two\nlines and a "quote"' in json.loads(text)["exception"]
    assert json.loads(text)["day"] == "2026-01-01"
