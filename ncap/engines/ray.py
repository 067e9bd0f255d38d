"""The Ray engine: each run is a Ray task on some machine of a cluster, with its share of processors or of a graphics device.

Ticks, with their states, come to the driver through Ray's object store, and it alone writes the store and the checkpoints. What a task is
sent to begin with, the job and the newest state of its run, goes the same way, so the machines need no folder in common; a target or a
candidate that lies in files must lie at the same path on each. A run whose machine or process is lost goes on elsewhere from its last tick.
"""

import socket
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ncap.arguments import byte_count
from ncap.engines.contract import Engine, Resources, Train
from ncap.engines.dispatch import Dispatch
from ncap.engines.ledger import Ledger
from ncap.engines.process import DONE
from ncap.engines.relay import RECORDED, Ended, relay
from ncap.engines.turns import POLL
from ncap.records.schema import RunKey

if TYPE_CHECKING:
    from ncap.training.tick import Start

_ANSWER = 10.0  # seconds that a cluster has to answer
LOSSES = 3  # after so many without a tick between them, a run has failed


class Ray(Engine):
    """Trains on the machines of a Ray cluster, or with Ray on this machine alone.

    A session that the caller has begun with `ray.init` is used and left as it is; otherwise the engine begins one and ends it.

    Raises: ValueError where Ray is not installed, and for an address that no driver can use.
    """

    name = "ray"
    summary = "a Ray cluster at --address, or Ray on this machine; a lost worker's run goes on elsewhere (pip install 'ncap[ray]')"
    distributes = True

    def __init__(self, resources: Resources | None = None) -> None:
        super().__init__(resources)
        if find_spec("ray") is None:
            raise ValueError("engine 'ray' needs Ray, which is not installed; pip install 'ncap[ray]'")
        host, _, port = (self.resources.address or "auto").rpartition(":")
        if self.resources.address not in (None, "auto") and ("://" in host or not host or not port.isdecimal()):
            raise ValueError(
                f"address must be auto or HOST:PORT, got {self.resources.address!r:.80}; the driver must be on a machine of the cluster: "
                "join it with ray start --address=HOST:PORT and pass address='auto'"
            )

    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs in the order in which the cluster has room for them.

        Raises: ValueError for a candidate that cannot be sent to another process, for an address at which no cluster answers, and where no
        machine is large enough for a run; StoreWriteError if a tick cannot be saved; RuntimeError if a machine lacks ncap.
        """
        share = Share(ledger.job.threads or 1, self.resources)
        with session(self.resources.address, share):
            Tasks(runs, train, ledger, self.resources, share).run()


class Share:
    """What a run takes of the cluster: a processor per thread of the job, a device where there are any, and its memory.

    Args:
        threads: of the framework, in a run.
    """

    def __init__(self, threads: int, resources: Resources) -> None:
        self.threads, self.jobs = threads, resources.jobs
        self.memory = None if resources.memory is None else byte_count("memory", resources.memory)

    def of(self, total: Mapping[str, float]) -> dict[str, float]:
        """The share, in Ray's units, of a cluster with these in total; a device is split where more runs than devices are asked for.

        >>> Share(2, Resources(jobs=4)).of({"CPU": 16.0, "GPU": 2.0})
        {'CPU': 2, 'GPU': 0.5}
        """
        own: dict[str, float] = {"CPU": self.threads}
        if devices := int(total.get("GPU", 0)):
            own["GPU"] = 1 / -(-max(self.jobs or 1, devices) // devices)
        if self.memory is not None:
            own["memory"] = self.memory
        return own

    def room(self, total: Mapping[str, float]) -> int:
        """How many runs there is room for at a time, at least one.

        >>> Share(2, Resources()).room({"CPU": 16.0})
        8
        """
        most = min(int(total.get(name, 0) / needed + 1e-9) for name, needed in self.of(total).items())
        return max(1, most if self.jobs is None else min(most, self.jobs))

    def check(self, machines: Sequence[Mapping[str, float]]) -> None:
        """Raise ValueError where no machine is large enough for a run.

        >>> Share(8, Resources()).check([{"CPU": 4.0}, {"CPU": 2.0}])
        Traceback (most recent call last):
        ValueError: a run needs CPU=8, and no machine of the cluster has that; the largest: CPU=4
        """
        own = self.of({name: sum(each.get(name, 0) for each in machines) for name in ("CPU", "GPU")})
        if not any(all(each.get(name, 0) >= needed for name, needed in own.items()) for each in machines):
            largest = max(machines, key=lambda each: each.get("CPU", 0), default={})
            raise ValueError(
                f"a run needs {_listed(own)}, and no machine of the cluster has that; the largest: "
                f"{_listed({name: largest.get(name, 0) for name in own})}"
            )


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={amount:,.15g}" for name, amount in amounts.items())


@contextmanager
def session(address: str | None, share: Share) -> Iterator[None]:
    """A session of Ray inside the block: the caller's if there is one, else one that ends with the block.

    Raises: ValueError where no cluster answers at the address, or the caller's session is with another.
    """
    import ray

    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", here):
            raise ValueError(
                f"this process has a session with the cluster at {here}, got address={address!r:.80}; call ray.shutdown() first"
            )
        yield
        return
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        options |= {"include_dashboard": False}
        if share.jobs is not None:
            options["num_cpus"] = share.jobs * share.threads
    try:
        if address not in (None, "auto"):
            _knock(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what later versions of Ray will do
            ray.init(**options)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"no Ray cluster answers at address={address!r:.80} ({error!s:.200}); start one with ray start --head, with this machine's "
            "RAY_AUTH_MODE and token, or pass no address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT: Ray would try for many minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()


def run_task(*given: Any) -> Iterator[Any]:
    """What Ray runs: the name of the machine, then the messages of `relay`."""
    import ray

    yield Machine(ray.get_runtime_context().get_node_id())
    yield from relay(*given)


@dataclass(frozen=True)
class Machine:
    """The first message of a task: where it runs, as Ray names it."""

    name: str


class Task:
    """A run as a task of Ray, seen from the driver."""

    def __init__(self, function: Any, parcel: Any, memory: int | None, fresh: bool) -> None:
        self._function, self._parcel, self._memory, self._fresh = function, parcel, memory, fresh
        self.stream: Any = None
        self.machine = ""  # where it runs, once that is known

    def train(self, key: RunKey, start: "Start") -> None:
        """Submit it; Ray starts it as soon as a machine has room for it."""
        self.stream = self._function.remote(self._parcel, key, start, self._memory, self._fresh)

    def message(self) -> Any:
        """Its next message, which has come. Raises RuntimeError where a machine cannot run the task at all."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return ray.get(next(self.stream))
        except StopIteration:
            return DONE
        except RayTaskError as error:
            raise RuntimeError(
                f"a machine of the cluster cannot train, {str(error).strip().splitlines()[-1]}; every machine needs the same ncap"
            ) from error
        except RayError as error:
            return Ended(f"its machine or its process was lost ({type(error).__name__})")

    def cancel(self) -> None:
        """End it at once, with its process."""
        import ray

        ray.cancel(self.stream, force=True)


class Tasks(Dispatch[Task]):
    """The runs of a job, each a task of Ray, as many at a time as the cluster has room for.

    A task whose machine or process is lost is not repeated by Ray: its run begins again from what the store has. Only what was recorded
    counts, so that a machine which was only thought to be lost changes nothing.
    """

    def __init__(
        self, runs: Sequence[RunKey], train: Train, ledger: Ledger, resources: Resources, share: Share
    ) -> None:
        import ray

        super().__init__(runs, train, ledger, resources)
        self.share = share
        self._sent = ray.put(self.parcel)  # once; every machine fetches it when it first needs it
        self._task = ray.remote(
            num_returns="streaming",
            max_retries=0,
            scheduling_strategy="SPREAD",
            _generator_backpressure_num_objects=1,  # it waits until what it has yielded is taken
        )(run_task)
        self._losses: Counter[RunKey] = Counter()  # of every run, since its last tick
        self._total: dict[str, float] = {}
        self._dead: set[str] = set()  # machines
        self._looked = -POLL
        share.check([machine["Resources"] for machine in ray.nodes() if machine["Alive"]])

    def _room(self) -> int:
        import ray

        if time.monotonic() - self._looked >= POLL:  # machines come and go
            self._total, self._looked = ray.cluster_resources(), time.monotonic()
            self._dead = {machine["NodeID"] for machine in ray.nodes() if not machine["Alive"]}
            self.ledger.progress.share(self.share.room(self._total))
        return self.share.room(self._total)

    def _idle(self, fresh: bool) -> Task:
        own = self.share.of(self._total)
        function = self._task.options(num_cpus=own["CPU"], num_gpus=own.get("GPU", 0), memory=own.get("memory"))
        return Task(function, self._sent, self.share.memory, fresh)

    def _receive(self) -> None:
        import ray

        tasks = {task.stream: task for task in self._training}
        ready, _ = ray.wait(list(tasks), timeout=POLL)
        if ready:  # one has come; take those of the others, too
            ready, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
        for stream in ready:
            self._answer(tasks[stream], tasks[stream].message())
        # A machine that hangs keeps its connections, from which Ray hears nothing for many minutes.
        for task in [task for task in self._training if task.machine in self._dead]:
            task.cancel()
            self._lose(task, Ended("its machine was lost"))

    def _answer(self, task: Task, message: Any) -> None:
        if message == RECORDED:  # by taking it, the driver has asked for the next
            return
        if isinstance(message, Machine):
            task.machine = message.name
        elif message == DONE:
            self._finish(task)
        elif isinstance(message, Ended):
            self._lose(task, message)
        else:
            trained = self._training[task]
            before = trained.last
            self._record(trained, message)
            if trained.last > before:
                del self._losses[trained.key]

    def _lose(self, task: Task, ended: Ended) -> None:
        """The run goes on elsewhere, unless it would end in the same way, or has done so several times."""
        key = self._training[task].key
        self._losses[key] += 1
        if ended.anywhere:
            self._fail(task, ended.reason)
        elif self._losses[key] >= LOSSES:
            self._fail(task, f"{ended.reason}, {LOSSES} times without a tick between them")
        else:
            self._begin_again(task)

    def _stop(self) -> None:
        for task in self._training:
            task.cancel()
