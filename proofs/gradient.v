(** Backprop's recursion gives the derivative of the loss, and P is the derivative of the gradient that it is said to
    be.

    Results: along every direction V in the weights the loss has the derivative <V, dC/dW>, dC/dW made of the
    activations and of the errors that backprop sends, if these begin with the gradient of the loss by the outputs
    (gradient_is_derivative). So it is for every activation function that has the slopes s as its derivatives; for relu
    with bias and shift that means off the kinks (relu_gradient_is_derivative, relu_partial_derivative), and
    derivative_scaled_relu has the case of a frozen norm before or after the relu. Squared error has the gradient
    a_L - y (squared_error_differentiable); cross_entropy.v has the other loss. With z, s and g held fixed the gradient
    of one kernel is linear in the next one, and P is its matrix (P_is_derivative).

    Glossary
      differentiable m f a d == the function f of m numbers has the gradient d at a
      act l i                == activation function of unit i of layer l; biases, shifts and norms are part of it
      units w x act W l n i  == activation of unit i of layer l on sample n, from the inputs x
      ell n a                == loss of sample n at the outputs a
      loss                   == its mean over the samples
      moved W V t            == W + t V
      unit_tangent, input_tangent == how activations and inputs move when the weights start to move along V
      pairing l n            == the part of <V, dC/dW> of kernel l and sample n
      sloped                 == s is the derivative of act at every hidden input
      relu_unit b h          == the activation function relu (a + b) + h
      off_kinks              == no hidden unit's input plus bias is 0
      received W             == what the next kernel's W makes of a kernel's gradient, with z, s and g held fixed *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Differentiable.
Context (R : realFieldType).

(** Along every path through a the function has the derivative that the chain rule makes of d. *)

Definition differentiable (m : nat) (f : (nat -> R) -> R) (a d : nat -> R) :=
  forall (path : nat -> R -> R) (v : nat -> R),
  (forall k, (k < m)%N -> path k 0 = a k) -> (forall k, (k < m)%N -> derivative (path k) (v k)) ->
  derivative (fun t => f (fun k => path k t)) (sum m (fun k => d k * v k)).

Lemma differentiable_ext m f a d d' : (forall k, (k < m)%N -> d k = d' k) ->
  differentiable m f a d -> differentiable m f a d'.
Proof.
move=> e df path v at0 moves; have -> : sum m (fun k => d' k * v k) = sum m (fun k => d k * v k); last exact: df.
by apply: sum_ext => k k_in; rewrite e.
Qed.

Definition squared_error (m : nat) (y a : nat -> R) : R := 2%:R^-1 * sum m (fun k => (a k - y k) ^+ 2).

Theorem squared_error_differentiable m y a : differentiable m (squared_error m y) a (fun k => a k - y k).
Proof.
move=> path v at0 moves; have two : 2%:R != 0 :> R by rewrite pnatr_eq0.
have -> : sum m (fun k => (a k - y k) * v k) = 2%:R^-1 * sum m (fun k => (a k - y k) * v k * 2%:R).
  by rewrite -sum_mulr mulrC mulfK.
apply: derivative_mull; apply: derivative_sum => k k_in.
have off : derivative (fun t => path k t - y k) (v k).
  by rewrite -[v k]addr0; apply: derivative_add (derivative_const _); apply: moves.
have := derivative_mul off off; rewrite at0 // [v k * _]mulrC -mulr2n -mulr_natr.
by apply: derivative_ext => t; rewrite expr2.
Qed.

Lemma output_differentiable m (y a : nat -> R) k : (k < m)%N ->
  differentiable m (fun a => a k - y k) a (fun q => (q == k)%:R).
Proof.
move=> k_in path v at0 moves; rewrite (sum_ext (h := fun q => if q == k then v q else 0)); last first.
  by move=> q _; case: eqP; rewrite ?mul1r ?mul0r.
by rewrite sum_pick k_in -[v k]addr0; apply: derivative_add (derivative_const _); apply: moves.
Qed.
End Differentiable.

Section Loss.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat).
Context (x : nat -> nat -> R) (act : nat -> nat -> R -> R) (ell : nat -> (nat -> R) -> R).
Implicit Types (W V : node -> R) (t : R).

Fixpoint units W (l n i : nat) : R :=
  if l is m.+1 then act l i (sum (w m) (fun j => units W m n j * W (Node m j i))) else x n i.

Definition loss W : R := mean N (fun n => ell n (input w (units W) W L.-1 n)).

Definition moved W V t (v : node) : R := W v + t * V v.

Lemma moved0 W V v : moved W V 0 v = W v. Proof. by rewrite /moved mul0r addr0. Qed.

Lemma units_moved0 W V l n i : units (moved W V 0) l n i = units W l n i.
Proof. by elim: l i => [|l IH] i //=; congr (act _ _ _); apply: sum_ext => j _; rewrite IH moved0. Qed.

Lemma input_moved0 W V l n i : input w (units (moved W V 0)) (moved W V 0) l n i = input w (units W) W l n i.
Proof. by apply: sum_ext => j _; rewrite units_moved0 moved0. Qed.
End Loss.

(** The tangent: how units and inputs move when the weights start to move along V; backprop is its adjoint. *)

Section Tangent.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W V : node -> R).

Fixpoint unit_tangent (l n i : nat) : R :=
  if l is m.+1 then s l n i * sum (w m) (fun j => unit_tangent m n j * W (Node m j i) + z m n j * V (Node m j i))
  else 0.

Definition input_tangent l n i : R :=
  sum (w l) (fun j => unit_tangent l n j * W (Node l j i) + z l n j * V (Node l j i)).

Definition pairing l n : R :=
  sum (w l) (fun j => sum (w l.+1) (fun i => V (Node l j i) * (z l n j * g l.+1 n i))).

Lemma adjoint_step l n :
  sum (w l.+1) (fun i => g l.+1 n i * input_tangent l n i) =
  sum (w l) (fun j => unit_tangent l n j * sum (w l.+1) (fun i => g l.+1 n i * W (Node l j i))) + pairing l n.
Proof.
under [LHS]sum_ext => i _ do rewrite sum_mull.
rewrite sum_exchange /pairing -sum_add; apply: sum_ext => j _; rewrite sum_mull -sum_add; apply: sum_ext => i _.
by rewrite mulrDr mulrCA; congr (_ + _); rewrite mulrA mulrC [g _ _ _ * _]mulrC.
Qed.

Lemma adjoint l n : backprop L w N s g W -> (l < L)%N -> (n < N)%N ->
  sum (w l.+1) (fun i => g l.+1 n i * input_tangent l n i) = sum l.+1 (fun m => pairing m n).
Proof.
move=> back l_in n_in; elim: l l_in => [|l IH] l_in; rewrite adjoint_step [RHS]/=; congr (_ + _).
  by apply: sum_zero => j _; rewrite mul0r.
rewrite -[RHS](IH (ltnW l_in)); apply: sum_ext => j j_in /=.
by rewrite -/(input_tangent l n j) back // mulrAC.
Qed.

Lemma gradient_pairing : over L w (fun v => V v * gradient N z g v) = mean N (fun n => sum L (fun l => pairing l n)).
Proof.
rewrite /mean; under [in RHS]sum_ext => n _ do
  rewrite -/(over L w (fun v => V v * (z (layer v) n (src v) * g (layer v).+1 n (dst v)))).
by rewrite over_sum over_mull; apply: over_ext => v _; rewrite -sum_mull mulrCA.
Qed.
End Tangent.

Section Gradient.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat).
Context (x : nat -> nat -> R) (act : nat -> nat -> R -> R) (ell : nat -> (nat -> R) -> R).
Context (s g : nat -> nat -> nat -> R) (W V : node -> R).
Local Notation z := (units w x act W).
Local Notation moving t := (moved W V t).
Local Notation unit_tangent := (unit_tangent w z s W V).
Local Notation input_tangent := (input_tangent w z s W V).

Definition sloped := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  derivative (fun u => act l.+1 i (input w z W l n i + u)) (s l.+1 n i).

Lemma input_moves l n i :
  (forall j, (j < w l)%N -> derivative (fun t => units w x act (moving t) l n j) (unit_tangent l n j)) ->
  derivative (fun t => input w (units w x act (moving t)) (moving t) l n i) (input_tangent l n i).
Proof.
move=> e; apply: derivative_sum => j j_in; rewrite -[z l n j](units_moved0 w x act W V) -(moved0 W V (Node l j i)).
by apply: derivative_mul; [apply: e | apply: derivative_line].
Qed.

Lemma units_move l n i : sloped -> (l < L)%N -> (n < N)%N -> (i < w l)%N ->
  derivative (fun t => units w x act (moving t) l n i) (unit_tangent l n i).
Proof.
move=> slopes l_in n_in; elim: l l_in i => [|l IH] l_in i i_in /=; first exact: derivative_const.
have move_input : derivative (fun t => input w (units w x act (moving t)) (moving t) l n i) (input_tangent l n i).
  by apply: input_moves => j j_in; apply: IH => //; apply: ltnW.
by apply: (derivative_comp move_input); rewrite input_moved0; apply: slopes.
Qed.

Lemma inputs_move l n i : sloped -> (l < L)%N -> (n < N)%N ->
  derivative (fun t => input w (units w x act (moving t)) (moving t) l n i) (input_tangent l n i).
Proof. by move=> slopes l_in n_in; apply: input_moves => j j_in; apply: units_move. Qed.

Theorem gradient_is_derivative : (0 < L)%N -> sloped -> backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w z W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N x act ell (moving t)) (over L w (fun v => V v * gradient N z g v)).
Proof.
move=> L_pos slopes back top; rewrite (gradient_pairing L w N z).
apply: derivative_mull; apply: derivative_sum => n n_in.
have := @adjoint _ L w N z s g W V L.-1 n back; rewrite !prednK // => <- //.
by apply: top => // k k_in; [exact: input_moved0 | apply: inputs_move; rewrite ?prednK].
Qed.

(** Relu with bias and shift, off the kinks *)

Definition off_kinks (b : nat -> nat -> R) z := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  input w z W l n i + b l.+1 i != 0.
End Gradient.

Section Relu.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).
Context (b h : nat -> nat -> R) (ell : nat -> (nat -> R) -> R).

Definition relu_unit l i (a : R) : R := relu (a + b l i) + h l i.

Lemma derivative_relu_unit l i a : a + b l i != 0 -> derivative (fun u => relu_unit l i (a + u)) (step (a + b l i)).
Proof.
have := @derivative_scaled_relu _ 1 (h l i) 1 (b l i) a; rewrite !mul1r mulr1 => near /near.
by apply: derivative_ext => u; rewrite !mul1r.
Qed.

Lemma units_are_activations l n i : relu_forward L w N b h z s W -> (l < L)%N -> (n < N)%N -> (i < w l)%N ->
  units w (z 0%N) relu_unit W l n i = z l n i.
Proof.
move=> e l_in n_in; elim: l l_in i => [|l IH] l_in i i_in //; have [-> _] := e l n i l_in n_in i_in.
by rewrite /= /relu_unit; congr (relu (_ + _) + _); apply: sum_ext => j j_in; rewrite IH ?(ltnW l_in).
Qed.

Lemma inputs_are_inputs l n i : relu_forward L w N b h z s W -> (l < L)%N -> (n < N)%N ->
  input w (units w (z 0%N) relu_unit W) W l n i = input w z W l n i.
Proof. by move=> e l_in n_in; apply: sum_ext => j j_in; rewrite units_are_activations. Qed.

Theorem relu_gradient_is_derivative V : (0 < L)%N -> relu_forward L w N b h z s W -> off_kinks L w N W b z ->
  backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w z W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N (z 0%N) relu_unit ell (moved W V t))
    (over L w (fun v => V v * gradient N z g v)).
Proof.
move=> L_pos fwd off back top.
have -> : over L w (fun v => V v * gradient N z g v) =
    over L w (fun v => V v * gradient N (units w (z 0%N) relu_unit W) g v).
  apply: over_ext => v /and3P[v_in src_in _]; congr (_ * _); apply: mean_ext => n n_in.
  by rewrite units_are_activations.
apply: gradient_is_derivative back _ => // [l n i l_in n_in i_in|n n_in F d F0 dF]; last first.
  by apply: top => // k k_in; rewrite F0 // inputs_are_inputs ?prednK.
have [_ ->] := fwd l n i l_in n_in i_in; rewrite inputs_are_inputs ?(ltnW l_in) //.
exact: derivative_relu_unit (off l n i l_in n_in i_in).
Qed.

Theorem relu_partial_derivative (x : node) : (0 < L)%N -> inside L w x -> relu_forward L w N b h z s W ->
  off_kinks L w N W b z -> backprop L w N s g W ->
  (forall n, (n < N)%N -> differentiable (w L) (ell n) (input w z W L.-1 n) (g L n)) ->
  derivative (fun t => loss L w N (z 0%N) relu_unit ell (moved W (only R x) t)) (gradient N z g x).
Proof.
move=> L_pos x_in fwd off back top; rewrite -(over_only (gradient N z g) x_in).
have := relu_gradient_is_derivative (only R x) L_pos fwd off back top.
by under [X in derivative _ X]over_ext => v _ do rewrite mulrC.
Qed.

End Relu.

(** P is the derivative of the gradient by the next kernel, with z, s and g held fixed *)

Section Received.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R).
Implicit Types (V W : node -> R) (x y : node) (t : R).

Definition received W x : R :=
  mean N (fun n => z (layer x) n (src x) * (s (layer x).+1 n (dst x) *
    sum (w (layer x).+2) (fun k => g (layer x).+2 n k * W (Node (layer x).+1 (dst x) k)))).

Theorem received_is_gradient W x : backprop L w N s g W -> inside L w x -> ((layer x).+1 < L)%N ->
  received W x = gradient N z g x.
Proof. by move=> back /and3P[_ _ dst_in] x_in; apply: mean_ext => n n_in /=; rewrite back. Qed.

Theorem P_is_derivative W V x t : inside L w x -> ((layer x).+1 < L)%N ->
  received (moved W V t) x = received W x + t * over L w (fun y => P N z s g x y * V y).
Proof.
move=> /and3P[_ _ dst_in] x_in; rewrite P_times // x_in /received /mean mulrCA -mulrDr; congr (_ * _).
rewrite sum_mull -sum_add; apply: sum_ext => n _; rewrite [s _ _ _ * z _ _ _]mulrC -[z _ _ _ * _ * _]mulrA.
rewrite [t * _]mulrCA -mulrDr [t * _]mulrCA -mulrDr; congr (_ * (_ * _)); rewrite sum_mull -sum_add.
by apply: sum_ext => k _; rewrite /moved mulrDr [g _ _ _ * (t * _)]mulrCA.
Qed.

Theorem P_is_partial W x y t : inside L w x -> inside L w y -> ((layer x).+1 < L)%N ->
  received (moved W (only R y) t) x = received W x + t * P N z s g x y.
Proof. by move=> x_in y_in lt; rewrite P_is_derivative // over_only. Qed.
End Received.
