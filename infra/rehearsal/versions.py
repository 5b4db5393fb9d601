"""Versions of gcloud: the one that rehearses the scripts, and the one that Cloud Build deploys with."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REHEARSED = "528.0.0"  # the last with which all scripts were rehearsed; raise it when they are rehearsed again
_IMAGE = re.compile(r"google-cloud-cli:(\d+\.\d+\.\d+)-stable@sha256:")


def installed() -> str:
    """Version of the Google Cloud SDK on this machine, empty where there is none."""
    gcloud = shutil.which("gcloud")
    file = Path(gcloud).resolve().parents[1] / "VERSION" if gcloud else None
    return file.read_text(encoding="ascii").strip() if file and file.is_file() else ""


def pinned() -> str:
    """Version of the image that cloudbuild.yaml deploys with."""
    match = _IMAGE.search((ROOT / "cloudbuild.yaml").read_text(encoding="utf-8"))
    return match[1] if match else ""


def warning(ours: str, builds: str) -> str:
    """Warning of a rehearsal where the two versions differ; empty where they do not."""
    if ours == builds:
        return ""
    return (
        f"rehearsal: this is gcloud {ours or '(unknown)'}, and Cloud Build deploys with {builds}."
        " Nobody has compared their flags and requests (docs/adr/0017).\n"
    )
