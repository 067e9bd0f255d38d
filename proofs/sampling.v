(** What follows from some of the samples: T1 for stochastic gradient descent, and T9, the variance of a subsample.

    Results: a family of numbers whose sum over every set of B of the N samples is 0 is 0, if 0 < B < N
    (every_batch_zero). So a point that no batch moves has zero gradient on every sample (batches_flat), and there P and
    beta_eff vanish (beta_vanishes_for_batches). Over all sets of m samples, the mean of the squared difference between
    the subsample's mean and that of all samples is (N - m) / (m (N - 1)) times the variance (subsample_variance).
    Where a set is drawn from each of several classes, and their means are added with any shares, the same mean is the
    sum over the classes of share^2 times that of the class alone (stratified_variance).

    Glossary
      batch_gradient z g x S == the sum over the samples of S of dC/dW at x
      every_batch_flat B     == it is 0 for every weight x and every set S of B samples
      over_subsets F         == the mean of F over all sets of m samples
      centre f               == the mean of f over all samples
      variance f             == the mean of (f n - centre f)^2 over all samples
      of_class S             == the mean over the set S drawn from class c
      over_strata F q 0      == the mean of F (sum over c < q of share c * of_class S_c) over all choices of the S_c
      stratified_centre q    == the sum over c < q of share c times the mean of class c; the mean of all samples where
                                share c is class c's part of them *)
From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import sum line_graph degrees network vanishing.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma subset_of_size (T : finType) (A : {set T}) k : (k <= #|A|)%N -> exists2 S : {set T}, S \subset A & #|S| = k.
Proof.
move=> k_le; have : (0 < #|[set S : {set T} | (S \subset A) && (#|S| == k)]|)%N by rewrite cards_draws bin_gt0.
by case/card_gt0P=> S; rewrite inE => /andP[SA /eqP kS]; exists S.
Qed.

Section Batches.
Context (R : realFieldType) (N B : nat).
Implicit Types (c : 'I_N -> R) (S : {set 'I_N}).

Theorem every_batch_zero c : (0 < B < N)%N -> (forall S, #|S| = B -> \sum_(n in S) c n = 0) -> forall n, c n = 0.
Proof.
case/andP=> B_pos B_lt flat; have same n k : c n = c k.
  have [->//|ne] := eqVneq n k.
  have [S SA kS] : exists2 S : {set 'I_N}, S \subset ~: [set n; k] & #|S| = B.-1.
    apply: subset_of_size; rewrite -(leq_add2l #|[set n; k]|) cardsC card_ord cards2 ne /=.
    by rewrite add2n prednK.
  have out i : i \in [set n; k] -> i \notin S by move=> i_in; apply/negP=> /(subsetP SA); rewrite inE i_in.
  have with_ i : i \in [set n; k] -> c i = - \sum_(j in S) c j.
    move=> i_in; apply/eqP; rewrite -addr_eq0 -(big_setU1 _ (out i i_in)) flat //.
    by rewrite cardsU1 out // kS add1n prednK.
  by rewrite !with_ // !inE eqxx ?orbT.
move=> n; have [|S _ kS] := @subset_of_size _ [set: 'I_N] B; first by rewrite cardsT card_ord ltnW.
have := flat S kS; rewrite (eq_bigr (fun=> c n)) => [|k _]; last exact: same.
rewrite sumr_const kS => /eqP; rewrite mulrn_eq0 => /orP[/eqP e|/eqP//].
by rewrite e in B_pos.
Qed.
End Batches.

Section Descent.
Context (R : realFieldType) (L : nat) (w : nat -> nat) (N : nat) (z s g : nat -> nat -> nat -> R).

Definition batch_gradient (x : node) (S : {set 'I_N}) : R :=
  \sum_(n in S) z (layer x) n (src x) * g (layer x).+1 n (dst x).

Definition every_batch_flat B := forall x (S : {set 'I_N}), inside L w x -> #|S| = B -> batch_gradient x S = 0.

Theorem batches_flat B : (0 < B < N)%N -> every_batch_flat B -> each_sample_flat L w N z g.
Proof.
move=> B_in flat x n x_in n_in.
have := @every_batch_zero R N B (fun n : 'I_N => z (layer x) n (src x) * g (layer x).+1 n (dst x)) B_in.
by move/(_ (fun S kS => flat x S x_in kS))/(_ (Ordinal n_in)).
Qed.

Theorem beta_vanishes_for_batches B : (0 < B < N)%N -> alive L w N z s -> every_batch_flat B ->
  [/\ A L w (P N z s g) = 0, D L w (P N z s g) = 0 & beta_eff L w (P N z s g) = 0].
Proof. by move=> B_in live flat; apply: beta_vanishes_per_sample => //; apply: batches_flat flat. Qed.
End Descent.

Section Subsample.
Context (R : realFieldType) (N m : nat).
Implicit Types (f h : 'I_N -> R) (S : {set 'I_N}).

Definition over_subsets (F : {set 'I_N} -> R) : R := 'C(N, m)%:R^-1 * \sum_(S : {set 'I_N} | #|S| == m) F S.
Definition centre f : R := N%:R^-1 * \sum_n f n.
Definition variance f : R := N%:R^-1 * \sum_n (f n - centre f) ^+ 2.

(** How many sets of m samples have neither n nor k *)
Lemma avoiding n k : #|[set S : {set 'I_N} | (#|S| == m) && (S \subset ~: [set n; k])]| = 'C(N - (n != k).+1, m).
Proof.
have -> : (N - (n != k).+1)%N = #|~: [set n; k]| by rewrite cardsCs setCK card_ord cards2.
by rewrite -cards_draws; apply: eq_card => S; rewrite !inE andbC.
Qed.

(** For numbers that sum to 0, what a subsample sums to is minus what the rest does. *)
Lemma rest_sum h S : \sum_n h n = 0 -> (\sum_(n in S) h n) ^+ 2 = (\sum_(n in ~: S) h n) ^+ 2.
Proof.
move=> h0; suff -> : \sum_(n in S) h n = - \sum_(n in ~: S) h n by rewrite sqrrN.
apply/eqP; rewrite -addr_eq0; apply/eqP; rewrite -[RHS]h0 [RHS](bigID (mem S)) /=; congr (_ + _).
by apply: eq_bigl => n; rewrite inE.
Qed.

Lemma squares_of_rests h : \sum_(S : {set 'I_N} | #|S| == m) (\sum_(n in ~: S) h n) ^+ 2 =
  \sum_n \sum_k h n * h k *+ 'C(N - (n != k).+1, m).
Proof.
transitivity (\sum_(S : {set 'I_N} | #|S| == m) \sum_n \sum_k
    if (n \notin S) && (k \notin S) then h n * h k else 0).
  apply: eq_bigr => S _; rewrite expr2 big_distrl /= big_mkcond; apply: eq_bigr => n _ /=.
  rewrite inE; case: (n \in S) => /=; first by rewrite big1.
  by rewrite big_distrr /= big_mkcond; apply: eq_bigr => k _; rewrite inE.
rewrite exchange_big; apply: eq_bigr => n _; rewrite exchange_big; apply: eq_bigr => k _ /=.
rewrite -big_mkcondr sumr_const -avoiding; congr (_ *+ _); apply: eq_card => S; rewrite !inE; congr (_ && _).
by rewrite subsetC subUset !sub1set !inE.
Qed.

Lemma subsample_sums h : (0 < m)%N -> (1 < N)%N -> \sum_n h n = 0 ->
  \sum_(S : {set 'I_N} | #|S| == m) (\sum_(n in S) h n) ^+ 2 = (\sum_n h n ^+ 2) *+ 'C(N - 2, m.-1).
Proof.
move=> m_pos N_pos h0; rewrite (eq_bigr (fun S : {set 'I_N} => (\sum_(n in ~: S) h n) ^+ 2)) => [|S _]; last exact: rest_sum.
rewrite squares_of_rests.
have count (n k : 'I_N) : 'C(N - (n != k).+1, m) = ('C(N - 2, m) + (k == n) * 'C(N - 2, m.-1))%N.
  rewrite eq_sym; case: eqP => _ /=; last by rewrite mul0n addn0.
  by rewrite mul1n -(subnSK N_pos) -[in LHS](prednK m_pos) binS prednK.
rewrite (eq_bigr (fun n => h n ^+ 2 *+ 'C(N - 2, m.-1))) => [|n _]; first by rewrite sumrMnl.
transitivity (\sum_k (h n * h k *+ 'C(N - 2, m) + if k == n then h n * h k *+ 'C(N - 2, m.-1) else 0)).
  apply: eq_bigr => k _; rewrite count mulrnDr; congr (_ + _).
  by case: eqP => _; rewrite ?mul1n ?mul0n.
rewrite big_split /= sumrMnl -mulr_sumr h0 mulr0 mul0rn add0r -big_mkcond /= big_pred1_eq.
by rewrite expr2.
Qed.

Lemma rearranged (C q n n1 c d V : R) : C != 0 -> q != 0 -> n != 0 -> n1 != 0 -> n * n1 * c = C * (q * d) ->
  C^-1 * (q ^- 2 * (c * V)) = d / (q * n1) * (n^-1 * V).
Proof.
move=> C0 q0 n0 n10 e; have -> : c = C * (q * d) * (n * n1)^-1 by rewrite -e mulrC mulKf ?mulf_neq0.
rewrite expr2 !invfM !mulrA [LHS](ACl ((1*4)*(2*5)*(6*3*8*7*9))%AC) /=.
by rewrite !mulVf // !mul1r.
Qed.

(** T9 *)
Theorem subsample_variance f : (0 < m)%N -> (1 < N)%N -> (m <= N)%N ->
  over_subsets (fun S => (m%:R^-1 * (\sum_(n in S) f n) - centre f) ^+ 2) =
  (N - m)%:R / (m%:R * N.-1%:R) * variance f.
Proof.
move=> m_pos N_pos m_le; pose h n := f n - centre f.
have N0 : N%:R != 0 :> R by rewrite pnatr_eq0 -lt0n ltnW.
have m0 : m%:R != 0 :> R by rewrite pnatr_eq0 -lt0n.
have h0 : \sum_n h n = 0.
  by rewrite sumrB sumr_const card_ord /centre -[X in _ - X]mulr_natl mulrA divff // mul1r subrr.
transitivity (over_subsets (fun S => m%:R ^- 2 * (\sum_(n in S) h n) ^+ 2)).
  congr (_ * _); apply: eq_bigr => S /eqP kS; rewrite -exprVn -exprMn; congr (_ ^+ 2).
  by rewrite sumrB sumr_const kS mulrBr -[centre f *+ m]mulr_natl mulrA mulVf // mul1r.
rewrite /over_subsets -mulr_sumr subsample_sums // /variance.
have C0 : ('C(N, m))%:R != 0 :> R by rewrite pnatr_eq0 -lt0n bin_gt0.
have N1 : N.-1%:R != 0 :> R by rewrite pnatr_eq0 -lt0n -subn1 subn_gt0.
have absorbed : (N * N.-1 * 'C(N - 2, m.-1) = 'C(N, m) * (m * (N - m)))%N.
  case: N m N_pos m_pos {h h0 N0 m0 C0 N1 m_le f} => [|[|n]] // [|k] // _ _ /=; rewrite subn2 /= subSS.
  have := mul_bin_diag n.+2 k; have := mul_bin_down n.+1 k => /= down diag.
  by rewrite -mulnA down mulnCA diag; ring.
rewrite -[(\sum_n h n ^+ 2) *+ _]mulr_natl; apply: rearranged => //.
by rewrite -!natrM absorbed.
Qed.
End Subsample.

(** T9 for strata: of each of q classes, with n c samples, m c are drawn, each class's set independently of the
    others. *)
Section Strata.
Context (R : realFieldType) (n m : nat -> nat) (f : forall c, 'I_(n c) -> R) (share : nat -> R).
Implicit Types (F : R -> R) (c q : nat) (a : R).

Definition of_class c (S : {set 'I_(n c)}) : R := (m c)%:R^-1 * \sum_(i in S) f i.

(** The mean of F (a + the sum over classes of share c * of_class c S), over all choices of one set S for each class. *)
Fixpoint over_strata F q a : R :=
  if q is c.+1 then
    over_subsets (m c) (fun S : {set 'I_(n c)} => over_strata F c (a + share c * @of_class c S))
  else F a.

Definition stratified_centre q : R := sum q (fun c => share c * centre (@f c)).

Lemma over_subsets_ext N k (F F' : {set 'I_N} -> R) : F =1 F' -> over_subsets k F = over_subsets k F'.
Proof. by move=> e; congr (_ * _); apply: eq_bigr => S _; apply: e. Qed.

Lemma over_subsets_add N k (F F' : {set 'I_N} -> R) :
  over_subsets k (fun S => F S + F' S) = over_subsets k F + over_subsets k F'.
Proof. by rewrite /over_subsets big_split mulrDr. Qed.

Lemma over_subsets_mull N k a (F : {set 'I_N} -> R) : over_subsets k (fun S => a * F S) = a * over_subsets k F.
Proof. by rewrite /over_subsets -mulr_sumr mulrCA. Qed.

Lemma over_subsets_const N k a : (k <= N)%N -> over_subsets k (fun _ : {set 'I_N} => a) = a.
Proof.
move=> k_le; rewrite /over_subsets sumr_const -[X in a *+ X]/(#|[pred S : {set 'I_N} | #|S| == k]|).
have -> : #|[pred S : {set 'I_N} | #|S| == k]| = 'C(N, k).
  by have := card_draws (ordinal_finType N) k; rewrite card_ord => <-; apply: eq_card => S; rewrite !inE.
by rewrite -[a *+ _]mulr_natl mulKf // pnatr_eq0 -lt0n bin_gt0.
Qed.

(** A subsample's mean is right in the mean. *)
Lemma subsample_unbiased N k (h : 'I_N -> R) : (0 < k <= N)%N ->
  over_subsets k (fun S => k%:R^-1 * (\sum_(i in S) h i) - centre h) = 0.
Proof.
move=> /andP[k_pos k_le]; pose d i := h i - centre h; have N_pos : (0 < N)%N by apply: leq_trans k_le.
have d0 : \sum_i d i = 0.
  rewrite sumrB sumr_const card_ord /centre -[X in _ - X]mulr_natl mulrA divff ?pnatr_eq0 -?lt0n //.
  by rewrite mul1r subrr.
transitivity (over_subsets k (fun S : {set 'I_N} => - (k%:R^-1 * \sum_(i in ~: S) d i))).
  congr (_ * _); apply: eq_bigr => S /eqP kS.
  have -> : k%:R^-1 * (\sum_(i in S) h i) - centre h = k%:R^-1 * \sum_(i in S) d i.
    by rewrite sumrB sumr_const kS mulrBr -[centre h *+ k]mulr_natl mulrA mulVf ?mul1r // pnatr_eq0 -lt0n.
  apply/eqP; rewrite -addr_eq0 -mulrDr mulf_eq0; apply/orP; right; apply/eqP; rewrite -[RHS]d0.
  by rewrite [RHS](bigID (mem S)) /=; congr (_ + _); apply: eq_bigl => i; rewrite inE.
rewrite /over_subsets sumrN -mulr_sumr (_ : \sum_(S | _) _ = 0) ?mulr0 ?oppr0 ?mulr0 //.
transitivity (\sum_(S : {set 'I_N} | #|S| == k) \sum_i if i \notin S then d i else 0).
  by apply: eq_bigr => S _; rewrite big_mkcond; apply: eq_bigr => i _; rewrite inE.
rewrite exchange_big /=; transitivity (\sum_i d i *+ 'C(N - 1, k)); last by rewrite sumrMnl d0 mul0rn.
apply: eq_bigr => i _; rewrite -big_mkcondr sumr_const; have := avoiding k i i; rewrite eqxx /= => <-.
by congr (_ *+ _); apply: eq_card => S; rewrite !inE subsetC setUid sub1set inE.
Qed.

Theorem stratified_variance q : (forall c, (c < q)%N -> (0 < m c)%N /\ (1 < n c)%N /\ (m c <= n c)%N) ->
  over_strata (fun a => (a - stratified_centre q) ^+ 2) q 0 =
  sum q (fun c => share c ^+ 2 * ((n c - m c)%:R / ((m c)%:R * (n c).-1%:R) * variance (@f c))).
Proof.
pose V c := share c ^+ 2 * ((n c - m c)%:R / ((m c)%:R * (n c).-1%:R) * variance (@f c)).
move=> sizes; suff general a b : over_strata (fun a => (a - b) ^+ 2) q a = (a + stratified_centre q - b) ^+ 2 + sum q V.
  by rewrite general add0r subrr expr2 mul0r add0r.
elim: q sizes a => [|c IH] sizes a; first by rewrite /= /stratified_centre /= !addr0.
have [m_pos [n_gt m_le]] := sizes c (ltnSn c).
pose off (S : {set 'I_(n c)}) := of_class S - centre (@f c); pose A := a + stratified_centre c.+1 - b.
transitivity (over_subsets (m c) (fun S =>
    (A ^+ 2 + sum c V) + (A * share c *+ 2 * off S + share c ^+ 2 * off S ^+ 2))).
  apply: over_subsets_ext => S; rewrite -/(over_strata _ c _) IH => [|d d_in]; last exact: sizes (ltnW d_in).
  have -> : a + share c * of_class S + stratified_centre c - b = A + share c * off S.
    rewrite /A /off /stratified_centre /= mulrBr; move: (sum c _) (share c * _) (share c * _) => p r t.
    by rewrite [RHS](AC (1*2*1*2) (1*5*2*4*(3*6)))%AC /= subrr addr0.
  by rewrite sqrrD exprMn mulrnAl mulrA [LHS](ACl (1*4*(2*3))%AC).
rewrite !over_subsets_add over_subsets_const // !over_subsets_mull.
rewrite over_subsets_const // subsample_unbiased ?m_pos // mulr0 add0r.
by rewrite subsample_variance //= -addrA.
Qed.
End Strata.
