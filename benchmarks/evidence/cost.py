"""What a tier will take, from two epochs of every candidate."""

import time

from benchmarks.evidence import plan
from benchmarks.evidence.protocol import Protocol, Tier
from benchmarks.evidence.worker import TestedLast
from ncap import candidates, framework


def estimate(protocol: Protocol, tier: Tier, processes: int) -> str:
    """A line per candidate, in seconds of the processor, and the hours of the tier.

    The first epoch compiles, and has the ticks inside; the second is what every other epoch takes, readings and evaluation included. Both
    are measured on the tier's first target and scaled by the number of training images.
    """
    framework.load()
    name = tier.targets[0]
    target = plan.target_of(protocol, tier, name)
    images = {each: plan.target_of(protocol, tier, each).lengths["train"] for each in tier.targets}
    shares = {each: count / images[name] for each, count in images.items()}
    lines, total = [], 0.0
    for candidate, network in candidates.resolve(list(tier.candidates)).items():
        chosen = framework.settings()
        with framework.quiet_tracing():
            job = plan.job_of(tier, next(iter(tier.probes)))
            started = time.process_time()
            training = TestedLast(job, network if tier.size is None else network.at_size(tier.size), target)
            places = [place for place in job.places() if place.epoch <= 2]
            seconds = []
            for number, place in enumerate(places, start=1):
                tick = training.tick(number, place)
                seconds.append(time.process_time() - started)
        framework.clear_session(chosen)
        first, epoch = seconds[-2], seconds[-1] - seconds[-2]
        epochs = [recipe.epochs for recipe in tier.probes.values()]
        hours = (
            tier.runs * sum(first + epoch * share * (count - 1) for share in shares.values() for count in epochs) / 3600
        )
        total += hours
        read = sum(reading["seconds"] for reading in tick.readings)
        trained = tick.observation["seconds_train"]
        lines.append(
            f"{candidate:55s} first epoch {first:5.1f} s, another {epoch:5.2f} s (training {trained:.2f}, readings {read:.2f}); "
            f"{hours:5.2f} h"
        )
        print(lines[-1], flush=True)
    count = len(tier.candidates) * len(tier.targets) * len(tier.probes) * tier.runs
    return f"{tier.name}: {count} trainings, {total:.1f} h of one core, {total / processes:.1f} h with {processes} processes"
