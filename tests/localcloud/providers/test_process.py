"""The command line: `python -m localcloud.providers`."""

import signal
import subprocess
import sys
from pathlib import Path

import requests

REPOSITORY = Path(__file__).parents[3]


def test_it_serves_until_it_is_told_to_stop() -> None:
    """It says when it is ready and where; SIGTERM ends it with status 0."""
    command = [sys.executable, "-m", "localcloud.providers", "--openai-port", "0", "--anthropic-port", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        words = process.stdout.readline().replace(",", " ").split()
        urls = [word for word in words if word.startswith("http://127.0.0.1:")]
        assert words[0] == "ready:"
        assert [requests.get(f"{url}/v1/", timeout=5).status_code for url in urls] == [404, 404]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
