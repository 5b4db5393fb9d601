"""The composition root: one process, a port for each vendor."""

from dataclasses import dataclass

from cloudact.clock import Clock, utc_now
from localcloud.providers.anthropic.api import Anthropic
from localcloud.providers.controls import controls
from localcloud.providers.faults import Faults
from localcloud.providers.front import Front
from localcloud.providers.keys import Keys
from localcloud.providers.openai.api import OpenAI
from localcloud.providers.refusals import Vendor
from localcloud.providers.request_log import RequestLog
from localcloud.wire.listener import Listener


@dataclass(frozen=True)
class Settings:
    """Port 0 takes a free one. What lies after `clock`'s now has not happened yet."""

    openai_port: int = 0
    anthropic_port: int = 0
    clock: Clock = utc_now


class LocalProviders:
    """Serves between `start` and `stop`; what was registered is remembered in memory only."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys()
        self.faults = Faults()
        self.log = RequestLog()
        self._openai = self._listener(OpenAI(self.keys, settings.clock), settings.openai_port)
        self._anthropic = self._listener(Anthropic(self.keys, settings.clock), settings.anthropic_port)
        self.openai_url = self._openai.url
        self.anthropic_url = self._anthropic.url
        self.urls = {"openai": self.openai_url, "anthropic": self.anthropic_url}

    def _listener(self, vendor: Vendor, port: int) -> Listener:
        front = Front(vendor, controls(self.keys, self.faults, self.log), self.faults, self.log)
        return Listener(front.answer, port)

    def start(self) -> None:
        """Serve."""
        self._openai.start()
        self._anthropic.start()

    def stop(self) -> None:
        """Close both ports."""
        self._openai.stop()
        self._anthropic.stop()
