(** Theorem 4.1, the effect of BatchNorm on the Lipschitzness of the loss: printed with 1/sqrt(m) in the last term, which is false;
    with 1/m the bound is an equality. *)
From BN Require Import Points.
Import ListNotations.

Theorem thm_4_1_corrected : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  v @ v = gamma ^ 2 / sigma ^ 2 * (g @ g - (one @ g) ^ 2 / m - (g @ yhat) ^ 2 / m).
Proof. open_layer. settle. Qed.

(** The smallest counterexample: m = 2, y = g = (0, 1), gamma = 1, a linear loss. *)
Theorem thm_4_1_printed_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  v @ v <= gamma ^ 2 / sigma ^ 2 * (g @ g - (one @ g) ^ 2 / m - (g @ yhat) ^ 2 / sqrt m)).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; 0]])) as (v & B & X); try check_point.
  pose proof (T _ _ _ _ _ _ _ _ X) as K. cbv zeta in K. at_point X K. assert (s = / 2) by nra. subst s.
  assert (P : 0 < sqrt (1 + 1)) by (apply sqrt_lt_R0; lra). assert (sqrt (1 + 1) * sqrt (1 + 1) = 2) by (rewrite sqrt_sqrt; lra).
  set (r := sqrt (1 + 1)) in *. assert (/ r * r = 1) by (field; lra).
  unfold Rdiv in K. rewrite ?Rinv_inv in K. replace (/ (/ 2 * (/ 2 * 1))) with 4 in K by field. nra.
Qed.

(** And it is false wherever gamma and <g, yhat> are not 0, for every batch. *)
Theorem thm_4_1_printed_too_small : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  gamma <> 0 -> g @ yhat <> 0 ->
  gamma ^ 2 / sigma ^ 2 * (g @ g - (one @ g) ^ 2 / m - (g @ yhat) ^ 2 / sqrt m) < v @ v.
Proof.
  intros batch gamma beta y g v H B X sigma yhat A Q. rewrite (thm_4_1_corrected _ _ _ _ _ _ _ _ X). fold sigma yhat.
  destruct (batch_norm_facts _ _ _ _ _ _ _ _ X) as (M & S & _). change (BatchNorm.s 0 y) with sigma in S.
  apply Rmult_lt_compat_l; [apply Rdiv_lt_0_compat; [now apply pow2_gt_0|now apply pow_lt]|].
  apply Rplus_lt_compat_l, Ropp_lt_contravar. apply Rmult_lt_compat_l; [now apply pow2_gt_0|].
  apply Rinv_lt_contravar; [apply Rmult_lt_0_compat; [apply sqrt_lt_R0|]; lra|]. apply sqrt_less; lra.
Qed.
