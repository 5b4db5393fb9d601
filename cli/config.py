"""The config file: addresses of the API, and keys of orgs. TOML, or JSON with the same names, like `stack.json`."""

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from cli.failures import Usage

READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class OrgKey(BaseModel):
    """Org and a key that opens it."""

    model_config = ConfigDict(frozen=True)

    org_slug: str
    api_key: SecretStr


class Config(BaseModel):
    """Fields of the config file; unknown names belong to another program."""

    model_config = ConfigDict(frozen=True)

    api_url: str | None = None
    ops_url: str | None = None
    org: str | None = None
    orgs: tuple[OrgKey, ...] = ()
    ops_token: SecretStr | None = None
    ops_token_command: str | None = None

    @property
    def keys(self) -> Mapping[str, str]:
        """Keys by org."""
        return {each.org_slug: each.api_key.get_secret_value() for each in self.orgs}

    @property
    def only_org(self) -> str | None:
        """Org of the file, if it has exactly one."""
        return self.orgs[0].org_slug if len(self.orgs) == 1 else None

    @property
    def secret(self) -> bool:
        """Whether the file holds a key, so that others must not read it."""
        return bool(self.orgs or self.ops_token)


def default_path() -> Path:
    """Path of the config file where no option names one."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "cloudact" / "config.toml"


def read_config(named: Path | None) -> Config:
    """Config of the file; empty if none was named and none exists. Refuses a file with a key that others can read."""
    path = named or default_path()
    if named is None and not path.exists():
        return Config()
    try:
        with path.open(encoding="utf-8") as file:
            config = Config.model_validate(_parsed(path, file.read()))
            _only_ours(file, f"The config file {path}", secret=config.secret)
    except OSError as err:
        raise Usage(f"The config file {path} cannot be read: {err.strerror}.") from err
    except ValidationError as err:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in err.errors())
        raise Usage(f"The config file {path} has a wrong value: {wrong}.") from None  # the value may be a key
    except ValueError as err:
        raise Usage(f"The config file {path} is neither TOML nor, named .json, JSON.") from err
    return config


def read_key(file: TextIO) -> str:
    """Key in a file of its own, which others must not read; standard input and pipes are not checked."""
    _only_ours(file, f"The key file {file.name}", secret=True)
    return file.read().strip()


def _only_ours(file: TextIO, what: str, *, secret: bool) -> None:
    """Refuses a file that others can change (it names addresses and commands) or, if it holds a key, read."""
    try:
        status = os.fstat(file.fileno())
    except (OSError, ValueError):  # no file at all
        return
    if os.name != "posix" or not stat.S_ISREG(status.st_mode):
        return
    if status.st_mode & WRITTEN_BY_OTHERS or status.st_uid not in (os.getuid(), 0):
        raise Usage(f"{what} can be changed by others: chmod 600 {file.name}")
    if secret and status.st_mode & READ_BY_OTHERS:
        raise Usage(f"{what} holds a key and others can read it: chmod 600 {file.name}")


def _parsed(path: Path, text: str) -> object:
    return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
