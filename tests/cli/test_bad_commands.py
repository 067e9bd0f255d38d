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
from ncap.records.schema import OBSERVATIONS, READINGS, RunKey
from ncap.records.store import Store

LONGEST = 500  # characters on stderr, click's two lines of usage among them
UNKNOWN = "known: mini (all of them), "


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
        Wrong(
            command, "--target", "imagenet", ("unknown target 'imagenet'", "known: digits", "the path of a .npz file")
        ),
        Wrong(command, "--target", "", ("unknown target ''",)),
        Wrong(command, "--target", "folder", ("folder: has 0 class folders, and two are needed; pass one folder of",)),
        Wrong(command, "--target", "missing.npz", ("missing.npz: cannot be read (No such file or directory); pass",)),
        Wrong(command, "--target", "text.npz", ("text.npz: not an .npz archive; save it with numpy.savez_compressed",)),
        Wrong(command, "--target", "keys.npz", ("keys.npz: the keys must be x_train", "got ['images', 'labels']")),
    ]


def splits(command):
    return [
        *(
            Wrong(
                command, f"--{name}", value, (f"{name} must be a share between 0 and 1, such as 0.2", f"got {value!r}")
            )
            for name in ("validation", "test")
            for value in ("0", "1.5", "-3", "nan", "many", "")
        ),
        Wrong(command, "--on-bad", "skp", ("on_bad must be one of fail, skip, got 'skp'; did you mean 'skip'?",)),
    ]


def stores(command):
    return [
        Wrong(command, "--store", "text.db", ("text.db: not an ncap store, left untouched; pass another path",)),
        Wrong(command, "--store", "folder", ("folder: cannot be read (Is a directory); pass the path of a store",)),
    ]


def rules(command, option):
    return [
        Wrong(
            command, option, "last_sen", ("unknown rule 'last_sen'; did you mean 'last_seen'?", "known: capacitance")
        ),
        Wrong(command, option, "", ("unknown rule ''",)),
    ]


def horizons(command):
    return [
        Wrong(command, "--horizon", "0", ("'--horizon': 0.0 is not in the range x>0",)),
        Wrong(command, "--horizon", "end", ("'--horizon': 'end' is not a valid float",)),
    ]


FORMATTED = [
    "rank",
    "select",
    "report",
    "compare",
    "score",
    "jobs",
    "bench",
    "verify",
    "models",
    "datasets",
    "rules",
    "scores",
    "readings",
    "study",
]  # the commands that print a table


def formats(command):
    return [Wrong(command, "--format", "xml", ("'--format': 'xml' is not one of",))]


def missing_stores(command):
    return [Wrong(command, "--store", "missing.db", ("missing.db: no such store",))]


LIGHT = [
    Wrong("datasets", "--export", "photos", ("--export takes what to write and where, as in: ncap datasets digits",)),
    *candidates("rank"),
    *targets("rank"),
    *(
        Wrong("rank", f"--{name}", value, (f"{name.replace('-', '_')} must be a positive number", f"got {value!r}"))
        for name in ("max-parameters", "max-multiply-adds")
        for value in ("0", "-1", "many", "5X", "", "nan")
    ),
    *floats("rank", "--max-milliseconds", "0", "-1", "nan", "inf", says="max_milliseconds must be a positive number"),
    Wrong("rank", "--licence", "MIT,", ("licences must name a licence in every place", "got ('MIT,',)")),
    Wrong(
        "rank",
        "--max-parameters",
        "1",
        ("none is within the limits (plain: 23,296 parameters, more than max_parameters=1;",),
    ),
    *splits("rank"),
    Wrong("rank", "--augment", "flip,rotate", ("augment must be one of flip, crop, got 'rotate'",)),
    Wrong("rank", "--augment", "", ("augment must be one of flip, crop, got ''",)),
    Wrong("rank", "--metric", "macro-f1", ("metric must be one of accuracy", "did you mean 'macro_f1'?")),
    *splits("datasets"),
    *ranges("datasets", "--seed", 0),
    *ranges("rank", "--epochs", 1),
    *ranges("rank", "--runs", 1),
    *ranges("rank", "--seed", 0),
    *ranges("rank", "--batch-size", 1),
    *ranges("rank", "--size", 1),
    Wrong("rank", "--scores", "log_mee", ("unknown score 'log_mee'; did you mean 'log_me'?",)),
    *ranges("rank", "--jobs", 1),
    *ranges("rank", "--threads", 1),
    *(
        Wrong(
            "rank", "--memory", value, ("memory must be a number of bytes, or one with a unit such as 4GB", repr(value))
        )
        for value in ("0", "-1", "many", "4XB", "", "nan")
    ),
    *(
        Wrong("rank", "--budget", value, ("budget must be a time such as 30min, 90s or 1h30min", repr(value)))
        for value in ("0", "-1", "soon", "30 moons", "", "inf", "min")
    ),
    Wrong("rank", "--precision", "bfloat16", ("precision must be one of float32, mixed_bfloat16, mixed_float16",)),
    Wrong("rank", "--precision", "", ("got ''",)),
    *floats("rank", "--learning-rate", "0", "-1", "nan", "inf", says="learning_rate must be positive and finite"),
    Wrong(
        "rank",
        "--interaction",
        "relative",
        ("interaction must be one of 'explicit', 'hessian', 'full_hessian', got 'relative'",),
    ),
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
    Wrong("rank", "--ticks-per-epoch", "4,", ("--ticks-per-epoch takes whole numbers separated by commas, such as 1",)),
    Wrong("rank", "--ticks-per-epoch", "0", ("ticks_per_epoch must be a whole number of at least 1, got 0",)),
    Wrong("rank", "--readings", "explicit", ("unknown reading 'explicit'", "`ncap readings` lists all 24")),
    Wrong(
        "rank", "--readings", "gradient,gradient", ("readings: name every reading once, got ['gradient', 'gradient']",)
    ),
    Wrong("rank", "--readings", "hessian/magnitude/unit", ("is taken by the oracle alone",)),
    Wrong("rank", "--error", "1", ("error must lie between 0 and 1, such as 0.01",)),
    Wrong("rank", "--engine", "moon", ("unknown engine 'moon'; known: local, ray",)),
    Wrong("rank", "--address", "", ("address must be auto or HOST:PORT, or None for this machine alone, got ''",)),
    Wrong("rank", "--address", "auto", ("engine 'local' trains on this machine alone, got address='auto'",)),
    *rules("rank", "--rule"),
    Wrong("rank", "--scores", "logme", ("unknown score 'logme'; did you mean 'log_me'?",)),
    *rules("report", "--rule"),
    *horizons("rank"),
    *horizons("report"),
    *(row for command in FORMATTED for row in formats(command)),
    *formats("export"),
    *stores("report"),
    *(row for command in ("compare", "jobs", "export") for row in [*stores(command), *missing_stores(command)]),
    Wrong("import", "--folder", "folder", ("folder: holds no exported table such as observations.parquet",)),
    Wrong("import", "--curves", "text.db", ("text.db: its columns are those of no known collection",)),
    Wrong("import", "--folder", "absent", ("absent: holds no exported table",)),
    Wrong("report", "--store", "missing.db", ("missing.db: no such store; `ncap rank --store missing.db` makes one",)),
    Wrong("report", "--settings", "nonsense", ("holds no job with settings 'nonsense'; it holds none yet",)),
    Wrong("report", "--target", "digitz", ("holds no job with target 'digitz'; it holds none yet",)),
    Wrong("compare", "--settings", "nonsense", ("holds no job with settings 'nonsense'; it holds none yet",)),
    Wrong("compare", "--target", "digitz", ("holds no job with target 'digitz'; it holds none yet",)),
    Wrong(
        "compare", "--ticks", "3,four", ("--ticks takes whole numbers separated by commas, such as 3,5, got '3,four'",)
    ),
    Wrong(
        "compare", "--seconds", "3,four", ("--seconds takes numbers separated by commas, such as 30,60, got '3,four'",)
    ),
    *horizons("compare"),
    Wrong("compare", "--learn-from", "target", ("'--learn-from': 'target' is not one of 'targets', 'candidates'",)),
    Wrong("compare", "--truth", "absent.csv", ("absent.csv: cannot be read",)),
    Wrong("compare", "--truth", "text.db", ("text.db: truth: missing ['target', 'candidate']",)),
    *rules("compare", "--rules"),
    Wrong("compare", "--benchmark", "absent", ("absent: has no manifest.json; pass the folder benchmarks/evidence",)),
    *(
        Wrong("compare", f"--{name}", "small", (f"--{name} says which trainings of the benchmark are meant",))
        for name in ("tier", "probe")
    ),
    Wrong("compare", "--held-out", None, ("--held-out says which trainings of the benchmark are meant; pass",)),
    Wrong("rank", "--preset", "papr", ("'--preset': 'papr' is not 'paper'",)),
    Wrong("study", "--preset", "papr", ("'--preset': 'papr' is not 'paper'",)),
    *(
        row
        for name in ("epochs", "runs", "batch-size", "size", "jobs", "threads")
        for row in ranges("study", f"--{name}", 1)
    ),
    *ranges("study", "--seed", 0),
    *horizons("study"),
    *(
        Wrong("study", f"--{name}", "fast", ("is not a valid float",))
        for name in ("learning-rate", "dropout", "norm-momentum")
    ),
    *candidates("score"),
    *targets("score"),
    *ranges("score", "--seed", 0),
    *ranges("score", "--images", 1),
    *ranges("score", "--size", 1),
    Wrong("score", "--names", "log_mee", ("unknown score 'log_mee'; did you mean 'log_me'?",)),
    Wrong("score", "--names", "", ("unknown score ''",)),
    *ranges("report", "--epochs", 1),
    *candidates("bench"),
    *targets("bench"),
    *ranges("bench", "--train", 1),
    *ranges("bench", "--repeats", 1),
    Wrong("bench", "--readings", "gradiant", ("did you mean 'gradient'",)),
    Wrong("bench", "--readings", "hessian/magnitude/unit", ("is taken by the oracle alone",)),
    *ranges("bench", "--seed", 0),
    *ranges("verify", "--seed", 0),
    *ranges("demo", "--seed", 0),
]
LIGHT += [
    Wrong(command, option, "", (f"'{option}': '' is not a path",))
    for command, option in [
        ("demo", "--out"),
        ("rank", "--store"),
        ("rank", "--out"),
        ("report", "--store"),
        ("report", "--out"),
        *(("study", option) for option in ("--store", "--out", "--table")),
        ("compare", "--store"),
        ("compare", "--truth"),
        ("score", "--history"),
        ("jobs", "--store"),
        ("export", "--store"),
        ("export", "--out"),
        ("import", "--store"),
        ("import", "--folder"),
        ("import", "--curves"),
    ]
]
HEAVY = [  # these need Keras, which is loaded once
    Wrong("rank", "--seed", "99999999999", ("seed must be a whole number from 0 to 4294967295, got 99999999999",)),
    Wrong("rank", "--optimizer", "adma", ("adma",)),
    Wrong("rank", "--hidden", "256", ("hidden must name at least two layers, got (256,)", "hidden=(256, 128)")),
    Wrong("rank", "--hidden", "256,0", ("hidden[1] must be a whole number of at least 1, got 0",)),
    *floats("rank", "--dropout", "1", "-1", "nan", says="dropout must lie in [0, 1)"),
    *floats("rank", "--norm-momentum", "1", "40", says="norm_momentum must lie in [0, 1)"),
    *stores("rank"),
    Wrong("rank", "--store", "absent/runs.db", ("absent/runs.db: unable to open", "in a writable folder")),
    Wrong("rank", "--out", "taken", ("out must be a folder that can be written, got 'taken' (File exists)",)),
    Wrong("rank", "--out", "taken/in", ("got 'taken/in' (Not a directory)",)),
    Wrong("bench", "--train", "5", ("n_train: must lie between the number of classes, 10, and of training images",)),
    Wrong("demo", "--seed", "99999999999", ("seed must be a whole number from 0 to 4294967295, got 99999999999",)),
    Wrong("demo", "--out", "taken", ("out must be a folder that can be written, got 'taken' (File exists)",)),
]
OWN = ("--format", "--scores", "--preset")  # rows of its own; rank's alone
# What select shares with rank is refused by the same checks: one row of each option.
for wrong in (LIGHT, HEAVY):
    shared = {row.option: row for row in reversed(wrong) if row.command == "rank" and row.option not in OWN}
    wrong += [row._replace(command="select") for row in shared.values()]
LIGHT += [
    *ranges("select", "--final-epochs", 1),
    *ranges("select", "--reduction", 2),
    Wrong("select", "--risk", "low", ("'--risk': 'low' is not a valid float",)),
    Wrong("select", "--risk", "0.05", ("no rule can say yet how likely it drops the best network",)),
    Wrong("select", "--final-epochs", "4", ("final_epochs must be a whole number of at least 5, got 4",)),
    Wrong("export", "--best", "", ("'--best': '' is not a path",)),
    Wrong("export", "--best", "winner.h5", ("path must end in .keras", "got 'winner.h5'")),
    Wrong("export", "--start", "begun", ("'--start': 'begun' is not one of",)),
    Wrong("export", "--head", "cubic", ("'--head': 'cubic' is not one of",)),
    *ranges("export", "--fine-tune", 0),
    *horizons("export"),
    *(
        Wrong("export", f"--{name}", "1", (f"--{name} says which model to save; pass --best NAME.keras too",))
        for name in ("candidate", "settings", "target", "named", "data", "validation", "test", "on-bad", "rule")
    ),
]
# Of every option that no row is about, why not.
EXEMPT = {
    ("rank", "--frozen"): "a flag takes no value",
    ("rank", "--batch-norm"): "a flag takes no value",
    ("rank", "--progress"): "a flag takes no value",
    **{("select", flag): "a flag takes no value" for flag in ("--frozen", "--batch-norm", "--progress")},
    ("rank", "--dry-run"): "a flag takes no value",
    ("jobs", "--prune"): "a flag takes no value",
    ("score", "--error"): "a flag takes no value",
    ("compare", "--validation-truth"): "a flag takes no value",
    **{("study", flag): "a flag takes no value" for flag in ("--frozen", "--batch-norm", "--progress", "--benchmark")},
    **{
        (
            "study",
            f"--{name}",
        ): "read with the name of a study; tests/studies has what is refused, and rank's rows the settings"
        for name in (
            *(
                "candidates",
                "target",
                "tier",
                "probe",
                "settings",
                "rules",
                "ticks",
                "images",
                "draw",
                "reading",
                "truth",
            ),
            *(
                "budget",
                "optimizer",
                "hidden",
                "ticks-per-epoch",
                "augment",
                "metric",
                "precision",
                "validation",
                "test",
            ),
            *("on-bad", "readings", "error", "interaction", "strength", "weighting", "engine", "memory", "address"),
        )
    },
    ("report", "--out"): "its own test: a job must be in the store first",
    ("report", "--reading"): "its own test: a job must be in the store first",
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
    if row.option in ("--settings", "--target", "--ticks", "--truth") and row.command in ("report", "compare"):
        Store("runs.db").close()
    given = [row.option] if row.value is None else [row.option, row.value]
    untouched = sorted(Path().rglob("*"))
    done = call(row.command, *given)
    assert_refused(row, done)
    made = {path.name for path in Path().rglob("*")} - {path.name for path in untouched}
    assert made <= {"out", "demo", "runs.db"}  # and no training: a run would leave checkpoints


def test_every_option_of_every_command_has_a_row():
    tabled = {(row.command, row.option) for row in LIGHT + HEAVY} | set(EXEMPT)
    commands = {name: main.get_command(None, name) for name in main.list_commands(None)}
    for name, command in commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Argument):  # a target, or what is listed, with tests of its own
                assert name in ("datasets", "models", "study")
                continue
            assert isinstance(parameter, click.Option)
            assert (name, parameter.opts[0]) in tabled, (name, parameter.opts[0])
    assert set(commands) == {row.command for row in LIGHT}


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


def filled_store():
    """runs.db with one job that can be ranked."""
    with Store("runs.db") as store:
        key = RunKey(store.add_settings({"seed": 0}, {}), "digits", "mlp", 0)
        for tick in range(1, 5):
            observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.5) | {"tick": tick, "epoch": float(tick)}
            reading = dict.fromkeys(READINGS.names[4:], 1.0 / tick) | {
                "tick": tick,
                "reading": "gradient",
                "reason": "",
            }
            store.add(key, observation, [reading])


def test_a_report_folder_that_is_a_file(folder):
    filled_store()
    done = call("report", "--out", "taken")
    assert done.exit_code == 2
    assert "out must be a folder that can be written, got 'taken' (File exists)" in done.stderr
    assert (folder / "taken").read_text() == "hello"


@pytest.mark.usefixtures("folder")
def test_a_reading_that_the_store_lacks_is_named_with_those_that_it_has():
    filled_store()
    done = call("report", "--reading", "explicit/magnitude/unit")
    assert done.exit_code == 2
    assert "the records hold no 'explicit/magnitude/unit'; they hold gradient" in done.stderr


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["rnak"], "No such command 'rnak'. Did you mean 'rank'?"),
        (["rank", "--epoch", "5"], "No such option '--epoch'. Did you mean '--epochs'?"),
        (["rank", "digits"], "Got unexpected extra argument (digits)"),
        (["readings", "mini"], "Got unexpected extra argument (mini)"),
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


def test_a_mistyped_command_gets_the_nearest_name_where_none_has_been_imported(tmp_path):
    done = run(tmp_path, "rnak")
    assert done.returncode == 2
    assert "No such command 'rnak'. Did you mean 'rank'?" in done.stderr


REMEDY = "set KERAS_BACKEND to tensorflow, or to jax after pip install 'ncap[jax]'"


@pytest.mark.parametrize(
    ("words", "environment", "fragments"),
    [
        (["rank", "--dropout", "40"], {}, ["dropout must lie in [0, 1), got 40.0"]),
        (["rank"], {"KERAS_BACKEND": "nonsense"}, ["Keras cannot load its backend 'nonsense'", REMEDY]),
        (["rank"], {"KERAS_BACKEND": "numpy"}, ["Keras' backend 'numpy' cannot train", REMEDY]),
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
    assert "target 'fashion_mnist' cannot be reached: /absent (NCAP_DATA) has no file" in done.stderr
    assert "set NCAP_DATA to a folder with that file, or connect to a network once" in done.stderr


@pytest.mark.parametrize("row", targets("datasets"), ids=lambda row: row.value)
@pytest.mark.usefixtures("folder")
def test_what_is_no_target_is_refused_by_the_command_that_describes_one(row):
    done = call("datasets", row.value)
    assert done.exit_code == 2
    for fragment in row.fragments:
        assert fragment in done.stderr
