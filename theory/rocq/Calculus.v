(** First and second derivatives of functions on a batch, along differentiable curves (Hadamard's derivative; on R^m it is Frechet's).

    [has_grad L z g]             dL = <g, dz> at z
    [twice_diff L z G H]         G is the gradient of L near z, and dG = H dz at z, with H symmetric
    [second_order L z g H]       L has gradient g and Hessian H at z
    Only existence is assumed of a loss: [quadratic_second_order] in Losses.v meets every such hypothesis. *)
From BN Require Export Vectors.

Definition dcurve (c : R -> vec) (c' : vec) (t : R) : Prop := forall i, is_derive (fun s => c s i) t (c' i).
Arguments dcurve c c'%V t%R.

Section Derivatives.
Context {batch : Batch}.

Definition has_grad (L : vec -> R) (z g : vec) : Prop :=
  forall c c' t, c t = z -> dcurve c c' t -> is_derive (fun s => L (c s)) t (g @ c').
Definition near (z : vec) (P : vec -> Prop) : Prop :=
  exists e : posreal, forall x, (forall i, (i <= final)%nat -> Rabs (x i - z i) < e) -> P x.
Record twice_diff (L : vec -> R) (z : vec) (G H : vec -> vec) : Prop := {
  td_grad : near z (fun x => has_grad L x (G x));
  td_hess : forall c c' t, c t = z -> dcurve c c' t -> dcurve (fun s => G (c s)) (H c') t;
  td_sym  : forall u w, u @ H w = H u @ w }.
Definition second_order (L : vec -> R) (z g : vec) (H : vec -> vec) : Prop := exists G, G z = g /\ twice_diff L z G H.
Definition second_derive (phi : R -> R) (t l : R) : Prop :=
  exists phi', locally t (fun s => is_derive phi s (phi' s)) /\ is_derive phi' t l.

(* ---- rules for numbers, typed in R ---- *)
Lemma dmul (f g : R -> R) (t a b : R) : is_derive f t a -> is_derive g t b -> is_derive (fun s => f s * g s) t (a * g t + f t * b).
Proof. intros F G. apply (is_derive_mult f g t a b F G). intros; apply Rmult_comm. Qed.
Lemma dplus (f g : R -> R) (t a b : R) : is_derive f t a -> is_derive g t b -> is_derive (fun s => f s + g s) t (a + b).
Proof. exact (is_derive_plus f g t a b). Qed.
Lemma deq (f : R -> R) (t a b : R) : is_derive f t a -> a = b -> is_derive f t b.
Proof. now intros H <-. Qed.
Lemma d_k (k t : R) : is_derive (fun _ => k) t 0.
Proof. exact (is_derive_const k t). Qed.
Lemma dscale (k : R) (f : R -> R) (t a : R) : is_derive f t a -> is_derive (fun s => k * f s) t (k * a).
Proof. exact (is_derive_scal f t k a). Qed.

(* ---- rules for curves ---- *)
Lemma d_const u t : dcurve (fun _ => u) zero t.
Proof. intros i. exact (is_derive_const (u i) t). Qed.
Lemma d_plus c c' d d' t : dcurve c c' t -> dcurve d d' t -> dcurve (fun s => c s + d s)%V (c' + d') t.
Proof. intros C D i. unfold vplus. now apply dplus. Qed.
Lemma d_scale (k : R -> R) (k' : R) c c' t : is_derive k t k' -> dcurve c c' t -> dcurve (fun s => k s * c s)%V (k' * c t + k t * c') t.
Proof. intros K C i. unfold vscale, vplus. now apply (dmul k (fun s => c s i)). Qed.
Lemma d_scale_k (k : R) c c' t : dcurve c c' t -> dcurve (fun s => k * c s)%V (k * c') t.
Proof. intros C i. unfold vscale. now apply dscale. Qed.
Lemma d_dot c c' d d' t : dcurve c c' t -> dcurve d d' t -> is_derive (fun s => c s @ d s) t (c' @ d t + c t @ d').
Proof.
  intros C D. eapply deq.
  - apply (is_derive_sum_n (fun i s => c s i * d s i) final t (fun i => c' i * d t i + c t i * d' i)).
    intros i _. exact (dmul _ _ _ _ _ (C i) (D i)).
  - exact (sum_n_plus (fun i => c' i * d t i) (fun i => c t i * d' i) final).
Qed.
Lemma dcurve_eq c (a b : vec) t : dcurve c a t -> a = b -> dcurve c b t.
Proof. now intros C <-. Qed.

(* ---- neighbourhoods and continuity ---- *)
Global Instance near_filter z : Filter (near z).
Proof.
  split.
  - exists (mkposreal 1 Rlt_0_1). trivial.
  - intros P Q [a A] [b B]. assert (M : 0 < Rmin a b) by (apply Rmin_pos; apply cond_pos).
    exists (mkposreal _ M). intros x X. simpl in X.
    split; [apply A|apply B]; intros i I; eapply Rlt_le_trans; try apply (X i I); [apply Rmin_l|apply Rmin_r].
  - intros P Q PQ [a A]. exists a. auto.
Qed.
Lemma near_self z (P : vec -> Prop) : near z P -> P z.
Proof. intros [e E]. apply E. intros i _. rewrite Rminus_eq_0, Rabs_R0. apply cond_pos. Qed.
Lemma near_all z (P : vec -> Prop) : (forall x, P x) -> near z P.
Proof. intros A. exists (mkposreal 1 Rlt_0_1). intros x _. apply A. Qed.
Lemma filter_all {T} (F : (T -> Prop) -> Prop) {FF : Filter F} k (P : nat -> T -> Prop) :
  (forall i, (i <= k)%nat -> F (P i)) -> F (fun x => forall i, (i <= k)%nat -> P i x).
Proof.
  induction k; intros N.
  - apply (filter_imp (P O)); [|now apply N]. intros x X i I. now replace i with O by lia.
  - apply (filter_imp (fun x => (forall i, (i <= k)%nat -> P i x) /\ P (S k) x)).
    + intros x [A B] i I. destruct (Nat.eq_dec i (S k)) as [->|D]; [exact B|apply A; lia].
    + apply filter_and; [apply IHk; intros i I; apply N; lia|now apply N].
Qed.
Definition cont (f : vec -> R) (z : vec) : Prop := filterlim f (near z) (locally (f z)).
Definition vcont (f : vec -> vec) (z : vec) : Prop := forall i, (i <= final)%nat -> cont (fun x => f x i) z.
Lemma c_coord z i : (i <= final)%nat -> cont (fun x => x i) z.
Proof. intros I P [e E]. exists e. intros x X. apply E, X, I. Qed.
Lemma c_const k z : cont (fun _ => k) z.
Proof. apply filterlim_const. Qed.
Lemma c_plus f g z : cont f z -> cont g z -> cont (fun x => f x + g x) z.
Proof. intros F G. eapply filterlim_comp_2; [exact F|exact G|exact (filterlim_plus (f z) (g z))]. Qed.
Lemma c_mult f g z : cont f z -> cont g z -> cont (fun x => f x * g x) z.
Proof. intros F G. eapply filterlim_comp_2; [exact F|exact G|exact (filterlim_mult (f z) (g z))]. Qed.
Lemma c_comp (h : R -> R) f z : cont f z -> continuous h (f z) -> cont (fun x => h (f x)) z.
Proof. intros F C. exact (filterlim_comp _ _ _ f h _ _ _ F C). Qed.
Lemma c_sum (f : vec -> vec) z : vcont f z -> cont (fun x => sum (f x)) z.
Proof.
  unfold sum. intros F. assert (K : forall k, (k <= final)%nat -> cont (fun x => sum_n (f x) k) z); [|now apply K].
  induction k; intros I.
  - apply (filterlim_ext (fun x => f x O)); [intros; now rewrite sum_O|]. rewrite sum_O. now apply (F O).
  - apply (filterlim_ext (fun x => sum_n (f x) k + f x (S k))); [intros; now rewrite sum_Sn|]. rewrite sum_Sn.
    apply (c_plus (fun x => sum_n (f x) k) (fun x => f x (S k))); [apply IHk; lia|now apply (F (S k))].
Qed.
Lemma c_dot f g z : vcont f z -> vcont g z -> cont (fun x => f x @ g x) z.
Proof. intros F G. apply (c_sum (fun x i => f x i * g x i)). intros i I. apply c_mult; [now apply F|now apply G]. Qed.
Lemma near_image f z (P : vec -> Prop) : vcont f z -> near (f z) P -> near z (fun x => P (f x)).
Proof.
  intros C [e E]. apply (filter_imp (fun x => forall i, (i <= final)%nat -> Rabs (f x i - f z i) < e)).
  - intros x X. now apply E.
  - apply (filter_all (near z) final (fun i x => Rabs (f x i - f z i) < e)). intros i I.
    apply (C i I (fun v => Rabs (v - f z i) < e)). exists e. trivial.
Qed.
Lemma near_curve z (P : vec -> Prop) c c' t : near z P -> c t = z -> dcurve c c' t -> locally t (fun s => P (c s)).
Proof.
  intros [e E] <- C.
  apply (filter_imp _ _ (fun s S => E (c s) S)).
  apply (filter_all (locally t) final (fun i s => Rabs (c s i - c t i) < e)). intros i _.
  assert (Q : continuous (fun s => c s i) t) by (apply (ex_derive_continuous (fun s => c s i)); exists (c' i); apply C).
  apply (Q (fun v => Rabs (v - c t i) < e)). exists e. trivial.
Qed.

(* ---- along a line; derivatives are unique ---- *)
Definition line (z w : vec) (t : R) : vec := (z + t * w)%V.
Lemma line_0 z w : line z w 0 = z.
Proof. unfold line. vec_ext. ring. Qed.
Lemma d_line z w t : dcurve (line z w) w t.
Proof.
  intros i. unfold line, vplus, vscale. eapply deq.
  - apply (dplus (fun _ => z i) (fun s => s * w i)); [apply d_k|].
    apply (dmul (fun s => s) (fun _ => w i) t 1 0); [exact (is_derive_id t)|apply d_k].
  - ring.
Qed.
Lemma grad_unique L z g h : has_grad L z g -> has_grad L z h -> g == h.
Proof.
  intros A B. apply dot_all_eqv. intros w.
  rewrite <- (is_derive_unique _ _ _ (A _ _ 0 (line_0 z w) (d_line z w 0))).
  exact (is_derive_unique _ _ _ (B _ _ 0 (line_0 z w) (d_line z w 0))).
Qed.
Lemma hess_unique L z G H F K : twice_diff L z G H -> twice_diff L z F K -> forall w, H w == K w.
Proof.
  intros [T1 T2 T3] [S1 S2 S3] w i I.
  pose proof (T2 _ _ 0 (line_0 z w) (d_line z w 0) i) as A. pose proof (S2 _ _ 0 (line_0 z w) (d_line z w 0) i) as B.
  cbv beta in A, B.
  rewrite <- (is_derive_unique _ _ _ B). symmetry. apply is_derive_unique.
  apply (is_derive_ext_loc (fun s => G (line z w s) i)); [|exact A].
  apply (near_curve z (fun x => G x i = F x i) (line z w) w 0); [|apply line_0|apply d_line].
  apply (filter_imp (fun x => has_grad L x (G x) /\ has_grad L x (F x))); [|now apply filter_and].
  intros x [X Y]. exact (grad_unique L x _ _ X Y i I).
Qed.
Lemma line_second L z g H w : second_order L z g H -> second_derive (fun t => L (line z w t)) 0 (w @ H w).
Proof.
  intros (G & GZ & [T1 T2 T3]). exists (fun t => G (line z w t) @ w). split.
  - apply (filter_imp (fun s => has_grad L (line z w s) (G (line z w s)))).
    + intros s D. exact (D (line z w) w s eq_refl (d_line z w s)).
    + exact (near_curve z (fun x => has_grad L x (G x)) _ _ 0 T1 (line_0 z w) (d_line z w 0)).
  - eapply deq; [exact (d_dot _ _ _ _ _ (T2 _ _ _ (line_0 z w) (d_line z w 0)) (d_const w 0))|].
    rewrite dot_zero_r, (dot_sym w). ring.
Qed.

(* ---- rates: d(f, x, u), the derivative as x moves along u; put: f at another point ---- *)
Definition rate (f : vec -> R) (x u : vec) : R := Derive (fun t => f (line x u t)) 0.
Definition vrate (f : vec -> vec) (x u : vec) : vec := fun i => Derive (fun t => f (line x u t) i) 0.
Definition put {A C : Type} (f : A -> C) (a : A) : C := f a.
Lemma rate_is f x u (l : R) : is_derive (fun t => f (line x u t)) 0 l -> rate f x u = l.
Proof. apply is_derive_unique. Qed.
Lemma vrate_is f x u w : dcurve (fun t => f (line x u t)) w 0 -> vrate f x u = w.
Proof. intros D. apply functional_extensionality. intros i. apply is_derive_unique, D. Qed.
Lemma grad_rate L x g u : has_grad L x g -> rate L x u = g @ u.
Proof. intros A. exact (rate_is L x u _ (A _ _ 0 (line_0 x u) (d_line x u 0))). Qed.
Lemma second_rate L z g H w : second_order L z g H -> rate (fun x => rate L x w) z w = w @ H w.
Proof.
  intros (G & _ & [T1 T2 T3]). apply rate_is. apply (is_derive_ext_loc (fun t => G (line z w t) @ w)).
  - apply (near_curve z (fun x => G x @ w = rate L x w) (line z w) w 0); [|apply line_0|apply d_line].
    apply (filter_imp (fun x => has_grad L x (G x))); [|exact T1]. intros x X. symmetry. now apply grad_rate.
  - eapply deq; [exact (d_dot _ _ _ _ _ (T2 _ _ _ (line_0 z w) (d_line z w 0)) (d_const w 0))|]. rewrite dot_zero_r, (dot_sym w). ring.
Qed.

(* ---- a symmetric operator is linear and reads the coordinates of the batch alone ---- *)
Definition self_adjoint (A : vec -> vec) : Prop := forall u w, u @ A w = A u @ w.
Definition projector (A : vec -> vec) : Prop := self_adjoint A /\ forall u, A (A u) == A u.
Lemma projector_twice A u w : projector A -> A (A u) @ w = A u @ w.
Proof. intros [S E]. exact (dot_eqv _ _ w w (E u) (eqv_refl w)). Qed.
Lemma sa_ext A u w : self_adjoint A -> u == w -> A u == A w.
Proof. intros S E. apply dot_all_eqv. intros e. now rewrite <- !S, (dot_eqv u w (A e) (A e) E (eqv_refl _)). Qed.
Lemma sa_plus A u w : self_adjoint A -> A (u + w)%V == (A u + A w)%V.
Proof. intros S. apply dot_all_eqv. intros e. now rewrite dot_plus_l, <- !S, dot_plus_l. Qed.
Lemma sa_scale A k u : self_adjoint A -> A (k * u)%V == (k * A u)%V.
Proof. intros S. apply dot_all_eqv. intros e. now rewrite dot_scale_l, <- !S, dot_scale_l. Qed.
End Derivatives.

(* ---- two derivatives through a map N of the batch: J x u the derivative, T x g its transpose, K g u the derivative of T x g in x ---- *)
Section Chain.
Context {batch : Batch}.

Record smooth_map (N : vec -> vec) (y : vec) (J T K : vec -> vec -> vec) : Prop := {
  sm_cont   : vcont N y;
  sm_derive : near y (fun x => forall c c' t, c t = x -> dcurve c c' t -> dcurve (fun s => N (c s)) (J x c') t);
  sm_adj    : near y (fun x => forall g u, g @ J x u = T x g @ u);
  sm_second : forall c c' u u' t, c t = y -> dcurve c c' t -> dcurve u u' t ->
                dcurve (fun s => T (c s) (u s)) (K (u t) c' + T y u') t;
  sm_sym    : forall g, self_adjoint (K g) }.

Lemma grad_at N J T L x g :
  (forall c c' t, c t = x -> dcurve c c' t -> dcurve (fun s => N (c s)) (J c') t) -> (forall g u, g @ J u = T g @ u) ->
  has_grad L (N x) g -> has_grad (fun x => L (N x)) x (T g).
Proof. intros D A H c c' t <- C. rewrite <- A. apply (H (fun s => N (c s))); [reflexivity|now apply D]. Qed.

Theorem grad_through N y J T K L g : smooth_map N y J T K -> has_grad L (N y) g -> has_grad (fun x => L (N x)) y (T y g).
Proof. intros S H. exact (grad_at N (J y) (T y) L y g (near_self _ _ (sm_derive _ _ _ _ _ S)) (near_self _ _ (sm_adj _ _ _ _ _ S)) H). Qed.

Theorem hess_through N y J T K L G H : smooth_map N y J T K -> twice_diff L (N y) G H ->
  twice_diff (fun x => L (N x)) y (fun x => T x (G (N x))) (fun w => T y (H (J y w)) + K (G (N y)) w)%V.
Proof.
  intros S [T1 T2 T3]. pose proof (near_self _ _ (sm_adj _ _ _ _ _ S)) as A. cbv beta in A. split.
  - pose proof (near_image N y _ (sm_cont _ _ _ _ _ S) T1) as Q.
    pose proof (filter_and _ _ (filter_and _ _ (sm_derive _ _ _ _ _ S) (sm_adj _ _ _ _ _ S)) Q) as W.
    refine (filter_imp _ _ _ W). intros x [[D B] X]. exact (grad_at N (J x) (T x) L x (G (N x)) D B X).
  - intros c c' t E C. eapply dcurve_eq.
    + apply (sm_second _ _ _ _ _ S c c' (fun s => G (N (c s))) (H (J y c')) t E C).
      apply T2; [now rewrite E|]. exact (near_self _ _ (sm_derive _ _ _ _ _ S) c c' t E C).
    + subst y. vec_ext. ring.
  - intros u w. rewrite dot_plus_l, dot_plus_r, (sm_sym _ _ _ _ _ S), <- A, (dot_sym u), <- A, (dot_sym (H (J y w))), T3. reflexivity.
Qed.

(** v and B, once for every downstream loss: whatever derivatives the composed loss has are these. *)
Theorem v_and_B N y J T K L g H v B : smooth_map N y J T K ->
  second_order L (N y) g H -> second_order (fun x => L (N x)) y v B ->
  v == T y g /\ (forall w, B w == T y (H (J y w)) + K g w).
Proof.
  intros S (G & <- & D) (F & <- & D'). pose proof (hess_through N y J T K L G H S D) as E. split.
  - exact (grad_unique _ _ _ _ (near_self _ _ (td_grad _ _ _ _ D')) (near_self _ _ (td_grad _ _ _ _ E))).
  - intros w. exact (hess_unique _ _ _ _ _ _ D' E w).
Qed.
End Chain.
