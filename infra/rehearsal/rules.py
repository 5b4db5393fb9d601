"""Rules for values: where in a request the value stands, and what must hold of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.rehearsal.calls import Call
from infra.rehearsal.sizes import seconds

Holds = Callable[[Any], bool]


@dataclass(frozen=True)
class Rule:
    """Rule that values at `at` of a request of these methods (a pattern) must be such that `holds`.

    `at` is `query:NAME` or a path in the body: names by dots, `[]` for each item, "" for all of it.
    """

    methods: str
    at: str
    holds: Holds
    words: str
    source: str

    def is_kept(self, method: str, call: Call) -> bool:
        """Whether the call keeps the rule, or is not about it; a missing value has its default."""
        values = _values(call, self.at) if re.fullmatch(self.methods, method) else ()
        return all(self.holds(value) for value in values if value is not None)


def _values(call: Call, at: str) -> Iterator[Any]:
    kind, _, name = at.partition(":")
    if kind == "query":
        yield call.query.get(name)
    else:
        yield from _at(call.body, at.split(".") if at else [])


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    name, rest = path[0], path[1:]
    if name == "[]":
        for item in value if isinstance(value, list) else ():
            yield from _at(item, rest)
    elif isinstance(value, dict):
        yield from _at(value.get(name), rest)


def matches(pattern: str) -> Holds:
    """Condition that the text, or the last part of the name, has this form as a whole."""
    return lambda value: re.fullmatch(pattern, str(value).rpartition("/")[2]) is not None


def between(lowest: float, highest: float) -> Holds:
    """Condition on a number, or on a duration in seconds."""
    return lambda value: lowest <= seconds(value) <= highest


def at_most(size: int) -> Holds:
    """Condition on the number of characters, entries or items."""
    return lambda value: len(value) <= size


def bytes_at_most(size: int) -> Holds:
    """Condition on the number of bytes in UTF-8."""
    return lambda value: len(str(value).encode()) <= size


def labels(value: dict[str, str]) -> bool:
    """Whether labels are valid: at most 64, keys and values of up to 63 letters, digits, _ and -, in lower case.

    A key begins with a letter.
    """
    keys = all(re.fullmatch(r"[^\W\d_][\w-]{0,62}", name) for name in value)
    texts = all(re.fullmatch(r"[\w-]{0,63}", text) for text in value.values())
    return len(value) <= 64 and keys and texts and str(value) == str(value).lower()


def labels_but_googles(value: dict[str, str]) -> bool:
    """Whether labels are valid without those that Cloud Run sets and gcloud sends back: `cloud.googleapis.com/…`."""
    return labels({name: text for name, text in value.items() if "googleapis.com/" not in name})


def parallelism(execution: dict[str, Any]) -> bool:
    """Whether parallelism is at most the number of tasks; 0 is as many as possible."""
    return int(execution.get("parallelism") or 0) <= int(execution.get("taskCount") or 1)


def rotation(key: dict[str, Any]) -> bool:
    """Whether a rotation period has the time of its first rotation."""
    return "rotationPeriod" not in key or "nextRotationTime" in key
