(** What each headline theorem assumes: the build fails unless the answer is nothing, for every one of them. *)

From Capacitance Require Import theorems.

Print Assumptions support.
Print Assumptions support_one_sample.
Print Assumptions support_magnitude.
Print Assumptions T0_in_degree.
Print Assumptions T0_out_degree.
Print Assumptions T0_D.
Print Assumptions T0_A.
Print Assumptions T0_two_steps.
Print Assumptions T0_magnitude.
Print Assumptions T1_P.
Print Assumptions T1_beta.
Print Assumptions T1_per_sample.
Print Assumptions T1_per_sample_alive.
Print Assumptions T1_shift.
Print Assumptions T2_magnitude.
Print Assumptions T3_softmax.
Print Assumptions T3_in_degree.
Print Assumptions T3_explicit.
Print Assumptions T3_hessian.
Print Assumptions T4_squared_error.
Print Assumptions T4_softmax.
Print Assumptions T5_rows.
Print Assumptions T5_columns.
Print Assumptions T5_columns_shifted.
Print Assumptions T5_stationary.
Print Assumptions T5_homogeneity.
Print Assumptions T7_in_degree.
Print Assumptions T7_out_degree.
Print Assumptions T7_A.
Print Assumptions T7_D.
Print Assumptions T7_gradient_form_stationary.
Print Assumptions T7_gradient_form_bounded.
Print Assumptions T7_rescaled_network.
Print Assumptions T7_rescaled_forms.
