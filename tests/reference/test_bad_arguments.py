"""Every argument of the oracle, with what a person would really pass wrong."""

import math
from fractions import Fraction

import networkx
import numpy as np
import pytest
from refusals import Made, Table, assert_refused, cases, made, untabled
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
MASKED = np.ma.masked_greater([[1.0, 2.0], [3.0, 4.0]], 3.5)
REAL = "must be an array of real numbers"
ONE_ARRAY = "must be one array of real numbers"


def vectors(name, given):
    """Rows of biases, scales and shifts: lists of vectors, which `given` fits but for what is changed."""
    return [
        (name, 1, TypeError, f"{name} must be a list of arrays, one per layer, got 1"),
        (name, [1.0] * len(given), ValueError, f"{name}[0] must have shape (3,), got (1,)"),
        (name, [*given, None], ValueError, f"{name} must have {len(given)} entries", f"got {len(given) + 1}"),
        (name, [[np.nan] * 3, *given[1:]], ValueError, f"{name}[0] holds NaN or infinity"),
        (name, [["a", "b", "c"], *given[1:]], ValueError, f"{name}[0] {REAL}, got (3,) of dtype <U1"),
        (name, [np.ones(2), *given[1:]], ValueError, f"{name}[0] must have shape (3,), got (2,)"),
    ]


NETWORK = [
    ("kernels", None, TypeError, "kernels must be a list of arrays, one per layer, got None"),
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
    *vectors("means", [None] * 2),
    *vectors("deviations", [None] * 2),
    ("norm", "behind", ValueError, "norm must be one of 'after', 'before', got 'behind'"),
    ("norm", None, ValueError, "got None"),
    ("norm", np.array(["after", "before"]), ValueError, "norm must be one of 'after', 'before', got array(["),
    ("loss", "mse", ValueError, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'"),
    ("loss", "sparse_categorical_crossentropy", ValueError, "got 'sparse_categorical_crossentropy'"),
]
NETS = [
    ("net", None, TypeError, "net must be an ncap.reference.MLP, got NoneType"),
    ("net", KERNELS, TypeError, "got list; build one from its kernels, MLP([W_1, ..., W_L])"),
]
EITHER = [
    ("net", None, TypeError, "net must be an ncap.reference.MLP or CNN, got NoneType"),
    ("net", KERNELS, TypeError, "got list; build one from its kernels, MLP([W_1, ..., W_L])"),
]
INPUTS = [
    ("x", None, ValueError, f"x {REAL}, got None"),
    ("x", [["a", "b"]] * 3, ValueError, f"x {REAL}, got (3, 2) of dtype <U1"),
    ("x", [["1", "2"]] * 3, ValueError, f"x {REAL}"),
    ("x", X.astype("M8[D]"), ValueError, "dtype datetime64[D]"),
    ("x", X * 1j, ValueError, "dtype complex128"),
    ("x", RAGGED, ValueError, f"x {ONE_ARRAY}"),
    ("x", MASKED, ValueError, "x is a masked array, and what its mask hides would be read"),
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
    ("y", [0.0, 0.5, 1.0], ValueError, "pass y.astype(int) once they are whole numbers, 0.5 is not"),
    ("y", [np.nan, 0.0, 1.0], ValueError, "once they are whole numbers, nan is not"),
    ("y", [True, False, True], ValueError, "got dtype bool; pass y.astype(int)"),
    ("y", np.full((3, 2), np.nan), ValueError, "y holds NaN or infinity"),
    ("y", [[2.0, -1.0]] * 3, ValueError, "cross_entropy targets y must be at least 0, got -1.0"),
    ("y", [[1.0, 0.0], [0.5, 0.5], [50.0, 50.0]], ValueError, "row 2 sums to 100; divide by the row sums"),
]
READING = [
    (
        "interaction",
        "relative",
        ValueError,
        "interaction must be one of 'explicit', 'hessian', 'full_hessian', got 'relative'",
    ),
    ("interaction", None, ValueError, "got None"),
    ("strength", "Signed", ValueError, "strength must be one of 'signed', 'magnitude', got 'Signed'"),
    ("strength", ["signed"], ValueError, "got ['signed']"),
    ("weighting", "degree", ValueError, "weighting must be one of 'unit', 'relative', got 'degree'"),
    ("nodes", "layers", ValueError, "nodes must be one of 'kernels', 'norms', got 'layers'"),
]


def families(name, given, node):
    """Rows of z, s and g, of which `given` is the good value; two arrays of three rows each."""
    first, second = given
    return [
        (name, None, TypeError, f"{name} must be a list of arrays, one per layer, got None"),
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
    "interaction_matrix": Table(ref.interaction_matrix, {"net": NET, **DATA}, EITHER + INPUTS + TARGETS + READING),
    "degrees": Table(ref.degrees, {"net": NET, **DATA}, EITHER + INPUTS + TARGETS + READING),
    "degrees_from": Table(
        ref.degrees_from,
        {"z": Z, "s": S, "g": G},
        [
            *families("z", Z, "z_1"),
            *families("s", S, "s_1"),
            *families("g", G, "g_2"),
            ("strength", "loud", ValueError, "strength must be one of 'signed', 'magnitude', got 'loud'"),
            ("weighting", "degree", ValueError, "got 'degree'"),
            ("weighting", "relative", ValueError, "multiplies P by the weights; pass kernels=[W_1, ..., W_L]"),
            ("kernels", 1, TypeError, "kernels must be a list of arrays, one per layer, got 1"),
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
            *EITHER,
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
    ("widths", KERNELS, ValueError, "widths must be at least two whole numbers", "or pass an MLP or a CNN"),
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
NETWORKS = [
    ("P", None, ValueError, "P must be a square matrix, got shape () (NoneType)"),
    ("P", np.ones((2, 3)), ValueError, "got shape (2, 3) (ndarray)", "dense, as scipy.sparse or as a networkx graph"),
    ("P", [1.0, 2.0], ValueError, "got shape (2,) (list)"),
    ("P", sparse.csr_array(np.ones((2, 3))), ValueError, "got shape (2, 3) (csr_array)"),
    ("P", [["a"]], ValueError, f"P {REAL}, got (1, 1) of dtype <U1"),
    ("P", RAGGED, ValueError, f"P {ONE_ARRAY}"),
    ("P", MASKED, ValueError, "P is a masked array"),
    ("P", np.eye(2) * 1j, ValueError, "P must hold real weights, got complex numbers"),
    ("P", [[np.nan]], ValueError, "P holds NaN or infinity"),
    ("P", sparse.csr_array([[np.inf]]), ValueError, "P holds NaN or infinity"),
    *(
        (
            "P",
            networkx.DiGraph([(0, 1, {"weight": weight})]),
            ValueError,
            f"attribute `weight` of the edges of P {said}",
        )
        for weight, said in [
            ("2", f"{REAL}, got (1,) of dtype <U1"),
            (1j, f"{REAL}, got (1,) of dtype complex128"),
            (np.nan, "holds NaN or infinity"),
            (None, "holds NaN or infinity"),
            ([1.0, 2.0], "must be one number, got shape (2,)"),
        ]
    ),
]
WEIGHT = [
    ("weight", 1, TypeError, "weight must be the name of an attribute of edges, or None for 1 each, got 1"),
    ("weight", "flow", ValueError, "weight='flow' names an attribute of the edges of a networkx graph", "(ndarray)"),
]
FLOWS = networkx.DiGraph([(0, 1, {"flow": 2.0}), (1, 0, {"flow": 1.0, "name": "back"})])
ORDER = "order must be one of 'random', 'degree', 'in_strength', 'out_strength', or hold each of the 2 rows of P, 0..1, once, got"
DRAWS = [
    *WEIGHT,
    ("order", "hubs", ValueError, "order must be one of 'random', 'degree', 'in_strength', 'out_strength', got 'hubs'"),
    ("order", 1, ValueError, f"{ORDER} 1"),
    ("order", [0], ValueError, f"{ORDER} [0]"),
    ("order", [0, 0], ValueError, f"{ORDER} [0, 0]"),
    ("order", [0, 2], ValueError, f"{ORDER} [0, 2]"),
    ("order", [[0], [1]], ValueError, f"{ORDER} [[0], [1]]"),
    ("remove", "hubs", ValueError, "remove must be one of 'nodes', 'links', 'weights', got 'hubs'"),
    ("seed", -1, ValueError, "seed must be a whole number of at least 0, got -1"),
    ("seed", None, ValueError, "got None"),
    ("seed", 0.5, ValueError, "got 0.5"),
]
PARAMETERS = [
    ("above 0", 0.0, "got 0.0"),
    ("above 0", -1, "got -1"),
    ("above 0", np.nan, "got nan"),
    ("above 0", "1", "got '1'"),
    ("above 0", np.ones(2), "got array([1., 1.])"),
    ("of at least 0", -1, "got -1"),
    ("of at least 0", np.inf, "got inf"),
    ("of at least 0", None, "got None"),
]


def parameters(positive, others=""):
    """Rows of the parameters of a dynamics, each named by a letter."""
    return [
        (name, value, ValueError, f"{name} must be a finite number {rule}", got)
        for letters, of in ((positive, "above 0"), (others, "of at least 0"))
        for name in letters
        for rule, value, got in PARAMETERS
        if rule == of
    ]


def unlike(what):
    """A dynamics whose f or h is what a person might write by mistake."""
    return ref.Dynamics("mine", **({"f": np.negative, "h": np.multiply} | what))


SIMULATIONS = [
    *NETWORKS,
    *WEIGHT,
    ("P", np.zeros((0, 0)), ValueError, "P has no nodes; pass a network of at least one"),
    (
        "dynamics",
        "epidemic",
        TypeError,
        "dynamics must be an ncap.reference.Dynamics, got 'epidemic'; call mutualistic()",
    ),
    ("dynamics", ref.epidemic, TypeError, "dynamics must be an ncap.reference.Dynamics, got <function epidemic"),
    ("dynamics", unlike({"f": lambda x: 1.0}), ValueError, "f of dynamics must return an array", "got 1.0"),
    (
        "dynamics",
        unlike({"h": np.outer}),
        ValueError,
        "h of dynamics must return an array",
        "(2,) here, got array([[0.25, 0.25]",
    ),
    ("dynamics", unlike({"f": math.sin}), TypeError, "f of dynamics must take arrays of states", "np.sin for math.sin"),
    (
        "dynamics",
        unlike({"h": lambda x_i, x_j: x_j if x_j > x_i else x_i}),
        TypeError,
        "h of dynamics must",
        "np.where(x > 1",
    ),
    ("x_0", [0.5], ValueError, "x_0 must be one number, or have shape (n,) with n = 2, the nodes of P; got (1,)"),
    ("x_0", np.ones((2, 2)), ValueError, "got (2, 2)"),
    ("x_0", [np.nan, 0.5], ValueError, "x_0 holds NaN or infinity"),
    ("x_0", np.inf, ValueError, "x_0 holds NaN or infinity"),
    ("x_0", None, ValueError, f"x_0 {REAL}, got None"),
    ("times", 5.0, ValueError, "times must be at least two ascending numbers, got 5.0"),
    ("times", [0.0], ValueError, "got [0.0]"),
    ("times", [0.0, 1.0, 1.0], ValueError, "got [0.0, 1.0, 1.0]"),
    ("times", [0.0, np.inf], ValueError, "times holds NaN or infinity"),
    ("rtol", 0, ValueError, "rtol must lie in 1e-13..1, got 0"),
    ("rtol", None, ValueError, "got None"),
    ("rtol", np.nan, ValueError, "got nan"),
    (
        "method",
        "rk45",
        ValueError,
        "method must be one of 'auto', 'RK23', 'RK45', 'DOP853', 'Radau', 'BDF', 'LSODA', got 'rk45'",
    ),
]
SYSTEM = {"P": np.ones((2, 2)), "dynamics": ref.epidemic(), "x_0": 0.5, "times": [0.0, 1.0]}
ADDS_UP_TO_0 = (
    "P",
    [[0, 1], [-1, 0]],
    ValueError,
    "P has no links, or its weights add up to 0",
    "pass a network with links",
)
GIANT = ("giant_component", "weak", TypeError, "giant_component must be True or False, got 'weak'")
PROGRESS = ("progress", "bar", TypeError, "progress must be True or False, got 'bar'")
REDUCTION = ("reduction", "eigen", ValueError, "reduction must be one of 'degree', 'spectral', got 'eigen'")


def written(folder, text):
    """A file of this text."""
    path = folder / "network.csv"
    path.write_text(text, encoding="utf-8")
    return path


TABLES |= {
    "beta_eff": Table(
        ref.beta_eff,
        {"P": np.eye(2)},
        [*NETWORKS, *WEIGHT, GIANT],
    ),
    "decompose": Table(ref.decompose, {"P": np.eye(2)}, [*NETWORKS, *WEIGHT, GIANT]),
    "giant_component": Table(ref.giant_component, {"P": np.eye(2)}, [*NETWORKS, *WEIGHT]),
    "spectral_reduction": Table(
        ref.spectral_reduction,
        {"P": np.eye(2)},
        [
            *NETWORKS,
            *WEIGHT,
            (
                "P",
                [[1, -2], [0, 1]],
                ValueError,
                "P must have weights of at least 0",
                "got -2.0",
                "reduction='degree' takes any",
            ),
            ("P", [[0, 1], [0, 0]], ValueError, "P has no cycle", "use reduction='degree'"),
            ("P", np.zeros((0, 0)), ValueError, "P has no cycle"),
        ],
    ),
    "read_edges": Table(
        ref.read_edges,
        {"path": Made(lambda folder: written(folder, "source,target,visits,years\na,b,1,2\n")), "weight": "visits"},
        [
            ("path", 3, TypeError, "path must be the name of a file, got 3"),
            ("path", Made(lambda folder: written(folder, "")), ValueError, "lists no edge"),
            ("path", Made(lambda folder: written(folder, "from,to,visits\n# none yet\n")), ValueError, "lists no edge"),
            (
                "path",
                Made(lambda folder: written(folder, "from,to,visits\na\n")),
                ValueError,
                "line 2: an edge needs",
                "['a']",
            ),
            (
                "path",
                Made(lambda folder: written(folder, "from,to,visits\na,b\n")),
                ValueError,
                "line 2, column 3",
                "got ''",
            ),
            (
                "path",
                Made(lambda folder: written(folder, "#\nu,v,visits\na,b,x\n")),
                ValueError,
                "line 3, column 3",
                "got 'x'",
            ),
            ("path", Made(lambda folder: written(folder, "a,b,1,2\n")), ValueError, "4 columns and no headings"),
            ("directed", "no", TypeError, "directed must be True or False, got 'no'"),
            ("weight", 2, TypeError, "weight must be the heading of a column, or None for 1 each, got 2"),
            (
                "weight",
                "weight",
                ValueError,
                "no column weight='weight' after the first two; pass one of ['visits', 'years']",
            ),
        ],
    ),
    "read_adjacency": Table(
        ref.read_adjacency,
        {"path": Made(lambda folder: written(folder, "0,1\n2,0\n")), "rows": "send"},
        [
            ("path", 3, TypeError, "path must be the name of a file, got 3"),
            ("path", Made(lambda folder: written(folder, "# empty")), ValueError, "holds no table of numbers"),
            (
                "path",
                Made(lambda folder: written(folder, "0,1,2\n1,0,2\n")),
                ValueError,
                "line 1: the table has 2 rows",
                "got 3",
            ),
            ("path", Made(lambda folder: written(folder, "0,1\n1,nan\n")), ValueError, "line 2, column 2", "got 'nan'"),
            (
                "path",
                Made(lambda folder: written(folder, ",a,b\nb,0,1\na,1,0\n")),
                ValueError,
                "line 2: row 'b' must be 'a'",
            ),
            ("rows", "columns", ValueError, "rows must be one of 'send', 'receive', got 'columns'"),
            ("rows", None, ValueError, "is not symmetric: pass rows='send'"),
        ],
    ),
    "network_average": Table(
        ref.network_average,
        {"P": np.eye(2), "v": [1.0, 2.0]},
        [
            *NETWORKS,
            *WEIGHT,
            ("v", [1.0], ValueError, "v must have shape (n,) or (n, T) with n = 2, the nodes of P; got (1,)"),
            ("v", np.ones((3, 2)), ValueError, "got (3, 2)"),
            ("v", np.ones((2, 1, 1)), ValueError, "got (2, 1, 1)"),
            ("v", 1.0, ValueError, "got (1,)"),
            ("v", [1.0, np.nan], ValueError, "v holds NaN or infinity"),
            ("v", ["a", "b"], ValueError, f"v {REAL}"),
        ],
    ),
    "perturb": Table(
        ref.perturb,
        {"P": np.eye(2)},
        [
            *NETWORKS,
            *DRAWS,
            ("repeat", -1, ValueError, "repeat must be a whole number of at least 0, got -1"),
            ("repeat", True, ValueError, "got True"),
            ("fraction", 50, ValueError, "fraction must lie in 0..1, got 50.0; pass 0.2 for 20 %"),
            ("fraction", -0.1, ValueError, "got -0.1"),
            ("fraction", np.nan, ValueError, "fraction holds NaN or infinity"),
            ("fraction", None, ValueError, "fraction must be one number in 0..1, got None"),
            ("fraction", [0.1], ValueError, "fraction must be one number in 0..1, got [0.1]"),
        ],
    ),
    "perturbation_curve": Table(
        ref.perturbation_curve,
        {"P": np.eye(2)},
        [
            *NETWORKS,
            *DRAWS,
            ("fractions", [0.5, 1.5], ValueError, "fractions must lie in 0..1, got 1.5"),
            ("fractions", [], ValueError, "fractions must be a list of at least one number in 0..1, got []"),
            ("fractions", [[0.5]], ValueError, "got [[0.5]]"),
            ("fractions", ["a"], ValueError, f"fractions {REAL}"),
            ("repeats", 0, ValueError, "repeats must be a whole number of at least 1, got 0"),
            ("repeats", 2.5, ValueError, "got 2.5"),
        ],
    ),
    "Dynamics": Table(
        ref.Dynamics,
        {"name": "mine", "f": np.negative, "h": np.multiply},
        [
            ("name", None, TypeError, "name must be a string, got None"),
            ("source", 2016, TypeError, "source must be a string, got 2016"),
            ("f", "-x", TypeError, "f must be a function of arrays of states, got '-x'"),
            ("h", 1.0, TypeError, "h must be a function of arrays of states, got 1.0"),
        ],
    ),
    "mutualistic": Table(ref.mutualistic, {}, parameters("CDK", "BEH")),
    "epidemic": Table(ref.epidemic, {}, parameters("B")),
    "regulatory": Table(ref.regulatory, {}, parameters("Bfh")),
    "simulate": Table(ref.simulate, SYSTEM, [*SIMULATIONS, PROGRESS]),
    "simulate_reduced": Table(ref.simulate_reduced, SYSTEM, [*SIMULATIONS, ADDS_UP_TO_0, REDUCTION]),
    "reduction_error": Table(ref.reduction_error, SYSTEM, [*SIMULATIONS, ADDS_UP_TO_0, REDUCTION, PROGRESS]),
}
IMAGES = ref.Conv2D(np.ones((2, 2, 1, 3)))
CNN = ref.CNN([IMAGES, ref.GlobalAveragePooling2D(), ref.Dense(np.ones((3, 2)))], (3, 4, 1))
A_PAIR = "must be a whole number of at least 1, or two, (height, width), got"


def layer(axes, kernel, outputs):
    """Rows of a kernel of these axes and of its bias."""
    return [
        ("kernel", None, ValueError, f"kernel {REAL}, got None"),
        ("kernel", kernel[0], ValueError, f"kernel must have shape {axes}, each at least 1, got {kernel[0].shape}"),
        ("kernel", kernel[:0], ValueError, f"got {kernel[:0].shape}"),
        ("kernel", kernel * np.nan, ValueError, "kernel holds NaN or infinity; pass finite numbers"),
        ("kernel", kernel.astype(str), ValueError, f"kernel {REAL}", "<U32"),
        ("kernel", RAGGED, ValueError, f"kernel {ONE_ARRAY}"),
        ("bias", 0.0, ValueError, f"bias must have shape ({outputs},), one for each channel out, got (1,)"),
        ("bias", np.ones(outputs + 1), ValueError, f"got ({outputs + 1},)"),
        ("bias", [np.inf] * outputs, ValueError, "bias holds NaN or infinity"),
    ]


def a_pair(name):
    return [
        (name, 0, ValueError, f"{name} {A_PAIR} 0"),
        (name, 1.5, ValueError, "got 1.5"),
        (name, (2, 2, 2), ValueError, "got (2, 2, 2)"),
        (name, (2, 0), ValueError, "got (2, 0)"),
        (name, "2", ValueError, "got '2'"),
    ]


SLIDING = [
    *a_pair("strides"),
    ("padding", "SAME", ValueError, "padding must be one of 'valid', 'same', got 'SAME'"),
    ("padding", 1, ValueError, "got 1"),
]
WEIGHTS = [row for row in NETWORKS if row[1] is not None]
OF_IMAGES = "(height, width, channels"
DATA_OF_IMAGES = {"x": np.ones((3, 3, 4, 1)), "y": Y}
TABLES |= {
    "Conv2D": Table(
        ref.Conv2D,
        {"kernel": IMAGES.kernel},
        [*layer(f"{OF_IMAGES} in, channels out)", IMAGES.kernel, 3), *SLIDING],
    ),
    "DepthwiseConv2D": Table(
        ref.DepthwiseConv2D, {"kernel": IMAGES.kernel}, [*layer(f"{OF_IMAGES}, m)", IMAGES.kernel, 3), *SLIDING]
    ),
    "Dense": Table(ref.Dense, {"kernel": KERNELS[0]}, layer("(inputs, outputs)", KERNELS[0], 3)),
    "AveragePooling2D": Table(ref.AveragePooling2D, {}, [*a_pair("pool_size"), *SLIDING]),
    "MaxPooling2D": Table(ref.MaxPooling2D, {}, [*a_pair("pool_size"), *SLIDING]),
    "GlobalAveragePooling2D": Table(ref.GlobalAveragePooling2D, {}, []),
    "Flatten": Table(ref.Flatten, {}, []),
    "CNN": Table(
        ref.CNN,
        {"layers": CNN.layers, "input_shape": (3, 4, 1)},
        [
            ("layers", None, TypeError, "layers must be a list of layers, got None"),
            (
                "layers",
                [],
                ValueError,
                "layers must end with a Dense, whose outputs are the classes, got no layer at all",
            ),
            ("layers", [IMAGES], ValueError, "got Conv2D"),
            ("layers", CNN.layers[:2], ValueError, "got GlobalAveragePooling2D"),
            (
                "layers",
                [IMAGES.kernel],
                TypeError,
                "layers[0] must be a layer of ncap.reference, such as Conv2D(kernel)",
            ),
            ("layers", [ref.Flatten], TypeError, "got <class 'ncap.reference.shared_weights.pooling.Flatten'>"),
            (
                "layers",
                [IMAGES, CNN.layers[2]],
                ValueError,
                "layers[1]: Dense takes vectors, got images (2, 3, 3); put Flatten()",
            ),
            (
                "layers",
                [ref.Flatten(), *CNN.layers],
                ValueError,
                "layers[1]: Conv2D takes images",
                "inputs of shape (12,)",
            ),
            ("layers", [ref.Flatten(), ref.MaxPooling2D()], ValueError, "layers[1]: MaxPooling2D takes images"),
            ("layers", [ref.Flatten(), CNN.layers[1]], ValueError, "layers[1]: GlobalAveragePooling2D takes images"),
            (
                "layers",
                [IMAGES, *CNN.layers],
                ValueError,
                "layers[1]: kernel must have 3 channels in, to match its inputs (2, 3, 3)",
            ),
            (
                "layers",
                [ref.Flatten(), CNN.layers[2]],
                ValueError,
                "layers[1]: kernel must have 12 rows, one for each input, got (3, 2)",
            ),
            (
                "layers",
                [ref.AveragePooling2D(4)],
                ValueError,
                "layers[0]: a window of 4 does not fit in 3; pass padding='same'",
            ),
            (
                "input_shape",
                3,
                ValueError,
                "input_shape must be (height, width, channels) or (n,), each at least 1, got 3",
            ),
            ("input_shape", (3, 4), ValueError, "got (3, 4)"),
            ("input_shape", (None, 3, 4, 1), ValueError, "got (None, 3, 4, 1)"),
            ("input_shape", (3, 0, 1), ValueError, "got (3, 0, 1)"),
            ("input_shape", (3, 4.0, 1), ValueError, "got (3, 4.0, 1)"),
            ("loss", "mse", ValueError, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'"),
        ],
    ),
    "line_graph_size": Table(ref.line_graph_size, {"widths": (2, 3)}, WIDTHS),
    "to_networkx": Table(
        ref.to_networkx,
        {"widths": (2, 3)},
        [
            *WIDTHS,
            ("widths", (1000,) * 3, ValueError, "widths would give networkx 1,000,000,000 links, more than 5,000,000"),
            *WEIGHTS,
            ("P", np.eye(2), ValueError, "P must have shape (6, 6), one row for each weight of widths, got (2, 2)"),
        ],
    ),
    "write_graphml": Table(
        ref.write_graphml,
        {"path": Made(lambda folder: folder / "line_graph.graphml"), "widths": (2, 3)},
        [*WIDTHS, *WEIGHTS, ("path", None, TypeError, "path must be the name of a file, got None")],
    ),
    "interaction_operator": Table(
        ref.interaction_operator,
        {"net": NET, **DATA},
        EITHER + INPUTS + TARGETS + [row for row in READING if row[0] in ("strength", "weighting")],
    ),
}
TIMES = [
    ("times", 5.0, ValueError, "times must be a list of numbers that increase from 0, the start, got 5.0"),
    ("times", [], ValueError, "got []"),
    ("times", [1.0, 2.0], ValueError, "got [1.0, 2.0]"),
    ("times", [0.0, 1.0, 1.0], ValueError, "got [0.0, 1.0, 1.0]"),
    ("times", [[0.0, 1.0]], ValueError, "got [[0.0, 1.0]]"),
    ("times", [0.0, np.inf], ValueError, "times holds NaN or infinity"),
    ("times", "soon", ValueError, f"times {REAL}, got 'soon'"),
    (
        "times",
        np.arange(1e7),
        ValueError,
        "10,000,000 states of",
        "more than 200,000,000 in all; pass fewer times, and continue from the last state",
    ),
]
SOLVER = [
    ("rtol", 0, ValueError, "rtol must lie in 1e-13..1, got 0"),
    ("rtol", np.nan, ValueError, "got nan"),
    ("rtol", None, ValueError, "got None"),
    ("method", "rk45", ValueError, "method must be one of 'RK23', 'RK45', 'DOP853', got 'rk45'"),
    ("method", "BDF", ValueError, "got 'BDF'"),
]
Z_START = [np.ones((3, width)) for width in (3, 4, 2)]
PATH = ref.gradient_descent(NET, X, Y, 0.5, 2)
SHORTER = ref.gradient_descent(NET, X, Y, 0.5, 1)
ELSEWHERE = ref.gradient_descent(UNEQUAL, X, Y, 0.5, 2)


def trajectories(name):
    """Rows of a trajectory beside which another one is PATH."""
    fit = "exact and approximate must have the same times and start at the same weights"
    return [
        (name, PATH.weights, TypeError, f"{name} must be an EdgeTrajectory, as simulate_edges returns it, got ndarray"),
        (name, None, TypeError, "got NoneType"),
        (name, SHORTER, ValueError, fit, "3 of 26" if name == "exact" else "got 3 times of 26 weights and 2 of 26"),
        (name, PATH._replace(times=2 * PATH.times), ValueError, fit),
        (name, ELSEWHERE, ValueError, fit),
    ]


TABLES |= {
    "node_dynamics": Table(ref.node_dynamics, {"net": NET, "x": X}, NETS + INPUTS),
    "simulate_nodes": Table(
        ref.simulate_nodes,
        {"net": NET, "x": X, "times": [0.0, 1.0]},
        [
            *NETS,
            *INPUTS,
            *TIMES,
            *SOLVER,
            ("z_start", 1, TypeError, "z_start must be a list of arrays, one per layer, got 1"),
            ("z_start", Z_START[:2], ValueError, "z_start must hold z_1..z_L of shapes [(3, 3), (3, 4), (3, 2)], got"),
            ("z_start", [*Z_START[:2], np.ones((2, 2))], ValueError, "got [(3, 3), (3, 4), (2, 2)]"),
            ("z_start", [np.nan * Z_START[0], *Z_START[1:]], ValueError, "z_start[0] holds NaN or infinity"),
            ("z_start", ["a", *Z_START[1:]], ValueError, f"z_start[0] {REAL}"),
        ],
    ),
    "edge_dynamics": Table(ref.edge_dynamics, {"net": NET, **DATA}, NETS + INPUTS + TARGETS),
    "simulate_edges": Table(
        ref.simulate_edges,
        {"net": NET, **DATA, "times": [0.0, 1.0]},
        NETS + INPUTS + TARGETS + TIMES + SOLVER,
    ),
    "linearised_edges": Table(
        ref.linearised_edges, {"net": NET, **DATA, "times": [0.0, 1.0]}, NETS + INPUTS + TARGETS + TIMES
    ),
    "gradient_descent": Table(
        ref.gradient_descent,
        {"net": NET, **DATA, "learning_rate": 0.5, "steps": 2},
        [
            *NETS,
            *INPUTS,
            *TARGETS,
            ("learning_rate", 0, ValueError, "learning_rate must be a finite number above 0, got 0"),
            ("learning_rate", np.inf, ValueError, "got inf"),
            ("learning_rate", "0.1", ValueError, "got '0.1'"),
            ("learning_rate", [0.1], ValueError, "got [0.1]"),
            ("steps", -1, ValueError, "steps must be a whole number of at least 0, got -1"),
            ("steps", 2.0, ValueError, "got 2.0"),
            ("steps", True, ValueError, "got True"),
            (
                "steps",
                10**8,
                ValueError,
                "100,000,001 states of 26 numbers each",
                "pass fewer steps, and continue from the last state",
            ),
        ],
    ),
    "displacement_error": Table(
        ref.displacement_error,
        {"exact": PATH, "approximate": PATH},
        trajectories("exact") + trajectories("approximate"),
    ),
    "trusted_until": Table(
        ref.trusted_until,
        {"exact": PATH, "approximate": PATH},
        [
            *trajectories("exact"),
            *trajectories("approximate"),
            ("tolerance", 0.0, ValueError, "tolerance must be a finite number above 0, got 0.0"),
            ("tolerance", np.nan, ValueError, "got nan"),
            ("tolerance", None, ValueError, "got None"),
        ],
    ),
}
KERAS = [
    ("model", None, TypeError, "model must be a Keras model or an ncap probe, got NoneType"),
    ("model", NET, TypeError, "got MLP"),
]
TABLES |= {
    "from_keras": Table(
        ref.from_keras,
        {"model": Made(lambda _: a_model())},
        [*KERAS, ("loss", "mse", ValueError, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'")],
    ),
    "keras_inputs": Table(
        ref.keras_inputs,
        {"model": Made(lambda _: a_model()), "x": X},
        [
            *KERAS,
            (
                "x",
                np.ones((3, 5)),
                ValueError,
                "x must have shape (N, 2), as the model takes it, N at least 1; got (3, 5)",
            ),
            ("x", np.ones((0, 2)), ValueError, "got (0, 2)"),
            ("x", RAGGED, ValueError, f"x {ONE_ARRAY}"),
        ],
    ),
}


def a_model():
    import keras

    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])


RESULTS = {
    "Capacitance",
    "CapacitanceWarning",
    "Decomposition",
    "EdgeTrajectory",
    "Families",
    "LineGraphSize",
    "NamedNetwork",
    "NodeTrajectory",
    "SpectralReduction",
}  # what functions return or warn with: nobody passes them arguments


@pytest.mark.parametrize(("table", "row"), cases(TABLES))
def test_a_wrong_argument_is_refused_by_name(table, row, tmp_path):
    assert_refused(table, row, tmp_path)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_other_arguments_are_not_to_blame(table, tmp_path):
    table.function(**{name: made(value, tmp_path) for name, value in table.good.items()})


@pytest.mark.parametrize("function", [ref.interaction_matrix, ref.degrees, ref.capacitance, ref.interaction_operator])
@pytest.mark.parametrize("x", [np.ones((3, 4, 1)), np.ones((3, 3, 4)), np.ones((0, 3, 4, 1)), np.ones((3, 12))])
def test_images_of_another_shape_are_refused(function, x):
    with pytest.raises(ValueError, match=r"x must have shape \(N, 3, 4, 1\), N at least 1: samples come first; got"):
        function(CNN, x, Y)


@pytest.mark.parametrize("function", [ref.forward, ref.families, ref.gradients, ref.gradient_capacitance])
def test_what_reads_an_mlp_alone_says_so(function):
    with pytest.raises(TypeError, match=r"net must be an ncap.reference.MLP, got CNN"):
        function(CNN, *[DATA_OF_IMAGES[name] for name in "xy"][: 1 if function is ref.forward else 2])


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


@pytest.mark.parametrize("read", [ref.beta_eff, ref.decompose, ref.giant_component])
def test_a_weight_under_another_name_is_not_passed_over_in_silence(read):
    with pytest.warns(
        UserWarning, match=r"no edge of P has a `weight`, and each counts as 1; they do have 'flow': pass weight="
    ) as warned:
        read(FLOWS)
    assert warned[0].filename == __file__
    with pytest.raises(
        ValueError,
        match="no edge of P has the attribute weight='speed'; pass one that they have, 'flow', or weight=None",
    ):
        read(FLOWS, weight="speed")
    read(FLOWS, weight="flow")
    read(FLOWS, weight=None)


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
