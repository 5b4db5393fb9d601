"""Identity of this deployment. One that was torn down and set up again in the same project is another.

Google remembers names for longer than datasets live: the ids of BigQuery jobs for months, the names of Cloud Tasks for
a day. So whatever decides or claims something is named by the installation too (docs/adr/0013).
"""

LABEL = "cloudact_installation"  # of the service's dataset, which infra/setup.sh makes with it
ORIGINAL = "original"  # one that is older than identities: its names stay as they were
PATTERN = r"[a-z0-9]{4,32}"


def own_name(name: str, installation: str) -> str:
    """Job id or task id as this installation uses it.

    At most 33 characters longer than `name`, which both have room for.
    """
    return name if installation == ORIGINAL else f"{name}-{installation}"
