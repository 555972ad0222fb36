(** Theorem 4.4, the minimax bound in weight space; g, y-hat and sigma are held fixed while X varies in the chain rule. Printed with three
    slips, and false; corrected it is an equality. *)
From BN Require Import Inputs.
Import ListNotations.

Theorem thm_4_4_corrected : forall (batch : Batch) (d : nat) (gamma beta lam : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  let mu_g := one @ g / m in
  exists plain normalised,
    is_max d lam (fun X => @dot d (transposed X g) (transposed X g)) plain /\
    is_max d lam (fun X => @dot d (transposed X v) (transposed X v)) normalised /\
    normalised = gamma ^ 2 / sigma ^ 2 * (plain - lam ^ 2 * m * mu_g ^ 2 - lam ^ 2 / m * (g @ yhat) ^ 2).
Proof.
  intros batch d gamma beta lam y g v H B X sigma yhat mu_g.
  exists (lam ^ 2 * (g @ g)), (lam ^ 2 * (v @ v)). split; [apply max_transposed|split; [apply max_transposed|]].
  revert X. unfold sigma, yhat, mu_g. clear. open_layer. settle.
Qed.

(** m = 2, y = g = (0, 1), gamma = lam = 1: the left side is 0, the printed right side is negative. *)
Theorem thm_4_4_printed_false : ~ (forall (batch : Batch) (d : nat) (gamma beta lam : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  let mu_g := one @ g / m in
  forall plain normalised,
    is_max d lam (fun X => @dot d (transposed X g) (transposed X g)) plain ->
    is_max d lam (fun X => @dot d (transposed X v) (transposed X v)) normalised ->
    normalised <= gamma ^ 2 / sigma ^ 2 * (plain ^ 2 - m * mu_g ^ 2 - lam ^ 2 * (g @ yhat) ^ 2)).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; 0]])) as (v & B & X); try check_point.
  pose proof (T _ 1%nat _ _ 1 _ _ _ _ _ X _ _ (max_transposed _ _ _) (max_transposed _ _ _)) as K. cbv zeta in K.
  at_point X K. assert (s = / 2) by nra. subst s. field_simplify in K. lra.
Qed.

(** The two smaller slips mended (g_j once, lambda^2 on the mean): still false without 1/m. *)
Theorem thm_4_4_without_1_over_m_false : ~ (forall (batch : Batch) (d : nat) (gamma beta lam : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  let mu_g := one @ g / m in
  forall plain normalised,
    is_max d lam (fun X => @dot d (transposed X g) (transposed X g)) plain ->
    is_max d lam (fun X => @dot d (transposed X v) (transposed X v)) normalised ->
    normalised <= gamma ^ 2 / sigma ^ 2 * (plain - lam ^ 2 * m * mu_g ^ 2 - lam ^ 2 * (g @ yhat) ^ 2)).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; 0]])) as (v & B & X); try check_point.
  pose proof (T _ 1%nat _ _ 1 _ _ _ _ _ X _ _ (max_transposed _ _ _) (max_transposed _ _ _)) as K. cbv zeta in K.
  at_point X K. assert (s = / 2) by nra. subst s. field_simplify in K. lra.
Qed.
