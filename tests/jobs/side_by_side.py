"""A reading of OpenAI's reports without BigQuery: a vendor with faults by page, and all that it gives and tells."""

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow.parquet as pq

from cloudact.warehouse.resources import Column
from jobs.file_room import FileRoom
from jobs.reading import Reading, Total
from providers.calls import Calls
from providers.http import Patience, Time
from providers.notes import Notes
from providers.openai.api import OPENAI
from providers.openai.reports import COST_TABLE, USAGE_TABLE, OpenAiReports
from providers.org_day import OrgDay
from providers.reports import ReportSource
from providers.source import Chain
from tests.conftest import FIXTURE_DAY
from tests.ddl_columns import ddl_columns

RUN = {"org_slug": "acme", "run_id": "r-1", "ingested_at": datetime(2026, 11, 11, 6, tzinfo=UTC)}
QUICK = Patience(attempts=2, longest_wait_s=0, doubt_s=0)
Row = Mapping[str, object]
WITHIN_S = 60.0


@dataclass(frozen=True)
class Page:
    """A page with its rows, or with trouble: a word that `Provider` knows."""

    rows: Sequence[Row] = ()
    trouble: str = ""


def no_hook(_report: str, _page: int) -> None:
    """Nothing happens at a call."""


@dataclass
class Provider:
    """OpenAI as it answers with these pages by report. `at_call` is called in the thread of each call, before it."""

    pages: Mapping[str, Sequence[Page]]
    at_call: Callable[[str, int], None] = no_hook
    asked: list[tuple[str, int]] = field(default_factory=list)
    most: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: Counter[str] = Counter()

    @property
    def client(self) -> httpx.Client:
        """A client that reaches it."""
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        report, number = request.url.path.rpartition("/")[2], int(query.get("page", "0"))
        grouped = "group_by" in query
        with self._counted(report if grouped else "total", number) as before:
            return self._page(report, number, query, before) if grouped else self._total(report)

    @contextmanager
    def _counted(self, report: str, number: int) -> Iterator[int]:
        with self._lock:
            before = self.asked.count((report, number))
            self.asked.append((report, number))
            for name in (report, "all"):
                self._at_work[name] += 1
                self.most[name] = max(self.most[name], self._at_work[name])
        try:
            self.at_call(report, number)
            yield before
        finally:
            with self._lock:
                self._at_work[report] -= 1
                self._at_work["all"] -= 1

    def _page(self, report: str, number: int, query: httpx.QueryParams, before: int) -> httpx.Response:
        pages = self.pages.get(report) or [Page()]
        page, more = pages[number], number + 1 < len(pages)
        match page.trouble:
            case "crash":
                raise RuntimeError(f"odd {report} {number}")
            case "stop":
                return httpx.Response(418, json={"error": {"message": f"no {report} {number}"}})
            case "key":
                return httpx.Response(401, json={"error": {"code": "invalid_api_key", "message": f"{report} {number}"}})
            case "rights":
                return httpx.Response(403, json={"error": {"message": f"Missing scopes: api.{report}.{number}"}})
            case "busy":
                return httpx.Response(500, json={"error": {"message": f"busy {report} {number}"}})
            case "gone":
                return httpx.Response(404, json={"error": {"message": f"gone {report}"}})
            case "passing" | "limited" if not before:
                return httpx.Response(500 if page.trouble == "passing" else 429, json={})
            case "dimension" if "api_source" in query.get_list("group_by"):
                error = {"message": "api_source is not accepted.", "param": "group_by"}
                return httpx.Response(400, json={"error": error})
            case "finer" if "api_source" not in query.get_list("group_by"):
                return _json([], more=more, following=str(number + 1) if more else None)
            case "cursor":
                return _json(page.rows, more=True, following=None)
        return _json(page.rows, more=more, following=str(number + 1) if more else None)

    def _total(self, report: str) -> httpx.Response:
        rows = [row for page in self.pages.get(report, ()) for row in page.rows]
        return _json([row for row in rows if isinstance(row.get("amount"), dict)], more=False, following=None)


def _json(rows: Sequence[Row], *, more: bool, following: str | None) -> httpx.Response:
    bucket = {"start_time": 1794268800, "results": rows}
    return httpx.Response(200, json={"data": [bucket], "has_more": more, "next_page": following})


class DdlDay:
    """A day whose tables are those of the scripts."""

    def columns(self, table: str) -> Sequence[Column]:
        """The columns of a table."""
        return ddl_columns(table).fields


@dataclass
class Told:
    """A step's progress that keeps what it is told, and calls `at_beat` with the number of each beat."""

    at_beat: Callable[[int], None] = lambda _: None
    messages: list[tuple[str, str]] = field(default_factory=list)
    beats: int = 0

    def message(self, text: str, level: str = "INFO") -> None:
        """Keeps it."""
        self.messages.append((level, text))

    def beat(self, text: str, rows: int | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Counts it."""
        self.beats += 1
        self.at_beat(self.beats)


@dataclass
class OneAfterAnother:
    """The same source as one that does not allow its reports to be read side by side."""

    source: ReportSource
    name: str = "OpenAI"
    fills: Sequence[Any] = (USAGE_TABLE, COST_TABLE)
    bytes_billed: int = 0

    def prepare(self, config: Any, progress: Any) -> None:
        """Nothing to prepare."""

    def chains(self) -> Sequence[Chain]:
        """Its chains."""
        return self.source.chains()

    def total(self, notes: Notes, calls: Calls) -> Mapping[str, Any]:
        """Its total."""
        return self.source.total(notes, calls)


def source_of(
    client: httpx.Client,
    reports: Sequence[str],
    break_off: Callable[[], None] = lambda: None,
    url: str = "http://openai.invalid",
    patience: Patience = QUICK,
    time: Time = Time(sleep=lambda _: None),  # noqa: B008 - it holds no state
) -> ReportSource:
    """A source of these reports over the client."""

    def open_reports(notes: Notes, calls: Calls) -> OpenAiReports:
        return OpenAiReports(OPENAI.open(url, "sk-admin-test", client, patience, calls, time), FIXTURE_DAY, notes)

    return ReportSource("OpenAI", (USAGE_TABLE, COST_TABLE), open_reports, break_off, wanted=reports)


def read(
    source: Any, progress: Told | None = None, *, with_total: bool = True, room_bytes: int = 2**30
) -> dict[str, Any]:
    """All that a reading gives and tells, with the rows of each file in an order of their own."""
    told = progress or Told()
    with tempfile.TemporaryDirectory() as folder:
        total = Total(source) if with_total else None
        day, room = cast("OrgDay", DdlDay()), FileRoom(room_bytes)
        reading = Reading(source, day, RUN, Path(folder), told, room, total)
        error = ""
        try:
            reading.read()
        except Exception as err:
            error = f"{type(err).__name__} {getattr(err, 'code', '')} {err}"
        files = {
            name: (
                sorted(pq.read_table(file.path).to_pylist(), key=repr),
                file.digest.content,
                dict(file.digest.tally.sums),
                file.coarser,
            )
            for name, file in reading.files.items()
        }
        found = {
            "error": error,
            "files": list(files.items()),
            "messages": told.messages,
            "unpriced": reading.unpriced,
            "left": sorted(path.name for path in Path(folder).iterdir()) if not error else [],
        }
        return found | {"total": _total(total)} if total and not error else found


def _total(total: Total) -> object:
    said: list[str] = []
    try:
        return dict(total.told(Notes(said.append))), said
    except Exception as err:
        return f"{type(err).__name__} {err}", said


def lanes_left() -> list[str]:
    """The threads of readings that are at work."""
    return [each.name for each in threading.enumerate() if each.name in ("lane", "pages")]
