"""A day that is larger than the container which loads it."""

from cloudact.error_codes import Code
from cloudact.errors import Stop

MORE_MEMORY = "Please contact support: the job can be given more memory."


def day_too_large(needed: int, room: int, hint: str = MORE_MEMORY) -> Stop:
    """The `Stop` for files of a day that need so many bytes, where a run may take `room`."""
    text = f"The day's rows need {_mib(needed)} MiB of the container that loads them, which has room for {_mib(room)}."
    return Stop(Code.DAY_TOO_LARGE, text, hint)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}"
