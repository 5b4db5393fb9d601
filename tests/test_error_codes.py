"""The error codes: none is a bare string, each is used as it is described, and docs/errors.md tells of all."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from subprocess import run
from typing import get_args

import pytest
from google.api_core.exceptions import ServiceUnavailable

from cloudact.error_codes import Code, ProviderFailure, provider_code, stored_code
from cloudact.errors import Exhausted, Postponed, Retry, RunError, Stop
from cloudact.google_errors import Service, translating_google_errors
from functions.web.answers import ProblemDocument
from functions.web.answers import RunError as ErrorAnswer
from infra.document_errors import PAGE, page
from providers.http import Busy, Refused

ROOT = Path(__file__).resolve().parent.parent
ERRORS = {kind.__name__: kind for kind in (RunError, Stop, Retry, Exhausted, Postponed, Busy, Refused)}


@cache
def product() -> list[tuple[Path, ast.Module]]:
    """What may raise, refuse or compare, by its files."""
    rooms = ("cloudact", "functions", "infra", "jobs", "providers")
    paths = (path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def codes(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What makes an error or a refusal, or is compared with a code, and the expression of the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := called(node)) in {*ERRORS, "Problem"}:
            yield from ((name, word.value) for word in node.keywords if word.arg == "code")
            if node.args and name != "Problem":
                yield name, node.args[0]
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "code":
            yield from (("", other) for other in node.comparators)


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def texts(node: ast.AST) -> Iterator[str]:
    """The strings in an expression, but for the names of fields and the ids of providers."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not isinstance(node, ast.Subscript) and not (isinstance(node, ast.Call) and called(node) == "provider_code"):
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def bare(tree: ast.AST) -> list[str]:
    """The codes that are strings, or made of strings, where they are used."""
    return [text for _, code in codes(tree) for text in texts(code)]


@pytest.mark.parametrize(
    "code", ["Stop('x', 'y')", "errors.Retry(f'{a}_x', 'y')", "Problem(400, 'y', code='x')", "err.code in ('x', A)"]
)
def test_a_bare_string_is_found(code: str) -> None:
    """The test that follows can fail: it finds texts, joined texts and texts in comparisons."""
    assert bare(ast.parse(code))


def test_no_code_is_a_bare_string() -> None:
    """Whatever raises, refuses or compares names a member, or makes the code with a function."""
    assert {path.name: found for path, tree in product() if (found := bare(tree))} == {}


def test_a_bare_string_is_a_type_error() -> None:
    """mypy accepts members, codes of providers and stored codes, and no text."""
    lines = ["from cloudact.error_codes import *", "from cloudact.errors import Stop"]
    lines += ["Stop(Code.LOST, '')", "Stop(provider_code('a', ProviderFailure.REFUSED), '')", "Stop('lost', '')"]
    command = [sys.executable, "-m", "mypy", "--config-file=", "--no-incremental", "-c", "\n".join(lines)]
    told = run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60).stdout.splitlines()
    assert [line.split(": ")[0] for line in told if "error" in line and "Found" not in line] == ["<string>:5"]


def test_codes_are_used_as_they_are_described() -> None:
    """An error that is retryable has a code that says so, and a final one has not."""
    for path, tree in product():
        for name, code in codes(tree):
            if name in ERRORS and isinstance(code, ast.Attribute) and ast.unparse(code.value) == "Code":
                assert Code[code.attr].retryable in (ERRORS[name].retryable, None), f"{path}: {code.attr}"


def test_every_code_is_used() -> None:
    """No code is described that nothing tells: what is retired leaves the enumeration, and stays readable."""
    attributes = (node for _, tree in product() for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    used = {ast.unparse(node) for node in attributes}
    assert [repr(code) for code in (*Code, *ProviderFailure) if f"{type(code).__name__}.{code.name}" not in used] == []


def test_the_page_is_as_the_enumeration_tells() -> None:
    """docs/errors.md is what `python -m infra.document_errors` writes."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m infra.document_errors"


def test_each_code_has_a_row() -> None:
    """Every code and failure stands on the page once, with two plain sentences that do not break its table."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(Code) + len(ProviderFailure) == len({row.split("`")[1] for row in rows})
    for code in (*Code, *ProviderFailure):
        assert code.meaning.endswith(".")
        assert code.remedy.endswith(".")
        assert "|" not in code.meaning + code.remedy


def test_a_new_provider_has_its_codes() -> None:
    """Nothing in the core names a provider: its codes are its id and a failure."""
    assert provider_code("acme", ProviderFailure.RATE_LIMITED) == "acme_rate_limited"


def test_stored_codes_are_read() -> None:
    """A code that is known is its member; one of another version stays what it is."""
    assert stored_code("load_refused") is Code.LOAD_REFUSED
    assert (stored_code("of_long_ago"), stored_code("acme_refused")) == ("of_long_ago", "acme_refused")


@pytest.mark.parametrize("service", get_args(Service))
def test_each_service_of_google_has_its_code(service: Service) -> None:
    """The code of a service that cannot be reached is made of its name, as it has always been."""
    with pytest.raises(Retry) as raised, translating_google_errors(service):
        raise ServiceUnavailable("busy")
    assert raised.value.code == f"{service.lower().replace(' ', '_')}_unavailable"
    assert isinstance(raised.value.code, Code)


@pytest.mark.parametrize("shape", [ProblemDocument, ErrorAnswer])
def test_openapi_lists_the_codes_and_accepts_others(shape: type[ProblemDocument] | type[ErrorAnswer]) -> None:
    """The examples are the codes of today, and none of them is an `enum`: a new code breaks no client."""
    schema = shape.model_json_schema()["properties"]["code"]
    assert schema["description"].startswith("Extensible enum.")
    assert schema["examples"] == [code.value for code in Code]
    assert all("enum" not in part and "const" not in part for part in (schema, *schema.get("anyOf", ())))
