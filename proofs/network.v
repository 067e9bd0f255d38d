(** What it means that families z, s, g come from a network: forward pass, backprop, gradient, stationary point.

    Backprop is the definition of g here; gradient.v proves that it gives the derivative of the loss.

    Glossary
      W x                        == weight x
      input w z W l n i          == what kernel l brings to unit i of layer l + 1: sum_j z l n j * W (Node l j i)
      relu a                     == max(0, a)
      step a                     == 1 if a > 0, else 0: the slope of relu, 0 at the kink
      relu_forward L w N b h z s W == hidden units: z = relu (input + b) + h and s = step (input + b), with bias b
                                      and shift h
      no_shift                   == 0 for every unit; no bias is the same function
      homogeneous L w N z s W    == hidden units: z = s * input; so it is for relu without bias and shift
      backprop L w N s g W       == hidden units: g = s * (what the next layer's errors send back)
      gradient N z g x           == dC/dW at x: the mean over samples of activation times error
      stationary L w N z g       == every gradient entry is 0
      fits L w N g               == g_L = 0 on every sample *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Network.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat).
Implicit Types (z s g : nat -> nat -> nat -> R) (W : node -> R) (b h : nat -> nat -> R).

Definition input z W (l n i : nat) : R := sum (w l) (fun j => z l n j * W (Node l j i)).
Definition relu (a : R) : R := Num.max 0 a.
Definition step (a : R) : R := (0 < a)%R%:R.

Definition no_shift (l i : nat) : R := 0.

Definition relu_forward b h z s W := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  z l.+1 n i = relu (input z W l n i + b l.+1 i) + h l.+1 i /\ s l.+1 n i = step (input z W l n i + b l.+1 i).

Definition homogeneous z s W := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  z l.+1 n i = s l.+1 n i * input z W l n i.

Definition backprop s g W := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  g l.+1 n i = s l.+1 n i * sum (w l.+2) (fun k => g l.+2 n k * W (Node l.+1 i k)).

Definition gradient z g x : R := mean N (fun n => z (layer x) n (src x) * g (layer x).+1 n (dst x)).
Definition stationary z g := forall x, inside L w x -> gradient z g x = 0.
Definition fits g := forall n k, (n < N)%N -> (k < w L)%N -> g L n k = 0.

Lemma relu_step a : relu a = step a * a.
Proof. by rewrite /relu /step; case: ltrP => _; rewrite ?mul1r ?mul0r. Qed.

Theorem relu_is_homogeneous z s W : relu_forward no_shift no_shift z s W -> homogeneous z s W.
Proof. by move=> e l n i lL nN iw; have [-> ->] := e l n i lL nN iw; rewrite !addr0 relu_step. Qed.
End Network.

Section Mean.
Context (R : fieldType) (N : nat).
Implicit Types (f h : nat -> R) (c : R).

Lemma mean_ext f h : (forall n, (n < N)%N -> f n = h n) -> mean N f = mean N h.
Proof. by move=> e; congr (_ * _); apply: sum_ext. Qed.

Lemma mean_zero f : (forall n, (n < N)%N -> f n = 0) -> mean N f = 0.
Proof. by move=> e; rewrite /mean sum_zero ?mulr0. Qed.

Lemma mean_mull c f : c * mean N f = mean N (fun n => c * f n).
Proof. by rewrite /mean mulrCA sum_mull. Qed.

Lemma mean_mulr f c : mean N f * c = mean N (fun n => f n * c).
Proof. by rewrite /mean -mulrA sum_mulr. Qed.

Lemma mean_sum m (f : nat -> nat -> R) : sum m (fun i => mean N (fun n => f n i)) = mean N (fun n => sum m (f n)).
Proof. by rewrite /mean -sum_mull sum_exchange. Qed.
End Mean.
