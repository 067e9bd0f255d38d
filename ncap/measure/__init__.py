"""beta_eff of a Keras model: the probe, the readings of its capacitance, and the methods that take them.

Start with `readings`, the one table of what can be read and by which method. `probe` puts the probe on a body; `measurement` runs the body
once and hands its features to a method: `closed_form`, or `autodiff` with one file a backend, both under the contract in `method`.
`callback` takes a reading after every epoch. What holds the methods against the oracle is `ncap.testing.methods`.
"""
