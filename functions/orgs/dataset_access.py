"""Access to the datasets of orgs that exist already: the service accounts of the settings, let in once by each org.

That an org's dataset has let them in is recorded beside its migrations, so that a call where nobody is to be let in
costs one query.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.datasets import let_into_org_dataset
from cloudact.warehouse.scripts import Scope

log = logging.getLogger(__name__)
RECORD = "dataset_access"  # a name that no script of `sql/org` can have
WORKERS = 10
ORGS_OF_A_CALL = 500  # three requests each, of which some take a second, within OPS_TIMEOUT_S


@dataclass(frozen=True)
class LetIn:
    """Orgs whose datasets have let everyone in by a call, those that failed, and how many the call has not tried."""

    admitted: Sequence[str]
    failed: Sequence[str]
    left: int


@dataclass(frozen=True)
class _OrgBehind:
    dataset: str
    missing: tuple[str, ...]


class DatasetAccess:
    """Access of the service accounts of the settings to the datasets of all active orgs.

    `accounts` are BigQuery's roles there, `READER` or `WRITER`, by service account.
    """

    def __init__(self, warehouse: Warehouse, accounts: Mapping[str, str]) -> None:
        self._warehouse = warehouse
        self._accounts = accounts

    def let_in(self, most: int = ORGS_OF_A_CALL) -> LetIn:
        """Lets everyone into the datasets that have not let in these accounts yet, at most so many; may be repeated.

        An org that fails is logged, and holds up no other. Raises `Retry` where BigQuery cannot be asked.
        """
        if not self._accounts:
            return LetIn((), (), 0)
        shipped = [f"{RECORD} {self._checksum}"]
        behind = [row.dataset for row in self._warehouse.read(_OrgBehind, "orgs_behind", shipped=shipped)]
        tried = behind[:most]
        with ThreadPoolExecutor(WORKERS) as pool:
            done = list(pool.map(self._let_into, tried))
        admitted = [dataset for dataset, is_done in zip(tried, done, strict=True) if is_done]
        if admitted:
            self._warehouse.write("record_migrations", records=[self._record(dataset) for dataset in admitted])
        failed = [dataset for dataset, is_done in zip(tried, done, strict=True) if not is_done]
        return LetIn(admitted, failed, len(behind) - len(tried))

    def _let_into(self, dataset: str) -> bool:
        try:
            return let_into_org_dataset(self._warehouse, dataset, self._accounts)
        except Exception as err:  # whatever it is, others go on, and the next call tries this one again
            fields = {"event": "dataset_access_failed", "dataset": dataset}
            log.error("a dataset has let nobody in", extra={"fields": fields}, exc_info=err)
            return False

    @property
    def _checksum(self) -> str:
        return hashlib.sha256(json.dumps(sorted(self._accounts.items())).encode()).hexdigest()

    def _record(self, dataset: str) -> str:
        fixed = {"scope": Scope.ORG, "script": RECORD, "version": None, "applied_by": "ops"}
        return json.dumps({"dataset": dataset, "checksum": self._checksum, **fixed})
