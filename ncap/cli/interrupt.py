"""Ctrl-C in the commands ends the process at once. Nothing is lost, because a job survives being killed.

Python's own way, a KeyboardInterrupt wherever the program happens to be, is not reliable: raised in a callback of the garbage collector
or in a module that TensorFlow is loading, it is dropped and the job continues, or ends in a crash.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 130  # what shells report for SIGINT

_MESSAGE = "\nError: interrupted; run the same command again to continue\n"
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Inside the block, Ctrl-C writes one line to stderr and ends the process with EXIT_CODE.

    Handlers can only be set in the main thread; in any other thread the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stderr = os.dup(2)  # stays open while descriptor 2 is muted

    def end(*_: Any) -> None:
        os.write(stderr, (_MESSAGE + _SHOW_CURSOR * sys.stderr.isatty()).encode())
        os._exit(EXIT_CODE)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(stderr)
