(** T1: when the network fits every sample, or every sample's own gradient is zero, P is zero and so is beta_eff.

    Results: g_L = 0 on every sample makes every backprop error zero (errors_vanish), hence P
    (P_vanishes_when_fitted) and A, D and beta_eff (beta_vanishes_when_fitted). The same when every sample's kernel
    gradient is zero and a unit with a slope has an activation (P_vanishes_per_sample, beta_vanishes_per_sample).
    That last condition holds for relu with any bias, and for any frozen norm before the relu or scale after it
    (relu_alive, scaled_relu_alive); with a shift after the relu it fails, and so does the claim:
    shift_counterexample in counterexamples.v.

    Glossary
      alive L w N z s          == a hidden unit with nonzero slope has a nonzero activation, on every sample
      each_sample_flat L w N z g == every sample's own kernel gradient z * g is zero *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Vanishing.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).

Definition alive := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N -> s l.+1 n i != 0 -> z l.+1 n i != 0.

Definition each_sample_flat := forall x n, inside L w x -> (n < N)%N ->
  z (layer x) n (src x) * g (layer x).+1 n (dst x) = 0.

Lemma P_zero_of_terms :
  (forall x y n, inside L w x -> inside L w y -> link x y -> (n < N)%N ->
     s (layer x).+1 n (dst x) * z (layer x) n (src x) * g (layer x).+2 n (dst y) = 0) ->
  forall x y, inside L w x -> inside L w y -> P N z s g x y = 0.
Proof.
move=> e x y x_in y_in; rewrite /P /coupling; case: ifP => [xy|_]; last by rewrite mulr0.
by rewrite sum_zero ?mulr0 // => n n_in; apply: e.
Qed.

Lemma beta_zero_of_P : (forall x y, inside L w x -> inside L w y -> P N z s g x y = 0) ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> /degrees_zero [a d]; rewrite /beta_eff a d mul0r. Qed.

Theorem errors_vanish : backprop L w N s g W -> fits L w N g ->
  forall l n i, (l < L)%N -> (n < N)%N -> (i < w l.+1)%N -> g l.+1 n i = 0.
Proof.
move=> back fit l n i l_in n_in; move: {2}(L - l.+1)%N (erefl (L - l.+1)%N) => d.
elim: d l i l_in => [|d IH] l i l_in e i_in.
  have e' : l.+1 = L by apply/eqP; rewrite eqn_leq l_in -subn_eq0 e.
  by rewrite e' in i_in *; apply: fit.
have l_in' : (l.+1 < L)%N by rewrite -subn_gt0 e.
rewrite back // sum_zero ?mulr0 // => k k_in; rewrite IH ?mul0r //.
by rewrite subnS e.
Qed.

Theorem P_vanishes_when_fitted : backprop L w N s g W -> fits L w N g ->
  forall x y, inside L w x -> inside L w y -> P N z s g x y = 0.
Proof.
move=> back fit; apply: P_zero_of_terms => x [m i k] n _ /and3P[/= y_in _ k_in] /andP[/= /eqP e _] n_in.
by rewrite e in y_in k_in; rewrite errors_vanish ?mulr0.
Qed.

Theorem beta_vanishes_when_fitted : backprop L w N s g W -> fits L w N g ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> back fit; apply: beta_zero_of_P; apply: P_vanishes_when_fitted. Qed.

Theorem P_vanishes_per_sample : alive -> each_sample_flat ->
  forall x y, inside L w x -> inside L w y -> P N z s g x y = 0.
Proof.
move=> live flat; apply: P_zero_of_terms => x [m i k] n /and3P[_ _ x_in] y_in /andP[/= /eqP e /eqP ei] n_in.
move: (flat _ n y_in n_in); rewrite /= e ei => /eqP; rewrite mulf_eq0 => /orP[z0|/eqP->]; last by rewrite mulr0.
case/and3P: y_in => /= l_in _ _; rewrite e in l_in.
have [->|s0] := eqVneq (s (layer x).+1 n (dst x)) 0; first by rewrite !mul0r.
by have := live _ _ _ l_in n_in x_in s0; rewrite z0.
Qed.

Theorem beta_vanishes_per_sample : alive -> each_sample_flat ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> live flat; apply: beta_zero_of_P; apply: P_vanishes_per_sample. Qed.

Theorem relu_alive b : relu_forward L w N b (@no_shift R) z s W -> alive.
Proof.
move=> e l n i l_in n_in i_in; have [-> ->] := e l n i l_in n_in i_in; rewrite /step /relu addr0.
by case: ltrP => [a_pos _|_]; rewrite ?eqxx // gt_eqF.
Qed.

(** Batch norm, frozen: before = (k, c) gives a = k * input + c and slope k; after = (k, 0) only scales. *)

Theorem scaled_relu_alive (a : nat -> nat -> nat -> R) (before after : nat -> nat -> R) :
  (forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
     z l.+1 n i = after l.+1 i * relu (a l.+1 n i) /\
     s l.+1 n i = after l.+1 i * step (a l.+1 n i) * before l.+1 i) -> alive.
Proof.
move=> e l n i l_in n_in i_in; have [-> ->] := e l n i l_in n_in i_in; rewrite /step /relu !mulf_eq0 !negb_or.
by case/andP => /andP[->] /=; case: ltrP => [a_pos _ _|_]; rewrite ?eqxx // gt_eqF.
Qed.
End Vanishing.
