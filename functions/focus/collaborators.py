"""Collaborators of the endpoints that tell of an org's costs by the words of FOCUS."""

from dataclasses import dataclass

from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse
from functions.auth.authenticate import Authentication


@dataclass(frozen=True)
class Focus:
    """Collaborators of endpoints below `/focus`; the warehouse reads the org's own dataset there."""

    auth: Authentication
    warehouse: Warehouse
    clock: Clock
