"""How busy an invented company is on a day: weekdays, growth, a launch, and one mistake. In per mille, so exact."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import sha256

from localcloud.company.companies import COMPANIES

TUESDAY = 1
LAUNCH_AFTER, MISTAKE_AFTER = timedelta(days=42), timedelta(days=66)  # from the first day; then the next Tuesday
RAMP_DAYS = 5
GROWTH = 2  # per mille of the first day's traffic, each day
NOISE = 35  # per mille, up or down


class Load(Enum):
    """What a line of usage follows."""

    STEADY = "runs around the clock"
    TRAFFIC = "customers, most of whom work on weekdays"
    ASSISTANT = "customers of the product that is launched"
    WORK = "the company's own people"
    NIGHTLY = "jobs over what the day has brought"
    MISTAKE = "what somebody forgot to stop"


EVERY_DAY = (1000,) * 7
WEEK = {  # per mille of Monday to Sunday
    Load.STEADY: EVERY_DAY,
    Load.TRAFFIC: (1030, 1060, 1070, 1050, 990, 640, 610),
    Load.ASSISTANT: (1030, 1070, 1080, 1060, 980, 560, 540),
    Load.WORK: (1050, 1100, 1110, 1080, 960, 140, 110),
    Load.NIGHTLY: (980, 1000, 1010, 1000, 1000, 720, 700),
    Load.MISTAKE: EVERY_DAY,
}
LAUNCHED = {Load.TRAFFIC: 1120, Load.ASSISTANT: 1900, Load.NIGHTLY: 1080}  # per mille, once the ramp is over
GROWING = frozenset({Load.TRAFFIC, Load.ASSISTANT, Load.NIGHTLY})


@dataclass(frozen=True)
class Account:
    """A company of `catalogue.COMPANIES` with the first day of which it has data; nothing is used before."""

    company: str
    since: date

    @property
    def launch(self) -> date:
        """The day on which its assistant is launched."""
        return _next(TUESDAY, self.since + LAUNCH_AFTER)

    @property
    def mistake(self) -> tuple[date, date]:
        """Both days on which a pool of GPUs runs that nobody needs."""
        first = _next(TUESDAY, self.since + MISTAKE_AFTER)
        return first, first + timedelta(days=1)

    def used(self, day: date, load: Load, line: str, amount: int) -> int:
        """What a line has on this day, in whole units; `amount` is what a company of the scale 1 has on Mondays."""
        return int(amount * COMPANIES[self.company].scale * self.per_million(day, load, line) / 1_000_000)

    def per_million(self, day: date, load: Load, line: str) -> int:
        """How much of its usual Monday a line has on this day; 0 where it has none."""
        if day < self.since or (load is Load.MISTAKE and day not in self.mistake):
            return 0
        busy = WEEK[load][day.weekday()] * self._level(day, load) // 1000
        return busy * (1000 if load in (Load.STEADY, Load.MISTAKE) else self._noise(day, line))

    def _level(self, day: date, load: Load) -> int:
        days = (day - self.since).days if load in GROWING else 0
        level = 1000 + GROWTH * days
        steps = min(max((day - self.launch).days + 1, 0), RAMP_DAYS)
        return level * (1000 + (LAUNCHED.get(load, 1000) - 1000) * steps // RAMP_DAYS) // 1000

    def _noise(self, day: date, line: str) -> int:
        return 1000 - NOISE + drawn(self.company, day, line) % (2 * NOISE + 1)


@lru_cache(maxsize=65_536)
def drawn(*of: object) -> int:
    """A number of 64 bits that depends on nothing but what it is drawn of."""
    return int.from_bytes(sha256("/".join(map(str, of)).encode()).digest()[:8])


def _next(weekday: int, day: date) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)
