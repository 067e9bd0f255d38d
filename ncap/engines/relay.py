"""What a Ray task does: it stands between the driver and a training process on its own machine, and passes messages on.

The training process is the one that engine local starts (`ncap.engines.process`), in the driver's surroundings and with a device that Ray
has given to the task. So it has a limit to its memory, and where it dies the driver learns how. It is kept for the next run of the job on
the same device, and ends after half a minute in which none comes, or with the task's own process.
"""

import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ncap.engines.process import DONE, LOOK, Inbox, Process

if TYPE_CHECKING:
    from ncap.engines.worker import Failed, Parcel
    from ncap.records.schema import RunKey
    from ncap.training.tick import Start, Tick

RECORDED = "recorded"  # follows every message, and is taken once the message is recorded
_REST = 30.0  # seconds that a training process is kept for without a run


@dataclass(frozen=True)
class Ended:
    """The last message of a run whose training process has ended: how, and whether it would end like that anywhere."""

    reason: str
    anywhere: bool = False


def relay(
    parcel: "Parcel", key: "RunKey", start: "Start", memory: int | None, fresh: bool
) -> "Iterator[Tick | Failed | Ended | str]":
    """Train a run in a process on this machine: its messages as they come, each followed by RECORDED.

    The generator must wait until what it yields is taken. Because RECORDED is taken after the message before it has been recorded, the
    run goes on no earlier.

    Args:
        memory: bytes that the process may have in memory; one that needs more is ended.
        fresh: whether the process must have trained nothing else.
    """
    held, done = _take(parcel, fresh), False
    process = held.process
    try:
        process.train(key, start)
        while (message := _next(held, memory)) != DONE:
            if message is None:
                yield Ended(process.how_it_ended(), process.over_limit and process.runs == 1)
                return
            yield message
            yield RECORDED
            process.go_on()
        done = True
    finally:
        if done:
            _keep(held)
        else:  # it has ended, or the driver does not want the rest
            held.end()


@dataclass(eq=False)
class _Held:
    """A training process, its messages, and what it was started for."""

    process: Process
    inbox: Inbox
    parcel: "Parcel"
    device: str | None
    timer: threading.Timer | None = field(default=None)

    def end(self) -> None:
        self.process.end()
        self.process.close()


_kept: list[_Held] = []  # at most one
_lock = threading.Lock()  # a timer runs in a thread of its own


def _take(parcel: "Parcel", fresh: bool) -> _Held:
    """The process that was kept, if it suits, or a new one."""
    device = os.environ.get("CUDA_VISIBLE_DEVICES")  # Ray may give the next task another
    with _lock:
        held = _kept.pop() if _kept else None
    if held is not None:
        assert held.timer is not None
        held.timer.cancel()
        if held.process.alive and not fresh and (held.parcel, held.device) == (parcel, device):
            return held
        held.end()
    inbox: Inbox = queue.SimpleQueue()
    devices = {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
    return _Held(Process(parcel, devices, inbox), inbox, parcel, device)


def _keep(held: _Held) -> None:
    """Keep a process that has trained its run, for a while."""
    held.timer = threading.Timer(_REST, _let_go, [held])
    held.timer.daemon = True
    with _lock:
        _kept.append(held)
    held.timer.start()


def _let_go(held: _Held) -> None:
    with _lock:
        if held not in _kept:
            return
        _kept.remove(held)
    held.end()


def _next(held: _Held, memory: int | None) -> Any:
    """The next message of the process; None where it has ended."""
    while True:
        try:
            return held.inbox.get(timeout=None if memory is None else LOOK)[1]
        except queue.Empty:
            assert memory is not None
            held.process.keep_within(memory)
