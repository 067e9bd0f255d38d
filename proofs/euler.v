(** T5: Euler's identities for P, what they say at a stationary point, and how everything scales with the error.

    Results: P times the weights is the gradient, with any biases and shifts (euler_rows); the weights times P is
    the gradient up to a remainder that biases and shifts leave (euler_columns_shifted), and exactly the gradient
    without them (euler_columns). So at a stationary point the weights are null vectors of P on either side
    (weights_are_null_vectors). Multiplying all errors by t multiplies P and D by t, A by t^2 and beta_eff by t
    (homogeneity). *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Euler.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).

Theorem euler_rows : backprop L w N s g W ->
  forall l j i, (l.+1 < L)%N -> (i < w l.+1)%N ->
  over L w (fun y => P N z s g (Node l j i) y * W y) = gradient N z g (Node l j i).
Proof.
move=> back l j i l_in i_in; rewrite P_times //= l_in; apply: mean_ext => n n_in.
by rewrite back // mulrCA mulrA.
Qed.

Theorem euler_last_row l j i : (L <= l.+1)%N -> (i < w l.+1)%N ->
  over L w (fun y => P N z s g (Node l j i) y * W y) = 0.
Proof. by move=> l_in i_in; rewrite P_times //= ltnNge l_in. Qed.

Theorem euler_columns_shifted l i k : (l < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => W x * P N z s g x (Node l.+1 i k)) =
  gradient N z g (Node l.+1 i k) - mean N (fun n => (z l.+1 n i - s l.+1 n i * input w z W l n i) * g l.+2 n k).
Proof.
move=> l_in i_in; rewrite times_P // /gradient /mean -mulrBr -sum_sub; congr (_ * _).
by apply: sum_ext => n _ /=; rewrite mulrBl opprB addrC subrK.
Qed.

Theorem euler_columns : homogeneous L w N z s W ->
  forall l i k, (l.+1 < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => W x * P N z s g x (Node l.+1 i k)) = gradient N z g (Node l.+1 i k).
Proof.
move=> fwd l i k l_in i_in; rewrite times_P ?(ltnW l_in) //; apply: mean_ext => n n_in.
by rewrite fwd.
Qed.

Theorem weights_are_null_vectors : backprop L w N s g W -> homogeneous L w N z s W -> stationary L w N z g ->
  forall x, inside L w x ->
  over L w (fun y => P N z s g x y * W y) = 0 /\ over L w (fun y => W y * P N z s g y x) = 0.
Proof.
move=> back fwd flat [l j i] x_in; have := flat _ x_in; case/and3P: x_in => /= l_in j_in i_in grad0; split.
  have [l_in'|l_in'] := ltnP l.+1 L; first by rewrite euler_rows.
  exact: euler_last_row.
case: l l_in j_in i_in grad0 => [|l] l_in j_in i_in grad0; last by rewrite euler_columns.
by apply: over_zero => y _; rewrite /P /coupling !mulr0.
Qed.

Theorem homogeneity t :
  let scaled := fun l n i => t * g l n i in
  [/\ forall x y, P N z s scaled x y = t * P N z s g x y,
      A L w (P N z s scaled) = t ^+ 2 * A L w (P N z s g),
      D L w (P N z s scaled) = t * D L w (P N z s g)
    & beta_eff L w (P N z s scaled) = t * beta_eff L w (P N z s g)].
Proof.
move=> scaled; have e x y : P N z s scaled x y = t * P N z s g x y.
  rewrite /P mulrCA; congr (_ * _); rewrite /coupling; case: ifP => _; last by rewrite mulr0.
  by rewrite sum_mull; apply: sum_ext => n _; rewrite /scaled mulrCA.
have [a d] : A L w (P N z s scaled) = t ^+ 2 * A L w (P N z s g) /\ D L w (P N z s scaled) = t * D L w (P N z s g).
  by rewrite -A_scale -D_scale; apply: degrees_ext => x y _ _; apply: e.
split=> //; rewrite /beta_eff a d; have [->|t0] := eqVneq t 0; first by rewrite expr2 !mul0r.
by rewrite expr2 -!mulrA; congr (_ * _); rewrite invfM mulrCA mulVKf // mulrC.
Qed.
End Euler.
