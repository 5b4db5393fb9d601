"""`/organizations/{org}/labels`: an org's labels, read and replaced as a whole, and tried before that."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import Field, WithJsonSchema
from werkzeug.datastructures import ETags

from cloudact.costs.labels import Label, Labels
from cloudact.error_codes import Code
from cloudact.runs.result import plain
from functions.auth.authenticate import Actor, let_in, presented
from functions.costs.collaborators import OrgCosts
from functions.costs.endpoints import refusing, revalidated
from functions.costs.label_trial import LabelChange, changes_of
from functions.costs.mistakes import told_by_place
from functions.costs.question import DAY, Days
from functions.costs.shapes import Amount
from functions.costs.stored_labels import LabelsChanged, StoredLabels
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_body, in_query, whole, written_flag
from functions.web.problems import Problem

TRIED_DAYS = 30  # of a dry run
MOST_VERSIONS = 1_000_000
CHANGED = "The labels have been changed meanwhile: read them again, and change those."


class LabelsBody(Input):
    """All labels of the organization; they take the place of those before."""

    labels: Annotated[Labels, told_by_place("labels")] = Field(description="in the order in which they share out")


class LabelsQuery(Input):
    """Which version is meant."""

    version: Annotated[
        int | None,
        whole(1, MOST_VERSIONS),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_VERSIONS}),
    ] = Field(default=None, description="an older version; default: the one that counts")


class PutLabelsQuery(Input):
    """Whether the labels are only tried."""

    dry_run: Annotated[bool, written_flag(), WithJsonSchema({"type": "boolean"})] = Field(
        default=False, description=f"tell what would change of the last {TRIED_DAYS} full days, and change nothing"
    )


class LabelsState(Answer):
    """Labels of an organization."""

    org_slug: str = Field(examples=["acmecorp"])
    version: int = Field(description="number of the version, 0 before there were any")
    recorded_at: Instant | None = Field(description="when it was recorded; null for version 0")
    recorded_by: str | None = Field(description="a key's name or a person's id; null for version 0")
    labels: tuple[Label, ...]


class LabelChangeState(Answer):
    """Billed cost of a label's value in the days that were tried."""

    label: str = Field(examples=["team"])
    currency: str = Field(examples=["USD"])
    value: str | None = Field(description="null: what no rule is of", examples=["search"])
    before: Amount = Field(description="by the labels that count")
    after: Amount = Field(description="by those of the request")


class LabelTrial(Answer):
    """What labels would change."""

    start: date = Field(description="first UTC day")
    end: date = Field(description="last one")
    changes: list[LabelChangeState] = Field(
        description="every value of each label that differs, in each currency, the largest first, unattributed last"
    )


class RecordedLabels(LabelsState):
    """Labels after a request; after a dry run those that it has tried, with the version that still counts."""

    outcome: Literal["recorded", "unchanged", "tried"]
    trial: LabelTrial | None = Field(description="null unless it is a dry run")


def show_labels(api: OrgCosts, org: str) -> Response:
    """200 with the labels for every member, or 304 where they are those that the request knows."""
    credential, query = presented(api.auth, org), in_query(request.args, LabelsQuery)
    let_in(api.auth, org, credential)
    found = api.labels.newest(org) if query.version is None else api.labels.version(org, query.version)
    if found is None:
        raise Problem(404, "The organization's labels have no such version.", code=Code.LABELS_UNKNOWN)
    answer = revalidated(answered(LabelsState(**_fields(org, found))), found.etag)
    answer.make_conditional(request)
    return answer


def put_labels(api: OrgCosts, org: str) -> Response:
    """200 after the labels are a new version, or are what they were, or were tried.

    412 where If-Match does not name the version that counts, 409 where somebody else records one at the same time.
    """
    credential, query = presented(api.auth, org), in_query(request.args, PutLabelsQuery)
    labels = in_body(request, LabelsBody).labels
    actor = let_in(api.auth, org, credential)
    answer, counting = put_requested(api, actor, labels, request.if_match, dry_run=query.dry_run)
    response = answered(answer)
    response.set_etag(counting.etag)
    return response


def put_requested(
    api: OrgCosts, actor: Actor, labels: tuple[Label, ...], known: ETags, *, dry_run: bool
) -> tuple[RecordedLabels, StoredLabels]:
    """Records or tries labels for who has been let in. Returns what came of it, and the version that counts now.

    `known` is the version that the caller has read, if they say which. Raises a `Problem` as the endpoint does.
    """
    actor.require_admin()
    org = actor.org_slug
    before = api.labels.newest(org)
    if known and not known.contains(before.etag):
        raise Problem(412, CHANGED, code=Code.LABELS_CHANGED)
    if dry_run:
        with refusing():
            trial = _trial(api, org, before.labels, labels)
        tried = _fields(org, before) | {"labels": labels}
        return RecordedLabels(**tried, outcome="tried", trial=trial), before
    if (new := StoredLabels(labels=labels)).digest == before.digest:
        return RecordedLabels(**_fields(org, before), outcome="unchanged", trial=None), before
    try:
        new = api.labels.add(org, labels, before, actor.name)
    except LabelsChanged as err:
        raise Problem(409, CHANGED, code=Code.LABELS_CHANGED) from err
    return RecordedLabels(**_fields(org, new), outcome="recorded", trial=None), new


def _trial(api: OrgCosts, org: str, before: Sequence[Label], after: Sequence[Label]) -> LabelTrial:
    last = api.clock().date() - DAY
    days = Days(last - (TRIED_DAYS - 1) * DAY, last)
    changes = changes_of(lambda query, values: api.answers.rows(org, query, values)[0], days, before, after)
    return LabelTrial(start=days.first, end=days.last, changes=[_change(each) for each in changes])


def _change(change: LabelChange) -> LabelChangeState:
    amounts = {"before": plain(change.before), "after": plain(change.after)}
    return LabelChangeState(label=change.label, currency=change.currency, value=change.value, **amounts)


def _fields(org: str, found: StoredLabels) -> dict[str, Any]:
    names = ("version", "recorded_at", "recorded_by", "labels")
    return {"org_slug": org, **{name: getattr(found, name) for name in names}}
