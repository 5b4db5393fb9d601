"""Permissions that tests take away: this server knows no IAM, so a denial is stated by hand.

A denial names a project and a permission, optionally a dataset, or one table (`dataset.table`), and one principal: the
text of the request's bearer token. Without a principal it applies to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from bqemulator.domain.errors import PermissionDeniedError
from pydantic import BaseModel, ConfigDict

from localcloud.bigquery.tables import TableRef


class Denial(BaseModel):
    """One permission that is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    permission: str = "bigquery.jobs.create"
    dataset: str | None = None
    table: str | None = None
    principal: str | None = None

    def applies(self, permission: str, project: str, principal: str) -> bool:
        """Whether it is this permission that is missing for this caller."""
        return (self.permission, self.project) == (permission, project) and self.principal in (None, principal)


@dataclass
class Denials:
    """The permissions missing at present."""

    denials: tuple[Denial, ...] = ()

    def refuse_job(self, project: str, principal: str) -> None:
        """Raise PermissionDeniedError if the caller may not create jobs in the project."""
        if any(denial.applies("bigquery.jobs.create", project, principal) for denial in self.denials):
            raise PermissionDeniedError(
                f"Access Denied: Project {project}: User does not have bigquery.jobs.create permission "
                f"in project {project}."
            )

    def refuse_dataset(self, project: str, dataset: str, principal: str, permission: str) -> None:
        """Raise PermissionDeniedError if the caller lacks the permission on the dataset."""
        for denial in self.denials:
            if denial.applies(permission, project, principal) and denial.dataset in (None, dataset):
                raise PermissionDeniedError(
                    f"Access Denied: Dataset {project}:{dataset}: Permission {permission} denied on dataset "
                    f"{project}:{dataset} (or it may not exist)."
                )

    def refuse_table(self, ref: TableRef, principal: str, permission: str = "bigquery.tables.getData") -> None:
        """Raise PermissionDeniedError if the caller may not read (or write) the table."""
        name = f"{ref.dataset}.{ref.table}"
        for denial in self.denials:
            if denial.applies(permission, ref.project, principal) and denial.table in (None, name):
                raise PermissionDeniedError(
                    f"Access Denied: Table {ref}: User does not have permission to query table {ref}, "
                    "or perhaps it does not exist."
                )
