(** T3 in general: what does not change the loss receives nothing, in any network.

    Results: if a shift of the parameters leaves the loss unchanged and commutes with moving one parameter, the loss's
    derivative by that parameter stays the same along the shift (derivative_along_shift), so what the shifted parameters
    send it sums to 0 (sent_sums_to_zero). A constant added to all outputs of a sample leaves softmax's cross-entropy
    unchanged (cross_entropy_shift), whatever the constant is and whatever made the outputs: the biases, and what leaves
    one unit for all outputs, are such shifts in any network.

    Glossary
      T                   == what the parameters are; it may be anything
      shift t, move u     == parameters shifted by t, and with one of them moved by u
      exponential e       == e is positive and e (a + b) = e a * e b
      raises              == shifting by t adds t * raise theta n to every output of sample n *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient hessian softmax cross_entropy.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Shift.
Context (R : realFieldType) (T : Type) (C : T -> R) (shift move : R -> T -> T) (theta : T).
Context (same : forall t theta, C (shift t theta) = C theta).
Context (commute : forall u t theta, move u (shift t theta) = shift t (move u theta)).

Theorem derivative_along_shift d t :
  derivative (fun u => C (move u theta)) d -> derivative (fun u => C (move u (shift t theta))) d.
Proof. by apply: derivative_ext => u; rewrite commute same. Qed.

Theorem sent_sums_to_zero (G : T -> R) m (sent : nat -> R) :
  (forall t, derivative (fun u => C (move u (shift t theta))) (G (shift t theta))) ->
  derivative (fun u => C (move u theta)) (G theta) ->
  derivative (fun t => G (shift t theta)) (sum m sent) -> sum m sent = 0.
Proof.
move=> G_is G_here moves; apply: derivative_unique moves _.
apply: derivative_ext (derivative_const (G theta)) => t.
by apply: derivative_unique (G_is t); apply: derivative_along_shift.
Qed.
End Shift.

Section Softmax.
Context (R : realFieldType) (e ln : R -> R) (m : nat) (y : nat -> R).

Definition exponential := (forall a, 0 < e a) /\ (forall a b, e (a + b) = e a * e b).

Theorem softmax_shift a c k : exponential -> softmax e m (fun h => a h + c) k = softmax e m a k.
Proof.
case=> pos adds; rewrite /softmax adds; under sum_ext => h _ do rewrite adds.
by rewrite -sum_mulr -mulf_div divff ?mulr1 // gt_eqF.
Qed.

Theorem cross_entropy_shift a c : exponential -> cross_entropy e ln m y (fun h => a h + c) = cross_entropy e ln m y a.
Proof. by move=> ex; congr (- _); apply: sum_ext => k _; rewrite softmax_shift. Qed.
End Softmax.

(** Any network whose outputs are raised together: by a bias added to each, or by the weights that leave one unit. *)
Section AnyNetwork.
Context (R : realFieldType) (e ln : R -> R) (m N : nat) (y : nat -> nat -> R) (T : Type).
Context (outputs : T -> nat -> nat -> R) (shift move : R -> T -> T) (raise : T -> nat -> R) (theta : T).

Definition loss_of (theta : T) : R := mean N (fun n => cross_entropy e ln m (y n) (outputs theta n)).
Definition raises := forall t theta n k, (n < N)%N -> outputs (shift t theta) n k = outputs theta n k + t * raise theta n.

Theorem softmax_sends_zero (G : T -> R) p (sent : nat -> R) : exponential e -> raises ->
  (forall u t theta, move u (shift t theta) = shift t (move u theta)) ->
  (forall t, derivative (fun u => loss_of (move u (shift t theta))) (G (shift t theta))) ->
  derivative (fun u => loss_of (move u theta)) (G theta) ->
  derivative (fun t => G (shift t theta)) (sum p sent) -> sum p sent = 0.
Proof.
move=> ex up commute; apply: (sent_sums_to_zero (C := loss_of) _ commute) => t th; apply: mean_ext => n n_in.
rewrite -[RHS](cross_entropy_shift ln m (y n) _ (t * raise th n) ex); congr (- _); apply: sum_ext => k _.
congr (_ * ln _); rewrite /softmax up //; congr (_ / _); apply: sum_ext => h _; by rewrite up.
Qed.
End AnyNetwork.
