"""G_A, a ReLU MLP: its forward pass, its backpropagated errors, its gradients (Eq. 5), and beta_eff in closed form.

perceptron: the network. backpropagation: its families z, s, g and its gradients. blocks: P between two layers, by definition.
closed_form: degrees without P. hessian: the same for the other reading. gradient_form: what the gradient alone gives.

Letters of this package. Samples are rows. W_l has shape (n_{l-1}, n_l), l = 1..L, Keras layout;

    z_0 = x,   a_l = z_{l-1} W_l + b_l,   z_l = relu(a_l)   for l < L,   loss of a_L,
    s_l = relu'(a_l) in {0, 1}, relu'(0) = 0,   g_L = p - y,   g_l = s_l * (g_{l+1} W_{l+1}^T)   per sample, not over N.

A frozen batch norm of scale k and shift c enters z_l and s_l only: "after" the relu z_l = k relu(a_l) + c and
s_l = k [a_l > 0]; "before" it z_l = relu(k a_l + c) and s_l = k [k a_l + c > 0].
"""
