"""Collaborators of the endpoints of costs."""

from dataclasses import dataclass

from cloudact.clock import Clock
from functions.auth.authenticate import Authentication
from functions.costs.anomaly_answers import AnomalyAnswers
from functions.costs.answers import CostAnswers


@dataclass(frozen=True)
class OrgCosts:
    """Collaborators of every endpoint that shows costs."""

    auth: Authentication
    answers: CostAnswers
    clock: Clock
    anomalies: AnomalyAnswers
