"""A vendor that answers from pages in memory, and the reports that read it over httpx's own seam."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx
import pyarrow as pa

from providers.anthropic.api import ANTHROPIC
from providers.anthropic.reports import AnthropicReports
from providers.calls import Calls
from providers.http import ProviderHttp
from providers.notes import Notes
from providers.openai.api import OPENAI
from providers.openai.reports import COST_TABLE, USAGE_TABLE, OpenAiReports
from providers.reports import ReportSource
from tests.conftest import FIXTURE_DAY, fixture

Answer = Callable[[httpx.Request], httpx.Response]
Pages = Mapping[str, Sequence[Any]]


@dataclass
class Vendor:
    """`pages` by the end of the path; a request's cursor is the number of pages it follows. `refuse` may object."""

    pages: Pages
    refuse: Callable[[str, httpx.QueryParams], httpx.Response | None] = lambda _path, _query: None
    asked: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notes: Notes = field(init=False)

    def openai(
        self,
        day: date = FIXTURE_DAY,
    ) -> OpenAiReports:
        """OpenAI's reports as this vendor tells them."""
        self.notes = Notes(self.said.append)
        api = OPENAI.open("http://openai.invalid", "sk-admin-test", self._client())
        return OpenAiReports(api, day, self.notes)

    def openai_source(self) -> ReportSource:
        """OpenAI's reports as a run's source."""

        def open_reports(notes: Notes, calls: Calls) -> OpenAiReports:
            api = OPENAI.open("http://openai.invalid", "sk-admin-test", self._client(), calls=calls)
            return OpenAiReports(api, FIXTURE_DAY, notes)

        return ReportSource(OPENAI.name, (USAGE_TABLE, COST_TABLE), open_reports)

    def anthropic(self, day: date = FIXTURE_DAY, generation: str = "reports") -> AnthropicReports:
        """Anthropic's."""
        self.notes = Notes(self.said.append)
        return AnthropicReports(self.anthropic_api(), day, self.notes, day + timedelta(days=1), generation)

    def anthropic_api(self) -> ProviderHttp:
        """Anthropic as HTTP."""
        return ANTHROPIC.open("http://anthropic.invalid", "sk-ant-admin01-test", self._client())

    def _client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        name, query = request.url.path.partition("/v1/")[2].partition("/")[2], request.url.params
        self.asked.append((name, query.multi_items()))
        objection = self.refuse(name, query)
        if objection is not None:
            return objection
        pages = self.pages.get(name, [EMPTY])
        number = int(query.get("page", "0"))
        page = pages[number]
        if isinstance(page, httpx.Response):
            return page
        more = number + 1 < len(pages)
        return httpx.Response(200, json=page | {"has_more": more, "next_page": str(number + 1) if more else None})


EMPTY: dict[str, Any] = {"data": []}


def costs(*amounts: object, **dimensions: object) -> dict[str, Any]:
    """A page of OpenAI's costs with these amounts, of the fixtures' day."""
    results = [{"amount": {"value": amount, "currency": "usd"}, **dimensions} for amount in amounts]
    return {"data": [{"start_time": 1794268800, "end_time": 1794355200, "results": results}]}


def reported(*results: Mapping[str, object], day: date = FIXTURE_DAY) -> dict[str, Any]:
    """A page of one of Anthropic's reports with these results."""
    return {"data": [{"starting_at": f"{day}T00:00:00Z", "ending_at": "x", "results": list(results)}]}


def fixture_pages(*names: str) -> list[Any]:
    """Pages of the fixtures, as they are."""
    return [fixture(f"{name}.json") for name in names]


def table_rows(reports: OpenAiReports | AnthropicReports, *names: str) -> list[dict[str, Any]]:
    """The rows of these reports, which go to one table."""
    ((_, rows),) = reports.rows(names)
    return [row for each in rows for row in (each.to_pylist() if isinstance(each, pa.RecordBatch) else [dict(each)])]


def raw(row: Mapping[str, Any]) -> Any:
    """What a row keeps of its line."""
    return json.loads(row["raw"])
