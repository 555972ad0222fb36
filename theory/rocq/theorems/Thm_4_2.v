(** Theorem 4.2, the effect of BatchNorm on smoothness. The first bound is an equality; the second holds exactly where v'Hv <= g'Hg, and
    without that hypothesis it is false. *)
From BN Require Import Points.
Import ListNotations.

Theorem thm_4_2_1 : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  v @ B v = gamma ^ 2 / sigma ^ 2 * (v @ H v) - gamma / (m * sigma ^ 2) * (g @ yhat) * (v @ v).
Proof. open_layer. settle. Qed.

(** The same number is the second derivative of the composed loss along its own gradient. *)
Theorem thm_4_2_1_along_the_gradient : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H : vec -> vec) (L : vec -> R),
  (1 <= final)%nat -> 0 < BatchNorm.c y @ BatchNorm.c y -> second_order L (BatchNorm.z 0 gamma beta y) g H ->
  has_grad (fun x => L (BatchNorm.z 0 gamma beta x)) y v ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  second_derive (fun t => L (BatchNorm.z 0 gamma beta (line y v t))) 0
    (gamma ^ 2 / sigma ^ 2 * (v @ H v) - gamma / (m * sigma ^ 2) * (g @ yhat) * (v @ v)).
Proof.
  intros batch gamma beta y g v H L N C D V sigma yhat.
  destruct (batch_norm_over L 0 gamma beta y g H N (Rle_refl 0) C D) as (w & B & X & F).
  assert (E : w == v) by (destruct F as (F & <- & TF); exact (grad_unique _ _ _ _ (near_self _ _ (td_grad _ _ _ _ TF)) V)).
  destruct (layer_symmetric _ _ _ _ _ _ (proj2 (proj2 (proj2 X)))) as [SH SB].
  pose proof (thm_4_2_1 _ _ _ _ _ _ _ _ X) as T. cbv zeta in T. fold sigma yhat in T.
  rewrite (dot_eqv _ _ _ _ E (sa_ext H _ _ SH E)), (dot_eqv _ _ _ _ E (sa_ext B _ _ SB E)), (dot_eqv _ _ _ _ E E) in T.
  rewrite <- T. exact (line_second _ y w B v F).
Qed.

Theorem thm_4_2_2 : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  v @ H v <= g @ H g -> gamma <> 0 ->
  v @ B v <= gamma ^ 2 / sigma ^ 2 * (g @ H g - 1 / (m * gamma) * (g @ yhat) * (v @ v)).
Proof.
  intros batch gamma beta y g v H B X sigma yhat Q A. rewrite (thm_4_2_1 _ _ _ _ _ _ _ _ X). fold sigma yhat.
  destruct (batch_norm_facts _ _ _ _ _ _ _ _ X) as (M & S & _). change (BatchNorm.s 0 y) with sigma in S.
  assert (0 <= gamma ^ 2 / sigma ^ 2 * (g @ H g - v @ H v)).
  { apply Rmult_le_pos; [|lra]. apply Rlt_le, Rdiv_lt_0_compat; [now apply pow2_gt_0|now apply pow_lt]. }
  replace (gamma ^ 2 / sigma ^ 2 * (g @ H g - 1 / (m * gamma) * (g @ yhat) * (v @ v)))
    with (gamma ^ 2 / sigma ^ 2 * (g @ H g - v @ H v)
      + (gamma ^ 2 / sigma ^ 2 * (v @ H v) - gamma / (m * sigma ^ 2) * (g @ yhat) * (v @ v))) by (field; nonzero).
  lra.
Qed.

(** The hypothesis is necessary. *)
Theorem thm_4_2_2_only_if : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  gamma <> 0 -> v @ B v <= gamma ^ 2 / sigma ^ 2 * (g @ H g - 1 / (m * gamma) * (g @ yhat) * (v @ v)) ->
  v @ H v <= g @ H g.
Proof.
  intros batch gamma beta y g v H B X sigma yhat A Q. rewrite (thm_4_2_1 _ _ _ _ _ _ _ _ X) in Q. fold sigma yhat in Q.
  destruct (batch_norm_facts _ _ _ _ _ _ _ _ X) as (M & S & _). change (BatchNorm.s 0 y) with sigma in S.
  replace (gamma ^ 2 / sigma ^ 2 * (g @ H g - 1 / (m * gamma) * (g @ yhat) * (v @ v)))
    with (gamma ^ 2 / sigma ^ 2 * (g @ H g) - gamma / (m * sigma ^ 2) * (g @ yhat) * (v @ v)) in Q by (field; nonzero).
  apply Rmult_le_reg_l with (gamma ^ 2 / sigma ^ 2); [apply Rdiv_lt_0_compat; [now apply pow2_gt_0|now apply pow_lt]|lra].
Qed.

(** Without it the printed bound is false: m = 2, y = g = (0, 1), H = diag(0, -1), gamma = 1. *)
Theorem thm_4_2_2_printed_false : ~ (forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  gamma <> 0 -> v @ B v <= gamma ^ 2 / sigma ^ 2 * (g @ H g - 1 / (m * gamma) * (g @ yhat) * (v @ v))).
Proof.
  intros T.
  destruct (@batch_norm_met 1%nat 0 1 0 (vec_of [0; 1]) (vec_of [0; 1]) (mat_of [[0; 0]; [0; -1]])) as (v & B & X); try check_point.
  pose proof (T _ _ _ _ _ _ _ _ X R1_neq_R0) as K. cbv zeta in K.
  at_point X K. assert (s = / 2) by nra. subst s.
  field_simplify in K. lra.
Qed.
