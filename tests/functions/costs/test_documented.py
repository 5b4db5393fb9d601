"""docs/costs.md: "cost per 1M output tokens" by model, and by model and team, by SQL, API, command line and MCP.

All of them tell what a loop in Decimal does.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from cli.program import cloudact
from cloudact.settings import ROOT
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.costs.charges import Charge, org_with_costs, total
from tests.functions.costs.test_label_sums import labelled
from tests.mcp_client import asking
from tests.real_bq import needs_bq, rows_by_bq
from tests.served import served

TEXT = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
Prices = dict[tuple[str, ...], tuple[Decimal | None, Decimal | None]]


def blocks(heading: str) -> list[str]:
    """The section's JSON, statements and commands."""
    section = TEXT.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return re.findall(r"```(?:json|sql|sh)\n(.*?)```", section, re.DOTALL)


SQL, CURL, COMMAND, ARGUMENTS = blocks("Cost per 1M output tokens by model,")
LABELS, TEAM_SQL, TEAM_CURL, TEAM_COMMANDS, TEAM_ARGUMENTS = blocks("Cost per 1M output tokens by model and team")
UNATTRIBUTED = "-"  # as the command line writes what has no team


def prices(parts: Iterable[tuple[tuple[str, ...], Charge]]) -> Prices:
    """What a million output tokens of each group cost in October and in September, by a loop in Decimal."""
    groups: dict[tuple[str, ...], list[Charge]] = defaultdict(list)
    for key, charge in parts:
        if charge.token_type == "output" and charge.day.month in (9, 10):
            groups[key].append(charge)
    return {key: (_price(of, 10), _price(of, 9)) for key, of in groups.items()}


def _price(found: list[Charge], month: int) -> Decimal | None:
    of_month = [charge for charge in found if charge.day.month == month]
    with localcontext(prec=100):
        tokens = sum((Decimal(charge.tokens or 0) for charge in of_month), Decimal())
        price = total(of_month) * 1_000_000 / tokens if tokens else None
        return price and price.quantize(Decimal("1e-9"), ROUND_HALF_UP)


@pytest.fixture(scope="module")
def expected(found: list[Charge]) -> Prices:
    return prices(((charge.model or "",), charge) for charge in found)


@pytest.fixture(scope="module")
def expected_of_teams(found: list[Charge]) -> Prices:
    (label,) = json.loads(LABELS)["labels"]
    return prices(((charge.model or "", team or UNATTRIBUTED), charge) for team, charge in labelled(found, label))


@pytest.fixture(scope="module")
def api_url(session_cloud: Local) -> Iterator[str]:
    with served(public_app(compose(session_cloud.settings, session_cloud.clock))) as url:
        yield url


@pytest.fixture(scope="module")
def org_with_teams(session_cloud: Local, found: list[Charge], api_url: str) -> OnboardedOrg:
    """An org with the documented labels, set by the documented command."""
    org = org_with_costs(session_cloud, "costs_teams", found)
    command = shlex.split(TEAM_COMMANDS.splitlines()[0])[1:]
    done = CliRunner(env=environment(api_url, org)).invoke(cloudact, [*command[:-1], "-", "--yes"], input=LABELS)
    assert done.exit_code == 0, done.output
    return org


def environment(api_url: str, org: OnboardedOrg) -> dict[str, str]:
    return {"CLOUDACT_API_URL": api_url, "CLOUDACT_API_KEY": org.api_key}


def test_by_sql(local: Local, org: OnboardedOrg, expected: Prices) -> None:
    """The documented statement."""
    rows = local.query(SQL.replace("acme_inc", org.org_slug))
    assert {(row["x_Model"],): (row["last_month"], row["month_before"]) for row in rows} == expected


def test_by_the_api(api_url: str, org: OnboardedOrg, expected: Prices) -> None:
    """The documented request."""
    assert asked(CURL, api_url, org, ["model"]) == expected


def test_by_the_command_line(api_url: str, org: OnboardedOrg, expected: Prices) -> None:
    """The documented command, as a person reads it."""
    assert printed(COMMAND, api_url, org, 1) == expected


def test_by_a_model(api_url: str, org: OnboardedOrg, expected: Prices) -> None:
    """The documented arguments of the MCP server's tool."""
    assert told_to_a_model(api_url, org, ARGUMENTS, ["model"]) == expected


def test_teams_by_sql(local: Local, org_with_teams: OnboardedOrg, expected_of_teams: Prices) -> None:
    """The documented statement, which shares out as the service does."""
    rows = local.query(TEAM_SQL.replace("acme_inc", org_with_teams.org_slug))
    assert {
        (row["x_Model"], row["team"] or UNATTRIBUTED): (row["last_month"], row["month_before"]) for row in rows
    } == expected_of_teams
    assert {team for _, team in expected_of_teams} == {"search", "ads", UNATTRIBUTED}


def test_teams_by_the_api(api_url: str, org_with_teams: OnboardedOrg, expected_of_teams: Prices) -> None:
    """The documented request."""
    assert asked(TEAM_CURL, api_url, org_with_teams, ["model", "label:team"]) == expected_of_teams


def test_teams_by_the_command_line(api_url: str, org_with_teams: OnboardedOrg, expected_of_teams: Prices) -> None:
    """The documented command, as a person reads it."""
    told = printed(TEAM_COMMANDS.splitlines()[1], api_url, org_with_teams, 2)
    assert {*told} == {*expected_of_teams}
    known = {key: pair for key, pair in expected_of_teams.items() if None not in pair}  # what is not known is blank
    assert len(known) > 5
    assert {key: told[key] for key in known} == known


def test_teams_by_a_model(api_url: str, org_with_teams: OnboardedOrg, expected_of_teams: Prices) -> None:
    """The documented arguments of the MCP server's tool."""
    told = told_to_a_model(api_url, org_with_teams, TEAM_ARGUMENTS, ["model", "label:team"])
    assert told == expected_of_teams


@needs_bq
def test_teams_by_bq(local: Local, org_with_teams: OnboardedOrg, expected_of_teams: Prices, tmp_path: Path) -> None:
    """The documented statement, by Google's own command line."""
    rows = rows_by_bq(local.settings, tmp_path, TEAM_SQL.replace("acme_inc", org_with_teams.org_slug))
    assert {
        (row["x_Model"], row["team"] or UNATTRIBUTED): (_known(row["last_month"]), _known(row["month_before"]))
        for row in rows
    } == expected_of_teams


def told_to_a_model(api_url: str, org: OnboardedOrg, arguments: str, names: list[str]) -> Prices:
    """Prices that the tool of the MCP server tells, by these dimensions."""
    with ExitStack() as stack:
        told = asking(api_url, org.org_slug, org.api_key, stack)("unit_costs", **json.loads(arguments))
    return _prices(told["unit_costs"], names)


def asked(command: str, api_url: str, org: OnboardedOrg, names: list[str]) -> Prices:
    """Prices that the API tells, by these dimensions."""
    path = re.search(r"/costs/acme_inc(/\S+)\"", command)
    assert path
    url = f"{api_url}/api/v1/costs/{org.org_slug}{path[1]}"
    told = requests.get(url, headers={"X-API-Key": org.api_key}, timeout=60).json()["unit_costs"]
    return _prices(told, names)


def _prices(told: Iterable[dict[str, Any]], names: list[str]) -> Prices:
    return {
        tuple(each["key"][name] or UNATTRIBUTED for name in names): (
            _known(each["cost_per_million"]),
            _known(each["previous"]["cost_per_million"]),
        )
        for each in told
    }


def _known(price: str | None) -> Decimal | None:
    return None if price is None else Decimal(price)


def printed(command: str, api_url: str, org: OnboardedOrg, names: int) -> Prices:
    """Prices that the command line prints, by model, and team where there are two names."""
    words = shlex.split(command)[1:]
    done = CliRunner(env=environment(api_url, org)).invoke(cloudact, words, prog_name="cloudact")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if " · output " in line]
    last = 2 * names  # a model, a dot, output, and another dot and a team
    return {(line[0], *line[4 : last + 1]): (Decimal(line[last + 2]), Decimal(line[last + 3])) for line in lines}
