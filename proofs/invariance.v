(** T3 in general: what does not change the loss receives nothing, in any network.

    Results: if a shift of the parameters leaves the loss unchanged and commutes with moving one parameter, the loss's
    derivative by that parameter stays the same along the shift (derivative_along_shift), so what the shifted parameters
    send it sums to 0 (sent_sums_to_zero). A constant added to all outputs of a sample leaves softmax's cross-entropy
    unchanged (cross_entropy_shift), whatever the constant is and whatever made the outputs: the biases, and what leaves
    one unit for all outputs, are such shifts in any network. So a dense softmax layer on any body sends 0 in sum: the
    weights that leave one of its inputs (softmax_row_sends_zero), and its biases (softmax_biases_send_zero).

    Glossary
      T                   == what the parameters are; it may be anything
      shift t, move u     == parameters shifted by t, and with one of them moved by u
      exponential e       == e is positive and e (a + b) = e a * e b
      raises              == shifting by t adds t * raise theta n to every output of sample n
      body theta n j      == feature j of sample n; it may look at the other samples, as batch norm in training does
      head body theta K b == the outputs of a dense layer with kernel K and bias b on the body's q features
      head_loss theta K b == their mean cross-entropy
      row_raised j t K    == K with t added to every weight that leaves feature j *)
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

(** A dense softmax layer on any body: theta is all that the body is made of, and [move] moves one parameter of it. *)
Section AnyBody.
Context (R : realFieldType) (e ln : R -> R) (m N q : nat) (y : nat -> nat -> R) (B : Type).
Context (body : B -> nat -> nat -> R) (move : R -> B -> B) (theta : B).
Implicit Types (K : nat -> nat -> R) (b : nat -> R) (t u : R).

Definition head (th : B) K b n k : R := sum q (fun j => body th n j * K j k) + b k.
Definition head_loss th K b : R := mean N (fun n => cross_entropy e ln m (y n) (head th K b n)).
Definition row_raised j t K (i k : nat) : R := K i k + (if i == j then t else 0).
Definition biases_raised t b (k : nat) : R := b k + t.

Lemma head_row_raised th j t K b n k : (j < q)%N ->
  head th (row_raised j t K) b n k = head th K b n k + t * body th n j.
Proof.
move=> j_in; rewrite /head addrAC; congr (_ + _).
transitivity (sum q (fun i => body th n i * K i k + (if i == j then body th n i * t else 0))).
  by apply: sum_ext => i _; rewrite /row_raised mulrDr; case: eqP; rewrite ?mulr0.
by rewrite sum_add sum_pick j_in [body _ _ _ * t]mulrC.
Qed.

Context (K : nat -> nat -> R) (b : nat -> R) (ex : exponential e).

Theorem softmax_row_sends_zero j (G : (nat -> nat -> R) -> R) (sent : nat -> R) : (j < q)%N ->
  (forall K, derivative (fun u => head_loss (move u theta) K b) (G K)) ->
  derivative (fun t => G (row_raised j t K)) (sum m sent) -> sum m sent = 0.
Proof.
move=> j_in G_is; pose shift t (p : B * (nat -> nat -> R)) := (p.1, row_raised j t p.2).
apply: (@softmax_sends_zero _ e ln m N y _ (fun p => head p.1 p.2 b) shift (fun u p => (move u p.1, p.2))
          (fun p n => body p.1 n j) (theta, K) (fun p => G p.2)) => //= [t [th k'] n k _|t|]; try exact: G_is.
exact: head_row_raised.
Qed.

Theorem softmax_biases_send_zero (G : (nat -> R) -> R) (sent : nat -> R) :
  (forall b, derivative (fun u => head_loss (move u theta) K b) (G b)) ->
  derivative (fun t => G (biases_raised t b)) (sum m sent) -> sum m sent = 0.
Proof.
move=> G_is; pose shift t (p : B * (nat -> R)) := (p.1, biases_raised t p.2).
apply: (@softmax_sends_zero _ e ln m N y _ (fun p => head p.1 K p.2) shift (fun u p => (move u p.1, p.2))
          (fun _ _ => 1) (theta, b) (fun p => G p.2)) => //= [t [th b'] n k _|t|]; try exact: G_is.
by rewrite /= /head /biases_raised mulr1 addrA.
Qed.
End AnyBody.
