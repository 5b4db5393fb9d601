"""`/organizations/{org}/labels`: versions, who may write them, what is refused, and what a dry run tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloudact.costs.labels import labels_of
from functions.composition import compose
from functions.costs.stored_labels import LabelsChanged
from localcloud.onboarding import OnboardedOrg, add_member
from tests.conftest import NOON, Local
from tests.functions.costs.charges import Charge, charges, org_with_costs
from tests.sessions import bearer

OPENAI: dict[str, Any] = {"when": [{"dimension": "provider", "one_of": ["openai"]}], "value": "search"}
TEAM: dict[str, Any] = {"name": "team", "rules": [OPENAI]}


@dataclass
class Labels:
    """The labels of one org, by the API."""

    api: FlaskClient
    org: OnboardedOrg

    def call(self, method: str, **options: Any) -> TestResponse:
        options = {"headers": {"X-API-Key": self.org.api_key}} | options
        return self.api.open(f"/api/v1/organizations/{self.org.org_slug}/labels", method=method, **options)

    def put(self, *labels: Any, match: str = "", **query: str) -> TestResponse:
        headers = {"X-API-Key": self.org.api_key} | ({"If-Match": match} if match else {})
        return self.call("PUT", json={"labels": labels}, headers=headers, query_string=query)

    def shown(self, **query: Any) -> Any:
        return self.call("GET", query_string=query).get_json()


@pytest.fixture
def labels(api: FlaskClient, new_org: Callable[..., OnboardedOrg]) -> Labels:
    return Labels(api, new_org())


@pytest.fixture
def none(local: Local, instance: FlaskClient, unchanged_org: OnboardedOrg) -> Labels:
    """Those of an org that never has any, at noon."""
    assert local.clock.now == NOON
    return Labels(instance, unchanged_org)


def test_every_put_is_a_version(labels: Labels) -> None:
    """Before any there is version 0; the same again is none; older versions can be read, and count again when put."""
    assert labels.shown() == {
        "org_slug": labels.org.org_slug, "version": 0, "recorded_at": None, "recorded_by": None, "labels": [],
    }  # fmt: skip
    env = {"name": "env", "rules": [{"value": "prod"}]}
    told = [labels.put(*each) for each in ([TEAM], [TEAM], [TEAM, env], [env], [])]
    assert [each.get_json()["outcome"] for each in told] == ["recorded", "unchanged", *["recorded"] * 3]
    assert [each.get_json()["version"] for each in told] == [1, 1, 2, 3, 4]
    assert labels.shown()["labels"] == []
    assert labels.shown(version=2)["labels"] == [TEAM, env]
    assert labels.shown(version=1) == {
        name: value for name, value in told[0].get_json().items() if name not in ("outcome", "trial")
    }
    missing = labels.call("GET", query_string={"version": 5})
    assert (missing.status_code, missing.get_json()["code"]) == (404, "labels_unknown")


def test_what_was_changed_meanwhile_is_not_overwritten(labels: Labels) -> None:
    """If-Match has the ETag of what was read: another version since then is 412; If-None-Match saves the reading."""
    first = labels.put(TEAM).headers["ETag"]
    assert labels.call("GET").headers["ETag"] == first
    headers = {"X-API-Key": labels.org.api_key, "If-None-Match": first}
    assert labels.call("GET", headers=headers).status_code == 304
    second = labels.put(match=first)
    stale = labels.put(TEAM, match=first)
    assert (second.status_code, stale.status_code, stale.get_json()["code"]) == (200, 412, "labels_changed")
    assert labels.call("GET", headers=headers).status_code == 200
    assert labels.put(TEAM, match=second.headers["ETag"]).get_json()["version"] == 3


def test_of_two_at_once_one_writes(local: Local, labels: Labels) -> None:
    """Two that have read the same version do not both write the next one: BigQuery takes the id of the job once."""
    store = compose(local.settings, local.clock).costs.labels
    org, before = labels.org.org_slug, store.newest(labels.org.org_slug)
    text = '[{"name": "%s", "rules": [{"value": "x"}]}]'
    written = store.add(org, labels_of(text % "mine"), before, "me")
    with pytest.raises(LabelsChanged):
        store.add(org, labels_of(text % "yours"), before, "you")
    assert store.newest(org) == written
    rows = local.query(f"SELECT version, recorded_by FROM organizations.org_labels WHERE org_slug = '{org}'")
    assert [(row["version"], row["recorded_by"]) for row in rows] == [(1, "me")]


def test_who_may_read_and_write(local: Local, labels: Labels, none: Labels) -> None:
    """Members read; owners, admins and keys write; nobody sees another org's labels, or has them as dimensions."""
    labels.put(TEAM)
    for role, status in (("admin", 200), ("member", 403)):
        user = f"{role}-{labels.org.org_slug}"
        add_member(local.settings, labels.org.org_slug, user, role)
        headers = bearer(local, user)
        assert labels.call("GET", headers=headers).get_json()["labels"] == [TEAM]
        assert labels.call("PUT", headers=headers, json={"labels": [TEAM]}).status_code == status
        trial = {"json": {"labels": []}, "query_string": {"dry_run": "true"}}
        assert labels.call("PUT", headers=headers, **trial).status_code in (status, 503)
    assert none.shown()["labels"] == []
    foreign = {"X-API-Key": none.org.api_key}
    assert labels.call("GET", headers=foreign).status_code == 403
    assert labels.call("PUT", headers=foreign, json={"labels": []}).status_code == 403
    asked = labels.api.get(f"/api/v1/costs/{none.org.org_slug}?group_by=label:team", headers=foreign)
    assert (asked.status_code, asked.get_json()["code"]) == (400, "label_unknown")


WHEN = {"dimension": "provider", "one_of": ["gcp"]}


def when(*conditions: Any) -> list[Any]:
    return [{"name": "team", "rules": [{"when": conditions, "value": "x"}]}]


def shares(*texts: Any) -> dict[str, Any]:
    told = [{"value": f"v{number}", "share": text} for number, text in enumerate(texts)]
    return {"name": "team", "rules": [{"shares": told}]}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([{"name": "Team", "rules": [OPENAI]}], "labels[0].name, which must match pattern"),
        ([{"name": "team", "rules": []}], "labels[0].rules, which must have at least 1 item"),
        ([{"rules": [OPENAI]}], "labels[0].name, which is required"),
        ([TEAM, TEAM], "labels, which must have different names"),
        ([TEAM | {"colour": 1}], "labels[0].colour, which is not known"),
        ([TEAM | {"rules": [{"value": "x", "shares": []}]}], "labels[0].rules[0].shares, which must have at least 1"),
        ([TEAM | {"rules": [{"when": [WHEN]}]}], "labels[0].rules[0], which must have value or shares"),
        ([TEAM | {"rules": [{"value": ""}]}], "labels[0].rules[0].value, which must have at least 1 character"),
        ([TEAM | {"rules": [{"value": "a\nb"}]}], "value, which must be without control characters"),
        ([TEAM | {"rules": [{"value": "x" * 101}]}], "value, which must have at most 100 characters"),
        (when({"dimension": "label:a", "one_of": ["x"]}), "labels[0].rules[0].when[0].dimension, which must match"),
        (when({"dimension": 'tag:a"b', "one_of": ["x"]}), "labels[0].rules[0].when[0].dimension, which must match"),
        (when(WHEN | {"starts_with": "x"}), "when[0], which must have one_of or starts_with"),
        (when({"dimension": "sku"}), "when[0], which must have one_of or starts_with"),
        (when(*[WHEN] * 11), "labels[0].rules[0].when, which must have at most 10 items"),
        ([shares("0.6", "0.3")], "labels[0].rules[0], which must have shares that are 1 together"),
        ([shares("0.6", "0.4000000001")], "shares[1].share, which must be a share"),
        ([shares("0.6", True)], "shares[1].share, which must be a share"),
        ([shares("1", "0.0")], "shares[1].share, which must be more than 0"),
        ([shares("1.5", "-0.5")], "shares[0].share, which must be a share"),
        ([shares("NaN")], "shares[0].share, which must be a share"),
        ([TEAM | {"name": f"l{number}"} for number in range(21)], "labels, which must have at most 20 items"),
        ([{"name": name, "rules": [{"value": "x"}] * 51} for name in "ab"], "may have up to 100 rules"),
        ("team", "labels, which must be a valid tuple"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_place(none: Labels, body: Any, where: str) -> None:
    """The sentence says where in the document the first mistake is; nothing is recorded."""
    answer = none.call("PUT", json={"labels": body})
    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["field"]) == (400, "field_invalid", "labels")
    assert where in problem["detail"]
    assert none.shown()["version"] == 0


def test_a_share_as_a_number_is_the_same_share(labels: Labels) -> None:
    """0.6 and "0.600" mean the same, to the last digit."""
    assert labels.put(shares("0.600", "0.4")).get_json()["outcome"] == "recorded"
    assert labels.put(shares(0.6, 0.4)).get_json()["outcome"] == "unchanged"


@pytest.fixture(scope="module")
def tried_org(session_cloud: Local) -> OnboardedOrg:
    return org_with_costs(session_cloud, "labels_tried", charges(seed=5, rows_per_day=2))


def test_a_dry_run_tells_what_would_change(local: Local, api: FlaskClient, tried_org: OnboardedOrg) -> None:
    """The sums of the last 30 full days by value, before and after, unattributed too, for labels that differ alone."""
    labels = Labels(api, tried_org)
    same = {"name": "same", "rules": [{"value": "all"}]}
    labels.put(TEAM, same)
    split = [{"value": "search", "share": "0.6"}, {"value": "ads", "share": "0.4"}]
    other = {"name": "team", "rules": [{"when": [WHEN], "shares": split}]}
    answer = labels.put(other, same, dry_run="true").get_json()
    yesterday = local.clock().date().toordinal() - 1
    days = [date.fromordinal(yesterday - 29), date.fromordinal(yesterday)]
    assert (answer["outcome"], answer["version"], answer["labels"]) == ("tried", 1, [other, same])
    assert [answer["trial"]["start"], answer["trial"]["end"]] == [str(day) for day in days]
    expected: dict[tuple[str, str | None], list[Decimal]] = defaultdict(lambda: [Decimal(), Decimal()])
    for charge in charges(seed=5, rows_per_day=2):
        if days[0] <= charge.day <= days[1]:
            _count(expected, charge)
    told = {
        (each["currency"], each["value"]): [Decimal(each["before"]), Decimal(each["after"])]
        for each in answer["trial"]["changes"]
    }
    assert told == expected
    assert {each["label"] for each in answer["trial"]["changes"]} == {"team"}
    assert labels.shown()["labels"] == [TEAM, same]


def _count(sums: dict[tuple[str, str | None], list[Decimal]], charge: Charge) -> None:
    google = charge.provider == "gcp"
    sums[charge.currency, None if google else "search"][0] += charge.billed
    if not google:
        sums[charge.currency, None][1] += charge.billed
        return
    unit = Decimal("1e-9")
    first = (abs(charge.billed) * Decimal("0.6")).quantize(unit, "ROUND_HALF_UP").copy_sign(charge.billed)
    sums[charge.currency, "search"][1] += first
    sums[charge.currency, "ads"][1] += charge.billed - first


def test_a_dry_run_of_the_same_asks_nothing(api: FlaskClient, tried_org: OnboardedOrg) -> None:
    """Where no label differs there is nothing to sum."""
    labels = Labels(api, tried_org)
    current = labels.shown()["labels"]
    answer = labels.put(*current, dry_run="true")
    assert answer.get_json()["trial"]["changes"] == []
