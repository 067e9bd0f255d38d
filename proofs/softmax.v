(** T3: with softmax, signed beta_eff is zero for every network of at most three kernels, whatever the training state.

    Results: a softmax made of any positive function sums to 1 (softmax_sums_to_one), so errors p - y against
    targets that sum to 1 sum to 0 over the outputs (softmax_centred). Then delta_in is 0 on every weight of the
    last kernel but one, in the explicit and in the hessian reading (delta_in_zero_explicit, delta_in_zero_hessian),
    and so A and beta_eff are 0 when L <= 3 (A_zero_explicit, A_zero_hessian). With L <= 2, A is 0 for every matrix
    that only joins successive kernels (A_zero_shallow).

    Glossary
      softmax e m a k  == e (a k) / sum over h < m of e (a h), for any function e in exp's place
      centred L w N g  == the errors of every sample sum to 0 over the outputs
      flat_curvature   == the rows of H_L sum to 0, as those of diag(p) - p p^T do (softmax_curvature_flat) *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network hessian.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Softmax.
Context (R : realFieldType).

Definition softmax (e : R -> R) (m : nat) (a : nat -> R) (k : nat) : R := e (a k) / sum m (fun h => e (a h)).

Lemma total_pos (e : R -> R) m (a : nat -> R) : (forall x, 0 < e x) -> (0 < m)%N -> 0 < sum m (fun h => e (a h)).
Proof. by move=> pos; case: m => // m _ /=; apply: ltr_paddl; rewrite ?pos // sum_ge0 // => i _; apply: ltW. Qed.

Theorem softmax_sums_to_one e m a : (forall x, 0 < e x) -> (0 < m)%N -> sum m (softmax e m a) = 1.
Proof. by move=> pos m_pos; rewrite -[LHS]sum_mulr divff // gt_eqF // total_pos. Qed.

Theorem softmax_centred e m a y : (forall x, 0 < e x) -> (0 < m)%N -> sum m y = 1 ->
  sum m (fun k => softmax e m a k - y k) = 0.
Proof. by move=> pos m_pos y1; rewrite sum_sub softmax_sums_to_one // y1 subrr. Qed.

Theorem softmax_curvature_flat m (p : nat -> R) k : sum m p = 1 -> (k < m)%N ->
  sum m (fun h => (if h == k then p h else 0) - p k * p h) = 0.
Proof. by move=> p1 k_in; rewrite sum_sub sum_pick k_in -sum_mull p1 mulr1 subrr. Qed.
End Softmax.

Section Degenerate.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).
Context (H : nat -> nat -> nat -> nat -> R).

Definition centred := forall n, (n < N)%N -> sum (w L) (g L n) = 0.
Definition flat_curvature := forall n m, (n < N)%N -> (m < w L)%N -> sum (w L) (H L n m) = 0.

Definition successive (M : node -> node -> R) := forall x y, layer y != (layer x).+1 -> M x y = 0.

Lemma P_successive : successive (P N z s g).
Proof. by move=> x y /negbTE e; rewrite /P /coupling /link e mulr0. Qed.

Local Notation hessian_P := (hessian_P w N z s g W H).

Lemma hessian_successive : successive hessian_P.
Proof. by move=> x y /negbTE e; rewrite /hessian_P e. Qed.

Lemma A_zero_when (M : node -> node -> R) : successive M ->
  (forall x, inside L w x -> (0 < layer x)%N -> delta_in L w M x = 0) -> A L w M = 0.
Proof.
move=> succ e; apply: over_zero => x x_in; have [x0|] := posnP (layer x); last by move=> /(e x x_in) ->; rewrite mulr0.
by rewrite [delta_out _ _ _ _]over_zero ?mul0r // => y _; apply: succ; rewrite x0.
Qed.

Lemma last_row_zero (M : node -> node -> R) x : successive M -> (L <= (layer x).+1)%N -> delta_in L w M x = 0.
Proof.
move=> succ last; apply: over_zero => y /and3P[y_in _ _]; apply: succ.
by rewrite neq_ltn (leq_trans y_in last).
Qed.

Theorem A_zero_shallow (M : node -> node -> R) : successive M -> (L <= 2)%N -> A L w M = 0.
Proof. by move=> succ L2; apply: A_zero_when => // x _ x0; apply: last_row_zero => //; apply: leq_trans L2 _. Qed.

Lemma A_zero_three (M : node -> node -> R) : successive M -> (L <= 3)%N ->
  (forall x, inside L w x -> (layer x).+2 = L -> delta_in L w M x = 0) -> A L w M = 0.
Proof.
move=> succ L3 e; apply: A_zero_when => // x x_in x0; have [/eqP|/eqP ne] := eqVneq (layer x).+2 L.
  by move=> /eqP; apply: e.
apply: last_row_zero => //; rewrite leqNgt; apply/negP => lt; apply: ne; apply/eqP.
by rewrite eqn_leq lt (leq_trans L3).
Qed.

Theorem delta_in_zero_explicit x : centred -> inside L w x -> (layer x).+2 = L -> delta_in L w (P N z s g) x = 0.
Proof.
case: x => l j i c /and3P[/= _ _ i_in] e; rewrite delta_in_closed -?e //; apply: mean_zero => n n_in.
by rewrite /row_sum e c ?mulr0.
Qed.

Theorem A_zero_explicit : centred -> (L <= 3)%N ->
  A L w (P N z s g) = 0 /\ beta_eff L w (P N z s g) = 0.
Proof.
move=> c L3; have a : A L w (P N z s g) = 0.
  by apply: A_zero_three => //; [apply: P_successive | move=> x x_in e; apply: delta_in_zero_explicit].
by rewrite /beta_eff a mul0r.
Qed.

Theorem delta_in_zero_hessian x : centred -> flat_curvature -> inside L w x -> (layer x).+2 = L ->
  delta_in L w hessian_P x = 0.
Proof.
case: x => l j i c flat /and3P[/= _ _ i_in] e; rewrite /delta_in /over.
apply: sum_zero => m m_in; rewrite /hessian_P /=; have [-> {m m_in}|ne] := eqVneq m l.+1; last first.
  by apply: sum_zero => h _; apply: sum_zero.
apply: sum_zero => h _; rewrite /mean -sum_mull sum_exchange sum_zero ?mulr0 // => n n_in.
rewrite -sum_mull sum_add -sum_mull sum_exchange e sum_if.
rewrite [X in _ + _ * X]sum_zero ?mulr0 ?addr0; last by move=> k k_in; rewrite -sum_mull flat ?mulr0.
by rewrite -[sum _ _]/(sum (w L) (g L n)) c // if_same mulr0.
Qed.

Theorem A_zero_hessian : centred -> flat_curvature -> (L <= 3)%N ->
  A L w hessian_P = 0 /\ beta_eff L w hessian_P = 0.
Proof.
move=> c flat L3; have a : A L w hessian_P = 0.
  by apply: A_zero_three => //; [apply: hessian_successive | move=> x x_in e; apply: delta_in_zero_hessian].
by rewrite /beta_eff a mul0r.
Qed.
End Degenerate.
