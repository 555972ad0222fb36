(** Inputs X (a row for each element of the batch, d + 1 columns) with spectral norm at most lam, and maxima over them. *)
From BN Require Export Norms.

(** norm(X) <= lam. *)
Definition bounded {batch : Batch} (d : nat) (X : nat -> vec) (lam : R) : Prop :=
  forall W, times d X W @ times d X W <= lam ^ 2 * @dot d W W.
(** M is the largest value of f over the inputs with norm(X) <= lam, and is attained. *)
Definition is_max {batch : Batch} (d : nat) (lam : R) (f : (nat -> vec) -> R) (M : R) : Prop :=
  (exists X, bounded d X lam /\ f X = M) /\ (forall X, bounded d X lam -> f X <= M).

Lemma sum_first (n : nat) (u : vec) : (forall j, (1 <= j)%nat -> u j = 0) -> @sum n u = u 0%nat.
Proof.
  intros Z. unfold sum, final. induction n as [|k IH]; [apply sum_O|]. rewrite sum_Sn, IH, (Z (S k)) by lia. unfold plus; simpl. ring.
Qed.

Section Inputs.
Context {batch : Batch} (d : nat).

Lemma bounded_transposed X lam u : bounded d X lam -> @dot d (transposed X u) (transposed X u) <= lam ^ 2 * (u @ u).
Proof.
  intros A. set (T := transposed X u). pose proof (A T) as Q. pose proof (cauchy_schwarz u (times d X T)) as CS.
  rewrite (transposed_adj d) in CS. fold T in CS. pose proof (dot_sq_pos u) as U. pose proof (@dot_sq_pos d T) as P.
  destruct (Rle_lt_or_eq_dec _ _ P) as [L|E]; [|rewrite <- E; apply Rmult_le_pos; [apply pow2_ge_0|exact U]].
  apply Rmult_le_reg_l with (@dot d T T); [exact L|].
  apply Rle_trans with ((u @ u) * (times d X T @ times d X T)); [simpl in CS; lra|].
  replace (@dot d T T * (lam ^ 2 * (u @ u))) with ((u @ u) * (lam ^ 2 * @dot d T T)) by ring.
  now apply Rmult_le_compat_l.
Qed.
Lemma bounded_zero lam : bounded d (fun _ => zero) lam.
Proof.
  intros W. assert (Z : times d (fun _ => zero) W = zero) by (apply functional_extensionality; intros i; apply (@dot_zero_l d)).
  rewrite Z, dot_zero_l. apply Rmult_le_pos; [apply pow2_ge_0|apply dot_sq_pos].
Qed.
Lemma transposed_zero u : transposed (fun _ => zero) u = zero.
Proof. apply functional_extensionality; intros j. exact (dot_zero_l u). Qed.

(** The outer product of u/|u| and lam times the first unit vector. *)
Definition ray (lam : R) (u : vec) : nat -> vec := fun i j => match j with O => lam * u i / sqrt (u @ u) | _ => 0 end.
Lemma times_ray lam u W : times d (ray lam u) W = ((lam * W 0%nat / sqrt (u @ u)) * u)%V.
Proof.
  apply functional_extensionality; intros i. unfold times, dot at 1. rewrite sum_first.
  - unfold ray, vscale, Rdiv. ring.
  - intros j J. destruct j; [lia|]. unfold ray. ring.
Qed.
Lemma bounded_ray lam u : 0 < u @ u -> bounded d (ray lam u) lam.
Proof.
  intros P W. rewrite times_ray, dot_scale_l, dot_scale_r. assert (S : 0 < sqrt (u @ u)) by now apply sqrt_lt_R0.
  replace (lam * W 0%nat / sqrt (u @ u) * (lam * W 0%nat / sqrt (u @ u) * (u @ u))) with (lam ^ 2 * (W 0%nat * W 0%nat)).
  - apply Rmult_le_compat_l; [apply pow2_ge_0|].
    pose (e := fun j : nat => match j with O => 1 | _ => 0 end : R).
    assert (E : @dot d W e = W 0%nat).
    { unfold dot. rewrite sum_first; [unfold e; ring|]. intros j J. destruct j; [lia|]. unfold e. ring. }
    assert (F : @dot d e e = 1).
    { unfold dot. rewrite sum_first; [unfold e; ring|]. intros j J. destruct j; [lia|]. unfold e. ring. }
    pose proof (@cauchy_schwarz d W e) as Q. rewrite E, F in Q. lra.
  - rewrite <- (sqrt_sqrt (u @ u)) at 3 by lra. field. lra.
Qed.
Lemma transposed_ray lam u : 0 < u @ u -> @dot d (transposed (ray lam u) u) (transposed (ray lam u) u) = lam ^ 2 * (u @ u).
Proof.
  intros P. assert (S : 0 < sqrt (u @ u)) by now apply sqrt_lt_R0.
  unfold dot at 1. rewrite sum_first.
  - unfold transposed, ray.
    assert (E : (fun i => lam * u i / sqrt (u @ u)) @ u = lam / sqrt (u @ u) * (u @ u)).
    { rewrite <- dot_scale_l. apply sum_ext. intros i. unfold vscale, Rdiv. ring. }
    rewrite E. replace (lam / sqrt (u @ u) * (u @ u)) with (lam * sqrt (u @ u)).
    + replace (lam * sqrt (u @ u) * (lam * sqrt (u @ u))) with (lam ^ 2 * (sqrt (u @ u) * sqrt (u @ u))) by ring.
      now rewrite sqrt_sqrt by lra.
    + rewrite <- (sqrt_sqrt (u @ u)) at 3 by lra. field. lra.
  - intros j J. destruct j; [lia|]. unfold transposed, ray. rewrite (dot_zero_l u : (fun _ => 0) @ u = 0). ring.
Qed.
(** |X' u|^2 is largest, lam^2 |u|^2, where X is a multiple of the outer product of u and a unit vector. *)
Theorem max_transposed lam u : is_max d lam (fun X => @dot d (transposed X u) (transposed X u)) (lam ^ 2 * (u @ u)).
Proof.
  split; [|intros X B; now apply bounded_transposed].
  destruct (Rle_lt_or_eq_dec _ _ (dot_sq_pos u)) as [P|Z].
  - exists (ray lam u). split; [now apply bounded_ray|now apply transposed_ray].
  - exists (fun _ => zero). split; [apply bounded_zero|]. rewrite <- Z, transposed_zero, (@dot_zero_l d). ring.
Qed.
Lemma is_max_unique lam f a b : is_max d lam f a -> is_max d lam f b -> a = b.
Proof. intros [(X & BX & <-) A] [(Y & BY & <-) B]. apply Rle_antisym; auto. Qed.
End Inputs.

(** max(f, norm(X) <= lam): the least upper bound of the values of f, which is the largest value where there is one. *)
Definition maximum {batch : Batch} (d : nat) (lam : R) (f : (nat -> vec) -> R) : R :=
  real (Lub_Rbar (fun r => exists X, bounded d X lam /\ r = f X)).

Section Maximum.
Context {batch : Batch} (d : nat).

Lemma maximum_is lam f M : is_max d lam f M -> maximum d lam f = M.
Proof.
  intros [(X & BX & E) A]. unfold maximum. rewrite (is_lub_Rbar_unique _ (Finite M)); [reflexivity|]. split.
  - intros r (Y & BY & ->). exact (A Y BY).
  - intros b U. apply (U M). now exists X.
Qed.
Theorem maximum_transposed lam u : maximum d lam (fun X => @dot d (transposed X u) (transposed X u)) = lam ^ 2 * (u @ u).
Proof. apply maximum_is, max_transposed. Qed.
Lemma value_le_maximum lam f X C : (forall Y, bounded d Y lam -> f Y <= C) -> bounded d X lam -> f X <= maximum d lam f.
Proof.
  intros A BX. unfold maximum. destruct (Lub_Rbar_correct (fun r => exists Y, bounded d Y lam /\ r = f Y)) as [U L].
  pose proof (U (f X) (ex_intro _ X (conj BX eq_refl))) as P.
  assert (Q : Rbar_le (Lub_Rbar (fun r => exists Y, bounded d Y lam /\ r = f Y)) C) by (apply L; intros r (Y & BY & ->); exact (A Y BY)).
  destruct (Lub_Rbar (fun r => exists Y, bounded d Y lam /\ r = f Y)); simpl in *; [assumption|contradiction|contradiction].
Qed.

(** A symmetric operator is bounded. *)
Lemma form_bounded (A : vec -> vec) : self_adjoint A -> exists C, 0 <= C /\ forall u, u @ A u <= C * (u @ u).
Proof.
  intros SA. pose (e := unit_k). assert (E : forall i u, (i <= final)%nat -> e i @ u = u i) by exact dot_unit.
  set (D := sum (fun i => A (e i) @ A (e i))).
  assert (P : 0 <= D).
  { unfold D, sum. assert (K : forall k, 0 <= sum_n (fun i => A (e i) @ A (e i)) k); [|apply K].
    induction k; [rewrite sum_O|rewrite sum_Sn; apply Rplus_le_le_0_compat; [exact IHk|]]; apply dot_sq_pos. }
  assert (Q : forall u, A u @ A u <= D * (u @ u)).
  { intros u. unfold D. rewrite Rmult_comm, <- sum_scale.
    unfold sum, dot at 1, sum.
    assert (K : forall k, (k <= final)%nat -> sum_n (fun i => A u i * A u i) k <= sum_n (fun i => (u @ u) * (A (e i) @ A (e i))) k); [|now apply K].
    assert (T : forall i, (i <= final)%nat -> A u i * A u i <= (u @ u) * (A (e i) @ A (e i))).
    { intros i I. rewrite <- !(E i (A u) I), SA. pose proof (cauchy_schwarz (A (e i)) u). lra. }
    induction k; intros I; [rewrite !sum_O; now apply T|rewrite !sum_Sn; apply Rplus_le_compat; [apply IHk; lia|now apply T]]. }
  exists (1 + D). split; [lra|]. intros u. pose proof (Q u). pose proof (dot_sq_pos u). pose proof (dot_sq_pos (u - A u)%V) as W.
  unfold vminus, vopp in W. rewrite !dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, (dot_sym (A u) u) in W. nra.
Qed.
Lemma bounded_gramian lam X u : bounded d X lam -> gramian d X u @ gramian d X u <= lam ^ 4 * (u @ u).
Proof.
  intros B. apply Rle_trans with (lam ^ 2 * @dot d (transposed X u) (transposed X u)); [exact (B (transposed X u))|].
  replace (lam ^ 4 * (u @ u)) with (lam ^ 2 * (lam ^ 2 * (u @ u))) by ring.
  apply Rmult_le_compat_l; [apply pow2_ge_0|now apply bounded_transposed].
Qed.
Lemma form_values_bounded lam (A : vec -> vec) u : self_adjoint A -> exists C, forall Y, bounded d Y lam ->
  times d Y (transposed Y u) @ A (times d Y (transposed Y u)) <= C.
Proof.
  intros S. destruct (form_bounded A S) as (C & P & Q). exists (C * (lam ^ 4 * (u @ u))). intros Y B.
  eapply Rle_trans; [apply Q|]. apply Rmult_le_compat_l; [exact P|exact (bounded_gramian lam Y u B)].
Qed.
(** The input 0 shows that the largest value of (X X'u)' A (X X'u) is not negative, *)
Theorem maximum_form_pos lam (A : vec -> vec) u : self_adjoint A ->
  0 <= maximum d lam (fun X => times d X (transposed X u) @ A (times d X (transposed X u))).
Proof.
  intros S. destruct (form_values_bounded lam A u S) as (C & K).
  pose proof (value_le_maximum lam _ _ _ K (bounded_zero d lam)) as W. cbv beta in W. rewrite transposed_zero in W.
  assert (T : times d (fun _ => zero) zero = zero) by (apply functional_extensionality; intros i; apply (@dot_zero_l d)).
  rewrite T, dot_zero_l in W. exact W.
Qed.
(** and the input lam u e'/|u| that it is at least lam^4 u'Au. *)
Theorem maximum_form lam (A : vec -> vec) u : self_adjoint A ->
  (lam ^ 2 * u)%V @ A (lam ^ 2 * u)%V <= maximum d lam (fun X => times d X (transposed X u) @ A (times d X (transposed X u))).
Proof.
  intros S. destruct (form_values_bounded lam A u S) as (C & K).
  destruct (Rle_lt_or_eq_dec _ _ (dot_sq_pos u)) as [L|Z].
  - assert (E : times d (ray lam u) (transposed (ray lam u) u) = (lam ^ 2 * u)%V).
    { rewrite times_ray. assert (R : sqrt (u @ u) * sqrt (u @ u) = u @ u) by (apply sqrt_sqrt; lra). pose proof (sqrt_lt_R0 _ L).
      assert (T : transposed (ray lam u) u 0%nat = lam * sqrt (u @ u)).
      { unfold transposed, ray. transitivity (lam / sqrt (u @ u) * (u @ u)).
        - rewrite <- dot_scale_l. apply sum_ext. intros i. unfold vscale, Rdiv. ring.
        - rewrite <- R at 2. field. lra. }
      rewrite T. vec_ext. field. lra. }
    rewrite <- E. exact (value_le_maximum lam _ (ray lam u) C K (bounded_ray d lam u L)).
  - assert (U : (lam ^ 2 * u)%V == zero).
    { apply dot_sq_zero. rewrite dot_scale_l, dot_scale_r, <- Z. ring. }
    rewrite (dot_eqv _ _ _ _ U (eqv_refl _)), dot_zero_l. now apply maximum_form_pos.
Qed.
End Maximum.
