"""What a day's pages are read as: rows, digests, sums, notes and errors are those that were recorded."""

import json
from pathlib import Path
from random import Random

import pytest

from cloudact.runs.result import Difference, Earlier, Previous
from jobs.unchanged import is_loaded
from providers.openai.reports import COST_TABLE as OPENAI_COSTS
from tests.conftest import fixture
from tests.providers.generated import COSTS, REPORTS, pages
from tests.providers.readings import read

RECORDED = Path(__file__).with_name("digests.json")
# Each case is a report and how many of a thousand rows are odd.
CASES = [(name, odd) for name in REPORTS for odd in (0, 2, 1000)]
SHIPPED = {
    "openai_usage": ("openai_usage_completions", "openai_usage_completions_legacy_shape"),
    "openai_images": ("openai_usage_images",),
    "openai_costs": ("openai_costs_page1", "openai_costs_page2", "openai_costs_string_amounts"),
    "anthropic_usage": ("anthropic_usage_report_messages_page1", "anthropic_usage_report_messages_page2"),
    "anthropic_costs": ("anthropic_cost_report_page1", "anthropic_cost_report_page2"),
    "analytics_usage": ("anthropic_analytics_usage",),
    "analytics_costs": ("anthropic_analytics_cost_page1", "anthropic_analytics_cost_page2"),
    "claude_code": ("anthropic_usage_report_claude_code",),
}


def recorded(case: str) -> object:
    return json.loads(RECORDED.read_text(encoding="utf-8"))[case]


def generated(name: str, odd: int) -> dict[str, object]:
    """The golden of 12 small pages, or of 60 pages of two rows, all odd, each read by itself."""
    random = Random(f"{name} {odd}")
    if odd < 1000:
        bodies = pages(random, REPORTS[name], [60, 0, 1, *[40] * 9], lambda it: it.randrange(1000) < odd)
        return read(REPORTS[name], bodies).golden
    singles = [pages(random, REPORTS[name], [2], lambda _: True) for _ in range(60)]
    return {"all": [list(read(REPORTS[name], bodies).golden.values()) for bodies in singles]}


def of_fixtures(name: str) -> dict[str, object]:
    """The golden of the provider's own examples, one page after the other."""
    found = [fixture(f"{file}.json") for file in SHIPPED[name]]
    bodies = []
    for number, page in enumerate(found, 1):
        more = number < len(found)
        bodies.append(json.dumps(page | {"has_more": more, "next_page": str(number) if more else None}).encode())
    return read(REPORTS[name], bodies).golden


@pytest.mark.parametrize(("name", "odd"), CASES)
def test_generated_pages_are_read_as_recorded(name: str, odd: int) -> None:
    """Plain rows, a few odd ones among them, and pages where every row is odd give what they gave before."""
    assert json.loads(json.dumps(generated(name, odd))) == recorded(f"{name} {odd}")


@pytest.mark.parametrize("name", SHIPPED)
def test_examples_of_the_providers_are_read_as_recorded(name: str) -> None:
    """The providers' own examples give what they gave before."""
    assert json.loads(json.dumps(of_fixtures(name))) == recorded(f"fixtures {name}")


def test_a_number_that_is_spelled_anew_is_loaded_once() -> None:
    """Where `raw` spells a number otherwise than before, the day is loaded, costs the same, and is unchanged then."""
    before, after = (
        read(COSTS, [b'{"data":[{"start_time":1794268800,"results":[{"amount":{"value":%b,"currency":"usd"}}]}],'
                     b'"has_more":false}' % literal]).fingerprint
        for literal in (b"0.00001", b"1e-05")
    )  # fmt: skip
    had = {OPENAI_COSTS.name: 1}
    loaded = [is_loaded(after, Earlier(Previous(run_id="r", generation=1, fingerprint=each), untouched=True), had)
              for each in (before, after)]  # fmt: skip
    difference = Difference.of(after, before)
    assert (loaded, difference.rows, difference.cost) == ([False, True], 0, {})


def record() -> None:
    """Writes the goldens anew: only where what is stored is meant to change, with the reason in the commit."""
    found = {f"{name} {odd}": generated(name, odd) for name, odd in CASES}
    found |= {f"fixtures {name}": of_fixtures(name) for name in SHIPPED}
    RECORDED.write_text(json.dumps(found, indent=0, ensure_ascii=True, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
