"""Markdown as readers follow it: headings, their anchors, links and tables."""

import re
from collections.abc import Iterator
from pathlib import Path

FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")  # https:, mailto:


def headings(page: str) -> list[str]:
    """The headings in their order, as they are written."""
    return re.findall(r"^#+ (.+)$", FENCE.sub("", page), re.MULTILINE)


def anchors(page: str) -> list[str]:
    """The anchors of the headings as GitHub makes them: lower case, without punctuation, hyphens for spaces."""
    plain = (_LINK.sub(r"\1", heading).lower() for heading in headings(page))
    return [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain]


def links(page: str) -> Iterator[str]:
    """The targets of the links that stay in this repository: `keyless.md`, `../README.md#deploy`, `#costs`."""
    prose = _CODE.sub("", FENCE.sub("", page))
    return (target for target in _TARGET.findall(prose) if not _ELSEWHERE.match(target))


def broken(target: str, page: Path) -> str | None:
    """What is wrong with a link of this page, or `None`."""
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return f"{target}: there is no such file"
    if anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"{target}: no heading has this anchor"
    return None


def table(page: str, first_cell: str) -> list[list[str]]:
    """The rows of the table whose head begins with this cell, without the head."""
    lines = page.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_cell} |"))
    rows = []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows
