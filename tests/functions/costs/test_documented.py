"""docs/costs.md: "cost per 1M output tokens by model" is the same by SQL, API, CLI and MCP as computed apart."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from click.testing import CliRunner

from cli.program import cloudact
from cloudact.settings import ROOT
from functions.composition import compose
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local
from tests.functions.costs.charges import Charge, total
from tests.functions.costs.conftest import Get
from tests.mcp_client import asking
from tests.served import served

TEXT = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Cost per 1M output tokens by model")[2].partition("\n## ")[0]
SQL, CURL, COMMAND = re.findall(r"```(?:sql|sh)\n(.*?)```", SECTION, re.DOTALL)
[QUESTION] = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)
Prices = dict[str, tuple[Decimal, Decimal]]


@pytest.fixture
def expected(found: list[Charge]) -> Prices:
    """What a million output tokens of each model cost in October and in September, by a loop in Decimal."""
    prices: Prices = {}
    for model in {charge.model for charge in found if charge.model}:
        output = [charge for charge in found if charge.model == model and charge.token_type == "output"]
        prices[model] = (_price(output, 10), _price(output, 9))
    return prices


def _price(found: list[Charge], month: int) -> Decimal:
    of_month = [charge for charge in found if charge.day.month == month]
    with localcontext(prec=100):
        price = total(of_month) * 1_000_000 / sum(charge.tokens or 0 for charge in of_month)
        return price.quantize(Decimal("1e-9"), ROUND_HALF_UP)


@pytest.fixture
def api_url(local: Local) -> Iterator[str]:
    with served(public_app(compose(local.settings, local.clock))) as url:
        yield url


def test_by_sql(local: Local, org: OnboardedOrg, expected: Prices) -> None:
    """The documented statement."""
    rows = local.query(SQL.replace("acme_inc", org.org_slug))
    assert {row["x_Model"]: (row["last_month"], row["month_before"]) for row in rows} == expected


def test_by_the_api(get: Get, expected: Prices) -> None:
    """The documented request."""
    path = re.search(r"/costs/acme_inc(/\S+)\"", CURL)
    assert path
    told = get(path[1].partition("?")[0], **_parsed(path[1].partition("?")[2])).get_json()["unit_costs"]
    assert {
        each["key"]["model"]: (Decimal(each["cost_per_million"]), Decimal(each["previous"]["cost_per_million"]))
        for each in told
    } == expected


def _parsed(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, []).append(value)
    return found


def test_by_the_command_line(org: OnboardedOrg, api_url: str, expected: Prices) -> None:
    """The documented command, as a person reads it."""
    env = {"CLOUDACT_API_URL": api_url, "CLOUDACT_API_KEY": org.api_key}
    done = CliRunner(env=env).invoke(cloudact, shlex.split(COMMAND)[1:], prog_name="cloudact")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if " · output " in line]
    assert {line[0]: (Decimal(line[4]), Decimal(line[5])) for line in lines} == expected


def test_by_a_model(org: OnboardedOrg, api_url: str, expected: Prices) -> None:
    """The documented arguments of the MCP server's tool."""
    with ExitStack() as stack:
        told = asking(api_url, org.org_slug, org.api_key, stack)("unit_costs", **json.loads(QUESTION))
    assert {
        each["key"]["model"]: (Decimal(each["cost_per_million"]), Decimal(each["previous"]["cost_per_million"]))
        for each in told["unit_costs"]
    } == expected
