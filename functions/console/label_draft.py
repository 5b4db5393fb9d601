"""Draft of an org's labels: what somebody has changed and not saved yet. Pages keep it; knows no form and no HTTP."""

import base64
import re
from dataclasses import dataclass, replace
from typing import TypeVar

from cloudact.costs.labels import Label, Rule, labels_of, text_of
from cloudact.error_codes import Code
from functions.web.problems import Problem, bad_request

LARGEST = 7_000  # characters of the labels as JSON: a page of 60 kB has no room for more
Part = TypeVar("Part", Label, Rule)
_PLACE = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Place of a label in a draft, or of one of its rules; one beyond the last is that of a new one."""

    label: int
    rule: int | None = None

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """Place of a text such as `0` or `0.2`; `None` for another."""
        found = _PLACE.fullmatch(text)
        return cls(int(found[1]), None if found[2] is None else int(found[2])) if found else None

    def __str__(self) -> str:
        """Text that `read` reads."""
        return str(self.label) if self.rule is None else f"{self.label}.{self.rule}"


@dataclass(frozen=True)
class Draft:
    """Labels, and the ETag of the version that they were changed from. Changes raise pydantic's `ValidationError`."""

    labels: tuple[Label, ...]
    etag: str

    @classmethod
    def read(cls, text: str, etag: str) -> "Draft":
        """Draft of the text that a page has kept. Raises 400 for any other, and for one that is too large for pages."""
        try:
            document = base64.b64decode(text, b"-_", validate=True).decode()
            draft = cls(labels_of(document), etag)
        except ValueError as err:
            raise bad_request("The form's labels cannot be read.", Code.BODY_INVALID) from err
        if not draft.fits:
            detail = "These labels are more than a page can change: use cloudact labels set."
            raise Problem(400, detail, code=Code.FIELD_INVALID, field="labels")
        return draft

    @property
    def text(self) -> str:
        """Text that `read` reads."""
        return base64.urlsafe_b64encode(text_of(self.labels).encode()).decode()

    @property
    def fits(self) -> bool:
        """Whether a page has room for it."""
        return len(text_of(self.labels)) <= LARGEST

    def has(self, place: Place) -> bool:
        """Whether the draft has the label or rule, or would have it as the next one."""
        if place.rule is None:
            return place.label < len(self.labels)
        rules = len(self.labels[place.label].rules) if place.label < len(self.labels) else 0
        return place.label <= len(self.labels) and place.rule <= rules

    def rule(self, place: Place) -> Rule | None:
        """Rule of this place; `None` for a new one."""
        rules = self.labels[place.label].rules if place.label < len(self.labels) else ()
        return rules[place.rule] if place.rule is not None and place.rule < len(rules) else None

    def with_rule(self, place: Place, rule: Rule, name: str) -> "Draft":
        """Draft with this rule in its place; where that is beyond the last label, in a new one of this name."""
        if place.label == len(self.labels):
            return self._with((*self.labels, Label.model_construct(name=name, rules=(rule,))))
        label = self.labels[place.label]
        at = len(label.rules) if place.rule is None else place.rule
        return self._changed(place.label, label.name, (*label.rules[:at], rule, *label.rules[at + 1 :]))

    def renamed(self, place: Place, name: str) -> "Draft":
        """Draft in which the label has this name."""
        return self._changed(place.label, name, self.labels[place.label].rules)

    def moved(self, place: Place, by: int) -> "Draft":
        """Draft in which the label or rule stands one place earlier (-1) or later (1), if there is one."""
        if place.rule is None:
            return self._with(_moved(self.labels, place.label, by))
        label = self.labels[place.label]
        return self._changed(place.label, label.name, _moved(label.rules, place.rule, by))

    def without(self, place: Place) -> "Draft":
        """Draft without the label or rule; a label goes with its last rule."""
        if place.label == len(self.labels):
            return self
        label = self.labels[place.label]
        rules = () if place.rule is None else (*label.rules[: place.rule], *label.rules[place.rule + 1 :])
        if rules:
            return self._changed(place.label, label.name, rules)
        return self._with((*self.labels[: place.label], *self.labels[place.label + 1 :]))

    def _changed(self, at: int, name: str, rules: tuple[Rule, ...]) -> "Draft":
        label = Label.model_construct(name=name, rules=rules)
        return self._with((*self.labels[:at], label, *self.labels[at + 1 :]))

    def _with(self, labels: tuple[Label, ...]) -> "Draft":
        return replace(self, labels=labels_of(text_of(labels)))


def _moved(of: tuple[Part, ...], at: int, by: int) -> tuple[Part, ...]:
    to = at + by
    if not (at < len(of) and 0 <= to < len(of)):
        return of
    changed = list(of)
    changed[at], changed[to] = changed[to], changed[at]
    return tuple(changed)
