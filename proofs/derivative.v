(** Derivatives at 0 over a real field, where there are no limits to speak of: F is its tangent up to a multiple of t^2.

    Results: the rules for sums, products, quotients and compositions (derivative_add, derivative_mul, derivative_div,
    derivative_comp), the derivative of relu off its kink (derivative_relu, and behind and before the scale and shift of
    a frozen norm: derivative_scaled_relu), and that this implies the derivative of analysis: the quotient comes as near
    to d as one likes (derivative_limit), hence d is unique (derivative_unique).

    Glossary
      derivative F d == |F t - F 0 - t * d| <= M * t^2 for some M and all t near 0 *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Derivative.
Context {R : realFieldType}.
Implicit Types (F G f : R -> R) (a b c d k t M e : R).

Definition derivative F d := exists M e, 0 < e /\ forall t, `|t| <= e -> `|F t - F 0 - t * d| <= M * t ^+ 2.

(** One may take M >= 0 and e <= 1; then F moves by a multiple of t. *)

Lemma derivative_near F d : derivative F d -> exists M e, [/\ 0 <= M, 0 < e, e <= 1,
  forall t, `|t| <= e -> `|F t - F 0 - t * d| <= M * t ^+ 2 & forall t, `|t| <= e -> `|F t - F 0| <= (`|d| + M) * `|t|].
Proof.
case=> M [e [e_pos near]]; exists `|M|, (Num.min e 1).
have bound t : `|t| <= Num.min e 1 -> `|F t - F 0 - t * d| <= `|M| * t ^+ 2.
  rewrite le_minr => /andP[te _]; apply: le_trans (near t te) _; rewrite ler_wpmul2r ?sqr_ge0 //; exact: ler_norm.
split=> //; rewrite ?lt_minr ?e_pos ?ltr01 ?le_minl ?lexx ?orbT //.
move=> t t_in; rewrite -[F t - F 0](subrK (t * d)); apply: le_trans (ler_norm_add _ _) _.
rewrite addrC normrM [`|t| * _]mulrC mulrDl ler_add2l; apply: le_trans (bound t t_in) _.
rewrite -real_normK ?num_real // expr2 ler_wpmul2l // ler_pimulr //.
by move: t_in; rewrite le_minr => /andP[_].
Qed.

Lemma derivative_ext F G d : (forall t, F t = G t) -> derivative F d -> derivative G d.
Proof. by move=> e [M [r [r_pos near]]]; exists M, r; split=> // t /near; rewrite !e. Qed.

Lemma derivative_line a d : derivative (fun t => a + t * d) d.
Proof.
exists 0, 1; split=> [|t _]; first exact: ltr01.
by rewrite mul0r addr0 [a + _]addrC addrK subrr normr0 mul0r.
Qed.

Lemma derivative_const a : derivative (fun=> a) 0.
Proof. by apply: derivative_ext (derivative_line a 0) => t; rewrite mulr0 addr0. Qed.

Lemma derivative_add F G d k : derivative F d -> derivative G k -> derivative (fun t => F t + G t) (d + k).
Proof.
case=> M [e [e_pos near_F]] [M' [e' [e'_pos near_G]]]; exists (M + M'), (Num.min e e').
split=> [|t]; first by rewrite lt_minr e_pos.
rewrite le_minr => /andP[te te']; rewrite mulrDr mulrDl.
have -> : F t + G t - (F 0 + G 0) - (t * d + t * k) = (F t - F 0 - t * d) + (G t - G 0 - t * k).
  by rewrite opprD (addrACA (F t)) opprD [LHS]addrACA.
by apply: le_trans (ler_norm_add _ _) (ler_add (near_F t te) (near_G t te')).
Qed.

Lemma derivative_mul F G d k : derivative F d -> derivative G k ->
  derivative (fun t => F t * G t) (d * G 0 + F 0 * k).
Proof.
move=> /derivative_near[M [e [M_ge0 e_pos _ near_F _]]] /derivative_near[M' [e' [M'_ge0 e'_pos e'1 near_G move_G]]].
exists (M * (`|G 0| + (`|k| + M')) + `|F 0| * M' + `|d| * (`|k| + M')), (Num.min e e'); rewrite lt_minr e_pos.
split=> // t; rewrite le_minr => /andP[te te'].
have -> : F t * G t - F 0 * G 0 - t * (d * G 0 + F 0 * k) =
    (F t - F 0 - t * d) * G t + F 0 * (G t - G 0 - t * k) + t * d * (G t - G 0).
  have -> : F t * G t - F 0 * G 0 = (F t - F 0) * G t + F 0 * (G t - G 0) by rewrite mulrBl mulrBr addrA subrK.
  rewrite [in RHS]mulrBl (mulrBr (F 0) (G t - G 0)) mulrDr [t * (F 0 * k)]mulrCA [t * (d * G 0)]mulrA opprD addrACA.
  by rewrite [RHS]addrAC; congr (_ + _); rewrite [in RHS]mulrBr addrA subrK.
have G_t : `|G t| <= `|G 0| + (`|k| + M').
  rewrite -[G t](subrK (G 0)) addrC; apply: le_trans (ler_norm_add _ _) _; rewrite ler_add2l.
  by apply: le_trans (move_G t te') _; rewrite ler_pimulr ?addr_ge0 // (le_trans te').
rewrite 2![_ * t ^+ 2]mulrDl; do 2?apply: le_trans (ler_norm_add _ _) (ler_add _ _); rewrite !normrM.
- by rewrite mulrAC ler_pmul ?near_F.
- by rewrite -mulrA ler_wpmul2l ?near_G.
rewrite -[t ^+ 2]real_normK ?num_real // expr2 [`|t| * `|d|]mulrC -!mulrA ler_wpmul2l //.
by rewrite mulrCA ler_wpmul2l ?move_G.
Qed.

Lemma derivative_mull c F d : derivative F d -> derivative (fun t => c * F t) (c * d).
Proof. by move=> /(derivative_mul (derivative_const c)); rewrite mul0r add0r. Qed.

Lemma derivative_sum n (F : nat -> R -> R) (d : nat -> R) :
  (forall i, (i < n)%N -> derivative (F i) (d i)) -> derivative (fun t => sum n (fun i => F i t)) (sum n d).
Proof.
elim: n => [|n IH] e; first exact: derivative_const.
by apply: derivative_add; [apply: IH => i i_in; apply/e/leqW | apply: e].
Qed.

(** The chain rule; f has its derivative where F is at 0. *)

Theorem derivative_comp f F d k : derivative F d -> derivative (fun u => f (F 0 + u)) k ->
  derivative (fun t => f (F t)) (k * d).
Proof.
move=> /derivative_near[M [e [M_ge0 e_pos _ near_F move_F]]] /derivative_near[M' [e' [M'_ge0 e'_pos _ near_f _]]].
pose c := `|d| + M + 1; have c_pos : 0 < c by rewrite ltr_spaddr ?addr_ge0.
exists (M' * c ^+ 2 + `|k| * M), (Num.min e (e' / c)); rewrite lt_minr e_pos divr_gt0 //; split=> // t.
rewrite le_minr ler_pdivl_mulr // => /andP[te tc]; pose u := F t - F 0.
have u_small : `|u| <= `|t| * c by apply: le_trans (move_F t te) _; rewrite mulrC ler_wpmul2l // ler_addl.
have -> : f (F t) - f (F 0) - t * (k * d) = (f (F 0 + u) - f (F 0 + 0) - u * k) + k * (u - t * d).
  have -> : F 0 + u = F t by rewrite addrC subrK.
  by rewrite addr0 mulrBr [k * u]mulrC [k * (t * d)]mulrCA addrA addrNK.
rewrite mulrDl; apply: le_trans (ler_norm_add _ _) (ler_add _ _).
  apply: le_trans (near_f u (le_trans u_small tc)) _; rewrite -mulrA ler_wpmul2l //.
  rewrite -[u ^+ 2]real_normK ?num_real // -[t ^+ 2]real_normK ?num_real // -exprMn mulrC.
  by rewrite ler_expn2r ?nnegrE ?mulr_ge0 // ltW.
by rewrite normrM -mulrA ler_wpmul2l ?near_F.
Qed.

(** Quotients *)

Lemma derivative_inv a : a != 0 -> derivative (fun u => (a + u)^-1) (- a ^- 2).
Proof.
move=> a0; have half_pos : 0 < `|a| / 2%:R by rewrite divr_gt0 ?normr_gt0 ?ltr0n.
exists (`|a^-1 ^+ 2| / (`|a| / 2%:R)), (`|a| / 2%:R); split=> // u small; rewrite addr0.
have far : `|a| / 2%:R <= `|a + u|.
  apply: le_trans (ler_sub_norm_add _ _); rewrite -ler_sub_addr opprK -ler_subr_addl.
  by rewrite [X in _ <= X - _](splitr `|a|) addrK.
have b0 : a + u != 0 by rewrite -normr_gt0 (lt_le_trans half_pos).
have gap : a^-1 - (a + u)^-1 = a^-1 / (a + u) * u.
  by rewrite -[in X in _ * X](addrK a u) [u + a]addrC mulrBr mulfVK // mulrAC mulVf // mul1r.
have -> : (a + u)^-1 - a^-1 - u * - a ^- 2 = a^-1 ^+ 2 / (a + u) * u ^+ 2.
  transitivity (a^-1 * (a^-1 - (a + u)^-1) * u); last by rewrite gap !expr2 !mulrA.
  by rewrite mulrBr mulrBl -expr2 -{1}opprB gap mulrN opprK addrC exprVn [u * _]mulrC.
rewrite normrM [`|u ^+ 2|]ger0_norm ?sqr_ge0 // ler_wpmul2r ?sqr_ge0 // normrM ler_wpmul2l // normfV.
by rewrite lef_pinv ?posrE ?normr_gt0.
Qed.

Lemma derivative_div F G d k : derivative F d -> derivative G k -> G 0 != 0 ->
  derivative (fun t => F t / G t) ((d - F 0 / G 0 * k) / G 0).
Proof.
move=> dF dG G0; have inv : derivative (fun t => (G t)^-1) (- G 0 ^- 2 * k).
  by apply: derivative_comp dG (derivative_inv G0).
have := derivative_mul dF inv; set v := _ + _; suff -> : v = (d - F 0 / G 0 * k) / G 0 by [].
by rewrite /v mulrBl mulNr mulrN expr2 invfM !mulrA; congr (_ - _); rewrite mulrAC.
Qed.

(** Relu off its kink, and between the scales and shifts of a frozen norm *)

Lemma step_near a : a != 0 -> exists2 e, 0 < e & forall u, `|u| <= e -> step (a + u) = step a.
Proof.
move=> a0; exists (`|a| / 2%:R) => [|u u_small]; first by rewrite divr_gt0 ?normr_gt0 ?ltr0n.
have : `|u| < `|a| by apply: le_lt_trans u_small _; rewrite ltr_pdivr_mulr ?ltr0n // ltr_pmulr ?normr_gt0 ?ltr1n.
rewrite /step; have [a_neg|a_pos|a_eq] := ltgtP a 0; last by rewrite a_eq eqxx in a0.
  rewrite (ltr0_norm a_neg) ltr_norml opprK => /andP[_ u_lt].
  by rewrite ltNge -ler_subr_addl sub0r ltW.
by rewrite (gtr0_norm a_pos) ltr_norml => /andP[u_gt _]; rewrite -ltr_subl_addl sub0r u_gt.
Qed.

Lemma derivative_step a : a != 0 -> derivative (fun u => step (a + u)) 0.
Proof.
move=> /step_near[e e_pos near]; exists 0, e; split=> // u /near; rewrite addr0 => ->.
by rewrite mulr0 subrr subr0 normr0 mul0r.
Qed.

Lemma derivative_relu a : a != 0 -> derivative (fun u => relu (a + u)) (step a).
Proof.
move=> /step_near[e e_pos near]; exists 0, e; split=> // u /near same; rewrite !relu_step addr0 same.
by rewrite mulrDr [_ + step a * u]addrC addrK mulrC subrr normr0 mul0r.
Qed.

Lemma derivative_scaled_relu q h c b a : c * a + b != 0 ->
  derivative (fun u => q * relu (c * (a + u) + b) + h) (q * step (c * a + b) * c).
Proof.
move=> off; rewrite -[_ * c]addr0; apply: derivative_add (derivative_const h); rewrite -mulrA; apply: derivative_mull.
apply: (derivative_comp (F := fun u => c * (a + u) + b)); last by rewrite addr0; apply: derivative_relu.
by apply: derivative_ext (derivative_line (c * a + b) c) => u; rewrite mulrDr addrAC [u * c]mulrC.
Qed.

(** What analysis calls the derivative *)

Theorem derivative_limit F d eps : derivative F d -> 0 < eps ->
  exists2 e, 0 < e & forall t, t != 0 -> `|t| <= e -> `|(F t - F 0) / t - d| <= eps.
Proof.
move=> /derivative_near[M [e [M_ge0 e_pos _ near _]]] eps_pos; have M1_pos : 0 < M + 1 by rewrite ltr_spaddr ?ltr01.
exists (Num.min e (eps / (M + 1))); first by rewrite lt_minr e_pos divr_gt0.
move=> t t0; rewrite le_minr ler_pdivl_mulr // => /andP[te small].
have -> : (F t - F 0) / t - d = (F t - F 0 - t * d) / t by rewrite [in RHS]mulrBl [t * d]mulrC mulfK.
rewrite normf_div ler_pdivr_mulr ?normr_gt0 //; apply: le_trans (near t te) _.
rewrite -real_normK ?num_real // expr2 mulrA ler_wpmul2r // mulrC.
by apply: le_trans small; rewrite ler_wpmul2l // ler_addl ler01.
Qed.

Theorem derivative_unique F d k : derivative F d -> derivative F k -> d = k.
Proof.
move=> dF kF; apply/eqP; rewrite -subr_eq0 -normr_le0; apply/ler_addgt0Pr => eps eps_pos; rewrite add0r.
have half_pos : 0 < eps / 2%:R by rewrite divr_gt0 ?ltr0n.
have [e e_pos near] := derivative_limit dF half_pos; have [e' e'_pos near'] := derivative_limit kF half_pos.
pose t := Num.min e e'; have t_pos : 0 < t by rewrite lt_minr e_pos.
have [te te'] : t <= e /\ t <= e' by rewrite !le_minl !lexx orbT.
have t0 := lt0r_neq0 t_pos; have := near t t0; have := near' t t0.
rewrite (gtr0_norm t_pos) => /(_ te') le_k /(_ te) le_d.
rewrite (splitr eps) -(subrKA ((F t - F 0) / t)); apply: le_trans (ler_norm_add _ _) (ler_add _ le_k).
by rewrite distrC.
Qed.
End Derivative.
