"""ncap inside other tools: optuna has a pruner that uses any rule, trial_callback reports a Keras training to it."""
