(** T2: what bounds beta_eff, and that it vanishes with the errors.

    In the magnitude reading beta_eff is an average of in-degrees, weighted by out-degrees. So it lies between 0 and
    any bound on the in-degrees of the interior kernels (magnitude_bounded), and backprop gives one that is linear in
    the output errors (in_degree_bounded, magnitude_bounded_by_errors). In the signed reading the denominator D may
    cancel, so a bound needs a denominator that keeps away from 0: D plus eps with the sign of D (signed_bounded), or
    D + eps once the errors are small (plain_bounded). For fixed bounds on activations, slopes and kernels all of
    these go to 0 with the output errors (signed_vanishes).

    Glossary
      magnitude            == P of the absolute values
      error_mass l n       == sum over units i of |g l n i|
      gain L kappa a       == product of max(1, kappa l) over the layers a <= l < L
      columns_below a om   == sum_i |W (Node l i k)| <= om for every k, in the kernels a <= l < L
      rows_below a om      == sum_k |W (Node l i k)| <= om for every i, in the kernels a <= l < L
      slopes_below a kappa == |s l| <= kappa l, for the hidden layers a <= l < L
      units_below a B      == |z l| <= B, for the layers a <= l < L - 1
      errors_below r       == |g L| <= r
      bounded              == backprop, units_below 0, slopes_below 1 and rows_below 2 together
      reach                == B * gain L kappa 1 * om ^ (L - 2): what bounds an entry of P, per size of the errors
      weight_count         == the number of weights
      sign_safe eps d      == d + eps if 0 <= d, else d - eps
      beta_over f M        == A / f D, for f = sign_safe eps or f = (fun d => d + eps) *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network relative.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Gain.
Context (R : realFieldType) (L : nat) (kappa : nat -> R).

Definition gain (a : nat) : R := \prod_(a <= l < L) Num.max 1 (kappa l).

Lemma max1_ge1 (x : R) : 1 <= Num.max 1 x. Proof. by rewrite le_maxr lexx. Qed.

Lemma gain_ge1 a : 1 <= gain a.
Proof. by apply: (big_ind (fun x => 1 <= x)) => // [x y|l _]; [apply: mulr_ege1 | apply: max1_ge1]. Qed.

Lemma gain_ge0 a : 0 <= gain a. Proof. exact: le_trans ler01 (gain_ge1 a). Qed.

Lemma gain_first a : (a < L)%N -> gain a = Num.max 1 (kappa a) * gain a.+1.
Proof. exact: big_ltn. Qed.

Lemma gain_anti a c : (a <= c)%N -> gain c <= gain a.
Proof.
elim: c => [|c IH]; first by rewrite leqn0 => /eqP->.
rewrite leq_eqVlt => /orP[/eqP->//|]; rewrite ltnS => /IH; apply: le_trans.
have [c_in|c_out] := ltnP c L; last by rewrite /gain !big_geq // leqW.
by rewrite (gain_first c_in) ler_pemull ?gain_ge0 ?max1_ge1.
Qed.
End Gain.

Lemma gain_of_relu (R : realFieldType) L a : gain L (fun=> 1 : R) a = 1.
Proof. by rewrite /gain big1 // => l _; rewrite maxxx. Qed.

Section Means.
Context (R : realFieldType) (N : nat).
Implicit Types (f h : nat -> R) (c : R).

Lemma mean_le f h : (forall n, (n < N)%N -> f n <= h n) -> mean N f <= mean N h.
Proof. by move=> e; rewrite ler_wpmul2l ?invr_ge0 ?ler0n ?sum_le. Qed.

Lemma norm_mean_le f c : 0 <= c -> (forall n, (n < N)%N -> `|f n| <= c) -> `|mean N f| <= c.
Proof.
move=> c_pos e; rewrite normrM ger0_norm ?invr_ge0 ?ler0n //.
have [->|N_pos] := posnP N; first by rewrite invr0 mul0r.
rewrite mulrC ler_pdivr_mulr ?ltr0n //; apply: le_trans (norm_sum_le _ _) _.
by apply: le_trans (sum_le e) _; rewrite sumE sumr_const card_ord mulr_natr.
Qed.
End Means.

Section Bounds.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R).

Definition magnitude : node -> node -> R := P N (mag z) (mag s) (mag g).

Lemma magnitude_ge0 x y : 0 <= magnitude x y.
Proof.
rewrite /magnitude magnitude_is_per_sample; case: ifP => // _.
by rewrite mulr_ge0 ?invr_ge0 ?ler0n // sum_ge0.
Qed.

Theorem magnitude_bounded B : 0 <= B ->
  (forall x, inside L w x -> interior L x -> delta_in L w magnitude x <= B) ->
  0 <= beta_eff L w magnitude <= B.
Proof.
move=> B_pos bound; have out_pos x : 0 <= delta_out L w magnitude x by apply: over_ge0 => y _; apply: magnitude_ge0.
have in_pos x : 0 <= delta_in L w magnitude x by apply: over_ge0 => y _; apply: magnitude_ge0.
have A_pos : 0 <= A L w magnitude by apply: over_ge0 => x _; rewrite mulr_ge0.
have D_pos : 0 <= D L w magnitude by apply: over_ge0.
rewrite /beta_eff divr_ge0 //=; have [->|D0] := eqVneq (D L w magnitude) 0; first by rewrite invr0 mulr0.
rewrite ler_pdivr_mulr ?lt0r ?D0 // D_columns over_mull; apply: over_le => x x_in.
rewrite [B * _]mulrC; have [|] := boolP (interior L x) => [x_int|].
  by apply: ler_wpmul2l; rewrite ?out_pos ?bound.
rewrite negb_and; case: x x_in => l j i /and3P[/= _ _ i_in] /orP[|].
  rewrite -eqn0Ngt => /eqP l0.
  by rewrite l0 [delta_out _ _ _ _]delta_out_first !mul0r.
by rewrite -leqNgt => last; rewrite [delta_in _ _ _ _]delta_in_last // mulr0 mulr_ge0.
Qed.

(** What backprop makes of the output errors *)

Definition error_mass (l n : nat) : R := row_sum w (mag g) l n.

Definition columns_below (W : node -> R) a om := forall l k, (a <= l < L)%N -> (k < w l.+1)%N ->
  sum (w l) (fun i => `|W (Node l i k)|) <= om.
Definition rows_below (W : node -> R) a om := forall l i, (a <= l < L)%N -> (i < w l)%N ->
  sum (w l.+1) (fun k => `|W (Node l i k)|) <= om.
Definition slopes_below a (kappa : nat -> R) := forall l n i, (a <= l < L)%N -> (n < N)%N -> (i < w l)%N ->
  `|s l n i| <= kappa l.
Definition units_below a B := forall l n j, (a <= l)%N -> (l.+1 < L)%N -> (n < N)%N -> (j < w l)%N -> `|z l n j| <= B.
Definition errors_below r := forall n k, (n < N)%N -> (k < w L)%N -> `|g L n k| <= r.

Context (W : node -> R) (back : backprop L w N s g W) (kappa : nat -> R) (om : R) (om_ge1 : 1 <= om).
Let om_ge0 : 0 <= om := le_trans ler01 om_ge1.
Local Notation K := (gain L kappa).

Lemma norm_slope_le a l n i : slopes_below a kappa -> (a <= l < L)%N -> (n < N)%N -> (i < w l)%N ->
  `|s l n i| <= Num.max 1 (kappa l).
Proof. by move=> small l_in n_in i_in; rewrite le_maxr small ?orbT. Qed.

Lemma relu_slopes_below b h : relu_forward L w N b h z s W -> slopes_below 1 (fun=> 1).
Proof.
move=> e [//|l] n i l_in n_in i_in; have [_ ->] := e l n i l_in n_in i_in; rewrite /step.
by case: (_ < _); rewrite ?normr1 ?normr0 ?ler01.
Qed.

Lemma slopes_below_later a c : (a <= c)%N -> slopes_below a kappa -> slopes_below c kappa.
Proof. by move=> ac small l n i /andP[cl lL]; apply: small; rewrite (leq_trans ac cl). Qed.

Lemma error_mass_ge0 l n : 0 <= error_mass l n.
Proof. by apply: sum_ge0 => i _; apply: normr_ge0. Qed.

Lemma error_mass_below a l n : (0 < a)%N -> slopes_below a kappa -> columns_below W a om ->
  (a <= l <= L)%N -> (n < N)%N -> error_mass l n <= K l * om ^+ (L - l) * error_mass L n.
Proof.
move=> a_pos slopes columns l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d; elim: d l l_in => [|d IH] l.
  case/andP=> _ lL dL; have -> : l = L by apply/eqP; rewrite eqn_leq lL -subn_eq0 dL.
  by rewrite subnn expr0 /gain big_geq // !mul1r.
case: l => [|l] /andP[al lL] dL; first by rewrite ltnNge (leq_trans _ al) in a_pos.
have l_in : (l.+1 < L)%N by rewrite -subn_gt0 dL.
apply: le_trans (_ : Num.max 1 (kappa l.+1) * (om * error_mass l.+2 n) <= _); last first.
  rewrite gain_first // -!mulrA; apply: ler_wpmul2l; first exact: le_trans ler01 (max1_ge1 _).
  rewrite -(subnSK l_in) exprS -!mulrA [K _ * _]mulrCA ler_wpmul2l // mulrA IH ?(leqW al) //.
  by rewrite subnS dL.
apply: le_trans (_ : sum (w l.+1) (fun i => Num.max 1 (kappa l.+1) *
  sum (w l.+2) (fun k => `|g l.+2 n k| * `|W (Node l.+1 i k)|)) <= _).
  apply: sum_le => i i_in; rewrite /mag back // normrM ler_pmul //.
    by apply: (norm_slope_le slopes); rewrite ?al.
  by apply: le_trans (norm_sum_le _ _) _; apply: sum_le => k _; rewrite normrM.
rewrite -sum_mull ler_wpmul2l ?(le_trans ler01 (max1_ge1 _)) // sum_exchange /error_mass /row_sum sum_mull.
apply: sum_le => k k_in; rewrite -sum_mull mulrC ler_wpmul2r ?normr_ge0 //; apply: columns => //.
by rewrite al.
Qed.

Lemma error_below a r l n i : (0 < a)%N -> slopes_below a kappa -> rows_below W a om -> errors_below r -> 0 <= r ->
  (a <= l <= L)%N -> (n < N)%N -> (i < w l)%N -> `|g l n i| <= K l * om ^+ (L - l) * r.
Proof.
move=> a_pos slopes rows small r_pos l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d.
elim: d l i l_in => [|d IH] l i.
  case/andP=> _ lL dL; have -> : l = L by apply/eqP; rewrite eqn_leq lL -subn_eq0 dL.
  by rewrite subnn expr0 /gain big_geq // !mul1r; apply: small.
case: l => [|l] /andP[al lL] dL i_in; first by rewrite ltnNge (leq_trans _ al) in a_pos.
have l_in : (l.+1 < L)%N by rewrite -subn_gt0 dL.
rewrite back // normrM gain_first // -!mulrA ler_pmul //; first by apply: (norm_slope_le slopes); rewrite ?al.
rewrite -(subnSK l_in) exprS -!mulrA [K _ * _]mulrCA [K _ * _]mulrA; set c := K _ * _ * r.
apply: le_trans (_ : sum (w l.+2) (fun k => `|W (Node l.+1 i k)| * c) <= _).
  apply: le_trans (norm_sum_le _ _) _; apply: sum_le => k k_in; rewrite normrM mulrC ler_wpmul2l // IH ?(leqW al) //.
  by rewrite subnS dL.
by rewrite -sum_mulr ler_wpmul2r ?rows ?al // !mulr_ge0 ?gain_ge0 ?exprn_ge0.
Qed.

(** Magnitude: linear in the errors, no eps needed *)

Theorem in_degree_bounded B : 0 <= B -> units_below 1 B -> slopes_below 2 kappa -> columns_below W 3 om ->
  forall x, inside L w x -> interior L x ->
  delta_in L w magnitude x <= B * K 2 * om ^+ (L - 3) * mean N (error_mass L).
Proof.
move=> B_pos units slopes columns [[//|l] j i] /and3P[/= _ j_in i_in] /andP[/= _ l_in].
rewrite delta_in_closed // mean_mull; apply: mean_le => n n_in.
have later : Num.max 1 (kappa l.+2) * K l.+3 <= K 2 by rewrite -gain_first // gain_anti.
have mass : error_mass l.+3 n <= K l.+3 * om ^+ (L - 3) * error_mass L n.
  apply: le_trans (error_mass_below _ (slopes_below_later _ slopes) columns _ n_in) _; rewrite ?l_in //.
  by rewrite ler_wpmul2r ?error_mass_ge0 // ler_wpmul2l ?gain_ge0 // ler_weexpn2l // leq_sub2l.
apply: le_trans (_ : Num.max 1 (kappa l.+2) * B * (K l.+3 * om ^+ (L - 3) * error_mass L n) <= _).
  apply: ler_pmul; rewrite ?error_mass_ge0 ?mulr_ge0 ?normr_ge0 //; apply: ler_pmul; rewrite ?normr_ge0 ?units //.
    exact: norm_slope_le slopes _ _ _.
by rewrite [_ * B]mulrC -!mulrA ler_wpmul2l // !mulrA ler_wpmul2r ?error_mass_ge0 // ler_wpmul2r ?exprn_ge0.
Qed.

Theorem magnitude_bounded_by_errors B : 0 <= B -> units_below 1 B -> slopes_below 2 kappa -> columns_below W 3 om ->
  0 <= beta_eff L w magnitude <= B * K 2 * om ^+ (L - 3) * mean N (error_mass L).
Proof.
move=> B_pos units slopes columns; apply: magnitude_bounded; last exact: in_degree_bounded.
by rewrite !mulr_ge0 ?gain_ge0 ?exprn_ge0 ?invr_ge0 ?ler0n ?sum_ge0 // => n _; apply: error_mass_ge0.
Qed.

(** Signed: quadratic in the errors, over eps *)

Theorem entry_bounded B r : 0 <= B -> 0 <= r -> units_below 0 B -> slopes_below 1 kappa -> rows_below W 2 om ->
  errors_below r -> forall x y, inside L w x -> inside L w y -> `|P N z s g x y| <= B * K 1 * om ^+ (L - 2) * r.
Proof.
move=> B_pos r_pos units slopes rows small [l j i] [m h k] /and3P[/= _ j_in i_in] /and3P[/= m_in _ k_in].
have bound_ge0 : 0 <= B * K 1 * om ^+ (L - 2) * r by rewrite !mulr_ge0 ?gain_ge0 ?exprn_ge0.
rewrite /P /coupling; case: ifP => [/andP[/= /eqP m_eq _]|_]; last by rewrite mulr0 normr0.
rewrite m_eq in m_in k_in; apply: norm_mean_le => // n n_in.
have later : Num.max 1 (kappa l.+1) * K l.+2 <= K 1 by rewrite -gain_first // gain_anti.
have error : `|g l.+2 n k| <= K l.+2 * om ^+ (L - 2) * r.
  apply: le_trans (error_below _ (slopes_below_later _ slopes) rows small _ _ n_in k_in) _ => //; rewrite ?m_in //.
  by rewrite ler_wpmul2r // ler_wpmul2l ?gain_ge0 // ler_weexpn2l // leq_sub2l.
rewrite !normrM; apply: le_trans (_ : Num.max 1 (kappa l.+1) * B * (K l.+2 * om ^+ (L - 2) * r) <= _).
  apply: ler_pmul; rewrite ?mulr_ge0 //; apply: ler_pmul; rewrite ?units //.
  exact: norm_slope_le slopes _ _ _.
by rewrite [_ * B]mulrC -!mulrA ler_wpmul2l // !mulrA ler_wpmul2r // ler_wpmul2r ?exprn_ge0.
Qed.
End Bounds.

Section Safe.
Context (R : realFieldType) (L : nat) (w : nat -> nat).
Implicit Types (M : node -> node -> R) (eps c d : R).

Definition weight_count : R := over L w (fun=> 1).
Definition sign_safe eps d : R := if 0 <= d then d + eps else d - eps.
Definition beta_over (f : R -> R) M : R := A L w M / f (D L w M).

Lemma weight_count_ge0 : 0 <= weight_count. Proof. by apply: over_ge0 => x _; apply: ler01. Qed.

Lemma norm_over_le (f : node -> R) c : (forall x, inside L w x -> `|f x| <= c) -> `|over L w f| <= weight_count * c.
Proof.
move=> e; rewrite /weight_count over_mulr.
apply: le_trans (norm_sum_le _ _) _; apply: sum_le => l l_in; apply: le_trans (norm_sum_le _ _) _.
apply: sum_le => j j_in; apply: le_trans (norm_sum_le _ _) _; apply: sum_le => i i_in.
by rewrite mul1r e // /inside /= l_in j_in.
Qed.

Lemma D_le M c : (forall x y, inside L w x -> inside L w y -> `|M x y| <= c) -> `|D L w M| <= weight_count ^+ 2 * c.
Proof.
move=> e; rewrite expr2 -mulrA; apply: norm_over_le => x x_in; apply: norm_over_le => y y_in; exact: e.
Qed.

Lemma A_le M c : (forall x y, inside L w x -> inside L w y -> `|M x y| <= c) ->
  `|A L w M| <= weight_count ^+ 3 * c ^+ 2.
Proof.
move=> e; rewrite A_two_step !exprS !expr0 !mulr1 -!mulrA; do 3!(apply: norm_over_le => ? ?).
by rewrite normrM ler_pmul ?normr_ge0 ?e.
Qed.

Lemma sign_safe_ge eps d : 0 <= eps -> eps <= `|sign_safe eps d|.
Proof.
move=> eps_pos; rewrite /sign_safe; have [d0|d0] := leP 0 d; first by rewrite ger0_norm ?addr_ge0 // ler_addr.
by rewrite distrC ger0_norm ?subr_ge0 ?(le_trans (ltW d0)) // ler_addl oppr_ge0 ltW.
Qed.

Lemma plain_ge eps d : `|d| <= eps / 2%:R -> eps / 2%:R <= `|d + eps|.
Proof.
rewrite ler_norml => /andP[d_low _]; apply: le_trans (ler_norm _).
by rewrite -ler_subl_addr; apply: le_trans d_low; rewrite [X in _ - X](splitr eps) opprD addNKr.
Qed.

Lemma quotient_le (a d b e : R) : `|a| <= b -> 0 < e -> e <= `|d| -> `|a / d| <= b / e.
Proof.
move=> ab e_pos ed; rewrite normf_div ler_pmul ?invr_ge0 ?normr_ge0 //.
by rewrite lef_pinv ?posrE // (lt_le_trans e_pos).
Qed.
End Safe.

Section Signed.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (kappa : nat -> R) (B om : R).
Implicit Types (z s g : nat -> nat -> nat -> R) (W : node -> R) (eps r : R).

Definition reach : R := B * gain L kappa 1 * om ^+ (L - 2).

Definition bounded z s g W := [/\ backprop L w N s g W, units_below L w N z 0 B, slopes_below L w N s 1 kappa
  & rows_below L w W 2 om].

Context (B_ge0 : 0 <= B) (om_ge1 : 1 <= om).
Local Notation n_E := (weight_count R L w).

Lemma reach_ge0 : 0 <= reach.
Proof. by rewrite !mulr_ge0 ?gain_ge0 ?exprn_ge0 // (le_trans ler01). Qed.

Theorem signed_bounded z s g W eps r : bounded z s g W -> errors_below L w N g r -> 0 <= r -> 0 < eps ->
  `|beta_over L w (sign_safe eps) (P N z s g)| <= n_E ^+ 3 * (reach * r) ^+ 2 / eps.
Proof.
move=> [back units slopes rows] small r_ge0 eps_pos; apply: quotient_le => //; last exact: sign_safe_ge (ltW _).
by apply: A_le; apply: entry_bounded rows small.
Qed.

Theorem plain_bounded z s g W eps r : bounded z s g W -> errors_below L w N g r -> 0 <= r -> 0 < eps ->
  n_E ^+ 2 * (reach * r) <= eps / 2%:R ->
  `|beta_over L w (fun d => d + eps) (P N z s g)| <= n_E ^+ 3 * (reach * r) ^+ 2 / (eps / 2%:R).
Proof.
move=> [back units slopes rows] small r_ge0 eps_pos near0; apply: quotient_le; last 1 first.
- by apply: plain_ge; apply: le_trans near0; apply: D_le; apply: entry_bounded rows small.
- by apply: A_le; apply: entry_bounded rows small.
by rewrite divr_gt0 ?ltr0n.
Qed.

Theorem signed_vanishes eps delta : 0 < eps -> 0 < delta -> exists2 r, 0 < r &
  forall z s g W, bounded z s g W -> errors_below L w N g r ->
  `|beta_over L w (sign_safe eps) (P N z s g)| <= delta /\ `|beta_over L w (fun d => d + eps) (P N z s g)| <= delta.
Proof.
move=> eps_pos delta_pos; have n_ge0 := weight_count_ge0 R L w; have c_ge0 := reach_ge0.
have [e eE] : exists e, e = eps / 2%:R by exists (eps / 2%:R).
have e_pos : 0 < e by rewrite eE divr_gt0 ?ltr0n.
pose a := n_E ^+ 3 * reach ^+ 2 / e / delta; pose d := n_E ^+ 2 * reach / e.
have top_ge0 : 0 <= n_E ^+ 3 * reach ^+ 2 by rewrite mulr_ge0 ?exprn_ge0.
have a_ge0 : 0 <= a by rewrite /a !divr_ge0 ?(ltW e_pos) ?(ltW delta_pos).
have d_ge0 : 0 <= d by rewrite /d divr_ge0 ?(mulr_ge0 _ c_ge0) ?exprn_ge0 // ltW.
pose q := 1 + a + d; have q_ge1 : 1 <= q by rewrite /q -addrA ler_addl addr_ge0.
have q_pos : 0 < q by apply: lt_le_trans q_ge1.
have r_pos : 0 < q^-1 by rewrite invr_gt0.
have a_small : a * q^-1 <= 1 by rewrite ler_pdivr_mulr // mul1r /q addrAC ler_addr addr_ge0 ?ler01.
have d_small : d * q^-1 <= 1 by rewrite ler_pdivr_mulr // mul1r /q ler_addr addr_ge0 ?ler01.
exists q^-1 => // z s g W bound small.
have top : n_E ^+ 3 * (reach * q^-1) ^+ 2 / e <= delta.
  have -> : n_E ^+ 3 * (reach * q^-1) ^+ 2 / e = a * q^-1 * q^-1 * delta.
    by rewrite -[a * _ * _]mulrA [RHS]mulrAC /a mulfVK ?gt_eqF // exprMn -expr2 mulrA mulrAC.
  by rewrite ler_pimull ?(ltW delta_pos) // mulr_ile1 // ?divr_ge0 ?invf_le1 // ltW.
split; last first.
  apply: le_trans (plain_bounded bound small (ltW r_pos) eps_pos _) _; rewrite -eE //.
  by rewrite -[leRHS]mul1r -ler_pdivr_mulr // mulrA mulrAC.
apply: le_trans (signed_bounded bound small (ltW r_pos) eps_pos) _; apply: le_trans top.
rewrite ler_wpmul2l ?(mulr_ge0 (exprn_ge0 _ n_ge0) (sqr_ge0 _)) // lef_pinv ?posrE // eE.
by rewrite ler_pdivr_mulr ?ltr0n // ler_pemulr ?ler1n // ltW.
Qed.
End Signed.
