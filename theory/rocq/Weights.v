(** Weight space: y = X W for an input X that has a row for each element of the batch and d + 1 columns; W, dL/dW and the Hessian in W
    live in R^(d+1), whose inner product is written [u @[ d ] w]. *)
From BN Require Export Settings.

Notation "u @[ d ] w" := (@dot d u w) (at level 40, d at level 0, left associativity, only parsing) : R_scope.
Notation "u ==[ d ] w" := (@eqv d u w) (at level 70, d at level 0, no associativity, only parsing) : type_scope.

Definition times (d : nat) (rows : nat -> vec) (W : vec) : vec := fun i => rows i @[d] W.
Definition transposed {batch : Batch} (rows : nat -> vec) (u : vec) : vec := fun j => (fun i => rows i j) @ u.

(* ---- maps between spaces of different dimension ---- *)
Lemma near_map (d n : Batch) (f : vec -> vec) z P :
  (forall i, (i <= @final n)%nat -> @cont d (fun x => f x i) z) -> @near n (f z) P -> @near d z (fun x => P (f x)).
Proof.
  intros C [e E]. apply (filter_imp (fun x => forall i, (i <= @final n)%nat -> Rabs (f x i - f z i) < e)).
  - intros x X. now apply E.
  - apply (filter_all (@near d z) (@final n) (fun i x => Rabs (f x i - f z i) < e)). intros i I.
    apply (C i I (fun v => Rabs (v - f z i) < e)). exists e. trivial.
Qed.
Lemma c_map (d n : Batch) (f : vec -> vec) (h : vec -> R) z :
  (forall i, (i <= @final n)%nat -> @cont d (fun x => f x i) z) -> @cont n h (f z) -> @cont d (fun x => h (f x)) z.
Proof. intros C K P Q. exact (near_map d n f z (fun x => P (h x)) C (K P Q)). Qed.
Lemma c_times (d : nat) X z i : @cont d (fun W => times d X W i) z.
Proof. unfold times. apply (@c_dot d); intros j J; [apply c_const|now apply c_coord]. Qed.
Lemma times_plus (d : nat) X a b : times d X (a + b)%V = (times d X a + times d X b)%V.
Proof. apply functional_extensionality. intros i. unfold times, vplus at 2. apply (@dot_plus_r d). Qed.
Lemma times_scale (d : nat) X k a : times d X (k * a)%V = (k * times d X a)%V.
Proof. apply functional_extensionality. intros i. unfold times, vscale at 2. apply (@dot_scale_r d). Qed.
Lemma times_line (d : nat) X W e t : times d X (line W e t) = line (times d X W) (times d X e) t.
Proof. unfold line. now rewrite times_plus, times_scale. Qed.
Lemma times_eqv (d : nat) X a b : a ==[d] b -> times d X a = times d X b.
Proof. intros E. apply functional_extensionality. intros i. unfold times. exact (@dot_eqv d _ _ _ _ (eqv_refl _) E). Qed.
Lemma d_times (d : nat) X c c' t : dcurve c c' t -> dcurve (fun s => times d X (c s)) (times d X c') t.
Proof. intros C i. eapply deq; [exact (@d_dot d _ _ _ _ _ (d_const (X i) t) C)|]. rewrite (@dot_zero_l d). unfold times. ring. Qed.

Section Weights.
Context {batch : Batch} (d : nat) (X : nat -> vec).

Lemma transposed_adj u W : u @ times d X W = transposed X u @[d] W.
Proof.
  unfold dot at 1, times, transposed, sum, dot, sum.
  transitivity (sum_n (fun i => sum_n (fun j => u i * (X i j * W j)) (@final d)) (@final batch)).
  { apply sum_n_ext; intros i. symmetry. exact (sum_n_scal_l (u i) (fun j => X i j * W j) _). }
  rewrite (sum_n_switch (fun i j => u i * (X i j * W j))). apply sum_n_ext; intros j.
  transitivity (W j * sum_n (fun i => X i j * u i) (@final batch)); [|apply Rmult_comm].
  rewrite <- (sum_n_scal_l (W j) (fun i => X i j * u i)). apply sum_n_ext; intros i. unfold scal; simpl; unfold mult; simpl. ring.
Qed.
Lemma d_transposed c c' t : dcurve c c' t -> dcurve (fun s => transposed X (c s)) (transposed X c') t.
Proof.
  intros C j. eapply deq; [exact (d_dot _ _ _ _ _ (d_const (fun i => X i j) t) C)|]. rewrite dot_zero_l. unfold transposed. ring.
Qed.
(** X X' is a symmetric operator on the batch. *)
Definition gramian (u : vec) : vec := times d X (transposed X u).
Lemma gramian_adj : self_adjoint gramian.
Proof. intros u w. unfold gramian. rewrite transposed_adj, (dot_sym (times d X _)), transposed_adj. apply (@dot_sym d). Qed.

(** Gradient and Hessian in W of a function of y = X W. *)
Theorem weights_second_order L W v B : second_order L (times d X W) v B ->
  @second_order d (fun U => L (times d X U)) W (transposed X v) (fun w => transposed X (B (times d X w))).
Proof.
  intros (G & <- & [T1 T2 T3]). exists (fun U => transposed X (G (times d X U))). split; [reflexivity|split].
  - apply (@filter_imp _ (@near d W) (@near_filter d W) (fun U => has_grad L (times d X U) (G (times d X U)))).
    + intros U D c c' t <- C. rewrite <- transposed_adj. apply (D (fun s => times d X (c s))); [reflexivity|now apply d_times].
    + apply (near_map d batch (times d X) W (fun x => has_grad L x (G x))); [intros i _; apply c_times|exact T1].
  - intros c c' t <- C. apply d_transposed. apply T2; [reflexivity|now apply d_times].
  - intros u w. rewrite (@dot_sym d), <- !transposed_adj, (dot_sym (B _)). apply T3.
Qed.
End Weights.

Definition batch_norm_weights {batch : Batch} (eps gamma beta : R) (d : nat) (rows : nat -> vec) (W g v : vec) (H B : vec -> vec)
    (dW : vec) (HW : vec -> vec) : Prop :=
  let y := times d rows W in let N := BatchNorm.z eps gamma beta in
  (1 <= final)%nat /\ 0 <= eps /\ 0 < BatchNorm.c y @ BatchNorm.c y /\ exists L, second_order L (N y) g H /\
  second_order (fun x => L (N x)) y v B /\ @second_order d (fun U => L (N (times d rows U))) W dW HW.
(** The network without BatchNorm at the same weights: gradient and Hessian of the loss at y, and in W. *)
Definition plain_weights {batch : Batch} (d : nat) (rows : nat -> vec) (W g v : vec) (H B : vec -> vec) (dW : vec) (HW : vec -> vec) : Prop :=
  (1 <= final)%nat /\ g = v /\ H = B /\ exists L, second_order L (times d rows W) g H /\
  @second_order d (fun U => L (times d rows U)) W dW HW.

Section Open.
Context {batch : Batch}.
Lemma in_weights_are (d : nat) rows L W v B dW HW : second_order L (times d rows W) v B ->
  @second_order d (fun U => L (times d rows U)) W dW HW ->
  dW ==[d] transposed rows v /\ forall w, HW w ==[d] transposed rows (B (times d rows w)).
Proof.
  intros S (F & <- & D). destruct (weights_second_order d rows L W v B S) as (G & E & D'). split.
  - rewrite <- E. exact (@grad_unique d _ _ _ _ (near_self _ _ (@td_grad d _ _ _ _ D)) (near_self _ _ (@td_grad d _ _ _ _ D'))).
  - exact (@hess_unique d _ _ _ _ _ _ D D').
Qed.
Lemma batch_norm_weights_facts eps gamma beta d rows W g v H B dW HW : batch_norm_weights eps gamma beta d rows W g v H B dW HW ->
  batch_norm eps gamma beta (times d rows W) g v H B /\
  dW ==[d] transposed rows v /\ (forall w, HW w ==[d] transposed rows (B (times d rows w))).
Proof.
  intros (N & E & C & L & A & A' & A''). split; [exact (conj N (conj E (conj C (ex_intro _ L (conj A A')))))|].
  exact (in_weights_are d rows _ W v B dW HW A' A'').
Qed.
End Open.

(** Turns every inner product of weights into one of the batch, where X' X is never seen and X X' is an operator. *)
Ltac to_batch :=
  lazymatch goal with |- ?u ==[?d] ?w => first [is_var d; let e := fresh "e" in apply (@dot_all_eqv d); intros e | idtac] | _ => idtac end;
  unfold vminus, vdiv, vopp;
  match goal with D : ?dW ==[?d] transposed ?rows ?v, E : forall w, ?HW w ==[?d] _ |- _ =>
    repeat first
    [ progress rewrite ?(times_plus d), ?(times_scale d), ?(@dot_plus_l d), ?(@dot_plus_r d), ?(@dot_scale_l d), ?(@dot_scale_r d),
        ?(@dot_zero_l d), ?(@dot_zero_r d), ?(times_eqv d rows _ _ D)
    | match goal with
      | |- context [times d rows (HW ?w)] => rewrite (times_eqv d rows _ _ (E w))
      | |- context [times d rows (transposed rows ?u)] => change (times d rows (transposed rows u)) with (gramian d rows u)
      | |- context [dW @[d] ?u] => rewrite (@dot_eqv d dW _ u u D (eqv_refl u)), <- (transposed_adj d rows)
      | |- context [?u @[d] dW] => rewrite (@dot_sym d u dW)
      | |- context [HW ?w @[d] ?u] => rewrite (@dot_eqv d (HW w) _ u u (E w) (eqv_refl u)), <- (transposed_adj d rows)
      | |- context [?u @[d] HW ?w] => rewrite (@dot_sym d u (HW w))
      | |- context [transposed rows ?a @[d] ?u] => rewrite <- (transposed_adj d rows a u)
      | |- context [?u @[d] transposed rows ?a] => rewrite (@dot_sym d u (transposed rows a))
      end ];
    let SK := fresh "SK" in let K := fresh "K" in
    pose proof (gramian_adj d rows) as SK; set (K := gramian d rows) in *; clearbody K; clear D E
  end.
Ltac open_weights :=
  cbv zeta; intros;
  match goal with
  | St : batch_norm_weights _ _ _ ?d ?rows ?W _ _ _ _ _ _ |- _ =>
      let Base := fresh "Base" in let D := fresh "D" in let E := fresh "E" in
      pose proof (batch_norm_weights_facts _ _ _ _ _ _ _ _ _ _ _ _ St) as (Base & D & E); clear St; to_batch;
      let y := fresh "y" in set (y := times d rows W) in *; clearbody y
  | St : plain_weights ?d ?rows ?W _ _ _ _ _ _ |- _ =>
      let D := fresh "D" in let E := fresh "E" in let L := fresh "L" in let A := fresh "A" in let A' := fresh "A'" in
      let N := fresh "N" in destruct St as (N & ? & ? & L & A & A'); subst;
      pose proof (in_weights_are d rows L W _ _ _ _ A A') as (D & E); pose proof (m_ge_2 N);
      destruct A as (? & _ & A); pose proof (td_sym _ _ _ _ A : self_adjoint _); clear A'; to_batch
  end.
