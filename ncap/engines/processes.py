"""Runs in processes on this machine, up to `resources.jobs` of them at a time, and what becomes of a process that ends.

A run whose process ends is recorded as failed, with how it ended, and the others go on; repeating the job takes it up again from its last
tick.
"""

import os
import queue
import sys
from collections.abc import Sequence

from ncap.engines.contract import Resources, Train
from ncap.engines.dispatch import Dispatch
from ncap.engines.ledger import Ledger
from ncap.engines.process import DONE, LOOK, Inbox, Process
from ncap.engines.turns import POLL
from ncap.records.schema import RunKey


class Processes(Dispatch[Process]):
    """The runs of a job, each in one of several processes, which train one run after another."""

    def __init__(self, runs: Sequence[RunKey], train: Train, ledger: Ledger, resources: Resources) -> None:
        super().__init__(runs, train, ledger, resources)
        self._inbox: Inbox = queue.SimpleQueue()
        self._places: dict[Process, int] = {}  # of all processes; a place has a device

    def _room(self) -> int:
        return self.resources.at_a_time

    def _idle(self, fresh: bool) -> Process:
        for process in [one for one in self._places if one not in self._training]:
            if process.alive and not fresh:
                return process
            self._discard(process)
        place = min(set(range(self.resources.at_a_time)) - set(self._places.values()))
        process = Process(self.parcel, device_variables(place), self._inbox)
        self._places[process] = place
        return process

    def _receive(self) -> None:
        watched = self.resources.memory is not None
        try:
            process, message = self._inbox.get(timeout=LOOK if watched else POLL)
        except queue.Empty:
            process, message = None, None
        if watched:
            self._look_at_memory()
        if process not in self._places:  # nothing came, or it is from a process that has been discarded
            return
        if message is None:
            self._lose(process)
        elif process in self._training and message == DONE:
            self._finish(process)
        elif process in self._training:
            self._record(self._training[process], message)
            process.go_on()

    def _lose(self, process: Process) -> None:
        """A process has ended: its run has failed, unless its memory was full of what earlier runs had left there."""
        del self._places[process]
        reason = process.how_it_ended()
        process.close()
        if process not in self._training:
            return
        if process.over_limit and process.runs > 1:
            self._begin_again(process)
        else:
            self._fail(process, reason)

    def _look_at_memory(self) -> None:
        limit = self.resources.memory
        assert isinstance(limit, int)
        for process in self._training:
            process.keep_within(limit)

    def _stop(self) -> None:
        for process in list(self._places):
            self._discard(process)

    def _discard(self, process: Process) -> None:
        del self._places[process]
        process.end()
        process.close()


def device_variables(place: int) -> dict[str, str]:
    """The environment variables that give the process at a place one device, in turn; {} where there are only processors.

    Several processes may have the same one, and the driver has them all (`ncap.framework.share_devices`).
    """
    devices = _graphics_devices()
    if not devices:
        return {}
    own = devices[place % len(devices)]
    return {"CUDA_VISIBLE_DEVICES": own, "HIP_VISIBLE_DEVICES": own}


def _graphics_devices() -> list[str]:
    """The devices that this process may use, as CUDA_VISIBLE_DEVICES names them; none where no framework is loaded."""
    if "keras" not in sys.modules:
        return []
    from ncap.framework import devices

    count = sum(device.lower().startswith(("gpu", "cuda")) for device in devices())
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES") or os.environ.get("HIP_VISIBLE_DEVICES") or ""
    named = [word.strip() for word in chosen.split(",") if word.strip()]
    return (named or list(map(str, range(count))))[:count]
