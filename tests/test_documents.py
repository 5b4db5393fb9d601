"""The documents hold together: every link and every mention of a page leads somewhere, and the indexes are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudact.settings import ROOT
from tests import markdown

DOCS = ROOT / "docs"
DECISIONS = DOCS / "adr"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
TEXT = {".md", ".py", ".sql", ".sh", ".yml", ".yaml", ".json", ".toml", ".ts", ".tsx", ".txt", ".example"}
_MENTION = re.compile(r"(?<![\w/.-])(docs/[\w/-]+\.md(?:#[\w-]+(?![\w{-]))?)")
_DECISION = re.compile(r"(?<![\w/.-])docs/adr/(\d{4})(?![\w-]*\.md)")

_PATH = re.compile(
    r"`((?:cli|clients|cloudact|configs|docs|examples|functions|infra|jobs|localcloud|providers|sql|tests)/[\w./-]*)`"
)
OF_NPM = {"node_modules", "dist", "build"}
OF_A_DEPLOYMENT = {"infra/env", "infra/production.env"}  # which no checkout has


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def texts() -> Iterator[Path]:
    """Every text of the repository, what lies in hidden folders and what npm makes left out."""
    for top in ROOT.iterdir():
        if not top.name.startswith("."):
            files = top.rglob("*") if top.is_dir() else [top]
            yield from (f for f in files if f.suffix in TEXT and not OF_NPM & {*f.parts} and f.is_file())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that exists, and each anchor a heading of it."""
    wrong = [markdown.broken(target, page) for target in markdown.links(read(page))]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_are_stable(page: Path) -> None:
    """No two headings of a page have one anchor, so a new heading never moves an old link."""
    anchors = markdown.anchors(read(page))
    assert len(anchors) == len(set(anchors))


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("glossary.md", None),
        ("#the-rule", None),
        ("#elsewhere", "#elsewhere: no heading has this anchor"),
        ("nowhere.md", "nowhere.md: there is no such file"),
        ("glossary.md#nothing", "glossary.md#nothing: no heading has this anchor"),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, target: str, wrong: str | None) -> None:
    """A file that is not there and an anchor without a heading are told apart."""
    (tmp_path / "glossary.md").write_text("# Glossary\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"## The *rule*:\n[here]({target})\n```\n# the rule\n[no](nowhere.md)\n```\n", encoding="utf-8")
    assert [markdown.broken(each, page) for each in markdown.links(read(page))] == [wrong]


def test_mentioned_pages_exist() -> None:
    """A page or a decision that code, SQL, scripts or documents name by its path is there, and so is the heading."""
    decisions = {file.name[:4] for file in DECISIONS.glob("0*.md")}
    for file in texts():
        text = read(file)
        for mention in _MENTION.findall(text):
            assert markdown.broken(mention, ROOT / "README.md") is None, (file, mention)
        assert set(_DECISION.findall(text)) <= decisions, file


def test_named_files_exist() -> None:
    """A file or folder that README, CONTRIBUTING or docs/ names is there; decisions and changes are history."""
    named = {
        path
        for page in PAGES
        if page.parent != DECISIONS and page.name != "CHANGELOG.md"
        for path in _PATH.findall(read(page))
    }
    assert {path for path in named - OF_A_DEPLOYMENT if not (ROOT / path).exists()} == set()


def test_make_has_the_targets_that_are_named() -> None:
    """`make demo` in a document is a target of the Makefile."""
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", read(page), re.MULTILINE)}
    assert named - set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE)) == set()


def test_the_index_names_every_decision() -> None:
    """docs/adr/README.md has each page once, in order, by its number and by the title that it gives itself."""
    rows = markdown.table(read(DECISIONS / "README.md"), "number")
    pages = sorted(DECISIONS.glob("0*.md"))
    assert [row[0] for row in rows] == [f"[{page.name[:4]}]({page.name})" for page in pages]
    assert [f"# {int(page.name[:4])}. {row[1]}" for page, row in zip(pages, rows, strict=True)] == [
        read(page).splitlines()[0] for page in pages
    ]


def test_the_index_tells_what_became_of_each_decision() -> None:
    """A status begins with one of two words and names only decisions that exist; the decision is one sentence."""
    rows = markdown.table(read(DECISIONS / "README.md"), "number")
    numbers = {row[0][1:5] for row in rows}
    for _, topic, status, decision in rows:
        assert re.match(r"(accepted|superseded by \d{4})\b", status), topic
        assert set(re.findall(r"\b\d{4}\b(?!-\d)", status)) <= numbers, topic
        assert decision.endswith("."), topic
        assert decision.count(". ") == 0, topic
