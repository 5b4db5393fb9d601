"""The pages *Labels* of the settings: the rules that count, and a draft that is changed, tried and saved.

The draft goes from page to page in the form itself: nothing has to be kept, and all of it works without scripts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from flask import Response
from pydantic import ValidationError
from werkzeug.datastructures import ETags

from cloudact.costs.dimensions import DIMENSIONS
from cloudact.error_codes import Code
from functions.console.collaborators import Console
from functions.console.cost_address import word_of
from functions.console.cost_words import amount, days_words, difference
from functions.console.flash import flash_text
from functions.console.forms import read_form
from functions.console.label_draft import Draft, Place
from functions.console.label_words import fitting, label_words
from functions.console.pages import go, page
from functions.console.rule_form import HOW_WORDS, MOST_FIELDS, RuleForm
from functions.console.sessions import Visit, visit
from functions.costs.label_endpoints import LabelTrial, put_requested
from functions.costs.mistakes import rule_words
from functions.costs.question import Days
from functions.costs.stored_labels import StoredLabels
from functions.web.problems import Problem, bad_field

MOST_CHANGES = 60  # rows of a trial
LEAVING = ("drop", "remove")  # what may be done whatever is in the fields of the rule
NAME_RULE = "A name has up to 40 small letters, digits and underscores, begins with a letter, and is of one label."
TOO_LARGE = "With this the labels are more than a page can change: make it smaller, or use cloudact labels set."


@dataclass(frozen=True)
class Open:
    """What is being changed: the fields of a rule, or of a label's name, at this place."""

    place: Place
    name: str
    form: RuleForm | None
    name_error: str = ""


@dataclass(frozen=True)
class ChangeRow:
    """Sum of a label's value, before and after; an empty value is what is unattributed."""

    label: str
    value: str
    currency: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True)
class Trial:
    """What labels would change, in words. `same` are sums that stay as they are, and `more` rows that have no room."""

    days: str
    rows: Sequence[ChangeRow]
    same: int
    more: int


def show_labels(console: Console, org: str) -> Response:
    """200 with the rules that count."""
    visited = visit(console, org)
    stored = console.costs.labels.newest(org)
    labels, more = fitting(label_words(stored.labels))
    return page(
        console,
        visited,
        "settings_labels.html",
        stored=stored,
        labels=labels,
        more=more,
        fits=_draft(stored).fits,
    )


def show_draft(console: Console, org: str) -> Response:
    """200 with a draft of the rules that count, to be changed; without any, the first is asked for. 403 for members."""
    visited = visit(console, org)
    visited.actor.require_admin()
    draft = _draft(console.costs.labels.newest(org))
    first = None if draft.labels else _opened(draft, Place(0, 0))
    return _shown(console, visited, Draft.read(draft.text, draft.etag), first)


def change_draft(console: Console, org: str) -> Response:
    """200 with the draft after what the form says was done to it; 303 to the labels after it was saved."""
    visited = visit(console, org)
    form = read_form(console, visited.session, MOST_FIELDS)
    visited.actor.require_admin()
    draft = Draft.read(form.get("draft", ""), form.get("etag", ""))
    act, _, of = form.get("act", "").partition(" ")
    at = Place.read(form.get("at", ""))
    if at is not None and not draft.has(at):
        raise bad_field("at", "must be a place of these labels")
    if act == "more" and at:
        return _shown(console, visited, draft, Open(at, form.get("name", ""), RuleForm.read(form).with_more()))
    if at is not None and act not in LEAVING:
        applied = _applied(draft, at, form)
        if isinstance(applied, Open):
            return _shown(console, visited, draft, applied, status=400)
        draft = applied
    return _done(console, visited, draft, act, at if act in ("up", "down", "remove") else Place.read(of))


def _done(console: Console, visited: Visit, draft: Draft, act: str, at: Place | None) -> Response:
    match act:
        case "open" if at and draft.has(at):
            return _shown(console, visited, draft, _opened(draft, at))
        case "up" | "down" if at:
            return _shown(console, visited, draft.moved(at, -1 if act == "up" else 1))
        case "remove" if at:
            return _shown(console, visited, draft.without(at))
        case "try":
            return _tried(console, visited, draft)
        case "save":
            return _saved(console, visited, draft)
        case "again":
            draft = Draft(draft.labels, console.costs.labels.newest(visited.org).etag)
            return _tried(console, visited, draft)
        case "apply" | "drop":
            return _shown(console, visited, draft)
    raise bad_field("act", "must be what a button of the page says")


def _draft(stored: StoredLabels) -> Draft:
    return Draft(stored.labels, stored.etag)


def _opened(draft: Draft, at: Place) -> Open:
    name = draft.labels[at.label].name if at.label < len(draft.labels) else ""
    return Open(at, name, None if at.rule is None else RuleForm.of(draft.rule(at)))


def _applied(draft: Draft, at: Place, form: Mapping[str, str]) -> Draft | Open:
    """Draft with what the fields say, or the fields with their mistakes."""
    name = form.get("name", "")
    fields = None if at.rule is None else RuleForm.read(form)
    rule = fields.judged() if fields else None
    if isinstance(rule, RuleForm):
        return Open(at, name, rule)
    try:
        changed = draft.renamed(at, name) if rule is None else draft.with_rule(at, rule, name)
        if changed.fits:
            return changed
        return Open(at, name, replace(fields, error=TOO_LARGE) if fields else None, "" if fields else TOO_LARGE)
    except ValidationError as err:
        loc, message = err.errors()[0]["loc"], err.errors()[0]["msg"]
        if "name" in loc or "different names" in message:
            return Open(at, name, fields, NAME_RULE)
        mistake = f"The labels {rule_words(message)}."
        return Open(at, name, RuleForm(fields.conditions, fields.shares, mistake) if fields else None, mistake)


def _tried(console: Console, visited: Visit, draft: Draft) -> Response:
    try:
        answer, _ = put_requested(console.costs, visited.actor, draft.labels, ETags([draft.etag]), dry_run=True)
    except Problem as problem:
        return _refused(console, visited, draft, problem)
    return _shown(console, visited, draft, trial=_trial(answer.trial) if answer.trial else None)


def _saved(console: Console, visited: Visit, draft: Draft) -> Response:
    try:
        answer, _ = put_requested(console.costs, visited.actor, draft.labels, ETags([draft.etag]), dry_run=False)
    except Problem as problem:
        return _refused(console, visited, draft, problem)
    words = "Nothing was changed." if answer.outcome == "unchanged" else f"Saved as version {answer.version}."
    return go(f"/console/{visited.org}/settings/labels", flash_text(console.signer, "good", words))


def _refused(console: Console, visited: Visit, draft: Draft, problem: Problem) -> Response:
    """Draft with the reason why it was neither tried nor saved, and what can be done where somebody else has saved."""
    if problem.status >= 500:
        raise problem
    is_stale = problem.code == Code.LABELS_CHANGED
    return _shown(console, visited, draft, status=problem.status, refusal=problem.detail, is_stale=is_stale)


def _trial(trial: LabelTrial) -> Trial:
    rows = [
        ChangeRow(
            each.label,
            each.value or "",
            each.currency,
            amount(Decimal(each.before)),
            amount(Decimal(each.after)),
            difference(Decimal(each.after), Decimal(each.before)),
        )
        for each in trial.changes
        if each.before != each.after
    ]
    same, more = len(trial.changes) - len(rows), len(rows[MOST_CHANGES:])
    return Trial(days_words(Days(trial.start, trial.end)), rows[:MOST_CHANGES], same, more)


def _shown(
    console: Console,
    visited: Visit,
    draft: Draft,
    opened: Open | None = None,
    *,
    status: int = 200,
    trial: Trial | None = None,
    refusal: str = "",
    is_stale: bool = False,
) -> Response:
    return page(
        console,
        visited,
        "settings_labels_draft.html",
        status=status,
        draft=draft,
        labels=label_words(draft.labels),
        opened=opened,
        trial=trial,
        refusal=refusal,
        is_stale=is_stale,
        dimensions=[(word, word_of(word).capitalize()) for word in DIMENSIONS],
        how_words=[(how.value, words) for how, words in HOW_WORDS.items()],
    )
