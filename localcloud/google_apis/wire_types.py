"""Names for Google's resources in annotations; each is `Any` on purpose.

The generated annotations describe protobuf (Timestamp, Duration, int for enums), while proto-plus hands out and
takes datetime, timedelta and enums: checked against them, correct code fails and wrong code passes.
"""

from typing import Any, TypeAlias

# google.cloud.tasks_v2
Queue: TypeAlias = Any
RateLimits: TypeAlias = Any
RetryConfig: TypeAlias = Any
Task: TypeAlias = Any
HttpTarget: TypeAlias = Any  # tasks_v2.HttpRequest

# google.cloud.run_v2
Job: TypeAlias = Any
Execution: TypeAlias = Any
ExecutionTemplate: TypeAlias = Any
TaskTemplate: TypeAlias = Any
Container: TypeAlias = Any

# google.cloud.kms_v1
KeyRing: TypeAlias = Any
CryptoKey: TypeAlias = Any
CryptoKeyVersion: TypeAlias = Any

# google.cloud.secretmanager_v1
Secret: TypeAlias = Any
SecretVersion: TypeAlias = Any

# google.longrunning
Operation: TypeAlias = Any
