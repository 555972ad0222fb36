(** Two units that one loss sees: y_j and y_k, each normalised by its own statistics. The Hessian at (z_j, z_k) has the blocks H_jj, H_jk,
    H_kj, H_kk; that of the composed loss B_jj, B_jk, B_kj, B_kk. *)
From BN Require Export Settings.

Section Pairs.
Context {batch : Batch}.

Definition has_grad2 (L : vec -> vec -> R) (a b ga gb : vec) : Prop := forall c c' e e' t, c t = a -> e t = b ->
  dcurve c c' t -> dcurve e e' t -> is_derive (fun s => L (c s) (e s)) t (ga @ c' + gb @ e').
Definition near2 (a b : vec) (P : vec -> vec -> Prop) : Prop := exists U V, near a U /\ near b V /\ forall x w, U x -> V w -> P x w.
Record twice_diff2 (L : vec -> vec -> R) (a b : vec) (Ga Gb : vec -> vec -> vec) (Hjj Hjk Hkj Hkk : vec -> vec) : Prop := {
  t2_grad : near2 a b (fun x w => has_grad2 L x w (Ga x w) (Gb x w));
  t2_j : forall c c' e e' t, c t = a -> e t = b -> dcurve c c' t -> dcurve e e' t -> dcurve (fun s => Ga (c s) (e s)) (Hjj c' + Hjk e')%V t;
  t2_k : forall c c' e e' t, c t = a -> e t = b -> dcurve c c' t -> dcurve e e' t -> dcurve (fun s => Gb (c s) (e s)) (Hkj c' + Hkk e')%V t;
  t2_jj : self_adjoint Hjj;
  t2_kk : self_adjoint Hkk;
  t2_jk : forall u w, u @ Hjk w = Hkj u @ w }.
Definition second_order2 L a b ga gb Hjj Hjk Hkj Hkk : Prop :=
  exists Ga Gb, Ga a b = ga /\ Gb a b = gb /\ twice_diff2 L a b Ga Gb Hjj Hjk Hkj Hkk.

Lemma near_line z w (P : vec -> Prop) : near z P -> locally 0 (fun t => P (line z w t)).
Proof. intros N. exact (near_curve z P (line z w) w 0 N (line_0 z w) (d_line z w 0)). Qed.
Lemma grad2_unique L a b ga gb ha hb : has_grad2 L a b ga gb -> has_grad2 L a b ha hb -> ga == ha /\ gb == hb.
Proof.
  intros A B. split; apply dot_all_eqv; intros w.
  - pose proof (is_derive_unique _ _ _ (A _ _ _ _ 0 (line_0 a w) (eq_refl b) (d_line a w 0) (d_const b 0))) as P.
    pose proof (is_derive_unique _ _ _ (B _ _ _ _ 0 (line_0 a w) (eq_refl b) (d_line a w 0) (d_const b 0))) as Q.
    rewrite dot_zero_r in P, Q. cbv beta in P, Q. lra.
  - pose proof (is_derive_unique _ _ _ (A _ _ _ _ 0 (eq_refl a) (line_0 b w) (d_const a 0) (d_line b w 0))) as P.
    pose proof (is_derive_unique _ _ _ (B _ _ _ _ 0 (eq_refl a) (line_0 b w) (d_const a 0) (d_line b w 0))) as Q.
    rewrite dot_zero_r in P, Q. cbv beta in P, Q. lra.
Qed.

Variables (Nj Nk : vec -> vec) (yj yk : vec) (Jj Tj Kj Jk Tk Kk : vec -> vec -> vec).
Hypotheses (Sj : smooth_map Nj yj Jj Tj Kj) (Sk : smooth_map Nk yk Jk Tk Kk).
Let Aj : forall g u, g @ Jj yj u = Tj yj g @ u := near_self _ _ (sm_adj _ _ _ _ _ Sj).
Let Ak : forall g u, g @ Jk yk u = Tk yk g @ u := near_self _ _ (sm_adj _ _ _ _ _ Sk).

Variables (L : vec -> vec -> R) (Ga Gb : vec -> vec -> vec) (Hjj Hjk Hkj Hkk : vec -> vec).
Hypothesis D : twice_diff2 L (Nj yj) (Nk yk) Ga Gb Hjj Hjk Hkj Hkk.

Lemma composed_grad : near2 yj yk (fun x w => has_grad2 (fun x w => L (Nj x) (Nk w)) x w (Tj x (Ga (Nj x) (Nk w))) (Tk w (Gb (Nj x) (Nk w)))).
Proof.
  destruct (t2_grad _ _ _ _ _ _ _ _ _ D) as (U & V & NU & NV & E).
  exists (fun x => (forall c c' t, c t = x -> dcurve c c' t -> dcurve (fun s => Nj (c s)) (Jj x c') t) /\ (forall g u, g @ Jj x u = Tj x g @ u) /\ U (Nj x)),
    (fun x => (forall c c' t, c t = x -> dcurve c c' t -> dcurve (fun s => Nk (c s)) (Jk x c') t) /\ (forall g u, g @ Jk x u = Tk x g @ u) /\ V (Nk x)).
  split; [|split].
  - apply filter_and; [exact (sm_derive _ _ _ _ _ Sj)|apply filter_and; [exact (sm_adj _ _ _ _ _ Sj)|exact (near_image Nj yj U (sm_cont _ _ _ _ _ Sj) NU)]].
  - apply filter_and; [exact (sm_derive _ _ _ _ _ Sk)|apply filter_and; [exact (sm_adj _ _ _ _ _ Sk)|exact (near_image Nk yk V (sm_cont _ _ _ _ _ Sk) NV)]].
  - intros x w (DJ & AJ & UX) (DK & AK & VW) c c' e e' t C E' CD ED. subst x w. rewrite <- AJ, <- AK.
    apply (E (Nj (c t)) (Nk (e t)) UX VW (fun s => Nj (c s)) _ (fun s => Nk (e s)) _ t eq_refl eq_refl); [now apply DJ|now apply DK].
Qed.
Lemma composed_j c c' e e' t : c t = yj -> e t = yk -> dcurve c c' t -> dcurve e e' t ->
  dcurve (fun s => Tj (c s) (Ga (Nj (c s)) (Nk (e s)))) (Kj (Ga (Nj yj) (Nk yk)) c' + Tj yj (Hjj (Jj yj c') + Hjk (Jk yk e')))%V t.
Proof.
  intros C E CD ED.
  pose proof (near_self _ _ (sm_derive _ _ _ _ _ Sj) c c' t C CD) as PJ. pose proof (near_self _ _ (sm_derive _ _ _ _ _ Sk) e e' t E ED) as PK.
  pose proof (sm_second _ _ _ _ _ Sj c c' (fun s => Ga (Nj (c s)) (Nk (e s))) (Hjj (Jj yj c') + Hjk (Jk yk e'))%V t C CD) as X. cbv beta in X.
  rewrite C, E in X. apply X. apply (t2_j _ _ _ _ _ _ _ _ _ D (fun s => Nj (c s)) _ (fun s => Nk (e s)) _ t); [now rewrite C|now rewrite E|exact PJ|exact PK].
Qed.

Variables (vj vk : vec) (Bjj Bjk Bkj Bkk : vec -> vec).
Hypothesis C : second_order2 (fun x w => L (Nj x) (Nk w)) yj yk vj vk Bjj Bjk Bkj Bkk.

Lemma pair_v : (forall u, vj @ u = Ga (Nj yj) (Nk yk) @ Jj yj u) /\ (forall u, vk @ u = Gb (Nj yj) (Nk yk) @ Jk yk u).
Proof.
  destruct C as (Fa & Fb & <- & <- & F). destruct (t2_grad _ _ _ _ _ _ _ _ _ F) as (U & V & NU & NV & E).
  destruct composed_grad as (U' & V' & NU' & NV' & E').
  destruct (grad2_unique _ _ _ _ _ _ _ (E yj yk (near_self _ _ NU) (near_self _ _ NV)) (E' yj yk (near_self _ _ NU') (near_self _ _ NV'))) as [P Q].
  split; intros u; [rewrite Aj; exact (dot_eqv _ _ u u P (eqv_refl u))|rewrite Ak; exact (dot_eqv _ _ u u Q (eqv_refl u))].
Qed.
Lemma pair_B_sum u w x : u @ Bjj w + u @ Bjk x = u @ Kj (Ga (Nj yj) (Nk yk)) w + Jj yj u @ Hjj (Jj yj w) + Jj yj u @ Hjk (Jk yk x).
Proof.
  destruct C as (Fa & Fb & _ & _ & F). destruct (t2_grad _ _ _ _ _ _ _ _ _ F) as (U & V & NU & NV & E).
  destruct composed_grad as (U' & V' & NU' & NV' & E').
  pose proof (t2_j _ _ _ _ _ _ _ _ _ F _ _ _ _ 0 (line_0 yj w) (line_0 yk x) (d_line yj w 0) (d_line yk x 0)) as P.
  pose proof (composed_j _ _ _ _ 0 (line_0 yj w) (line_0 yk x) (d_line yj w 0) (d_line yk x 0)) as Q.
  assert (EQ : (Bjj w + Bjk x)%V == (Kj (Ga (Nj yj) (Nk yk)) w + Tj yj (Hjj (Jj yj w) + Hjk (Jk yk x)))%V).
  { intros i I. rewrite <- (is_derive_unique _ _ _ (Q i)). symmetry. apply is_derive_unique.
    apply (is_derive_ext_loc (fun s => Fa (line yj w s) (line yk x s) i)); [|exact (P i)].
    apply (filter_imp (fun t => (U (line yj w t) /\ U' (line yj w t)) /\ (V (line yk x t) /\ V' (line yk x t)))).
    - intros t ((A & A') & (B & B')). exact (proj1 (grad2_unique _ _ _ _ _ _ _ (E _ _ A B) (E' _ _ A' B')) i I).
    - apply filter_and; apply filter_and; now apply near_line. }
  rewrite <- dot_plus_r, (dot_eqv u u _ _ (eqv_refl u) EQ), dot_plus_r, (dot_sym u (Tj _ _)), <- Aj, dot_plus_l, (dot_sym (Hjj _)), (dot_sym (Hjk _)). ring.
Qed.
Lemma pair_B_j : (forall u w, u @ Bjj w = u @ Kj (Ga (Nj yj) (Nk yk)) w + Jj yj u @ Hjj (Jj yj w)) /\ (forall u w, u @ Bjk w = Jj yj u @ Hjk (Jk yk w)).
Proof.
  destruct C as (Fa & Fb & _ & _ & F).
  assert (Z : forall u, u @ Bjk zero = 0) by (intros u; rewrite (t2_jk _ _ _ _ _ _ _ _ _ F); apply dot_zero_r).
  assert (Z' : forall u, u @ Hjk (Jk yk zero) = 0) by (intros u; rewrite (t2_jk _ _ _ _ _ _ _ _ _ D), Ak; apply dot_zero_r).
  assert (Y : forall u, u @ Bjj zero = 0) by (intros u; rewrite (t2_jj _ _ _ _ _ _ _ _ _ F); apply dot_zero_r).
  split; intros u w.
  - pose proof (pair_B_sum u w zero) as P. rewrite Z, Z' in P. lra.
  - pose proof (pair_B_sum u zero w) as P. pose proof (pair_B_sum u zero zero) as Q. rewrite Z, Z', Y in Q. rewrite Y in P. lra.
Qed.
End Pairs.

Definition pair {batch : Batch} (Nj Nk : vec -> vec) (y_j y_k g_j g_k v_j v_k : vec) (H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk : vec -> vec) : Prop :=
  exists L, second_order2 L (Nj y_j) (Nk y_k) g_j g_k H_jj H_jk H_kj H_kk /\
  second_order2 (fun x w => L (Nj x) (Nk w)) y_j y_k v_j v_k B_jj B_jk B_kj B_kk.
Definition batch_norm_pair {batch : Batch} (eps gamma_j beta_j gamma_k beta_k : R) (y_j y_k g_j g_k v_j v_k : vec)
    (H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < BatchNorm.c y_j @ BatchNorm.c y_j /\ 0 < BatchNorm.c y_k @ BatchNorm.c y_k /\
  pair (BatchNorm.z eps gamma_j beta_j) (BatchNorm.z eps gamma_k beta_k) y_j y_k g_j g_k v_j v_k H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk.
Definition layer_norm_pair {batch : Batch} (eps : R) (D_j D_k : vec -> vec) (bias_j bias_k y_j y_k g_j g_k v_j v_k : vec)
    (H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < LayerNorm.c y_j @ LayerNorm.c y_j /\ 0 < LayerNorm.c y_k @ LayerNorm.c y_k /\ symmetric D_j /\ symmetric D_k /\
  pair (LayerNorm.z eps D_j bias_j) (LayerNorm.z eps D_k bias_k) y_j y_k g_j g_k v_j v_k H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk.

Section Known.
Context {batch : Batch}.

Lemma twice_diff2_swap L a b Ga Gb Hjj Hjk Hkj Hkk : twice_diff2 L a b Ga Gb Hjj Hjk Hkj Hkk ->
  twice_diff2 (fun x w => L w x) b a (fun x w => Gb w x) (fun x w => Ga w x) Hkk Hkj Hjk Hjj.
Proof.
  intros [T1 T2 T3 T4 T5 T6]. split.
  - destruct T1 as (U & V & NU & NV & E). exists V, U. refine (conj NV (conj NU _)). intros x w X W c c' e e' t C E' CD ED.
    eapply deq; [exact (E w x W X e e' c c' t E' C ED CD)|apply Rplus_comm].
  - intros c c' e e' t C E CD ED. eapply dcurve_eq; [exact (T3 e e' c c' t E C ED CD)|]. vec_ext. ring.
  - intros c c' e e' t C E CD ED. eapply dcurve_eq; [exact (T2 e e' c c' t E C ED CD)|]. vec_ext. ring.
  - exact T5.
  - exact T4.
  - intros u w. now rewrite (dot_sym u), <- T6, (dot_sym w).
Qed.
Lemma second_order2_swap L a b ga gb Hjj Hjk Hkj Hkk : second_order2 L a b ga gb Hjj Hjk Hkj Hkk ->
  second_order2 (fun x w => L w x) b a gb ga Hkk Hkj Hjk Hjj.
Proof. intros (Ga & Gb & A & B & T). exists (fun x w => Gb w x), (fun x w => Ga w x). exact (conj B (conj A (twice_diff2_swap _ _ _ _ _ _ _ _ _ T))). Qed.
(** One unit alone, the other held fixed. *)
Lemma fixed_k L a b ga gb Hjj Hjk Hkj Hkk : second_order2 L a b ga gb Hjj Hjk Hkj Hkk ->
  second_order (fun x => L x b) a ga (fun u => Hjj u + Hjk zero)%V.
Proof.
  intros (Ga & Gb & A & B & [T1 T2 T3 T4 T5 T6]). exists (fun x => Ga x b). split; [exact A|split].
  - destruct T1 as (U & V & NU & NV & E). apply (filter_imp U); [|exact NU]. intros x X c c' t C CD.
    eapply deq; [exact (E x b X (near_self _ _ NV) c c' (fun _ => b) zero t C eq_refl CD (d_const b t))|]. rewrite dot_zero_r. ring.
  - intros c c' t C CD. exact (T2 c c' (fun _ => b) zero t C eq_refl CD (d_const b t)).
  - intros u w. rewrite dot_plus_l, dot_plus_r, T6, dot_zero_r, (dot_sym (Hjk zero)), T6, dot_zero_r, T4. reflexivity.
Qed.
Lemma off_zero L a b ga gb Hjj Hjk Hkj Hkk : second_order2 L a b ga gb Hjj Hjk Hkj Hkk -> forall u w, u @ (Hjj w + Hjk zero)%V = u @ Hjj w.
Proof. intros (Ga & Gb & A & B & T) u w. rewrite dot_plus_r, (t2_jk _ _ _ _ _ _ _ _ _ T), dot_zero_r. ring. Qed.

Variables (eps : R) (Dj Dk : vec -> vec) (shift_j shift_k y_j y_k g_j g_k v_j v_k : vec) (H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk : vec -> vec).
Hypotheses (SDj : symmetric Dj) (SDk : symmetric Dk).
Let s_j := d_s centre m eps y_j.
Let yhat_j := d_yhat centre m eps y_j.
Let s_k := d_s centre m eps y_k.
Let yhat_k := d_yhat centre m eps y_k.
Hypotheses (Pj : 0 < s_j) (Pk : 0 < s_k).
Hypothesis A : pair (d_out centre Dj m eps shift_j) (d_out centre Dk m eps shift_k) y_j y_k g_j g_k v_j v_k H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk.

Lemma pair_j : self_adjoint H_jj /\ self_adjoint B_jj /\ y_j = ((one @ y_j / m) * one + s_j * yhat_j)%V /\ one @ yhat_j = 0 /\
  yhat_j @ yhat_j = m * (1 - eps / s_j ^ 2) /\ (forall u, v_j @ u = / s_j * seen_c m yhat_j (Dj g_j) u) /\
  (forall u w, u @ B_jj w = / s_j ^ 2 * seen_through_c m yhat_j (fun a => Dj (H_jj (Dj a))) u w
    - / (m * s_j) * ((yhat_j @ u) * (v_j @ w) + (yhat_j @ w) * (v_j @ u)) - / (m * s_j ^ 2) * (yhat_j @ Dj g_j) * seen_c m yhat_j u w).
Proof.
  destruct A as (L & X & Y).
  assert (LA : layer (d_out centre Dj m eps shift_j) y_j g_j v_j (fun u => H_jj u + H_jk zero)%V (fun u => B_jj u + B_jk zero)%V).
  { exists (fun x => L x (d_out centre Dk m eps shift_k y_k)). split; [exact (fixed_k _ _ _ _ _ _ _ _ _ X)|].
    exact (fixed_k _ _ _ _ _ _ _ _ _ Y). }
  destruct (centred_is m eps Dj shift_j y_j g_j v_j _ _ SDj m_pos Pj LA) as (_ & _ & E & O & F & V & W).
  destruct X as (Ga & Gb & XA & XB & X). destruct Y as (Fa & Fb & YA & YB & Y).
  refine (conj (t2_jj _ _ _ _ _ _ _ _ _ X) (conj (t2_jj _ _ _ _ _ _ _ _ _ Y) (conj E (conj O (conj F (conj V _)))))).
  intros u w. pose proof (W u w) as Q. cbv beta in Q.
  rewrite (off_zero _ _ _ _ _ _ _ _ _ (ex_intro _ Fa (ex_intro _ Fb (conj YA (conj YB Y))))) in Q. rewrite Q. do 3 f_equal.
  assert (EH : forall a b, a @ Dj (H_jj b + H_jk zero)%V = a @ Dj (H_jj b)).
  { intros a b. rewrite !(sy_adj Dj SDj). exact (off_zero _ _ _ _ _ _ _ _ _ (ex_intro _ Ga (ex_intro _ Gb (conj XA (conj XB X)))) (Dj a) b). }
  unfold seen_through_c. now rewrite !EH.
Qed.
Lemma pair_jk : (forall u w, u @ H_jk w = H_kj u @ w) /\ (forall u w, u @ B_jk w = B_kj u @ w) /\
  (forall u w, u @ B_jk w = Dj (/ s_j * (u - one @ u / m * one - yhat_j @ u / m * yhat_j))%V @ H_jk (Dk (/ s_k * (w - one @ w / m * one - yhat_k @ w / m * yhat_k)))%V).
Proof.
  destruct A as (L & (Ga & Gb & XA & XB & X) & Y). destruct (Y) as (Fa & Fb & YA & YB & T).
  refine (conj (t2_jk _ _ _ _ _ _ _ _ _ X) (conj (t2_jk _ _ _ _ _ _ _ _ _ T) _)).
  exact (proj2 (pair_B_j _ _ _ _ _ _ _ _ _ _ (divisor_smooth centre Dj m eps shift_j centre_projection SDj m_pos y_j Pj)
    (divisor_smooth centre Dk m eps shift_k centre_projection SDk m_pos y_k Pk) L Ga Gb _ _ _ _ X _ _ _ _ _ _ Y)).
Qed.
End Known.

Section Facts.
Context {batch : Batch}.
Lemma pair_swap Nj Nk y_j y_k g_j g_k v_j v_k H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk :
  pair Nj Nk y_j y_k g_j g_k v_j v_k H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk -> pair Nk Nj y_k y_j g_k g_j v_k v_j H_kk H_kj H_jk H_jj B_kk B_kj B_jk B_jj.
Proof. intros (L & X & Y). exists (fun x w => L w x). split; [exact (second_order2_swap _ _ _ _ _ _ _ _ _ X)|exact (second_order2_swap _ _ _ _ _ _ _ _ _ Y)]. Qed.

(** An operator from one unit to the other, known inside inner products. *)
Definition crossing (A A' : vec -> vec) : Prop :=
  (forall u a b, u @ A (a + b)%V = u @ A a + u @ A b) /\ (forall u k a, u @ A (k * a)%V = k * (u @ A a)) /\
  (forall u w, w @ A' u = u @ A w) /\ (forall u w, A w @ u = u @ A w) /\ (forall u w, A' u @ w = u @ A w).
Lemma crosses A A' : (forall u w, u @ A w = A' u @ w) -> crossing A A'.
Proof.
  intros E. refine (conj _ (conj _ (conj _ (conj _ _)))).
  - intros u a b. now rewrite !E, dot_plus_r.
  - intros u k a. now rewrite !E, dot_scale_r.
  - intros u w. now rewrite (dot_sym w), E.
  - intros u w. apply dot_sym.
  - intros u w. now rewrite E.
Qed.
Lemma sigma_of eps y : 0 <= eps -> 0 < BatchNorm.c y @ BatchNorm.c y ->
  let s := BatchNorm.s eps y in 0 < s /\ 0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps.
Proof. intros E C s. split; [exact (root_pos _ m eps m_pos E C)|exact (sigma_sq _ m eps m_pos E C)]. Qed.
End Facts.

(** Opens a pair: what is known of both units, with y, s, yhat, mu, sigma of each as variables. *)
Ltac unit_of eps y Yhat S Mu :=
  let yh := fresh "yhat" in set (yh := Yhat) in *; clearbody yh;
  let sg := fresh "sigma" in set (sg := sqrt (S ^ 2 - eps)) in *; clearbody sg;
  let ss := fresh "s" in set (ss := S) in *; clearbody ss;
  let mm := fresh "mu" in set (mm := Mu) in *; clearbody mm;
  match goal with Y : y = _ |- _ => subst y end.
Ltac sigma_in eps :=
  repeat match goal with
  | Q : ?sigma ^ 2 = ?s ^ 2 - eps, F : ?a @ ?a = m * (1 - eps / ?s ^ 2) |- _ => is_var eps;
      replace (m * (1 - eps / s ^ 2)) with (m * (sigma ^ 2 / s ^ 2)) in F by (rewrite Q; field; lra); clear Q
  | F : ?a @ ?a = m * (1 - 0 / ?s ^ 2) |- _ => replace (m * (1 - 0 / s ^ 2)) with m in F by (field; lra)
  end.
Ltac pair_opened eps Dj Dk bj bk yj yk Cj Ck E P Sj Sk :=
  let Aj := fresh "Aj" in let Ak := fresh "Ak" in
  pose proof (sigma_of eps yj E Cj) as Aj; pose proof (sigma_of eps yk E Ck) as Ak; cbv zeta in Aj, Ak;
  let Kj := fresh "Kj" in let Kk := fresh "Kk" in let Kx := fresh "Kx" in
  pose proof (pair_j eps Dj Dk bj bk yj yk _ _ _ _ _ _ _ _ _ _ _ _ Sj (proj1 Aj) P) as Kj;
  pose proof (pair_j eps Dk Dj bk bj yk yj _ _ _ _ _ _ _ _ _ _ _ _ Sk (proj1 Ak) (pair_swap _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ P)) as Kk;
  pose proof (pair_jk eps Dj Dk bj bk yj yk _ _ _ _ _ _ _ _ _ _ _ _ Sj Sk (proj1 Aj) (proj1 Ak) P) as Kx;
  change (d_yhat centre m eps yj) with (BatchNorm.yhat eps yj) in *; change (d_s centre m eps yj) with (BatchNorm.s eps yj) in *;
  change (d_yhat centre m eps yk) with (BatchNorm.yhat eps yk) in *; change (d_s centre m eps yk) with (BatchNorm.s eps yk) in *;
  change (one @ yj / m) with (BatchNorm.mu yj) in *; change (one @ yk / m) with (BatchNorm.mu yk) in *;
  clear P Cj Ck;
  repeat match goal with K : _ /\ _ |- _ => let a := fresh "K" in let b := fresh "K" in destruct K as [a b] end;
  unit_of eps yj (BatchNorm.yhat eps yj) (BatchNorm.s eps yj) (BatchNorm.mu yj);
  unit_of eps yk (BatchNorm.yhat eps yk) (BatchNorm.s eps yk) (BatchNorm.mu yk);
  sigma_in eps; pose proof m_pos.
Ltac open_pair :=
  cbv zeta; intros; unfold BatchNorm.z, LayerNorm.z in *;
  match goal with
  | St : batch_norm_pair ?eps ?gj ?bj ?gk ?bk ?yj ?yk _ _ _ _ _ _ _ _ _ _ _ _ |- _ =>
      let N := fresh "N" in let E := fresh "E" in let Cj := fresh "Cj" in let Ck := fresh "Ck" in let P := fresh "P" in
      destruct St as (N & E & Cj & Ck & P); pose proof (m_ge_2 N);
      pair_opened eps (vscale gj) (vscale gk) (bj * one)%V (bk * one)%V yj yk Cj Ck E P (scale_symmetric gj) (scale_symmetric gk)
  | St : layer_norm_pair ?eps ?Dj ?Dk ?bj ?bk ?yj ?yk _ _ _ _ _ _ _ _ _ _ _ _ |- _ =>
      let N := fresh "N" in let E := fresh "E" in let Cj := fresh "Cj" in let Ck := fresh "Ck" in let P := fresh "P" in
      let Sj := fresh "Sj" in let Sk := fresh "Sk" in
      destruct St as (N & E & Cj & Ck & Sj & Sk & P); pose proof (m_ge_2 N); pose proof (sy_adj Dj Sj); pose proof (sy_adj Dk Sk);
      change (@LayerNorm.yhat) with (@BatchNorm.yhat) in *; change (@LayerNorm.s) with (@BatchNorm.s) in *;
      pair_opened eps Dj Dk bj bk yj yk Cj Ck E P Sj Sk
  end.
(** Takes v and B of both units and the operators between them out of every inner product. *)
Ltac pair_out :=
  repeat match goal with
  | X : forall u w, u @ ?A w = ?A' u @ w |- _ => pose proof (crosses A A' X); clear X
  end;
  unfold crossing in *;
  repeat match goal with K : _ /\ _ |- _ => let a := fresh "K" in let b := fresh "K" in destruct K as [a b] end;
  repeat (progress (
    unfold vminus, vdiv, vopp; expand_op;
    repeat match goal with
    | X : forall u w, w @ ?A' u = u @ ?A w |- context [?w @ ?A' ?u] => rewrite (X u w)
    | X : forall u w, ?A w @ u = u @ ?A w |- context [?A ?w @ ?u] => rewrite (X u w)
    | X : forall u w, ?A' u @ w = u @ ?A w |- context [?A' ?u @ ?w] => rewrite (X u w)
    | X : forall u w, u @ ?B w = (_ @ _) |- context [?u @ ?B ?w] => rewrite (X u w)
    | X : forall u a b, u @ ?A (a + b)%V = _ |- context [?u @ ?A (?a + ?b)%V] => rewrite (X u a b)
    | X : forall u k a, u @ ?A (k * a)%V = _ |- context [?u @ ?A (?k * ?a)%V] => rewrite (X u k a)
    | SA : self_adjoint ?A, X : forall u w, ?C w @ u = u @ ?C w |- context [?A (?C ?x) @ ?u] => rewrite <- (SA (C x) u)
    | SA : self_adjoint ?A, X : forall u w, ?C w @ u = u @ ?C w |- context [?u @ ?A (?C ?x)] => rewrite (SA u (C x))
    | SA : self_adjoint ?A, X : forall u w, w @ ?C' u = u @ ?C w |- context [?u @ ?C (?A (?a + ?b)%V)] =>
        rewrite <- (X u (A (a + b)%V)), (op_plus_l A _ _ _ SA), !(X u)
    | SA : self_adjoint ?A, X : forall u w, w @ ?C' u = u @ ?C w |- context [?u @ ?C (?A (?k * ?a)%V)] =>
        rewrite <- (X u (A (k * a)%V)), (op_scale_l A _ _ _ SA), !(X u)
    | W : forall u w, u @ ?B w = _ - _ |- context [?B ?a @ ?b] => rewrite (dot_sym (B a) b)
    | W : forall u w, u @ ?B w = _ - _ |- context [?u @ ?B ?w] => rewrite (W u w)
    | V : forall u, ?v @ u = _ |- context [?v @ ?u] => rewrite (V u)
    | V : forall u, ?v @ u = _ |- context [?u @ ?v] => rewrite (dot_sym u v), (V u)
    | V : forall u, ?v @ u = _, X : forall u w, w @ ?A' u = u @ ?A w |- context [?u @ ?A ?v] => rewrite <- (X u v)
    | SA : self_adjoint ?A, V : forall u, ?v @ u = _ |- context [?u @ ?A ?v] => rewrite (SA u v)
    end; seen_out)).
(** What v is orthogonal to: 1, and y-hat where eps = 0. *)
Ltac orthogonal_pair :=
  repeat match goal with V : forall u, ?v @ u = / _ * seen_c m ?yhat _ u |- _ =>
    lazymatch goal with _ : v @ one = 0 |- _ => fail | _ => idtac end;
    assert (v @ one = 0) by (rewrite V; seen_out; expand_op; orient; gram; field; nonzero);
    try match goal with F : yhat @ yhat = m |- _ =>
      assert (yhat @ v = 0) by (rewrite (dot_sym yhat), V; seen_out; expand_op; orient; gram; field; nonzero) end
  end.
Ltac settle_opened := unfold norm, mean; pair_out; orient; gram; field; nonzero.
(** With v_j and v_k left closed: all that is used of them is what they are orthogonal to. *)
Ltac settle_closed :=
  orthogonal_pair;
  repeat match goal with V : forall u, ?v @ u = / _ * seen_c m ?yhat _ u |- _ => clear V end;
  unfold norm, mean; pair_out;
  repeat match goal with
  | Z : ?v @ one = 0 |- context [one @ ?v] => rewrite (dot_sym one v)
  | Z : ?yhat @ ?v = 0 |- context [?v @ ?yhat] => rewrite (dot_sym v yhat)
  | Z : ?a @ ?b = 0 |- context [?a @ ?b] => rewrite Z
  end; orient; gram; field; nonzero.
Ltac settle_pair :=
  lazymatch goal with
  | |- _ == _ => let e := fresh "e" in apply dot_all_eqv; intros e
  | _ => idtac
  end; first [settle_closed | settle_opened].
