"""Amounts as Google's APIs write them: durations, memory, CPUs; and which memory goes with which CPUs on Cloud Run."""

import re
from typing import Any

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9, "": 1}
# More memory than this many GiB needs this many CPUs, and this many CPUs need that many GiB.
CPUS_OF_MEMORY = ((24, 8), (16, 6), (8, 4), (4, 2))
MEMORY_OF_CPUS = ((6, 4), (4, 2))


def seconds(value: Any) -> float:
    """Seconds of a duration like `3.5s`, or of a number; -1 for anything else."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)s?", str(value))
    return float(match[1]) if match else -1.0


def gibibytes(memory: str) -> float:
    """GiB of a container's memory: `512Mi`, `1Gi`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G|)", memory)
    return float(match[1]) * _UNITS[match[2]] / 2**30 if match else -1.0


def cpus(amount: str) -> float:
    """Number of a container's CPUs: `1`, `500m`."""
    thousandths = amount.endswith("m")
    return float(amount.removesuffix("m")) / (1000 if thousandths else 1)


def enough_cpus(limits: dict[str, str]) -> bool:
    """Whether there are as many CPUs as that much memory needs."""
    memory, amount = gibibytes(limits.get("memory", "512Mi")), cpus(limits.get("cpu", "1"))
    return amount >= next((least for above, least in CPUS_OF_MEMORY if memory > above), 0)


def enough_memory(limits: dict[str, str]) -> bool:
    """Whether there is as much memory as that many CPUs need."""
    memory, amount = gibibytes(limits.get("memory", "512Mi")), cpus(limits.get("cpu", "1"))
    return memory >= next((least for above, least in MEMORY_OF_CPUS if amount >= above), 0)
