(** T0: the degrees of P in closed form, for any depth, widths and number of samples and for arbitrary families z, s, g.

    Results: P times any vector and any vector times P (P_times, times_P); the in-degree and the out-degree of every
    weight (delta_in_closed, delta_out_closed, delta_in_last, delta_out_first); D and A without forming P (D_closed,
    A_closed). The magnitude reading is the case of the families mag z, mag s, mag g.

    Glossary
      row_sum w z l n == sum over units i of z l n i
      mean N f        == (f 0 + ... + f (N - 1)) / N *)

From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Definition row_sum (V : zmodType) (w : nat -> nat) (z : nat -> nat -> nat -> V) (l n : nat) : V :=
  sum (w l) (fun i => z l n i).

Definition mean (R : fieldType) (N : nat) (f : nat -> R) : R := N%:R^-1 * sum N f.

Section Links.
Context (V : zmodType) (L : nat) (w : nat -> nat) (f : node -> V).

Lemma over_senders x : (dst x < w (layer x).+1)%N ->
  over L w (fun y => if link x y then f y else 0) =
  if ((layer x).+1 < L)%N then sum (w (layer x).+2) (fun k => f (Node (layer x).+1 (dst x) k)) else 0.
Proof.
move=> i_in; rewrite /over -(sum_pick L _ (fun l => sum (w l.+1) (fun k => f (Node l (dst x) k)))); apply: sum_ext =>
  l _; rewrite /link /=.
have [->|_] /= := eqVneq l (layer x).+1; last by apply: sum_zero => j _; apply: sum_zero.
under sum_ext => j _ do rewrite sum_if.
by rewrite (sum_pick _ (dst x) (fun j => sum _ (fun k => f (Node (layer x).+1 j k)))) i_in.
Qed.

Lemma over_receivers l i k : (l < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => if link x (Node l.+1 i k) then f x else 0) = sum (w l) (fun j => f (Node l j i)).
Proof.
move=> l_in i_in; rewrite /over -[RHS]/(if true then _ else 0) -l_in.
rewrite -(sum_pick L l (fun l => sum (w l) (fun j => f (Node l j i)))); apply: sum_ext => m _; rewrite /link /= eqSS.
rewrite eq_sym; have [->|_] /= := eqVneq m l; last by apply: sum_zero => j _; apply: sum_zero.
apply: sum_ext => j _; under sum_ext => h _ do rewrite eq_sym.
by rewrite (sum_pick _ i (fun h => f (Node l j h))) i_in.
Qed.

Lemma over_no_receivers j i : over L w (fun x => if link x (Node 0 j i) then f x else 0) = 0.
Proof. by apply: over_zero. Qed.
End Links.

Section Degrees.
Context (R : fieldType) (L N : nat) (w : nat -> nat) (z s g : nat -> nat -> nat -> R).
Implicit Types (x : node) (u : node -> R).

Theorem P_times x u : (dst x < w (layer x).+1)%N ->
  over L w (fun y => P N z s g x y * u y) =
  if ((layer x).+1 < L)%N then
    mean N (fun n => s (layer x).+1 n (dst x) * z (layer x) n (src x) *
                     sum (w (layer x).+2) (fun k => g (layer x).+2 n k * u (Node (layer x).+1 (dst x) k)))
  else 0.
Proof.
move=> i_in; rewrite -[LHS]/(over L w (fun y => P N z s g x y * u y)).
pose f y := N%:R^-1 * sum N (fun n => s (layer x).+1 n (dst x) * z (layer x) n (src x) * (g (layer x).+2 n (dst y) *
  u y)).
transitivity (over L w (fun y => if link x y then f y else 0)).
  apply: over_ext => y _; rewrite /P /coupling; case: ifP => _; last by rewrite mulr0 mul0r.
  by rewrite -mulrA sum_mulr; congr (_ * _); apply: sum_ext => n _; rewrite !mulrA.
rewrite over_senders //; case: ifP => // _; rewrite /f /mean -sum_mull; congr (_ * _).
by rewrite sum_exchange; apply: sum_ext => n _; rewrite sum_mull.
Qed.

Theorem times_P l i k u : (l < L)%N -> (i < w l.+1)%N ->
  over L w (fun x => u x * P N z s g x (Node l.+1 i k)) =
  mean N (fun n => s l.+1 n i * sum (w l) (fun j => z l n j * u (Node l j i)) * g l.+2 n k).
Proof.
move=> l_in i_in.
pose f x := N%:R^-1 * sum N (fun n => s (layer x).+1 n (dst x) * (z (layer x) n (src x) * u x) * g (layer x).+2 n k).
transitivity (over L w (fun x => if link x (Node l.+1 i k) then f x else 0)).
  apply: over_ext => x _; rewrite /P /coupling; case: ifP => _; last by rewrite !mulr0.
  rewrite mulrCA sum_mull; congr (_ * _); apply: sum_ext => n _ /=.
  by rewrite [u x * _]mulrC -!mulrA; congr (_ * (_ * _)); rewrite mulrC.
rewrite over_receivers // /f /mean -sum_mull; congr (_ * _).
by rewrite sum_exchange; apply: sum_ext => n _; rewrite sum_mull sum_mulr.
Qed.

Theorem delta_in_closed l j i : (l.+1 < L)%N -> (i < w l.+1)%N ->
  delta_in L w (P N z s g) (Node l j i) = mean N (fun n => s l.+1 n i * z l n j * row_sum w g l.+2 n).
Proof.
move=> l_in i_in; rewrite /delta_in; under [LHS]over_ext => y _ do rewrite -[P _ _ _ _ _ _]mulr1.
rewrite (P_times (x := Node l j i) (fun=> 1)) //= l_in; congr (_ * _); apply: sum_ext => n _.
by congr (_ * _); apply: sum_ext => k _; rewrite mulr1.
Qed.

Theorem delta_in_last l j i : (L <= l.+1)%N -> (i < w l.+1)%N -> delta_in L w (P N z s g) (Node l j i) = 0.
Proof.
move=> l_in i_in; rewrite /delta_in; under [LHS]over_ext => y _ do rewrite -[P _ _ _ _ _ _]mulr1.
by rewrite (P_times (x := Node l j i) (fun=> 1)) //= ltnNge l_in.
Qed.

Theorem delta_out_closed l i k : (l < L)%N -> (i < w l.+1)%N ->
  delta_out L w (P N z s g) (Node l.+1 i k) = mean N (fun n => s l.+1 n i * row_sum w z l n * g l.+2 n k).
Proof.
move=> l_in i_in; rewrite /delta_out; under [LHS]over_ext => y _ do rewrite -[P _ _ _ _ _ _]mul1r.
rewrite (times_P k (fun=> 1)) //; congr (_ * _); apply: sum_ext => n _.
by congr (_ * _ * _); apply: sum_ext => j _; rewrite mulr1.
Qed.

Theorem delta_out_first i k : delta_out L w (P N z s g) (Node 0 i k) = 0.
Proof. by apply: over_zero => x _; rewrite /P /coupling mulr0. Qed.

Theorem D_closed :
  D L w (P N z s g) =
  sum L.-1 (fun l => mean N (fun n => row_sum w z l n * row_sum w s l.+1 n * row_sum w g l.+2 n)).
Proof.
rewrite /D /over; case: L (@delta_in_closed) (@delta_in_last) => [|m] // closed last /=.
rewrite [X in _ + X]sum_zero ?addr0; last first.
  by move=> j _; apply: sum_zero => i i_in; apply: last.
apply: sum_ext => l l_in; rewrite /mean.
under sum_ext => j _ do under sum_ext => i i_in do rewrite closed //.
under sum_ext => j _ do rewrite /mean -sum_mull sum_exchange.
rewrite -sum_mull sum_exchange; congr (_ * _); apply: sum_ext => n _.
move: (row_sum w g _ _) => total_g; rewrite /row_sum sum_mulr sum_mulr; apply: sum_ext => j _.
by rewrite sum_mull sum_mulr; apply: sum_ext => i _; rewrite [z _ _ _ * _]mulrC.
Qed.

Theorem A_closed :
  A L w (P N z s g) =
  sum L.-2 (fun l => sum (w l.+1) (fun i => sum (w l.+2) (fun k =>
    mean N (fun n => s l.+1 n i * row_sum w z l n * g l.+2 n k) *
    mean N (fun n => s l.+2 n k * z l.+1 n i * row_sum w g l.+3 n)))).
Proof.
rewrite /A /over.
case: L (@delta_in_closed) (@delta_in_last) (@delta_out_closed) (@delta_out_first) =>
  [|m] // in_closed in_last out_closed out_first.
rewrite sum_first [X in X + _]sum_zero ?add0r; last first.
  by move=> j _; apply: sum_zero => i _; rewrite out_first mul0r.
case: m in_closed in_last out_closed {out_first} => [|m] //= in_closed in_last out_closed.
rewrite [X in _ + X]sum_zero ?addr0; last first.
  by move=> j _; apply: sum_zero => i i_in; rewrite in_last ?mulr0.
apply: sum_ext => l l_in; apply: sum_ext => i i_in; apply: sum_ext => k k_in.
by rewrite in_closed // out_closed // ltnS ltnW // ltnW.
Qed.
End Degrees.
