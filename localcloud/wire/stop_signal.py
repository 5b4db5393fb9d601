"""How a stand-in's process learns that it must end."""

import signal
import socket


def stop_signal() -> socket.socket:
    """Readable after SIGTERM or SIGINT.

    Not an Event set by the handler: a signal that arrives on another thread does not wake a main thread that
    waits for a lock, a byte on its socket does.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.detach())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading
