"""The line graph G_B of an MLP or a CNN, whose nodes are the weights, and its interaction matrix P (Eq. 7).

graph: the map phi, G_A -> G_B. matrix: P by definition. linear_operator: products with P, without P.
closed_form: degrees and beta_eff, without P. interchange: G_B for networkx and other tools.
"""
