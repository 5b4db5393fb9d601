"""The certificates that a process trusts."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from cloudact.clients import _read_certificates, trusted_certificates

THREADS = 8


def test_threads_share_what_the_first_reads() -> None:
    """Whoever asks at once gets the same certificates: they are read once."""
    _read_certificates.cache_clear()
    together = Barrier(THREADS)

    def asked(_: int) -> int:
        together.wait(10)
        return id(trusted_certificates())

    with ThreadPoolExecutor(THREADS) as threads:
        assert len({*threads.map(asked, range(THREADS))}) == 1
