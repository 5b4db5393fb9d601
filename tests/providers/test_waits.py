"""What the headers of a refused call ask to wait, in each vendor's form; nonsense asks for nothing."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.waits import Wait, wait_of

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


def waited(**headers: str) -> Wait | None:
    return wait_of(429, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("1m30s", 90),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("59.951s", 59.951),
        ("17us", 0.000017),
        ("30", 30),
    ],
)
def test_openais_durations(text: str, seconds: float) -> None:
    """`6m0s` is six minutes and `120ms` no minutes at all; a second is added, since clocks are cut to seconds."""
    wait = waited(x_ratelimit_reset_requests=text)
    assert wait is not None
    assert (round(wait.seconds, 6), wait.asked) == (round(seconds + 1, 6), False)


@pytest.mark.parametrize(
    "text", ["2026-11-26T12:00:42Z", "2026-11-26T13:00:42+01:00", str(int(NOW.timestamp()) + 42), "2026-11-26T12:00:42"]
)
def test_anthropics_instants(text: str) -> None:
    """RFC 3339 in any zone, and the seconds of an instant, are counted from now."""
    assert waited(anthropic_ratelimit_requests_reset=text) == Wait(43, asked=False)


def test_the_limit_that_is_used_up_counts() -> None:
    """Each answer tells of several limits; what has something left is nothing to wait for."""
    openai = waited(
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests="20s",
        x_ratelimit_remaining_tokens="149984",
        x_ratelimit_reset_tokens="6m0s",
    )
    anthropic = waited(
        anthropic_ratelimit_requests_remaining="0",
        anthropic_ratelimit_requests_reset="2026-11-26T12:00:20Z",
        anthropic_ratelimit_input_tokens_remaining="5",
        anthropic_ratelimit_input_tokens_reset="2026-12-01T00:00:00Z",
    )
    assert openai == anthropic == Wait(21, asked=False)


def test_where_nothing_is_used_up_the_next_to_open_counts() -> None:
    """Tokens that are left may be too few for the question: the nearest reset is worth a try."""
    left = {"x_ratelimit_remaining_tokens": "5", "x_ratelimit_remaining_requests": "9"}
    assert waited(x_ratelimit_reset_tokens="9s", x_ratelimit_reset_requests="6m0s", **left) == Wait(10, asked=False)


def test_other_trouble_has_nothing_to_do_with_limits() -> None:
    """A 500 tells of limits as every answer does; our own backoff decides, unless Retry-After asks."""
    headers = {"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}
    assert wait_of(500, headers, NOW) is None
    assert wait_of(503, {**headers, "retry-after": "3"}, NOW) == Wait(3, asked=True)


def test_retry_after_comes_first() -> None:
    """What the provider asks for is more than what its limits hint at."""
    assert waited(retry_after="7", anthropic_ratelimit_requests_reset="2026-11-26T12:00:50Z") == Wait(7, asked=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "250.5", "retry_after": "1"}, 0.2505),
        ({"retry_after_ms": "soon", "retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0),
    ],
)
def test_forms_of_retry_after(headers: dict[str, str], seconds: float) -> None:
    """Seconds with a fraction and milliseconds are understood, the finer one first."""
    assert waited(**headers) == Wait(seconds, asked=True)


def test_a_clock_that_is_wrong_does_not_matter() -> None:
    """Instants are counted from the provider's own Date, where it sends one."""
    date = "Thu, 26 Nov 2026 11:30:00 GMT"
    assert waited(date=date, anthropic_ratelimit_requests_reset="2026-11-26T11:30:09Z") == Wait(10, asked=False)


@given(text=st.text(max_size=30) | st.from_regex(r"[0-9.]{1,25}(ms|s|m|h|d)?", fullmatch=True))
def test_nonsense_asks_for_nothing_or_something_finite(text: str) -> None:
    """No text of a header raises or makes a wait that is negative or without end."""
    headers = {"x-ratelimit-reset-requests": text, "anthropic-ratelimit-tokens-reset": text, "retry-after": text}
    headers["retry-after-ms"] = text
    wait = wait_of(429, headers, NOW)
    assert wait is None or 0 <= wait.seconds < 1e15
