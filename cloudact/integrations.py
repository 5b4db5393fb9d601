"""What an org has set up to reach a provider. Rows are only added; the newest counts."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudact.clock import Clock
from cloudact.errors import Stop
from cloudact.orgs import IntegrationStatus
from cloudact.warehouse import Warehouse


@dataclass(frozen=True)
class Integration:
    """An org's credential for one provider (still encrypted), and the dataset its rows go to."""

    org_slug: str
    integration: str
    org_dataset: str
    ciphertext: str
    settings: dict[str, Any]
    fingerprint: str | None
    updated_at: datetime


class Integrations:
    """Reads integrations, and marks one whose credential the provider refuses."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def of(self, org_slug: str, integration: str) -> Integration:
        """The org's integration; raises `Stop` where it cannot be used."""
        found = self._warehouse.rows("job_context", org_slug=org_slug, integration=integration)[0]
        if found["dataset"] is None:
            message = f"The organization {org_slug} is not onboarded."
            raise Stop("org_unknown", message, "Complete backend onboarding first.")
        row = found["integration"]
        if row is None or row["status"] != IntegrationStatus.VALID or not row["ciphertext"]:
            raise Stop(
                "integration_missing",
                f'Required integration "{integration}" is not configured.',
                "Set up the integration, then start the run again.",
            )
        return Integration(
            org_slug=org_slug,
            integration=integration,
            org_dataset=found["dataset"],
            ciphertext=row["ciphertext"],
            settings=json.loads(row["settings"] or "{}"),
            fingerprint=row["fingerprint"],
            updated_at=row["updated_at"],
        )

    def mark_invalid(self, judged: Integration, why: str) -> None:
        """The provider refused this credential. One that was set up meanwhile is newer and stays untouched."""
        row = {
            "org_slug": judged.org_slug,
            "integration": judged.integration,
            "status": IntegrationStatus.INVALID.value,
            "ciphertext": judged.ciphertext,
            "settings": json.dumps(judged.settings),
            "fingerprint": judged.fingerprint,
            "validated_at": self._clock().isoformat(),
            "last_error": why,
            "updated_at": (judged.updated_at + timedelta(microseconds=1)).isoformat(),
        }
        self._warehouse.append(
            "org_integrations", [row], [f"{judged.org_slug}/{judged.integration}/{row['updated_at']}"]
        )
