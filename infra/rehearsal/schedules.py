"""Times at which Cloud Scheduler calls: crontab lines and time zones.

Crontab: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules. Google's English-like schedules are not
known here, and not used.
"""

import re
import zoneinfo
from itertools import pairwise

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, weekday
_NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def is_cron(line: str) -> bool:
    """Whether a crontab line has five fields, each within its bounds."""
    fields = line.split()
    return len(fields) == len(_FIELDS) and all(
        _is_part(index, part) for index, field in enumerate(fields) for part in field.split(",")
    )


def is_time_zone(name: str) -> bool:
    """Whether the tz database has the zone."""
    return name in zoneinfo.available_timezones()


def _is_part(index: int, part: str) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match[3] == "0":
        return False
    lowest, highest = _FIELDS[index]
    numbers = [_number(index, word) for word in match.groups()[:2] if word is not None]
    return all(lowest <= number <= highest for number in numbers) and all(a <= b for a, b in pairwise(numbers))


def _number(index: int, word: str) -> int:
    if word.isdigit():
        return int(word)
    names = _NAMES.get(index, ())
    offset = 1 if index == 3 else 0
    return names.index(word.lower()) + offset if word.lower() in names else -1
