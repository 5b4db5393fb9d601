"""docs/operations.md as programs see it: its blocks of commands, headings, links and tables."""

import re
from dataclasses import dataclass
from decimal import Decimal

from cloudact.settings import ROOT
from tests import markdown

PAGE = ROOT / "docs" / "operations.md"
FENCE = re.compile(r"(?P<local><!-- local -->\n)?^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of one fence. `local`: they are for the local cloud, else for gcloud and bq at the recorder."""

    line: int
    text: str
    local: bool
    section: str = ""


def text() -> str:
    """The page."""
    return PAGE.read_text(encoding="utf-8")


def blocks() -> list[Block]:
    """All of them, in their order."""
    page = text()
    found = [each for each in FENCE.finditer(page) if each["language"] == "sh"]
    return [
        Block(
            line=page[: each.start("text")].count("\n") + 1,
            text=each["text"],
            local=bool(each["local"]),
            section=re.findall(r"^## (.+)$", page[: each.start("text")], re.MULTILINE)[-1],
        )
        for each in found
    ]


def in_order(found: list[Block]) -> list[Block]:
    """As they are typed: the page begins with what comes after the first deployment."""
    first = [each for each in found if each.section.startswith("The first hour")]
    deployed = [each for each in found if each.section == "First deployment"]
    return [*deployed, *first, *(each for each in found if each not in first and each not in deployed)]


def anchors() -> list[str]:
    """The anchors of all headings."""
    return markdown.anchors(text())


def table(first_cell: str) -> list[list[str]]:
    """The rows of the table whose head begins with this cell, without the head."""
    return markdown.table(text(), first_cell)


def number(cell: str) -> Decimal:
    """1,440.00"""
    return Decimal(cell.replace(",", ""))
