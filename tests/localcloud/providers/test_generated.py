"""Large days are made once, and not all of them are kept."""

from functools import partial

from localcloud.providers.facts import Fact
from localcloud.providers.generated import Generated
from tests.localcloud.providers.conftest import WINDOW, NewClient

COMPLETIONS = "/v1/organization/usage/completions"


def test_a_day_is_made_once_while_it_is_kept() -> None:
    """What was used last is kept, up to a number of facts; the rest is made again."""
    made: list[str] = []
    generated = Generated(most=5)

    def two_facts(name: str) -> list[Fact]:
        made.append(name)
        return [Fact((), ())] * 2

    for name in ("a", "b", "a", "c", "a", "b"):
        generated.get(name, partial(two_facts, name))
    assert made == ["a", "b", "c", "b"]


def test_many_pages_of_a_large_day(openai: NewClient) -> None:
    """A day of thousands of rows comes page by page, each row once."""
    client = openai(rows=4000, page_results=667)
    pages = list(
        client.pages(COMPLETIONS, **WINDOW, **{"group_by[]": ["api_key_id", "model", "batch", "service_tier"]})
    )
    assert [len(page["data"][0]["results"]) for page in pages] == [667, 667, 667, 667, 667, 665]
