"""UTC days as options take them."""

import re
from datetime import UTC, date, datetime, timedelta

import click

_BACK = re.compile(r"(\d{1,4})d")


class Day(click.ParamType[str]):
    """Parameter that is a UTC day: a date, `today`, `yesterday`, or `3d`, which is three days ago."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Date as the API takes it."""
        text = str(value).strip().lower()
        today = datetime.now(UTC).date()
        back = {"today": 0, "yesterday": 1}.get(text)
        if match := _BACK.fullmatch(text):
            back = int(match[1])
        if back is not None:
            return (today - timedelta(days=back)).isoformat()
        try:
            return date.fromisoformat(text if len(text) == 10 else "").isoformat()
        except ValueError:
            self.fail(f"{value} is no day: write YYYY-MM-DD, today, yesterday, or 3d for three days ago.", param, ctx)

    def get_metavar(self, *_args: object, **_context: object) -> str:
        """Placeholder in help texts."""
        return "DAY"


class Month(click.ParamType[str]):
    """Parameter that is a UTC month: `2026-10`, `this`, or `last`, which is the one before this."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """First day of the month, as a date."""
        text = str(value).strip().lower()
        first = datetime.now(UTC).date().replace(day=1)
        if text in ("this", "last"):
            return (first if text == "this" else (first - timedelta(days=1)).replace(day=1)).isoformat()
        try:
            return date.fromisoformat(f"{text}-01" if len(text) == 7 else "").isoformat()
        except ValueError:
            self.fail(f"{value} is no month: write YYYY-MM, this, or last.", param, ctx)

    def get_metavar(self, *_args: object, **_context: object) -> str:
        """Placeholder in help texts."""
        return "MONTH"


def last_day_of(first: str, *, is_whole: bool = False) -> str:
    """Last day of the month with this first day, or yesterday in the month that goes on, unless it begins today.

    A whole month ends with its last day, also while it goes on.
    """
    day = date.fromisoformat(first)
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    today = datetime.now(UTC).date()
    return (last if is_whole or last < today else max(day, today - timedelta(days=1))).isoformat()


DAY = Day()
MONTH = Month()
