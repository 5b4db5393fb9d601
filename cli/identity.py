"""Caller and org of a command: from options, the environment and the config file, in this order."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TextIO

from cli.config import Config, read_key
from cli.failures import Usage

_KEY = re.compile(r"(?P<org>\w+)_api_[\w-]{43}", re.ASCII)
_HEADER = re.compile(r"[\x21-\x7e]+")
TOKEN_COMMAND_TIMEOUT_S = 60


@dataclass(frozen=True)
class Customer:
    """Caller with an API key or a session token."""

    config: Config
    wanted_org: str | None
    key_file: TextIO | None

    @cached_property
    def org(self) -> str:
        """Org that is named; else that of the key, which names it; else the config file's."""
        named = _KEY.fullmatch(self._key or "")
        org = self.wanted_org or (named and named["org"]) or self.config.org or self.config.only_org
        if not org and self.doubt:
            raise Usage(self.doubt)
        if not org:
            known = f" The config file has keys of {', '.join(self.config.keys)}." if self.config.keys else ""
            raise Usage(f"Which organization? Give --org, set CLOUDACT_ORG, or write org in the config file.{known}")
        return org

    @property
    def doubt(self) -> str:
        """Sentence about a key that has not the form of one; empty if it has, or none was given. Shows no key."""
        if not self._key or _KEY.fullmatch(self._key):
            return ""
        source = "What the key file holds" if self.key_file else "CLOUDACT_API_KEY"
        if self._key == "null":
            return (
                f"{source} is the word null, which jq prints where an answer has no key."
                " For a new one: cloudact keys rotate, or as an operator cloudact orgs new-key ORG"
            )
        return f"{source} has not the form of an API key, ORG_api_ and 43 characters: is it whole?"

    def headers(self) -> Mapping[str, str]:
        """Header of the person's session token, or of the key."""
        token = _environment("CLOUDACT_TOKEN")
        if token and not self.key_file:
            if os.environ.get("CLOUDACT_API_KEY"):
                raise Usage("CLOUDACT_TOKEN and CLOUDACT_API_KEY are both set; which one is meant?")
            return {"Authorization": f"Bearer {token}"}
        key = self._key or self.config.keys.get(self.org)
        if not key:
            raise Usage(
                f"No API key for {self.org}: set CLOUDACT_API_KEY, give --key-file, or write it in the config file."
            )
        return {"X-API-Key": _sendable("The API key", key)}

    @cached_property
    def _key(self) -> str | None:
        if self.key_file:
            return _sendable("The key file", read_key(self.key_file))
        return _environment("CLOUDACT_API_KEY")


@dataclass(frozen=True)
class Operator:
    """Caller of `ops`, with an OIDC token."""

    config: Config
    token_command: str | None

    def headers(self) -> Mapping[str, str]:
        """Header of the token that the command prints, or of the environment's or the config file's."""
        saved = self.config.ops_token.get_secret_value() if self.config.ops_token else None
        command = self.token_command or (
            None if os.environ.get("CLOUDACT_OPS_TOKEN") else self.config.ops_token_command
        )
        token = _printed(command) if command else _environment("CLOUDACT_OPS_TOKEN") or saved
        if not token:
            raise Usage(
                "No token for ops: set CLOUDACT_OPS_TOKEN, or give --ops-token-command"
                " 'gcloud auth print-identity-token --audiences=OPS_URL'."
            )
        return {"Authorization": f"Bearer {_sendable('The token', token)}"}


def config_path(text: str | None) -> Path | None:
    """Path as a person writes it, `~` included."""
    return Path(text).expanduser() if text else None


def _printed(command: str) -> str:
    """Output of a command, run without a shell."""
    try:
        done = subprocess.run(
            shlex.split(command), stdout=subprocess.PIPE, text=True, check=True, timeout=TOKEN_COMMAND_TIMEOUT_S
        )
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as err:
        raise Usage(f"The command for the token of ops failed: {command}") from err
    return done.stdout.strip()


def _environment(name: str) -> str | None:
    value = os.environ.get(name, "").strip()
    return _sendable(name, value) if value else None


def _sendable(what: str, secret: str) -> str:
    if not _HEADER.fullmatch(secret):
        raise Usage(f"{what} is not a single line without spaces.")  # and is not shown
    return secret
