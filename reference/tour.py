# %% [markdown]
# # A tour of neural capacitance
#
# While a network is trained, its weights act on one another: change a weight in one layer, and the gradient of the layer below changes.
# Draw these interactions as a network of their own, the *line graph*, and ask how strong it is overall: that number is neural
# capacitance, $\beta_{\mathrm{eff}}$. C. Jiang, Z. Huang, T. Pedapati, P.-Y. Chen, Y. Sun and J. Gao introduced it in
# [Network properties determine neural network performance](https://doi.org/10.1038/s41467-024-48069-8) (Nature Communications 15, 5718,
# 2024) to predict early in training how well a network will do. We start with a network small enough to follow with a pencil, then turn
# to real ones. The last three sections return to where the idea comes from: dynamics on any network.
#
# ### What you will be able to do
#
# - Draw the line graph of a small network, and work out its interaction matrix, its degrees and $\beta_{\mathrm{eff}}$ by hand (sections 1
#   to 4).
# - Compute the same number for networks whose matrix is far too large to store (5 to 7).
# - Tell which definitions of $\beta_{\mathrm{eff}}$ are always 0, which have poles, and which vanish when training has converged (8 to
#   10, 13).
# - Read $\beta_{\mathrm{eff}}$ during training, predict an accuracy from it, and say how far to trust the prediction (11, 12).
# - Judge for which networks one number can stand for many states (14 to 16).
#
# Ten framed statements, T0 to T9, carry the argument. Nine of them are theorems with machine-checked proofs; T6 is a test against published
# numbers. Everything else that is claimed here was checked when this page was made: had a claim been wrong, there would be no page. Five
# exercises have their answers folded away.

# %% [markdown] tags=["contents"]
# ### Contents

# %% [markdown]
# ### Symbols
#
# | symbol | what it is | shape |
# |---|---|---|
# | $W_l$ | kernel of layer $l = 1, \ldots, L$; $W_l[j,i]$ leads from neuron $j$ to neuron $i$ | $n_{l-1} \times n_l$ |
# | $z_l$ | activations: $z_0 = x$, then $a_l = z_{l-1} W_l$ and $z_l = \mathrm{relu}(a_l)$ | $N \times n_l$ |
# | $s_l$ | slope of the relu: 1 where a unit is on, 0 where it is off | $N \times n_l$ |
# | $g_l$ | error: $g_L = p - y$ at the output $p$, then $g_l = s_l \ast (g_{l+1} W_{l+1}^\top)$ | $N \times n_l$ |
# | $P$ | interaction matrix of the weights: the row receives, the column sends | weights by weights |
# | $\delta_{\mathrm{in}}, \delta_{\mathrm{out}}$ | row sums and column sums of $P$ | weights |
#
# Neurons are counted from 0, as in the code, and layers from 1, as in the formulas; $\ast$ is the entrywise product.

# %% tags=["folded"]
import json
import warnings
from fractions import Fraction
from itertools import combinations, pairwise
from math import prod
from pathlib import Path
from textwrap import fill

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from line_graph import COLOURS, NEGATIVE, POSITIVE, draw_line_graph, draw_network, neuron_places
from scipy import sparse
from sklearn.datasets import load_digits

import ncap
from ncap import reference as ref

plt.rcParams.update(
    {"font.size": 17, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)
warnings.simplefilter("ignore", ref.CapacitanceWarning)  # section 8 shows one

PHONE = False  # every drawing is made twice, once for screens as narrow as a phone's


def canvas(wide, narrow, rows=1, columns=1, ratios=None, **options):
    """A figure and its panels, of `wide` or `narrow` inches; on a phone the panels stand below one another."""
    if PHONE:
        figure, panels = plt.subplots(rows * columns, 1, figsize=narrow, height_ratios=ratios, **options)
        figure.get_layout_engine().set(h_pad=0.15)
        return figure, panels
    return plt.subplots(rows, columns, figsize=wide, width_ratios=ratios, **options)


# %% [markdown]
# ## 1 · A network on paper
#
# Two inputs, hidden layers of three and two relu units, two outputs, no biases; two samples, squared error $\frac12 |p - y|^2$. All
# numbers are small whole numbers, so that each can be checked by hand.

# %%
W = {
    1: np.array([[1, 2, 1], [1, 1, -1]]),
    2: np.array([[1, 1], [-1, -1], [1, -1]]),
    3: np.array([[1, -1], [1, 2]]),
}
x = np.array([[-1, 3], [2, -1]])  # two samples, one a row
y = np.array([[0, -1], [-1, 1]])
net = ref.MLP(list(W.values()), loss="squared_error")

# %% [markdown]
# Go forward to the output and back with the error. The gradient of each weight is then the mean, over the samples, of what enters it
# times the error behind it (Eq. 5).

# %%
z, s = {0: x}, {}
for l in (1, 2):
    a = z[l - 1] @ W[l]
    z[l], s[l] = np.maximum(a, 0), (a > 0).astype(int)
p = z[2] @ W[3]
g = {3: p - y}
for l in (2, 1):
    g[l] = s[l] * (g[l + 1] @ W[l + 1].T)
gradient = {l: z[l - 1].T @ g[l] / len(x) for l in W}

assert all((gradient[l] == of_ref).all() for l, of_ref in zip(W, ref.gradients(net, x, y), strict=True))

# %% tags=["folded"] alt="The network for either sample: activations in the neurons, weights on the links, errors below the neurons."
figure, panels = canvas((15, 6.4), (7, 12), columns=2)
for n, axes in enumerate(panels):
    draw_network(axes, net.widths, size=1700)
    places = neuron_places(net.widths)
    for l, kernel in W.items():
        for (j, i), weight in np.ndenumerate(kernel):
            at = 0.8 * np.array(places[l - 1][j]) + 0.2 * np.array(places[l][i])
            axes.text(
                *at,
                weight,
                color=COLOURS[l - 1],
                ha="center",
                va="center",
                bbox={"fc": "white", "ec": "none", "pad": 1.5},
            )
    for l, layer in enumerate(places):
        for i, (across, up) in enumerate(layer):
            value = p[n, i] if l == 3 else z[l][n, i]
            off = l in s and not s[l][n, i]
            axes.scatter(across, up, s=1700, color="0.8" if off else "white", edgecolor="black", zorder=4)
            axes.text(across, up, value, ha="center", va="center", fontsize=20, zorder=5)
            if l:
                axes.text(across, up - 0.28, g[l][n, i], color="#8b1a6b", ha="center", va="center", weight="bold")
    axes.set_title(f"sample {n}, target ({y[n, 0]}, {y[n, 1]})", fontsize=17)
    axes.set_axis_off()
    axes.margins(0.1)
plt.show()

# %% [markdown]
# Each neuron shows its activation inside and, in bold below, its error. Grey units are off.

# %% tags=["folded", "wide"]
nodes = [(l, j, i) for l in W for j, i in np.ndindex(W[l].shape)]
names = [f"W{'₀₁₂₃'[l]}[{j},{i}]" for l, j, i in nodes]
weights = np.array([W[l][j, i] for l, j, i in nodes])
slopes = np.array([gradient[l][j, i] for l, j, i in nodes])
assert (slopes % 1 == 0).all()
columns = pd.MultiIndex.from_tuples([(name[:2], name[3:-1]) for name in names])
display(pd.DataFrame([weights, slopes.astype(int)], ["weight", "gradient"], columns))

# %%
assert gradient[3][0, 1] == (1 * 2 + 1 * -2) / 2 == 0  # W_3[0, 1]: the two samples disagree
assert gradient[1][1, 0] == (3 * 6 + -1 * 4) / 2 == 7  # W_1[1, 0]: inputs 3 and -1, errors 6 and 4

# %% [markdown]
# Is this really the gradient? Nudge each weight up and down by ⅛. No unit switches, and the loss is a parabola in any single weight, so
# the difference quotient equals the slope exactly.


# %%
def loss(kernels):
    output = ref.families(ref.MLP(kernels, loss="squared_error"), x, y).p
    return 0.5 * ((output - y) ** 2).sum(axis=1).mean()


# %%
for l, j, i in nodes:
    up, down = ({m: kernel.astype(float) for m, kernel in W.items()} for _ in range(2))
    up[l][j, i] += 1 / 8
    down[l][j, i] -= 1 / 8
    assert gradient[l][j, i] == (loss(list(up.values())) - loss(list(down.values()))) / (2 / 8)

# %% [markdown]
# ## 2 · Its line graph
#
# Every weight becomes a node. Two nodes are linked where their weights meet in a hidden neuron. The link runs the way the error flows,
# from layer $l+1$ back to layer $l$: the gradient of $W_l[j,i]$ contains the weights $W_{l+1}[i,k]$ that lead on from its neuron. In
# every matrix, **the row receives and the column sends**.

# %% tags=["folded"] alt="The network and its line graph, whose nodes carry the names of the weights."
figure, (left, right) = canvas((15, 7), (7, 15), columns=2, ratios=(2, 3))
draw_network(left, net.widths, size=900)
for layer in neuron_places(net.widths):
    for i, place in enumerate(layer):
        left.text(*place, i, ha="center", va="center", zorder=4, fontsize=17)
draw_line_graph(right, net.widths, names, receiver=names.index("W₁[1,0]"))
for axes in (left, right):
    axes.set_title(axes.get_title(), fontsize=18)
    axes.set_axis_off()
    axes.margins(0.1)
plt.show()

# %% [markdown]
# In black: the two links into W₁[1,0], from the two weights that leave its neuron.

# %%
B = ref.line_graph(net.widths)
for row, column in zip(*B.nonzero(), strict=True):
    (l, j, i), (layer_above, start, k) = nodes[row], nodes[column]
    assert (layer_above, start) == (l + 1, i)  # the sender starts where the receiver ends
assert B.nnz == 2 * 3 * 2 + 3 * 2 * 2
print(f"{len(nodes)} weights, {B.nnz} links")

# %% [markdown] tags=["exercise"]
# **Exercise 1.** How many nodes and links does the line graph of a 3-4-2-5 network have? Which nodes receive nothing, and which send
# nothing?

# %% [markdown] tags=["answer"]
# There are $3 \cdot 4 + 4 \cdot 2 + 2 \cdot 5 = 30$ nodes. Every neuron of a hidden layer joins each weight that enters it to each weight
# that leaves it: $3 \cdot 4 \cdot 2 + 4 \cdot 2 \cdot 5 = 64$ links. The ten weights of the last layer receive nothing, and the twelve of
# the first send nothing.

# %% tags=["folded"]
exercise = ref.line_graph((3, 4, 2, 5)).astype(int)
assert (exercise.shape[0], exercise.nnz) == (30, 64)
assert np.flatnonzero(exercise.sum(axis=1) == 0).tolist() == list(range(20, 30))  # W_3
assert np.flatnonzero(exercise.sum(axis=0) == 0).tolist() == list(range(12))  # W_1

# %% [markdown]
# ## 3 · P as a picture
#
# How strong is a link? Hold activations, slopes and errors fixed, and ask how much the receiver's gradient changes with the sender
# (Eq. 7, in the reading called *explicit*):
#
# $$P[(l;\,j \to i),\ (l{+}1;\,i \to k)]$$
# $$=\ \mathrm{mean}_n\;\; s_l[n,i]\; z_{l-1}[n,j]\; g_{l+1}[n,k]$$
#
# First the definition in loops, then the library:

# %%
by_loops = np.zeros((len(nodes), len(nodes)))
for row, (l, j, i) in enumerate(nodes):
    for column, (layer_above, start, k) in enumerate(nodes):
        if (layer_above, start) == (l + 1, i):
            by_loops[row, column] = np.mean(s[l][:, i] * z[l - 1][:, j] * g[l + 1][:, k])

P = ref.interaction_matrix(net, x, y).toarray()
assert (by_loops == P).all()

# %% tags=["folded"] alt="The interaction matrix with its values, and nothing outside the two blocks of the line graph."


def draw_matrix(axes, values, rows, columns, shown, largest=None):
    """Values as colours and numbers, where `shown`; red is positive, blue negative."""
    largest = largest or np.abs(values).max()
    axes.imshow(np.where(shown, values, np.nan), cmap="RdBu_r", vmin=-1.4 * largest, vmax=1.4 * largest, aspect="auto")
    for row, column in zip(*np.nonzero(shown), strict=True):
        axes.text(column, row, f"{values[row, column]:.3g}", ha="center", va="center")
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(True)


def colour_names(axes):
    """Every weight's name in the colour of its layer."""
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_color(COLOURS["₁₂₃".index(label.get_text()[1])])


def draw_block(axes, rows, columns):
    """Some rows and columns of P, in colours that are the same for all."""
    draw_matrix(axes, P[rows, columns], names[rows], names[columns], B.toarray()[rows, columns], np.abs(P).max())
    colour_names(axes)
    axes.set(xlabel="sends", ylabel="receives")


W_1, W_2, W_3 = slice(0, 6), slice(6, 12), slice(12, 16)
if PHONE:  # the two blocks alone
    figure, panels = plt.subplots(2, 1, figsize=(7, 11))
    for axes, block in zip(panels, ((W_1, W_2), (W_2, W_3)), strict=True):
        draw_block(axes, *block)
else:
    figure, axes = plt.subplots(figsize=(14, 9))
    draw_block(axes, slice(16), slice(16))
    for edge in (5.5, 11.5):
        axes.axhline(edge, color="0.6", lw=1)
        axes.axvline(edge, color="0.6", lw=1)
plt.show()

# %% [markdown]
# Only the cells of the line graph are filled. Some hold 0, because on each of the samples a unit is off. The same values on the line graph:

# %% tags=["folded"] alt="The line graph, its links as wide as their entries of P, red where positive, blue where negative, dotted where 0."
figure, axes = canvas((14, 9), (7, 10))
draw_line_graph(axes, net.widths, names, P=P)
axes.set_title("")
axes.set_axis_off()
axes.margins(0.06)
plt.show()

# %% [markdown]
# The wider a link, the larger its entry. Red is positive, blue negative, dotted 0.
#
# Here is a check that anyone can make. Multiply by the weights, and the gradient of every layer but the last comes back.
#
# > **T5, Euler's identity.** On every layer but the last, $P w$ is the gradient: $\sum_k P[(l;\,j \to i),\ (l{+}1;\,i \to k)]$
# > $W_{l+1}[i,k]$ $=\ \partial C / \partial W_l[j,i]$. Without biases, $w^\top P$ is the gradient on every layer but the first. And
# > errors $t$ times as large make both $P$ and $\beta_{\mathrm{eff}}$ $t$ times as large.

# %%
assert ((P @ weights)[:-4] == slopes[:-4]).all()  # the last four are W_3's
assert not P[-4:].any()

# %% [markdown]
# ## 4 · Degrees, and the number by hand
#
# A weight's in-degree is what it receives: the sum of its row. Its out-degree is what it sends: the sum of its column. Then (Eq. 2)
#
# $$\beta_{\mathrm{eff}} \;=\; \frac{1^\top P P\, 1}{1^\top P\, 1}
# \;=\; \frac{\sum \delta_{\mathrm{out}}\, \delta_{\mathrm{in}}}{\sum \delta_{\mathrm{in}}} \;=\; \frac{A}{D}$$
#
# In words: at every link, read the in-degree of the sending weight, and take the mean with each link weighted by its value.

# %%
delta_in, delta_out = P.sum(axis=1), P.sum(axis=0)
columns = {"weight": weights, "in-degree": delta_in, "out-degree": delta_out}
table = pd.DataFrame(columns, names, dtype=int)
table["out · in"] = table["out-degree"] * table["in-degree"]
table.loc["sum"] = table.sum()
display(table)

A, D = delta_out @ delta_in, delta_in.sum()
assert (P @ P).sum() == A
assert np.average(delta_in, weights=delta_out) == A / D
print(f"beta_eff = A / D = {A:.0f} / {D:.0f} = {A / D}")

# %% [markdown]
# Only $W_2$ has both degrees: the first layer sends nothing, and the last receives nothing. So $\beta_{\mathrm{eff}}$ takes at least
# three kernels to be anything but 0.

# %% [markdown] tags=["exercise"]
# **Exercise 2.** Move the targets so that every error doubles. What happens to $P$, to $A$, to $D$ and to $\beta_{\mathrm{eff}}$?

# %% [markdown] tags=["answer"]
# Activations and slopes stay, and $P$ is linear in the errors: $P$ and $D$ double, $A = 1^\top P P 1$ becomes four times as large, and
# $\beta_{\mathrm{eff}} = A / D$ doubles (T5).

# %% tags=["folded"]
P_double = ref.interaction_matrix(net, x, p - 2 * (p - y)).toarray()
assert (P_double == 2 * P).all()
assert ref.beta_eff(P_double) == 2 * ref.beta_eff(P)

# %% [markdown]
# ## 5 · Three routes to one number
#
# The size of $P$ grows with the square of the number of weights. But $P$ need not be built: the degrees are products of matrices that
# training has at hand anyway.
#
# > **T0, the closed form.** Whatever activations, slopes and errors are,
# > $\delta_{\mathrm{in}}(l;\,j \to i)$ $=\ \mathrm{mean}_n\ s_l[n,i]\ z_{l-1}[n,j]$ $\sum_k g_{l+1}[n,k]$ and
# > $\delta_{\mathrm{out}}(l{+}1;\,i \to k)$ $=\ \mathrm{mean}_n\ s_l[n,i]\ g_{l+1}[n,k]$ $\sum_j z_{l-1}[n,j]$.
# > So $\beta_{\mathrm{eff}}$ takes a few products of matrices, and never $P$.
#
# A third route, automatic differentiation through a Keras model, knows neither $P$ nor a formula. All three must agree.

# %%
body = keras.Sequential([keras.Input((2,)), keras.layers.Identity()])
model = ncap.attach_probe(body, classes=2, hidden=(3, 2), batch_norm=False, dropout=0)
model.set_weights([part for kernel in W.values() for part in (kernel, np.zeros(kernel.shape[1]))])

by_keras = ncap.capacitance(model, x, y, method="autodiff", loss="squared_error")
routes = {
    "from P, Eq. 2": ref.beta_eff(P),
    "closed form, T0": ref.capacitance(net, x, y).beta_eff,
    "automatic differentiation": by_keras.beta_eff,
}
display(pd.DataFrame({"beta_eff": [repr(value) for value in routes.values()]}, index=list(routes)))
assert set(routes.values()) == {A / D}

# %% [markdown]
# To take this route with a model of your own, or to see its line graph, let `ref.from_keras` read it:

# %%
read = ref.from_keras(model, loss="squared_error")
assert (ref.line_graph(read) != B).nnz == 0
assert ref.capacitance(read, ref.keras_inputs(model, x), y).beta_eff == A / D

# %% [markdown]
# ## 6 · P of larger networks
#
# Now digits, averaged down to 4 by 4 pixels, and a 16-16-12-10 network with softmax. It has hundreds of weights, so we show $P$ as a
# picture rather than a table. The size of the line graph follows from the widths; nothing need be built for that.

# %%
images, digits = load_digits(return_X_y=True)
images = images / 16
coarse = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
rng = np.random.default_rng(0)
larger = ref.MLP([rng.normal(0, np.sqrt(2 / m), (m, n)) for m, n in pairwise((16, 16, 12, 10))])

size, links = ref.line_graph_size(larger), ref.line_graph(larger)
P_larger = ref.interaction_matrix(larger, coarse, digits)
assert (links.shape[0], links.nnz) == (size.nodes, size.links)
assert (P_larger * links).nnz == P_larger.nnz  # nothing outside of the line graph
print(f"{size.nodes} weights, {size.links} links: {size.links / size.nodes**2:.1%} of the cells")

# %% tags=["folded"] alt="P of the larger network: two blocks of stripes, each a staircase; beside it, three of the stripes enlarged."


def draw_sparsity(axes, P, links, offsets):
    """The cells of the line graph, the darker the stronger, three decades deep; grey is a link of 0."""
    strength = np.abs(P.toarray())
    with np.errstate(divide="ignore"):
        decades = np.log10(strength / strength.max())
    axes.imshow(np.where(links.toarray(), 1, np.nan), cmap="Greys", vmin=0, vmax=6, interpolation="none")
    shown = axes.imshow(np.where(strength, decades, np.nan), cmap="viridis_r", vmin=-3, vmax=0, interpolation="none")
    middles = [(a + b) / 2 for a, b in pairwise(offsets)]
    layers = [f"$W_{l}$" for l in range(1, len(offsets))]
    axes.set_xticks(middles, layers)
    axes.set_yticks(middles, layers)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, colour in zip(labels, COLOURS, strict=True):
            label.set_color(colour)
    for edge in offsets[1:-1]:
        axes.axhline(edge - 0.5, color="0.6", lw=1)
        axes.axvline(edge - 0.5, color="0.6", lw=1)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    return shown


figure, (left, right) = canvas((15, 9.4), (7, 16), columns=2, ratios=None if PHONE else (9, 4))
offsets = ref.weight_offsets(larger)
for axes in (left, right):
    shown = draw_sparsity(axes, P_larger, links, offsets)
    axes.set_xlabel("sends")
right.set(xlim=(offsets[1] - 0.5, offsets[2] - 0.5), ylim=(47.5, -0.5), aspect="auto", title="its first rows")
right.set_yticks([8, 24, 40], [f"from pixel {pixel}" for pixel in range(3)], rotation=90, va="center", color="black")
for edge in (15.5, 31.5):
    right.axhline(edge, color="black", lw=1)
left.set(ylabel="receives", title="P")
figure.colorbar(shown, ax=right, label="$\\log_{10}$ of |P| / max |P|", location="bottom", fraction=0.05)
plt.show()

# %% [markdown]
# A kernel meets only the next one. Within a block, each stripe belongs to the neuron that its weights come from, and each step of the
# staircase to the neuron where they meet the weights that lead on. White cells are always 0. Grey ones are links that happen to be 0 at
# the moment: the two weights connect three neurons that are never all on for the same image.

# %%
on = [(z_l > 0).astype(int) for z_l in ref.families(larger, coarse, digits).z]
on = [*on, np.ones((len(digits), 10), int)]  # an output always is
images_on = [np.einsum("nj,ni,nk->jik", *three) for three in zip(on, on[1:], on[2:], strict=False)]
assert size.links - P_larger.nnz == sum((count == 0).sum() for count in images_on)

# %% [markdown]
# For the paper's probe, the picture would be too large. Its degrees are within reach, since $P$ times a vector costs about as much as a
# gradient.

# %%
probe = ref.line_graph_size((1280, 256, 128, 10))
print(f"the paper's probe: {probe.nodes:,} weights, {probe.links:,} links")

operator = ref.interaction_operator(larger, coarse, digits)  # P v without P
assert np.allclose(operator @ np.ones(size.nodes), P_larger.sum(axis=1))
assert np.allclose(operator.T @ np.ones(size.nodes), P_larger.sum(axis=0))

# %% [markdown]
# ## 7 · Shared weights: one weight, many pairs
#
# A convolution uses each weight in many places. In the line graph that weight is still one node, and its links are sums over all the
# pairs of neurons that it connects. We take digits of 8 by 8 pixels, two convolutions and a dense layer:

# %%
rng = np.random.default_rng(0)
K1, K2, K3 = (rng.normal(0, 0.5, shape) for shape in ((3, 3, 1, 2), (2, 2, 2, 3), (12, 10)))
layers = [ref.Conv2D(K1, strides=2), ref.Conv2D(K2), ref.Flatten(), ref.Dense(K3)]
cnn = ref.CNN(layers, input_shape=(8, 8, 1))
pictures = images.reshape(-1, 8, 8, 1)[:300], digits[:300]

size = ref.line_graph_size(cnn)
shared = {"nodes": size.nodes, "links": size.links}
unshared = {"nodes": size.connections, "links": size.paths}
display(pd.DataFrame({"weights shared": shared, "as if none were": unshared}))

# %% tags=["folded"] alt="One weight of the first convolution joins nine pixels to nine neurons."
figure, axes = canvas((14, 8.6), (7, 4.8))
outputs = np.maximum(layers[0].apply(K1, pictures[0][:1]), 0)[0, :, :, 0]
planes = {"pixels": (images[0].reshape(8, 8), 0, 0, 1, 3), "neurons of channel 0": (outputs, 11, 4, 2, 2)}
for name, (values, first, top, step, window) in planes.items():
    last, bottom = first + len(values) * step, top + len(values) * step
    axes.imshow(values, cmap="Greys", vmax=1.6 * values.max(), extent=(first, last, bottom, top))
    axes.vlines(np.arange(first, last + 1, step), top, bottom, color="0.7", lw=1)
    axes.hlines(np.arange(top, bottom + 1, step), first, last, color="0.7", lw=1)
    axes.text((first + last) / 2, bottom + 0.3, name, ha="center", va="top", fontsize=14 if PHONE else 17)
    axes.add_patch(plt.Rectangle((first, top), window, window, fill=False, ec=COLOURS[1], lw=4))
for row, column in np.ndindex(3, 3):
    pixel, neuron = (2 * column + 1.5, 2 * row + 1.5), (2 * column + 12, 2 * row + 5)
    axes.plot(*pixel, "o", color=COLOURS[0], ms=10)
    look = {"arrowstyle": "-|>", "color": COLOURS[0], "lw": 2.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", neuron, pixel, arrowprops=look)
axes.set(xlim=(-0.2, 17.2), ylim=(10.8, -0.2))
axes.set_axis_off()
plt.show()

# %% [markdown]
# Blue: one weight, in all its places. Orange: the window at the first of them, and the neuron that it leads to. Is $P$ really that sum?
# Unroll the network into dense layers, with a separate weight for every pair of neurons. Then add up the copies.


# %%
def copies(layer, shape):
    """[weight, neuron below, neuron above]: 1 where the weight joins the pair."""
    below = np.eye(prod(shape)).reshape(-1, *shape)  # one neuron at a time
    each = np.eye(layer.kernel.size).reshape(-1, *layer.kernel.shape)  # one weight at a time
    return np.array([layer.apply(kernel, below).reshape(len(below), -1) for kernel in each])


# %%
joined = [copies(stage.layer, stage.shape) for stage in cnn.stages]
dense = [np.tensordot(K.ravel(), pairs, axes=1) for K, pairs in zip((K1, K2, K3), joined, strict=True)]
P_unrolled = ref.interaction_matrix(ref.MLP(dense), pictures[0].reshape(-1, 64), pictures[1])
add_up = sparse.block_diag([pairs.reshape(len(pairs), -1) for pairs in joined])

P_cnn = ref.interaction_matrix(cnn, *pictures)
assert np.allclose((add_up @ P_unrolled @ add_up.T).toarray(), P_cnn.toarray())
assert joined[0][8].sum() == 9  # W_1[1, 1, 0, 0], the blue weight
assert add_up.sum() == size.connections

# %% tags=["folded"] alt="P of the convolutional network: every weight of a channel meets every weight that reads this channel."
figure, axes = canvas((15, 6.2), (7, 5.4))
offsets = ref.weight_offsets(cnn)
shown = draw_sparsity(axes, P_cnn, ref.line_graph(cnn), offsets)
axes.set(xlim=(offsets[1] - 0.5, offsets[-1] - 0.5), ylim=(offsets[2] - 0.5, -0.5), xlabel="sends", ylabel="receives")
figure.colorbar(
    shown, ax=axes, label="$\\log_{10}$ of |P| / max |P|", location="bottom", shrink=1 if PHONE else 0.5, aspect=40
)
plt.show()

# %% [markdown]
# The picture leaves out the rows that receive nothing and the columns that send nothing. A weight meets every weight that reads its
# channel, wherever windows overlap. Again $P$ need not be built: the closed form does with convolutions what it did with matrix products.

# %%
found = ref.capacitance(cnn, *pictures, strength="magnitude").beta_eff
assert np.isclose(found, ref.beta_eff(ref.interaction_matrix(cnn, *pictures, strength="magnitude")))

# %% [markdown]
# ## 8 · A reading that is always 0
#
# Here is the network of section 1 again, now as a classifier with softmax and cross-entropy. Probabilities sum to 1 and targets sum to 1,
# so the errors of the outputs sum to 0, and everything that a weight of the last layer but one receives cancels.

# %%
classifier, labels = ref.MLP(list(W.values())), np.array([0, 1])
P_softmax = ref.interaction_matrix(classifier, x, labels).toarray()
into_second = P_softmax[6:12]  # the rows of W_2
assert np.abs(into_second).max() > 1  # its links are strong
assert np.abs(into_second.sum(axis=1)).max() < 1e-15  # and cancel, but for rounding

# %% tags=["folded"] alt="The links from the last layer into the one before it: every row holds a number and its negative."
figure, axes = canvas((10, 5), (7, 5))
draw_matrix(axes, into_second[:, 12:], names[6:12], names[12:], shown=B.toarray()[6:12, 12:])
colour_names(axes)
axes.set(xlabel="sends", ylabel="receives")
plt.show()

# %% [markdown]
# With three kernels nothing is left.
#
# > **T3.** With softmax and cross-entropy, every weight of layer $L - 1$ has the signed in-degree 0. So with at most three kernels, signed
# > $\beta_{\mathrm{eff}}$ is 0 whatever the state of training.
#
# The paper's probe has three kernels. The library says so:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    verdict = ref.capacitance(classifier, x, labels)
assert verdict.degenerate
assert verdict.beta_eff == 0
print(f"beta_eff = {verdict.beta_eff}, reason: {verdict.reason!r}", caught[0].message, sep="\n\n")

# %% [markdown]
# If you compute it without knowing this, you see a number all the same. Here is the plain formula in float32, while a small network
# learns to read digits:


# %%
def signed_in_float32(net, x, y):
    z, s, g, _ = ref.families(net, x, y)
    (z0, z1, _), (s1, s2), (g2, g3) = ([v.astype("float32") for v in family] for family in (z, s, g))
    in_1 = z0.T @ (s1 * g2.sum(axis=1, keepdims=True))
    in_2 = z1.T @ (s2 * g3.sum(axis=1, keepdims=True))
    out_2 = (s1 * z0.sum(axis=1, keepdims=True)).T @ g2
    return (out_2 * in_2).sum() / (in_1.sum() + in_2.sum()) / len(x)


# %%
few = images[:300], digits[:300]
rng = np.random.default_rng(0)
kernels = [rng.normal(0, np.sqrt(2 / m), (m, n)) for m, n in pairwise((64, 32, 16, 10))]
noise, magnitude = [], []
for _ in range(80):  # gradient descent, in float64
    learner = ref.MLP(kernels)
    noise.append(signed_in_float32(learner, *few))
    magnitude.append(ref.capacitance(learner, *few, strength="magnitude").beta_eff)
    kernels = [w - 0.5 * dw for w, dw in zip(kernels, ref.gradients(learner, *few), strict=True)]
assert 0 < np.abs(noise).max() < 1e-5 * min(magnitude)

# %% tags=["folded"] alt="Left, rounding noise that looks like a curve; right, the magnitude reading of the same steps."
figure, (left, right) = canvas((15, 5.6), (7.4, 10.5), columns=2)
left.plot(1e8 * np.array(noise), color=COLOURS[1], lw=2.5)
left.axhline(0, color="black", lw=1)
left.set(
    title="signed, in float32: noise that looks alive", xlabel="gradient step", ylabel="$10^8$ $\\beta_{\\mathrm{eff}}$"
)
right.plot(magnitude, color=COLOURS[0], lw=2.5)
right.set(title="magnitude: the same network, the same steps", xlabel="gradient step", ylim=(0, None))
plt.show()

# %% [markdown]
# The remedy is the reading *magnitude*: take the absolute value of every sample's $s\, z\, g$ before the mean, and nothing cancels.
#
# > **T2.** In magnitude, $\beta_{\mathrm{eff}}$ lies between 0 and the largest in-degree of the layers $2, \ldots, L - 1$. As long as
# > weights and activations stay bounded, that is at most a constant times the mean error.

# %%
for data in ((classifier, x, labels), (learner, *few)):
    largest = ref.degrees(*data, strength="magnitude")[0][1].max()
    assert 0 < ref.capacitance(*data, strength="magnitude").beta_eff < largest

# %% [markdown] tags=["exercise"]
# **Exercise 3.** Would a fourth kernel help? Which of the in-degrees are 0 then, and is signed $\beta_{\mathrm{eff}}$?

# %% [markdown] tags=["answer"]
# By T3 the in-degrees of $W_3$ are 0, but those of $W_2$ are not: the errors that reach it have passed through $W_4$, whose rows do not sum
# to 0 with them. $W_2$ sends as well, so signed $\beta_{\mathrm{eff}}$ is no longer 0. It may still have poles, as section 13 shows.

# %% tags=["folded"]
deeper = ref.MLP([W[1], W[2], np.array([[1, -1], [1, 2]]), np.array([[2, 1], [-1, 1]])])
received_by = ref.degrees(deeper, x, labels)[0]
assert np.abs(received_by[2]).max() < 1e-15
assert np.abs(received_by[1]).max() > 1e-3
assert abs(ref.capacitance(deeper, x, labels).beta_eff) > 1e-3

# %% [markdown]
# ## 9 · When training has converged
#
# With no error on any sample there are no links.
#
# > **T1.** If no sample has an error, $P = 0$ and $\beta_{\mathrm{eff}} = 0$. The same follows where no sample has a gradient, provided
# > that no norm shifts what leaves a relu.

# %%
assert ref.interaction_matrix(net, x, p).nnz == 0  # the targets are what the network says
assert ref.capacitance(net, x, p).beta_eff == 0

# %% [markdown]
# But training ends where the *gradient* is zero, and that is a different matter: the samples may pull against each other and hold the
# weights in place. Take a 2-2-2-2 network and six samples, all in exact fractions, with the errors scaled by $t$:

# %%
exactly = np.vectorize(Fraction, otypes=[object])
file = Path(ref.__file__).with_name("counterexamples.json")
case = json.loads(file.read_text(encoding="utf-8"))["squared_error_2_2_2_2"]
V1, V2, V3 = exactly(case["kernels"])
z0, outputs, error = (exactly(case[key]) for key in ("x", "outputs", "error"))

s1 = exactly((z0 @ V1 > 0).astype(int))
z1 = s1 * (z0 @ V1)
s2 = exactly((z1 @ V2 > 0).astype(int))
z2 = s2 * (z1 @ V2)
assert (z2 @ V3 == outputs).all()


# %%
def converged(t):
    """Errors, the largest gradient, A and D, with targets such that the errors are t times the table's."""
    g3 = t * error
    g2 = s2 * (g3 @ V3.T)
    g1 = s1 * (g2 @ V2.T)
    largest = max(np.abs(z_l.T @ g_l).max() / 6 for z_l, g_l in ((z0, g1), (z1, g2), (z2, g3)))
    delta_in, delta_out = ref.degrees_from([z0, z1], [s1, s2], [g2, g3])
    return (g1, g2, g3), largest, (delta_out[1] * delta_in[1]).sum(), sum(degree.sum() for degree in delta_in)


# %%
rows = []
for t in (Fraction(1), Fraction(1, 2), Fraction(1, 10), Fraction(1, 100)):
    _, largest, A, D = converged(t)
    assert largest == 0
    assert 2 * t == A / D
    rows.append([t, largest, A, D, A / D])
columns = ["t", "largest |gradient|", "A", "D", "beta_eff"]
display(pd.DataFrame(rows, columns=columns).astype(str).style.hide())

# %% [markdown]
# The gradient is exactly zero, and $\beta_{\mathrm{eff}}$ is not.
#
# > **T4.** A vanishing gradient does not make $\beta_{\mathrm{eff}}$ vanish: for this network and these samples the gradient is 0 and
# > $\beta_{\mathrm{eff}} = 2t$, whatever the scale $t$ of the errors. The same happens with softmax and cross-entropy.
#
# The picture shows why the weights stay where they are. It gives the pull of each sample on each weight for $t = 1$; the pulls on any
# one weight sum to 0.

# %% tags=["folded"] alt="The pull of six samples on twelve weights; the pulls on each weight sum to zero."
errors = converged(Fraction(1))[0]
pulls = np.hstack([np.einsum("nj,ni->nji", a, b).reshape(6, 4) for a, b in zip((z0, z1, z2), errors, strict=True)])
pulls = np.vstack([pulls, pulls.sum(axis=0)]).astype(float)
assert (pulls[-1] == 0).all()
figure, axes = canvas((15, 5.6), (7, 8.5))
columns = [f"W{'₁₂₃'[l]}[{j},{i}]" for l in range(3) for j, i in np.ndindex(2, 2)]
rows = [*(f"sample {n}" for n in range(6)), "sum"]
if PHONE:
    draw_matrix(axes, pulls.T, columns, rows, shown=np.ones(pulls.T.shape, bool))
    axes.axvline(5.5, color="black", lw=2)
else:
    draw_matrix(axes, pulls, rows, columns, shown=np.ones(pulls.shape, bool))
    axes.axhline(5.5, color="black", lw=2)
plt.show()

# %% [markdown]
# What does vanish there is $P$ times the weights, which is the gradient (T5). But $\beta_{\mathrm{eff}}$ asks for $P$ times
# a vector of ones.

# %%
V = [kernel.astype(float) for kernel in (V1, V2, V3)]
at_rest = (ref.MLP(V, loss="squared_error"), z0.astype(float), (outputs - error / 2).astype(float))  # t = 1/2
P_rest = ref.interaction_matrix(*at_rest).toarray()
assert np.abs(P_rest @ np.concatenate([kernel.ravel() for kernel in V])).max() < 1e-14  # sixths are rounded
assert abs(ref.beta_eff(P_rest) - 1) < 1e-14

# %% [markdown] tags=["exercise"]
# **Exercise 4.** Train on these six samples in two batches, each holding all six once. Does gradient descent on either batch move the
# weights? Does $\beta_{\mathrm{eff}}$ of all twelve samples differ from that of the six?

# %% [markdown] tags=["answer"]
# Each batch has the gradient of the six samples, which is 0: no step moves anything. Every entry of $P$ is a mean over the samples and
# does not change when each is counted twice, so $\beta_{\mathrm{eff}}$ is still $2t$. A fixed division into batches does not save the
# claim that $\beta_{\mathrm{eff}}$ vanishes where training rests. Batches drawn at random do: if none of them has a gradient, no sample
# has one, and T1 applies.

# %% tags=["folded"]
twice = at_rest[0], *(np.concatenate([part, part]) for part in at_rest[1:])
assert np.allclose(ref.interaction_matrix(*twice).toarray(), P_rest, atol=1e-15)
assert abs(ref.capacitance(*twice).beta_eff - 1) < 1e-14
assert max(np.abs(dW).max() for dW in ref.gradients(*at_rest)) < 1e-14

# %% [markdown]
# ## 10 · One function, many scales
#
# Multiply what enters a relu unit by $c > 0$ and divide what leaves it by $c$: the network computes the same function. Does
# $\beta_{\mathrm{eff}}$ notice? It should not, but it does. It no longer does if every link is weighted by the two weights that it joins,
# $\mathrm{diag}(w)\, P\, \mathrm{diag}(w)$; that is `weighting="relative"`. Another way is to use the gradient alone, in the *gradient
# form*:
#
# $$\frac{\sum_{l=2}^{L-1} \sum\, (w \, \partial C / \partial w)^2}{\sum_{l=1}^{L-1} \sum\, |w \, \partial C / \partial w|}$$
#
# > **T7.** The in-degrees of $\mathrm{diag}(w)\, P\, \mathrm{diag}(w)$ are $w \, \partial C / \partial w$, and its $\beta_{\mathrm{eff}}$
# > does not change when a relu unit is rescaled. Nor does the gradient form, which lies between 0 and the largest
# > $|w \, \partial C / \partial w|$ and is 0 at every stationary point.


# %%
def rescaled(c):
    """The network of section 1, its first hidden unit scaled by c."""
    kernels = {l: kernel.astype(float) for l, kernel in W.items()}
    kernels[1][:, 0] *= c
    kernels[2][0, :] /= c
    return ref.MLP(list(kernels.values()), loss="squared_error")


# %%
readings = {
    "signed": lambda *data: ref.capacitance(*data),
    "magnitude": lambda *data: ref.capacitance(*data, strength="magnitude"),
    "magnitude, relative": lambda *data: ref.capacitance(*data, strength="magnitude", weighting="relative"),
    "gradient form": ref.gradient_capacitance,
}

# %%
scales = 2.0 ** np.arange(-4, 5)
curves = {name: [read(rescaled(c), x, y).beta_eff for c in scales] for name, read in readings.items()}

assert all((ref.families(rescaled(c), x, y).p == p).all() for c in scales)  # the same outputs
for name, curve in curves.items():
    assert (np.ptp(curve) < 1e-12) == (name in ("magnitude, relative", "gradient form"))

# %% tags=["folded"] alt="beta_eff against the scale c: the unit readings change, the relative ones are flat."
figure, axes = canvas((13, 6), (7.4, 6))
for (name, curve), look in zip(curves.items(), ("o-", "s-", "o-", "s-"), strict=True):
    colour = COLOURS[0] if "relative" in name or "gradient" in name else COLOURS[1]
    axes.plot(scales, curve, look, color=colour, lw=2.5, ms=8, mfc="white" if look[0] == "s" else colour, label=name)
axes.set_xscale("log", base=2)
axes.set(
    xlabel="scale c of one unit",
    ylabel="$\\beta_{\\mathrm{eff}}$",
    title=f"one function, written in {len(scales)} ways",
)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Two of the four are blind to the scale. Of these, only the gradient form is also 0 at every stationary point, such as the one in
# section 9:

# %%
found = {name: read(*at_rest).beta_eff for name, read in readings.items()}
display(pd.DataFrame({"beta_eff where the gradient is 0": found}).round(3))
assert [name for name, value in found.items() if value == 0] == ["gradient form"]

# %% [markdown]
# ## 11 · Degrees through training
#
# Capacitance is an average. Of what, exactly? A 64-32-16-10 network learns 300 digits by gradient descent, and on the way we look at the
# degrees of all its weights (magnitude).

# %%
rng = np.random.default_rng(1)
start = ref.MLP([rng.normal(0, np.sqrt(2 / m), (m, n)) for m, n in pairwise((64, 32, 16, 10))])
descent = ref.gradient_descent(start, *few, learning_rate=0.5, steps=300)

moments = np.unique(np.geomspace(1, 300, 30).astype(int))
nets = [ref.MLP([kernel[step] for kernel in descent.kernels]) for step in moments]
degrees = [ref.degrees(at, *few, strength="magnitude") for at in nets]
beta = [ref.capacitance(at, *few, strength="magnitude").beta_eff for at in nets]

# %%
for (received, sent), value in zip(degrees, beta, strict=True):
    total = sum(delta.sum() for delta in sent)  # layer 1 sends nothing, layer 3 receives nothing
    assert np.isclose(value, (sent[1] * received[1]).sum() / total)
    assert value < received[1].max()  # T2
assert degrees[-1][0][1].max() < beta[0]  # the whole distribution has moved
assert descent.loss[-1] < 0.1 * descent.loss[0]

# %% tags=["folded"] alt="Bands of in-degrees and out-degrees over the gradient steps, with beta_eff; all fall in the end."
figure, panels = canvas((15, 9.4), (7, 16), rows=2, columns=2, sharex=True, sharey=True)
panels = panels.T.ravel()
received, sent = zip(*degrees, strict=True)
shown = ((1, "in", received), (2, "in", received), (2, "out", sent), (3, "out", sent))
for axes, (l, direction, deltas) in zip(panels, shown, strict=True):
    low, middle, high, largest = np.transpose([np.quantile(delta[l - 1], (0.25, 0.5, 0.75, 1)) for delta in deltas])
    axes.fill_between(moments, low, high, color=COLOURS[l - 1], alpha=0.25, lw=0)
    axes.plot(moments, middle, color=COLOURS[l - 1], lw=2.5)
    axes.plot(moments, largest, color=COLOURS[l - 1], lw=1.2)
    axes.set_title(f"{direction}-degrees of $W_{l}$", color=COLOURS[l - 1])
panels[1].plot(moments, beta, color="black", lw=3.5, label="$\\beta_{\\mathrm{eff}}$")
panels[1].legend(frameon=False, loc="lower left")
panels[0].set(xscale="log", yscale="log", ylim=(1e-3, None))
for axes in panels[-1:] if PHONE else panels[1::2]:
    axes.set_xlabel("gradient step")
plt.show()

# %% [markdown]
# Line: the median. Band: the middle half of the weights. Thin line: the largest. The average $\beta_{\mathrm{eff}}$ weights in-degrees by
# what is sent, so it stays below the largest in-degree of $W_2$ (T2). In the end, all of them fall with the errors.

# %% [markdown]
# ## 12 · A training run, and a prediction
#
# A body of one dense layer, the paper's probe on top of it, 600 digits. The callback reads $\beta_{\mathrm{eff}}$ (magnitude) after each
# epoch. We look at a few epochs and predict; then we train on and see.


# %%
def untrained_model():
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu")])
    model = ncap.attach_probe(body, classes=10, frozen=False)  # dense 256, dense 128, dense 10
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


# %%
SEEN, ALL = 8, 24
model = untrained_model()
train, held_out = (images[:600], digits[:600]), (images[1200:], digits[1200:])
reading = ncap.CapacitanceCallback(*train)
options = {"epochs": ALL, "batch_size": 64, "validation_data": held_out, "callbacks": [reading], "verbose": 0}
history = {name: np.array(values) for name, values in model.fit(*train, **options).history.items()}
beta, accuracy = history["beta_eff"], history["val_accuracy"]

assert beta[-1] < beta[SEEN - 1] < beta[0]
assert history["loss"][-1] < history["loss"][SEEN - 1] < history["loss"][0]

# %% [markdown]
# Eventually, though not at once, $\beta_{\mathrm{eff}}$ falls with the errors. The predictor fits a line to the epochs seen so far,
# accuracy $I = h(\beta_{\mathrm{eff}})$, by Bayesian ridge regression, and reads it off where no error is left: $I^* = h(0)$.

# %%
predictor = ncap.CapacitancePredictor().fit(beta[:SEEN, None], accuracy[:SEEN])

# %% tags=["folded"] alt="Left, beta_eff over the epochs; right, accuracy against beta_eff with the fitted line and its value at 0."
figure, (left, right) = canvas((15, 6.4), (7.4, 13), columns=2)
epochs = np.arange(1, ALL + 1)
left.plot(epochs[SEEN - 1 :], beta[SEEN - 1 :], "o-", color="0.65", lw=2, label="not yet seen")
left.plot(epochs[:SEEN], beta[:SEEN], "o-", color=COLOURS[0], lw=2.5, ms=8, label="seen")
left.set(xlabel="epoch", ylabel="$\\beta_{\\mathrm{eff}}$", ylim=(0, None), title="$\\beta_{\\mathrm{eff}}$ falls")
used = slice(predictor.t0_, SEEN)
grid = np.linspace(0, beta[used].max() * 1.1, 50)
right.plot(beta[SEEN:], accuracy[SEEN:], "o", color="0.65", label="not yet seen")
right.plot(
    beta[: used.start], accuracy[: used.start], "o", mec=COLOURS[0], mfc="white", ms=9, mew=2, label="seen, not fitted"
)
right.plot(beta[used], accuracy[used], "o", color=COLOURS[0], ms=9, label="seen and fitted")
right.plot(grid, predictor.predict(grid[:, None]), color=COLOURS[1], lw=2.5, label="h")
right.plot(0, predictor.accuracy_, "*", color=COLOURS[1], ms=22, clip_on=False, zorder=5, label="prediction h(0)")
right.set(
    xlabel="$\\beta_{\\mathrm{eff}}$",
    ylabel="accuracy on held-out digits",
    title="accuracy against $\\beta_{\\mathrm{eff}}$",
)
for axes in (left, right):
    axes.legend(frameon=False)
plt.show()

# %% tags=["folded"]
display(
    pd.DataFrame(
        {
            "accuracy": {
                f"last seen, epoch {SEEN}": accuracy[SEEN - 1],
                "prediction h(0)": predictor.accuracy_,
                f"what came true, epoch {ALL}": accuracy[-1],
            }
        }
    ).round(3)
)

# %% [markdown]
# One run shows how it works, not how well. To find that out, rank your own candidates (`ncap rank`) and compare with the last
# accuracy seen. What can be said of any run is this:
#
# > **T8.** Let the accuracies follow a line of slope $-\kappa$ up to errors of at most $\eta$, and let $\bar\beta$ be the mean of the
# > $\beta_t$ that were seen, $S = \sum_t (\beta_t - \bar\beta)^2$, and $\lambda$ the penalty of the ridge. Then $h(0)$ differs from the
# > line's value at 0 by at most $\eta\, (1 + |\bar\beta| \sum_t |\beta_t - \bar\beta| / (S + \lambda))$
# > $+\ |\kappa\, \bar\beta|\, \lambda / (S + \lambda)$.
#
# The farther 0 lies from what was seen, compared with its spread, the less $h(0)$ says. And it is a statement about the line: whether the
# accuracies go on along it is another question.
#
# Large training sets need not be read whole.
#
# > **T9.** Over all subsets of $m$ of $N$ samples, the mean squared difference between a subset's mean and the mean of all is
# > $\frac{N - m}{m (N - 1)}\, \sigma^2$, where $\sigma^2$ is the variance over the $N$ samples.
#
# As $A$ and $D$ are built from means over samples, this tells how many are enough: `ncap.capacitance(..., error=0.01)` draws that many.
# Here T9 is checked in exact fractions, with all subsets of three of seven numbers:

# %%
numbers, m = exactly([3, -1, 4, 1, -5, 9, 2]), 3
mean, N = numbers.mean(), len(numbers)
subsets = [numbers[list(chosen)].mean() for chosen in combinations(range(N), m)]
variance = ((numbers - mean) ** 2).mean()
assert np.mean([(of_subset - mean) ** 2 for of_subset in subsets]) == Fraction(N - m, m * (N - 1)) * variance

# %% [markdown]
# ## 13 · One training, eleven readings
#
# So far we have read $\beta_{\mathrm{eff}}$ in a few ways. The paper's text allows more, since it leaves open which parameters are the
# nodes and what is held fixed. `ncap.list_readings()` lists the definitions; eleven of them can be taken from a Keras model, not counting
# their means over mini-batches. Here is the training of section 12 once more, from the same seed but longer, and read in all eleven after
# every epoch.

# %%
known = ncap.list_readings()
of_models = known["reading"][known["methods"] != "oracle"]  # what is left is only for the oracle
every = [reading for reading in of_models if not reading.endswith("/batches64")]
starred = {"explicit/signed/unit/norms", "full_hessian/signed/unit"}  # likeliest for the paper's code
assert len(every) == 11
assert starred < set(every)

# %%
EPOCHS = 36
model, taken = untrained_model(), {reading: [] for reading in every}


def read_all(epoch, logs):
    for reading, found in taken.items():
        found.append(ncap.capacitance(model, *train, reading=reading))


reader = keras.callbacks.LambdaCallback(on_epoch_end=read_all)
losses = model.fit(*train, epochs=EPOCHS, batch_size=64, callbacks=[reader], verbose=0).history["loss"]
assert losses[-1] < 0.1 * losses[0]

# %% [markdown]
# A reading $A / D$ has a *pole* where $D$ passes through 0. As we look once an epoch, we count the epochs after which $D$ has changed its
# sign. What the theorems promise must hold in this run too:


# %%
def poles(found):
    """The epochs after which D changes its sign."""
    signs = np.sign([c.denominator for c in found])
    return 1 + np.flatnonzero(signs[1:] != signs[:-1])


reasons = {reading: {c.reason for c in found} for reading, found in taken.items()}
always_0 = [reading for reading in every if reasons[reading] == {"softmax"}]
assert always_0 == ["explicit/signed/unit", "hessian/signed/unit"]  # T3
for reading in every:
    if "magnitude" in reading or reading == "gradient":  # nothing cancels in D
        curve = [c.beta_eff for c in taken[reading]]
        assert not poles(taken[reading]).size
        assert 0 < curve[-1] < 0.1 * max(curve)  # T2, T7: they fall with the errors

# %% tags=["folded", "tall"] alt="Eleven curves: four fall to 0 without a pole, two are 0 throughout, five have signs."
promised = {
    "explicit/magnitude/unit": "it tends to 0 with the errors (T1, T2).",
    "explicit/magnitude/relative": "it is 0 once no error is left (T1).",
    "explicit/signed/relative": "where the gradient is 0 it is 0/0 (T7).",
    "hessian/signed/relative": "P tends to 0 with the errors (T2), but D can cancel.",
    "explicit/magnitude/unit/norms": "it tends to 0 with the errors, as in T2.",
    "explicit/signed/unit/norms": "P is 0 once no error is left (T1), but D can cancel.",
    "hessian/signed/unit/norms": "P tends to 0 with the errors, as in T2, but D can cancel.",
    "full_hessian/signed/unit": "where H has no negative eigenvalue, it is at most the largest.",
    "gradient": "it is 0 at every stationary point (T7).",
}


def sentence(reading):
    """What this run showed, then what the theorems say."""
    if reading in always_0:
        return f"Degenerate: exactly 0 in all {EPOCHS} epochs, whatever the network has learnt (T3)."
    found = taken[reading]
    values = [c.beta_eff for c in found if not c.degenerate]
    defined = "Defined" if len(values) == EPOCHS else f"Defined in {len(values)} of {EPOCHS} epochs"
    count = len(poles(found))
    with_poles = {0: "without a pole", 1: "with one pole"}.get(count, f"with {count} poles")
    first, last = (
        np.format_float_positional(value, 2, fractional=False, trim="-").replace("-", "\N{MINUS SIGN}")
        for value in (values[0], values[-1])
    )
    return f"{defined}, {with_poles}: {first} at first, {last} at last; {promised[reading]}"


def draw_reading(axes, reading):
    """beta_eff by epoch, broken at every pole, with its sign in colour and a sentence below."""
    beta, breaks = np.array([c.beta_eff for c in taken[reading]]), poles(taken[reading])
    axes.axhline(0, color="black", lw=0.8)
    if reading in always_0:
        breaks = breaks[:0]
        axes.text(0.5, 0.7, "degenerate", transform=axes.transAxes, ha="center", va="center", style="italic")
    for piece in np.split(np.arange(EPOCHS), breaks):
        axes.plot(piece + 1, beta[piece], color="0.6", lw=1)
    for colour, shown in ((POSITIVE, beta > 0), (NEGATIVE, beta < 0), ("black", beta == 0)):
        axes.plot(np.flatnonzero(shown) + 1, beta[shown], "o", ms=3, color=colour)
    axes.plot(np.flatnonzero(np.isnan(beta)) + 1, np.zeros(np.isnan(beta).sum()), "x", ms=7, color="black")
    for epoch in breaks:
        axes.axvline(epoch + 0.5, color=COLOURS[1], lw=1.3, ls="--")
    axes.set_title(f"{reading} ★" if reading in starred else reading, fontsize=10, loc="left", x=-0.22)
    axes.locator_params(axis="y", nbins=3)
    axes.set_xticks([1, 12, 24, 36], ["epoch 1", "12", "24", "36"])
    axes.text(-0.22, -0.28, fill(sentence(reading), 29), transform=axes.transAxes, va="top", linespacing=1.15)


with plt.rc_context({"font.size": 10, "xtick.labelsize": 9, "ytick.labelsize": 9}):
    figure, panels = plt.subplots(6, 2, figsize=(5.2, 14.6), sharex=True)
    figure.get_layout_engine().set(h_pad=0.12)
    for axes, reading in zip(panels.flat, every, strict=False):
        draw_reading(axes, reading)
        axes.tick_params(labelbottom=True)
    key = panels.flat[-1]
    looks = {
        "above 0": ("o", POSITIVE),
        "below 0": ("o", NEGATIVE),
        "pole: D changes sign": ("--", COLOURS[1]),
        "only rounding left": ("x", "black"),
        "likeliest for the paper": ("*", "black"),
    }
    if not any("rounding" in seen for seen in reasons.values()):
        del looks["only rounding left"]
    for meaning, (look, colour) in looks.items():
        key.plot([], [], look, color=colour, label=meaning)
    key.legend(frameon=False, loc="center left", borderaxespad=0, handlelength=1.4)
    key.set_axis_off()
    plt.show()

# %% [markdown]
# Magnitude and the gradient form have no pole, in this run or in any other, because nothing cancels in their $D$. Where only the kernels
# are nodes, two signed readings are 0 by T3. The other five are ratios of sums that cancel. When such a curve changes its sign, it has
# passed either through 0, where $A$ changes sign, or through a pole, where $D$ does. The errors become small all the same, and $P$ with
# them; but no theorem bounds a ratio whose $D$ cancels, and with another seed its poles lie elsewhere.
#
# The two readings with a star are, as far as we can tell from the paper, the likeliest to be what its code computes: with the norms'
# scales and shifts as nodes between the kernels, or with all second derivatives by all parameters. T3 does not make either of them 0.
# But before you fit a line to such values, as in section 12, look at $D$.

# %% [markdown]
# ## 14 · Any network: many states, one number
#
# Eq. 2 is older than its use on weights. It was made for networks of any kind whose nodes have states $x_i$: $f$ is what a node does by
# itself, and $h$ what a neighbour does to it (Eq. 1).
#
# $$\frac{dx_i}{dt} = f(x_i) + \sum_j P_{ij}\, h(x_i, x_j)$$
#
# Average over the nodes, each weighted by what it sends: $L_P(v) = 1^\top P v \,/\, 1^\top P 1$. If the states do not differ much, a
# single equation for $x_{\mathrm{eff}} = L_P(x)$ is left, and a single number for the whole network, $\beta_{\mathrm{eff}} =
# L_P(\delta_{\mathrm{in}})$:
#
# $$\frac{dx_{\mathrm{eff}}}{dt} = f(x_{\mathrm{eff}}) + \beta_{\mathrm{eff}}\, h(x_{\mathrm{eff}}, x_{\mathrm{eff}})$$
#
# > **T6.** Eq. 2 gives the values of $\beta_{\mathrm{eff}}$ that J. Gao, B. Barzel and A.-L. Barabási published for real ecological
# > networks ([Nature 530, 307, 2016](https://doi.org/10.1038/nature16948)). This one is a test, not a theorem.
#
# | system | state of a node | by itself, $f(x)$ | from a neighbour, $h(x_i, x_j)$ |
# |---|---|---|---|
# | mutualistic | abundance of a species | $B + x (1 - x/K)(x/C - 1)$ | $x_i x_j \,/\, (D + E x_i + H x_j)$ |
# | epidemic | probability of being infected | $-B x$ | $(1 - x_i)\, x_j$ |
# | regulatory | activity of a gene | $-B x$ | $x_j^2 \,/\, (x_j^2 + 1)$ |
#
# We draw one random network and use it for all three:

# %%
rng, n = np.random.default_rng(0), 60
random_network = rng.uniform(0.5, 1.5, (n, n)) * (rng.random((n, n)) < 6 / n) * (1 - np.eye(n))
states = rng.random(n)
systems = (
    (ref.mutualistic(), 2 * states, np.linspace(0, 5, 201)),
    (ref.epidemic(B=2), states / 10, np.linspace(0, 5, 201)),
    (ref.regulatory(), 2 * states, np.linspace(0, 10, 201)),
)
for system in systems:
    assert ref.reduction_error(random_network, *system)[-1] < 0.1  # at rest

# %% tags=["folded"] alt="Three systems: thin lines for sixty nodes, their average bold, the reduction dashed and close to it."


def draw_reduction(axes, title, P, dynamics, x_0, times):
    """Every node, their average, and the reduction, with its error at the end."""
    x, reduced = ref.simulate(P, dynamics, x_0, times), ref.simulate_reduced(P, dynamics, x_0, times)
    axes.plot(times, x.T, color="0.75", lw=0.8)
    axes.plot([], [], color="0.6", lw=1.5, label="nodes")
    axes.plot(times, ref.network_average(P, x), color=COLOURS[0], lw=4, label="their average $L_P(x)$")
    axes.plot(times, reduced, "--", color=COLOURS[1], lw=3.5, label="reduction $x_{\\mathrm{eff}}$")
    error = ref.reduction_error(P, dynamics, x_0, times)[-1]
    axes.set(title=f"{title}\noff by {error:,.0%} in the end", xlabel="time", xlim=(times[0], times[-1]))


figure, panels = canvas((17, 6.4), (7.4, 17), columns=3)
for axes, system in zip(panels, systems, strict=True):
    draw_reduction(axes, system[0].name, random_network, *system)
panels[0].set_ylabel("state")
figure.legend(
    *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=1 if PHONE else 3, frameon=False
)
plt.show()

# %% [markdown]
# Sixty equations, and a single one that follows their average. In turn, $\beta_{\mathrm{eff}}$ is the mean degree plus the heterogeneity
# of the degrees times their symmetry.

# %%
parts = ref.decompose(random_network)
assert np.isclose(ref.beta_eff(random_network), parts.mean_degree + parts.heterogeneity * parts.symmetry)
of_degrees = {"mean": parts.mean_degree, "heterogeneity": parts.heterogeneity, "symmetry": parts.symmetry}
display(pd.DataFrame(of_degrees, ["degrees"]).round(3))

# %% [markdown]
# What if the network is damaged? Whether nodes fail, links fail or all links weaken, the reduction says that only
# $\beta_{\mathrm{eff}}$ matters.

# %%
dynamics, high, long = ref.regulatory(), 10.0, [0, 200]
curve = np.concatenate([np.linspace(0.01, 1.99, 12), np.linspace(2.01, 7, 40)])
promised = [ref.simulate_reduced([[beta]], dynamics, high, long)[-1] for beta in curve]

damaged = {}
for remove in ("nodes", "links", "weights"):
    left = [ref.perturb(random_network, remove, fraction) for fraction in np.arange(0, 0.95, 0.05)]
    rest = np.array([ref.network_average(P, ref.simulate(P, dynamics, high, long)[:, -1]) for P in left])
    beta = np.array([ref.beta_eff(P) for P in left])
    damaged[remove] = beta, rest
    promise = np.interp(beta, curve, promised)
    assert (rest < promise)[beta > 2].all()
    assert (rest > 0.75 * promise)[beta > 3].all()

# %% tags=["folded"] alt="The state at rest against beta_eff: one curve that ends at a threshold, and the damaged networks near it."
figure, axes = canvas((13, 6.4), (7.4, 6.4))
axes.plot(curve, promised, color=COLOURS[1], lw=3.5, ls="--", label="reduction")
looks = {"nodes fail": "o", "links fail": "s", "all links weaken": "^"}
for points, (damage, marker) in zip(damaged.values(), looks.items(), strict=True):
    axes.plot(*points, marker, ms=10, mfc="none", mew=2, color=COLOURS[0], label=damage)
axes.set(xlabel="$\\beta_{\\mathrm{eff}}$ of what is left", ylabel="average state at rest")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# All three kinds of damage lead down one curve, to a threshold below which the system collapses. Close to the threshold, the reduction
# promises too much.

# %% [markdown]
# ## 15 · Where the reduction breaks
#
# The reduction assumes that states do not differ much, that the wiring has no correlations, and that no weight is negative. We drop these
# assumptions one at a time.

# %%
star = np.zeros((26, 26))
star[0, 1:] = star[1:, 0] = 1  # one hub of degree 25, and 25 leaves of degree 1
epidemic, times = ref.epidemic(B=6), np.linspace(0, 4, 201)

assert np.isclose(np.abs(np.linalg.eigvals(star)).max(), 5)  # below B: the epidemic dies out
assert ref.beta_eff(star) == 13  # above B: in the reduction it stays
assert ref.simulate(star, epidemic, 0.5, times)[:, -1].max() < 0.01
assert np.isclose(ref.simulate_reduced(star, epidemic, 0.5, times)[-1], 1 - 6 / 13)

# %%
narrow, broad = (sum(np.roll(np.eye(30), k, axis=0) for k in range(1, degree + 1)) for degree in (3, 12))
rings = sparse.block_diag([narrow, broad])  # like is linked to like, and to nothing else
signed = random_network * np.random.default_rng(3).choice([-1, 1], (n, n), p=[0.4, 0.6])
breaks = {
    "epidemic, a star": (star, epidemic, 0.5, times),
    "epidemic, two rings apart": (rings, ref.epidemic(B=4), 0.5, times),
    "regulatory, two links in five negative": (signed, ref.regulatory(), 2 * states, times),
}
assert min(ref.reduction_error(*system)[-1] for system in breaks.values()) > 0.1

# %% tags=["folded"] alt="Three networks where the dashed reduction leaves the bold average of the nodes."
figure, panels = canvas((17, 6.8), (7.4, 17), columns=3)
for axes, (title, system) in zip(panels, breaks.items(), strict=True):
    draw_reduction(axes, title, *system)
panels[0].set_ylabel("state")
figure.legend(
    *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=1 if PHONE else 3, frameon=False
)
plt.show()

# %% [markdown]
# The star: half of all links leave the hub, so its degree makes up half of $\beta_{\mathrm{eff}}$; but a leaf can infect only the hub, and
# the epidemic dies out. The rings: $\beta_{\mathrm{eff}}$ knows the degrees of all nodes but not who is linked to whom; in one ring the
# epidemic dies out, in the other it stays. The signs: $L_P$ is no longer an average.
#
# The signed $P$ of a neural network has negative entries too. With magnitude, $L_P$ is an average.

# %% [markdown] tags=["exercise"]
# **Exercise 5.** A star has $n$ leaves. What is its $\beta_{\mathrm{eff}}$? Below which rate of recovery $B$ does an epidemic last in the
# reduction, and below which in truth? For which $n$ do they agree, and which average would do better than $L_P$?

# %% [markdown] tags=["answer"]
# The in-degrees are $n$ at the hub and 1 at the leaves, and so are the out-degrees: $\beta_{\mathrm{eff}} = (n \cdot n + n \cdot 1) / 2n
# = (n + 1)/2$, which is also the threshold of the reduction. The true one is the largest eigenvalue of $P$, which is $\sqrt n$, and they
# agree for $n = 1$ alone. An average along the dominant eigenvector has the true threshold: `reduction="spectral"`, after Laurence et al.
# ([Physical Review X 9, 011042, 2019](https://doi.org/10.1103/PhysRevX.9.011042)). Far from a threshold, $L_P$ is the better average.

# %% tags=["folded"]
for leaves in (1, 4, 9, 25):
    P_star = np.zeros((leaves + 1, leaves + 1))
    P_star[0, 1:] = P_star[1:, 0] = 1
    assert np.isclose(ref.beta_eff(P_star), (leaves + 1) / 2)
    assert np.isclose(ref.spectral_reduction(P_star).alpha, np.sqrt(leaves))
assert ref.simulate_reduced(star, epidemic, 0.5, [0, 30], reduction="spectral")[-1] < 1e-6  # it dies out, as in truth

# %% [markdown]
# ## 16 · The weights as a network of this kind
#
# Training is a dynamical system too. Its nodes are the weights, which follow the gradient downhill, $dW_l/dt = -F_l$ (Eq. 6); gradient
# descent takes steps along that path. Hold activations, slopes and errors as they are at the start $w^\ast$, and what is left has the form
# of Eq. 1, with our $P$ (Eq. 8):
#
# $$\frac{dw}{dt} = -F(w^\ast) - P\,(w - w^\ast)$$
#
# Each step along $P$ leads one layer down, so three steps lead nowhere: $P^3 = 0$. The solution is a polynomial in time. Here it is for the
# network of section 1, next to the full flow:

# %%
times = np.linspace(0, 0.02, 201)
flow, linear = ref.simulate_edges(net, x, y, times), ref.linearised_edges(net, x, y, times)

t = times[:, None]
assert not (P @ P @ P).any()
by_hand = weights - t * slopes + t**2 / 2 * (P @ slopes) - t**3 / 6 * (P @ P @ slopes)
assert np.allclose(by_hand, linear.weights)
assert (np.diff(flow.loss) < 0).all()  # downhill all the way

# %% [markdown]
# How long can it be trusted? As long as its error is below a tenth of the distance that the weights have covered.

# %%
trusted = ref.trusted_until(flow, linear, tolerance=0.1)
straight = linear._replace(kernels=[w - t[:, :, None] * gradient[l] for l, w in W.items()])  # without P
assert 0 < ref.trusted_until(flow, straight, tolerance=0.1) < trusted < times[-1]

# %% tags=["folded"] alt="Left, sixteen weights in the flow and linearised; right, the error over time with the end of trust."
figure, (left, right) = canvas((15, 6.8), (7.4, 13.5), columns=2)
for l, (full, frozen) in enumerate(zip(flow.kernels, linear.kernels, strict=True)):
    moved, guessed = ((kernel - kernel[0]).reshape(len(times), -1) for kernel in (full, frozen))
    left.plot(times, moved, color=COLOURS[l], lw=2.5)
    left.plot(times, guessed, "--", color=COLOURS[l], lw=1.8)
    left.plot([], [], color=COLOURS[l], lw=2.5, label=f"$W_{l + 1}$")
left.plot([], [], "--", color="black", label="linearised")
left.set(title="how far each weight has moved", ylim=(-0.16, 0.26))
left.legend(loc="upper left", ncols=2, edgecolor="white", framealpha=1)
left.text(trusted, -0.15, " trusted until here")
error = {"linearised with P": (linear, "--"), "straight, without P": (straight, ":")}
for name, (path, style) in error.items():
    right.plot(times, ref.displacement_error(flow, path), style, color="black", lw=2.5, label=name)
right.axhline(0.1, color="0.5", lw=1.5)
right.set(title="error / distance covered", ylim=(0, None))
right.legend(loc="lower right", frameon=False)
for axes in (left, right):
    axes.axvline(trusted, color="0.5", lw=1.5)
    axes.tick_params(pad=8)
    axes.set(xlabel="time: learning rate times steps", xlim=(0, times[-1]), xticks=times[::50])
plt.show()

# %% [markdown]
# Not long, and hardly longer than without $P$: the direct impact of the next layer is only one part of how a gradient changes, and
# everything else was held fixed. So read $P$, and $\beta_{\mathrm{eff}}$ with it, as a description of the network at one moment of its
# training, not as a forecast of its weights.
#
# For what has been proven of all this, and what has not, see `proofs/README.md`.
