(** T8: how far the prediction h(0) can be from the value at 0 of the line that the accuracies follow.

    The accuracies are acc t = alpha - kappa * beta t + e t, the line is fitted by ridge regression with penalty lam on
    centred beta. alpha is what the line would predict, not the truth.

    Results: h(0) - alpha in closed form (prediction_error), its bound when every |e t| <= eta (prediction_bounded), and
    the bound on kappa that the fitted slope gives (slope_bounds).

    Glossary
      ticks         == how many ticks were observed (T is the horizon in MATHEMATICS.md)
      from_mean b t == b t minus the mean of b
      spread b      == sum over t of the squares of from_mean b
      along b f     == sum over t of from_mean b t * f t
      deviations b       == sum over t of |from_mean b t|
      slope lam b I == along b I / (spread b + lam)
      at_zero       == h(0) = mean I - slope * mean b *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Ridge.
Context (R : realFieldType) (ticks : nat).
Implicit Types (b f acc e : nat -> R) (lam eta alpha kappa : R).

Definition from_mean b t : R := b t - mean ticks b.
Definition spread b : R := sum ticks (fun t => from_mean b t * from_mean b t).
Definition along b f : R := sum ticks (fun t => from_mean b t * f t).
Definition deviations b : R := sum ticks (fun t => `|from_mean b t|).
Definition slope lam b acc : R := along b acc / (spread b + lam).
Definition at_zero lam b acc : R := mean ticks acc - slope lam b acc * mean ticks b.

Lemma spread_ge0 b : 0 <= spread b.
Proof. by apply: sum_ge0 => t _; rewrite -expr2 sqr_ge0. Qed.

Lemma sum_const (c : R) : sum ticks (fun=> c) = ticks%:R * c.
Proof. by rewrite sumE sumr_const card_ord mulr_natl. Qed.

Lemma mean_const (c : R) : (0 < ticks)%N -> mean ticks (fun=> c) = c.
Proof. by move=> ticks_pos; rewrite /mean sum_const mulKf // pnatr_eq0 -lt0n. Qed.

Lemma mean_add (f h : nat -> R) : mean ticks (fun t => f t + h t) = mean ticks f + mean ticks h.
Proof. by rewrite /mean sum_add mulrDr. Qed.

Lemma along_const b c : (0 < ticks)%N -> along b (fun=> c) = 0.
Proof.
move=> ticks_pos; rewrite /along -sum_mulr sum_sub sum_const /mean mulrA divff ?pnatr_eq0 -?lt0n //.
by rewrite mul1r subrr mul0r.
Qed.

Lemma along_self b : (0 < ticks)%N -> along b b = spread b.
Proof.
move=> ticks_pos; rewrite -[LHS]subr0 -(along_const b (mean ticks b) ticks_pos) -sum_sub.
by apply: sum_ext => t _; rewrite -mulrBr.
Qed.

Section Line.
Context (lam alpha kappa : R) (b e acc : nat -> R) (ticks_pos : (0 < ticks)%N) (lam_ge0 : 0 <= lam).
Context (total_pos : 0 < spread b + lam) (line : forall t, (t < ticks)%N -> acc t = alpha - kappa * b t + e t).

Lemma along_line : along b acc = along b e - kappa * spread b.
Proof.
transitivity (along b (fun=> alpha) + (along b e - kappa * along b b)); last first.
  by rewrite along_const // along_self // add0r.
rewrite [kappa * _]sum_mull -sum_sub -sum_add; apply: sum_ext => t t_in.
by rewrite line // mulrDr mulrBr [kappa * (_ * _)]mulrCA -addrA [_ + _ * e t]addrC.
Qed.

Lemma mean_line : mean ticks acc = alpha - kappa * mean ticks b + mean ticks e.
Proof.
rewrite (mean_ext line) mean_add; congr (_ + _); rewrite mean_add mean_const //; congr (_ + _).
by rewrite -mulNr mean_mull; apply: mean_ext => t _; rewrite mulNr.
Qed.

Theorem prediction_error :
  at_zero lam b acc - alpha = mean ticks e - mean ticks b * (kappa * lam + along b e) / (spread b + lam).
Proof.
have total0 : spread b + lam != 0 by rewrite gt_eqF.
have kappaE : kappa = (kappa * lam + kappa * spread b) / (spread b + lam) by rewrite -mulrDr addrC mulfK.
rewrite /at_zero mean_line /slope along_line.
have -> : kappa * mean ticks b = mean ticks b * (kappa * lam + kappa * spread b) / (spread b + lam).
  by rewrite -mulrA -kappaE mulrC.
rewrite [_ / _ * mean ticks b]mulrC mulrA.
set d := (spread b + lam)^-1; rewrite !mulrDr mulrN !mulrDl mulNr.
set p := mean ticks b * (kappa * lam) * d; set q := mean ticks b * (kappa * spread b) * d.
set r := mean ticks b * along b e * d.
rewrite !opprD opprK; apply/eqP; rewrite subr_eq; apply/eqP.
by rewrite !addrA [LHS](ACl (4*1*2*5*(3*6))%AC) /= addNr addr0 [RHS](ACl (1*4*2*3)%AC).
Qed.

Context (eta : R) (small : forall t, (t < ticks)%N -> `|e t| <= eta).

Lemma mean_small : `|mean ticks e| <= eta.
Proof.
rewrite /mean normrM normfV ger0_norm ?ler0n // ler_pdivr_mull ?ltr0n // -sum_const.
by apply: le_trans (norm_sum_le _ _) (sum_le small).
Qed.

Lemma along_small : `|along b e| <= eta * deviations b.
Proof.
apply: le_trans (norm_sum_le _ _) _; rewrite /deviations sum_mull; apply: sum_le => t t_in.
by rewrite normrM mulrC ler_wpmul2r // small.
Qed.

Theorem prediction_bounded : `|at_zero lam b acc - alpha| <=
  eta * (1 + `|mean ticks b| * deviations b / (spread b + lam)) + `|kappa * mean ticks b| * lam / (spread b + lam).
Proof.
have top : `|kappa * lam + along b e| <= eta * deviations b + `|kappa| * lam.
  by apply: le_trans (ler_norm_add _ _) _; rewrite addrC normrM (ger0_norm lam_ge0) ler_add // along_small.
rewrite prediction_error; apply: le_trans (ler_norm_sub _ _) _.
have -> : eta * (1 + `|mean ticks b| * deviations b / (spread b + lam)) +
      `|kappa * mean ticks b| * lam / (spread b + lam) =
    eta + `|mean ticks b| * (eta * deviations b + `|kappa| * lam) / (spread b + lam).
  move: (mean ticks b) (deviations b) (spread b + lam) => mb rb total.
  rewrite [eta * (1 + _)]mulrDr mulr1 -addrA normrM; congr (_ + _); rewrite mulrDr mulrDl mulrA [eta * _]mulrCA !mulrA.
  by rewrite [`|kappa| * _]mulrC.
apply: ler_add mean_small _; rewrite normrM normrM normfV (gtr0_norm total_pos).
by rewrite ler_wpmul2r ?invr_ge0 ?(ltW total_pos) // ler_wpmul2l.
Qed.

Theorem slope_bounds : 0 < spread b ->
  `|kappa| <= (`|slope lam b acc| * (spread b + lam) + eta * deviations b) / spread b.
Proof.
move=> spread_pos; rewrite ler_pdivl_mulr // -{1}(gtr0_norm spread_pos) -normrM.
have -> : kappa * spread b = along b e - along b acc by rewrite along_line opprB addrC subrK.
apply: le_trans (ler_norm_sub _ _) _; rewrite addrC ler_add ?along_small //.
by rewrite -{1}(gtr0_norm total_pos) -normrM /slope mulfVK // gt_eqF.
Qed.
End Line.
End Ridge.
