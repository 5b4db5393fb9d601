"""Texts that a browser keeps for us: only ours are read, for their purpose alone, until their time is over."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.errors import ConfigError
from functions.console.signed import Signer
from tests.conftest import SteppedClock

MINUTE = timedelta(minutes=1)


def signer(clock: SteppedClock | None = None, secret: bytes = b"s" * 32, installation: str = "one") -> Signer:
    return Signer(lambda: secret, installation, clock or SteppedClock())


def test_a_text_is_read_until_its_time_is_over() -> None:
    """What was signed comes back, and no more once its lifetime has passed, which can be told from a foreign text."""
    clock = SteppedClock()
    ours = signer(clock)
    text = ours.sign("session", {"user_id": "u-1"}, MINUTE)
    clock.advance(seconds=59)
    fields = ours.read("session", text)
    assert fields is not None
    assert fields["user_id"] == "u-1"
    assert not ours.ended("session", text)
    clock.advance(seconds=1)
    assert (ours.read("session", text), ours.ended("session", text), ours.ended("session", "x.y")) == (
        None,
        True,
        False,
    )


@pytest.mark.parametrize(
    "other",
    [signer(secret=b"t" * 32), signer(installation="two")],
    ids=["another secret", "another installation"],
)
def test_nobody_else_can_sign(other: Signer) -> None:
    """A text of another secret or installation is none of ours, and one of ours is for its purpose alone."""
    text = other.sign("session", {"user_id": "u-1"}, MINUTE)
    assert other.read("session", text)
    assert signer().read("session", text) is None
    assert other.read("told", text) is None


@given(st.text(max_size=80), st.integers(0, 60))
def test_no_other_text_is_read(text: str, at: int) -> None:
    """Neither any text, nor one of ours of which a character was changed, is read or makes it fail."""
    ours = signer()
    assert ours.read("session", text) is None
    signed = ours.sign("session", {"user_id": "u"}, MINUTE)
    changed = signed[:at] + ("A" if signed[at] != "A" else "B") + signed[at + 1 :]
    assert ours.read("session", changed) is None
    assert not ours.is_token("form", "session-1", text)


def test_tokens_differ_each_time_and_are_of_one_session() -> None:
    """A form's token is another one in each page, and each of them is good for its own session alone."""
    ours = signer()
    tokens = [ours.token("form", "session-1") for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert [ours.is_token("form", "session-1", each) for each in tokens] == [True, True]
    assert not ours.is_token("form", "session-2", tokens[0])
    assert not ours.is_token("session", "session-1", tokens[0])


def test_a_short_secret_signs_nothing() -> None:
    """A secret that could be guessed is refused."""
    with pytest.raises(ConfigError):
        signer(secret=b"short").sign("session", {}, MINUTE)
