"""Numbers from Jiang et al. 2024 that ncap prints beside its own; reference/published.toml has all of them, with their places."""

PAPER_RATIO = 1.3  # T_beta / T_train, measured on four V100 GPUs
