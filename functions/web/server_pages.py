"""Refusals of the HTTP server itself, of what it cannot read as a request: by itself, gunicorn answers with HTML."""

import socket
import uuid


def replace_pages() -> None:
    """Makes gunicorn, where it serves us, answer with problem documents. It has no setting for that."""
    try:
        from gunicorn import util
    except ImportError:  # another server, as on Windows
        return
    util.write_error = _write_problem


def _write_problem(connection: socket.socket, status: int, reason: str, _message: str) -> None:
    """Writes the whole answer; `reason` is of the status, and the message repeats what was sent."""
    from cloudact.error_codes import Code
    from functions.web.problems import PROBLEM_JSON, Problem, document

    ours = status >= 500 and status != 501  # 501: a transfer coding that the server does not know
    code = Code.INTERNAL_ERROR if ours else Code.REQUEST_MALFORMED
    detail = "Something went wrong on our side." if ours else "The request is not HTTP as the server understands it."
    request_id = str(uuid.uuid4())
    body = document(Problem(status, detail, code=code), "/", request_id).encode()
    lines = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        f"Content-Type: {PROBLEM_JSON}",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        "",
        "",
    )
    connection.sendall("\r\n".join(lines).encode() + body)
    connection.shutdown(socket.SHUT_RD)  # else its main thread waits two seconds for the client to hang up
