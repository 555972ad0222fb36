(** Vectors of a batch: R^m as functions nat -> R of which sums read the coordinates 0 .. n, so that m = n + 1 >= 1.

    Notations are those of the statements in text: [u @ w] is the inner product, [a * u], [u / a], [u + w], [u - w] and [- u] act on
    vectors (scope V), [u == w] is equality of the coordinates 0 .. n. *)
From Coq Require Export Reals Lra Lia Psatz FunctionalExtensionality Setoid Morphisms.
From Coquelicot Require Export Coquelicot.
Open Scope R_scope.

(** The batch in question; found by type-class resolution, so that no statement has to name it. *)
Class Batch := final : nat.

Definition vec := nat -> R.
Declare Scope vec_scope.
Delimit Scope vec_scope with V.
Bind Scope vec_scope with vec.

Definition m {batch : Batch} : R := INR (S final).
Definition sum {batch : Batch} (u : vec) : R := sum_n u final.
Definition dot {batch : Batch} (u w : vec) : R := sum (fun i => u i * w i).
Definition eqv {batch : Batch} (u w : vec) : Prop := forall i, (i <= final)%nat -> u i = w i.
Definition one : vec := fun _ => 1.
Definition zero : vec := fun _ => 0.
Definition vscale (a : R) (u : vec) : vec := fun i => a * u i.
Definition vplus (u w : vec) : vec := fun i => u i + w i.
Arguments dot {batch} (u w)%V.
Arguments eqv {batch} (u w)%V.
Arguments vscale a%R u%V.
Arguments vplus (u w)%V.
Definition vopp (u : vec) : vec := vscale (-1) u.
Definition vminus (u w : vec) : vec := vplus u (vopp w).
Definition vdiv (u : vec) (a : R) : vec := vscale (/ a) u.
Arguments vopp u%V.
Arguments vminus (u w)%V.
Arguments vdiv u%V a%R.

Notation "u @ w" := (dot u w) (at level 40, left associativity) : R_scope.
Notation "u == w" := (eqv u w) (at level 70, no associativity) : type_scope.
Notation "a * u" := (vscale a u) : vec_scope.
Notation "u / a" := (vdiv u a) : vec_scope.
Notation "u + w" := (vplus u w) : vec_scope.
Notation "u - w" := (vminus u w) : vec_scope.
Notation "- u" := (vopp u) : vec_scope.

Definition norm {batch : Batch} (u : vec) : R := sqrt (u @ u).
Definition mean {batch : Batch} (u : vec) : R := one @ u / m.
Definition psd {batch : Batch} (A : vec -> vec) : Prop := forall u, 0 <= u @ A u.
Arguments norm {batch} u%V.
Arguments mean {batch} u%V.

Ltac vec_ext := apply functional_extensionality; intros ?; unfold vminus, vdiv, vopp, vplus, vscale, one, zero.

Section Sums.
Context {batch : Batch}.

Lemma m_pos : 0 < m.
Proof. apply lt_0_INR; lia. Qed.
Lemma m_ge_2 : (1 <= final)%nat -> 2 <= m.
Proof. intros N. unfold m. change 2 with (INR 2). apply le_INR. lia. Qed.

(* ---- equality on the coordinates of the batch ---- *)
Lemma eqv_refl u : u == u.
Proof. intros i _; reflexivity. Qed.
Lemma eqv_sym u w : u == w -> w == u.
Proof. intros E i I; now rewrite E. Qed.
Lemma eqv_trans a b c : a == b -> b == c -> a == c.
Proof. intros E F i I; now rewrite E, F. Qed.
Lemma eqv_plus a a' b b' : a == a' -> b == b' -> a + b == a' + b'.
Proof. intros E F i I; unfold vplus; now rewrite E, F. Qed.
Lemma eqv_scale k a a' : a == a' -> k * a == k * a'.
Proof. intros E i I; unfold vscale; now rewrite E. Qed.

(* ---- inner products are symmetric and linear ---- *)
Lemma sum_ext u w : (forall i, u i = w i) -> sum u = sum w.
Proof. intros H; apply sum_n_ext; exact H. Qed.
Lemma sum_plus u w : sum (fun i => u i + w i) = sum u + sum w.
Proof. exact (sum_n_plus u w final). Qed.
Lemma sum_scale a u : sum (fun i => a * u i) = a * sum u.
Proof. exact (sum_n_scal_l a u final). Qed.
Lemma dot_eqv u u' w w' : u == u' -> w == w' -> u @ w = u' @ w'.
Proof. intros A B. apply sum_n_ext_loc; intros i I. now rewrite A, B. Qed.
Lemma dot_sym u w : u @ w = w @ u.
Proof. apply sum_ext; intros; apply Rmult_comm. Qed.
Lemma dot_scale_l a u w : (a * u)%V @ w = a * (u @ w).
Proof. unfold dot, vscale. rewrite <- sum_scale. apply sum_ext; intros; ring. Qed.
Lemma dot_scale_r a u w : w @ (a * u)%V = a * (w @ u).
Proof. now rewrite dot_sym, dot_scale_l, dot_sym. Qed.
Lemma dot_plus_l u u' w : (u + u')%V @ w = u @ w + u' @ w.
Proof. unfold dot, vplus. rewrite <- sum_plus. apply sum_ext; intros; ring. Qed.
Lemma dot_plus_r u u' w : w @ (u + u')%V = w @ u + w @ u'.
Proof. now rewrite dot_sym, dot_plus_l, (dot_sym u), (dot_sym u'). Qed.
Lemma dot_zero_l u : zero @ u = 0.
Proof. transitivity ((0 * u)%V @ u); [apply sum_ext; intros; unfold vscale, zero; ring|rewrite dot_scale_l; ring]. Qed.
Lemma dot_zero_r u : u @ zero = 0.
Proof. now rewrite dot_sym, dot_zero_l. Qed.
Lemma sum_dot u : sum u = u @ one.
Proof. apply sum_ext; intros; unfold one; ring. Qed.
Lemma dot_one_one : one @ one = m.
Proof. rewrite <- sum_dot. unfold sum, one, m. rewrite sum_n_const. apply Rmult_1_r. Qed.

(* ---- squares ---- *)
Lemma dot_sq_pos u : 0 <= u @ u.
Proof.
  unfold dot, sum. induction final as [|k IH]; [rewrite sum_O; apply Rle_0_sqr|rewrite sum_Sn].
  apply Rplus_le_le_0_compat; [exact IH|apply Rle_0_sqr].
Qed.
Lemma dot_sq_zero u : u @ u = 0 -> u == zero.
Proof.
  unfold dot, sum. intros Z i I.
  assert (P : forall k, 0 <= sum_n (fun i => u i * u i) k).
  { induction k; [rewrite sum_O; apply Rle_0_sqr|rewrite sum_Sn]. apply Rplus_le_le_0_compat; [exact IHk|apply Rle_0_sqr]. }
  assert (Q : forall k, sum_n (fun i => u i * u i) k = 0 -> (i <= k)%nat -> u i = 0).
  { induction k; intros E J.
    - rewrite sum_O in E. replace i with O by lia. now apply Rsqr_0_uniq.
    - rewrite sum_Sn in E. unfold plus in E; simpl in E. pose proof (P k). pose proof (Rle_0_sqr (u (S k))). unfold Rsqr in *.
      destruct (Nat.eq_dec i (S k)) as [->|D]; [apply Rsqr_0_uniq; unfold Rsqr; lra|apply IHk; (lia || lra)]. }
  exact (Q final Z I).
Qed.
Lemma dot_all_eqv u w : (forall e, u @ e = w @ e) -> u == w.
Proof.
  intros A. assert (Z : (u - w)%V @ (u - w)%V = 0).
  { unfold vminus at 1, vopp. rewrite dot_plus_l, dot_scale_l, A. ring. }
  intros i I. pose proof (dot_sq_zero _ Z i I) as Q. unfold vminus, vopp, vplus, vscale, zero in Q. lra.
Qed.
Lemma cauchy_schwarz u w : (u @ w) ^ 2 <= (u @ u) * (w @ w).
Proof.
  destruct (Req_dec (w @ w) 0) as [Z|N].
  - rewrite (dot_eqv u u w zero (eqv_refl u) (dot_sq_zero w Z)), dot_zero_r, Z. lra.
  - pose proof (dot_sq_pos w) as W. assert (0 < w @ w) as P by lra.
    pose proof (dot_sq_pos ((w @ w) * u + (- (u @ w)) * w)%V) as Q.
    rewrite !dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, (dot_sym w u) in Q.
    apply Rmult_le_reg_l with (w @ w); [exact P|]. nra.
Qed.
End Sums.

(** Closes [a <> 0] and the like from positivity in the context. *)
Ltac nonzero := repeat split; try assumption; try lra; try (pose proof m_pos; lra); try nra.

(** Writes every inner product of combinations as a combination of inner products. *)
Ltac expand :=
  unfold vminus, vdiv, vopp;
  repeat (rewrite ?dot_plus_l, ?dot_plus_r, ?dot_scale_l, ?dot_scale_r, ?dot_zero_l, ?dot_zero_r).
