(** Softmax and cross-entropy: backprop begins with p - y, and the curvature is diag(p) - p p^T.

    A real field need not have an exponential. So e stands for any positive function that is its own derivative and ln
    for any function with the derivative 1/a at a > 0; over the reals these are exp and log.

    Results: softmax moves as its curvature says (softmax_differentiable); against targets that sum to 1 the gradient
    of the cross-entropy is p - y (cross_entropy_differentiable), and that of p - y is diag(p) - p p^T
    (softmax_error_differentiable). So hessian_relu of theorems.v holds with err = p - y, which depends on the values of
    the outputs only (softmax_extensional).

    Glossary
      cross_entropy e ln m y a  == - sum over k < m of y k * ln (p k), with p = softmax e m a
      softmax_curvature e m a k == row k of diag(p) - p p^T *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient hessian softmax.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section CrossEntropy.
Context (R : realFieldType) (e ln : R -> R) (m : nat).
Implicit Types (y a : nat -> R) (k : nat).

Definition cross_entropy y a : R := - sum m (fun k => y k * ln (softmax e m a k)).
Definition softmax_curvature a k q : R := (if q == k then softmax e m a q else 0) - softmax e m a k * softmax e m a q.

Lemma softmax_extensional y a a' : a =1 a' -> (fun k => softmax e m a k - y k) =1 (fun k => softmax e m a' k - y k).
Proof. by move=> same k; rewrite /softmax same; congr (_ / _ - _); apply: sum_ext => h _; rewrite same. Qed.

Context (e_pos : forall c, 0 < e c) (e_moves : forall c, derivative (fun u => e (c + u)) (e c)).

Lemma curvature_times a k v : (k < m)%N -> sum m (fun q => softmax_curvature a k q * v q) =
  softmax e m a k * v k - softmax e m a k * sum m (fun q => softmax e m a q * v q).
Proof.
move=> k_in; rewrite sum_mull; transitivity (sum m (fun q => (if q == k then softmax e m a q * v q else 0) -
  softmax e m a k * (softmax e m a q * v q))); last by rewrite sum_sub sum_pick k_in.
by apply: sum_ext => q _; rewrite /softmax_curvature mulrBl mulrA; case: eqP => _; rewrite ?mul0r.
Qed.

Theorem softmax_differentiable a k : (k < m)%N -> differentiable m (fun a => softmax e m a k) a (softmax_curvature a k).
Proof.
move=> k_in path v at0 moves; have m_pos : (0 < m)%N := leq_ltn_trans (leq0n k) k_in.
have e_of h : (h < m)%N -> derivative (fun t => e (path h t)) (e (a h) * v h).
  by move=> h_in; rewrite -at0 //; apply: derivative_comp; [apply: moves | apply: e_moves].
have total : derivative (fun t => sum m (fun h => e (path h t))) (sum m (fun h => e (a h) * v h)).
  by apply: derivative_sum => h; apply: e_of.
have same : sum m (fun h => e (path h 0)) = sum m (fun h => e (a h)) by apply: sum_ext => h h_in; rewrite at0.
have := derivative_div (e_of k k_in) total; rewrite same at0 // gt_eqF ?total_pos // => /(_ isT).
set d := (_ - _) / _; suff -> : d = sum m (fun q => softmax_curvature a k q * v q) by [].
rewrite curvature_times // /d mulrBl mulrAC; congr (_ - _); rewrite -[LHS]mulrA; congr (_ * _).
by rewrite sum_mulr; apply: sum_ext => q _; rewrite mulrAC.
Qed.

Theorem softmax_error_differentiable y a k : (k < m)%N ->
  differentiable m (fun a => softmax e m a k - y k) a (softmax_curvature a k).
Proof.
move=> k_in path v at0 moves; rewrite -[sum _ _]addr0.
by apply: derivative_add (derivative_const _); apply: softmax_differentiable.
Qed.

Context (ln_moves : forall c, 0 < c -> derivative (fun u => ln (c + u)) c^-1).

Theorem cross_entropy_differentiable y a : sum m y = 1 ->
  differentiable m (cross_entropy y) a (fun k => softmax e m a k - y k).
Proof.
move=> y1 path v at0 moves.
have p_pos k : (k < m)%N -> 0 < softmax e m a k.
  by move=> k_in; rewrite divr_gt0 ?e_pos ?total_pos //; apply: leq_ltn_trans k_in.
have p_at0 k : (k < m)%N -> softmax e m (fun h => path h 0) k = softmax e m a k.
  by move=> k_in; rewrite /softmax at0 //; congr (_ / _); apply: sum_ext => h h_in; rewrite at0.
pose mean_v := sum m (fun q => softmax e m a q * v q).
have ln_of k : (k < m)%N -> derivative (fun t => ln (softmax e m (fun h => path h t) k)) (v k - mean_v).
  move=> k_in; have := derivative_comp (f := ln) (k := (softmax e m a k)^-1) (softmax_differentiable k_in at0 moves).
  rewrite p_at0 // => /(_ (ln_moves (p_pos k k_in))).
  by rewrite curvature_times // -mulrBr mulKf ?gt_eqF ?p_pos.
have -> : sum m (fun k => (softmax e m a k - y k) * v k) = -1 * sum m (fun k => y k * (v k - mean_v)).
  under [in RHS]sum_ext => k _ do rewrite mulrBr.
  by rewrite sum_sub -sum_mulr y1 mul1r mulN1r opprB -sum_sub; apply: sum_ext => k _; rewrite mulrBl.
apply: derivative_ext (_ : derivative (fun t => -1 * sum m (fun k => y k * ln (softmax e m (fun h => path h t) k))) _).
  by move=> t; rewrite mulN1r.
by apply: derivative_mull; apply: derivative_sum => k k_in; apply: derivative_mull; apply: ln_of.
Qed.
End CrossEntropy.
