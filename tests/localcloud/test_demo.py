"""What the demo prints of costs reads well in a terminal, and names the day on which something went wrong."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from localcloud.company.activity import Account
from localcloud.demo_costs import Cost, report
from localcloud.onboarding import OnboardedOrg

SINCE = date(2026, 8, 31)
YESTERDAY = SINCE + timedelta(days=89)
MISTAKE = Account("acmecorp", SINCE).mistake[0]
LONG = "A service with a name that is longer than any line of a terminal would ever want it to be"


def costs(first: date, last: date) -> list[Cost]:
    """A cost of each of twelve services a day, one of which jumps on the day of the mistake."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    jumped = {(MISTAKE, 5): 500}
    return [
        Cost(day, "Google Cloud", LONG if number == 3 else f"Service {number}", "Production", "USD",
             Decimal(10 * number + jumped.get((day, number), 0)))
        for day in days
        for number in range(12)
    ]  # fmt: skip


def printed(since: str, first: date, last: date = YESTERDAY) -> list[str]:
    return report(OnboardedOrg("acmecorp", "", {}, since=since), last, costs(first, last)).splitlines()


@pytest.mark.parametrize("first", [SINCE, YESTERDAY - timedelta(days=2), YESTERDAY], ids=["past", "few days", "a day"])
def test_it_fits_a_terminal(first: date) -> None:
    """No line is longer than 80 characters or ends in blanks, however many days there are and however long a name."""
    lines = printed(SINCE.isoformat(), first)
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_it_sums_up_the_month() -> None:
    """The month to date is told by provider and service, the small ones together, and adds up."""
    lines = printed(SINCE.isoformat(), SINCE)
    days = YESTERDAY.day
    assert lines[1] == f"acmecorp: 1 to {days} November 2026, before tax"
    assert [line.split()[1] for line in lines if line.startswith("    together")] == [f"{660 * days + 500:,.2f}"] * 2
    assert any(line.startswith("    4 others") for line in lines)


def test_it_names_the_day_of_the_mistake() -> None:
    """The day that stands out is told with what has grown, where its week before is there too; else nothing is."""
    lines = printed(SINCE.isoformat(), SINCE)
    (place,) = (number for number, line in enumerate(lines) if line.startswith("  one day stands out"))
    assert f"{MISTAKE:%A, %-d %B %Y}" in lines[place]
    assert lines[place + 2].split() == ["Service", "5,", "Production", "550.00", "a", "week", "before", "50.00"]
    assert not [line for line in printed("", SINCE) if "stands out" in line]
    assert not [line for line in printed(SINCE.isoformat(), YESTERDAY) if "stands out" in line]


def test_it_tells_what_moved() -> None:
    """With two weeks of days the changes of the last one are told, the greatest first; with fewer they are not."""
    grown = [
        Cost(YESTERDAY - timedelta(days=ago), "OpenAI", "OpenAI API", "Assistant", "USD", Decimal(3 if ago < 7 else 1))
        for ago in range(14)
    ]
    org = OnboardedOrg("acmecorp", "", {})
    lines = report(org, YESTERDAY, [*costs(YESTERDAY - timedelta(days=13), YESTERDAY), *grown]).splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("  moved most"))
    assert lines[place + 1].split() == ["OpenAI:", "OpenAI", "API", "+14.00", "from", "7.00"]
    assert not [line for line in printed("", YESTERDAY) if "moved most" in line]
