(** The hypotheses of every further setting can be met: a quadratic loss has all that they ask for, at any g and symmetric matrix A. *)
From BN Require Export Losses Rates Pairs Affine.

Section Met.
Context {batch : Batch}.
Variables (eps gamma beta : R) (y g : vec) (A : nat -> vec).
Hypotheses (N : (1 <= final)%nat) (E : 0 <= eps) (C : 0 < BatchNorm.c y @ BatchNorm.c y) (SA : symmetric_matrix A).

Theorem batch_norm_along_met : exists L G v B, batch_norm_along eps gamma beta L G y g v (mat A) B.
Proof.
  destruct (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as (G & EG & D).
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C (ex_intro _ G (conj EG D))) as (v & B & _ & S).
  exists (loss (BatchNorm.z eps gamma beta y) g A), G, v, B. exact (conj N (conj E (conj C (conj EG (conj D S))))).
Qed.
Theorem batch_norm_gains_met : exists v B dgamma dbeta, batch_norm_gains eps gamma beta y g v (mat A) B dgamma dbeta.
Proof.
  pose proof (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as Q.
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C Q) as (v & B & _ & S).
  assert (X : has_grad (loss (BatchNorm.z eps gamma beta y) g A) (BatchNorm.z eps gamma beta y) g).
  { destruct Q as (G & <- & D). exact (near_self _ _ (td_grad _ _ _ _ D)). }
  exists v, B, (g @ BatchNorm.yhat eps y), (g @ one).
  refine (conj N (conj E (conj C (ex_intro _ _ (conj Q (conj S (conj _ _))))))).
  - apply (X (fun t => BatchNorm.z eps t beta y) (BatchNorm.yhat eps y) gamma eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply (dmul (fun t => t) (fun _ => BatchNorm.yhat eps y i)); [apply d_id|apply d_k]|apply d_k]|]. ring.
  - apply (X (fun t => BatchNorm.z eps gamma t y) one beta eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply d_k|apply (dmul (fun t => t) (fun _ => one i)); [apply d_id|apply d_k]]|]. ring.
Qed.
Theorem unbiased_met : 0 < Unbiased.c y @ Unbiased.c y -> exists v B, unbiased eps gamma beta y g v (mat A) B.
Proof.
  intros P. pose proof (root_pos _ (m - 1) eps (m1_pos N) E P) as S.
  destruct (layer_met _ _ _ _ _ g A (divisor_smooth centre (vscale gamma) (m - 1) eps (beta * one)%V centre_projection
    (scale_symmetric gamma) (m1_pos N) y S) SA) as (v & B & X). exists v, B. exact (conj N (conj E (conj P X))).
Qed.
Theorem layer_norm_met D bias : 0 < LayerNorm.c y @ LayerNorm.c y -> symmetric D -> exists v B, layer_norm eps D bias y g v (mat A) B.
Proof.
  intros P DD. pose proof (root_pos _ m eps m_pos E P) as S.
  destruct (layer_met _ _ _ _ _ g A (divisor_smooth centre D m eps bias centre_projection DD m_pos y S) SA) as (v & B & X).
  exists v, B. exact (conj N (conj E (conj P (conj DD X)))).
Qed.
Theorem rms_norm_elementwise_met D bias : 0 < y @ y -> symmetric D -> exists v B, rms_norm_elementwise eps D bias y g v (mat A) B.
Proof.
  intros P DD. pose proof (root_pos _ m eps m_pos E P) as S.
  destruct (layer_met _ _ _ _ _ g A (divisor_smooth (fun u => u) D m eps bias identity_projection DD m_pos y S) SA) as (v & B & X).
  exists v, B. exact (conj N (conj E (conj P (conj DD X)))).
Qed.
Theorem rms_norm_met : 0 < y @ y -> exists v B, rms_norm eps gamma y g v (mat A) B.
Proof.
  intros P. destruct (rms_norm_elementwise_met (vscale gamma) zero P (scale_symmetric gamma)) as (v & B & _ & _ & _ & _ & X).
  exists v, B. refine (conj N (conj E (conj P _))). replace (RMSNorm.z eps gamma) with (RMSNormElementwise.z eps (vscale gamma) zero); [exact X|].
  apply functional_extensionality. intros x. unfold RMSNormElementwise.z, RMSNorm.z. change (RMSNormElementwise.yhat eps x) with (RMSNorm.yhat eps x).
  vec_ext. ring.
Qed.
Theorem scale_norm_met : 0 < y @ y -> exists v B, scale_norm gamma y g v (mat A) B.
Proof.
  intros P. assert (Q : forall x, d_s (fun u => u) 1 0 x = ScaleNorm.n x) by (intros x; unfold d_s, ScaleNorm.n; f_equal; field).
  assert (S : 0 < d_s (fun u => u) 1 0 y) by (rewrite Q; now apply sqrt_lt_R0).
  destruct (layer_met _ _ _ _ _ g A (divisor_smooth (fun u => u) (vscale gamma) 1 0 zero identity_projection (scale_symmetric gamma) Rlt_0_1 y S) SA)
    as (v & B & X). exists v, B. refine (conj N (conj P _)).
  replace (ScaleNorm.z gamma) with (d_out (fun u => u) (vscale gamma) 1 0 zero); [exact X|].
  apply functional_extensionality. intros x. unfold d_out, d_yhat. rewrite Q. unfold ScaleNorm.z, ScaleNorm.yhat. vec_ext. ring.
Qed.
Theorem affine_layer_met rows bias : exists v B, affine_layer (times final rows) bias y g v (mat A) B.
Proof.
  destruct (layer_met _ _ _ _ _ g A (linear_smooth_map (times final rows) (transposed rows) bias y (transposed_adj final rows)
    (fun c c' t => d_times final rows c c' t) (fun c c' t => d_transposed rows c c' t) (fun i _ => c_times final rows y i)) SA) as (v & B & X).
  exists v, B. refine (conj N (conj _ X)). now exists rows.
Qed.
Theorem rescaled_met scale : exists v B, rescaled scale y g v (mat A) B.
Proof.
  pose proof (scale_symmetric scale) as D.
  destruct (layer_met _ _ _ _ _ g A (linear_smooth_map (vscale scale) (vscale scale) zero y (sy_adj _ D) (sy_d _ D) (sy_d _ D)
    (sy_cont _ D (fun x => x) y (fun i I => c_coord y i I))) SA) as (v & B & X).
  exists v, B. refine (conj N _). replace (Rescaled.z scale) with (fun x => vscale scale x + zero)%V; [exact X|].
  apply functional_extensionality. intros x. unfold Rescaled.z. vec_ext. ring.
Qed.
Theorem smooth_norm_met n nu K : smooth_at n y nu K -> n y <> 0 -> exists v B, smooth_norm n gamma beta nu K y g v (mat A) B.
Proof.
  intros S Z. destruct (quotient_smooth centre gamma n (beta * one)%V centre_projection y nu K S Z) as (J & T & M & _).
  destruct (layer_met _ _ _ _ _ g A M SA) as (v & B & X). exists v, B. exact (conj N (conj S (conj Z X))).
Qed.
Theorem shared_smooth_norm_met n P nu K : projection P -> smooth_at n y nu K -> n y <> 0 ->
  exists v B, shared_smooth_norm n P gamma nu K y g v (mat A) B.
Proof.
  intros PP S Z. destruct (quotient_smooth P gamma n zero PP y nu K S Z) as (J & T & M & _).
  destruct (layer_met _ _ _ _ _ g A M SA) as (v & B & X). exists v, B. refine (conj N (conj PP (conj S (conj Z _)))).
  replace (SharedSmoothNorm.z n P gamma) with (q_out P gamma n zero); [exact X|].
  apply functional_extensionality. intros x. unfold q_out, q_yhat, SharedSmoothNorm.z, SharedSmoothNorm.yhat, SharedSmoothNorm.n. vec_ext. ring.
Qed.
Theorem l2_norm_met : 0 < y @ y -> exists v B, l2_norm eps gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (l2_smooth eps y E P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. exact (root_pos _ m eps m_pos E P).
  - exists v, B. exact (conj N (conj E (conj P X))).
Qed.
Theorem l1_norm_met : (forall i, (i <= final)%nat -> y i <> 0) -> exists v B, l1_norm gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (l1_smooth y P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. exact (l1_pos y P).
  - exists v, B. exact (conj N (conj P X)).
Qed.
Theorem linf_norm_met k : largest y k -> exists v B, linf_norm gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (linf_smooth y k N P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. rewrite (largest_is y k P), abs_sign. apply Rabs_pos_lt. exact (largest_not_zero y k N P).
  - exists v, B. exact (conj N (conj (ex_intro _ k P) X)).
Qed.
End Met.

Theorem plain_weights_met : forall (batch : Batch) (d : nat) (rows : nat -> vec) (W g : vec) (A : nat -> vec), (1 <= final)%nat ->
  symmetric_matrix A -> exists dW HW, plain_weights d rows W g g (mat A) (mat A) dW HW.
Proof.
  intros batch d rows W g A N SA. pose proof (quadratic_second_order (times d rows W) g A SA) as Q.
  exists (transposed rows g), (fun w => transposed rows (mat A (times d rows w))).
  refine (conj N (conj eq_refl (conj eq_refl (ex_intro _ _ (conj Q _))))). exact (weights_second_order d rows _ W g (mat A) Q).
Qed.
Theorem batch_norm_weights_met : forall (batch : Batch) (eps gamma beta : R) (d : nat) (rows : nat -> vec) (W g : vec) (A : nat -> vec),
  (1 <= final)%nat -> 0 <= eps -> 0 < BatchNorm.c (times d rows W) @ BatchNorm.c (times d rows W) -> symmetric_matrix A ->
  exists v B dW HW, batch_norm_weights eps gamma beta d rows W g v (mat A) B dW HW.
Proof.
  intros batch eps gamma beta d rows W g A N E C SA. set (y := times d rows W) in *.
  pose proof (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as Q.
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C Q) as (v & B & _ & S).
  exists v, B, (transposed rows v), (fun w => transposed rows (B (times d rows w))).
  refine (conj N (conj E (conj C (ex_intro _ _ (conj Q (conj S _)))))).
  exact (weights_second_order d rows (fun x => loss (BatchNorm.z eps gamma beta y) g A (BatchNorm.z eps gamma beta x)) W v B S).
Qed.

(** Two units under one loss: at any g_j, g_k and any blocks A_jj, A_jk, A_kk of a symmetric matrix, A_kj being the transpose of A_jk. *)
Section PairMet.
Context {batch : Batch}.

Definition flipped (A : nat -> vec) : nat -> vec := fun i j => A j i.
Definition loss_of_two (a b ga gb : vec) (Ajj Ajk Akk : nat -> vec) (x w : vec) : R :=
  loss a ga Ajj x + loss b gb Akk w + (x - a)%V @ mat Ajk (w - b)%V.
Lemma mat_flipped A u w : u @ mat A w = mat (flipped A) u @ w.
Proof. exact (transposed_adj final A u w). Qed.
Lemma loss_grad a ga A x : symmetric_matrix A -> has_grad (loss a ga A) x (mat A (x - a) + ga)%V.
Proof.
  intros SA c c' t <- C. pose proof (mat_self_adjoint A SA) as S.
  assert (D : dcurve (fun s => c s - a)%V c' t) by (unfold vminus; eapply dcurve_eq; [apply d_plus; [exact C|apply d_const]|vec_ext; ring]).
  eapply deq.
  - unfold loss. apply dplus; [apply dscale; exact (d_dot _ _ _ _ _ D (d_mat A _ _ _ D))|exact (d_dot _ _ _ _ _ (d_const ga t) D)].
  - rewrite dot_plus_l, dot_zero_l, (S (c t - a)%V c'), (dot_sym c'). field.
Qed.
Lemma two_quadratic a b ga gb Ajj Ajk Akk : symmetric_matrix Ajj -> symmetric_matrix Akk ->
  second_order2 (loss_of_two a b ga gb Ajj Ajk Akk) a b ga gb (mat Ajj) (mat Ajk) (mat (flipped Ajk)) (mat Akk).
Proof.
  intros Sj Sk.
  exists (fun x w => mat Ajj (x - a) + ga + mat Ajk (w - b))%V, (fun x w => mat Akk (w - b) + gb + mat (flipped Ajk) (x - a))%V.
  assert (Z : forall A x, mat A (x - x)%V = zero).
  { intros A x. unfold mat. apply functional_extensionality. intros i. replace (x - x)%V with zero; [apply dot_zero_r|vec_ext; ring]. }
  assert (S : forall c c' a t, dcurve c c' t -> dcurve (fun s => c s - a)%V c' t).
  { intros c c' e t C. unfold vminus. eapply dcurve_eq; [apply d_plus; [exact C|apply d_const]|vec_ext; ring]. }
  split; [rewrite !Z; vec_ext; ring|split; [rewrite !Z; vec_ext; ring|split]].
  - exists (fun _ => True), (fun _ => True). split; [now apply near_all|split; [now apply near_all|]].
    intros x w _ _ c c' e e' t <- <- C E. eapply deq.
    + unfold loss_of_two. apply dplus; [apply dplus|].
      * exact (loss_grad a ga Ajj _ Sj c c' t eq_refl C).
      * exact (loss_grad b gb Akk _ Sk e e' t eq_refl E).
      * exact (d_dot _ _ _ _ _ (S c c' a t C) (d_mat Ajk _ _ _ (S e e' b t E))).
    + cbv beta. rewrite (mat_flipped Ajk (c t - a)%V e'), !dot_plus_l, (dot_sym c'). ring.
  - intros c c' e e' t _ _ C E. eapply dcurve_eq.
    + apply d_plus; [apply d_plus; [exact (d_mat Ajj _ _ _ (S c c' a t C))|apply d_const]|exact (d_mat Ajk _ _ _ (S e e' b t E))].
    + vec_ext. ring.
  - intros c c' e e' t _ _ C E. eapply dcurve_eq.
    + apply d_plus; [apply d_plus; [exact (d_mat Akk _ _ _ (S e e' b t E))|apply d_const]|exact (d_mat (flipped Ajk) _ _ _ (S c c' a t C))].
    + vec_ext. ring.
  - exact (mat_self_adjoint Ajj Sj).
  - exact (mat_self_adjoint Akk Sk).
  - exact (mat_flipped Ajk).
Qed.

Definition additive (T : vec -> vec) : Prop := forall a b, T (a + b)%V = (T a + T b)%V.
Lemma pair_met Nj Nk y_j y_k Jj Tj Kj Jk Tk Kk g_j g_k Ajj Ajk Akk :
  smooth_map Nj y_j Jj Tj Kj -> smooth_map Nk y_k Jk Tk Kk -> additive (Tj y_j) -> additive (Tk y_k) ->
  symmetric_matrix Ajj -> symmetric_matrix Akk -> exists v_j v_k B_jj B_jk B_kj B_kk,
  pair Nj Nk y_j y_k g_j g_k v_j v_k (mat Ajj) (mat Ajk) (mat (flipped Ajk)) (mat Akk) B_jj B_jk B_kj B_kk.
Proof.
  intros Mj Mk Aj Ak Sj Sk. pose proof (two_quadratic (Nj y_j) (Nk y_k) g_j g_k Ajj Ajk Akk Sj Sk) as Q.
  set (L := loss_of_two _ _ _ _ _ _ _) in Q. pose proof Q as (Ga & Gb & EA & EB & D).
  pose proof (second_order2_swap _ _ _ _ _ _ _ _ _ Q) as Q'.
  pose proof (near_self _ _ (sm_adj _ _ _ _ _ Mj)) as ADj. pose proof (near_self _ _ (sm_adj _ _ _ _ _ Mk)) as ADk. cbv beta in ADj, ADk.
  pose proof (twice_diff2_swap _ _ _ _ _ _ _ _ _ D) as D'.
  exists (Tj y_j g_j), (Tk y_k g_k), (fun u => Kj g_j u + Tj y_j (mat Ajj (Jj y_j u)))%V, (fun u => Tj y_j (mat Ajk (Jk y_k u))),
    (fun u => Tk y_k (mat (flipped Ajk) (Jj y_j u))), (fun u => Kk g_k u + Tk y_k (mat Akk (Jk y_k u)))%V, L.
  split; [exact Q|]. exists (fun x w => Tj x (Ga (Nj x) (Nk w))), (fun x w => Tk w (Gb (Nj x) (Nk w))).
  split; [now rewrite EA|split; [now rewrite EB|split]].
  - exact (composed_grad _ _ _ _ _ _ _ _ _ _ Mj Mk L Ga Gb _ _ _ _ D).
  - intros c c' e e' t C E CD ED. eapply dcurve_eq.
    + exact (composed_j _ _ _ _ _ _ _ _ _ _ Mj Mk L Ga Gb _ _ _ _ D c c' e e' t C E CD ED).
    + rewrite EA, Aj. vec_ext. ring.
  - intros c c' e e' t C E CD ED. eapply dcurve_eq.
    + exact (composed_j _ _ _ _ _ _ _ _ _ _ Mk Mj _ _ _ _ _ _ _ D' e e' c c' t E C ED CD).
    + cbv beta. rewrite EB, Ak. vec_ext. ring.
  - intros u w. rewrite dot_plus_l, dot_plus_r, (sm_sym _ _ _ _ _ Mj), (dot_sym u (Tj _ _)), <- !ADj, (dot_sym (mat Ajj _)).
    now rewrite (mat_self_adjoint Ajj Sj).
  - intros u w. rewrite dot_plus_l, dot_plus_r, (sm_sym _ _ _ _ _ Mk), (dot_sym u (Tk _ _)), <- !ADk, (dot_sym (mat Akk _)).
    now rewrite (mat_self_adjoint Akk Sk).
  - intros u w. now rewrite (dot_sym u), <- ADj, <- ADk, (dot_sym (mat Ajk _)), mat_flipped.
Qed.

Lemma pulled_additive D k eps y : 0 < k -> additive D -> additive (pulled centre D k eps y).
Proof.
  intros K A a b. unfold pulled, tangent. rewrite A, (pr_plus _ centre_projection), dot_plus_r. vec_ext. unfold Rdiv. ring.
Qed.
Theorem batch_norm_pair_met eps gamma_j beta_j gamma_k beta_k y_j y_k g_j g_k Ajj Ajk Akk : (1 <= final)%nat -> 0 <= eps ->
  0 < BatchNorm.c y_j @ BatchNorm.c y_j -> 0 < BatchNorm.c y_k @ BatchNorm.c y_k -> symmetric_matrix Ajj -> symmetric_matrix Akk ->
  exists v_j v_k B_jj B_jk B_kj B_kk, batch_norm_pair eps gamma_j beta_j gamma_k beta_k y_j y_k g_j g_k v_j v_k
    (mat Ajj) (mat Ajk) (mat (flipped Ajk)) (mat Akk) B_jj B_jk B_kj B_kk.
Proof.
  intros N E Cj Ck Sj Sk.
  assert (A : forall gamma, additive (vscale gamma)) by (intros gamma a b; vec_ext; ring).
  destruct (pair_met _ _ _ _ _ _ _ _ _ _ g_j g_k Ajj Ajk Akk
    (divisor_smooth centre (vscale gamma_j) m eps (beta_j * one)%V centre_projection (scale_symmetric gamma_j) m_pos y_j (root_pos _ m eps m_pos E Cj))
    (divisor_smooth centre (vscale gamma_k) m eps (beta_k * one)%V centre_projection (scale_symmetric gamma_k) m_pos y_k (root_pos _ m eps m_pos E Ck))
    (pulled_additive _ _ _ _ m_pos (A gamma_j)) (pulled_additive _ _ _ _ m_pos (A gamma_k)) Sj Sk) as (v_j & v_k & B_jj & B_jk & B_kj & B_kk & X).
  exists v_j, v_k, B_jj, B_jk, B_kj, B_kk. exact (conj N (conj E (conj Cj (conj Ck X)))).
Qed.
Theorem layer_norm_pair_met eps D_j D_k bias_j bias_k y_j y_k g_j g_k Ajj Ajk Akk : (1 <= final)%nat -> 0 <= eps ->
  0 < LayerNorm.c y_j @ LayerNorm.c y_j -> 0 < LayerNorm.c y_k @ LayerNorm.c y_k -> symmetric D_j -> symmetric D_k -> additive D_j -> additive D_k ->
  symmetric_matrix Ajj -> symmetric_matrix Akk ->
  exists v_j v_k B_jj B_jk B_kj B_kk, layer_norm_pair eps D_j D_k bias_j bias_k y_j y_k g_j g_k v_j v_k
    (mat Ajj) (mat Ajk) (mat (flipped Ajk)) (mat Akk) B_jj B_jk B_kj B_kk.
Proof.
  intros N E Cj Ck Dj Dk Aj Ak Sj Sk.
  destruct (pair_met _ _ _ _ _ _ _ _ _ _ g_j g_k Ajj Ajk Akk
    (divisor_smooth centre D_j m eps bias_j centre_projection Dj m_pos y_j (root_pos _ m eps m_pos E Cj))
    (divisor_smooth centre D_k m eps bias_k centre_projection Dk m_pos y_k (root_pos _ m eps m_pos E Ck))
    (pulled_additive _ _ _ _ m_pos Aj) (pulled_additive _ _ _ _ m_pos Ak) Sj Sk) as (v_j & v_k & B_jj & B_jk & B_kj & B_kk & X).
  exists v_j, v_k, B_jj, B_jk, B_kj, B_kk. exact (conj N (conj E (conj Cj (conj Ck (conj Dj (conj Dk X)))))).
Qed.
End PairMet.
