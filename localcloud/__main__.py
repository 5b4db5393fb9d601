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
        return _stopped(arguments, asked)
    except Exception as err:
        if not isinstance(err.__cause__, StopRequested):
            raise
        return _stopped(arguments, err.__cause__)  # pydantic puts its own around what is raised while it serializes
    finally:
        stops.ignore()


def _stopped(arguments: Sequence[str], asked: StopRequested) -> int:
    as_told = [*arguments[:1]] == ["up"] and asked.number == signal.SIGINT  # it runs "until Ctrl-C"
    return 0 if as_told else 128 + asked.number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
