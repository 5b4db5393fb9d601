"""Stand-ins with a clock of their own, and a client for each that asks as ours does and reads amounts exactly."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests

from localcloud.providers.keys import RegisteredKey
from localcloud.providers.local_providers import LocalProviders, Settings
from tests.conftest import SteppedClock, fixture

DAY, SECONDS = date(2026, 11, 10), 1794268800
WINDOW = {"start_time": SECONDS, "end_time": SECONDS + 86400}
DAYS = {"starting_at": "2026-11-10T00:00:00Z", "ending_at": "2026-11-11T00:00:00Z"}
BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}
MOST_PAGES = 1000


@dataclass
class Client:
    """Asks one stand-in with one registered key."""

    url: str
    key: RegisteredKey
    headers: dict[str, str]
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, headers: Any = None, **query: Any) -> requests.Response:
        """One page."""
        return self.session.get(self.url + path, params=query, headers={**self.headers, **(headers or {})}, timeout=10)

    def page(self, path: str, **query: Any) -> Any:
        """The body of a page, fractions as Decimal."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Every page, the query repeated with each cursor."""
        for _ in range(MOST_PAGES):
            page = self.page(path, **query)
            yield page
            if not page["has_more"]:
                return
            query["page"] = page["next_page"]

    def results(self, path: str, **query: Any) -> list[Any]:
        """The results of all buckets of all pages."""
        return [
            result
            for page in self.pages(path, **query)
            for bucket in page["data"]
            for result in bucket["results"]
        ]  # fmt: skip

    def refused(self, path: str, headers: Any = None, **query: Any) -> tuple[int, Any]:
        """Status and body of a refusal, without the id of the request."""
        answer = self.get(path, headers, **query)
        return answer.status_code, {name: value for name, value in answer.json().items() if name != "request_id"}

    def control(self, verb: str, path: str, **body: Any) -> Any:
        """A local control that must succeed."""
        answer = self.session.request(verb, f"{self.url}/local/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


NewClient = Callable[..., Client]


@pytest.fixture(scope="session")
def session_providers() -> Iterator[LocalProviders]:
    providers = LocalProviders(Settings(clock=SteppedClock()))
    providers.start()
    yield providers
    providers.stop()


@pytest.fixture
def providers(session_providers: LocalProviders) -> LocalProviders:
    """The session's stand-ins, with no fault in force and nothing noted."""
    session_providers.faults.clear()
    session_providers.log.reset()
    return session_providers


_NUMBERS = itertools.count(1)


@pytest.fixture
def openai(providers: LocalProviders) -> NewClient:
    """Registers keys at OpenAI over HTTP and answers their clients."""

    def make(**properties: Any) -> Client:
        wanted: dict[str, Any] = {"key": f"sk-admin-{next(_NUMBERS):020}", "kind": "openai", "seed": 7} | properties
        client = Client(
            providers.openai_url, RegisteredKey(**wanted), {"Authorization": f"Bearer {wanted['key']}"}
        )  # fmt: skip
        client.control("POST", "keys", **wanted)
        return client

    return make


@pytest.fixture
def anthropic(providers: LocalProviders) -> NewClient:
    """The same at Anthropic."""

    def make(**properties: Any) -> Client:
        wanted: dict[str, Any] = {
            "key": f"sk-ant-admin01-{next(_NUMBERS):020}",
            "kind": "anthropic",
            "seed": 7,
        } | properties
        headers = {"x-api-key": wanted["key"], "anthropic-version": "2023-06-01"}
        client = Client(providers.anthropic_url, RegisteredKey(**wanted), headers)
        client.control("POST", "keys", **wanted)
        return client

    return make


def documented(vendor: str, name: str) -> tuple[int, Any]:
    """Status and body of a refusal as the fixtures have it, without the id of the request."""
    found = fixture(f"{vendor}_errors.json")[name]
    return found["status"], {name: value for name, value in found["body"].items() if name != "request_id"}


def canonical(results: list[Any]) -> list[str]:
    """The results in an order of their own, to compare without one."""
    return sorted(json.dumps(result, default=str, sort_keys=True) for result in results)
