"""Reads a report by as many dimensions as the provider accepts. A refused one is found by its words, or by trying."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from providers.dimensions import Choices, Groups
from providers.http import Refused
from providers.notes import Notes, ReadAgain
from providers.refusals import Refusal

Found = TypeVar("Found")


def by_what_is_accepted(
    read: Callable[[Groups], Iterator[Found]], groups: Sequence[str], what: str, notes: Notes
) -> Iterator[Found]:
    """Yields what `read` finds by all groups, or by those that are accepted; `notes` says which were refused.

    The first of `groups` is kept the longest. Raises the first refusal where no choice of groups is accepted, and any
    that is not about groups; `ReadAgain` where a later page refuses, when what was given out must be forgotten.
    """
    choices = notes.choices.setdefault(what, Choices(tuple(groups)))
    lines = _accepted(read, choices)
    if choices.refused and not choices.reported:
        choices.reported = True
        left_out = [group for group in groups if group not in choices.by]
        notes.refused_dimensions += len(left_out)
        notes.say(_loss(what, left_out, choices.refused.refusal))
    try:
        yield from lines
    except Refused as err:
        if not choices.named_by(err.refusal):
            raise
        choices.refuse(err)
        choices.reported = False
        raise ReadAgain(f"{what} must be read again.") from err


def _accepted(read: Callable[[Groups], Iterator[Found]], choices: Choices) -> Iterator[Found]:
    """Reads the lines by the first choice whose first page is not refused."""
    while True:
        lines = read(choices.by)
        try:
            first = next(lines, None)
        except Refused as err:
            choices.refuse(err)
            continue
        return iter(()) if first is None else chain([first], lines)


def _loss(what: str, left_out: Iterable[str], refusal: Refusal) -> str:
    reason = (refusal.message or f"HTTP {refusal.status}").rstrip(".")
    return (
        f"{what} was read without {', '.join(left_out)}, which is refused here as a dimension: {reason}. Nothing is "
        "missing from the sum, but less is told apart; the next run asks for it again."
    )
