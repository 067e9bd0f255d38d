"""Every option of every command, with what a person would really type wrong: message, exit code, no traceback, no noise."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest
from commands import call

from ncap.cli import main

LONGEST = 500  # characters on stderr, click's two lines of usage among them
UNKNOWN = "known: mini (all of them), plain"


class Wrong(NamedTuple):
    """A command line and what stderr must say of it; the exit code is 2, bad input."""

    command: str
    option: str
    value: str | None
    fragments: tuple[str, ...]


def ranges(command, option, least):
    """What an option of whole numbers is given wrong."""
    return [
        Wrong(command, option, str(least - 1), (f"'{option}': {least - 1} is not in the range x>={least}",)),
        Wrong(command, option, "five", (f"'{option}': 'five' is not a valid integer",)),
        Wrong(command, option, "1.5", (f"'{option}': '1.5' is not a valid integer",)),
        Wrong(command, option, "", (f"'{option}': '' is not a valid integer",)),
        Wrong(command, option, None, (f"Option '{option}' requires an argument",)),
    ]


def floats(command, option, *outside, says):
    """What an option of numbers is given wrong: no number, and numbers out of range."""
    return [
        Wrong(command, option, "fast", (f"'{option}': 'fast' is not a valid float",)),
        Wrong(command, option, "", (f"'{option}': '' is not a valid float",)),
        *(Wrong(command, option, value, (says, f"got {float(value)}")) for value in outside),
    ]


def candidates(command):
    return [
        Wrong(command, "--candidates", "mlpp", ("unknown candidate 'mlpp'; did you mean 'mlp'?", UNKNOWN)),
        Wrong(command, "--candidates", "MLP", ("unknown candidate 'MLP'; did you mean 'mlp'?",)),
        Wrong(command, "--candidates", "resnet50", ("unknown candidate 'resnet50'", "passed from Python, ncap.rank(")),
        Wrong(command, "--candidates", "mlp,,plain", ("unknown candidate ''", UNKNOWN)),
        Wrong(command, "--candidates", "", ("unknown candidate ''",)),
    ]


def targets(command):
    return [
        Wrong(command, "--target", "Digits", ("unknown target 'Digits'; did you mean 'digits'?",)),
        Wrong(command, "--target", "imagenet", ("unknown target 'imagenet'; known: digits", "the path of a .npz file")),
        Wrong(command, "--target", "", ("unknown target ''",)),
        Wrong(
            command, "--target", "folder", ("folder: cannot be read (Is a directory); pass the path of a .npz file",)
        ),
        Wrong(command, "--target", "missing.npz", ("missing.npz: cannot be read (No such file or directory); pass",)),
        Wrong(command, "--target", "text.npz", ("text.npz: not an .npz archive; save it with numpy.savez_compressed",)),
        Wrong(command, "--target", "keys.npz", ("keys.npz: the keys must be x_train", "got ['images', 'labels']")),
    ]


def stores(command):
    return [
        Wrong(command, "--store", "text.db", ("text.db: not an ncap store, left untouched; pass another path",)),
        Wrong(command, "--store", "folder", ("folder: cannot be read (Is a directory); pass the path of a store",)),
    ]


LIGHT = [
    *candidates("rank"),
    *targets("rank"),
    *ranges("rank", "--epochs", 1),
    *ranges("rank", "--runs", 1),
    *ranges("rank", "--seed", 0),
    *ranges("rank", "--batch-size", 1),
    *floats("rank", "--learning-rate", "0", "-1", "nan", "inf", says="learning_rate must be positive and finite"),
    Wrong("rank", "--interaction", "relative", ("interaction must be one of 'explicit', 'hessian', got 'relative'",)),
    Wrong("rank", "--interaction", "hessian", ("interaction='hessian' can be read with strength='signed' only",)),
    Wrong("rank", "--strength", "loud", ("strength must be one of 'signed', 'magnitude', got 'loud'",)),
    Wrong("rank", "--weighting", "degree", ("weighting must be one of 'unit', 'relative', got 'degree'",)),
    Wrong("rank", "--weighting", "", ("got ''",)),
    *(
        Wrong(
            "rank",
            "--hidden",
            value,
            ("--hidden takes whole numbers separated by commas, such as 256,128", repr(value)),
        )
        for value in ("", "256,", "256;128", "256 128", "(256,128)", "a,b", "256,12.5")
    ),
    *stores("report"),
    Wrong("report", "--store", "missing.db", ("missing.db: no such store; `ncap rank --store missing.db` makes one",)),
    Wrong("report", "--settings", "nonsense", ("holds no job with settings 'nonsense'; it holds none yet",)),
    Wrong("report", "--target", "digitz", ("holds no job with target 'digitz'; it holds none yet",)),
    *ranges("report", "--epochs", 1),
    *candidates("bench"),
    *targets("bench"),
    *ranges("bench", "--train", 1),
    *ranges("bench", "--repeats", 1),
    *ranges("bench", "--seed", 0),
    *ranges("verify", "--seed", 0),
    *ranges("demo", "--seed", 0),
]
LIGHT += [
    Wrong(command, option, "", (f"'{option}': '' is no path",))
    for command, option in [
        ("demo", "--out"),
        ("rank", "--store"),
        ("rank", "--out"),
        ("report", "--store"),
        ("report", "--out"),
    ]
]
HEAVY = [  # these need Keras, which is loaded once
    Wrong("rank", "--seed", "99999999999", ("seed must be a whole number from 0 to 4294967295, got 99999999999",)),
    Wrong("rank", "--optimizer", "adma", ("adma",)),
    Wrong("rank", "--engine", "moon", ("engine must be 'local', which trains on this machine, got 'moon'",)),
    Wrong("rank", "--hidden", "256", ("hidden must name at least two layers, got (256,)", "hidden=(256, 128)")),
    Wrong("rank", "--hidden", "256,0", ("hidden[1] must be a whole number of at least 1, got 0",)),
    *floats("rank", "--dropout", "1", "-1", "nan", says="dropout must lie in [0, 1)"),
    *floats("rank", "--norm-momentum", "1", "40", says="norm_momentum must lie in [0, 1)"),
    *stores("rank"),
    Wrong("rank", "--store", "absent/runs.db", ("absent/runs.db: unable to open", "in a folder that can be written")),
    Wrong("rank", "--out", "taken", ("out must be a folder that can be written, got 'taken' (File exists)",)),
    Wrong("rank", "--out", "taken/in", ("got 'taken/in' (Not a directory)",)),
    Wrong("bench", "--train", "5", ("n_train: must lie between the number of classes, 10, and of training images",)),
    Wrong("demo", "--seed", "99999999999", ("seed must be a whole number from 0 to 4294967295, got 99999999999",)),
    Wrong("demo", "--out", "taken", ("out must be a folder that can be written, got 'taken' (File exists)",)),
]
# Of every option that no row is about, why not.
EXEMPT = {
    ("rank", "--frozen"): "a flag takes no value",
    ("rank", "--batch-norm"): "a flag takes no value",
    ("rank", "--progress"): "a flag takes no value",
    ("report", "--out"): "its own test: a job must be in the store first",
}


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    """Where a person stands: a folder with files that are not what they are taken for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("taken", "text.npz", "text.db"):
        Path(name).write_text("hello")
    np.savez("keys.npz", images=np.zeros((3, 2, 2)), labels=np.arange(3))
    return tmp_path


def rows(wrong):
    return [pytest.param(row, id=f"{row.command} {row.option} {row.value!r}") for row in wrong]


def assert_refused(row, done):
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr) < LONGEST
    assert len(done.stderr.splitlines()) <= 4
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    for fragment in row.fragments:
        assert fragment in done.stderr
    if "unknown" not in done.stderr:  # what stands there is enough to find the option
        words = {row.option, row.option.removeprefix("--").replace("-", "_"), row.value}
        assert any(word and word in done.stderr for word in words)


@pytest.mark.parametrize("row", rows(LIGHT + HEAVY))
@pytest.mark.usefixtures("folder")
def test_a_wrong_value_is_exit_code_2_and_a_short_message(row):
    if (row.command, row.option) in {("report", "--settings"), ("report", "--target")}:
        from ncap.records.store import Store

        Store("runs.db").close()
    given = [row.option] if row.value is None else [row.option, row.value]
    untouched = sorted(Path().rglob("*"))
    done = call(row.command, *given)
    assert_refused(row, done)
    made = {path.name for path in Path().rglob("*")} - {path.name for path in untouched}
    assert made <= {"out", "demo", "runs.db"}  # and no training: a run would leave checkpoints


def test_every_option_of_every_command_has_a_row():
    tabled = {(row.command, row.option) for row in LIGHT + HEAVY} | set(EXEMPT)
    for name, command in main.commands.items():
        for parameter in command.params:
            assert isinstance(parameter, click.Option)
            assert (name, parameter.opts[0]) in tabled
    assert {name for name, command in main.commands.items() if command.params} == {row.command for row in LIGHT}


def test_a_row_of_light_ones_loads_no_framework(tmp_path):
    """What can be known without Keras is said without it: all of LIGHT in one process that has not loaded it."""
    code = (
        "import sys; from click.testing import CliRunner; from ncap.cli import main\n"
        f"for words in {[[row.command, row.option, *([] if row.value is None else [row.value])] for row in LIGHT]}:\n"
        "    assert CliRunner().invoke(main, words).exit_code == 2, words\n"
        "    assert 'keras' not in sys.modules, words\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_report_folder_that_is_a_file(folder):
    from ncap.records.store import OBSERVATION, Store

    with Store("runs.db") as store:
        settings = store.add_settings({"seed": 0}, {})
        key = {"settings": settings, "target": "digits", "candidate": "mlp", "reading": "explicit/magnitude/unit"}
        for epoch in range(1, 5):
            store.add(dict.fromkeys(OBSERVATION, 0.5) | key | {"run": 0, "epoch": epoch, "degenerate": False})
    done = call("report", "--out", "taken")
    assert done.exit_code == 2
    assert "out must be a folder that can be written, got 'taken' (File exists)" in done.stderr
    assert (folder / "taken").read_text() == "hello"


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["rnak"], "No such command 'rnak'. Did you mean 'rank'?"),
        (["rank", "--epoch", "5"], "No such option '--epoch'. Did you mean '--epochs'?"),
        (["rank", "digits"], "Got unexpected extra argument (digits)"),
        (["models", "mini"], "Got unexpected extra argument (mini)"),
        (["datasets", "--all"], "No such option '--all'"),
        (["--verison"], "No such option '--verison'. Did you mean '--version'?"),
    ],
)
def test_what_is_mistyped_gets_the_nearest_name(words, fragment):
    done = call(*words)
    assert done.exit_code == 2
    assert fragment in done.stderr
    assert "--help" in done.stderr


def run(folder, *words, **environment):
    """A command in a process of its own, as a shell starts it: nothing set for TensorFlow, nothing but ncap on stderr."""
    code = "from ncap.cli import main; main()"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_", "NCAP_"))}
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, env=kept | environment, capture_output=True, text=True
    )


REMEDY = "set KERAS_BACKEND to tensorflow, or to jax after pip install 'ncap[jax]'"


@pytest.mark.parametrize(
    ("words", "environment", "fragments"),
    [
        (["rank", "--dropout", "40"], {}, ["dropout must lie in [0, 1), got 40.0"]),
        (["rank"], {"KERAS_BACKEND": "nonsense"}, ["Keras cannot load its backend 'nonsense'", REMEDY]),
        (["rank"], {"KERAS_BACKEND": "numpy"}, ["Keras' backend 'numpy' trains no network", REMEDY]),
        (["bench"], {"KERAS_BACKEND": "hidden_module"}, ["Keras cannot load its backend 'hidden_module'", REMEDY]),
    ],
)
def test_a_process_says_one_line_and_nothing_of_the_framework(folder, words, environment, fragments):
    done = run(folder, *words, **environment)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    for fragment in fragments:
        assert fragment in line


def test_a_backend_that_is_not_installed_is_named_with_the_remedy(folder):
    """KERAS_BACKEND=jax without jax: a module of that name that cannot be imported stands before the installed one."""
    (folder / "jax.py").write_text("raise ModuleNotFoundError(\"No module named 'jax'\")")
    done = run(folder, "rank", KERAS_BACKEND="jax", PYTHONPATH=str(folder))
    assert done.returncode == 2
    assert done.stderr == f"Error: Keras cannot load its backend 'jax' (No module named 'jax'); {REMEDY}\n"


def test_a_data_folder_that_does_not_exist_is_named_with_the_remedy(monkeypatch):
    import keras

    def refuse():
        raise Exception("URL fetch failure")  # as Keras does

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", refuse)
    monkeypatch.setenv("NCAP_DATA", "/absent")
    done = call("bench", "--target", "fashion_mnist")
    assert done.exit_code == 2
    assert "target 'fashion_mnist' cannot be reached: NCAP_DATA is '/absent', with no file" in done.stderr
    assert "set NCAP_DATA to a folder with that file, or connect to a network once" in done.stderr
