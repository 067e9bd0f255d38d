(** The headline theorems, stated together.  Each is proven in the file of its subject and only restated here.
    Notation: kernels count from 0, so kernel l is W_{l+1} of MATHEMATICS.md; L kernels, widths w, N samples; z
    activations,
    s slopes, g backprop errors.  See line_graph.v and network.v for the words. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network vanishing euler softmax counterexamples relative rescaling.
From Capacitance Require Import bounds.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Theorems.
Context (R : realFieldType) (L N : nat) (w : nat -> nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).

(** P lives inside the reversed line graph. *)
Theorem support x y : P N z s g x y != 0 -> link x y.
Proof. exact: support_in_line_graph. Qed.

(** It fills it, for one sample or in magnitude, where on some sample no factor vanishes. *)
Theorem support_one_sample x y : link x y -> active z s g x y 0 -> P 1 z s g x y != 0.
Proof. exact: support_of_one_sample. Qed.

Theorem support_magnitude x y n : link x y -> (n < N)%N -> active z s g x y n ->
  P N (mag z) (mag s) (mag g) x y != 0.
Proof. exact: support_of_magnitude. Qed.

(** T0: degrees, D and A in closed form, for arbitrary families. *)
Theorem T0_in_degree l j i : (l.+1 < L)%N -> (i < w l.+1)%N ->
  delta_in L w (P N z s g) (Node l j i) = mean N (fun n => s l.+1 n i * z l n j * row_sum w g l.+2 n).
Proof. exact: delta_in_closed. Qed.

Theorem T0_out_degree l i k : (l < L)%N -> (i < w l.+1)%N ->
  delta_out L w (P N z s g) (Node l.+1 i k) = mean N (fun n => s l.+1 n i * row_sum w z l n * g l.+2 n k).
Proof. exact: delta_out_closed. Qed.

Theorem T0_D : D L w (P N z s g) =
  sum L.-1 (fun l => mean N (fun n => row_sum w z l n * row_sum w s l.+1 n * row_sum w g l.+2 n)).
Proof. exact: D_closed. Qed.

Theorem T0_A : A L w (P N z s g) =
  sum L.-2 (fun l => sum (w l.+1) (fun i => sum (w l.+2) (fun k =>
    mean N (fun n => s l.+1 n i * row_sum w z l n * g l.+2 n k) *
    mean N (fun n => s l.+2 n k * z l.+1 n i * row_sum w g l.+3 n)))).
Proof. exact: A_closed. Qed.

Theorem T0_two_steps (M : node -> node -> R) :
  A L w M = over L w (fun x => over L w (fun y => over L w (fun v => M x y * M y v))).
Proof. exact: A_two_step. Qed.

Theorem T0_magnitude x y : P N (mag z) (mag s) (mag g) x y =
  if link x y then
    N%:R^-1 * sum N (fun n => `|s (layer x).+1 n (dst x) * z (layer x) n (src x) * g (layer x).+2 n (dst y)|)
  else 0.
Proof. exact: magnitude_is_per_sample. Qed.

(** T1: a network that fits every sample has P = 0 and beta_eff = 0 ... *)
Theorem T1_P : backprop L w N s g W -> fits L w N g ->
  forall x y, inside L w x -> inside L w y -> P N z s g x y = 0.
Proof. exact: P_vanishes_when_fitted. Qed.

Theorem T1_beta : backprop L w N s g W -> fits L w N g ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. exact: beta_vanishes_when_fitted. Qed.

(** ... and so has one whose every sample has zero gradient, when no shift follows a relu ... *)
Theorem T1_per_sample (b : nat -> nat -> R) :
  relu_forward L w N b (@no_shift R) z s W -> each_sample_flat L w N z g ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> /relu_alive; apply: beta_vanishes_per_sample. Qed.

Theorem T1_per_sample_alive : alive L w N z s -> each_sample_flat L w N z g ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. exact: beta_vanishes_per_sample. Qed.

(** ... but not with a shift. *)
Theorem T1_shift : exists b h : nat -> nat -> R, exists z s g : nat -> nat -> nat -> R,
  exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 3 shift_widths 2 b h z s W,
      backprop 3 shift_widths 2 s g W,
      forall n k, g 3%N n k = input shift_widths z W 2 n k - y n k
    & each_sample_flat 3 shift_widths 2 z g] /\
  beta_eff 3 shift_widths (P 2 z s g) = 4%:R^-1.
Proof. exact: shift_counterexample. Qed.

(** T2, first half: magnitude beta_eff lies between 0 and the largest interior in-degree. *)
Theorem T2_magnitude B : 0 <= B ->
  (forall x, inside L w x -> interior L x -> delta_in L w (P N (mag z) (mag s) (mag g)) x <= B) ->
  0 <= beta_eff L w (P N (mag z) (mag s) (mag g)) <= B.
Proof. exact: magnitude_bounded. Qed.

(** T3: softmax with at most three kernels makes signed A and beta_eff zero, in the explicit and in the hessian
    reading. *)
Theorem T3_softmax (e : R -> R) m a y : (forall x, 0 < e x) -> (0 < m)%N -> sum m y = 1 ->
  sum m (fun k => softmax e m a k - y k) = 0.
Proof. exact: softmax_centred. Qed.

Theorem T3_in_degree x : centred L w N g -> inside L w x -> (layer x).+2 = L -> delta_in L w (P N z s g) x = 0.
Proof. exact: delta_in_zero_explicit. Qed.

Theorem T3_explicit : centred L w N g -> (L <= 3)%N -> A L w (P N z s g) = 0 /\ beta_eff L w (P N z s g) = 0.
Proof. exact: A_zero_explicit. Qed.

Theorem T3_hessian (H : nat -> nat -> nat -> nat -> R) : centred L w N g -> flat_curvature L w N H -> (L <= 3)%N ->
  A L w (hessian_P w N z s g W H) = 0 /\ beta_eff L w (hessian_P w N z s g W H) = 0.
Proof. exact: A_zero_hessian. Qed.

(** T4: a zero gradient does not make beta_eff zero. *)
Theorem T4_squared_error (t : R) :
  exists z s g : nat -> nat -> nat -> R, exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 3 squared_widths 6 (@no_shift R) (@no_shift R) z s W,
      backprop 3 squared_widths 6 s g W,
      forall n k, g 3%N n k = input squared_widths z W 2 n k - y n k
    & stationary 3 squared_widths 6 z g] /\
  [/\ A 3 squared_widths (P 6 z s g) = - (t ^+ 2 / 3%:R),
      D 3 squared_widths (P 6 z s g) = - (t / 6%:R)
    & beta_eff 3 squared_widths (P 6 z s g) = 2%:R * t].
Proof. exact: squared_error_counterexample. Qed.

Theorem T4_softmax (e : R -> R) : (forall a, 0 < e a) ->
  exists z s g : nat -> nat -> nat -> R, exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 4 softmax_widths 5 (@no_shift R) (@no_shift R) z s W,
      backprop 4 softmax_widths 5 s g W,
      forall n k, g 4%N n k = softmax e 3 (input softmax_widths z W 3 n) k - y n k,
      forall n, (n < 5)%N -> sum 3 (y n) = 1
    & stationary 4 softmax_widths 5 z g] /\
  beta_eff 4 softmax_widths (P 5 z s g) = - (24%:R / 2500%:R).
Proof. exact: softmax_counterexample. Qed.

(** T5: P times the weights is the gradient; the weights times P too, without bias and shift. *)
Theorem T5_rows : backprop L w N s g W -> forall l j i, (l.+1 < L)%N -> (i < w l.+1)%N ->
  over L w (fun y => P N z s g (Node l j i) y * W y) = gradient N z g (Node l j i).
Proof. exact: euler_rows. Qed.

Theorem T5_columns : homogeneous L w N z s W -> forall l i k, (l.+1 < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => W x * P N z s g x (Node l.+1 i k)) = gradient N z g (Node l.+1 i k).
Proof. exact: euler_columns. Qed.

Theorem T5_columns_shifted l i k : (l < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => W x * P N z s g x (Node l.+1 i k)) =
  gradient N z g (Node l.+1 i k) - mean N (fun n => (z l.+1 n i - s l.+1 n i * input w z W l n i) * g l.+2 n k).
Proof. exact: euler_columns_shifted. Qed.

Theorem T5_stationary : backprop L w N s g W -> homogeneous L w N z s W -> stationary L w N z g ->
  forall x, inside L w x ->
  over L w (fun y => P N z s g x y * W y) = 0 /\ over L w (fun y => W y * P N z s g y x) = 0.
Proof. exact: weights_are_null_vectors. Qed.

Theorem T5_homogeneity t : let scaled := fun l n i => t * g l n i in
  [/\ forall x y, P N z s scaled x y = t * P N z s g x y,
      A L w (P N z s scaled) = t ^+ 2 * A L w (P N z s g),
      D L w (P N z s scaled) = t * D L w (P N z s g)
    & beta_eff L w (P N z s scaled) = t * beta_eff L w (P N z s g)].
Proof. exact: homogeneity. Qed.

(** T7: relative weighting and the gradient form. *)
Theorem T7_in_degree : backprop L w N s g W -> forall x, inside L w x ->
  delta_in L w (relative W (P N z s g)) x = if ((layer x).+1 < L)%N then W x * gradient N z g x else 0.
Proof. exact: relative_in. Qed.

Theorem T7_out_degree : homogeneous L w N z s W -> forall x, inside L w x -> ((layer x).+1 < L)%N ->
  delta_out L w (relative W (P N z s g)) x = if (0 < layer x)%N then W x * gradient N z g x else 0.
Proof. exact: relative_out. Qed.

Theorem T7_A : backprop L w N s g W -> homogeneous L w N z s W ->
  A L w (relative W (P N z s g)) = over L w (fun x => if interior L x then (W x * gradient N z g x) ^+ 2 else 0).
Proof. exact: relative_A. Qed.

Theorem T7_D : backprop L w N s g W -> homogeneous L w N z s W ->
  D L w (relative W (P N z s g)) =
  L.-1%:R * mean N (fun n => sum (w L) (fun k => input w z W L.-1 n k * g L n k)).
Proof. exact: relative_D. Qed.

Theorem T7_gradient_form_stationary : stationary L w N z g -> gradient_form L w N z g W = 0.
Proof. exact: gradient_form_stationary. Qed.

Theorem T7_gradient_form_bounded B :
  (forall x, inside L w x -> interior L x -> `|W x * gradient N z g x| <= B) -> 0 <= B ->
  0 <= gradient_form L w N z g W <= B.
Proof. exact: gradient_form_bounded. Qed.

(** Rescaling: multiply what enters a relu unit by c > 0, divide what leaves it by c.  That is a network with the same
    slopes, and every relative form is the same on it. *)
Theorem T7_rescaled_network (c : nat -> nat -> R) : (forall l i, 0 < c l i) ->
  relu_forward L w N (@no_shift R) (@no_shift R) z s W -> backprop L w N s g W ->
  relu_forward L w N (@no_shift R) (@no_shift R) (rescaled_units c z) s (rescaled_weights c W) /\
  backprop L w N s (rescaled_errors c g) (rescaled_weights c W).
Proof.
move=> pos fwd back; split; first exact: rescaled_forward.
by apply: rescaled_backprop back => l i; rewrite lt0r_neq0.
Qed.

Theorem T7_rescaled_forms (c : nat -> nat -> R) : (forall l i, 0 < c l i) ->
  let new := rescaled_weights c W in let z' := rescaled_units c z in let g' := rescaled_errors c g in
  [/\ beta_eff L w (relative new (P N z' s g')) = beta_eff L w (relative W (P N z s g)),
      beta_eff L w (relative (fun v => `|new v|) (P N (mag z') (mag s) (mag g'))) =
      beta_eff L w (relative (fun v => `|W v|) (P N (mag z) (mag s) (mag g)))
    & gradient_form L w N z' g' new = gradient_form L w N z g W].
Proof.
move=> pos; have [eb em] := relative_beta_rescaled L w N z s g W pos.
by split=> //; apply: gradient_form_rescaled => l i; rewrite lt0r_neq0.
Qed.
End Theorems.
