"""Every argument of the oracle, with what a person would really pass wrong."""

from fractions import Fraction

import networkx
import numpy as np
import pytest
from refusals import Table, assert_refused, cases, untabled
from scipy import sparse

from ncap import reference as ref

KERNELS = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 2))]
NET = ref.MLP(KERNELS)
UNEQUAL = ref.MLP([*KERNELS[:2], [[1.0, 0.0]] * 4])
WIDE = ref.MLP([np.ones((50, 50)), np.ones((50, 50)), np.ones((50, 2))])
WIDER = ref.MLP([np.ones((200, 200)), np.ones((200, 200)), np.ones((200, 2))])
X, Y = np.ones((3, 2)), [0, 1, 0]
DATA = {"x": X, "y": Y}
Z = [np.ones((3, 2)), np.ones((3, 3))]
S = [np.ones((3, 3)), np.ones((3, 4))]
G = [np.ones((3, 4)), np.ones((3, 2))]
RAGGED = [[1.0, 2.0], [3.0]]
REAL = "must be an array of real numbers"
ONE_ARRAY = "must be one array of real numbers"


def vectors(name, given):
    """Rows of biases, scales and shifts: lists of vectors, which `given` fits but for what is changed."""
    return [
        (name, 1, TypeError, f"{name} must be a list of arrays, one a layer, got 1"),
        (name, [1.0] * len(given), ValueError, f"{name}[0] must have shape (3,), got (1,)"),
        (name, [*given, None], ValueError, f"{name} must have {len(given)} entries", f"got {len(given) + 1}"),
        (name, [[np.nan] * 3, *given[1:]], ValueError, f"{name}[0] holds NaN or infinity"),
        (name, [["a", "b", "c"], *given[1:]], ValueError, f"{name}[0] {REAL}, got (3,) of dtype <U1"),
        (name, [np.ones(2), *given[1:]], ValueError, f"{name}[0] must have shape (3,), got (2,)"),
    ]


NETWORK = [
    ("kernels", None, TypeError, "kernels must be a list of arrays, one a layer, got None"),
    ("kernels", NET, TypeError, "got MLP(widths=(2, 3, 4, 2)"),
    ("kernels", [], ValueError, "kernels is empty; pass at least one array of shape (n_in, n_out)"),
    ("kernels", np.ones((2, 3)), ValueError, "kernels[0] must have shape (n_in, n_out), both at least 1, got (3,)"),
    ("kernels", [np.ones((2, 0))], ValueError, "kernels[0] must have shape (n_in, n_out)", "got (2, 0)"),
    ("kernels", [np.ones((2, 3)), np.ones((4, 2))], ValueError, "kernels[1] must have 3 rows", "got (4, 2)"),
    ("kernels", [[["a"]]], ValueError, f"kernels[0] {REAL}, got (1, 1) of dtype <U1"),
    ("kernels", [np.eye(2) * 1j], ValueError, f"kernels[0] {REAL}, got (2, 2) of dtype complex128"),
    ("kernels", [RAGGED], ValueError, f"kernels[0] {ONE_ARRAY}", "inhomogeneous shape"),
    ("kernels", [[[np.nan]]], ValueError, "kernels[0] holds NaN or infinity; pass finite numbers"),
    ("kernels", [None], ValueError, f"kernels[0] {REAL}, got None"),
    ("kernels", [np.array([[print]])], ValueError, f"kernels[0] {REAL}"),
    *vectors("biases", [None] * 3),
    *vectors("scales", [None] * 2),
    *vectors("shifts", [None] * 2),
    ("norm", "behind", ValueError, "norm must be one of 'after', 'before', got 'behind'"),
    ("norm", None, ValueError, "got None"),
    ("norm", np.array(["after", "before"]), ValueError, "norm must be one of 'after', 'before', got array(["),
    ("loss", "mse", ValueError, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'"),
    ("loss", "sparse_categorical_crossentropy", ValueError, "got 'sparse_categorical_crossentropy'"),
]
NETS = [
    ("net", None, TypeError, "net must be an ncap.reference.MLP, got NoneType"),
    ("net", KERNELS, TypeError, "got list; build one of its kernels, MLP([W_1, ..., W_L])"),
]
INPUTS = [
    ("x", None, ValueError, f"x {REAL}, got None"),
    ("x", [["a", "b"]] * 3, ValueError, f"x {REAL}, got (3, 2) of dtype <U1"),
    ("x", [["1", "2"]] * 3, ValueError, f"x {REAL}"),
    ("x", X.astype("M8[D]"), ValueError, "dtype datetime64[D]"),
    ("x", X * 1j, ValueError, "dtype complex128"),
    ("x", RAGGED, ValueError, f"x {ONE_ARRAY}"),
    ("x", [[1.0, np.nan]] * 3, ValueError, "x holds NaN or infinity; pass finite numbers"),
    ("x", [1.0, 1.0], ValueError, "x must have shape (N, 2), N at least 1: samples are rows; got (2,)"),
    ("x", X.T, ValueError, "got (2, 3)"),
    ("x", X[:, None], ValueError, "got (3, 1, 2)"),
    ("x", np.ones((0, 2)), ValueError, "N at least 1", "got (0, 2)"),
]
TARGETS = [
    ("y", None, ValueError, "y must be integer labels of shape (3,) or targets of shape (3, 2), got None"),
    ("y", 0, ValueError, "got 0"),
    ("y", [0, 1], ValueError, "of shape (3,)", "got (2,)"),
    ("y", [], ValueError, "got (0,)"),
    ("y", np.eye(2)[Y].T, ValueError, "got (2, 3)"),
    ("y", np.eye(3), ValueError, "targets of shape (3, 2), got (3, 3)"),
    ("y", [[0], [1, 0], [1]], ValueError, f"y {ONE_ARRAY}"),
    ("y", [0, 1, 2], ValueError, "labels y must lie in 0..1, one for each output, got 0..2"),
    ("y", [-1, 0, 1], ValueError, "got -1..1"),
    ("y", [[0], [2], [1]], ValueError, "labels y must lie in 0..1", "got 0..2"),
    (
        "y",
        ["cat", "dog", "cat"],
        ValueError,
        "got dtype <U3; number the classes, y = np.unique(y, return_inverse=True)[1]",
    ),
    ("y", [0.0, 1.0, 0.0], ValueError, "labels y must be integers, got dtype float64; pass y.astype(int), or targets"),
    ("y", [[0.0], [1.0], [0.0]], ValueError, "labels y must be integers, got dtype float64"),
    ("y", [0.0, 0.5, 1.0], ValueError, "pass y.astype(int) once they are whole numbers, 0.5 is none"),
    ("y", [np.nan, 0.0, 1.0], ValueError, "once they are whole numbers, nan is none"),
    ("y", [True, False, True], ValueError, "got dtype bool; pass y.astype(int)"),
    ("y", np.full((3, 2), np.nan), ValueError, "y holds NaN or infinity"),
    ("y", [[2.0, -1.0]] * 3, ValueError, "cross_entropy targets y must be at least 0, got -1.0"),
    ("y", [[1.0, 0.0], [0.5, 0.5], [50.0, 50.0]], ValueError, "row 2 sums to 100; divide by the row sums"),
]
READING = [
    ("interaction", "relative", ValueError, "interaction must be one of 'explicit', 'hessian', got 'relative'"),
    ("interaction", None, ValueError, "got None"),
    ("strength", "Signed", ValueError, "strength must be one of 'signed', 'magnitude', got 'Signed'"),
    ("strength", ["signed"], ValueError, "got ['signed']"),
    ("weighting", "degree", ValueError, "weighting must be one of 'unit', 'relative', got 'degree'"),
]


def families(name, given, node):
    """Rows of z, s and g, of which `given` is the good value; two arrays of three rows each."""
    first, second = given
    return [
        (name, None, TypeError, f"{name} must be a list of arrays, one a layer, got None"),
        (name, [], ValueError, "need L - 1 >= 1 arrays each", "0"),
        (name, given[:1], ValueError, "need L - 1 >= 1 arrays each", "1"),
        (name, [np.ones(3), second], ValueError, f"{name}[0] must have shape (N, n) with N = 3, got (3,)"),
        (
            name,
            [first, second[:2]],
            ValueError,
            f"{name}[1] must have shape (N, n) with N = 3, got (2, {second.shape[1]})",
        ),
        (name, [first, second[:, :0]], ValueError, f"{name}[1] must have shape (N, n)", "got (3, 0)"),
        (name, [first * np.nan, second], ValueError, f"{name}[0] holds NaN or infinity"),
        (name, [first * 1j, second], ValueError, f"{name}[0] {REAL}", "complex128"),
        (name, [first.astype(str), second], ValueError, f"{name}[0] {REAL}", "<U32"),
        (name, [RAGGED, second], ValueError, f"{name}[0] {ONE_ARRAY}"),
        (name, [np.ones((3, 7))] * 2, ValueError, f"{node} (3, 7)"),
    ]


TABLES = {
    "MLP": Table(ref.MLP, {"kernels": KERNELS}, NETWORK),
    "forward": Table(ref.forward, {"net": NET, "x": X}, NETS + INPUTS),
    "families": Table(ref.families, {"net": NET, **DATA}, NETS + INPUTS + TARGETS),
    "gradients": Table(ref.gradients, {"net": NET, **DATA}, NETS + INPUTS + TARGETS),
    "interaction_matrix": Table(ref.interaction_matrix, {"net": NET, **DATA}, NETS + INPUTS + TARGETS + READING),
    "degrees": Table(ref.degrees, {"net": NET, **DATA}, NETS + INPUTS + TARGETS + READING),
    "degrees_from": Table(
        ref.degrees_from,
        {"z": Z, "s": S, "g": G},
        [
            *families("z", Z, "z_1"),
            *families("s", S, "s_1"),
            *families("g", G, "g_2"),
            ("strength", "loud", ValueError, "strength must be one of 'signed', 'magnitude', got 'loud'"),
            ("weighting", "degree", ValueError, "got 'degree'"),
            ("weighting", "relative", ValueError, "weighs P with the weights; pass kernels=[W_1, ..., W_L]"),
            ("kernels", 1, TypeError, "kernels must be a list of arrays, one a layer, got 1"),
            ("kernels", KERNELS[:2], ValueError, "kernels must hold W_1..W_L, 3 arrays for these families, got 2"),
            ("kernels", [np.ones((2, 4)), *KERNELS[1:]], ValueError, "kernels[0] must have shape (2, 3)", "got (2, 4)"),
            ("kernels", [*KERNELS[:2], np.ones(4)], ValueError, "kernels[2] must have shape (4, 2)", "got (4,)"),
            ("kernels", [KERNELS[0] * np.inf, *KERNELS[1:]], ValueError, "kernels[0] holds NaN or infinity"),
        ],
    ),
    "capacitance": Table(
        ref.capacitance,
        {"net": NET, "strength": "magnitude", **DATA},
        [
            *NETS,
            *INPUTS,
            *TARGETS,
            *READING,
            ("eps", -1, ValueError, "eps must be at least 0, got -1; pass a finite number"),
            ("eps", np.nan, ValueError, "got nan"),
            ("eps", np.inf, ValueError, "got inf"),
            ("eps", "0.1", ValueError, "got '0.1'"),
            ("eps", None, ValueError, "got None"),
        ],
    ),
    "gradient_capacitance": Table(ref.gradient_capacitance, {"net": UNEQUAL, **DATA}, NETS + INPUTS + TARGETS),
    "beta_eff": Table(
        ref.beta_eff,
        {"P": np.eye(2)},
        [
            ("P", None, ValueError, "P must be a square matrix, got shape () (NoneType)"),
            ("P", np.ones((2, 3)), ValueError, "got shape (2, 3) (ndarray); pass it dense or as scipy.sparse"),
            ("P", [1.0, 2.0], ValueError, "got shape (2,) (list)"),
            ("P", networkx.path_graph(3), ValueError, "got shape (3,) (Graph); pass it dense or as scipy.sparse"),
            ("P", sparse.csr_array(np.ones((2, 3))), ValueError, "got shape (2, 3) (csr_array)"),
            ("P", [["a"]], ValueError, f"P {REAL}, got (1, 1) of dtype <U1"),
            ("P", RAGGED, ValueError, f"P {ONE_ARRAY}"),
            ("P", np.eye(2) * 1j, ValueError, "P must hold real weights, got complex numbers"),
            ("P", [[np.nan]], ValueError, "P holds NaN or infinity"),
            ("P", sparse.csr_array([[np.inf]]), ValueError, "P holds NaN or infinity"),
        ],
    ),
}
WIDTHS = [
    ("widths", None, ValueError, "widths must be at least two whole numbers of at least 1, (n_0, ..., n_L), got None"),
    ("widths", 3, ValueError, "got 3"),
    ("widths", [3], ValueError, "got [3]"),
    ("widths", [3, 0], ValueError, "got [3, 0]"),
    ("widths", [3, 2.5], ValueError, "got [3, 2.5]"),
    ("widths", [np.nan, 2], ValueError, "got [nan, 2]"),
    ("widths", [np.inf, 2], ValueError, "got [inf, 2]"),
    ("widths", "256,128", ValueError, "got '256,128'"),
    ("widths", NET, ValueError, "got MLP("),
]
TABLES["weight_offsets"] = Table(ref.weight_offsets, {"widths": (2, 3)}, WIDTHS)
TABLES["line_graph"] = Table(
    ref.line_graph,
    {"widths": (2, 3)},
    [
        *WIDTHS,
        ("widths", (10**5,) * 3, ValueError, "1,000,000,000,000,000 links, more than 200,000,000", "need no graph"),
    ],
)
RESULTS = {
    "Capacitance",
    "CapacitanceWarning",
    "Families",
}  # what functions return or warn with: nobody passes them arguments


@pytest.mark.parametrize(("table", "row"), cases(TABLES))
def test_a_wrong_argument_is_refused_by_name(table, row, tmp_path):
    assert_refused(table, row, tmp_path)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_other_arguments_are_not_to_blame(table):
    table.function(**table.good)


def test_every_parameter_of_every_public_name_has_a_row():
    assert set(TABLES) | RESULTS == set(ref.__all__)
    for name, table in TABLES.items():
        assert not untabled(getattr(ref, name), [table]), name


@pytest.mark.parametrize("function", [ref.interaction_matrix, ref.degrees, ref.capacitance])
def test_a_matrix_too_large_to_build_is_refused_with_what_needs_none(function):
    with pytest.raises(ValueError, match=r"at most 2,000 weights; this network has 5,100; use interaction='explicit'"):
        function(WIDE, np.ones((2, 50)), [0, 1], "hessian", "magnitude")
    with pytest.raises(ValueError, match=r"P would have 1,616,000,000 entries.*capacitance need no P"):
        ref.interaction_matrix(WIDER, np.ones((2, 200)), [0, 1], "hessian")


@pytest.mark.parametrize("odd", [None, "a", 1j, np.nan, np.inf], ids=str)
def test_objects_that_are_no_fractions_are_refused(odd):
    z = [np.full((3, 2), Fraction(1), object), Z[1]]
    z[0][1, 1] = odd
    with pytest.raises(ValueError, match="object arrays must hold fractions, integers or floats, got"):
        ref.degrees_from(z, S, G)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of the overflow itself
def test_an_overflow_is_said_to_be_one():
    net = ref.MLP([np.full((2, 2), 1e200)] * 4, loss="squared_error")
    with pytest.raises(
        ValueError, match=r"A = .* D = .* not finite.*training has diverged, or the inputs are not normalised"
    ):
        ref.capacitance(net, X, Y)
