"""Ctrl-C in a call from Python: it ends the call between two batches, with one line, and loses nothing.

Python's own answer, a KeyboardInterrupt wherever the program happens to be, is dropped where it meets a callback of the garbage collector,
and comes with every line of the framework that it went through. Here the signal is kept until somebody asks for it by `check`. The command
line has a handler of its own (ncap.cli.interrupt), which ends the process: that is not for a library to do.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_asked = threading.Event()
_WAIT = b"\ninterrupted: ends after this batch; Ctrl-C again ends it here\n"


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed: here it does no harm."""
    if _asked.is_set():
        raise KeyboardInterrupt


@contextmanager
def kept_until_safe(message: str) -> Iterator[None]:
    """For the length of the block Ctrl-C waits for the next `check`, a second one does not; it leaves as KeyboardInterrupt(message).

    A handler that somebody else has set stays. Handlers can be set in the main thread only.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _keep)
    try:
        yield
        check()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message) from None  # without the frames of the framework that it came through
    finally:
        if ours:
            _asked.clear()
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _keep(*_: Any) -> None:
    if _asked.is_set():
        raise KeyboardInterrupt
    _asked.set()
    os.write(2, _WAIT)
