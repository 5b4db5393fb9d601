"""Which days a load may make smaller: those of exports by rows, those of providers by rows and money."""

from decimal import Decimal
from pathlib import Path

import pytest

from cloudact.errors import Stop
from cloudact.runs.load import Part
from cloudact.runs.result import Completeness, Earlier, Fingerprint, Result, SourceDay, TableContent
from jobs.shrinking import refuse_shrinking
from localcloud.providers.keys import Restatement
from tests.conftest import FIXTURE_DAY, Local, NewOrgs
from tests.jobs.conftest import RunJob, detail
from tests.jobs.test_usage_cost_run import COSTS, key_of, llm_run, rows_of

SETTLING, PROVISIONAL = Completeness.SETTLING, Completeness.PROVISIONAL


def read(rows: int, source: bool = False, **cost: str) -> Fingerprint:
    """A day of one table."""
    told = SourceDay(table="p.d.t", created=None, keeps_days=None, rows=rows, cost={}, oldest=None, newest=None)
    amounts = {currency: Decimal(amount) for currency, amount in cost.items()}
    tables = {"t": TableContent(rows=rows, digest="")}
    return Fingerprint(rows=rows, cost=amounts, source_as_of=None, tables=tables, source=told if source else None)


def refused(
    had: Fingerprint,
    found: Fingerprint,
    completeness: Completeness | None = SETTLING,
    *,
    day_over: bool = True,
    table_rows: int | None = None,
    of_money: bool = True,
    coarser: bool = False,
) -> bool:
    """Whether a day that had this is kept; `None` is one of which nothing is told."""
    told = {"fingerprint": had, "previous": None, "difference": None, "unchanged": False, "completeness": completeness}
    last = Result.model_validate(told) if completeness else None
    try:
        parts = [Part("org", "t", Path("t"), found.rows, (), of_money, coarser)]
        rows = had.rows if table_rows is None else table_rows
        told_fewer = refuse_shrinking(parts, {"t": rows}, found, Earlier(result=last, day_over=day_over))
        assert bool(told_fewer) is (found.rows * 2 < rows and rows >= (100 if of_money else 20))
    except Stop as err:
        return err.code == "result_shrunk" and "force_refresh" in err.hint
    return False


@pytest.mark.parametrize(
    ("had", "found", "expected"),
    [
        (read(3, USD="600"), read(3, USD="299"), True),
        (read(3, USD="600"), read(3, USD="300"), False),
        (read(3, USD="600"), read(4, USD="-1"), True),
        (read(3, USD="600"), read(3), True),
        (read(3, USD="600"), read(0), True),
        (read(9, USD="600"), read(4, USD="599"), True),
        (read(9, USD="600"), read(4, USD="600"), False),  # a dimension less, the same money
        (read(9, USD="600"), read(4, USD="601"), False),
        (read(3, USD="600", EUR="1"), read(2, USD="600"), True),
        (read(3, USD="-50"), read(3, USD="-10"), True),
        (read(3, USD="-50"), read(3, USD="0"), True),
        (read(3, USD="-50"), read(3, USD="-60"), False),
        (read(3, USD="0.008"), read(3, USD="0.001"), False),
        (read(3), read(0), True),
        (read(0), read(0), False),
        (read(0), read(3, USD="5"), False),
        (read(100, USD="5"), read(49, USD="5"), False),  # the same, and a warning
        (read(100, USD="5"), read(49, USD="4.9"), True),
        (read(100, USD="0"), read(49, USD="0"), True),
        (read(100), read(49), True),
    ],
)
def test_a_settled_day_of_a_provider(had: Fingerprint, found: Fingerprint, expected: bool) -> None:
    """It is kept where it would lose half of its money in a currency, all rows, or half of them and some money."""
    assert refused(had, found) is expected
    assert refused(had, found, Completeness.FINAL) is expected


@pytest.mark.parametrize("completeness", [None, PROVISIONAL])
def test_a_day_that_is_not_settled(completeness: Completeness | None) -> None:
    """Of a provisional day, and of one of which nothing is told, only many rows are guarded whose money is not kept."""
    assert not refused(read(3, USD="600"), read(0), completeness)
    assert refused(read(100, USD="600"), read(49, USD="599"), completeness)
    assert refused(read(100, USD="600"), read(49, USD="600"), completeness) is (completeness is None)


def test_a_day_with_an_amount_missing() -> None:
    """It is provisional for its sum, and settled for what must not vanish; not while the day was going on."""
    had = read(3, USD="600").model_copy(update={"unpriced": 1})
    for found in (read(0), read(1, USD="0.01")):
        assert refused(had, found, PROVISIONAL)
        assert not refused(had, found, PROVISIONAL, day_over=False)
    nothing = read(0).model_copy(update={"unpriced": 1})
    assert not refused(nothing, read(0), PROVISIONAL)


def test_a_day_of_an_export() -> None:
    """What an export tells whole may be any money: its corrections are rows of their own. Many rows may become few
    where the money stays."""
    assert not refused(read(3, True, USD="600"), read(3, True, USD="-1"))
    assert not refused(read(100, True, USD="600"), read(49, True, USD="600"))
    assert refused(read(100, True, USD="600"), read(49, True, USD="300"))


def test_money_that_is_not_known() -> None:
    """Where the table has other rows than the last run has told, nobody can say that its money stays."""
    assert refused(read(100, USD="5"), read(49, USD="5"), table_rows=120)


def test_usage() -> None:
    """It has no money: of a settled day less than half of twenty rows is too little, unless a dimension is refused."""
    assert refused(read(80), read(1), of_money=False)
    assert refused(read(80, USD="5"), read(1, USD="5"), of_money=False)
    assert not refused(read(80), read(40), of_money=False)
    assert not refused(read(19), read(1), of_money=False)
    assert not refused(read(80), read(1), PROVISIONAL, of_money=False)
    assert refused(read(100), read(1), PROVISIONAL, of_money=False)
    assert not refused(read(80), read(1), coarser=True, of_money=False)
    assert refused(read(80), read(0), coarser=True, of_money=False)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("factor", ["0", "0.4"])
def test_a_provider_that_tells_much_less(
    local: Local, new_org: NewOrgs, run_job: RunJob, provider: str, factor: str
) -> None:
    """A settled day stays as it was, the run is FAILED with what it would have lost, and force_refresh replaces."""
    org = new_org()
    run_job(llm_run(org, provider))
    before = rows_of(local, org, COSTS[provider])
    key = key_of(local, org, provider).key
    local.providers.keys.restate(Restatement(key=key, date=FIXTURE_DAY, factor=Decimal(factor)))
    again = llm_run(org, provider, generation=2)
    run_job(again)
    told = detail(local, again)
    assert (told["status"], told["error_code"]) == ("FAILED", "result_shrunk")
    assert rows_of(local, org, COSTS[provider]) == before
    run_job(llm_run(org, provider, generation=3, force_refresh=True))
    assert detail(local, llm_run(org, provider, generation=3))["status"] == "SUCCESS"
    assert rows_of(local, org, COSTS[provider]) != before
