"""Networks over time, solved by scipy.

    A: dz_l/dt = -z_l + f_l(z_{l-1}),   f_l the map of layer l: relu and norm for l < L, linear for l = L; z_0 = x is held
    B: dW_l/dt = -F_l = -dC/dW_l,       gradient flow; gradient descent is Euler's method for it
    Eq. 1: dx_i/dt = f(x_i) + sum_j P_ij h(x_i, x_j),   any network, and its reduction to one dimension

neurons: A (Eq. 3). weights: B (Eq. 6 and 8); trajectory: what it gives. systems: the f and h of Eq. 1; reduction: Eq. 1 itself.

Time has no unit. In A the relaxation time of a neuron is 1; in B one step of gradient descent lasts learning_rate.
B moves the kernels alone, the nodes of the line graph; biases and norms stay as they are.
"""
