(** The finite sum that everything else is written with.

    Results: [sum n f] is MathComp's [\sum_(i < n) f i] (sumE), but it also computes; it is linear, it may be
    exchanged, it picks the one term that a test lets through, and ring morphisms pass through it.

    Glossary
      sum n f == f 0 + ... + f (n - 1) *)

From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Fixpoint sum (V : zmodType) (n : nat) (f : nat -> V) : V := if n is m.+1 then sum m f + f m else 0.

Section Additive.
Context {V : zmodType}.
Implicit Types (f h : nat -> V) (n : nat).

Lemma sumE n f : sum n f = \sum_(i < n) f i.
Proof. by elim: n => [|n IH] /=; rewrite ?big_ord0 // big_ord_recr /= IH. Qed.

Lemma sum_ext n f h : (forall i, (i < n)%N -> f i = h i) -> sum n f = sum n h.
Proof. by move=> e; rewrite !sumE; apply: eq_bigr => i _; apply: e. Qed.

Lemma sum_zero n f : (forall i, (i < n)%N -> f i = 0) -> sum n f = 0.
Proof. by move=> e; rewrite sumE big1 // => i _; apply: e. Qed.

Lemma sum_add n f h : sum n (fun i => f i + h i) = sum n f + sum n h.
Proof. by rewrite !sumE big_split. Qed.

Lemma sum_sub n f h : sum n (fun i => f i - h i) = sum n f - sum n h.
Proof. by rewrite !sumE sumrB. Qed.

Lemma sum_first n f : sum n.+1 f = f 0%N + sum n (fun i => f i.+1).
Proof. by rewrite !sumE big_ord_recl. Qed.

Lemma sum_exchange m n (f : nat -> nat -> V) :
  sum m (fun i => sum n (fun j => f i j)) = sum n (fun j => sum m (fun i => f i j)).
Proof.
rewrite sumE (eq_bigr (fun i : 'I_m => \sum_(j < n) f i j)); last by move=> i _; rewrite sumE.
by rewrite exchange_big sumE; apply: eq_bigr => j _; rewrite sumE.
Qed.

Lemma sum_pick n a f : sum n (fun i => if i == a then f i else 0) = if (a < n)%N then f a else 0.
Proof.
elim: n => [|n IH] //=; rewrite IH ltnS.
by case: ltngtP => // [_|_|->]; rewrite ?addr0 ?add0r.
Qed.

Lemma sum_if n (b : bool) f : sum n (fun i => if b then f i else 0) = if b then sum n f else 0.
Proof. by case: b => //; apply: sum_zero. Qed.
End Additive.

Lemma sum_morph (U V : zmodType) (phi : {additive U -> V}) n (f : nat -> U) :
  phi (sum n f) = sum n (fun i => phi (f i)).
Proof. by elim: n => [|n IH] /=; rewrite ?raddf0 // raddfD IH. Qed.

Section Multiplicative.
Context {R : ringType}.
Implicit Types (f : nat -> R) (n : nat).

Lemma sum_mull n c f : c * sum n f = sum n (fun i => c * f i).
Proof. by rewrite !sumE mulr_sumr. Qed.

Lemma sum_mulr n c f : sum n f * c = sum n (fun i => f i * c).
Proof. by rewrite !sumE mulr_suml. Qed.
End Multiplicative.

Section Ordered.
Context {R : numDomainType}.
Implicit Types (f h : nat -> R) (n : nat).

Lemma sum_ge0 n f : (forall i, (i < n)%N -> 0 <= f i) -> 0 <= sum n f.
Proof. by move=> p; rewrite sumE sumr_ge0 // => i _; apply: p. Qed.

Lemma sum_neq0 m f n :
  (forall i, (i < m)%N -> 0 <= f i) -> (n < m)%N -> f n != 0 -> sum m f != 0.
Proof.
elim: m => [//|m IH] f_ge0 n_lt fn /=.
have le i : (i < m)%N -> 0 <= f i by move=> i_lt; apply: f_ge0; apply: leqW.
have sum_le := sum_ge0 le; have last_le : 0 <= f m by apply: f_ge0.
move: n_lt; rewrite ltnS leq_eqVlt paddr_eq0 // negb_and => /orP[/eqP e|n_lt].
  by rewrite -e fn orbT.
by rewrite (IH le n_lt fn).
Qed.

Lemma sum_le n f h : (forall i, (i < n)%N -> f i <= h i) -> sum n f <= sum n h.
Proof. by move=> p; rewrite !sumE ler_sum // => i _; apply: p. Qed.

Lemma norm_sum_le n f : `|sum n f| <= sum n (fun i => `|f i|).
Proof. by rewrite !sumE; apply: ler_norm_sum. Qed.
End Ordered.
