"""A worker process on this machine, and what the driver knows of it: messages over two pipes, its memory, and how it ended.

The process is started from scratch and imports neither the user's script nor anything of the driver's. It ends as soon as the driver closes
its standard input, or dies. Every message is a pickle behind its length; what a candidate prints goes to standard error.
"""

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import psutil

from ncap.engines.worker import Parcel, perform

if TYPE_CHECKING:
    from ncap.records.schema import RunKey
    from ncap.training.tick import Start

DONE = "done"  # the message after the last one of a run
LOOK = 0.1  # seconds between two looks at the memory of a process
_GO_ON = "go on"  # the driver has recorded a message
_LAST = 5.0  # seconds to read what a process has sent before it ended
_LENGTH = struct.Struct("<Q")
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from ncap.engines.process import serve; serve()"
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")

Inbox = queue.SimpleQueue["tuple[Process, Any]"]


class Process:
    """A worker process, as the driver sees it.

    Args:
        parcel: the job whose runs it trains.
        devices: environment variables that give it a device of its own.
        inbox: where its messages arrive, each with the process itself; None is the last one, from a process that has ended.
    """

    def __init__(self, parcel: Parcel, devices: Mapping[str, str], inbox: Inbox) -> None:
        environment = {**os.environ, **parcel.surroundings.variables(), **devices}
        # A process group of its own: Ctrl-C in a terminal is for the driver to answer.
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            **group,
        )
        self.runs = 0  # how many it has been given
        self.over_limit = False  # whether `keep_within` has ended it
        self._ended_for = ""
        threading.Thread(target=self._watch, args=(inbox,), daemon=True).start()
        self._send(parcel)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number by which the system knows it."""
        return self._process.pid

    def train(self, key: "RunKey", start: "Start") -> None:
        """Have it train a run."""
        self.runs += 1
        self._send((key, start))

    def go_on(self) -> None:
        """Tell it that its last message has been recorded."""
        self._send(_GO_ON)

    def resident(self) -> int:
        """Bytes that it has in memory now; 0 once it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def keep_within(self, limit: int) -> None:
        """End it if it has more bytes in memory than `limit`."""
        if (now := self.resident()) > limit:
            self.over_limit = True
            self.end(f"it needs more memory than memory={limit:,} bytes: its process had {now:,} and was ended")

    def end(self, reason: str = "") -> None:
        """End it at once; `reason` is what `how_it_ended` then says."""
        self._ended_for = self._ended_for or reason
        self._process.kill()

    def close(self) -> None:
        """Wait until it has ended, and free what it held here."""
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(OSError):  # what was still to be sent to it
            self._process.stdin.close()

    def how_it_ended(self) -> str:
        """In words, for the reason of a failed run."""
        return self._ended_for or in_words(self._process.wait())

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended, which the inbox will be told
            _write(self._process.stdin, message)

    def _watch(self, inbox: Inbox) -> None:
        """Put its messages into the inbox, and None when it has ended: a child that it has forked may keep the pipe open."""
        reading = threading.Thread(target=self._receive, args=(inbox,), daemon=True)
        reading.start()
        self._process.wait()
        reading.join(_LAST)
        inbox.put((self, None))

    def _receive(self, inbox: Inbox) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while (message := _read(pipe)) is not None:
                inbox.put((self, message))


def in_words(code: int) -> str:
    """How a process with this exit code ended; minus the number of the signal that ended it.

    >>> in_words(-9)
    'its process was killed (SIGKILL), as the system does where memory runs out'
    >>> in_words(-11), in_words(3)
    ('its process crashed in compiled code (SIGSEGV)', 'its process ended by itself, with exit code 3')
    """
    if code >= 0:
        return f"its process ended by itself, with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "its process was killed (SIGKILL), as the system does where memory runs out"
    return f"its process {'crashed in compiled code' if name in _CRASHES else 'was ended'} ({name})"


def serve() -> None:
    """The worker: train the runs that the driver asks for until it closes standard input."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a candidate prints is no message
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    parcel: Parcel = waiting.get()
    while True:
        key, start = waiting.get()
        for message in perform(parcel, key, start):
            _write(replies, message)
            waiting.get()  # until the driver says that it is recorded
        _write(replies, DONE)


def _listen(requests: BinaryIO, waiting: "queue.SimpleQueue[Any]") -> None:
    """Pass on what the driver says. When it is silent for good, so is this process: there is nothing that it would have to clean up."""
    while (request := _read(requests)) is not None:
        waiting.put(request)
    os._exit(0)


def _write(pipe: Any, message: Any) -> None:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _read(pipe: Any) -> Any:
    """The next message; None where the other side has ended, even in the middle of one."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    return pickle.loads(content) if len(content) == length else None
