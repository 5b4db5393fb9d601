"""Text from a server, made safe for a terminal: what could move the cursor, recolour or reverse text is left out."""

import re
import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, invisible and reversing marks, line separators


def clean(value: object) -> str:
    """Text on one line; empty for `None`."""
    text = "" if value is None else str(value)
    return "".join(map(_safe, text))


def escaped_json(text: str) -> str:
    r"""JSON document of equal value, with the unsafe characters of its strings as `\uXXXX`."""
    return "".join(_escaped(character) for character in text)


def words(name: str) -> str:
    """Field's name in words."""
    return re.sub(r"[_-]+", " ", name)


def _safe(character: str) -> str:
    if character in "\n\t\r":
        return " "
    return "" if unicodedata.category(character) in _UNSAFE else character


def _escaped(character: str) -> str:
    if character in "\n\t":  # between values: JSON has none inside strings
        return character
    if character == "\r":
        return " "
    if unicodedata.category(character) not in _UNSAFE:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
