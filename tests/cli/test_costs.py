"""`costs` and `unit-costs`: tables for people, the API's own numbers for programs."""

from __future__ import annotations

import csv
import io
import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from localcloud.onboarding import OnboardedOrg
from tests.cli.conftest import Shell
from tests.conftest import Local
from tests.functions.costs.charges import Charge, charges, org_with_costs, total

OCTOBER = ("--since", "2026-10-01", "--until", "2026-10-31")


@pytest.fixture(scope="module")
def found() -> list[Charge]:
    return charges(seed=3)


@pytest.fixture(scope="module")
def org(session_cloud: Local, found: list[Charge]) -> OnboardedOrg:
    return org_with_costs(session_cloud, "cli_costs", found)


def test_a_table_of_costs(customer: Shell, found: list[Charge]) -> None:
    """Groups with amounts, shares, bars and a total, and a line for the days that are not final."""
    shown = customer("costs", "--by", "model", *OCTOBER, "--only", "provider=openai", "--compare")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == "Billed, 2026-10-01 to 2026-10-31, before: 2026-09-01 to 2026-09-30"
    assert lines[2].split() == ["MODEL", "USD", "BEFORE", "CHANGE", "SHARE"]
    assert [line.split()[0] for line in lines[3:8]] == [*sorted_models(found), "unattributed", "total"]
    october = total(found, lambda each: each.provider == "openai" and each.day.month == 10)
    assert lines[7].split()[1] == str(october.quantize(Decimal("0.01")))
    assert "█" * 16 in shown.stdout
    loaded = {each.day for each in found if each.provider == "openai" and each.day.month in (9, 10)}
    assert f"? openai: {len(loaded)} of 61 days unknown, {min(loaded)} … {max(loaded)}" in lines


def sorted_models(found: list[Charge]) -> list[str]:
    """Models by what they cost in the month in which they cost more."""

    def size(model: str) -> Decimal:
        of_model = [each for each in found if each.model == model]
        return max(total(each for each in of_model if each.day.month == month) for month in (9, 10))

    return sorted({each.model for each in found if each.model}, key=size, reverse=True)


def test_programs_get_the_api_s_answer(customer: Shell) -> None:
    """`--json` prints the document, `--csv` its amounts; both at once are refused."""
    document = customer.json("costs", "--by", "provider,region", *OCTOBER, "--not", "service=BigQuery")
    printed = customer("costs", "--by", "provider", "--by", "region", *OCTOBER, "--not", "service=BigQuery", "--csv")
    amounts = [each["amount"] for each in csv.DictReader(io.StringIO(printed.stdout))]
    assert amounts == [
        amount for sums in document["results"] for group in sums["groups"] for amount in group["amounts"]
    ]
    assert customer("costs", "--csv", "--json").exit_code == 2


def test_a_million_tokens(customer: Shell, found: list[Charge]) -> None:
    """Prices have all of their digits, and agree with a computation in Decimal."""
    shown = customer("unit-costs", *OCTOBER, "--only", "token_type=output", "--compare")
    assert shown.exit_code == 0, shown.output
    for model in ("gpt-6", "gpt-6-mini", "o4"):
        prices = []
        for month in (10, 9):
            of_model = [c for c in found if c.model == model and c.token_type == "output" and c.day.month == month]
            with localcontext(prec=100):
                price = total(of_model) / sum(c.tokens or 0 for c in of_model) * 1_000_000
                prices.append(str(price.quantize(Decimal("1e-9"), ROUND_HALF_UP)))
        line = next(line for line in shown.stdout.splitlines() if line.startswith(f"{model} · output"))
        assert line.split()[4:6] == prices


@pytest.mark.parametrize("text", ["model", "tag=team", "model:x=1", "nonsense=1", "tag"])
def test_what_is_no_filter(customer: Shell, text: str) -> None:
    """A filter that is not understood is wrong usage, and says how to write one."""
    refused = customer("costs", "--only", text)
    assert (refused.exit_code, "is no filter" in refused.output) == (2, True)


def test_a_month_is_all_its_days(customer: Shell) -> None:
    """The same answer as with its first and last day; with another day beside it it is refused.

    The month that goes on has yesterday as its last day, but where months of invoices are asked for, which are whole.
    """
    by_days, by_month = customer("costs", *OCTOBER, "--compare"), customer("costs", "--month", "2026-10", "--compare")
    assert by_month.stdout == by_days.stdout
    assert customer("costs", "--month", "2026-10", "--until", "2026-10-02").exit_code == 2
    assert customer("costs", "--month", "this", "--basis", "invoice_month").exit_code == 0


def test_a_month_is_compared_up_to_its_last_loaded_day(customer: Shell, found: list[Charge]) -> None:
    """Eleven days of November are loaded: the same days of October are beside them, in table, document and file.

    A last day that is named stays, and days that are counted back end with the last loaded one too.
    """
    month = ("--month", "2026-11", "--compare", "--only", "provider=openai")
    shown = customer("costs", *month)
    last = max(each.day for each in found if each.provider == "openai").day
    assert shown.stdout.startswith(
        f"Billed, 2026-11-01 to 2026-11-{last:02}, before: 2026-10-01 to 2026-10-{last:02}\n"
    )
    document = customer.json("costs", *month)
    for word, number in (("total", 11), ("previous_total", 10)):
        exact = total(found, lambda c: c.provider == "openai" and c.day.month == number and c.day.day <= last)  # noqa: B023
        assert Decimal(document["results"][0][word]) == exact
    rows = list(csv.DictReader(io.StringIO(customer("costs", *month, "--csv").stdout)))
    assert {(row["start"], row["end"]) for row in rows if row["period"] == "previous"} == {
        ("2026-10-01", f"2026-10-{last:02}")
    }
    assert customer("unit-costs", *month).stdout.startswith("Cost of a million tokens, billed, 2026-11-01 to 2026-11-")
    named = customer("costs", "--since", "2026-11-01", "--until", "2026-11-20", "--compare").stdout
    assert named.startswith("Billed, 2026-11-01 to 2026-11-20, before: 2026-10-12 to 2026-10-31\n")


def test_nothing_was_charged(customer: Shell) -> None:
    """An empty answer is a sentence."""
    assert "Nothing was charged." in customer("costs", "--only", "model=nobody", *OCTOBER).stdout
    assert "No tokens were charged." in customer("unit-costs", "--only", "model=nobody", *OCTOBER).stdout


LABELS: dict[str, Any] = {
    "labels": [
        {
            "name": "team",
            "rules": [
                {"when": [{"dimension": "provider", "one_of": ["openai"]}], "value": "search"},
                {"shares": [{"value": "search", "share": "0.6"}, {"value": "data", "share": "0.4"}]},
            ],
        }
    ]
}


def test_labels_are_tried_set_and_shown(customer: Shell, tmp_path: Path) -> None:
    """What `show` prints `set` reads; a dry run changes nothing; `--over` is refused once another version counts."""
    assert customer.json("labels", "show")["version"] == 0
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(LABELS), encoding="utf-8")
    tried = customer("labels", "set", str(file), "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert tried.stdout.splitlines()[1].split() == ["LABEL", "VALUE", "BEFORE", "AFTER", "CHANGE"]
    assert {tuple(line.split()[:3]) for line in tried.stdout.splitlines()[2:]} == {
        ("team", value, currency) for value in ("search", "data", "unattributed") for currency in ("EUR", "USD")
    }
    assert customer("labels", "set", str(file)).exit_code == 2  # it asks, and nobody is there
    done = customer("labels", "set", str(file), "--over", "0", "--yes")
    assert (done.exit_code, done.stdout.startswith("Version 1, recorded at")) == (0, True)
    assert customer("labels", "set", str(file), "--yes").stdout.startswith("Nothing has changed.")
    shown = customer("labels", "show")
    assert json.loads(shown.stdout) == LABELS
    stale = customer("labels", "set", "-", "--over", "0", "--yes", stdin='{"labels": []}')
    assert (stale.exit_code, "Version 1 counts, not 0." in stale.stderr) == (2, True)
    table = customer("costs", "--by", "label:team", *OCTOBER, "--not", "label:team=data").stdout
    assert "LABEL:TEAM" in table
    assert [line.split()[0] for line in table.splitlines() if line.startswith(("search", "data"))] == ["search"] * 2


@pytest.mark.parametrize(("text", "words"), [("{", "is no JSON"), ("[]", "must have a JSON object")])
def test_what_is_no_file_of_labels(customer: Shell, text: str, words: str) -> None:
    """Wrong usage, before anything is sent."""
    refused = customer("labels", "set", "-", "--yes", stdin=text)
    assert (refused.exit_code, words in refused.stderr) == (2, True)
