(** T4 and the limits of T1: three concrete networks, checked by computation and then stated over every real field.

    Results: with squared error there is a network 2-2-2-2 whose gradient is zero on the batch and whose beta_eff is
    2 t, for every scale t != 0 of its residuals (squared_error_counterexample); with softmax, of any positive function,
    there is a network 2-2-2-2-3 with zero gradient and beta_eff = -24/2500 (softmax_counterexample); and with a
    shift after the relu there is a network whose every sample has zero gradient while beta_eff = 1/4
    (shift_counterexample). So "the gradient is zero, hence beta_eff is zero" is false without further conditions.
    In the first two no unit is at its kink, so the loss itself has the derivative 0 along every direction in the
    weights, not only backprop's formula.

    The tables hold integers: kernels times c, errors times a scale that each theorem names. The checks are boolean
    equations over the integers, found true by computation; [realise] carries them to every real field.

    Glossary
      table t l n i   == entry of a nested list, 0 outside
      real z          == integer family z in the field
      errors t g      == t times the integer family g
      weights c K     == integer kernels K divided by c *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient vanishing euler softmax.
From Capacitance Require Import cross_entropy.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Tables.

Definition table (t : seq (seq (seq int))) (l n i : nat) : int := nth 0 (nth [::] (nth [::] t l) n) i.

Definition all_below (n : nat) (p : nat -> bool) : bool := all p (iota 0 n).

Lemma all_belowP n p i : all_below n p -> (i < n)%N -> p i.
Proof. by move/allP => e i_in; apply: e; rewrite mem_iota. Qed.
End Tables.

Section Checks.
Context (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> int) (K : node -> int).
Context (b h : nat -> nat -> int) (c : nat).

Definition check_forward : bool :=
  all_below L.-1 (fun l => all_below N (fun n => all_below (w l.+1) (fun i =>
    let a := sum (w l) (fun j => z l n j * K (Node l j i)) + c%:Z * b l.+1 i in
    (c%:Z * (z l.+1 n i - h l.+1 i) == (0 < a)%R%:Z * a) && (s l.+1 n i == (0 < a)%R%:Z)))).

Definition check_off_kinks : bool :=
  all_below L.-1 (fun l => all_below N (fun n => all_below (w l.+1) (fun i =>
    sum (w l) (fun j => z l n j * K (Node l j i)) + c%:Z * b l.+1 i != 0))).

Definition check_backprop : bool :=
  all_below L.-1 (fun l => all_below N (fun n => all_below (w l.+1) (fun i =>
    c%:Z * g l.+1 n i == s l.+1 n i * sum (w l.+2) (fun k => g l.+2 n k * K (Node l.+1 i k))))).

Definition check_stationary : bool :=
  all_below L (fun l => all_below (w l) (fun j => all_below (w l.+1) (fun i =>
    sum N (fun n => z l n j * g l.+1 n i) == 0))).

Definition check_each_sample_flat : bool :=
  all_below L (fun l => all_below (w l) (fun j => all_below (w l.+1) (fun i =>
    all_below N (fun n => z l n j * g l.+1 n i == 0)))).

Definition check_centred : bool := all_below N (fun n => sum (w L) (g L n) == 0).

Section Realise.
Context (R : realFieldType) (t : R).
Context (c_pos : (0 < c)%N).

Definition real (f : nat -> nat -> nat -> int) (l n i : nat) : R := (f l n i)%:~R.
Definition real_shift (f : nat -> nat -> int) (l i : nat) : R := (f l i)%:~R.
Definition errors (l n i : nat) : R := t * (g l n i)%:~R.
Definition weights (x : node) : R := (K x)%:~R / c%:R.

Lemma intr_sum n f : (sum n f)%:~R = sum n (fun i => (f i)%:~R) :> R.
Proof. by elim: n => [|n IH] //=; rewrite intrD IH. Qed.

Let c_neq0 : c%:R != 0 :> R. Proof. by rewrite pnatr_eq0 -lt0n. Qed.

Lemma realise_input l n i : input w (real z) weights l n i + real_shift b l.+1 i =
  (sum (w l) (fun j => z l n j * K (Node l j i)) + c%:Z * b l.+1 i)%:~R / c%:R.
Proof.
rewrite intrD mulrDl intrM -[c%:Z%:~R]/(c%:R) [c%:R * _]mulrC mulfK // intr_sum sum_mulr; congr (_ + _).
by apply: sum_ext => j _; rewrite intrM -mulrA.
Qed.

Lemma realise_off_kinks : check_off_kinks -> off_kinks L w N weights (real_shift b) (real z).
Proof.
move=> ok l n i l_in n_in i_in; have l_in' : (l < L.-1)%N by case: (L) l_in.
have a0 := all_belowP (all_belowP (all_belowP ok l_in') n_in) i_in.
by rewrite realise_input mulf_neq0 ?invr_eq0 // intr_eq0.
Qed.

Lemma realise_forward : check_forward -> relu_forward L w N (real_shift b) (real_shift h) (real z) (real s) weights.
Proof.
move=> ok l n i l_in n_in i_in.
have l_in' : (l < L.-1)%N by case: (L) l_in.
have /andP[/eqP ez /eqP es] := all_belowP (all_belowP (all_belowP ok l_in') n_in) i_in.
set a := sum _ _ + _ in ez es.
have ea : input w (real z) weights l n i + real_shift b l.+1 i = a%:~R / c%:R by rewrite realise_input.
have step_a : step (a%:~R / c%:R : R) = (0 < a)%R%:R by rewrite /step pmulr_lgt0 ?invr_gt0 ?ltr0n // ltr0z.
rewrite ea relu_step step_a /real es; split=> //; rewrite mulrA.
have -> : (0 < a)%R%:R * a%:~R = ((0 < a)%R%:Z * a)%:~R :> R by rewrite intrM.
by rewrite -ez intrM -[c%:Z%:~R]/(c%:R) [c%:R * _]mulrC mulfK // mulrzBr subrK.
Qed.

Lemma realise_backprop : check_backprop -> backprop L w N (real s) errors weights.
Proof.
move=> ok l n i l_in n_in i_in.
have l_in' : (l < L.-1)%N by case: (L) l_in.
have /eqP e := all_belowP (all_belowP (all_belowP ok l_in') n_in) i_in.
rewrite /errors; set received := sum _ _ in e; transitivity (t * ((s l.+1 n i)%:~R * (received%:~R / c%:R))).
  congr (_ * _); apply: (mulIf c_neq0); rewrite -mulrA mulfVK // -intrM -e intrM.
  exact: mulrC.
rewrite mulrCA; congr (_ * _); rewrite /received intr_sum sum_mulr sum_mull; apply: sum_ext => k _.
by rewrite intrM !mulrA.
Qed.

Lemma realise_stationary : check_stationary -> stationary L w N (real z) errors.
Proof.
move=> ok [l j i] /and3P[/= l_in j_in i_in].
have /eqP e := all_belowP (all_belowP (all_belowP ok l_in) j_in) i_in.
rewrite /gradient /mean /=; transitivity (N%:R^-1 * (t * (sum N (fun n => z l n j * g l.+1 n i))%:~R) : R).
  by rewrite intr_sum sum_mull; congr (_ * _); apply: sum_ext => n _; rewrite /real /errors intrM mulrCA.
by rewrite e !mulr0.
Qed.

Lemma realise_each_sample_flat : check_each_sample_flat -> each_sample_flat L w N (real z) errors.
Proof.
move=> ok [l j i] n /and3P[/= l_in j_in i_in] n_in.
have /eqP e := all_belowP (all_belowP (all_belowP (all_belowP ok l_in) j_in) i_in) n_in.
by rewrite /real /errors mulrCA -intrM e mulr0.
Qed.

Lemma realise_centred : check_centred -> centred L w N errors.
Proof.
move=> ok n n_in; have /eqP e := all_belowP ok n_in.
by rewrite /errors -sum_mull -intr_sum e mulr0.
Qed.

Lemma ratio (a d m : R) : (m ^- 2 * a) / (m^-1 * d) = a / (d * m).
Proof.
have [->|m0] := eqVneq m 0; first by rewrite mulr0 expr2 mulr0 invr0 !mul0r mulr0.
by rewrite [(m^-1 * d)^-1]invfM invrK mulrACA -exprVn expr2 mulfVK // invfM [d^-1 * _]mulrC mulrCA.
Qed.

Lemma realise_beta (a d : int) : A L w (coupling N z s g) = a -> D L w (coupling N z s g) = d ->
  [/\ A L w (P N (real z) (real s) errors) = t ^+ 2 * (a%:~R / N%:R ^+ 2),
      D L w (P N (real z) (real s) errors) = t * (d%:~R / N%:R)
    & beta_eff L w (P N (real z) (real s) errors) = t * (a%:~R / (d%:~R * N%:R))].
Proof.
move=> <- <-; pose M : node -> node -> R := P N (real z) (real s) (real g).
have eM x y : M x y = N%:R^-1 * (coupling N z s g x y)%:~R.
  by rewrite /M /P -[(coupling _ _ _ _ _ _)%:~R]/(intmul1_rmorphism R _) coupling_morph.
have [eA eD] : A L w M = N%:R ^- 2 * (A L w (coupling N z s g))%:~R /\ D L w M = N%:R^-1 * (D L w (coupling N z s
  g))%:~R.
  rewrite -[(A _ _ _)%:~R]/(intmul1_rmorphism R _) -[(D _ _ _)%:~R]/(intmul1_rmorphism R _) A_morph D_morph -exprVn.
  by rewrite -A_scale -D_scale; apply: degrees_ext => x y _ _; apply: eM.
have [_ -> -> ->] := homogeneity L w N (real z) (real s) (real g) t.
by rewrite -/M /beta_eff eA eD ratio; split=> //; congr (_ * _); apply: mulrC.
Qed.
End Realise.
End Checks.

Definition no_shift_int (l i : nat) : int := 0.
Definition kernel (t : seq (seq (seq int))) (x : node) : int := table t (layer x) (src x) (dst x).

(** Squared error, 2-2-2-2, six samples. *)

Definition squared_widths := nth 0%N [:: 2; 2; 2; 2]%N.
Definition squared_kernels := [::
    [:: [:: -2; 1]; [:: -2; -2]];
    [:: [:: 2; 2]; [:: 1; -2]];
    [:: [:: 1; 1]; [:: 1; -1]]]%Z.
Definition squared_z := [::
    [:: [:: 2; 0]; [:: 1; -2]; [:: -1; -2]; [:: -1; -1]; [:: -1; 0]; [:: 2; -1]];
    [:: [:: 0; 2]; [:: 2; 5]; [:: 6; 3]; [:: 4; 1]; [:: 2; 0]; [:: 0; 4]];
    [:: [:: 2; 0]; [:: 9; 0]; [:: 15; 6]; [:: 9; 6]; [:: 4; 4]; [:: 4; 0]]]%Z.
Definition squared_s := [::
    [:: [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]];
    [:: [:: 0; 1]; [:: 1; 1]; [:: 1; 1]; [:: 1; 1]; [:: 1; 0]; [:: 0; 1]];
    [:: [:: 1; 0]; [:: 1; 0]; [:: 1; 1]; [:: 1; 1]; [:: 1; 1]; [:: 1; 0]]]%Z.
Definition squared_g := [::
    [:: [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]];
    [:: [:: 0; -3]; [:: -4; -2]; [:: 0; 3]; [:: 8; -5]; [:: -12; 0]; [:: 0; 3]];
    [:: [:: -3; 0]; [:: -2; 0]; [:: 1; -1]; [:: 1; 3]; [:: -3; -3]; [:: 3; 0]];
    [:: [:: -3; 0]; [:: 0; -2]; [:: 0; 1]; [:: 2; -1]; [:: -3; 0]; [:: 0; 3]]]%Z.

(** Softmax cross-entropy, 2-2-2-2-3, five samples; kernels times 10, errors times 500. *)

Definition softmax_widths := nth 0%N [:: 2; 2; 2; 2; 3]%N.
Definition softmax_kernels := [::
    [:: [:: -20; 10]; [:: 20; 20]];
    [:: [:: -10; -20]; [:: 20; 10]];
    [:: [:: 20; 10]; [:: -20; 10]];
    [:: [:: 2; 1; -1]; [:: -1; 1; 1]]]%Z.
Definition softmax_z := [::
    [:: [:: 0; 1]; [:: -1; 3]; [:: 3; 0]; [:: 2; 0]; [:: 3; 2]];
    [:: [:: 2; 2]; [:: 8; 5]; [:: 0; 3]; [:: 0; 2]; [:: 0; 7]];
    [:: [:: 2; 0]; [:: 2; 0]; [:: 6; 3]; [:: 4; 2]; [:: 14; 7]];
    [:: [:: 4; 2]; [:: 4; 2]; [:: 6; 9]; [:: 4; 6]; [:: 14; 21]]]%Z.
Definition softmax_s := [::
    [:: [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]];
    [:: [:: 1; 1]; [:: 1; 1]; [:: 0; 1]; [:: 0; 1]; [:: 0; 1]];
    [:: [:: 1; 0]; [:: 1; 0]; [:: 1; 1]; [:: 1; 1]; [:: 1; 1]];
    [:: [:: 1; 1]; [:: 1; 1]; [:: 1; 1]; [:: 1; 1]; [:: 1; 1]]]%Z.
Definition softmax_g := [::
    [:: [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]];
    [:: [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]; [:: 0; 0]];
    [:: [:: 0; 0]; [:: 0; 0]; [:: -4; 8]; [:: -8; 16]; [:: 4; -8]];
    [:: [:: -1; 2]; [:: 1; -2]; [:: -3; 2]; [:: -6; 4]; [:: 3; -2]];
    [:: [:: -10; 10; 0]; [:: 10; -10; 0]; [:: -10; 0; 10]; [:: -20; 0; 20]; [:: 10; 0; -10]]]%Z.

(** A shift after the relu, 1-1-1-2, two samples: bias 1 in the second layer, shift -1 in both hidden layers. *)

Definition shift_widths := nth 0%N [:: 1; 1; 1; 2]%N.
Definition shift_kernels := [:: [:: [:: 1]]; [:: [:: 0]]; [:: [:: 1; 0]]]%Z.
Definition shift_z := [:: [:: [:: 1]; [:: 2]]; [:: [:: 0]; [:: 1]]; [:: [:: 0]; [:: 0]]]%Z.
Definition shift_s := [:: [:: [:: 0]; [:: 0]]; [:: [:: 1]; [:: 1]]; [:: [:: 1]; [:: 1]]]%Z.
Definition shift_g := [:: [:: [:: 0]; [:: 0]]; [:: [:: 0]; [:: 0]]; [:: [:: 1]; [:: 0]]; [:: [:: 1; 0]; [:: 0; 1]]]%Z.
Definition shift_b (l i : nat) : int := if l == 2%N then 1 else 0.
Definition shift_h (l i : nat) : int := if (l == 1%N) || (l == 2%N) then -1 else 0.

(** The checks *)

Lemma squared_checks : [&& check_forward 3 squared_widths 6 (table squared_z) (table squared_s) (kernel squared_kernels)
                             no_shift_int no_shift_int 1,
    check_backprop 3 squared_widths 6 (table squared_s) (table squared_g) (kernel squared_kernels) 1,
    check_off_kinks 3 squared_widths 6 (table squared_z) (kernel squared_kernels) no_shift_int 1
  & check_stationary 3 squared_widths 6 (table squared_z) (table squared_g)].
Proof. by vm_compute. Qed.

Lemma squared_A : A 3 squared_widths (coupling 6 (table squared_z) (table squared_s) (table squared_g)) = -12%:Z.
Proof. by apply/eqP; vm_compute. Qed.

Lemma squared_D : D 3 squared_widths (coupling 6 (table squared_z) (table squared_s) (table squared_g)) = -1%:Z.
Proof. by apply/eqP; vm_compute. Qed.

Lemma softmax_checks : [&& check_forward 4 softmax_widths 5 (table softmax_z) (table softmax_s) (kernel softmax_kernels)
                             no_shift_int no_shift_int 10,
    check_backprop 4 softmax_widths 5 (table softmax_s) (table softmax_g) (kernel softmax_kernels) 10,
    check_off_kinks 4 softmax_widths 5 (table softmax_z) (kernel softmax_kernels) no_shift_int 10,
    check_stationary 4 softmax_widths 5 (table softmax_z) (table softmax_g)
  & check_centred 4 softmax_widths 5 (table softmax_g)].
Proof. by vm_compute. Qed.

Lemma softmax_A : A 4 softmax_widths (coupling 5 (table softmax_z) (table softmax_s) (table softmax_g)) = 24%:Z.
Proof. by apply/eqP; vm_compute. Qed.

Lemma softmax_D : D 4 softmax_widths (coupling 5 (table softmax_z) (table softmax_s) (table softmax_g)) = -1%:Z.
Proof. by apply/eqP; vm_compute. Qed.

Lemma shift_checks : [&& check_forward 3 shift_widths 2 (table shift_z) (table shift_s) (kernel shift_kernels)
                           shift_b shift_h 1,
    check_backprop 3 shift_widths 2 (table shift_s) (table shift_g) (kernel shift_kernels) 1
  & check_each_sample_flat 3 shift_widths 2 (table shift_z) (table shift_g)].
Proof. by vm_compute. Qed.

Lemma shift_A : A 3 shift_widths (coupling 2 (table shift_z) (table shift_s) (table shift_g)) = 1%:Z.
Proof. by apply/eqP; vm_compute. Qed.

Lemma shift_D : D 3 shift_widths (coupling 2 (table shift_z) (table shift_s) (table shift_g)) = 2%:Z.
Proof. by apply/eqP; vm_compute. Qed.

(** Where the gradient that backprop computes is 0 and no unit is at its kink, the loss has the derivative 0 along every
    direction. *)

Section Flat.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W V : node -> R).
Context (b h y : nat -> nat -> R) (L_pos : (0 < L)%N) (fwd : relu_forward L w N b h z s W).
Context (off : off_kinks L w N W b z) (back : backprop L w N s g W) (flat : stationary L w N z g).

Lemma flat_along : over L w (fun v => V v * gradient N z g v) = 0.
Proof. by apply: over_zero => v v_in; rewrite flat ?mulr0. Qed.

Lemma flat_squared_error :
  (forall n k, (n < N)%N -> (k < w L)%N -> g L n k = input w z W L.-1 n k - y n k) ->
  derivative (fun u => loss L w N (z 0%N) (relu_unit b h) (fun n => squared_error (w L) (y n)) (moved W V u)) 0.
Proof.
move=> top; rewrite -flat_along; apply: relu_gradient_is_derivative fwd off back _ => // n n_in.
by apply: (differentiable_ext _ (@squared_error_differentiable _ _ _ _)) => k k_in; rewrite top.
Qed.

Lemma flat_cross_entropy (e ln : R -> R) :
  (forall c, 0 < e c) -> (forall c, derivative (fun t => e (c + t)) (e c)) ->
  (forall c, 0 < c -> derivative (fun t => ln (c + t)) c^-1) -> (forall n, (n < N)%N -> sum (w L) (y n) = 1) ->
  (forall n k, (n < N)%N -> (k < w L)%N -> g L n k = softmax e (w L) (input w z W L.-1 n) k - y n k) ->
  derivative (fun u => loss L w N (z 0%N) (relu_unit b h) (fun n => cross_entropy e ln (w L) (y n)) (moved W V u)) 0.
Proof.
move=> e_pos e' ln' y1 top; rewrite -flat_along; apply: relu_gradient_is_derivative fwd off back _ => // n n_in.
have softmax_top : differentiable (w L) _ (input w z W L.-1 n) _ :=
  cross_entropy_differentiable e_pos e' ln' (y1 n n_in).
by apply: (differentiable_ext _ softmax_top) => k k_in; rewrite top.
Qed.
End Flat.

(** The counterexamples over any real field *)

Theorem squared_error_counterexample (R : realFieldType) (t : R) :
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
Proof.
have /and4P[forward backward kinks still] := squared_checks; have one : (0 < 1)%N by [].
pose z := real R (table squared_z); pose s := real R (table squared_s); pose g := errors (table squared_g) t.
pose W := weights (kernel squared_kernels) 1 R; pose y n k := input squared_widths z W 2 n k - g 3%N n k.
have fwd : relu_forward 3 squared_widths 6 (@no_shift R) (@no_shift R) z s W := realise_forward R one forward.
have back : backprop 3 squared_widths 6 s g W := realise_backprop t one backward.
have off : off_kinks 3 squared_widths 6 W (@no_shift R) z := realise_off_kinks R one kinks.
have flat : stationary 3 squared_widths 6 z g := realise_stationary t still.
have top n k : g 3%N n k = input squared_widths z W 2 n k - y n k by rewrite subKr.
exists z, s, g, W, y.
have [-> -> ->] := realise_beta t squared_A squared_D; split; split=> //.
- by split=> // V; apply: (flat_squared_error V (ltn0Sn 2) fwd off back flat) => n k _ _; apply: top.
- rewrite -mulrN; congr (_ * _); apply: (canLR (mulfK _)); rewrite -?natrX ?pnatr_eq0 //.
  by rewrite -[(6 ^ 2)%N]/(3 * 12)%N natrM mulNr mulKf ?pnatr_eq0.
- by rewrite -mulrN -mulN1r.
- move=> _; rewrite mulrC; congr (_ * _); apply: (canLR (mulfK _)); first by rewrite mulf_eq0 oppr_eq0 !pnatr_eq0.
  by rewrite mulrCA -natrM -[(-1)%:~R]/(- 1 : R) mulN1r.
Qed.

Theorem softmax_counterexample (R : realFieldType) (e : R -> R) : (forall a, 0 < e a) ->
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
Proof.
move=> e_pos; have /and5P[forward backward kinks flat centre] := softmax_checks; pose t : R := 500%:R^-1.
pose z := real R (table softmax_z); pose W := weights (kernel softmax_kernels) 10 R.
pose g := errors (table softmax_g) t; pose p n := softmax e 3 (input softmax_widths z W 3 n).
have ten : (0 < 10)%N by []; pose s := real R (table softmax_s).
have fwd : relu_forward 4 softmax_widths 5 (@no_shift R) (@no_shift R) z s W := realise_forward R ten forward.
have back : backprop 4 softmax_widths 5 s g W := realise_backprop t ten backward.
have off : off_kinks 4 softmax_widths 5 W (@no_shift R) z := realise_off_kinks R ten kinks.
have still : stationary 4 softmax_widths 5 z g := realise_stationary t flat.
pose y n k := p n k - g 4%N n k; have top n k : g 4%N n k = p n k - y n k by rewrite subKr.
have y1 n : (n < 5)%N -> sum 3 (y n) = 1.
  move=> n_in; rewrite sum_sub [X in X - _]softmax_sums_to_one //.
  by rewrite (realise_centred t centre) ?subr0.
exists z, s, g, W, y; split; split=> //.
  move=> ln V e' ln'; apply: (flat_cross_entropy V (ltn0Sn 3) fwd off back still e_pos e' ln' y1) => n k _ _.
  exact: top.
have [_ _ ->] := realise_beta t softmax_A softmax_D.
rewrite /t -[2500%N]/(500 * 5)%N natrM invfM mulrCA -mulrN; congr (_ * _).
by rewrite mulN1r invrN mulrN.
Qed.

Theorem shift_counterexample (R : realFieldType) :
  exists b h : nat -> nat -> R, exists z s g : nat -> nat -> nat -> R, exists W : node -> R, exists y : nat -> nat -> R,
  [/\ relu_forward 3 shift_widths 2 b h z s W,
      backprop 3 shift_widths 2 s g W,
      forall n k, g 3%N n k = input shift_widths z W 2 n k - y n k
    & each_sample_flat 3 shift_widths 2 z g] /\
  beta_eff 3 shift_widths (P 2 z s g) = 4%:R^-1.
Proof.
have /and3P[forward back flat] := shift_checks.
pose z := real R (table shift_z); pose W := weights (kernel shift_kernels) 1 R; pose g := errors (table shift_g) (1 :
  R).
exists (real_shift R shift_b), (real_shift R shift_h), z, (real R (table shift_s)), g, W.
exists (fun n k => input shift_widths z W 2 n k - g 3%N n k); split; first split.
- exact: (realise_forward R _ forward).
- exact: (realise_backprop 1 _ back).
- by move=> n k; rewrite subKr.
- exact: (realise_each_sample_flat 1 flat).
have [_ _ ->] := realise_beta (1 : R) shift_A shift_D.
by rewrite mul1r -[2%:Z%:~R]/(2%:R) -natrM div1r.
Qed.
