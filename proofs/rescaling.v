(** T7: relu rescaling, which changes the weights of a network and nothing that it computes, changes nothing of the
    relative forms either.

    Multiply what enters unit i of layer l by c l i and divide what leaves it by c l i. For relu units and c > 0 the
    new network has the activations c z, the slopes s and the errors g / c (rescaled_forward, rescaled_backprop), so
    its outputs and its loss are the old ones where c is 1 on the input and on the output. Results: diag(w) P diag(w)
    is unchanged entry by entry, signed (relative_rescaled) and in magnitude (relative_magnitude_rescaled), and so is
    w * dC/dw of every weight (pull_rescaled), hence the gradient form (gradient_form_rescaled).

    Glossary
      rescaled_weights c W == W x times c of the unit that x enters, divided by c of the unit that x leaves
      rescaled_units c z   == c z
      rescaled_errors c g  == g / c *)

From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network euler relative.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.
Context (R : fieldType) (c : nat -> nat -> R).

Definition rescaled_weights (W : node -> R) (x : node) : R := W x * (c (layer x).+1 (dst x) / c (layer x) (src x)).
Definition rescaled_units (z : nat -> nat -> nat -> R) (l n i : nat) : R := c l i * z l n i.
Definition rescaled_errors (g : nat -> nat -> nat -> R) (l n i : nat) : R := g l n i / c l i.
End Definitions.

Section Terms.
Context (R : fieldType).
Implicit Types a b d u v s z g : R.

Lemma pull_term a b u z g : a != 0 -> b != 0 -> u * (b / a) * ((a * z) * (g / b)) = u * (z * g).
Proof.
move=> a0 b0; rewrite -[u * _ * _]mulrA; congr (u * _).
by rewrite mulrA [b / a * _]mulrA (mulfVK a0) [b * z]mulrC -mulrA [b * _]mulrC mulfVK.
Qed.

Lemma relative_term a b d u v s z g : a != 0 -> b != 0 -> d != 0 ->
  u * (b / a) * (s * (a * z) * (g / d)) * (v * (d / b)) = u * (s * z * g) * v.
Proof.
move=> a0 b0 d0; rewrite mulrAC (mulrACA u) [b / a * _]mulrC [d / b * _]mulrA (mulfVK b0).
by rewrite -[s * _ * _]mulrA mulrCA pull_term // [RHS]mulrAC -[s * z * g]mulrA [RHS]mulrCA.
Qed.
End Terms.

Section Rescaling.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (c : nat -> nat -> R).
Context (z s g : nat -> nat -> nat -> R) (W : node -> R).
Local Notation z' := (rescaled_units c z).
Local Notation g' := (rescaled_errors c g).
Local Notation W' := (rescaled_weights c W).
Context (c_neq0 : forall l i, c l i != 0).

Theorem pull_rescaled x : pull N z' g' W' x = pull N z g W x.
Proof.
rewrite /pull /gradient /mean [LHS]mulrCA [RHS]mulrCA; congr (_ * _); rewrite !sum_mull.
by apply: sum_ext => n _; rewrite /rescaled_weights /rescaled_units /rescaled_errors pull_term.
Qed.

Theorem gradient_form_rescaled : gradient_form L w N z' g' W' = gradient_form L w N z g W.
Proof. by congr (_ / _); apply: over_ext => x _; rewrite pull_rescaled. Qed.

Theorem relative_rescaled x y : relative W' (P N z' s g') x y = relative W (P N z s g) x y.
Proof.
rewrite /relative /P /coupling; case: ifP => [/andP[/eqP yl /eqP ys]|_]; last by rewrite !mulr0 !mul0r.
rewrite ![_ * (_^-1 * _)]mulrCA -![_^-1 * _ * _]mulrA; congr (_ * _).
rewrite !sum_mull !sum_mulr; apply: sum_ext => n _.
by rewrite /rescaled_weights /rescaled_units /rescaled_errors yl ys relative_term.
Qed.

Lemma rescaled_input l n i : input w z' W' l n i = c l.+1 i * input w z W l n i.
Proof.
rewrite /input sum_mull; apply: sum_ext => j _; rewrite /rescaled_weights /rescaled_units /=.
by rewrite [W _ * _]mulrC mulrACA [c l j * _]mulrC mulfVK.
Qed.

Theorem rescaled_backprop : backprop L w N s g W -> backprop L w N s g' W'.
Proof.
move=> e l n i lL nN iw; rewrite /rescaled_errors (e l n i lL nN iw) -mulrA; congr (_ * _).
rewrite sum_mulr; apply: sum_ext => k _; rewrite /rescaled_weights /=.
by rewrite [W _ * _]mulrC [RHS]mulrA [_ / _ * (_ / _)]mulrA mulfVK // mulrAC.
Qed.
End Rescaling.

Section Positive.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (c : nat -> nat -> R).
Context (z s g : nat -> nat -> nat -> R) (W : node -> R) (c_pos : forall l i, 0 < c l i).
Local Notation z' := (rescaled_units c z).
Local Notation g' := (rescaled_errors c g).
Local Notation W' := (rescaled_weights c W).
Let c_neq0 l i : c l i != 0. Proof. by rewrite lt0r_neq0. Qed.

Theorem rescaled_forward :
  relu_forward L w N (@no_shift R) (@no_shift R) z s W -> relu_forward L w N (@no_shift R) (@no_shift R) z' s W'.
Proof.
move=> e l n i lL nN iw; have [ez es] := e l n i lL nN iw.
have same : step (c l.+1 i * input w z W l n i) = step (input w z W l n i) by rewrite /step pmulr_rgt0.
by rewrite rescaled_input // /rescaled_units ez es !addr0 !relu_step same mulrCA.
Qed.

Theorem relative_magnitude_rescaled x y :
  relative (fun v => `|W' v|) (P N (mag z') (mag s) (mag g')) x y =
  relative (fun v => `|W v|) (P N (mag z) (mag s) (mag g)) x y.
Proof.
have eW v : `|W' v| = rescaled_weights c (fun v => `|W v|) v.
  by rewrite /rescaled_weights normrM normf_div ![`|c _ _|]gtr0_norm.
have same : P N (mag z') (mag s) (mag g') x y =
    P N (rescaled_units c (mag z)) (mag s) (rescaled_errors c (mag g)) x y.
  rewrite /P /coupling; case: ifP => // _; congr (_ * _); apply: sum_ext => n _.
  by rewrite /mag /rescaled_units /rescaled_errors normrM normf_div ![`|c _ _|]gtr0_norm.
transitivity (relative (rescaled_weights c (fun v => `|W v|))
  (P N (rescaled_units c (mag z)) (mag s) (rescaled_errors c (mag g))) x y); last exact: relative_rescaled.
by rewrite /relative -!eW -same.
Qed.
End Positive.

Section Beta.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (c : nat -> nat -> R).
Context (z s g : nat -> nat -> nat -> R) (W : node -> R) (c_pos : forall l i, 0 < c l i).

Theorem relative_beta_rescaled :
  let new := rescaled_weights c W in let z' := rescaled_units c z in let g' := rescaled_errors c g in
  beta_eff L w (relative new (P N z' s g')) = beta_eff L w (relative W (P N z s g)) /\
  beta_eff L w (relative (fun v => `|new v|) (P N (mag z') (mag s) (mag g'))) =
  beta_eff L w (relative (fun v => `|W v|) (P N (mag z) (mag s) (mag g))).
Proof.
have c_neq0 l i : c l i != 0 by rewrite lt0r_neq0.
by split; rewrite /beta_eff; congr (_ / _); apply: over_ext => x _; rewrite /delta_out /delta_in;
  [congr (_ * _)| |congr (_ * _)|]; apply: over_ext => y _; rewrite ?relative_rescaled ?relative_magnitude_rescaled.
Qed.
End Beta.
