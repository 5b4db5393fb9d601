"""What was made of texts before, within a bound on the texts' length: a syntax tree takes some 80 bytes a character."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class RememberedTexts(Generic[Key, Made]):
    """The latest of them; those that were asked for longest ago go when the texts get too long, never the newest."""

    def __init__(self, most_characters: int) -> None:
        self._most_characters = most_characters
        self._known: OrderedDict[Key, tuple[str, Made]] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: Key, text: str) -> Made | None:
        """What was made of this text under the key."""
        known = self._known.get(key)
        if known is None or known[0] != text:
            return None
        self._known.move_to_end(key)
        return known[1]

    def remember(self, key: Key, text: str, made: Made) -> None:
        """Keep it instead of what was made of another text under the key."""
        if key in self._known:
            self._characters -= len(self._known.pop(key)[0])
        self._known[key] = text, made
        self._characters += len(text)
        while self._characters > self._most_characters and len(self._known) > 1:
            self._characters -= len(self._known.popitem(last=False)[1][0])


def remembering(most_characters: int) -> Callable[[Callable[[str], Made]], Callable[[str], Made]]:
    """Let a function of a text remember what it returned, except for None."""

    def remembers(function: Callable[[str], Made]) -> Callable[[str], Made]:
        known: RememberedTexts[str, Made] = RememberedTexts(most_characters)

        @wraps(function)
        def recalled(text: str) -> Made:
            found = known.find(text, text)
            if found is None:
                found = function(text)
                known.remember(text, text, found)
            return found

        return recalled

    return remembers
