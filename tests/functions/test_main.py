"""The entry points of the functions, before there is an app."""

import functools
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from functions.main import _answer


def test_the_first_requests_share_one_app() -> None:
    """Requests that come at once while an instance starts wait for one app, and all are answered by it."""
    built = []

    @functools.cache
    def build() -> Flask:
        time.sleep(0.05)
        built.append(Flask("one"))
        return built[-1]

    def ask(_: int) -> int:
        return _answer(build, Request(EnvironBuilder("/").get_environ())).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {404}
    assert len(built) == 1
