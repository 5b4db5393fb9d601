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


DAY = Day()
