"""Long-running operations, as Cloud Run and the Cloud Tasks batches return them. Kept in memory only."""

import threading
import uuid
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import status_pb2

from localcloud.google_apis.rest.errors import NotFound
from localcloud.google_apis.rest.messages import protobuf_of
from localcloud.google_apis.wire_types import Operation

LONGEST_WAIT_S = 30.0


class Operations:
    """Starts, finishes and serves operations; `parent` is `projects/P/locations/L`."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}
        self._changed = threading.Condition()

    def start(self, parent: str, metadata: Any) -> Operation:
        """A new operation that is not done."""
        operation = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}")
        operation.metadata.Pack(protobuf_of(metadata))
        with self._changed:
            self._operations[operation.name] = operation
        return _copy(operation)

    def completed(self, parent: str, metadata: Any, response: Any) -> Operation:
        """A new operation that is already done."""
        operation = self.start(parent, metadata)
        self.succeed(operation.name, metadata, response)
        return self._operations[operation.name]

    def succeed(self, name: str, metadata: Any, response: Any) -> None:
        """Done, with a response."""
        with self._changed:
            self._operations[name].response.Pack(protobuf_of(response))
            self._finish(name, metadata)

    def fail(self, name: str, metadata: Any, code: int, message: str) -> None:
        """Done, with an error; `code` is a google.rpc.Code."""
        with self._changed:
            self._operations[name].error.CopyFrom(status_pb2.Status(code=code, message=message))
            self._finish(name, metadata)

    def _finish(self, name: str, metadata: Any) -> None:
        self._operations[name].metadata.Pack(protobuf_of(metadata))
        self._operations[name].done = True
        self._changed.notify_all()

    def get_operation(self, request: Any) -> Operation:
        """GetOperation."""
        with self._changed:
            return _copy(self._find(request.name))

    def wait_operation(self, request: Any) -> Operation:
        """WaitOperation: returns when it is done or the time is up, whichever is first."""
        asked_s = request.timeout.ToTimedelta().total_seconds()
        with self._changed:
            operation = self._find(request.name)
            self._changed.wait_for(lambda: operation.done, min(asked_s or LONGEST_WAIT_S, LONGEST_WAIT_S))
            return _copy(operation)

    def list_operations(self, request: Any) -> Any:
        """ListOperations of one location."""
        with self._changed:
            found = [op for name, op in self._operations.items() if name.startswith(f"{request.name}/")]
            return operations_pb2.ListOperationsResponse(operations=found)

    def delete_operation(self, request: Any) -> Any:
        """DeleteOperation: forgets it, cancels nothing."""
        with self._changed:
            self._find(request.name)
            del self._operations[request.name]
            return empty_pb2.Empty()

    def _find(self, name: str) -> Operation:
        if name not in self._operations:
            raise NotFound(f"Operation '{name}' was not found.")
        return self._operations[name]


def _copy(operation: Operation) -> Operation:
    copy = operations_pb2.Operation()
    copy.CopyFrom(operation)
    return copy
