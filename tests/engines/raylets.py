"""A Ray cluster of two machines on one host, each with its own raylet, and ways to end its parts."""

import os
from contextlib import contextmanager

import psutil

os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # Ray would keep a token in the home folder
MEMORY = 80 * 2**20  # of each machine's object store


@contextmanager
def two_machines(pauses=(None, None), **options):
    """A cluster with one processor on each of two machines; `pauses` are seconds that a scripted tick takes on them.

    options: of the first machine, which has the driver.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        add_machine(cluster, pauses[0], **options)
        add_machine(cluster, pauses[1])
        yield cluster
    finally:
        cluster.shutdown()


def add_machine(cluster, pause=None, **options):
    variables = {} if pause is None else {"env_vars": {"NCAP_TEST_PAUSE": str(pause)}}
    return cluster.add_node(num_cpus=1, object_store_memory=MEMORY, include_dashboard=False, **variables, **options)


def kill_machine(cluster):
    """End the machine that has no driver, with all of its processes, without a warning."""
    (machine,) = cluster.worker_nodes
    cluster.remove_node(machine, allow_graceful=False)


def processes_of_machine(cluster):
    """All processes of the machine that has no driver."""
    (machine,) = cluster.worker_nodes
    (raylet,) = machine.all_processes["raylet"]
    raylet = psutil.Process(raylet.process.pid)
    return [raylet, *raylet.children(recursive=True)]


def trainers(parent=None):
    """The processes that train, below this one or another."""
    found = []
    for process in (parent or psutil.Process()).children(recursive=True):
        try:
            if any("ncap.engines.process" in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
