(** Theorem C.1, the minimax smoothness bound: refuted, strict as printed at m = 2, and with <= in place of < at m = 3. *)
From BN Require Import Points Claims.
Import ListNotations.

(** (dL/dW)' (d2L/dW2) (dL/dW) for the weights of y = X W, where the gradient in y is u and the Hessian in y is A. *)
Definition weight_form {batch : Batch} (d : nat) (A : vec -> vec) (u : vec) (X : nat -> vec) : R :=
  times d X (transposed X u) @ A (times d X (transposed X u)).

Lemma mat_zero {batch : Batch} u : mat (fun _ => zero) u = zero.
Proof. apply functional_extensionality. intros i. apply dot_zero_l. Qed.
Lemma times_zero d X : times d X zero = zero.
Proof. apply functional_extensionality. intros i. apply (@dot_zero_r d). Qed.
Lemma form_zero {batch : Batch} d u X : weight_form d (mat (fun _ => zero)) u X = 0.
Proof. unfold weight_form. generalize (times d X (transposed X u)). intros w. rewrite mat_zero. apply dot_zero_r. Qed.
Lemma zero_loss_max {batch : Batch} d lam u : is_max d lam (weight_form d (mat (fun _ => zero)) u) 0.
Proof. split; [exists (fun _ => zero); split; [apply bounded_zero|apply form_zero]|intros X _; apply Req_le, form_zero]. Qed.
Lemma zero_gradient_max {batch : Batch} d lam A v : v == zero -> is_max d lam (weight_form d A v) 0.
Proof.
  intros Z. assert (E : forall X, weight_form d A v X = 0).
  { intros X. assert (T : transposed X v = zero).
    { apply functional_extensionality. intros j. unfold transposed. rewrite (dot_eqv _ _ _ _ (eqv_refl _) Z). apply dot_zero_r. }
    unfold weight_form. rewrite T, times_zero. apply dot_zero_l. }
  split; [exists (fun _ => zero); split; [apply bounded_zero|apply E]|intros X _; apply Req_le, E].
Qed.

(** m = 2: v is 0, so are both sides, and 0 < 0 is false. *)
Theorem thm_C_1_printed_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec) (d : nat) (lam : R),
  batch_norm 0 gamma beta y g v H B ->
  let yhat := BatchNorm.yhat 0 y in
  let sigma := BatchNorm.s 0 y in
  v @ H v <= g @ H g ->
  gamma <> 0 ->
  0 <= lam ->
  maximum d lam (fun rows => let X := times d rows in let T := transposed rows in ((X (T v))%V @ B (X (T v)))%R) < gamma ^ 2 / sigma ^ 2 *
    (maximum d lam (fun rows => let X := times d rows in let T := transposed rows in ((X (T g))%V @ H (X (T g)))%R)
      - lam ^ 4 * (g @ yhat * (v @ v) / (m * gamma)))).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (fun _ => zero)) as (v & B & X);
    [unfold final; lia|lra|check_point|intros i j; reflexivity|].
  assert (Z : @dot 1%nat v v = 0).
  { assert (K : @dot 1%nat v v <> 0 -> False); [|destruct (Req_dec (@dot 1%nat v v) 0); [assumption|exfalso; exact (K H)]].
    intros K. at_point X K. assert (s = / 2) by nra. subst s. apply K. field. }
  assert (VZ : @eqv 1%nat v zero) by now apply dot_sq_zero.
  specialize (T _ 1 0 _ _ v _ B 1%nat 1 X). cbv zeta in T. rewrite Z, !mat_zero, !dot_zero_r in T.
  specialize (T (Rle_refl 0) R1_neq_R0 Rle_0_1).
  rewrite (maximum_is 1 1 _ 0 (zero_loss_max 1 1 _) : maximum 1 1 (fun rows => _) = 0), (maximum_is 1 1 _ 0 (zero_gradient_max 1 1 B v VZ) : maximum 1 1 (fun rows => _) = 0) in T.
  unfold Rdiv in T. rewrite !Rmult_0_r, !Rmult_0_l, !Rmult_0_r, Rminus_0_r, Rmult_0_r in T. lra.
Qed.

(** With <= in place of <: m = 3, y = (0, 0, 1), g = (-1, 2, 1), a linear loss. The input X = 0 gives 0 on the left, and the right side is
    negative. *)
Theorem thm_C_1_not_strict_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec) (d : nat) (lam : R),
  batch_norm 0 gamma beta y g v H B ->
  let yhat := BatchNorm.yhat 0 y in
  let sigma := BatchNorm.s 0 y in
  v @ H v <= g @ H g ->
  gamma <> 0 ->
  0 <= lam ->
  maximum d lam (fun rows => let X := times d rows in let T := transposed rows in ((X (T v))%V @ B (X (T v)))%R) <= gamma ^ 2 / sigma ^ 2 *
    (maximum d lam (fun rows => let X := times d rows in let T := transposed rows in ((X (T g))%V @ H (X (T g)))%R)
      - lam ^ 4 * (g @ yhat * (v @ v) / (m * gamma)))).
Proof.
  intros T.
  destruct (@batch_norm_met 2%nat 0 1 0 (vec_of [0; 0; 1]) (vec_of [-1; 2; 1]) (fun _ => zero)) as (v & B & X);
    [unfold final; lia|lra|check_point|intros i j; reflexivity|].
  specialize (T _ 1 0 _ _ v _ B 1%nat 1 X). cbv zeta in T. rewrite !mat_zero, !dot_zero_r in T.
  specialize (T (Rle_refl 0) R1_neq_R0 Rle_0_1).
  rewrite (maximum_is 1 1 _ 0 (zero_loss_max 1 1 (vec_of [-1; 2; 1])) : maximum 1 1 (fun rows => _) = 0) in T.
  destruct (layer_symmetric _ _ _ _ _ _ (proj2 (proj2 (proj2 X)))) as [_ SB].
  pose proof (Rle_trans _ _ _ (maximum_form_pos 1 1 B v SB) T) as K. clear T SB.
  at_point X K. assert (J : / s * / s = 9 / 2) by (rewrite <- Rinv_mult; replace (s * s) with (2 / 9) by lra; field).
  assert (0 < / s) by now apply Rinv_0_lt_compat.
  unfold Rdiv in K. rewrite ?Rinv_mult in K. set (r := / s) in *. ring_simplify in K.
  replace (r ^ 9) with (r * (r * r) ^ 4) in K by ring. replace (r ^ 7) with (r * (r * r) ^ 3) in K by ring.
  replace (r ^ 5) with (r * (r * r) ^ 2) in K by ring. rewrite J in K. lra.
Qed.
