(** The hessian reading: P = d2C / dW_l dW_{l+1}, the gradient differentiated as it stands, adjacent kernels only.

    Results: the R-operator, one pass forward and one pass back for a direction V that lives on one kernel, gives P V on
    the kernel before it and V^T P on the kernel after it (hessian_rows, hessian_columns); all ones in place of V gives
    the degrees (hessian_delta_in, hessian_delta_out). The R-operator is the derivative of the gradient, wherever the
    slopes stay as they are for a while and H_L is the derivative of g_L by the outputs (gradient_moves). So P is the
    derivative of the gradient with nothing held fixed (hessian_is_derivative), for relu off the kinks
    (relu_hessian_is_derivative).

    Glossary
      from_top top step l  == top for l = L; for l < L what step makes of layer l + 1
      H l n i k            == curvature of the loss with respect to the inputs of units i and k of layer l, on sample n
      hessian_P            == the interaction of adjacent kernels with nothing held fixed
      curved               == H follows its recursion: H_l = S_l W_l H_{l+1} W_l^T S_l, kernels counted from 0
      symmetric_top        == H_L is symmetric
      error_tangent        == R g: how the errors move when the weights start to move along V
      gradient_tangent     == R dC/dW: how the gradient does
      lives_on V m         == V is zero off kernel m
      ones_on m            == all ones on kernel m
      slopes_at W          == slopes of the network with weights W, from the slope functions dact
      errors_at W          == its errors by backprop, from err n a k, the error of output k of sample n at the outputs a
      extensional err      == it depends on the outputs' values only
      curved_loss          == H_L is the derivative of the output errors by the outputs
      steady               == the slopes have derivative 0: they do not change with a small change of input *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section FromTop.
Context (T : Type) (L : nat) (top : T) (step : nat -> T -> T).

Fixpoint down (d : nat) : T := if d is e.+1 then step (L - d) (down e) else top.
Definition from_top l : T := down (L - l).

Lemma from_top_last : from_top L = top. Proof. by rewrite /from_top subnn. Qed.
Lemma from_top_next l : (l < L)%N -> from_top l = step l (from_top l.+1).
Proof. by move=> lt; rewrite /from_top -(subnSK lt) /= subnSK // subKn // ltnW. Qed.
End FromTop.

(** What one block of hessian_P does to a vector, on its right and on its left *)

Section Blocks.
Context (R : comRingType).
Implicit Types (a b u M : nat -> R) (c : R) (V : nat -> nat -> R).

Lemma block_times m n i c a b M V : (i < m)%N ->
  sum m (fun h => sum n (fun k => c * ((if h == i then a k else 0) + b h * M k) * V h k)) =
  c * sum n (fun k => M k * sum m (fun h => b h * V h k) + a k * V i k).
Proof.
move=> i_in; rewrite sum_exchange sum_mull; apply: sum_ext => k _; rewrite addrC.
transitivity (sum m (fun h => c * ((if h == i then a k * V i k else 0) + M k * (b h * V h k)))).
  apply: sum_ext => h _; rewrite -mulrA mulrDl mulrCA mulrA; congr (_ * (_ + _)).
  by case: eqP => [->|_]; rewrite ?mul0r.
by rewrite -sum_mull sum_add sum_pick i_in -sum_mull.
Qed.

Lemma times_block m n i c d b u M V : (i < n)%N ->
  sum m (fun j => sum n (fun h => V j h * (u h * b j * ((if i == h then c else 0) + d * M h)))) =
  u i * sum m (fun j => b j * V j i) * c + d * sum n (fun h => u h * sum m (fun j => b j * V j h) * M h).
Proof.
move=> i_in; rewrite sum_exchange; pose moves h := u h * sum m (fun j => b j * V j h).
transitivity (sum n (fun h => (if h == i then moves i * c else 0) + d * (moves h * M h))); last first.
  by rewrite sum_add sum_pick i_in -sum_mull.
apply: sum_ext => h _; transitivity (moves h * ((if i == h then c else 0) + d * M h)).
  rewrite /moves -mulrA sum_mulr sum_mull; apply: sum_ext => j _.
  by rewrite mulrC -!mulrA; congr (_ * (_ * _)); rewrite mulrC.
by rewrite mulrDr [moves h * (d * _)]mulrCA eq_sym; congr (_ + _); case: eqP => [->|_]; rewrite ?mulr0.
Qed.
End Blocks.

Section Hessian.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).
Context (H : nat -> nat -> nat -> nat -> R).

Definition hessian_P (x y : node) : R :=
  if layer y == (layer x).+1 then
    mean N (fun n => s (layer x).+1 n (dst x) * z (layer x) n (src x) *
      ((if src y == dst x then g (layer x).+2 n (dst y) else 0) +
       z (layer x).+1 n (src y) *
       sum (w (layer x).+2) (fun m => W (Node (layer x).+1 (dst x) m) * H (layer x).+2 n m (dst y))))
  else 0.

Definition curved := forall l n i k, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N -> (k < w l.+1)%N ->
  H l.+1 n i k = s l.+1 n i * sum (w l.+2) (fun p => W (Node l.+1 i p) *
    sum (w l.+2) (fun q => H l.+2 n p q * W (Node l.+1 k q))) * s l.+1 n k.

Definition symmetric_top := forall n i k, (n < N)%N -> (i < w L)%N -> (k < w L)%N -> H L n i k = H L n k i.

Lemma curvature_symmetric : curved -> symmetric_top -> forall l n i k, (0 < l <= L)%N -> (n < N)%N ->
  (i < w l)%N -> (k < w l)%N -> H l n i k = H l n k i.
Proof.
move=> curv top l n i k l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d.
elim: d l l_in i k => [|d IH] [|l] //= l_in i k e i_in k_in.
  have eL : l.+1 = L by apply/eqP; rewrite eqn_leq l_in -subn_eq0 e.
  by rewrite eL in i_in k_in *; apply: top.
have lt : (l.+1 < L)%N by rewrite -subn_gt0 e.
have e' : (L - l.+2)%N = d by rewrite subnS e.
rewrite !curv // mulrAC [RHS]mulrAC [s _ _ k * _]mulrC; congr (_ * _).
under sum_ext => p _ do rewrite sum_mull.
rewrite sum_exchange; apply: sum_ext => q q_in; rewrite sum_mull; apply: sum_ext => p p_in.
by rewrite (IH l.+2) // mulrA mulrC [_ * H _ _ _ _]mulrC.
Qed.

(** The R-operator *)

Section Along.
Context (V : node -> R).
Local Notation unit_tangent := (unit_tangent w z s W V).
Local Notation input_tangent := (input_tangent w z s W V).

Definition error_tangent : nat -> nat -> nat -> R :=
  from_top L (fun n k => sum (w L) (fun q => H L n k q * input_tangent L.-1 n q))
    (fun l above n i => s l n i *
      sum (w l.+1) (fun k => above n k * W (Node l i k) + g l.+1 n k * V (Node l i k))).

Lemma error_tangent_last n k : error_tangent L n k = sum (w L) (fun q => H L n k q * input_tangent L.-1 n q).
Proof. by rewrite /error_tangent from_top_last. Qed.

Lemma error_tangent_next l n i : (l < L)%N -> error_tangent l n i =
  s l n i * sum (w l.+1) (fun k => error_tangent l.+1 n k * W (Node l i k) + g l.+1 n k * V (Node l i k)).
Proof. by move=> lt; rewrite {1}/error_tangent from_top_next. Qed.

Definition gradient_tangent x : R :=
  mean N (fun n => unit_tangent (layer x) n (src x) * g (layer x).+1 n (dst x) +
                   z (layer x) n (src x) * error_tangent (layer x).+1 n (dst x)).

Definition lives_on m := forall v, layer v != m -> V v = 0.

Lemma unit_tangent_below m l n i : lives_on m -> (l <= m)%N -> unit_tangent l n i = 0.
Proof.
move=> live; elim: l i => // l IH i lt /=; rewrite sum_zero ?mulr0 // => j _.
by rewrite IH ?(ltnW lt) // live ?mulr0 ?mul0r ?addr0 //= neq_ltn lt.
Qed.

Lemma input_tangent_on m n i : lives_on m -> input_tangent m n i = sum (w m) (fun j => z m n j * V (Node m j i)).
Proof. by move=> live; apply: sum_ext => j _; rewrite (unit_tangent_below _ _ live) // mul0r add0r. Qed.

Lemma input_tangent_above m l n i : lives_on m -> (m < l)%N ->
  input_tangent l n i = sum (w l) (fun j => unit_tangent l n j * W (Node l j i)).
Proof. by move=> live lt; apply: sum_ext => j _; rewrite live ?mulr0 ?addr0 //= gtn_eqF. Qed.

(** Above the kernel that moves, errors move only because the outputs do. *)

Lemma error_tangent_above m l n i : curved -> lives_on m -> (m < l <= L)%N -> (n < N)%N -> (i < w l)%N ->
  error_tangent l n i = sum (w l) (fun k => H l n i k * input_tangent l.-1 n k).
Proof.
move=> curv live l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d.
elim: d l i l_in => [|d IH] [|l] i // /andP[ml lL] e i_in.
  have -> : l.+1 = L by apply/eqP; rewrite eqn_leq lL -subn_eq0 e.
  exact: error_tangent_last.
have lt : (l.+1 < L)%N by rewrite -subn_gt0 e.
have e' : (L - l.+2)%N = d by rewrite subnS e.
rewrite error_tangent_next //.
have next k : (k < w l.+2)%N -> error_tangent l.+2 n k =
    sum (w l.+2) (fun q => H l.+2 n k q * sum (w l.+1) (fun h => s l.+1 n h * input_tangent l n h * W (Node l.+1 h q))).
  move=> k_in; rewrite IH ?(leqW ml) //; apply: sum_ext => q _; congr (_ * _).
  exact: (input_tangent_above _ _ live).
under sum_ext => k k_in do rewrite next // live /= ?gtn_eqF // mulr0 addr0.
transitivity (s l.+1 n i * sum (w l.+1) (fun h => sum (w l.+2) (fun p => W (Node l.+1 i p) *
    sum (w l.+2) (fun q => H l.+2 n p q * W (Node l.+1 h q))) * s l.+1 n h * input_tangent l n h)); last first.
  rewrite sum_mull; apply: sum_ext => h h_in; rewrite curv // !mulrA; congr (_ * _ * _ * _).
congr (_ * _); under [in RHS]sum_ext => h _ do rewrite -mulrA sum_mulr.
rewrite sum_exchange; apply: sum_ext => p _; under [RHS]sum_ext => h _ do rewrite -mulrA.
rewrite -sum_mull mulrC; congr (_ * _).
under sum_ext => q _ do rewrite sum_mull.
rewrite sum_exchange; apply: sum_ext => h _; rewrite sum_mulr; apply: sum_ext => q _.
by rewrite -[RHS]mulrA; congr (_ * _); rewrite mulrC.
Qed.

Theorem hessian_rows x : curved -> lives_on (layer x).+1 -> ((layer x).+1 < L)%N -> inside L w x ->
  gradient_tangent x = over L w (fun y => hessian_P x y * V y).
Proof.
case: x => l j i curv live /= lt /and3P[/= l_in j_in i_in].
rewrite (@over_layer L w _ l.+1) => [|y y_off]; last by rewrite live ?mulr0.
rewrite lt /hessian_P /= eqxx.
under [in RHS]sum_ext => h _ do under sum_ext => k _ do rewrite mean_mulr.
under [in RHS]sum_ext => h _ do rewrite mean_sum.
rewrite mean_sum; apply: mean_ext => n n_in; rewrite /= (unit_tangent_below _ _ live) // mul0r add0r.
rewrite (block_times (w l.+2) _ _ _ _ (fun h k => V (Node l.+1 h k))) // mulrAC [RHS]mulrC; congr (_ * _).
rewrite error_tangent_next //; congr (_ * _); rewrite !sum_add; congr (_ + _).
have next k : (k < w l.+2)%N -> error_tangent l.+2 n k =
    sum (w l.+2) (fun q => H l.+2 n k q * sum (w l.+1) (fun h => z l.+1 n h * V (Node l.+1 h q))).
  move=> k_in; rewrite (error_tangent_above curv live) ?leqnn //; apply: sum_ext => q _; congr (_ * _).
  exact: input_tangent_on.
under [in LHS]sum_ext => k k_in do rewrite next // sum_mulr.
rewrite sum_exchange; apply: sum_ext => q _; rewrite sum_mulr; apply: sum_ext => k _.
by rewrite mulrAC [H _ _ _ _ * _]mulrC.
Qed.

Theorem hessian_columns m x : curved -> symmetric_top -> lives_on m -> layer x = m.+1 -> inside L w x ->
  gradient_tangent x = over L w (fun y => V y * hessian_P y x).
Proof.
case: x => l h k curv top live /= -> {l} /and3P[/= lt h_in k_in].
rewrite (@over_layer L w _ m) => [|y y_off]; last by rewrite live ?mul0r.
rewrite (ltnW lt) /hessian_P /= eqxx.
under [in RHS]sum_ext => j _ do under sum_ext => i _ do rewrite mulrC mean_mulr.
under [in RHS]sum_ext => j _ do rewrite mean_sum.
rewrite mean_sum; apply: mean_ext => n n_in.
under [in RHS]sum_ext => j _ do under sum_ext => i _ do rewrite mulrC.
rewrite (times_block (w m) _ _ _ _ (fun i => sum _ (fun q => W (Node m.+1 i q) * H m.+2 n q k))
  (fun j i => V (Node m j i))) //.
have moves i : s m.+1 n i * sum (w m) (fun j => z m n j * V (Node m j i)) = unit_tangent m.+1 n i.
  by rewrite -(input_tangent_on _ _ live).
rewrite [layer _]/= [dst _]/= [src _]/=; congr (_ * _ + _ * _); first by rewrite -moves.
under [RHS]sum_ext => i _ do rewrite moves.
rewrite (error_tangent_above curv live) // ?ltnS ?leqnSn //.
under [RHS]sum_ext => i _ do rewrite sum_mull.
rewrite [RHS]sum_exchange; apply: sum_ext => q q_in /=; rewrite (input_tangent_above _ _ live) // sum_mull.
by apply: sum_ext => i _; rewrite (curvature_symmetric curv top) // mulrCA [H _ _ _ _ * _]mulrC.
Qed.
End Along.

(** All ones on one kernel: the degrees *)

Definition ones_on m (v : node) : R := (layer v == m)%:R.

Lemma ones_live m : lives_on (ones_on m) m.
Proof. by move=> v /negbTE off; rewrite /ones_on off. Qed.

Theorem hessian_delta_in x : curved -> inside L w x -> ((layer x).+1 < L)%N ->
  delta_in L w hessian_P x =
  mean N (fun n => z (layer x) n (src x) * error_tangent (ones_on (layer x).+1) (layer x).+1 n (dst x)).
Proof.
move=> curv x_in lt; transitivity (gradient_tangent (ones_on (layer x).+1) x); last first.
  by apply: mean_ext => n _; rewrite (unit_tangent_below _ _ (@ones_live _)) // mul0r add0r.
rewrite (hessian_rows curv (@ones_live _)) //; apply: over_ext => y _.
by rewrite /ones_on /hessian_P; case: eqP => _; rewrite ?mulr1 ?mul0r.
Qed.

Theorem hessian_delta_out m j i : curved -> symmetric_top -> inside L w (Node m.+1 j i) ->
  delta_out L w hessian_P (Node m.+1 j i) = gradient_tangent (ones_on m) (Node m.+1 j i).
Proof.
move=> curv top x_in; rewrite (hessian_columns curv top (@ones_live m)) //; apply: over_ext => y _.
by rewrite /ones_on /hessian_P /= eqSS eq_sym; case: eqP => _; rewrite ?mul1r ?mulr0.
Qed.
End Hessian.

(** Whatever the curvature of the loss is, there is such an H. *)

Lemma curvature_exists (R : realFieldType) L w N (s : nat -> nat -> nat -> R) (W : node -> R)
  (top : nat -> nat -> nat -> R) : exists H, curved L w N s W H /\ H L = top.
Proof.
exists (from_top L top (fun l above n i k => s l n i * sum (w l.+1) (fun p => W (Node l i p) *
  sum (w l.+1) (fun q => above n p q * W (Node l k q))) * s l n k)).
by split=> [l n i k l_in _ _ _|]; rewrite ?from_top_last // {1}from_top_next.
Qed.

(** The R-operator is the derivative of the gradient, where the slopes stay as they are for a while *)

Section Moves.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat).
Context (x : nat -> nat -> R) (act dact : nat -> nat -> R -> R) (err : nat -> (nat -> R) -> nat -> R).
Implicit Types (W V : node -> R).
Local Notation z := (units w x act).

Definition slopes_at W (l n i : nat) : R := if l is m.+1 then dact l i (input w (z W) W m n i) else 0.

Definition errors_at W : nat -> nat -> nat -> R :=
  from_top L (fun n => err n (input w (z W) W L.-1 n))
    (fun l above n i => slopes_at W l n i * sum (w l.+1) (fun k => above n k * W (Node l i k))).

Lemma errors_last W n k : errors_at W L n k = err n (input w (z W) W L.-1 n) k.
Proof. by rewrite /errors_at from_top_last. Qed.

Lemma errors_next W l n i : (l < L)%N ->
  errors_at W l n i = slopes_at W l n i * sum (w l.+1) (fun k => errors_at W l.+1 n k * W (Node l i k)).
Proof. by move=> lt; rewrite {1}/errors_at from_top_next. Qed.

Lemma errors_backprop W : backprop L w N (slopes_at W) (errors_at W) W.
Proof. by move=> l n i l_in n_in i_in; apply: errors_next. Qed.

Lemma slopes_moved0 W V l n i : slopes_at (moved W V 0) l n i = slopes_at W l n i.
Proof. by case: l => //= l; rewrite input_moved0. Qed.

Definition extensional := forall n a a', a =1 a' -> err n a =1 err n a'.

Lemma errors_moved0 W V l n i : extensional -> (l <= L)%N -> errors_at (moved W V 0) l n i = errors_at W l n i.
Proof.
move=> ext lL; move: {2}(L - l)%N (erefl (L - l)%N) => d; elim: d l i lL => [|d IH] l i lL e.
  have -> : l = L by apply/eqP; rewrite eqn_leq lL -subn_eq0 e.
  by rewrite !errors_last; apply: ext => k; apply: input_moved0.
have lt : (l < L)%N by rewrite -subn_gt0 e.
rewrite !(errors_next _ _ _ lt) slopes_moved0; congr (_ * _); apply: sum_ext => k _.
by rewrite IH ?moved0 // subnS e.
Qed.

Context (H : nat -> nat -> nat -> nat -> R) (W V : node -> R).
Local Notation moving t := (moved W V t).

Definition steady := forall l n i, (l.+1 < L)%N -> (n < N)%N -> (i < w l.+1)%N ->
  derivative (fun u => dact l.+1 i (input w (z W) W l n i + u)) 0.

Definition curved_loss := forall n k, (n < N)%N -> (k < w L)%N ->
  differentiable (w L) (fun a => err n a k) (input w (z W) W L.-1 n) (H L n k).

Lemma errors_move l n i : sloped L w N x act (slopes_at W) W -> extensional -> steady -> curved_loss ->
  (0 < l <= L)%N -> (n < N)%N -> (i < w l)%N ->
  derivative (fun t => errors_at (moving t) l n i) (error_tangent L w (z W) (slopes_at W) (errors_at W) W H V l n i).
Proof.
move=> slope ext still top l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d.
elim: d l l_in i => [|d IH] [|l] //= l_in i e i_in.
  have eL : l.+1 = L by apply/eqP; rewrite eqn_leq l_in -subn_eq0 e.
  rewrite eL in i_in *; rewrite error_tangent_last.
  apply: derivative_ext (_ : derivative (fun t => err n (fun k => input w (z (moving t)) (moving t) L.-1 n k) i) _).
    by move=> t; rewrite errors_last.
  by apply: top => // k k_in; [exact: input_moved0 | apply: inputs_move slope _ _; rewrite // -eL].
have lt : (l.+1 < L)%N by rewrite -subn_gt0 e.
have e' : (L - l.+2)%N = d by rewrite subnS e.
apply: derivative_ext (_ : derivative (fun t => slopes_at (moving t) l.+1 n i *
    sum (w l.+2) (fun k => errors_at (moving t) l.+2 n k * moving t (Node l.+1 i k))) _).
  by move=> t; rewrite -errors_next.
have fixed : derivative (fun t => slopes_at (moving t) l.+1 n i) (0 * input_tangent w (z W) (slopes_at W) W V l n i).
  apply: (derivative_comp (f := dact l.+1 i) (inputs_move V i slope (ltnW lt) n_in)).
  by rewrite input_moved0; apply: still.
have above : derivative (fun t => sum (w l.+2) (fun k => errors_at (moving t) l.+2 n k * moving t (Node l.+1 i k)))
    (sum (w l.+2) (fun k => error_tangent L w (z W) (slopes_at W) (errors_at W) W H V l.+2 n k * W (Node l.+1 i k) +
                            errors_at W l.+2 n k * V (Node l.+1 i k))).
  apply: derivative_sum => k k_in; rewrite -{1}(moved0 W V (Node l.+1 i k)) -(errors_moved0 W V _ _ ext) //.
  by apply: derivative_mul; [apply: IH | apply: derivative_line].
have := derivative_mul fixed above; rewrite !mul0r add0r slopes_moved0.
by rewrite error_tangent_next.
Qed.

Theorem gradient_moves v : sloped L w N x act (slopes_at W) W -> extensional -> steady -> curved_loss -> inside L w v ->
  derivative (fun t => gradient N (z (moving t)) (errors_at (moving t)) v)
    (gradient_tangent L w N (z W) (slopes_at W) (errors_at W) W H V v).
Proof.
case: v => l j i slope ext still top /and3P[/= l_in j_in i_in].
apply: derivative_mull; apply: derivative_sum => n n_in /=.
rewrite -[z W l n j](units_moved0 w x act W V) -(errors_moved0 W V _ _ ext) //.
by apply: derivative_mul; [apply: units_move slope _ _ _ | apply: errors_move].
Qed.

Theorem hessian_is_derivative v : sloped L w N x act (slopes_at W) W -> extensional -> steady -> curved_loss ->
  curved L w N (slopes_at W) W H -> lives_on V (layer v).+1 -> ((layer v).+1 < L)%N -> inside L w v ->
  derivative (fun t => gradient N (z (moving t)) (errors_at (moving t)) v)
    (over L w (fun u => hessian_P w N (z W) (slopes_at W) (errors_at W) W H v u * V u)).
Proof.
by move=> slope ext still top curv live lt v_in; rewrite -hessian_rows //; apply: gradient_moves.
Qed.
End Moves.

Section Relu.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (x : nat -> nat -> R) (b h : nat -> nat -> R).
Context (err : nat -> (nat -> R) -> nat -> R) (W : node -> R) (H : nat -> nat -> nat -> nat -> R).
Local Notation z := (units w x (relu_unit b h)).
Local Notation slope := (fun l i a => step (a + b l i)).
Local Notation s := (slopes_at w x (relu_unit b h) slope W).
Local Notation g := (errors_at L w x (relu_unit b h) slope err).

Theorem relu_hessian_is_derivative v u : off_kinks L w N W b (z W) -> extensional err ->
  curved_loss L w N x (relu_unit b h) err H W -> curved L w N s W H ->
  inside L w v -> inside L w u -> layer u = (layer v).+1 ->
  derivative (fun t => gradient N (z (moved W (only R u) t)) (g (moved W (only R u) t)) v)
    (hessian_P w N (z W) s (g W) W H v u).
Proof.
move=> off ext top curv v_in u_in next; rewrite -(over_only (hessian_P w N (z W) s (g W) W H v) u_in).
apply: hessian_is_derivative => //.
- by move=> l n i l_in n_in i_in; apply: derivative_relu_unit; apply: off.
- move=> l n i l_in n_in i_in; apply: derivative_ext (derivative_step (off l n i l_in n_in i_in)) => t.
  by rewrite addrAC.
- by move=> a; rewrite -next /only => /negbTE ->.
by rewrite -next; case/and3P: u_in.
Qed.
End Relu.
