"""The page *Timeline*: everything that has happened in one list, with its filters in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, request

from functions.console.collaborators import Console
from functions.console.hiding import Hiding
from functions.console.pages import page
from functions.console.run_filters import Choice
from functions.console.sessions import visit
from functions.console.timeline_filters import AFTER, LABELS, NOT, TimelineTexts
from functions.console.timeline_lines import line_of
from functions.console.words import TIMELINE_KIND
from functions.orgs.timeline import entry_of, next_cursor_of, read_cursor
from functions.orgs.timeline_pages import KindCount, TimelineKind

LIMIT = 25


@dataclass(frozen=True)
class KindLink:
    """Number of entries of one kind, or of all, as a link to these."""

    id: str
    words: str
    entries: int
    query: str
    chosen: bool


def show_timeline(console: Console, org: str) -> Response:
    """200 with a page of what has happened."""
    visited = visit(console, org)
    texts = TimelineTexts.read(request.args)
    after = read_cursor(request.args[AFTER]) if request.args.get(AFTER) else None
    filters = texts.of_list()
    found = console.timeline.pages.page(org, filters, console.clock(), LIMIT, after)
    providers = {each.integration: each.id for each in console.integrations.providers}
    names = {each.id: each.name for each in console.integrations.providers}
    by_kind = found.by_kind(filters)
    return page(
        console,
        visited,
        "timeline.html",
        texts=texts,
        lines=[line_of(entry_of(row), org, providers, names) for row in found.rows],
        links=_links(texts, by_kind),
        total=sum(number for kind, number in by_kind.items() if filters.lets_kind_through(kind)),
        hiding=_hiding(texts, found.counts) if not found.rows else [],
        later=after is not None,
        next_query=texts.query(**{AFTER: next_cursor_of(found.rows[-1])}) if found.more else "",
        kinds=[Choice(kind.value, words) for kind, words in TIMELINE_KIND.items()],
        runs=_runs(texts),
    )


def _links(texts: TimelineTexts, by_kind: Mapping[TimelineKind, int]) -> Sequence[KindLink]:
    chosen = texts.text("kind")
    every = KindLink("all", "All", sum(by_kind.values()), texts.query(kind=""), not chosen)
    each = [
        KindLink(kind.value, words, by_kind.get(kind, 0), texts.query(kind=kind.value), chosen == kind)
        for kind, words in TIMELINE_KIND.items()
    ]
    return [every, *each]


def _hiding(texts: TimelineTexts, counts: Sequence[KindCount]) -> Sequence[Hiding]:
    return [
        Hiding(f"{LABELS[name]}: {texts.words_of(name)}", texts.without(name).query()) for name in texts.hiding(counts)
    ]


def _runs(texts: TimelineTexts) -> Choice:
    """Link that hides runs, which are most of what happens, or shows them again."""
    hidden = NOT + TimelineKind.RUN
    if texts.text("kind") == hidden:
        return Choice(texts.query(kind=""), "Show runs")
    return Choice(texts.query(kind=hidden), "Hide runs")
