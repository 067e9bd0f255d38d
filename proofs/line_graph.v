(** The line graph of a layered network, its interaction matrix P, and the degrees that beta_eff is made of.

    Results: A is the total of P P, one step after the other (A_two_step); scaling P by c scales D by c and A by c^2
    (D_scale, A_scale); P lives inside the reversed line graph (support_in_line_graph),
    and fills it, for one sample or in magnitude, where no factor vanishes (support_of_one_sample,
    support_of_magnitude).

    Conventions. Kernels count from 0: kernel l leads from unit layer l to unit layer l + 1, so it is W_{l+1} of
    MATHEMATICS.md; unit layer 0 is the input and unit layer L the output. All families are functions of natural
    numbers, and only the values inside the widths ever count.

    Glossary
      L                  == number of kernels
      w l                == width of unit layer l
      N                  == number of samples
      z l n i            == activation of unit i of layer l on sample n; z 0 is the input
      s l n i            == slope (derivative of the activation function) there
      g l n i            == backprop error there, not divided by N
      Node l j i         == the weight of kernel l from unit j to unit i
      inside L w x       == the weight x exists
      over L w f         == the sum of f over all weights
      link x y           == y leaves the unit that x enters: the error flows from y to x
      only R x           == the direction in which the weight x alone grows: 1 at x, 0 elsewhere
      coupling N z s g   == N P, which needs no division
      P N z s g x y      == how weight y acts on the equation of weight x (row x receives, column y sends)
      delta_in L w M     == M 1
      delta_out L w M    == 1^T M
      A L w M, D L w M   == <delta_out, delta_in> = 1^T M M 1 and 1^T M 1
      beta_eff L w M     == A / D
      active z s g x y n == no factor of the entry (x, y) vanishes on sample n
      mag z              == absolute values; P N (mag z) (mag s) (mag g) is the magnitude reading *)

From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Record node := Node {layer : nat; src : nat; dst : nat}.

Definition inside (L : nat) (w : nat -> nat) (x : node) : bool :=
  [&& (layer x < L)%N, (src x < w (layer x))%N & (dst x < w (layer x).+1)%N].

Definition link (x y : node) : bool := (layer y == (layer x).+1) && (src y == dst x).

Definition over (V : zmodType) (L : nat) (w : nat -> nat) (f : node -> V) : V :=
  sum L (fun l => sum (w l) (fun j => sum (w l.+1) (fun i => f (Node l j i)))).

Definition only (R : ringType) (x v : node) : R := [&& layer v == layer x, src v == src x & dst v == dst x]%:R.

Definition coupling (R : ringType) (N : nat) (z s g : nat -> nat -> nat -> R) (x y : node) : R :=
  if link x y then
    sum N (fun n => s (layer x).+1 n (dst x) * z (layer x) n (src x) * g (layer x).+2 n (dst y))
  else 0.

Definition P (R : fieldType) (N : nat) (z s g : nat -> nat -> nat -> R) (x y : node) : R :=
  N%:R^-1 * coupling N z s g x y.

Definition delta_in (V : zmodType) L w (M : node -> node -> V) (x : node) : V := over L w (fun y => M x y).
Definition delta_out (V : zmodType) L w (M : node -> node -> V) (x : node) : V := over L w (fun y => M y x).
Definition A (R : ringType) L w (M : node -> node -> R) : R := over L w (fun x => delta_out L w M x * delta_in L w M x).
Definition D (V : zmodType) L w (M : node -> node -> V) : V := over L w (delta_in L w M).
Definition beta_eff (R : fieldType) L w (M : node -> node -> R) : R := A L w M / D L w M.

Definition mag (R : numDomainType) (z : nat -> nat -> nat -> R) (l n i : nat) : R := `|z l n i|.

Section Over.
Context (L : nat) (w : nat -> nat).

Lemma over_ext (V : zmodType) (f h : node -> V) :
  (forall x, inside L w x -> f x = h x) -> over L w f = over L w h.
Proof.
move=> e; apply: sum_ext => l lL; apply: sum_ext => j jw; apply: sum_ext => i iw.
by apply: e; rewrite /inside /= lL jw iw.
Qed.

Lemma over_zero (V : zmodType) (f : node -> V) : (forall x, inside L w x -> f x = 0) -> over L w f = 0.
Proof.
move=> e; apply: sum_zero => l lL; apply: sum_zero => j jw; apply: sum_zero => i iw.
by apply: e; rewrite /inside /= lL jw iw.
Qed.

Lemma over_mull (R : ringType) (c : R) f : c * over L w f = over L w (fun x => c * f x).
Proof.
rewrite /over sum_mull; apply: sum_ext => l _; rewrite sum_mull; apply: sum_ext => j _.
by rewrite sum_mull.
Qed.

Lemma over_mulr (R : ringType) (c : R) f : over L w f * c = over L w (fun x => f x * c).
Proof.
rewrite /over sum_mulr; apply: sum_ext => l _; rewrite sum_mulr; apply: sum_ext => j _.
by rewrite sum_mulr.
Qed.

Lemma over_morph (U V : zmodType) (phi : {additive U -> V}) f : phi (over L w f) = over L w (fun x => phi (f x)).
Proof.
rewrite /over sum_morph; apply: sum_ext => l _; rewrite sum_morph; apply: sum_ext => j _.
by rewrite sum_morph.
Qed.

Lemma over_layer (V : zmodType) m (f : node -> V) : (forall v, layer v != m -> f v = 0) ->
  over L w f = if (m < L)%N then sum (w m) (fun j => sum (w m.+1) (fun i => f (Node m j i))) else 0.
Proof.
move=> e; rewrite -(sum_pick L m (fun l => sum (w l) (fun j => sum (w l.+1) (fun i => f (Node l j i))))).
apply: sum_ext => l _; case: eqP => // /eqP off; apply: sum_zero => j _; apply: sum_zero => i _; exact: e.
Qed.

Lemma over_only (R : ringType) (f : node -> R) x : inside L w x -> over L w (fun v => f v * only R x v) = f x.
Proof.
case: x => l j i /and3P[/= l_in j_in i_in]; rewrite /over /only /=.
transitivity (sum L (fun m => if m == l then sum (w m) (fun j' => if j' == j then
  sum (w m.+1) (fun i' => if i' == i then f (Node m j' i') else 0) else 0) else 0)).
  apply: sum_ext => m _; rewrite -sum_if; apply: sum_ext => j' _; rewrite -!sum_if; apply: sum_ext => i' _.
  by case: (m == l); case: (j' == j); case: (i' == i); rewrite /= ?mulr1 ?mulr0.
by rewrite sum_pick l_in sum_pick j_in sum_pick i_in.
Qed.

Lemma over_sum (V : zmodType) m (f : nat -> node -> V) :
  sum m (fun n => over L w (f n)) = over L w (fun x => sum m (fun n => f n x)).
Proof.
rewrite /over sum_exchange; apply: sum_ext => l _; rewrite sum_exchange; apply: sum_ext => j _.
by rewrite sum_exchange.
Qed.

Lemma over_exchange (V : zmodType) (f : node -> node -> V) :
  over L w (fun x => over L w (f x)) = over L w (fun y => over L w (fun x => f x y)).
Proof.
rewrite {1}/over -over_sum; apply: sum_ext => l _; rewrite -over_sum; apply: sum_ext => j _.
by rewrite -over_sum.
Qed.

Lemma over_ge0 (R : numDomainType) (f : node -> R) : (forall x, inside L w x -> 0 <= f x) -> 0 <= over L w f.
Proof.
move=> e; apply: sum_ge0 => l lL; apply: sum_ge0 => j jw; apply: sum_ge0 => i iw.
by apply: e; rewrite /inside /= lL jw iw.
Qed.

Lemma over_le (R : numDomainType) (f h : node -> R) :
  (forall x, inside L w x -> f x <= h x) -> over L w f <= over L w h.
Proof.
move=> e; apply: sum_le => l lL; apply: sum_le => j jw; apply: sum_le => i iw.
by apply: e; rewrite /inside /= lL jw iw.
Qed.

(** Degrees of a matrix *)

Lemma D_columns (V : zmodType) (M : node -> node -> V) : D L w M = over L w (delta_out L w M).
Proof. exact: over_exchange. Qed.

Theorem A_two_step (R : ringType) (M : node -> node -> R) :
  A L w M = over L w (fun x => over L w (fun y => over L w (fun v => M x y * M y v))).
Proof.
rewrite over_exchange; apply: over_ext => y _; rewrite /delta_out over_mulr; apply: over_ext => x _.
by rewrite /delta_in over_mull.
Qed.

Lemma degrees_ext (R : ringType) (M M' : node -> node -> R) :
  (forall x y, inside L w x -> inside L w y -> M x y = M' x y) -> A L w M = A L w M' /\ D L w M = D L w M'.
Proof.
move=> e; split; apply: over_ext => x x_in; last by apply: over_ext => y y_in; apply: e.
by congr (_ * _); apply: over_ext => y y_in; apply: e.
Qed.

Lemma degrees_zero (R : ringType) (M : node -> node -> R) :
  (forall x y, inside L w x -> inside L w y -> M x y = 0) -> A L w M = 0 /\ D L w M = 0.
Proof.
move=> e; split; apply: over_zero => x x_in; last by apply: over_zero => y y_in; apply: e.
by rewrite [delta_in _ _ _ _]over_zero ?mulr0 // => y y_in; apply: e.
Qed.

Theorem D_scale (R : ringType) (c : R) (M : node -> node -> R) : D L w (fun x y => c * M x y) = c * D L w M.
Proof. by rewrite /D over_mull; apply: over_ext => x _; rewrite /delta_in over_mull. Qed.

Theorem A_scale (R : comRingType) (c : R) (M : node -> node -> R) :
  A L w (fun x y => c * M x y) = c ^+ 2 * A L w M.
Proof.
rewrite /A over_mull; apply: over_ext => x _.
by rewrite /delta_in /delta_out -!over_mull expr2 mulrACA.
Qed.

Lemma A_morph (R T : ringType) (phi : {rmorphism R -> T}) (M : node -> node -> R) :
  phi (A L w M) = A L w (fun x y => phi (M x y)).
Proof.
rewrite /A over_morph; apply: over_ext => x _ /=; rewrite [LHS](rmorphM phi).
by rewrite /delta_in /delta_out !over_morph.
Qed.

Lemma D_morph (U V : zmodType) (phi : {additive U -> V}) (M : node -> node -> U) :
  phi (D L w M) = D L w (fun x y => phi (M x y)).
Proof. by rewrite /D over_morph; apply: over_ext => x _; rewrite /delta_in over_morph. Qed.
End Over.

(** Support *)

Theorem support_in_line_graph (R : fieldType) N (z s g : nat -> nat -> nat -> R) x y :
  P N z s g x y != 0 -> link x y.
Proof. by apply: contraNT => /negbTE no; rewrite /P /coupling no mulr0. Qed.

Section Full.
Context (R : realFieldType) (N : nat) (z s g : nat -> nat -> nat -> R) (x y : node).
Definition active n : bool :=
  [&& s (layer x).+1 n (dst x) != 0, z (layer x) n (src x) != 0 & g (layer x).+2 n (dst y) != 0].

Theorem support_of_one_sample : link x y -> active 0 -> P 1 z s g x y != 0.
Proof.
move=> xy /and3P[s0 z0 g0]; rewrite /P /coupling xy /= add0r !mulf_neq0 //.
by rewrite invr_eq0 oner_eq0.
Qed.

Theorem support_of_magnitude n : link x y -> (n < N)%N -> active n -> P N (mag z) (mag s) (mag g) x y != 0.
Proof.
move=> xy n_lt /and3P[s0 z0 g0]; rewrite /P /coupling xy.
rewrite mulf_neq0 ?invr_eq0 ?pnatr_eq0 -?lt0n ?(leq_ltn_trans _ n_lt) //.
apply: sum_neq0 n_lt _ => [i _|]; first by rewrite /mag -!normrM normr_ge0.
by rewrite /mag !mulf_neq0 ?normr_eq0.
Qed.
End Full.

Lemma coupling_morph (R T : ringType) (phi : {rmorphism R -> T}) N z s g x y :
  phi (coupling N z s g x y) =
  coupling N (fun l n i => phi (z l n i)) (fun l n i => phi (s l n i)) (fun l n i => phi (g l n i)) x y.
Proof.
rewrite /coupling; case: ifP => _; last by rewrite rmorph0.
by rewrite sum_morph; apply: sum_ext => n _ /=; rewrite -!(rmorphM phi).
Qed.

(** The magnitude reading takes absolute values sample by sample. *)

Theorem magnitude_is_per_sample (R : numFieldType) N (z s g : nat -> nat -> nat -> R) x y :
  P N (mag z) (mag s) (mag g) x y =
  if link x y then
    N%:R^-1 * sum N (fun n => `|s (layer x).+1 n (dst x) * z (layer x) n (src x) * g (layer x).+2 n (dst y)|)
  else 0.
Proof.
rewrite /P /coupling; case: ifP => _; last by rewrite mulr0.
by congr (_ * _); apply: sum_ext => n _; rewrite /mag !normrM.
Qed.
