(** Theorem 4.4, the minimax bound in weight space; g, y-hat and sigma are held fixed while X varies in the chain rule. Printed with three
    slips, and false; corrected it is an equality, generated from its certificate (Certified_thm_Claims.v). Here the denials. *)
From BN Require Import Points Claims.
Import ListNotations.

(** m = 2, y = g = (0, 1), gamma = lam = 1: the left side is 0, the printed right side is negative. *)
Theorem thm_4_4_printed_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec) (d : nat) (lam : R),
  batch_norm 0 gamma beta y g v H B ->
  let yhat := BatchNorm.yhat 0 y in
  let sigma := BatchNorm.s 0 y in
  0 <= lam ->
  maximum d lam (fun rows => let T := transposed rows in (T v @[d] T v)%R) <= gamma ^ 2 / sigma ^ 2 *
    (maximum d lam (fun rows => let T := transposed rows in (T g @[d] T g)%R) ^ 2 - m * mean g ^ 2 - lam ^ 2 * (g @ yhat) ^ 2)).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; 0]])) as (v & B & X); try check_point.
  pose proof (T _ _ _ _ _ _ _ _ 1%nat 1 X Rle_0_1) as K. cbv zeta in K. rewrite !maximum_transposed in K. unfold mean in K.
  at_point X K. assert (s = / 2) by nra. subst s. field_simplify in K. lra.
Qed.

(** The two smaller slips mended (g_j once, lambda^2 on the mean): still false without 1/m. *)
Theorem thm_4_4_without_1_over_m_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec) (d : nat) (lam : R),
  batch_norm 0 gamma beta y g v H B ->
  let yhat := BatchNorm.yhat 0 y in
  let sigma := BatchNorm.s 0 y in
  0 <= lam ->
  maximum d lam (fun rows => let T := transposed rows in (T v @[d] T v)%R) <= gamma ^ 2 / sigma ^ 2 *
    (maximum d lam (fun rows => let T := transposed rows in (T g @[d] T g)%R) - lam ^ 2 * m * mean g ^ 2 - lam ^ 2 * (g @ yhat) ^ 2)).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; 0]])) as (v & B & X); try check_point.
  pose proof (T _ _ _ _ _ _ _ _ 1%nat 1 X Rle_0_1) as K. cbv zeta in K. rewrite !maximum_transposed in K. unfold mean in K.
  at_point X K. assert (s = / 2) by nra. subst s. field_simplify in K. lra.
Qed.
