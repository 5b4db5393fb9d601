"""Passing trouble is repeated, a refusal is explained, and no answer can hurt: broken, huge, endless or hostile."""

import gzip
import json
import logging
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.clock import utc_now
from cloudact.errors import Skip, Stop
from cloudact.orgs.org import Onboarded
from localcloud.stack import local_settings
from providers import PROVIDERS
from providers.anthropic.api import ANTHROPIC
from providers.calls import Calls
from providers.http import (
    IN_A_JOB,
    IN_A_REQUEST,
    LARGEST_ANSWER_BYTES,
    PIECE_BYTES,
    Busy,
    Patience,
    ProviderHttp,
    Refused,
    Time,
    client,
    unzipped,
)
from providers.openai.api import OPENAI
from providers.provider import connect
from tests.conftest import NOON, SteppedClock, fixture

ZIPPED = gzip.compress(b"{}", mtime=0)
KEY = "sk-admin-" + "0aB_9" * 20
NOWHERE = "http://nowhere.invalid"


AT_ONCE = Patience(attempts=6, longest_wait_s=0)


def api(answer: Callable[[httpx.Request], httpx.Response], patience: Patience = AT_ONCE) -> ProviderHttp:
    """OpenAI, if it answered like this; tried again without pauses unless told."""
    return OPENAI.open("http://vendor.invalid", KEY, httpx.Client(transport=httpx.MockTransport(answer)), patience)


def refusal(name: str, file: str = "openai_errors.json") -> httpx.Response:
    """A refusal of the fixtures."""
    found = fixture(file)[name]
    return httpx.Response(found["status"], headers=found.get("headers", {}), json=found["body"])


def test_numbers_keep_their_digits() -> None:
    """Numbers with a fraction or an exponent are read as `Decimal` from the text, never by way of a float."""
    body = b'{"a": 0.1000000000000000055511151231257827, "b": 1.3E-7, "c": 12}'
    found = api(lambda _: httpx.Response(200, content=body)).get("/x", [])
    assert found == {"a": Decimal("0.1000000000000000055511151231257827"), "b": Decimal("1.3E-7"), "c": 12}


@pytest.mark.parametrize("name", ["429_rate_limited", "500_server"])
def test_passing_trouble_is_repeated(name: str) -> None:
    """A 429 and a 5xx are asked again, and the answer that comes then counts."""
    answers = [refusal(name), refusal(name), httpx.Response(200, json={"data": []})]
    assert api(lambda _: answers.pop(0)).get("/x", []) == {"data": []}


def test_a_storm_of_429_ends() -> None:
    """What stays overloaded is given up after six tries, as passing, with what the provider asked for."""
    asked: list[httpx.Request] = []

    def storm(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return refusal("429_rate_limited")

    with pytest.raises(Busy) as caught:
        api(storm).get("/x", [])
    assert (len(asked), caught.value.code, caught.value.wait_s) == (6, "openai_rate_limited", 20.0)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("37", 37, 37),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 10**8, 10**10),
        ("soon", None, None),
        ("-5", None, None),
        ("\u00b2", None, None),
    ],
)
def test_retry_after_in_both_forms(header: str, least: float | None, most: float | None) -> None:
    """Seconds and dates are understood; anything else is left to our own backoff."""
    answer = httpx.Response(429, headers=[(b"Retry-After", header.encode("latin-1"))], json={})
    with pytest.raises(Busy) as caught:
        api(lambda _: answer).get("/x", [])
    wait = caught.value.wait_s
    assert wait is None if least is None or most is None else wait is not None and least <= wait <= most


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(200, html="<html>Bad gateway</html>"), "openai_unreadable"),
        (httpx.Response(502, html="<html>Bad gateway</html>"), "openai_unavailable"),
        (httpx.Response(200, content=b'{"data": [{"a": 1'), "openai_unreadable"),
        (httpx.Response(200, content=b"[1, 2]"), "openai_unreadable"),
        (httpx.Response(200, content=b'{"a": NaN}'), "openai_unreadable"),
        (httpx.Response(200, content=b"[" * 100_000), "openai_unreadable"),
        (httpx.Response(200, content=b'{"a": 1e99999999999999999999}'), "openai_unreadable"),
        (httpx.Response(403, html="<html>Blocked by a firewall</html>"), "openai_unreadable"),
        (httpx.Response(401, content=b'{"a": 1e99999999999999999999}'), "openai_unreadable"),
    ],
)
def test_an_answer_that_cannot_be_read(answer: httpx.Response, code: str) -> None:
    """HTML, half of a body, JSON that is no object, endless nesting and endless bodies are trouble, never no data."""
    with pytest.raises(Busy) as caught:
        api(lambda _: httpx.Response(answer.status_code, content=answer.content)).get("/x", [])
    assert caught.value.code == code


def test_a_body_without_end_is_cut_off() -> None:
    """What is larger than any page should be is not read to its end."""
    endless = (b'{"data": [' if not n else b'"x",' * 2**18 for n in range(2**20))
    given_up = Patience(attempts=1)
    with pytest.raises(Busy, match="larger than any it should have"):
        api(lambda _: httpx.Response(200, content=endless), given_up).get("/x", [])
    assert next(endless)


def packed(body: bytes, *layers: str) -> httpx.Response:
    """200 with a body that was compressed once for each layer; the bytes come as they would from the wire."""
    for _ in layers:
        body = gzip.compress(body)
    headers = [("Content-Encoding", layer) for layer in layers]
    return httpx.Response(200, headers=headers, content=(body[at : at + 100] for at in range(0, len(body), 100)))


@pytest.mark.parametrize("layer", ["gzip", "x-gzip", "GZIP "])
def test_one_gzip_is_read(layer: str) -> None:
    """An answer that is compressed once is read digit by digit, in pieces; gzip is all that is asked for."""
    body = json.dumps({"data": [*range(100_000)]}).encode()
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return packed(body, layer)

    assert api(answer).get("/x", []) == json.loads(body)
    assert asked[0].headers["Accept-Encoding"] == "gzip"


ZEROS = bytes(2**20)
GZIP = {"Content-Encoding": "gzip"}


@cache
def two_hundred_mib() -> bytes:
    """As a gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(ZEROS) for _ in range(200)) + packer.flush()


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (["gzip"], "sends a page larger than any it should have"),
        (["gzip", "gzip"], "answers in an encoding that was not asked for"),
        (["gzip, gzip"], "answers in an encoding that was not asked for"),
        (["gzip"] * 3, "answers in an encoding that was not asked for"),
        (["deflate"], "answers in an encoding that was not asked for"),
        (["identity, gzip"], "answers in an encoding that was not asked for"),
    ],
)
def test_a_bomb_stays_small(layers: list[str], says: str) -> None:
    """200 MiB that were compressed to a few kB are given up: one gzip at the size limit, more of them at once."""
    bomb = two_hundred_mib()
    for _ in layers[1:]:
        bomb = gzip.compress(bomb)
    headers = [("Content-Encoding", layer) for layer in layers]
    tracemalloc.start()
    with pytest.raises(Busy, match=says) as caught:
        api(lambda _: httpx.Response(200, headers=headers, content=iter([bomb])), Patience(attempts=1)).get("/x", [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (caught.value.code, peak < LARGEST_ANSWER_BYTES + 2**23) == ("openai_unreadable", True)


@pytest.mark.parametrize(
    "body",
    [ZIPPED[:-1], ZIPPED + b"more", ZIPPED + b"\0more", ZIPPED + ZIPPED[:-1], b"{}", b"", b"\0" + ZIPPED],
    ids=["cut_off", "goes_on", "goes_on_later", "second_cut_off", "plain", "empty", "begins_with_zero"],
)
def test_a_gzip_that_is_none(body: bytes) -> None:
    """What is cut off, goes on after its end, or is not compressed at all is trouble, never a shorter answer."""
    with pytest.raises(Busy, match="broke off in the middle of its answer"):
        api(lambda _: httpx.Response(200, headers=GZIP, content=iter([body]))).get("/x", [])


@given(body=st.binary(max_size=300_000), members=st.integers(1, 4), zeros=st.integers(0, 3), cut=st.integers(1, 70_000))
def test_what_is_unzipped_is_what_was_zipped(body: bytes, members: int, zeros: int, cut: int) -> None:
    """Whatever was compressed comes out whole, however the wire cuts it, in pieces of a bounded size.

    So it does from several members of one gzip, and with zeros after them.
    """
    zipped = (gzip.compress(body * 3) + bytes(zeros)) * members
    pieces = list(unzipped(zipped[at : at + cut] for at in range(0, len(zipped), cut)))
    assert b"".join(pieces) == body * 3 * members
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)


def test_many_members_are_one_bomb() -> None:
    """A gzip of many members has the size limit of one."""
    bomb = gzip.compress(ZEROS) * 40
    with pytest.raises(Busy, match="sends a page larger than any it should have"):
        api(lambda _: httpx.Response(200, headers=GZIP, content=iter([bomb])), Patience(attempts=1)).get("/x", [])


def test_an_encoding_without_a_name() -> None:
    """A header without a value names no encoding."""
    answer = {"Content-Encoding": ""}
    assert api(lambda _: httpx.Response(200, headers=answer, content=iter([b"{}"]))).get("/x", []) == {}


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b""), ("gzip", b"{}"), ("br", b"xx"), ("gzip", gzip.compress(ZEROS) * 40)],
    ids=["empty", "plain", "brotli", "bomb"],
)
@pytest.mark.parametrize(
    ("status", "code", "wait_s"),
    [(429, "openai_rate_limited", 7), (503, "openai_unavailable", 7), (401, "openai_unreadable", None)],
)
def test_a_status_says_enough(status: int, code: str, wait_s: float | None, encoding: str, body: bytes) -> None:
    """Where the words of a refusal cannot be decoded its status and the wait that it asks for still hold.

    A 401 without words may be anybody's on the way, so it is no reason to call the key invalid.
    """
    headers = {"Content-Encoding": encoding, "Retry-After": "7"}
    with pytest.raises(Busy, match=f"HTTP {status}") as caught:
        api(lambda _: httpx.Response(status, headers=headers, content=iter([body])), Patience(attempts=1)).get("/x", [])
    assert (caught.value.code, caught.value.wait_s) == (code, wait_s)


def test_a_refusal_in_another_encoding() -> None:
    """A 400 that cannot be decoded is a refusal without words."""
    answer = {"Content-Encoding": "br"}
    with pytest.raises(Refused, match="HTTP 400"):
        api(lambda _: httpx.Response(400, headers=answer, content=iter([b"xx"]))).get("/x", [])


def test_whoever_waits_gives_signs_of_life() -> None:
    """Before each try, with each piece of an answer, and every few seconds of a wait somebody is told."""
    ticks: list[None] = []
    answers = [httpx.Response(503, json={}), httpx.Response(200, content=iter([b"{", b"}"]))]
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answers.pop(0)))
    opened = OPENAI.open("http://vendor.invalid", KEY, client, Patience(2, 0.01), Calls(lambda: ticks.append(None)))
    assert opened.get("/x", []) == {}
    assert len(ticks) >= 5


def test_who_asks_for_an_hour_is_not_asked_again() -> None:
    """A wait that is longer than the longest ends the call at once; the run is tried again later."""
    asked: list[httpx.Request] = []

    def later(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429, headers={"Retry-After": "3600"}, json={"error": {"message": "Quota."}})

    with pytest.raises(Busy, match=r"\(HTTP 429\): Quota\."):
        api(later).get("/x", [])
    assert len(asked) == 1


def test_broken_connections_are_trouble() -> None:
    """A reset, a time-out and a broken body pass by themselves."""
    for failure in (httpx.ReadError("reset"), httpx.ConnectTimeout("slow"), httpx.RemoteProtocolError("half")):

        def broken(_: httpx.Request, failure: Exception = failure) -> httpx.Response:
            raise failure

        with pytest.raises(Busy, match="could not be reached, or broke off"):
            api(broken).get("/x", [])


@pytest.mark.parametrize(
    ("vendor", "file", "name", "code", "hint"),
    [
        (OPENAI, "openai_errors.json", "401_invalid_key", "credential_rejected", "Usage: Read"),
        (OPENAI, "openai_errors.json", "403_missing_scope", "permission_denied", "Usage: Read"),
        (OPENAI, "openai_errors.json", "400_usage_limit_too_high", "openai_refused", "contact support"),
        (ANTHROPIC, "anthropic_errors.json", "401", "credential_rejected", "sk-ant-admin"),
        (ANTHROPIC, "anthropic_errors.json", "403_not_admin_key", "permission_denied", "sk-ant-admin"),
        (ANTHROPIC, "anthropic_errors.json", "400_too_many_group_by", "anthropic_refused", "contact support"),
    ],
)
def test_a_refusal_is_explained(vendor: Any, file: str, name: str, code: str, hint: str) -> None:
    """A 4xx stops at once with a code, a sentence and what a person can do; a 400 repeats the provider's reason."""
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return refusal(name, file)

    key = "sk-admin-x1234567" if vendor is OPENAI else "sk-ant-admin01-x1234567"
    client = httpx.Client(transport=httpx.MockTransport(refuse))
    with pytest.raises(Refused) as caught:
        vendor.open("http://vendor.invalid", key, client, IN_A_REQUEST).get("/x", [])
    assert (len(asked), caught.value.code, hint in caught.value.hint) == (1, code, True)
    assert caught.value.refusal.status == fixture(file)[name]["status"]
    if code.endswith("refused"):
        assert fixture(file)[name]["body"]["error"]["message"] in caught.value.message


@pytest.mark.parametrize(
    ("integration", "key", "says"),
    [
        ("OPENAI", "sk-ant-admin01-abcdefgh", "This is a key of Anthropic."),
        ("OPENAI", "AIzaabcdefgh", "This is a key of Google."),
        ("OPENAI", "ya29.abcdefgh", "This is an access token of Google."),
        ("ANTHROPIC", "sk-admin-abcdefgh", "This is a key of OpenAI."),
        ("ANTHROPIC", "sk-proj-abcdefgh", "This is a key of OpenAI."),
        ("ANTHROPIC", "sess-abcdefgh", "This is a key of OpenAI."),
        ("OPENAI", "sk-admin-a\nX-Evil: 1", "one line"),
        ("OPENAI", "sk-admin-schlüssel", "one line"),
        ("OPENAI", "", "one line"),
        ("ANTHROPIC", "x" * 5000, "one line"),
    ],
)
def test_a_foreign_key_is_never_sent(integration: str, key: str, says: str) -> None:
    """A key of another vendor, and what cannot be a header, is named before anything is sent."""
    nowhere = dict.fromkeys(("openai", "anthropic"), "http://vendor.invalid")  # a call there would be a `Retry`
    connector = connect(local_settings(NOWHERE, NOWHERE, nowhere), utc_now, PROVIDERS)[integration]
    onboarded, settings = Onboarded("acme", 1, "local"), connector.read_settings({})
    for sends in (
        lambda: connector.read_credential(key),
        lambda: connector.check(onboarded, key.encode(), settings),
    ):
        with pytest.raises(Stop, match=says) as caught:
            sends()
        assert caught.value.code == "credential_invalid"
        assert not key or key not in str(vars(caught.value))


def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error nor the log repeats a key or an e-mail address, even if the provider's answer holds them."""
    message = f"Incorrect key {KEY} of dev@example.com"
    answer = httpx.Response(400, json={"error": {"message": message, "code": message, "param": message}})
    with caplog.at_level(logging.DEBUG), pytest.raises(Refused) as caught:
        api(lambda _: answer).get("/x", [])
    told = caplog.text + str(vars(caught.value)) + str(caught.value)
    assert "[key]" in told
    assert not any(secret in told for secret in (KEY, "dev@example.com"))


def test_a_redirect_is_not_followed() -> None:
    """The credential goes to the address in the settings and nowhere else."""
    answer = httpx.Response(307, headers={"Location": "http://elsewhere.invalid/"})
    with pytest.raises(Refused):
        api(lambda _: answer).get("/x", [])
    with client() as real:
        assert not real.follow_redirects


@dataclass
class Passing:
    """Time that passes while somebody sleeps, and what they slept."""

    clock: SteppedClock = field(default_factory=SteppedClock)

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    @property
    def time(self) -> Time:
        return Time(self.clock, self.sleep)

    @property
    def slept(self) -> float:
        return (self.clock.now - NOON).total_seconds()


ACCEPTED, WRONG_KEY, NOT_ALLOWED, NO_RIGHTS = (
    httpx.Response(200, json={"data": []}),
    httpx.Response(401, json={"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}),
    httpx.Response(403, json={"error": {"type": "forbidden", "message": "Request not allowed"}}),
    httpx.Response(403, json={"error": {"message": "Missing scopes: api.usage.read.", "code": "missing_scope"}}),
)


@dataclass
class Answers:
    """A vendor that gives these answers one after the other, the last one for good."""

    answers: list[httpx.Response]
    passing: Passing = field(default_factory=Passing)
    asked: int = 0

    def open(self, patience: Patience = IN_A_JOB, tick: Callable[[], None] = lambda: None) -> ProviderHttp:
        client = httpx.Client(transport=httpx.MockTransport(self._next))
        return OPENAI.open("http://vendor.invalid", KEY, client, patience, Calls(tick), self.passing.time)

    def _next(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.mark.parametrize("odd", [WRONG_KEY, NOT_ALLOWED, NO_RIGHTS])
def test_one_odd_refusal_between_accepted_calls(odd: httpx.Response) -> None:
    """It is asked once more, twenty seconds later, and forgotten when the answer comes."""
    vendor = Answers([ACCEPTED, odd, ACCEPTED])
    api = vendor.open()
    assert [api.get("/x", []), api.get("/y", [])] == [{"data": []}] * 2
    assert (vendor.asked, vendor.passing.slept) == (3, 20)


@pytest.mark.parametrize("first", [WRONG_KEY, NOT_ALLOWED])
def test_one_odd_refusal_at_the_very_first_call(first: httpx.Response) -> None:
    """A key that was proven when it was set up is not given up for the first answer of a day."""
    vendor = Answers([first, ACCEPTED])
    assert vendor.open().get("/x", []) == {"data": []}


def test_a_key_that_is_refused_twice() -> None:
    """Accepted seconds ago and refused twice with words about the key: the key is what must change."""
    vendor = Answers([ACCEPTED, WRONG_KEY])
    api = vendor.open()
    api.get("/x", [])
    with pytest.raises(Refused) as caught:
        api.get("/y", [])
    assert (vendor.asked, caught.value.blames_credential) == (3, True)


def test_a_key_without_the_rights_is_told_at_once() -> None:
    """Missing scopes at the first call do not come by chance; nor do those of a report that a key may lack."""
    vendor = Answers([NO_RIGHTS])
    with pytest.raises(Refused):
        vendor.open().get("/x", [])
    optional = Answers([ACCEPTED, NO_RIGHTS])
    api = optional.open()
    api.get("/x", [])
    with pytest.raises(Refused):
        api.get("/y", [], may_lack_rights=True)
    assert (vendor.asked, optional.asked) == (1, 2)


def test_what_is_not_about_the_key_and_stays_is_passing() -> None:
    """ "Request not allowed" twice ends this try, not the integration: it is tried again by the platform."""
    vendor = Answers([NOT_ALLOWED])
    with pytest.raises(Busy, match=r"does not allow the request \(HTTP 403\). It says: Request not allowed") as caught:
        vendor.open().get("/x", [])
    assert (vendor.asked, caught.value.code, caught.value.retryable) == (2, "openai_not_allowed", True)


def limited(**headers: str) -> httpx.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(429, headers=told, json={"error": {"message": "Slow down."}})


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (limited(x_ratelimit_reset_requests="42s", x_ratelimit_remaining_requests="0"), 43),
        (limited(x_ratelimit_reset_tokens="1m30s"), 91),
        (limited(x_ratelimit_reset_requests="120ms"), 1.12),
        (limited(anthropic_ratelimit_requests_reset="2026-11-12T12:00:42Z"), 43),
    ],
)
def test_a_limit_per_minute_is_waited_for(answer: httpx.Response, seconds: float) -> None:
    """Without Retry-After the reset tells how long: no try is spent in between, and a second of jitter at the most."""
    vendor = Answers([answer, ACCEPTED])
    assert vendor.open().get("/x", []) == {"data": []}
    assert vendor.asked == 2
    assert seconds <= vendor.passing.slept <= seconds + 1


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "0"},
        {"retry_after_ms": "1"},
        {"x_ratelimit_reset_requests": "0s", "x_ratelimit_remaining_requests": "0"},
        {"x_ratelimit_reset_requests": "1ms"},
        {"anthropic_ratelimit_requests_reset": "2026-11-12T11:00:00Z"},
    ],
)
def test_a_hint_never_shortens_the_patience(headers: dict[str, str]) -> None:
    """Who says that the limit is open, and refuses, is asked as late as who says nothing: 31 seconds in six tries."""
    vendor = Answers([limited(**headers)])
    with pytest.raises(Busy):
        vendor.open(Patience()).get("/x", [])
    assert 31 <= vendor.passing.slept <= 37


@pytest.mark.parametrize("reset", ["9999h", "2999-01-01T00:00:00Z", "6m0s"])
def test_a_reset_far_away_is_bounded(reset: str) -> None:
    """When a limit is whole again may be long after it opens: asked after the longest wait, and given up as passing."""
    vendor = Answers([limited(x_ratelimit_reset_requests=reset)])
    with pytest.raises(Busy) as caught:
        vendor.open(Patience(attempts=3, longest_wait_s=30)).get("/x", [])
    assert (vendor.asked, vendor.passing.slept, caught.value.code) == (3, 60, "openai_rate_limited")


def test_a_cancelled_run_does_not_wait_to_the_end() -> None:
    """While a limit is waited for somebody looks every five seconds whether the run is still wanted."""
    vendor = Answers([limited(x_ratelimit_reset_requests="60s"), ACCEPTED])

    def tick() -> None:
        if vendor.passing.slept >= 10:
            raise Skip("cancelled")

    with pytest.raises(Skip):
        vendor.open(tick=tick).get("/x", [])
    assert (vendor.asked, vendor.passing.slept) == (1, 10)
