(** Shared weights: one parameter in many connections, as in a convolution; its degrees in closed form.

    Every connection x of the network has a weight, and U parameters make these weights: W x is the sum over u of
    carries x u times parameter u. In a convolution carries x u is 1 where the kernel's entry u lies on x, and 0
    elsewhere; where two neurons are not connected, no parameter lies on x. Any numbers will do, such as the 1/4 of an
    average pooling between two layers.

    Results: with z, s and g held fixed, the gradient of parameter u is linear in the parameters, and shared_P is its
    matrix (shared_P_is_derivative). Its in-degrees, out-degrees and D are those of the connections in closed form,
    each sum weighted by how many parameters lie on a connection (shared_in_closed, shared_out_closed,
    shared_D_closed); shared_P itself is never formed.

    Glossary
      carries x u           == the coefficient of parameter u in the weight of connection x
      shared_P u v          == the sum of carries x u * P x y * carries y v over the connections x and y
      laid x                == the sum of carries x u over the parameters: 1 or 0 in a convolution
      shared_in, shared_out == row sums and column sums of shared_P
      shared_D              == the sum of all its entries
      shared_received W u   == what W makes of the gradient of parameter u, with z, s and g held fixed
      laid_errors l n i     == sum over k of g (l + 2) n k * laid (Node (l + 1) i k)
      laid_units l n i      == sum over j of z l n j * laid (Node l j i) *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Sharing.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R).
Context (U : nat) (carries : node -> nat -> R).
Implicit Types (W : node -> R) (u v : nat) (t : R).
Local Notation P := (P N z s g).

Definition shared_P u v : R := over L w (fun x => over L w (fun y => carries x u * P x y * carries y v)).
Definition shared_in u : R := sum U (shared_P u).
Definition shared_out v : R := sum U (fun u => shared_P u v).
Definition shared_D : R := sum U shared_in.

Definition laid x : R := sum U (carries x).
Definition laid_errors l n i : R := sum (w l.+2) (fun k => g l.+2 n k * laid (Node l.+1 i k)).
Definition laid_units l n i : R := sum (w l) (fun j => z l n j * laid (Node l j i)).

Lemma shared_P_rows u v : shared_P u v = over L w (fun x => carries x u * over L w (fun y => P x y * carries y v)).
Proof. by rewrite /shared_P; apply: over_ext => x _; rewrite over_mull; apply: over_ext => y _; apply/esym/mulrA. Qed.

Lemma shared_P_columns u v : shared_P u v = over L w (fun y => over L w (fun x => carries x u * P x y) * carries y v).
Proof. by rewrite /shared_P over_exchange; apply: over_ext => y _; rewrite over_mulr. Qed.

(** The sums over all parameters are sums over the connections, each taken laid x times. *)

Lemma shared_in_laid u : shared_in u = over L w (fun x => carries x u * over L w (fun y => P x y * laid y)).
Proof.
rewrite /shared_in; under sum_ext => v _ do rewrite shared_P_rows.
rewrite over_sum; apply: over_ext => x _; rewrite -sum_mull over_sum; congr (_ * _).
by apply: over_ext => y _; rewrite -sum_mull.
Qed.

Lemma shared_out_laid v : shared_out v = over L w (fun y => over L w (fun x => laid x * P x y) * carries y v).
Proof.
rewrite /shared_out; under sum_ext => u _ do rewrite shared_P_columns.
rewrite over_sum; apply: over_ext => y _; rewrite -sum_mulr over_sum; congr (_ * _).
by apply: over_ext => x _; rewrite -sum_mulr.
Qed.

Theorem shared_in_closed u : shared_in u =
  sum L.-1 (fun l => sum (w l) (fun j => sum (w l.+1) (fun i =>
    carries (Node l j i) u * mean N (fun n => s l.+1 n i * z l n j * laid_errors l n i)))).
Proof.
rewrite shared_in_laid; case: (posnP L) => [->|L_pos]; first by [].
rewrite /over -{1}(prednK L_pos) /= [X in _ + X]sum_zero ?addr0; last first.
  move=> j _; apply: sum_zero => i i_in.
  by rewrite -/(over L w (fun y => P (Node L.-1 j i) y * laid y)) P_times //= prednK // ltnn mulr0.
apply: sum_ext => l l_in; apply: sum_ext => j _; apply: sum_ext => i i_in; congr (_ * _).
by rewrite -/(over L w (fun y => P (Node l j i) y * laid y)) P_times //= -{1}(prednK L_pos) ltnS l_in.
Qed.

Theorem shared_out_closed v : shared_out v =
  sum L.-1 (fun l => sum (w l.+1) (fun i => sum (w l.+2) (fun k =>
    mean N (fun n => s l.+1 n i * laid_units l n i * g l.+2 n k) * carries (Node l.+1 i k) v))).
Proof.
rewrite shared_out_laid; case: (posnP L) => [->|L_pos]; first by [].
rewrite /over -{1}(prednK L_pos) sum_first [X in X + _]sum_zero ?add0r; last first.
  move=> j _; apply: sum_zero => i _; rewrite -/(over L w (fun x => laid x * P x (Node 0 j i))).
  by rewrite over_zero ?mul0r // => x _; rewrite /line_graph.P /coupling !mulr0.
apply: sum_ext => l l_in; apply: sum_ext => i i_in; apply: sum_ext => k _; congr (_ * _).
rewrite -/(over L w (fun x => laid x * P x (Node l.+1 i k))) times_P //.
by apply: leq_trans l_in _; apply: leq_pred.
Qed.

Theorem shared_D_closed : shared_D =
  sum L.-1 (fun l => mean N (fun n => sum (w l.+1) (fun i => s l.+1 n i * laid_units l n i * laid_errors l n i))).
Proof.
rewrite /shared_D; under sum_ext => u _ do rewrite shared_in_closed.
rewrite sum_exchange; apply: sum_ext => l _; rewrite sum_exchange.
under sum_ext => j _ do rewrite sum_exchange.
rewrite sum_exchange -mean_sum; apply: sum_ext => i _.
under sum_ext => j _ do rewrite -sum_mulr -/(laid _) mean_mull.
rewrite mean_sum; apply: mean_ext => n _; rewrite -[_ * _ * _]mulrA mulrCA /laid_units sum_mulr; apply: sum_ext => j _.
by rewrite [s _ _ _ * z _ _ _]mulrC -!mulrA [RHS]mulrCA.
Qed.

(** shared_P is the derivative of a parameter's gradient by another parameter, z, s and g held fixed. *)

Definition shared_received W u : R :=
  over L w (fun x => if ((layer x).+1 < L)%N then carries x u * received w N z s g W x else 0).

Theorem shared_P_is_derivative W u v t :
  shared_received (moved W (carries^~ v) t) u = shared_received W u + t * shared_P u v.
Proof.
rewrite /shared_received shared_P_rows over_mull /over -sum_add; apply: sum_ext => l l_in.
rewrite -sum_add; apply: sum_ext => j j_in; rewrite -sum_add; apply: sum_ext => i i_in /=.
rewrite -/(over L w (fun y => P (Node l j i) y * carries y v)); case: ifP => [lt|ge].
  have x_in : inside L w (Node l j i) by rewrite /inside /= l_in j_in i_in.
  by rewrite (@P_is_derivative _ L w N z s g W _ _ _ x_in lt) mulrDr; congr (_ + _); rewrite mulrCA.
by rewrite P_times //= ge !mulr0 addr0.
Qed.
End Sharing.
