(** Inputs X (a row for each element of the batch, d + 1 columns) with spectral norm at most lam, and maxima over them. *)
From BN Require Export Minima.

Definition transposed {batch : Batch} (X : nat -> vec) (u : vec) : vec := fun j => (fun i => X i j) @ u.
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

Lemma transposed_adj X u W : u @ times d X W = @dot d (transposed X u) W.
Proof.
  unfold dot at 1, times, transposed, sum, dot, sum.
  transitivity (sum_n (fun i => sum_n (fun j => u i * (X i j * W j)) (@final d)) (@final batch)).
  { apply sum_n_ext; intros i. symmetry. exact (sum_n_scal_l (u i) (fun j => X i j * W j) _). }
  rewrite (sum_n_switch (fun i j => u i * (X i j * W j))). apply sum_n_ext; intros j.
  transitivity (W j * sum_n (fun i => X i j * u i) (@final batch)); [|apply Rmult_comm].
  rewrite <- (sum_n_scal_l (W j) (fun i => X i j * u i)). apply sum_n_ext; intros i. unfold scal; simpl; unfold mult; simpl. ring.
Qed.
Lemma bounded_transposed X lam u : bounded d X lam -> @dot d (transposed X u) (transposed X u) <= lam ^ 2 * (u @ u).
Proof.
  intros A. set (T := transposed X u). pose proof (A T) as Q. pose proof (cauchy_schwarz u (times d X T)) as CS.
  rewrite transposed_adj in CS. fold T in CS. pose proof (dot_sq_pos u) as U. pose proof (@dot_sq_pos d T) as P.
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
