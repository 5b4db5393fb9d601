"""Which days a load may make smaller: those of exports by rows, those of providers by rows and money."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from cloudact.errors import Stop
from cloudact.notify.notifications import cost_fell
from cloudact.runs.load import Part
from cloudact.runs.result import Completeness, CostFall, Earlier, Fingerprint, Result, SourceDay, TableContent
from cloudact.runs.run import Run, TriggerType
from jobs.shrinking import cost_falls, refuse_shrinking
from localcloud.providers.keys import Restatement
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, billing_run
from tests.jobs.conftest import RunJob, detail, table
from tests.jobs.exports import Exports, row
from tests.jobs.test_usage_cost_run import COSTS, key_of, llm_run, messages, rows_of

SETTLING, PROVISIONAL = Completeness.SETTLING, Completeness.PROVISIONAL


def read(rows: int, source: bool = False, **cost: str) -> Fingerprint:
    """A day of one table."""
    told = SourceDay(table="p.d.t", created=None, keeps_days=None, rows=rows, cost={}, oldest=None, newest=None)
    amounts = {currency: Decimal(amount) for currency, amount in cost.items()}
    tables = {"t": TableContent(rows=rows, digest="")}
    return Fingerprint(rows=rows, cost=amounts, source_as_of=None, tables=tables, source=told if source else None)


def result_of(had: Fingerprint, completeness: Completeness = SETTLING) -> Result:
    """Result of a run that has read this."""
    told = {"fingerprint": had, "previous": None, "difference": None, "unchanged": False, "completeness": completeness}
    return Result.model_validate(told)


def refused(
    had: Fingerprint,
    found: Fingerprint,
    completeness: Completeness | None = SETTLING,
    *,
    day_over: bool = True,
    table_rows: int | None = None,
    of_money: bool = True,
    coarser: bool = False,
    once: Fingerprint | None = None,
) -> bool:
    """Whether a day that had this is kept; `None` is one of which nothing is told. `once` is the most it ever had."""
    last = result_of(had, completeness) if completeness else None
    highest = dict.fromkeys(once.cost, once) if once else {}
    try:
        parts = [Part("org", "t", Path("t"), found.rows, (), of_money, coarser)]
        rows = had.rows if table_rows is None else table_rows
        told_fewer = refuse_shrinking(
            parts, {"t": rows}, found, Earlier(result=last, day_over=day_over, highest_settled=highest)
        )
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


def test_steps_are_judged_like_one() -> None:
    """A settled day that has come down from 600 to 350 is kept where 250 are told: less than half of 600."""
    once = read(3, USD="600")
    assert not refused(read(3, USD="350"), read(3, USD="300"), once=once)
    assert refused(read(3, USD="350"), read(3, USD="299"), once=once)
    assert not refused(read(3, USD="250"), read(3, USD="250"), once=once)
    assert not refused(read(3, USD="-50"), read(3, USD="-40"), once=once)  # what it once had says nothing of credits
    assert not refused(read(3, USD="350"), read(3, USD="250"), PROVISIONAL, once=once)


def fallen(once: Fingerprint, last: Fingerprint | None, found: Fingerprint) -> list[tuple[str, str]]:
    """What is told of a load: the amount before and after."""
    earlier = Earlier(result=result_of(last, PROVISIONAL) if last else None, highest=dict.fromkeys(once.cost, once))
    parts = [Part("org", "t", Path("t"), found.rows, ()), Part("org", "usage", Path("u"), 99, (), of_money=False)]
    return [(str(fall.before), str(fall.after)) for fall in cost_falls(parts, found, earlier)]


@pytest.mark.parametrize(
    ("last", "found", "told"),
    [
        (read(3, USD="600"), read(3, USD="299"), True),
        (read(3, USD="600"), read(3, USD="300"), False),
        (read(3, USD="600"), read(2, USD="299"), True),  # a row less is no excuse
        (read(3, USD="600"), read(4, USD="-1"), False),  # an export's correction
        (read(3, USD="300"), read(3, USD="150"), True),
        (read(3, USD="37.5"), read(3, USD="18.75"), True),
        (read(3, USD="150"), read(3, USD="150"), False),  # told when it fell
        (read(3, USD="150"), read(3, USD="200"), False),
        (read(3, USD="600"), read(3), True),
        (None, read(3, USD="150"), True),
    ],
)
def test_a_fall_that_is_loaded_is_told(last: Fingerprint | None, found: Fingerprint, told: bool) -> None:
    """A day that falls below half of the 600 that it once cost, in three rows or fewer."""
    once = read(3, source=True, USD="600")
    cost = found.cost.get("USD", Decimal())
    assert fallen(once, last, found) == ([("600", str(cost))] if told else [])


def test_a_fall_is_told_once() -> None:
    """What changes a little below half tells nothing more; what passes a quarter, or loses as much again, does."""
    once = read(3, USD="1000")
    amounts = ["1000", "400", "399.99999", "399.98", "300", "249", "250.5", "251", "120", "0", "-1", "-600"]
    told = [after for last, after in pairwise(amounts) if fallen(once, read(3, USD=last), read(3, USD=after))]
    assert told == ["400", "249", "120", "0", "-600"]
    assert fallen(once, read(3), read(3)) == []  # gone for good, told when it went


def test_cents_and_credits() -> None:
    """A cent is no fall; of credits the loss of more than half is one, and their growth is not."""
    assert fallen(read(3, USD="0.01"), read(3, USD="0.01"), read(3)) == []
    assert fallen(read(3, USD="-50"), read(3, USD="-50"), read(3, USD="-20")) == [("-50", "-20")]
    assert fallen(read(3, USD="-50"), read(3, USD="-50"), read(3, USD="-90")) == []


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
def test_a_provider_that_tells_much_less(local: Local, new_org: NewOrgs, run_job: RunJob, provider: str) -> None:
    """A settled day stays as it was, the run is FAILED with what it would have lost, and force_refresh replaces."""
    org = new_org()
    run_job(llm_run(org, provider))
    key = key_of(local, org, provider).key
    for generation, factor in ((2, "0.4"), (4, "0")):
        before = rows_of(local, org, COSTS[provider])
        local.providers.keys.restate(Restatement(key=key, date=FIXTURE_DAY, factor=Decimal(factor)))
        again = llm_run(org, provider, generation=generation)
        run_job(again)
        told = detail(local, again)
        assert (told["status"], told["error_code"]) == ("FAILED", "result_shrunk"), factor
        assert rows_of(local, org, COSTS[provider]) == before != [], factor
        forced = llm_run(org, provider, generation=generation + 1, force_refresh=True)
        run_job(forced)
        assert detail(local, forced)["status"] == "SUCCESS", factor
        assert rows_of(local, org, COSTS[provider]) != before, factor


EVENTS = ("run_failed", "cost_fell")


def told_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Events that an org was told of: type and run."""
    lines = [getattr(record, "fields", {}) for record in caplog.records]
    return [(line["event"], line["run_id"]) for line in lines if line.get("event") in EVENTS]


def test_an_export_that_falls_in_five_steps(
    local: Local, new_org: NewOrgs, run_job: RunJob, caplog: pytest.LogCaptureFixture
) -> None:
    """Each step halves the money in the same rows. The first leaves half; each later one is loaded with a WARNING and
    an event that name the first amount, and a run that finds nothing new tells nothing."""
    org = new_org()
    exports = Exports(local, org)
    exports.make()
    exports.add([row(FIXTURE_DAY, cost=320.0)])
    run_job(billing_run(org))
    for step, left in enumerate((160, 80, 40, 20, 10), 1):
        caplog.clear()
        at = f"{FIXTURE_DAY + timedelta(days=step)} 09:00:00 UTC"
        exports.add([row(FIXTURE_DAY, cost=-float(left), export_time=at)])
        run = billing_run(org, generation=2 * step)
        run_job(run)
        text = f"The day costs {left} USD now, in no more rows: less than half of the 320 USD that it had."
        assert (("WARNING", text) in messages(local, run)) is (step > 1)
        assert told_of(caplog) == ([("cost_fell", run.run_id)] if step > 1 else [])
        run_job(billing_run(org, generation=2 * step + 1))
        assert len(told_of(caplog)) == (step > 1)
    assert [(each["net_cost"], each["source_row_count"]) for each in table(local, org)] == [(Decimal(10), 6)]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_provider_that_falls_in_steps(
    local: Local, new_org: NewOrgs, run_job: RunJob, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a settled day the step that leaves less than half of the first amount fails, as one such step would; forced
    it is loaded with a WARNING and an event, and what it leaves is what later steps are judged against."""
    org = new_org()
    run_job(llm_run(org, provider))
    key = key_of(local, org, provider).key
    factors = {2: "0.6", 3: "0.4", 4: "0.4", 5: "0.3"}
    for generation, factor in factors.items():
        local.providers.keys.restate(Restatement(key=key, date=FIXTURE_DAY, factor=Decimal(factor)))
        run_job(llm_run(org, provider, generation=generation, force_refresh=generation == 4))
    found = {generation: detail(local, llm_run(org, provider, generation=generation)) for generation in factors}
    assert [told["status"] for told in found.values()] == ["SUCCESS", "FAILED", "SUCCESS", "SUCCESS"]
    assert found[3]["error_code"] == "result_shrunk"
    assert " USD once" in found[3]["error_message"]
    assert told_of(caplog) == [("run_failed", found[3]["run_id"]), ("cost_fell", found[4]["run_id"])]
    warned = [
        generation
        for generation in factors
        if any("less than half" in text for _, text in messages(local, llm_run(org, provider, generation=generation)))
    ]
    assert warned == [4]


def test_what_an_org_is_told_of_a_fall() -> None:
    """The run, its date, and each amount before and after, exactly and as text."""
    run = Run(
        org_slug="acme", pipeline="gcp_billing", provider="gcp", domain="cost", name="billing", triggered_by="me",
        date=FIXTURE_DAY, generation=2, trigger_type=TriggerType.API, requested_at=NOON,
    )  # fmt: skip
    told = cost_fell(run, [CostFall("USD", Decimal("600.00"), Decimal("1E+2"))], NOON)
    data = json.loads(told.body)["data"]
    assert data["costs"] == [{"currency": "USD", "before": "600", "after": "100"}]
    assert (data["run_id"], data["date"], told.id) == (run.run_id, "2026-11-10", cost_fell(run, [], NOON).id)
