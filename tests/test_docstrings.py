"""Docstrings stand alone: each makes sense in a hover or after a grep, without the lines around it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudact.settings import ROOT

# A docstring is refused that begins with one of these words. A pronoun, a demonstrative or "the same" points at a
# neighbour that a reader does not see. A preposition, a conjunction, an adverb or a participle begins an ellipsis: the
# noun that it belongs to stands elsewhere. An indefinite person ("whoever") hides what is returned.
POINTING = ("it", "its", "they", "them", "their", "this", "that", "these", "those", "such", "the same", "both")
ELLIPTIC = (
    *("of", "as", "so", "also", "and", "or", "but", "else", "then", "not", "because", "since", "without", "with", "to"),
    *("up to now", "until", "before", "after", "once", "from now", "here", "there", "asked", "gone", "unasked", "how"),
    *("whoever", "whom", "whose", "who", "someone", "somebody", "nobody", "no one", "nothing", "something"),
)
_BEGINS_BADLY = re.compile(rf"(?:{'|'.join(re.escape(word) for word in (*POINTING, *ELLIPTIC))})\b", re.IGNORECASE)
# Figures of speech that docs/glossary.md does not list; each has a plain word: record, report, get, own, assume.
METAPHORS = re.compile(r"\b(?:told|story|stories|life|lives|believe[sd]?|hears?|heard|people with)\b", re.IGNORECASE)

# The invented provider is copied into the product by `make new-provider`.
PACKAGES = ("cloudact", "functions", "jobs", "providers", "cli", "focus", "infra", "tests/providers/invented")
NOT_YET: tuple[str, ...] = ()
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documented(source: str) -> Iterator[tuple[str, Documented, bool]]:
    """Name, node and whether a docstring is required, of a module, its classes and its functions, but nested ones."""
    module = ast.parse(source)
    yield "<module>", module, bool(module.body)

    def below(node: Documented, prefix: str, *, public: bool) -> Iterator[tuple[str, Documented, bool]]:
        for child in node.body:
            if isinstance(child, DEFINITIONS):
                here = public and not child.name.startswith("_")
                yield prefix + child.name, child, here
                if isinstance(child, ast.ClassDef):
                    yield from below(child, f"{prefix}{child.name}.", public=here)

    yield from below(module, "", public=True)


def faults(source: str) -> Iterator[str]:
    """Every docstring of the source that does not stand alone, and every public thing that has none."""
    for name, node, required in documented(source):
        text = ast.get_docstring(node)
        if text is None:
            if required and not _is_overload(node):
                yield f"{name}: has no docstring"
            continue
        first = text.splitlines()[0]
        if _BEGINS_BADLY.match(text):
            yield f"{name}: begins with a word that points elsewhere: {first}"
        if not first.rstrip().endswith((".", ".)", ":")):
            yield f"{name}: its first line does not end with a full stop: {first}"
        if found := METAPHORS.search(re.sub(r"`[^`]*`", "", text)):
            yield f"{name}: the glossary does not list {found[0]!r}: {first}"


def _is_overload(node: Documented) -> bool:
    """Whether a definition only declares: an overload, a setter, or an attribute of a protocol."""
    if isinstance(node, ast.Module):
        return False
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    declares = len(node.body) == 1 and ast.unparse(node.body[0]) == "..."
    return any(each.endswith(("overload", "setter")) for each in decorators) or (declares and "property" in decorators)


def files_of(package: str) -> Iterator[Path]:
    """All Python files of a package that keep the rule; those of `NOT_YET` do not."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if not any(path.is_relative_to(ROOT / each) for each in NOT_YET):
            yield path


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_stand_alone(package: str) -> None:
    """Each public module, class and function says in one sentence, without its neighbours, what it is or does."""
    found = [
        f"{path.relative_to(ROOT)} {fault}" for path in files_of(package) for fault in faults(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


def test_files_are_found() -> None:
    """No package passes because its files are not found, and no exception outlives its file."""
    assert all(list((ROOT / package).rglob("*.py")) for package in PACKAGES)
    assert all((ROOT / each).exists() for each in NOT_YET)


@pytest.mark.parametrize(
    ("docstring", "why"),
    [
        ("The same again.", "points elsewhere"),
        ("Of the line in the log.", "points elsewhere"),
        ("Both together.", "points elsewhere"),
        ("As it is stored.", "points elsewhere"),
        ("Whoever asks.", "points elsewhere"),
        ("Rows of the day", "full stop"),
        ("Status that the owner is told.", "glossary"),
    ],
)
def test_a_bad_docstring_is_found(docstring: str, why: str) -> None:
    """The check finds a bad docstring of a module, a class, a method and a private function."""
    text = f'"""{docstring}"""'
    source = f"{text}\nclass A:\n    {text}\n    def b(self):\n        {text}\ndef _c():\n    {text}\n"
    found = list(faults(source))
    assert [fault.partition(":")[0] for fault in found] == ["<module>", "A", "A.b", "_c"]
    assert all(why in fault for fault in found)


def test_a_missing_docstring_is_found() -> None:
    """A public class, method and function need a docstring; a private one, and what is in it, does not."""
    source = '"""Module."""\nclass A:\n    def b(self): ...\n    def _c(self): ...\nclass _D:\n    def e(self): ...\n'
    assert list(faults(source)) == ["A: has no docstring", "A.b: has no docstring"]


def test_a_good_docstring_passes() -> None:
    """A verb, a noun, a status or `Whether` may begin a docstring."""
    texts = ("Reads a row.", "Rows of the day.", "200 with the run.", "Whether it is new.", "`Stop` for a missing row.")
    assert not [fault for text in texts for fault in faults(f'"""{text}"""')]
