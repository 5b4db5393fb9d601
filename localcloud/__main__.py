"""`python -m localcloud up | demo | reset`; `--help` has the rest."""

import signal
import sys
from collections.abc import Sequence

from localcloud.stop_requests import StopRequested, StopRequests


def main(arguments: Sequence[str]) -> int:
    """Runs one command and answers the exit code. A signal ends it quietly, at any moment."""
    stops = StopRequests()
    try:
        stops.listen()
        from localcloud.program import run  # takes a second, in which somebody may press Ctrl-C

        return run(arguments, stops)
    except StopRequested as asked:
        as_told = [*arguments[:1]] == ["up"] and asked.number == signal.SIGINT  # it runs "until Ctrl-C"
        return 0 if as_told else 128 + asked.number
    finally:
        stops.ignore()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
