"""`python -m infra.new_provider`: what it makes is whole, and what it refuses leaves everything as it was."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudact.warehouse.scripts import Scope, load_scripts
from infra.new_provider import main
from tests.googlesql import gate, gate_with
from tests.packaging.checkout import checkout_files, copy_files

LONGEST, NEXT = "northernhemispherica", "southernhemispherica"  # as long as names may be: lines must hold them


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Path, bytes]]:
    """A copy of the files that git knows, and what is in it. Refusals leave it as it is."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_files(checkout_files(), folder)
    return folder, everything(folder)


@pytest.fixture
def checkout(unchanged: tuple[Path, dict[Path, bytes]]) -> Iterator[Path]:
    """That copy for a test that changes it: afterwards it is as it was, which takes less than another copy."""
    folder, before = unchanged
    yield folder
    for path, text in everything(folder).items():
        if path not in before:
            path.unlink()
        elif text != before[path]:
            path.write_bytes(before[path])
    for path in sorted(folder.rglob("*"), reverse=True):  # folders after what is in them
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    assert everything(folder) == before


def run(checkout: Path, *arguments: str) -> str:
    """What a program of the checkout prints; it must end well."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def everything(checkout: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}


def test_two_new_providers(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One after another is registered, not enabled, well-formed and in the SQL gate; the old lines are as they were."""
    before = everything(checkout)
    for name in (LONGEST, NEXT):
        assert main([name], checkout) == 0
    told = capsys.readouterr().out
    after = everything(checkout)
    changed = {str(path.relative_to(checkout)) for path in after if after[path] != before.get(path)}
    assert changed == {line for line in told.splitlines() if "/" in line}
    registry = checkout / "configs/system/pipelines.yml"
    assert after[registry].startswith(before[registry])
    run(checkout, "ruff", "check", "--no-cache", ".")
    run(checkout, "ruff", "format", "--no-cache", "--check", ".")
    assert f"{LONGEST}_usage_cost" not in run(checkout, "infra.check_configs")
    scripts = load_scripts(Scope.ORG, checkout / "sql")
    assert gate_with(scripts).columns("focus_costs") == gate("org").columns("focus_costs")


def test_vendors_to_come(checkout: Path) -> None:
    """Names of vendors that stand in comments, in forms of keys or as words of paging are free."""
    for name in ("aws", "cursor", "github", "azure", "copilot", "gemini"):
        assert main([name], checkout) == 0


def test_what_is_left_to_fill_in(checkout: Path) -> None:
    """Four numbered places say what another vendor has otherwise; nothing of the example's name is left."""
    main([LONGEST], checkout)
    texts = {path: text.decode() for path, text in everything(checkout).items() if LONGEST in str(path)}
    marks = [mark for text in texts.values() for mark in re.findall(r"FILL IN (\d)", text)]
    assert sorted(marks) == ["1", "2", "3", "4"]
    assert not [path for path, text in texts.items() if re.search("aqua|invented|sql_folder", text, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is no name of a provider"),
        ("x", "is no name of a provider"),
        ("Star", "is no name of a provider"),
        ("star_ling", "is no name of a provider"),
        ("../star", "is no name of a provider"),
        ("s" * 21, "is no name of a provider"),
        ("lambda", "is no name of a provider"),
        ("openai", "openai is taken: there is providers/openai already"),
        ("http", "http is taken: there is providers/http.py already"),
        ("lines", "lines is taken: there is providers/lines.py already"),
        ("grouping", "grouping is taken: there is providers/grouping.py already"),
        ("pitfalls", "pitfalls is taken: there is tests/providers/test_pitfalls.py already"),
        ("fourth", "fourth is taken: there is tests/providers/fourth.py already"),
        ("vendor", "vendor is taken: there is tests/providers/vendor.py already"),
        ("system", "system is taken: there is configs/system already"),
        ("run", "run is a word of the code (cloudact/"),
    ],
)
def test_names_that_will_not_do(
    unchanged: tuple[Path, dict[Path, bytes]], name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is malformed, taken or a word of the code is refused with the reason, and no file is changed."""
    checkout, before = unchanged
    assert main([name], checkout) == 2
    assert why in capsys.readouterr().err
    assert everything(checkout) == before


def test_a_view_of_that_name_stays(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not one file is overwritten, wherever it lies."""
    (checkout / "sql/org/views_charges_starling.sql").write_text("SELECT 1", encoding="utf-8")
    before = everything(checkout)
    assert main(["starling"], checkout) == 2
    assert "there is sql/org/views_charges_starling.sql already" in capsys.readouterr().err
    assert everything(checkout) == before


def test_ruff_fails(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that cannot be formatted are not made, and the reason is ruff's."""
    (checkout / "ruff.toml").write_text("line-length = 'long'", encoding="utf-8")
    before = everything(checkout)
    assert main(["starling"], checkout) == 2
    assert "ruff.toml" in capsys.readouterr().err
    assert everything(checkout) == before


def test_nobody_reads_what_it_prints(checkout: Path) -> None:
    """A report that cannot be printed takes the files and their folders back, so the name is still free."""
    before = everything(checkout)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "infra.new_provider", "starling"]
    with open(writer, "w", encoding="utf-8") as closed:
        done = subprocess.run(command, cwd=checkout, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0
    assert "Broken pipe" in done.stderr
    assert {path: text for path, text in everything(checkout).items() if path.suffix != ".pyc"} == before
    assert not [path for path in checkout.rglob("*starling*") if path.suffix != ".pyc"]
