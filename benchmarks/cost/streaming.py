"""A folder of 100,000 JPEG files, streamed by ncap and by tf.data: images a second and peak memory, in one run.

    NCAP_DATA=../shared/data python benchmarks/cost/streaming.py [--files 100000] [--side 64] [--size 64] [--train]

The files are hard links to the 2,200 photographs of flowers64.npz, saved as JPEG (quality 90) at --side pixels, in a folder of their
own that is removed afterwards: the same bytes are read again and again, so that this measures decoding and not the disk. Both sides give
float32 batches of 64 at --size pixels, shuffled: ncap in the order of an epoch, tf.data as image_dataset_from_directory and
prefetch(AUTOTUNE) have it. The passes alternate in one process, three of either, and the best counts; processor time tells what the clock
cannot on a machine that others use. Peak memory is that of a process that does nothing else, in MiB beyond what it took before the folder
was opened; a folder of 2,000 files beside it shows what does not grow with the number. Linux alone tells the peak.

--train puts a network between (three convolutions), so that reading competes with training, as it does in a job.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH = 64
ROUNDS = 3


def write_files(folder, count, side):
    """`count` hard links to JPEG files of the flowers, in their classes."""
    from PIL import Image

    with np.load(Path(os.environ["NCAP_DATA"], "images", "flowers64.npz")) as data:
        x, y = data["x"], data["y"]
    originals = Path(folder, ".originals")
    originals.mkdir()
    for row, image in enumerate(x):
        Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC).save(originals / f"{row}.jpg", quality=90)
    for label in np.unique(y):
        Path(folder, "photos", str(label)).mkdir(parents=True)
    for number in range(count):
        row = number % len(x)
        os.link(originals / f"{row}.jpg", Path(folder, "photos", str(y[row]), f"{number}.jpg"))


class Ncap:
    """ncap's side: a Target, whose training part is nearly everything."""

    def __init__(self, folder, size):
        import warnings

        from ncap.targets import load

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same bytes in several parts: these are links
            self.target, self.size = load(folder), size
        self.epoch = 0

    def batches(self):
        self.epoch += 1
        order = np.random.default_rng(self.epoch).permutation(self.target.lengths["train"])
        return self.target.batches("train", order, BATCH, (self.size, self.size, 3))


class TfData:
    """The usual pipeline, on as many files as ncap trains on."""

    def __init__(self, folder, size):
        import keras
        import tensorflow as tf

        self.dataset = keras.utils.image_dataset_from_directory(
            folder,
            batch_size=BATCH,
            image_size=(size, size),
            seed=0,
            verbose=False,
            validation_split=0.4,
            subset="training",
        ).prefetch(tf.data.AUTOTUNE)

    def batches(self):
        return iter(self.dataset)


SIDES = {"ncap": Ncap, "tf.data": TfData}


def one_pass(side, model):
    """Images, and seconds of wall clock and of processor."""
    started, worked, images = time.perf_counter(), time.process_time(), 0
    for x, y in side.batches():
        if model is None:
            np.asarray(x)
        else:
            model.train_on_batch(x, y)
        images += len(y)
    return images, time.perf_counter() - started, time.process_time() - worked


def network(size):
    import keras

    layers = [keras.layers.Rescaling(1 / 255)]
    layers += [keras.layers.Conv2D(16 * 2**step, 3, 2, activation="relu") for step in range(3)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5, "softmax")]
    model = keras.Sequential([keras.Input((size, size, 3)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def measure_speed(folder, size, train):
    """The best of some alternating passes, in one process."""
    model, passes = network(size) if train else None, {}
    sides = {}
    for name, make in SIDES.items():
        started = time.perf_counter()
        sides[name] = make(folder, size)
        print(f"{name}: opened in {time.perf_counter() - started:.1f} s", flush=True)
    for _ in range(ROUNDS):
        for name, side in sides.items():
            images, wall, processor = one_pass(side, model)
            passes.setdefault(name, []).append((images / wall, images / processor))
    speeds = {name: np.max(found, axis=0) for name, found in passes.items()}
    for name, (wall, processor) in speeds.items():
        print(f"{name}: {wall:.0f} images/s, {processor:.0f} images a second of processor time")
    clock, processor = speeds["ncap"] / speeds["tf.data"]
    print(f"ratio: {clock:.2f} by the clock, {processor:.2f} by processor time")


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import streaming, tensorflow, keras, sklearn.model_selection, ncap.targets.folder
def memory(kind):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) / 1024
model = streaming.network({size}) if {train} else None
Path("/proc/self/clear_refs").write_text("5")     # the peak is counted from here
before = memory("VmRSS")
side = streaming.SIDES[{name!r}]({folder!r}, {size})
opened = memory("VmRSS")
streaming.one_pass(side, model)
print(opened - before, memory("VmHWM") - before)
"""


def measure_memory(folder, size, train, name):
    code = MEMORY.format(here=str(Path(__file__).parent), size=size, train=train, name=name, folder=str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()[-2:]]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("files", 100_000), ("side", 64), ("size", 64)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--train", action="store_true")
    given = options.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NCAP_CACHE"] = f"{folder}/.cache"
        few = Path(folder, "few")
        few.mkdir()
        write_files(folder, given.files, given.side)
        write_files(few, 2000, given.side)
        print(json.dumps(vars(given)))
        measure_speed(Path(folder, "photos"), given.size, given.train)
        queue = BATCH * given.size**2 * 3 * 4 / 2**20
        print(f"a batch takes {queue:.1f} MiB")
        for name in SIDES:
            for count, home in ((2000, few / "photos"), (given.files, Path(folder, "photos"))):
                opened, peak = measure_memory(home, given.size, given.train, name)
                print(f"{name}, {count} files: {opened:.0f} MiB when opened, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
