"""Session of a command: its options for address and caller, and the client that it gets."""

import functools
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TextIO, Unpack

import click
import httpx

from cli.config import Config, read_config
from cli.failures import RefusedByApi, Usage
from cli.http import BASE, TIMEOUT, Answer, CallOptions, Headers, Http, path_of
from cli.identity import Customer, Operator, config_path
from cli.json_object import JsonObject
from cli.screen import Screen

P = ParamSpec("P")
Callback = Callable[..., None]
UNAUTHORIZED = 401


@dataclass(frozen=True)
class Api:
    """Client of the public function, for one org."""

    http: Http
    screen: Screen
    customer: Customer

    @property
    def org(self) -> str:
        """Org that is asked about."""
        return self.customer.org

    def call(self, method: str, *parts: str, **options: Unpack[CallOptions]) -> Answer:
        """Calls an endpoint below the base path; options as of `Http.call`."""
        return self.http.call(method, BASE + path_of(*parts), **options)


@dataclass(frozen=True)
class Ops:
    """Client of the private function."""

    http: Http
    screen: Screen

    def call(self, method: str, *parts: str, **options: Unpack[CallOptions]) -> Answer:
        """Calls an endpoint below `/ops/orgs`; options as of `Http.call`."""
        return self.http.call(method, path_of("ops", "orgs", *parts), **options)


@dataclass(frozen=True)
class _Common:
    """Options that all commands share."""

    config: str | None
    retry_for: float
    as_json: bool

    @functools.cached_property
    def file(self) -> Config:
        return read_config(config_path(self.config))

    @contextmanager
    def http(self, what: str, url: str | None, headers: Headers) -> Iterator[Http]:
        if not url:
            name, where = what.lower(), "the API" if what == "API" else what
            raise Usage(f"Where is {where}? Give --{name}-url, set CLOUDACT_{what.upper()}_URL, or use a config file.")
        # What goes over http goes to this machine: a proxy of the environment would be shown the key.
        proxies = not url.startswith("http://")
        named = {"User-Agent": "cloudact-cli"}
        with httpx.Client(timeout=TIMEOUT, headers=named, trust_env=proxies, verify=_certificates()) as client:
            yield Http(url, headers, client, self.retry_for)


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Certificates that this process trusts, its environment's too."""
    return httpx.create_ssl_context()


def asks_api(command: Callable[Concatenate[Api, P], None]) -> Callback:
    """Decorates a command with the options of an `Api`, which becomes its first argument."""

    @functools.wraps(command)
    def run(*args: Any, api_url: str | None, org: str | None, key_file: TextIO | None, **options: Any) -> None:
        common, arguments = _split(options)
        customer = Customer(common.file, org, key_file)
        with common.http("API", api_url or common.file.api_url, customer.headers) as http:
            try:
                command(Api(http, Screen(common.as_json), customer), *args, **arguments)
            except RefusedByApi as refused:
                if refused.status == UNAUTHORIZED:
                    refused.advice = customer.doubt
                raise

    return _with_options(run, [*_API, *_COMMON])


def asks_ops(command: Callable[Concatenate[Ops, P], None]) -> Callback:
    """Decorates a command with the options of an `Ops`, which becomes its first argument."""

    @functools.wraps(command)
    def run(*args: Any, ops_url: str | None, ops_token_command: str | None, **options: Any) -> None:
        common, arguments = _split(options)
        operator = Operator(common.file, ops_token_command)
        with common.http("ops", ops_url or common.file.ops_url, operator.headers) as http:
            command(Ops(http, Screen(common.as_json)), *args, **arguments)

    return _with_options(run, [*_OPS, *_COMMON])


def _split(options: JsonObject) -> tuple[_Common, JsonObject]:
    names = ("config", "retry_for", "as_json")
    return _Common(**{name: options.pop(name) for name in names}), options


def _with_options(command: Callback, options: list[Callable[[Callback], Callback]]) -> Callback:
    for option in reversed(options):
        command = option(command)
    return command


_API = [
    click.option("--org", envvar="CLOUDACT_ORG", show_envvar=True, help="The organization; a key's own, if left out."),
    click.option("--api-url", envvar="CLOUDACT_API_URL", show_envvar=True, help="Where the API is, without a path."),
    click.option(
        "--key-file",
        type=click.File(),
        help="A file with the API key, - for standard input; else CLOUDACT_API_KEY, a session token in"
        " CLOUDACT_TOKEN, or the config file.",
    ),
]
_OPS = [
    click.option("--ops-url", envvar="CLOUDACT_OPS_URL", show_envvar=True, help="Where ops is, without a path."),
    click.option(
        "--ops-token-command",
        envvar="CLOUDACT_OPS_TOKEN_COMMAND",
        show_envvar=True,
        help="A command that prints an OIDC token for ops; else CLOUDACT_OPS_TOKEN, or the config file.",
    ),
]
_COMMON = [
    click.option(
        "--config",
        type=click.Path(dir_okay=False),
        envvar="CLOUDACT_CONFIG",
        show_envvar=True,
        help="The config file, TOML or JSON; else ~/.config/cloudact/config.toml.",
    ),
    click.option(
        "--retry-for",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Seconds to go on trying while the service cannot be reached or is busy.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the API's JSON, one document, and nothing else."),
]
