"""Cells of NAS-Bench-201: their strings, which of them are isomorphic, and the network around one."""

import csv
import gzip
import itertools

import keras
import numpy as np
import pytest

from ncap import candidates
from ncap.candidates.cell_body import _in_cell
from ncap.candidates.cells import EDGES, Cell, all_cells
from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.testing.candidates import check_candidate

CONVOLUTIONS = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
SMALL = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def rows(shared_data):
    with gzip.open(shared_data / "curves" / "nats_bench.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def test_every_string_of_the_benchmark_is_a_cell_and_back(rows):
    texts = [row["ArchitectureString"] for row in rows]
    assert {str(cell) for cell in all_cells()} == set(texts)
    assert [str(Cell.parse(text)) for text in texts] == texts
    assert len(texts) == len(set(texts)) == 5**6


def test_isomorphic_cells_are_those_of_the_benchmark(rows):
    unique = {row["ArchitectureString"]: row["UniqueString"] for row in rows}
    assert {text: Cell.parse(text).unique() for text in unique} == unique
    assert len(set(unique.values())) == 6466  # as Dong and Yang count them


def test_members_of_a_class_may_differ_in_parameters():
    one = Cell.parse("|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|")
    two = Cell.parse("|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|")
    assert one.unique() == two.unique()
    assert two.parameters() > one.parameters()


@pytest.mark.parametrize(
    ("text", "parameters", "multiply_adds"),
    [
        # As the benchmark says: 1.531546 and 0.129306 million with a head of ten classes, 220.12 and 15.65 million multiply-adds
        (CONVOLUTIONS, 1_531_546, 220_119_040),
        (SMALL, 129_306, 15_646_720),
        # by hand: the stem 432 + 32, conv_a, conv_b and projection 4608 + 64 + 9216 + 64 + 512 and 18432 + 128 + 36864 + 128 + 2048,
        # the last norm 128, the head 650
        (NOTHING, 464 + 14_464 + 57_600 + 128 + 650, 442_368 + 2 * (1_179_648 + 2_359_296 + 131_072)),
    ],
)
def test_sizes_are_the_published_ones(text, parameters, multiply_adds):
    cell = Cell.parse(text)
    assert cell.trained_parameters(classes=10) == parameters
    assert cell.multiply_adds() == multiply_adds


def test_a_cell_keeps_the_laws_of_candidates():
    """One with a convolution of nothing, and an edge that leads on from there: both are built and counted."""
    text = "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"
    (one,) = candidates.resolve(f"nb201:{text}").values()
    check_candidate(one)
    body = one.build()
    assert body.output_shape == (None, 8, 8, 64)
    assert count_multiply_adds(body) == one.multiply_adds
    assert sum(int(np.prod(variable.shape)) for variable in body.trainable_variables) == one.cell.trained_parameters()


def test_initial_kernels_are_those_of_pytorch():
    (one,) = candidates.resolve(f"nb201:{SMALL}").values()
    for layer in one.build().layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.asarray(layer.kernel)
            bound = 1 / np.sqrt(np.prod(kernel.shape[:3]))
            assert 0.9 * bound < np.abs(kernel).max() <= bound
            assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


def pooled(x):
    """The mean of the neighbours that lie in the image, by loops."""
    out = np.empty_like(x)
    for i, j in np.ndindex(x.shape[1:3]):
        out[:, i, j] = x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].mean(axis=(1, 2))
    return out


def test_nodes_add_up_what_their_edges_bring():
    plain = {"none": np.zeros_like, "skip_connect": lambda x: x, "avg_pool_3x3": pooled}
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 16)).astype(np.float32)
    for operations in itertools.islice(itertools.product(plain, repeat=6), 5, None, 83):
        inputs = keras.Input((4, 4, 16))
        found = keras.Model(inputs, _in_cell(Cell(operations), inputs))(images)
        nodes = [images, 0, 0, 0]
        for (i, j), name in zip(EDGES, operations, strict=True):
            nodes[j] = nodes[j] + plain[name](nodes[i])
        np.testing.assert_allclose(np.asarray(found), nodes[3], atol=1e-5)


@pytest.mark.parametrize(
    "text",
    ["", "|nor_conv_3x3~0|", CONVOLUTIONS[1:], CONVOLUTIONS.replace("1x1", "5x5") + "|", SMALL.replace("avg", "max")],
)
def test_what_is_no_cell_is_refused_with_an_example(text):
    with pytest.raises(
        ValueError, match=r"candidate 'nb201:.*six operations, each one of none, skip_connect.*such as \|nor_conv_3x3"
    ):
        candidates.resolve(f"nb201:{text}")


def test_random_weights_are_not_asked_for_twice():
    with pytest.raises(ValueError, match="has random weights as it is; leave ':random' out"):
        candidates.resolve(f"nb201:{SMALL}:random")
