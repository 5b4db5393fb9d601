"""Which dimensions of a report to ask for next, after the provider has refused some of them.

Vendors mind a dimension in many ways: by `param` (`group_by`, `group_by[3]`), in the text alone, for a date or an
organization alone, without a code. What they all have in common is that the question is accepted without it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from providers.http import Refused
from providers.refusals import Refusal

Groups = tuple[str, ...]
MOST_TRIES = 20
_NTH = re.compile(r"group_by(?:\[\])?[.\[](\d{1,3})\]?")
# What follows is a list of what would be accepted.
_ACCEPTED = re.compile(
    r"supported (values|dimensions)|(should|must) be|one of|allowed|expected|valid (values|options)", re.I
)
_DATES = ("start_time", "starting_at")  # some dimensions are younger than the day: costs by key, before 2025-12-06
_OTHERS = re.compile(r"date range|(start|end)(ing)?_(at|time)|\blimit\b|\bpage\b|bucket_width", re.I)


@dataclass
class Choices:
    """The groups to ask for next: first without the one that is named, then without each, then with ever fewer."""

    groups: Groups
    wanted: Groups = field(init=False)
    by: Groups = field(init=False)
    refused: Refused | None = None
    reported: bool = False
    tried: set[Groups] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.wanted = self.by = self.groups

    def refuse(self, err: Refused) -> None:
        """Moves on to the next choice of groups. Raises a refusal about something else, or where no choice is left."""
        if not self.may_be_minded(self.by, err.refusal):
            raise err
        self.refused = self.refused or err
        following = self.after(self.by, err.refusal)
        if following is None:
            raise self.refused from None
        self.by = following

    def named_by(self, refusal: Refusal) -> bool:
        """Whether the refusal says that it is about a dimension; a later page may mind its cursor instead."""
        return "group_by" in f"{refusal.param} {refusal.message}" or bool(_named(self.wanted, refusal))

    def may_be_minded(self, by: Groups, refusal: Refusal) -> bool:
        """Whether the refusal can be about a dimension: unless it names another parameter.

        A 403 or 404 has reasons enough of its own; it is about one only where its `param` says so.
        """
        if refusal.status in (403, 404):
            return bool(by) and not refusal.about_credential and _minds_groups(self.wanted, refusal.param)
        if refusal.status not in (400, 422) or not by:
            return False
        if self.named_by(refusal):
            return True
        return refusal.param in _DATES or (not refusal.param and not _OTHERS.search(refusal.message))

    def after(self, by: Groups, refusal: Refusal) -> Groups | None:
        """The groups to ask for after `by` was refused; `None` where every choice was."""
        self.tried.add(by)
        named = _named(by, refusal)
        if len(named) == 1:
            self.groups = _without(by, named)
        choices = (choice for choice in self._plan(named) if choice not in self.tried)
        return next(choices, None) if len(self.tried) < MOST_TRIES else None

    def _plan(self, named: Groups) -> Iterator[Groups]:
        yield self.groups
        last_first = tuple(reversed(self.groups))
        order = (*(group for group in last_first if group in named), *(g for g in last_first if g not in named))
        yield from (_without(self.groups, (group,)) for group in order)
        yield from (_without(self.groups, order[: count + 1]) for count in range(len(order)))


def _minds_groups(groups: Groups, param: str) -> bool:
    return param.startswith("group_by") or param in groups


def _named(by: Groups, refusal: Refusal) -> Groups:
    """The dimensions among these that the refusal names: by their place, as the parameter, or in the text."""
    if (nth := _NTH.fullmatch(refusal.param)) and int(nth[1]) < len(by):
        return (by[int(nth[1])],)
    words = re.findall(r"\w+", f"{refusal.param} {_ACCEPTED.split(refusal.message)[0]}")
    return tuple(group for group in by if group in words)


def _without(groups: Groups, left_out: Iterable[str]) -> Groups:
    return tuple(group for group in groups if group not in tuple(left_out))
