(** The headline theorems, stated together.  Each is proven in the file of its subject and only restated here.
    Notation: kernels count from 0, so kernel l is W_{l+1} of MATHEMATICS.md; L kernels, widths w, N samples; z
    activations,
    s slopes, g backprop errors.  See line_graph.v and network.v for the words. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient hessian vanishing euler softmax.
From Capacitance Require Import cross_entropy counterexamples relative rescaling bounds.
From Capacitance Require Import sampling invariance hessian_bounds prediction sharing.
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

Theorem T1_norm (a : nat -> nat -> nat -> R) (before after : nat -> nat -> R) :
  (forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
     z l.+1 n i = after l.+1 i * relu (a l.+1 n i) /\
     s l.+1 n i = after l.+1 i * step (a l.+1 n i) * before l.+1 i) -> alive L w N z s.
Proof. exact: scaled_relu_alive. Qed.

(** ... and so has a point that no batch of B samples moves, whichever samples are drawn, if B is smaller than N ... *)
Theorem T1_SGD (b : nat -> nat -> R) B : (0 < B < N)%N ->
  relu_forward L w N b (@no_shift R) z s W -> @every_batch_flat R L w N z g B ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> B_in /relu_alive live; apply: beta_vanishes_for_batches. Qed.

(** ... but not with a shift. *)
Theorem T1_shift : exists b h : nat -> nat -> R, exists z s g : nat -> nat -> nat -> R,
  exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 3 shift_widths 2 b h z s W,
      backprop 3 shift_widths 2 s g W,
      forall n k, g 3%N n k = input shift_widths z W 2 n k - y n k
    & each_sample_flat 3 shift_widths 2 z g] /\
  beta_eff 3 shift_widths (P 2 z s g) = 4%:R^-1.
Proof. exact: shift_counterexample. Qed.

(** T2, magnitude: beta_eff lies between 0 and the largest interior in-degree, and backprop bounds that by the output
    errors.  It takes |z| <= B on the layers 1 to L - 2, columns of |W| that sum to at most om >= 1 in the kernels 3 to
    L - 1, and |s l| <= kappa l on the hidden layers from 2 on; gain L kappa 2 is the product of max(1, kappa l) over
    these, 1 for relu. *)
Theorem T2_magnitude B : 0 <= B ->
  (forall x, inside L w x -> interior L x -> delta_in L w (P N (mag z) (mag s) (mag g)) x <= B) ->
  0 <= beta_eff L w (P N (mag z) (mag s) (mag g)) <= B.
Proof. exact: magnitude_bounded. Qed.

Theorem T2_magnitude_in_degree kappa om B : backprop L w N s g W -> 1 <= om -> 0 <= B ->
  units_below L w N z 1 B -> slopes_below L w N s 2 kappa -> columns_below L w W 3 om ->
  forall x, inside L w x -> interior L x ->
  delta_in L w (P N (mag z) (mag s) (mag g)) x <=
  B * gain L kappa 2 * om ^+ (L - 3) * mean N (fun n => sum (w L) (fun k => `|g L n k|)).
Proof. by move=> back om1; apply: in_degree_bounded. Qed.

Theorem T2_magnitude_errors kappa om B : backprop L w N s g W -> 1 <= om -> 0 <= B ->
  units_below L w N z 1 B -> slopes_below L w N s 2 kappa -> columns_below L w W 3 om ->
  0 <= beta_eff L w (P N (mag z) (mag s) (mag g)) <=
  B * gain L kappa 2 * om ^+ (L - 3) * mean N (fun n => sum (w L) (fun k => `|g L n k|)).
Proof. by move=> back om1; apply: magnitude_bounded_by_errors. Qed.

Theorem T2_magnitude_relu b h om B : relu_forward L w N b h z s W -> backprop L w N s g W -> 1 <= om -> 0 <= B ->
  units_below L w N z 1 B -> columns_below L w W 3 om ->
  0 <= beta_eff L w (P N (mag z) (mag s) (mag g)) <=
  B * om ^+ (L - 3) * mean N (fun n => sum (w L) (fun k => `|g L n k|)).
Proof.
move=> fwd back om1 B_ge0 units columns; have slopes := slopes_below_later (isT : (1 <= 2)%N) (relu_slopes_below fwd).
by have := magnitude_bounded_by_errors back om1 B_ge0 units slopes columns; rewrite gain_of_relu mulr1.
Qed.

(** T2, signed: over a denominator that keeps away from 0, beta_eff is at most quadratic in the largest output error
    r, and goes to 0 with it.  [bounded]: g comes from backprop, |z| <= B on the layers 0 to L - 2, rows of |W| sum to
    at most om >= 1 in the kernels 2 to L - 1, and |s l| <= kappa l on the hidden layers. *)
Theorem T2_signed (kappa : nat -> R) (om B r eps : R) : 0 <= B -> 1 <= om -> bounded L w N kappa B om z s g W ->
  errors_below L w N g r -> 0 <= r -> 0 < eps ->
  `|A L w (P N z s g) / sign_safe eps (D L w (P N z s g))| <=
  weight_count R L w ^+ 3 * (B * gain L kappa 1 * om ^+ (L - 2) * r) ^+ 2 / eps.
Proof. by move=> B0 om1 fam small r0 e0; exact: (signed_bounded B0 om1 fam small r0 e0). Qed.

Theorem T2_plain (kappa : nat -> R) (om B r eps : R) : 0 <= B -> 1 <= om -> bounded L w N kappa B om z s g W ->
  errors_below L w N g r -> 0 <= r -> 0 < eps ->
  weight_count R L w ^+ 2 * (B * gain L kappa 1 * om ^+ (L - 2) * r) <= eps / 2%:R ->
  `|A L w (P N z s g) / (D L w (P N z s g) + eps)| <=
  weight_count R L w ^+ 3 * (B * gain L kappa 1 * om ^+ (L - 2) * r) ^+ 2 / (eps / 2%:R).
Proof. by move=> B0 om1 fam small r0 e0 near0; exact: (plain_bounded B0 om1 fam small r0 e0 near0). Qed.

Theorem T2_limit (kappa : nat -> R) (om B eps delta : R) : 0 <= B -> 1 <= om -> 0 < eps -> 0 < delta ->
  exists2 r, 0 < r & forall z s g W, bounded L w N kappa B om z s g W -> errors_below L w N g r ->
  `|A L w (P N z s g) / sign_safe eps (D L w (P N z s g))| <= delta /\
  `|A L w (P N z s g) / (D L w (P N z s g) + eps)| <= delta.
Proof. by move=> B0 om1 eps0 delta0; exact: (signed_vanishes L w N kappa B0 om1 eps0 delta0). Qed.

(** T2, hessian reading of softmax with one-hot targets: every entry is linear in the largest error r of a sample, and
    the curvature that it starts from is. *)
Theorem T2_one_hot_curvature m (p : nat -> R) j r k h : (forall q, (q < m)%N -> 0 <= p q) -> sum m p = 1 ->
  (forall q, (q < m)%N -> `|p q - one_hot R j q| <= r) -> (k < m)%N -> (h < m)%N ->
  `|(if h == k then p h else 0) - p k * p h| <= r.
Proof. by move=> pos one small k_in h_in; apply: (one_hot_curvature pos one small). Qed.

Theorem T2_hessian H (kappa : nat -> R) (om B r : R) : 1 <= om -> 0 <= r -> 0 <= B ->
  curved L w N s W H -> backprop L w N s g W ->
  (forall l n j, (l < L)%N -> (n < N)%N -> (j < w l)%N -> `|z l n j| <= B) ->
  slopes_below L w N s 1 kappa -> rows_below L w W 1 om -> errors_below L w N g r -> curvature_top L w N H r ->
  forall x y, inside L w x -> inside L w y -> `|hessian_P w N z s g W H x y| <=
  gain L kappa 1 * B * (growth L kappa om + B * om * growth L kappa om ^+ 2) * r.
Proof. by move=> om1 r0 B0; apply: hessian_entry_bounded. Qed.

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

Theorem T3_curvature m (p : nat -> R) k : sum m p = 1 -> (k < m)%N ->
  sum m (fun h => (if h == k then p h else 0) - p k * p h) = 0.
Proof. exact: softmax_curvature_flat. Qed.

(** So for softmax itself, on at most three kernels, whatever the activation functions are. *)
Theorem T3_softmax_network (e : R -> R) (y : nat -> nat -> R) (H : nat -> nat -> nat -> nat -> R) :
  let p n := softmax e (w L) (input w z W L.-1 n) in
  (forall a, 0 < e a) -> (0 < w L)%N -> (forall n, (n < N)%N -> sum (w L) (y n) = 1) -> (L <= 3)%N ->
  (forall n k, (n < N)%N -> (k < w L)%N -> g L n k = p n k - y n k) ->
  (forall n k h, (n < N)%N -> (k < w L)%N -> (h < w L)%N ->
     H L n k h = (if h == k then p n h else 0) - p n k * p n h) ->
  [/\ A L w (P N z s g) = 0, beta_eff L w (P N z s g) = 0,
      A L w (hessian_P w N z s g W H) = 0 & beta_eff L w (hessian_P w N z s g W H) = 0].
Proof.
move=> p e_pos wide y1 L3 g_is H_is; have centre : centred L w N g.
  move=> n n_in; rewrite -[RHS](softmax_centred (input w z W L.-1 n) e_pos wide (y1 n n_in)).
  by apply: sum_ext => k; apply: g_is.
have flat : flat_curvature L w N H.
  move=> n k n_in k_in; have one : sum (w L) (p n) = 1 by apply: softmax_sums_to_one.
  by rewrite -[RHS](softmax_curvature_flat one k_in); apply: sum_ext => h; apply: H_is.
by have [? ?] := T3_explicit centre L3; have [? ?] := T3_hessian centre flat L3.
Qed.

(** T3 in general: what leaves the loss unchanged receives nothing in sum, in any network.  theta is all of its
    parameters, of any type T; moving one of them commutes with the shift. *)
Theorem T3_any_loss (T : Type) (C : T -> R) (shift move : R -> T -> T) (theta : T) (G : T -> R) m (sent : nat -> R) :
  (forall t theta, C (shift t theta) = C theta) ->
  (forall u t theta, move u (shift t theta) = shift t (move u theta)) ->
  (forall t, derivative (fun u => C (move u (shift t theta))) (G (shift t theta))) ->
  derivative (fun u => C (move u theta)) (G theta) ->
  derivative (fun t => G (shift t theta)) (sum m sent) -> sum m sent = 0.
Proof. by move=> same commute; apply: (sent_sums_to_zero same commute). Qed.

Theorem T3_any_network (e ln : R -> R) m (y : nat -> nat -> R) (T : Type) (outputs : T -> nat -> nat -> R)
  (shift move : R -> T -> T) (raise : T -> nat -> R) (theta : T) (G : T -> R) p (sent : nat -> R) :
  exponential e -> raises N outputs shift raise ->
  (forall u t theta, move u (shift t theta) = shift t (move u theta)) ->
  (forall t, derivative (fun u => loss_of e ln m N y outputs (move u (shift t theta))) (G (shift t theta))) ->
  derivative (fun u => loss_of e ln m N y outputs (move u theta)) (G theta) ->
  derivative (fun t => G (shift t theta)) (sum p sent) -> sum p sent = 0.
Proof. exact: softmax_sends_zero. Qed.

(** A dense softmax layer of m classes on any body of q features: the weights that leave one of the features, and the
    biases, send any parameter of the body 0 in sum. *)
Theorem T3_any_body_row (e ln : R -> R) m q (y : nat -> nat -> R) (B : Type) (body : B -> nat -> nat -> R)
  (move : R -> B -> B) (theta : B) (K : nat -> nat -> R) (b : nat -> R) j (G : (nat -> nat -> R) -> R)
  (sent : nat -> R) :
  exponential e -> (j < q)%N ->
  (forall K, derivative (fun u => head_loss e ln m N q y body (move u theta) K b) (G K)) ->
  derivative (fun t => G (row_raised j t K)) (sum m sent) -> sum m sent = 0.
Proof. by move=> ex; apply: softmax_row_sends_zero. Qed.

Theorem T3_any_body_biases (e ln : R -> R) m q (y : nat -> nat -> R) (B : Type) (body : B -> nat -> nat -> R)
  (move : R -> B -> B) (theta : B) (K : nat -> nat -> R) (b : nat -> R) (G : (nat -> R) -> R) (sent : nat -> R) :
  exponential e ->
  (forall b, derivative (fun u => head_loss e ln m N q y body (move u theta) K b) (G b)) ->
  derivative (fun t => G (biases_raised t b)) (sum m sent) -> sum m sent = 0.
Proof. by move=> ex; apply: softmax_biases_send_zero. Qed.

(** T4: a zero gradient does not make beta_eff zero. No unit is at its kink, and the loss itself has the derivative 0
    along every direction V in the weights. *)
Theorem T4_squared_error (t : R) :
  exists z s g : nat -> nat -> nat -> R, exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 3 squared_widths 6 (@no_shift R) (@no_shift R) z s W,
      backprop 3 squared_widths 6 s g W,
      forall n k, g 3%N n k = input squared_widths z W 2 n k - y n k,
      stationary 3 squared_widths 6 z g
    & off_kinks 3 squared_widths 6 W (@no_shift R) z /\ forall V, derivative
        (fun u => loss 3 squared_widths 6 (z 0%N) (relu_unit (@no_shift R) (@no_shift R))
          (fun n => squared_error 2 (y n)) (moved W V u)) 0] /\
  [/\ A 3 squared_widths (P 6 z s g) = - (t ^+ 2 / 3%:R),
      D 3 squared_widths (P 6 z s g) = - (t / 6%:R)
    & t != 0 -> beta_eff 3 squared_widths (P 6 z s g) = 2%:R * t].
Proof. exact: squared_error_counterexample. Qed.

Theorem T4_softmax (e : R -> R) : (forall a, 0 < e a) ->
  exists z s g : nat -> nat -> nat -> R, exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 4 softmax_widths 5 (@no_shift R) (@no_shift R) z s W,
      backprop 4 softmax_widths 5 s g W,
      forall n k, g 4%N n k = softmax e 3 (input softmax_widths z W 3 n) k - y n k,
      forall n, (n < 5)%N -> sum 3 (y n) = 1
    & stationary 4 softmax_widths 5 z g] /\
  [/\ off_kinks 4 softmax_widths 5 W (@no_shift R) z,
      forall ln V, (forall c, derivative (fun u => e (c + u)) (e c)) ->
        (forall c, 0 < c -> derivative (fun u => ln (c + u)) c^-1) -> derivative
        (fun u => loss 4 softmax_widths 5 (z 0%N) (relu_unit (@no_shift R) (@no_shift R))
          (fun n => cross_entropy e ln 3 (y n)) (moved W V u)) 0
    & beta_eff 4 softmax_widths (P 5 z s g) = - (24%:R / 2500%:R)].
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

Theorem T7_gradient_form_stationary : stationary L w N z g ->
  [/\ over L w (fun x => if interior L x then (W x * gradient N z g x) ^+ 2 else 0) = 0,
      over L w (fun x => if ((layer x).+1 < L)%N then `|W x * gradient N z g x| else 0) = 0
    & gradient_form L w N z g W = 0].
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

(** T8: how far h(0) can be from alpha, if acc = alpha - kappa beta + e with |e| <= eta, and the line is fitted by ridge
    with penalty lam on centred beta; and how large kappa can be. *)
Theorem T8_error ticks (lam alpha kappa : R) (b e acc : nat -> R) : (0 < ticks)%N -> 0 < spread ticks b + lam ->
  (forall t, (t < ticks)%N -> acc t = alpha - kappa * b t + e t) ->
  at_zero ticks lam b acc - alpha =
  mean ticks e - mean ticks b * (kappa * lam + along ticks b e) / (spread ticks b + lam).
Proof. exact: prediction_error. Qed.

Theorem T8_bound ticks (lam alpha kappa : R) (b e acc : nat -> R) eta :
  (0 < ticks)%N -> 0 <= lam -> 0 < spread ticks b + lam ->
  (forall t, (t < ticks)%N -> acc t = alpha - kappa * b t + e t) -> (forall t, (t < ticks)%N -> `|e t| <= eta) ->
  `|at_zero ticks lam b acc - alpha| <=
  eta * (1 + `|mean ticks b| * deviations ticks b / (spread ticks b + lam)) +
  `|kappa * mean ticks b| * lam / (spread ticks b + lam).
Proof. by move=> ticks_pos lam_ge0 total_pos line; apply: prediction_bounded. Qed.

Theorem T8_slope ticks (lam alpha kappa : R) (b e acc : nat -> R) eta : (0 < ticks)%N -> 0 < spread ticks b + lam ->
  (forall t, (t < ticks)%N -> acc t = alpha - kappa * b t + e t) -> (forall t, (t < ticks)%N -> `|e t| <= eta) ->
  0 < spread ticks b ->
  `|kappa| <= (`|slope ticks lam b acc| * (spread ticks b + lam) + eta * deviations ticks b) / spread ticks b.
Proof. by move=> ticks_pos total_pos line; apply: (slope_bounds ticks_pos total_pos line). Qed.

(** T9: the mean over all sets of m samples of the squared difference between a subsample's mean and that of all. *)
Theorem T9 (n m : nat) (f : 'I_n -> R) : (0 < m)%N -> (1 < n)%N -> (m <= n)%N ->
  over_subsets m (fun S => (m%:R^-1 * (\sum_(i in S) f i) - centre f) ^+ 2) =
  (n - m)%:R / (m%:R * n.-1%:R) * variance f.
Proof. exact: subsample_variance. Qed.

(** T9, stratified: of class c, with n c samples, m c are drawn; share c weighs its mean. *)
Theorem T9_strata (n m : nat -> nat) (f : forall c, 'I_(n c) -> R) (share : nat -> R) q :
  (forall c, (c < q)%N -> (0 < m c)%N /\ (1 < n c)%N /\ (m c <= n c)%N) ->
  over_strata m f share (fun a => (a - stratified_centre f share q) ^+ 2) q 0 =
  sum q (fun c => share c ^+ 2 * ((n c - m c)%:R / ((m c)%:R * (n c).-1%:R) * variance (@f c))).
Proof. exact: stratified_variance. Qed.

(** T0 with shared weights: U parameters make the weights of the connections, W x = sum over u of carries x u times
    parameter u.  shared_P is the matrix by which one parameter's gradient depends on another, z, s and g held fixed;
    its degrees are the sums over the connections, in closed form. *)
Theorem T0_shared_P (carries : node -> nat -> R) (V : node -> R) u v t :
  shared_received L w N z s g carries (moved V (carries^~ v) t) u =
  shared_received L w N z s g carries V u + t * shared_P L w N z s g carries u v.
Proof. exact: shared_P_is_derivative. Qed.

Theorem T0_shared_in_degree U (carries : node -> nat -> R) u : sum U (shared_P L w N z s g carries u) =
  sum L.-1 (fun l => sum (w l) (fun j => sum (w l.+1) (fun i => carries (Node l j i) u *
    mean N (fun n => s l.+1 n i * z l n j * laid_errors w g U carries l n i)))).
Proof. exact: shared_in_closed. Qed.

Theorem T0_shared_out_degree U (carries : node -> nat -> R) v :
  sum U (fun u => shared_P L w N z s g carries u v) =
  sum L.-1 (fun l => sum (w l.+1) (fun i => sum (w l.+2) (fun k =>
    mean N (fun n => s l.+1 n i * laid_units w z U carries l n i * g l.+2 n k) * carries (Node l.+1 i k) v))).
Proof. exact: shared_out_closed. Qed.

Theorem T0_shared_D U (carries : node -> nat -> R) :
  sum U (fun u => sum U (shared_P L w N z s g carries u)) =
  sum L.-1 (fun l => mean N (fun n => sum (w l.+1) (fun i =>
    s l.+1 n i * laid_units w z U carries l n i * laid_errors w g U carries l n i))).
Proof. exact: shared_D_closed. Qed.

(** The gradient is the gradient: the mean of activation times error, with backprop's errors, is the derivative of
    the loss along every direction V and by every weight, if g_L is the gradient of the loss by the outputs.  So it is
    for squared error, and for softmax with cross-entropy, where e and ln stand for exp and log. *)
Theorem derivative_is_limit (F : R -> R) d eps : derivative F d -> 0 < eps ->
  exists2 r, 0 < r & forall t, t != 0 -> `|t| <= r -> `|(F t - F 0) / t - d| <= eps.
Proof. exact: derivative_limit. Qed.

Theorem gradient_any_activation (x : nat -> nat -> R) (act : nat -> nat -> R -> R) ell (V : node -> R) :
  (0 < L)%N -> sloped L w N x act s W -> backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w (units w x act W) W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N x act ell (moved W V t))
    (over L w (fun v => V v * gradient N (units w x act W) g v)).
Proof. exact: gradient_is_derivative. Qed.

Theorem gradient_relu b h ell (V : node -> R) :
  (0 < L)%N -> relu_forward L w N b h z s W -> off_kinks L w N W b z -> backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w z W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N (z 0%N) (relu_unit b h) ell (moved W V t))
    (over L w (fun v => V v * gradient N z g v)).
Proof. exact: relu_gradient_is_derivative. Qed.

Theorem gradient_relu_partial b h ell x :
  (0 < L)%N -> inside L w x -> relu_forward L w N b h z s W -> off_kinks L w N W b z -> backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w z W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N (z 0%N) (relu_unit b h) ell (moved W (only R x) t)) (gradient N z g x).
Proof. exact: relu_partial_derivative. Qed.

Theorem gradient_squared_error b h (y : nat -> nat -> R) (V : node -> R) :
  (0 < L)%N -> relu_forward L w N b h z s W -> off_kinks L w N W b z -> backprop L w N s g W ->
  (forall n k, (n < N)%N -> (k < w L)%N -> g L n k = input w z W L.-1 n k - y n k) ->
  derivative (fun t => loss L w N (z 0%N) (relu_unit b h) (fun n => squared_error (w L) (y n)) (moved W V t))
    (over L w (fun v => V v * gradient N z g v)).
Proof.
move=> L_pos fwd off back top; apply: gradient_relu => // n n_in.
by apply: (differentiable_ext _ (@squared_error_differentiable _ _ _ _)) => k k_in; rewrite top.
Qed.

Theorem gradient_cross_entropy (e ln : R -> R) b h (y : nat -> nat -> R) (V : node -> R) :
  (forall c, 0 < e c) -> (forall c, derivative (fun t => e (c + t)) (e c)) ->
  (forall c, 0 < c -> derivative (fun t => ln (c + t)) c^-1) -> (forall n, (n < N)%N -> sum (w L) (y n) = 1) ->
  (0 < L)%N -> relu_forward L w N b h z s W -> off_kinks L w N W b z -> backprop L w N s g W ->
  (forall n k, (n < N)%N -> (k < w L)%N -> g L n k = softmax e (w L) (input w z W L.-1 n) k - y n k) ->
  derivative (fun t => loss L w N (z 0%N) (relu_unit b h) (fun n => cross_entropy e ln (w L) (y n)) (moved W V t))
    (over L w (fun v => V v * gradient N z g v)).
Proof.
move=> e_pos e' ln' y1 L_pos fwd off back top; apply: gradient_relu => // n n_in.
have softmax_top : differentiable (w L) _ (input w z W L.-1 n) _ :=
  cross_entropy_differentiable e_pos e' ln' (y1 n n_in).
by apply: (differentiable_ext _ softmax_top) => k k_in; rewrite top.
Qed.

(** P is the derivative of the gradient by the next kernel, z, s and g held fixed. *)
Theorem gradient_received x : backprop L w N s g W -> inside L w x -> ((layer x).+1 < L)%N ->
  received w N z s g W x = gradient N z g x.
Proof. exact: received_is_gradient. Qed.

Theorem gradient_P x (V : node -> R) t : inside L w x -> ((layer x).+1 < L)%N ->
  received w N z s g (moved W V t) x = received w N z s g W x + t * over L w (fun y => P N z s g x y * V y).
Proof. exact: P_is_derivative. Qed.

Theorem gradient_P_partial x y t : inside L w x -> inside L w y -> ((layer x).+1 < L)%N ->
  received w N z s g (moved W (only R y) t) x = received w N z s g W x + t * P N z s g x y.
Proof. exact: P_is_partial. Qed.

(** The hessian reading.  One pass of tangents forward and back, for a direction V on one kernel, is its P V on the
    kernel before and its V^T P on the kernel after; ones in place of V give the degrees.  And its entries are the
    derivatives of the gradient by the next kernel's weights, nothing held fixed, for relu off the kinks, if H_L is the
    derivative of g_L = err by the outputs: ones on the diagonal for squared error, diag(p) - p p^T for softmax. *)
Theorem hessian_P_times H (V : node -> R) x : curved L w N s W H -> lives_on V (layer x).+1 -> ((layer x).+1 < L)%N ->
  inside L w x ->
  gradient_tangent L w N z s g W H V x = over L w (fun y => hessian_P w N z s g W H x y * V y).
Proof. exact: hessian_rows. Qed.

Theorem hessian_times_P H (V : node -> R) m x : curved L w N s W H -> symmetric_top L w N H -> lives_on V m ->
  layer x = m.+1 -> inside L w x ->
  gradient_tangent L w N z s g W H V x = over L w (fun y => V y * hessian_P w N z s g W H y x).
Proof. exact: hessian_columns. Qed.

Theorem hessian_in_degree H x : curved L w N s W H -> inside L w x -> ((layer x).+1 < L)%N ->
  delta_in L w (hessian_P w N z s g W H) x =
  mean N (fun n => z (layer x) n (src x) *
                   error_tangent L w z s g W H (ones_on R (layer x).+1) (layer x).+1 n (dst x)).
Proof. exact: hessian_delta_in. Qed.

Theorem hessian_out_degree H m j i : curved L w N s W H -> symmetric_top L w N H -> inside L w (Node m.+1 j i) ->
  delta_out L w (hessian_P w N z s g W H) (Node m.+1 j i) =
  mean N (fun n => unit_tangent w z s W (ones_on R m) m.+1 n j * g m.+2 n i +
                   z m.+1 n j * error_tangent L w z s g W H (ones_on R m) m.+2 n i).
Proof. exact: hessian_delta_out. Qed.

Theorem hessian_relu (x b h : nat -> nat -> R) err H v u :
  let net := units w x (relu_unit b h) in
  let slope := slopes_at w x (relu_unit b h) (fun l i a => step (a + b l i)) in
  let error := errors_at L w x (relu_unit b h) (fun l i a => step (a + b l i)) err in
  off_kinks L w N W b (net W) -> extensional err -> curved_loss L w N x (relu_unit b h) err H W ->
  curved L w N (slope W) W H -> inside L w v -> inside L w u -> layer u = (layer v).+1 ->
  derivative (fun t => gradient N (net (moved W (only R u) t)) (error (moved W (only R u) t)) v)
    (hessian_P w N (net W) (slope W) (error W) W H v u).
Proof. exact: relu_hessian_is_derivative. Qed.

Theorem hessian_squared_error m (y a : nat -> R) k : (k < m)%N ->
  differentiable m (fun a => a k - y k) a (fun q => (q == k)%:R).
Proof. exact: output_differentiable. Qed.

Theorem hessian_cross_entropy (e : R -> R) m (y a : nat -> R) k :
  (forall c, 0 < e c) -> (forall c, derivative (fun t => e (c + t)) (e c)) -> (k < m)%N ->
  differentiable m (fun a => softmax e m a k - y k) a
    (fun q => (if q == k then softmax e m a q else 0) - softmax e m a k * softmax e m a q).
Proof. by move=> e_pos e'; apply: softmax_error_differentiable. Qed.
End Theorems.
