(** T7: weights as units of themselves, diag(w) P diag(w), and a form that the gradient alone gives.

    Results: (a) the in- and out-degrees of diag(w) P diag(w) are w * dC/dw (relative_in, relative_out), so its A is
    the sum of (w dC/dw)^2 over the interior kernels and its D is (L - 1) mean <g_L, a_L> (relative_A, relative_D).
    (b) Both sums of the gradient form are zero at every stationary point, where it is 0 / 0 and counts as 0
    (gradient_form_stationary), and it lies between 0 and any bound
    on |w dC/dw| (gradient_form_bounded).

    Glossary
      relative W M x y    == W x * M x y * W y
      pull x              == W x * dC/dW x
      interior L x        == the kernel of x is neither the first nor the last
      gradient_form       == sum of pull^2 over the interior / sum of |pull| over all kernels but the last *)

From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network euler.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Definition relative (R : ringType) (W : node -> R) (M : node -> node -> R) (x y : node) : R := W x * M x y * W y.
Definition interior (L : nat) (x : node) : bool := (0 < layer x)%N && ((layer x).+1 < L)%N.

Section Relative.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).

Definition pull (x : node) : R := W x * gradient N z g x.
Definition gradient_form : R :=
  over L w (fun x => if interior L x then pull x ^+ 2 else 0) /
  over L w (fun x => if ((layer x).+1 < L)%N then `|pull x| else 0).

Theorem relative_in : backprop L w N s g W ->
  forall x, inside L w x -> delta_in L w (relative W (P N z s g)) x = if ((layer x).+1 < L)%N then pull x else 0.
Proof.
move=> back [l j i] /and3P[/= l_in _ i_in]; rewrite /delta_in /relative.
transitivity (W (Node l j i) * over L w (fun y => P N z s g (Node l j i) y * W y)).
  by rewrite over_mull; apply: over_ext => y _; rewrite -mulrA.
by have [l_in'|l_in'] := ltnP l.+1 L; [rewrite euler_rows | rewrite euler_last_row ?mulr0].
Qed.

Theorem relative_out : homogeneous L w N z s W ->
  forall x, inside L w x -> ((layer x).+1 < L)%N ->
  delta_out L w (relative W (P N z s g)) x = if (0 < layer x)%N then pull x else 0.
Proof.
move=> fwd [[|l] j i] /and3P[/= l_in j_in i_in] l_in'; rewrite /delta_out /relative.
  by apply: over_zero => y _; rewrite /P /coupling !mulr0 mul0r.
transitivity (over L w (fun y => W y * P N z s g y (Node l.+1 j i)) * W (Node l.+1 j i)); first by rewrite over_mulr.
by rewrite (euler_columns g fwd i l_in j_in) mulrC.
Qed.

Theorem relative_A : backprop L w N s g W -> homogeneous L w N z s W ->
  A L w (relative W (P N z s g)) = over L w (fun x => if interior L x then pull x ^+ 2 else 0).
Proof.
move=> back fwd; apply: over_ext => x x_in; rewrite relative_in // /interior.
have [l_in|_] := ifPn; last by rewrite mulr0 andbF.
by rewrite relative_out // andbT; case: ifP => _; rewrite ?mul0r ?expr2.
Qed.

Lemma relative_D_pull : backprop L w N s g W ->
  D L w (relative W (P N z s g)) = over L w (fun x => if ((layer x).+1 < L)%N then pull x else 0).
Proof. by move=> back; apply: over_ext => x x_in; apply: relative_in. Qed.

(** The pull of every kernel is the same: what the outputs feel. *)

Definition flow (l : nat) : R := mean N (fun n => sum (w l.+1) (fun i => input w z W l n i * g l.+1 n i)).

Lemma pull_is_flow l : sum (w l) (fun j => sum (w l.+1) (fun i => pull (Node l j i))) = flow l.
Proof.
transitivity (sum (w l.+1) (fun i => sum (w l) (fun j => pull (Node l j i)))); first exact: sum_exchange.
transitivity (N%:R^-1 * sum (w l.+1) (fun i => sum N (fun n => input w z W l n i * g l.+1 n i))); last first.
  by rewrite /flow /mean sum_exchange.
rewrite sum_mull; apply: sum_ext => i _; rewrite /input.
transitivity (N%:R^-1 * sum (w l) (fun j => sum N (fun n => z l n j * W (Node l j i) * g l.+1 n i))); last first.
  by rewrite sum_exchange; congr (_ * _); apply: sum_ext => n _; rewrite sum_mulr.
rewrite sum_mull; apply: sum_ext => j _; rewrite /pull /gradient /mean mulrCA sum_mull; congr (_ * _).
by apply: sum_ext => n _ /=; rewrite mulrA [W _ * _]mulrC.
Qed.

Lemma flow_next l : backprop L w N s g W -> homogeneous L w N z s W -> (l.+1 < L)%N -> flow l = flow l.+1.
Proof.
move=> back fwd l_in; apply: mean_ext => n n_in.
transitivity (sum (w l.+1) (fun i => sum (w l.+2) (fun k => z l.+1 n i * W (Node l.+1 i k) * g l.+2 n k))).
  apply: sum_ext => i i_in; rewrite back // fwd // mulrCA mulrA sum_mull; apply: sum_ext => k _.
  by rewrite -[RHS]mulrA; congr (_ * _); rewrite mulrC.
by rewrite sum_exchange; apply: sum_ext => k _; rewrite /input sum_mulr.
Qed.

Theorem relative_D : backprop L w N s g W -> homogeneous L w N z s W ->
  D L w (relative W (P N z s g)) =
  L.-1%:R * mean N (fun n => sum (w L) (fun k => input w z W L.-1 n k * g L n k)).
Proof.
move=> back fwd; rewrite relative_D_pull //; case: L back fwd (flow_next) => [|m] back fwd next.
  by rewrite mul0r.
rewrite -[mean _ _]/(flow m) /over /= [X in _ + X]sum_zero ?addr0; last first.
  by move=> j _; apply: sum_zero => i _; rewrite ltnn.
rewrite (sum_ext (h := fun=> flow m)); first by rewrite sumE sumr_const card_ord mulr_natl.
move=> l l_in; rewrite ltnS l_in pull_is_flow.
move: {2}(m - l)%N (erefl (m - l)%N) => d; elim: d l l_in => [|d IH] l l_in e.
  by move: l_in; rewrite -subn_gt0 e.
rewrite next ?ltnS //; have [l_in'|] := ltnP l.+1 m; first by rewrite IH // subnS e.
by rewrite leq_eqVlt ltnNge l_in orbF => /eqP->.
Qed.

Theorem gradient_form_stationary : stationary L w N z g ->
  [/\ over L w (fun x => if interior L x then pull x ^+ 2 else 0) = 0,
      over L w (fun x => if ((layer x).+1 < L)%N then `|pull x| else 0) = 0 & gradient_form = 0].
Proof.
move=> flat; have no_pull x : inside L w x -> pull x = 0 by move=> x_in; rewrite /pull flat ?mulr0.
have top : over L w (fun x => if interior L x then pull x ^+ 2 else 0) = 0.
  by apply: over_zero => x x_in; rewrite no_pull // expr2 mulr0 if_same.
split=> //; last by rewrite /gradient_form top mul0r.
by apply: over_zero => x x_in; rewrite no_pull // normr0 if_same.
Qed.

Theorem gradient_form_bounded B : (forall x, inside L w x -> interior L x -> `|pull x| <= B) -> 0 <= B ->
  0 <= gradient_form <= B.
Proof.
move=> bound B_pos; rewrite /gradient_form; set top := over _ _ _; set low := over _ _ _.
have low_pos : 0 <= low by apply: over_ge0 => x _; case: ifP.
have top_pos : 0 <= top by apply: over_ge0 => x _; case: ifP => // _; apply: sqr_ge0.
rewrite divr_ge0 //=; have [low0|low_neq0] := eqVneq low 0; first by rewrite low0 invr0 mulr0.
rewrite ler_pdivr_mulr ?lt0r ?low_neq0 // over_mull; apply: over_le => x x_in.
have [/[dup] x_int /andP[_ ->]|_] := ifP; last by case: ifP => _; rewrite ?mulr0 ?mulr_ge0.
by rewrite -real_normK ?num_real // expr2 ler_wpmul2r // bound.
Qed.
End Relative.
