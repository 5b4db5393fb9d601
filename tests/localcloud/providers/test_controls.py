"""Faults, the log, restatements and keys: ours, for the tests of the rest."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
import requests

from localcloud.providers.local_providers import LocalProviders
from localcloud.providers.openai.costs import openai_total
from tests.localcloud.providers.conftest import DAY, DAYS, WINDOW, Client, NewClient, documented

COSTS = "/v1/organization/costs"
BY = {"group_by": ["project_id", "line_item"]}


def inject(client: Client, **fault: Any) -> None:
    client.control("POST", "faults", **{"path_regex": "/v1/"} | fault)


@pytest.mark.parametrize("status", [429, 500])
def test_a_status_in_openais_words(openai: NewClient, status: int) -> None:
    """A status comes with the vendor's documented body and the Retry-After asked for, `times` times."""
    client = openai()
    inject(client, status=status, retry_after=20, times=2)
    names = {429: "429_rate_limited", 500: "500_server"}
    for _ in range(2):
        assert client.refused(COSTS, **WINDOW) == documented("openai", names[status])
    inject(client, status=status, retry_after="20")
    assert client.get(COSTS, **WINDOW).headers["retry-after"] == "20"
    assert client.get(COSTS, **WINDOW).status_code == 200


@pytest.mark.parametrize(("status", "name"), [(429, "429"), (500, "500"), (529, "529"), (404, "404")])
def test_a_status_in_anthropics_words(anthropic: NewClient, status: int, name: str) -> None:
    """So at Anthropic, overload (529) among them."""
    client = anthropic()
    inject(client, status=status)
    assert client.refused("/v1/organizations/cost_report", **DAYS) == documented("anthropic", name)


def test_a_body_of_ones_own(openai: NewClient) -> None:
    """A status may come with any body."""
    client = openai()
    inject(client, status=400, body={"odd": True})
    assert client.refused(COSTS, **WINDOW) == (400, {"odd": True})


@pytest.mark.parametrize("kind", [{"truncate": True}, {"reset": True}])
def test_a_broken_connection(openai: NewClient, kind: dict[str, bool]) -> None:
    """Half an answer, or none at all, is a broken connection to the client; the next call is answered."""
    client = openai()
    inject(client, **kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get(COSTS, **WINDOW)
    assert client.get(COSTS, **WINDOW).status_code == 200


@pytest.mark.parametrize("status", [200, 502])
def test_a_web_page(openai: NewClient, status: int) -> None:
    """A proxy's web page comes where JSON was expected."""
    client = openai()
    inject(client, html=status)
    answer = client.get(COSTS, **WINDOW)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_delay(openai: NewClient) -> None:
    """A late answer is right."""
    client = openai()
    inject(client, delay_s=0.2)
    began = time.monotonic()
    assert client.get(COSTS, **WINDOW).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_a_promise_without_a_cursor(openai: NewClient) -> None:
    """`null_cursor` says that there is more, and not where."""
    client = openai()
    inject(client, null_cursor=True)
    page = client.page(COSTS, **WINDOW)
    assert (page["has_more"], page["next_page"]) == (True, None)


def test_a_cursor_that_comes_again(openai: NewClient) -> None:
    """`same_cursor` answers a page after the first with the cursor that was asked with."""
    client = openai(page_results=5)
    inject(client, same_cursor=True)
    cursor = client.page(COSTS, **WINDOW, **BY)["next_page"]
    page = client.page(COSTS, **WINDOW, **BY, page=cursor)
    assert (page["has_more"], page["next_page"]) == (True, cursor)


def test_a_fault_for_later_pages(openai: NewClient) -> None:
    """`path_regex` sees the query too, so that only pages after the first fail; other paths go on."""
    client = openai(page_results=5)
    inject(client, path_regex="/costs.*page=", status=503, method="GET")
    cursor = client.page(COSTS, **WINDOW, **BY)["next_page"]
    assert client.page("/v1/organization/usage/images", **WINDOW)
    assert client.get(COSTS, **WINDOW, **BY, page=cursor).status_code == 503


def test_faults_are_listed_and_dropped(openai: NewClient) -> None:
    """GET lists the faults with their strikes, DELETE drops them."""
    client = openai()
    inject(client, status=500, times=5)
    client.get(COSTS, **WINDOW)
    (fault,) = client.control("GET", "faults")
    assert (fault["status"], fault["struck"]) == (500, 1)
    client.control("DELETE", "faults")
    assert client.get(COSTS, **WINDOW).status_code == 200


@pytest.mark.parametrize("fault", [{"status": 500, "reset": True}, {}, {"staus": 500}])
def test_an_unclear_fault_is_refused(openai: NewClient, fault: dict[str, Any]) -> None:
    """A fault with no kind, two kinds or a misspelt field is 400, so that no test runs without its fault."""
    client = openai()
    answer = requests.post(f"{client.url}/local/faults", json={"path_regex": "/", **fault}, timeout=5)
    assert answer.status_code == 400
    assert client.control("GET", "faults") == []


def test_requests_are_noted(openai: NewClient, anthropic: NewClient) -> None:
    """Both ports tell every request of both vendors with its outcome, and no key."""
    first, second = openai(), anthropic()
    first.get(COSTS, **WINDOW)
    first.get(COSTS, leaked=first.key.key)
    second.get("/v1/organizations/me")
    noted = second.control("GET", "requests")
    assert [(entry["vendor"], entry["outcome"]) for entry in noted["requests"]] == [
        ("openai", "200"), ("openai", "400"), ("anthropic", "200"),
    ]  # fmt: skip
    assert noted["counts"][f"GET {COSTS}"] == {"calls": 2, "200": 1, "400": 1}
    assert first.key.key not in json.dumps(noted)
    first.control("DELETE", "requests")
    assert second.control("GET", "requests") == {"requests": [], "counts": {}}


def test_a_day_is_always_the_same(openai: NewClient) -> None:
    """The same seed and date give the same answer to another key; another seed or date does not."""
    one, same, other = openai(), openai(), openai(seed=8)
    tomorrow = {name: second + 86400 for name, second in WINDOW.items()}
    page = one.page(COSTS, **WINDOW, **BY)
    assert page["data"] == same.page(COSTS, **WINDOW, **BY)["data"]
    assert page["data"] != other.page(COSTS, **WINDOW, **BY)["data"]
    assert page["data"][0]["results"] != one.page(COSTS, **tomorrow, **BY)["data"][0]["results"]


def test_a_restated_day(openai: NewClient) -> None:
    """A restated day has other numbers, always the same; factor 1 brings back the first, factor 0 empties it."""
    client = openai(amounts="number")
    before = client.page(COSTS, **WINDOW)["data"]
    client.control("POST", "restate", key=client.key.key, date=DAY.isoformat(), factor="1.1")
    after = client.page(COSTS, **WINDOW)["data"]
    assert (
        after[0]["results"][0]["amount"]["value"]
        == openai_total(7, DAY, 40, Decimal("1.1"))
        != openai_total(7, DAY, 40)
    )
    client.control("POST", "restate", key=client.key.key, date=DAY.isoformat(), factor=0)
    assert client.page(COSTS, **WINDOW)["data"][0]["results"] == []
    client.control("POST", "restate", key=client.key.key, date=DAY.isoformat(), factor=1)
    assert client.page(COSTS, **WINDOW)["data"] == before


def test_a_key_is_changed_and_forgotten(openai: NewClient, providers: LocalProviders) -> None:
    """Registering again changes the key, also in-process; DELETE forgets all; a wrong kind is 400."""
    client = openai()
    providers.keys.change(client.key.key, revoked=True)
    assert client.get(COSTS, **WINDOW).status_code == 401
    client.control("POST", "keys", **client.key.model_dump(mode="json", exclude_none=True))
    assert client.get(COSTS, **WINDOW).status_code == 200
    client.control("DELETE", "keys")
    assert client.get(COSTS, **WINDOW).status_code == 401
    wrong = {"key": "sk-admin-1234", "kind": "google", "seed": 1}
    assert requests.post(f"{client.url}/local/keys", json=wrong, timeout=5).status_code == 400


@pytest.mark.parametrize("body", ["a text", [1, 2], {"error": "Missing scopes: api.usage.read."}])
def test_any_json_and_any_headers(openai: NewClient, body: Any) -> None:
    """A status may come with JSON of any kind, and with headers of one's own."""
    client = openai()
    inject(client, status=403, body=body, headers={"x-ratelimit-reset-requests": "6m0s"})
    answer = client.get(COSTS, **WINDOW)
    assert (answer.status_code, answer.json(), answer.headers["x-ratelimit-reset-requests"]) == (403, body, "6m0s")


def test_a_text_and_nothing_at_all(anthropic: NewClient) -> None:
    """A status may come with what is no JSON, or without a body."""
    client = anthropic()
    for text in ("<html>Forbidden</html>", ""):
        inject(client, status=401, text=text)
        answer = client.get("/v1/organizations/cost_report", **DAYS)
        assert (answer.status_code, answer.text) == (401, text)


def test_a_fault_in_the_middle(openai: NewClient) -> None:
    """`after` leaves so many calls alone; then the fault strikes `times` times, and no more."""
    client = openai()
    inject(client, status=401, after=2)
    assert [client.get(COSTS, **WINDOW).status_code for _ in range(4)] == [200, 200, 401, 200]


def test_a_limit_per_minute(openai: NewClient, anthropic: NewClient) -> None:
    """More requests than a key may make in a minute are 429, with the reset in the vendor's form and no Retry-After."""
    one, other = openai(per_minute=2), anthropic(per_minute=2)
    calls = [one.get(COSTS, **WINDOW) for _ in range(3)]
    assert [call.status_code for call in calls] == [200, 200, 429]
    assert (calls[2].headers["x-ratelimit-reset-requests"], "retry-after" in calls[2].headers) == ("1m0s", False)
    calls = [other.get("/v1/organizations/cost_report", **DAYS) for _ in range(3)]
    assert [call.status_code for call in calls] == [200, 200, 429]
    assert calls[2].headers["anthropic-ratelimit-requests-reset"] == "2026-11-12T12:01:00Z"


def test_costs_without_amounts(openai: NewClient, anthropic: NewClient) -> None:
    """The last rows of a page of costs lack their amount, where they are grouped; the total has it."""
    one, other = openai(without_amount=1, page_results=1000), anthropic(without_amount=1, page_results=1000)
    assert ["amount" in row for row in one.results(COSTS, **WINDOW, **BY)][-2:] == [True, False]
    rows = other.results("/v1/organizations/cost_report", **DAYS, **{"group_by[]": ["description"]})
    assert ["amount" in row for row in rows][-2:] == [True, False]
    assert all("amount" in row for row in one.results(COSTS, **WINDOW))
