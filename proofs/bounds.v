(** T2, first half: in the magnitude reading beta_eff is an average of in-degrees, weighted by out-degrees.

    Results: the magnitude P is nowhere negative (magnitude_ge0), and beta_eff lies between 0 and any bound on the
    in-degrees of the interior kernels (magnitude_bounded). *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees relative.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Bounds.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R).

Definition magnitude : node -> node -> R := P N (mag z) (mag s) (mag g).

Lemma magnitude_ge0 x y : 0 <= magnitude x y.
Proof.
rewrite /magnitude magnitude_is_per_sample; case: ifP => // _.
by rewrite mulr_ge0 ?invr_ge0 ?ler0n // sum_ge0.
Qed.

Theorem magnitude_bounded B : 0 <= B ->
  (forall x, inside L w x -> interior L x -> delta_in L w magnitude x <= B) ->
  0 <= beta_eff L w magnitude <= B.
Proof.
move=> B_pos bound; have out_pos x : 0 <= delta_out L w magnitude x by apply: over_ge0 => y _; apply: magnitude_ge0.
have in_pos x : 0 <= delta_in L w magnitude x by apply: over_ge0 => y _; apply: magnitude_ge0.
have A_pos : 0 <= A L w magnitude by apply: over_ge0 => x _; rewrite mulr_ge0.
have D_pos : 0 <= D L w magnitude by apply: over_ge0.
rewrite /beta_eff divr_ge0 //=; have [->|D0] := eqVneq (D L w magnitude) 0; first by rewrite invr0 mulr0.
rewrite ler_pdivr_mulr ?lt0r ?D0 // D_columns over_mull; apply: over_le => x x_in.
rewrite [B * _]mulrC; have [|] := boolP (interior L x) => [x_int|].
  by apply: ler_wpmul2l; rewrite ?out_pos ?bound.
rewrite negb_and; case: x x_in => l j i /and3P[/= _ _ i_in] /orP[|].
  rewrite -eqn0Ngt => /eqP l0.
  by rewrite l0 [delta_out _ _ _ _]delta_out_first !mul0r.
by rewrite -leqNgt => last; rewrite [delta_in _ _ _ _]delta_in_last // mulr0 mulr_ge0.
Qed.
End Bounds.
