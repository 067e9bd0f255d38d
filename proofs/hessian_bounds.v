(** T2 for the hessian reading with softmax, cross-entropy and one-hot targets: its entries are linear in the errors.

    Results: each entry of diag(p) - p p^T is at most the largest error of the sample (one_hot_curvature); the recursion
    carries that down (curvature_below); so every entry of the hessian reading's P is at most a constant times the
    largest error (hessian_entry_bounded). Squared error keeps its Gauss-Newton term: there H_L is the identity.

    Glossary
      one_hot j k          == 1 if k is the label j, else 0
      curvature_top r      == |H L| <= r
      growth               == gain L kappa 1 * om ^ L: at least what backprop can make of an error *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network derivative gradient hessian softmax relative bounds.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section OneHot.
Context (R : realFieldType) (m : nat) (p : nat -> R) (j : nat).
Context (p_ge0 : forall k, (k < m)%N -> 0 <= p k) (p1 : sum m p = 1).

Definition one_hot (k : nat) : R := (k == j)%:R.

Lemma share_le1 k : (k < m)%N -> p k <= 1.
Proof.
move=> k_in; rewrite -p1 -[leLHS]/(if true then p k else 0) -k_in -(sum_pick m k p); apply: sum_le => i i_in.
by case: eqP => // _; apply: p_ge0.
Qed.

Lemma share_of_others k : (k < m)%N -> k != j -> p k = `|p k - one_hot k|.
Proof. by move=> k_in /negbTE ne; rewrite /one_hot ne subr0 ger0_norm // p_ge0. Qed.

Lemma share_of_label k : (k < m)%N -> k == j -> 1 - p k = `|p k - one_hot k|.
Proof. by move=> k_in e; rewrite /one_hot e distrC ger0_norm // subr_ge0 share_le1. Qed.

Theorem one_hot_curvature r k h : (forall q, (q < m)%N -> `|p q - one_hot q| <= r) -> (k < m)%N -> (h < m)%N ->
  `|(if h == k then p h else 0) - p k * p h| <= r.
Proof.
move=> small k_in h_in; have [->|ne] := eqVneq h k.
  rewrite -{1}[p k]mulr1 -mulrBr ger0_norm ?mulr_ge0 ?p_ge0 ?subr_ge0 ?share_le1 //; apply: le_trans (small k k_in).
  have [lab|other] := boolP (k == j).
    by rewrite -share_of_label // ler_pimull ?subr_ge0 ?share_le1.
  by rewrite -share_of_others // ler_pimulr ?p_ge0 // ler_subl_addr ler_addl p_ge0.
rewrite sub0r normrN ger0_norm ?mulr_ge0 ?p_ge0 //; have [/eqP lab|other] := boolP (h == j).
  apply: le_trans (small k k_in); rewrite -share_of_others // -?lab 1?eq_sym // ler_pimulr ?p_ge0 ?share_le1 //.
by apply: le_trans (small h h_in); rewrite -share_of_others // ler_pimull ?p_ge0 ?share_le1.
Qed.
End OneHot.

Section Entries.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R) (W : node -> R).
Context (H : nat -> nat -> nat -> nat -> R) (kappa : nat -> R) (om r : R) (om_ge1 : 1 <= om) (r_ge0 : 0 <= r).
Let om_ge0 : 0 <= om := le_trans ler01 om_ge1.
Local Notation K := (gain L kappa).

Definition curvature_top := forall n i k, (n < N)%N -> (i < w L)%N -> (k < w L)%N -> `|H L n i k| <= r.

Theorem curvature_below l n i k : curved L w N s W H -> slopes_below L w N s 1 kappa -> rows_below L w W 1 om ->
  curvature_top -> (1 <= l <= L)%N -> (n < N)%N -> (i < w l)%N -> (k < w l)%N ->
  `|H l n i k| <= (K l * om ^+ (L - l)) ^+ 2 * r.
Proof.
move=> curv slopes rows top l_in n_in; move: {2}(L - l)%N (erefl (L - l)%N) => d; elim: d l l_in i k => [|d IH] l.
  case/andP=> _ lL i k dL; have -> : l = L by apply/eqP; rewrite eqn_leq lL -subn_eq0 dL.
  by rewrite subnn expr0 mulr1 /gain big_geq // expr1n mul1r; apply: top.
case: l => [|l] // /andP[_ lL] i k dL i_in k_in; have l_in : (l.+1 < L)%N by rewrite -subn_gt0 dL.
have next p q : (p < w l.+2)%N -> (q < w l.+2)%N -> `|H l.+2 n p q| <= (K l.+2 * om ^+ (L - l.+2)) ^+ 2 * r.
  by apply: IH; rewrite ?l_in // subnS dL.
have M_ge0 : 0 <= K l.+2 * om ^+ (L - l.+2) by rewrite mulr_ge0 ?gain_ge0 ?exprn_ge0.
have slope q : (q < w l.+1)%N -> `|s l.+1 n q| <= Num.max 1 (kappa l.+1).
  by move=> q_in; apply: (norm_slope_le slopes).
have row q : (q < w l.+1)%N -> sum (w l.+2) (fun h => `|W (Node l.+1 q h)|) <= om.
  by move=> q_in; apply: rows.
have max_ge0 : 0 <= Num.max 1 (kappa l.+1) by apply: le_trans ler01 (max1_ge1 _).
have powE : om ^+ (L - l.+1) = om * om ^+ (L - l.+2) by rewrite -(subnSK l_in) exprS.
rewrite curv // gain_first // powE.
set M := K l.+2 * _ in next M_ge0 *.
have Mr_ge0 : 0 <= M ^+ 2 * r by rewrite mulr_ge0 ?exprn_ge0.
have inner p : (p < w l.+2)%N -> `|sum (w l.+2) (fun q => H l.+2 n p q * W (Node l.+1 k q))| <= om * (M ^+ 2 * r).
  move=> p_in; apply: le_trans (norm_sum_le _ _) _.
  apply: le_trans (_ : sum (w l.+2) (fun q => `|W (Node l.+1 k q)| * (M ^+ 2 * r)) <= _).
    by apply: sum_le => q q_in; rewrite normrM mulrC ler_wpmul2l ?next.
  by rewrite -sum_mulr ler_wpmul2r ?row.
have middle : `|sum (w l.+2) (fun p => W (Node l.+1 i p) *
    sum (w l.+2) (fun q => H l.+2 n p q * W (Node l.+1 k q)))| <= om * (om * (M ^+ 2 * r)).
  apply: le_trans (norm_sum_le _ _) _.
  apply: le_trans (_ : sum (w l.+2) (fun p => `|W (Node l.+1 i p)| * (om * (M ^+ 2 * r))) <= _).
    by apply: sum_le => p p_in; rewrite normrM ler_wpmul2l ?inner.
  by rewrite -sum_mulr ler_wpmul2r ?row // mulr_ge0.
have -> : (Num.max 1 (kappa l.+1) * K l.+2 * (om * om ^+ (L - l.+2))) ^+ 2 * r =
    Num.max 1 (kappa l.+1) * (om * (om * (M ^+ 2 * r))) * Num.max 1 (kappa l.+1).
  by rewrite /M !expr2 !mulrA [LHS](ACl (1*3*7*2*4*6*8*9*5)%AC).
by rewrite !normrM; apply: ler_pmul; rewrite ?mulr_ge0 ?normr_ge0 ?slope //; apply: ler_pmul; rewrite ?normr_ge0 ?slope.
Qed.

Definition growth : R := K 1 * om ^+ L.

Lemma growth_above l : (1 <= l)%N -> K l * om ^+ (L - l) <= growth.
Proof.
move=> l_pos; rewrite /growth ler_pmul ?gain_ge0 ?exprn_ge0 ?gain_anti //.
by rewrite ler_weexpn2l // leq_subr.
Qed.

Theorem hessian_entry_bounded B : 0 <= B -> curved L w N s W H -> backprop L w N s g W ->
  (forall l n j, (l < L)%N -> (n < N)%N -> (j < w l)%N -> `|z l n j| <= B) ->
  slopes_below L w N s 1 kappa -> rows_below L w W 1 om -> errors_below L w N g r -> curvature_top ->
  forall x y, inside L w x -> inside L w y ->
  `|hessian_P w N z s g W H x y| <= K 1 * B * (growth + B * om * growth ^+ 2) * r.
Proof.
move=> B_ge0 curv back units slopes rows small top [l j i] [m h k] /and3P[/= l_in j_in i_in] /and3P[/= m_in h_in k_in].
have G_ge0 : 0 <= growth by rewrite mulr_ge0 ?gain_ge0 ?exprn_ge0.
have all_ge0 : 0 <= (growth + B * om * growth ^+ 2) * r.
  by apply: mulr_ge0 => //; apply: addr_ge0 => //; apply: mulr_ge0; [apply: mulr_ge0 | apply: exprn_ge0].
rewrite /hessian_P /=; case: eqP => [e|_]; last first.
  by rewrite normr0 -mulrA; apply: mulr_ge0 => //; apply: mulr_ge0; rewrite ?gain_ge0.
rewrite e in m_in h_in k_in *; rewrite -mulrA; apply: norm_mean_le => [|n n_in].
  by apply: mulr_ge0 => //; apply: mulr_ge0; rewrite ?gain_ge0.
have g_small : `|g l.+2 n k| <= growth * r.
  apply: le_trans (_ : K l.+2 * om ^+ (L - l.+2) * r <= _); last by rewrite ler_wpmul2r ?growth_above.
  by apply: (error_below back om_ge1 _ slopes rows small); rewrite ?m_in.
have H_small q : (q < w l.+2)%N -> `|H l.+2 n q k| <= growth ^+ 2 * r.
  move=> q_in; apply: le_trans (_ : (K l.+2 * om ^+ (L - l.+2)) ^+ 2 * r <= _).
    by apply: (curvature_below curv slopes rows top); rewrite ?m_in.
  rewrite ler_wpmul2r // ler_expn2r ?nnegrE ?growth_above //.
  by rewrite mulr_ge0 ?gain_ge0 ?exprn_ge0.
have row_small : `|sum (w l.+2) (fun q => W (Node l.+1 i q) * H l.+2 n q k)| <= om * (growth ^+ 2 * r).
  apply: le_trans (norm_sum_le _ _) _.
  apply: le_trans (_ : sum (w l.+2) (fun q => `|W (Node l.+1 i q)| * (growth ^+ 2 * r)) <= _).
    by apply: sum_le => q q_in; rewrite normrM ler_wpmul2l ?H_small.
  by rewrite -sum_mulr ler_wpmul2r ?rows ?m_in //; apply: mulr_ge0 => //; apply: exprn_ge0.
rewrite !normrM; apply: ler_pmul; rewrite ?mulr_ge0 ?normr_ge0 //.
  apply: ler_pmul; rewrite ?normr_ge0 ?units //; apply: le_trans (norm_slope_le slopes _ n_in i_in) _ => //.
  have one : Num.max 1 (kappa l.+1) * 1 <= Num.max 1 (kappa l.+1) * K l.+2.
    by rewrite ler_wpmul2l ?gain_ge1 ?(le_trans ler01 (max1_ge1 _)).
  by move: one; rewrite mulr1 -gain_first ?m_in // => /le_trans; apply; apply: gain_anti.
rewrite mulrDl; apply: le_trans (ler_norm_add _ _) (ler_add _ _).
  by case: eqP => _ //; rewrite normr0; apply: mulr_ge0.
have -> : B * om * growth ^+ 2 * r = B * (om * (growth ^+ 2 * r)) by rewrite !mulrA.
by rewrite normrM; apply: ler_pmul => //; apply: units.
Qed.
End Entries.
