"""`dlt.common.runtime.signals`: what a script can ask about SIGINT and SIGTERM, which its own threads do not see."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

exit_event = threading.Event()
_received: list[int] = []
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

__all__ = [
    "SignalReceivedException",
    "exit_event",
    "intercepted_signals",
    "raise_if_signalled",
    "set_received_signal",
    "sleep",
    "wake_all",
    "was_signal_received",
]


class SignalReceivedException(KeyboardInterrupt):
    """A signal came while a block waited for one."""

    def __init__(self, signal_code: int) -> None:
        self.signal_code = signal_code
        super().__init__(f"Signal {signal_code} received")


def set_received_signal(signal_code: int) -> None:
    """Note a signal."""
    _received[:] = [signal_code]


def was_signal_received() -> bool:
    """Whether a signal came."""
    return bool(_received)


def raise_if_signalled() -> None:
    """SignalReceivedException when a signal came."""
    if _received:
        raise SignalReceivedException(_received[0])


def sleep(sleep_seconds: float) -> None:
    """Wait so long, or until a signal comes; then SignalReceivedException."""
    raise_if_signalled()
    exit_event.wait(sleep_seconds)
    raise_if_signalled()


def wake_all() -> None:
    """Wake all that sleep here."""
    exit_event.set()


def _note(signal_code: int, _frame: FrameType | None) -> None:
    if _received:
        raise SignalReceivedException(signal_code)
    set_received_signal(signal_code)
    wake_all()


@contextmanager
def intercepted_signals() -> Iterator[None]:
    """Within the block, in the main thread, a first SIGINT or SIGTERM is only noted; a second one raises."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.signal(number, _note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()
        exit_event.clear()
