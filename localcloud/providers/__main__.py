"""`python -m localcloud.providers`: serves until SIGTERM or SIGINT."""

import argparse
from collections.abc import Sequence

from localcloud.providers.local_providers import LocalProviders, Settings
from localcloud.wire.stop_signal import stop_signal


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the local OpenAI and Anthropic admin APIs."""
    options = _parser().parse_args(arguments)
    stopped = stop_signal()
    providers = LocalProviders(Settings(options.openai_port, options.anthropic_port))
    providers.start()
    print(f"ready: OpenAI on {providers.openai_url}, Anthropic on {providers.anthropic_url}", flush=True)
    stopped.recv(1)
    providers.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.providers", description=main.__doc__)
    parser.add_argument("--openai-port", type=int, default=9052, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--anthropic-port", type=int, default=9053, help="on 127.0.0.1; 0 takes a free one")
    return parser


if __name__ == "__main__":
    main()
