"""Any weighted directed network: its links, its effective interaction strength beta_eff (Eq. 2), and what failures leave of it.

The row receives, the column sends: P[i, j] is the weight of the link j -> i. Dense arrays and scipy.sparse are read as they
stand. An edge (u, v) of a networkx DiGraph, in which u sends to v, is P[v, u]; its weight is the attribute that weight= names,
`weight` unless told otherwise, and 1 where it is missing. An edge of an undirected Graph is a link in both directions, parallel
edges of a multigraph add up, and the nodes have the order of the graph. So for a graph G without parallel edges
P = networkx.to_scipy_sparse_array(G).T, the transpose of the matrix that networkx itself calls the adjacency matrix.

links: what a network is read as. files: networks in files. resilience: beta_eff and what it is made of. perturbation: failures.
spectral: the reduction by the dominant eigenvector.
"""
