"""Environment in which gcloud and bq know no account and reach nothing but the recorder."""

import shutil
from collections.abc import Mapping
from pathlib import Path

APIS = (
    "artifactregistry bigquery cloudbuild cloudkms cloudresourcemanager cloudscheduler cloudtasks compute iam"
    " iamcredentials logging monitoring secretmanager servicemanagement serviceusage storage"
)
# gcloud puts the region before the host of Cloud Run, so that is a name, which its plain HTTP proxy need not resolve.
RUN_URL = "http://run.test/"
FOREIGN = ("CLOUDSDK_", "GOOGLE_", "BIGQUERYRC", "BOTO", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


def offline(env: Mapping[str, str], folder: Path, url: str) -> dict[str, str]:
    """Copy of `env` without the caller's Google Cloud; configuration is in `folder`, every API is at `url`."""
    home = (folder / "home").absolute()
    home.mkdir(parents=True, exist_ok=True)
    token, bigqueryrc = home / "token", home / "bigqueryrc"
    token.write_text("rehearsal", encoding="ascii")
    bigqueryrc.write_text(f"--api={url}\n", encoding="ascii")
    programs = _programs(home)
    host, _, port = url.removeprefix("http://").partition(":")
    return {
        **{name: value for name, value in env.items() if not name.startswith(FOREIGN)},
        "HOME": str(home),
        "PATH": f"{programs}:{env['PATH']}",
        "BIGQUERYRC": str(bigqueryrc),
        "CLOUDSDK_CONFIG": str(home / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "1",
        "NO_GCE_CHECK": "true",
        "CLOUDSDK_PROXY_TYPE": "http_no_tunnel",
        "CLOUDSDK_PROXY_ADDRESS": host,
        "CLOUDSDK_PROXY_PORT": port,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": RUN_URL,
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"{url}/" for api in APIS.split()},
    }


def _programs(home: Path) -> Path:
    """Folder with a `bq` that starts without gcloud's proxy: with it, bq cannot reach the recorder."""
    folder, bq = home / "bin", shutil.which("bq")
    folder.mkdir(exist_ok=True)
    if bq:
        unset = "-u CLOUDSDK_PROXY_TYPE -u CLOUDSDK_PROXY_ADDRESS -u CLOUDSDK_PROXY_PORT"
        (folder / "bq").write_text(f'#!/bin/sh\nexec env {unset} {bq} "$@"\n', encoding="utf-8")
        (folder / "bq").chmod(0o755)
    return folder
