(** Observation 4.3. The same activations: true. Minima preserved: true in activations and in the weights of a layer with a bias, false in
    the weights of the layer as printed, y = X W. *)
From BN Require Import Minima.
Import ListNotations.

Theorem obs_4_3_activations : forall (batch : Batch) (y : vec), 0 < BatchNorm.c y @ BatchNorm.c y ->
  exists gamma beta, gamma = BatchNorm.s 0 y /\ BatchNorm.z 0 gamma beta y == y.
Proof.
  intros batch y C. exists (BatchNorm.s 0 y), (BatchNorm.mu y). split; [reflexivity|].
  rewrite batch_norm_fixes; [apply eqv_refl|exact (root_pos _ m 0 m_pos (Rle_refl 0) C)].
Qed.

Theorem obs_4_3_minima_in_activations : forall (batch : Batch) (L : vec -> R) (y : vec), 0 < BatchNorm.c y @ BatchNorm.c y ->
  let gamma := BatchNorm.s 0 y in
  let beta := BatchNorm.mu y in
  local_min L y -> local_min (fun x => L (BatchNorm.z 0 gamma beta x)) y.
Proof.
  intros batch L y C gamma beta M. pose proof (root_pos _ m 0 m_pos (Rle_refl 0) C) as S.
  assert (F : BatchNorm.z 0 gamma beta y = y) by now apply batch_norm_fixes.
  unfold local_min. rewrite F. apply (near_image (BatchNorm.z 0 gamma beta) y (fun x => L y <= L x)); [now apply batch_norm_cont|].
  now rewrite F.
Qed.

(** With a bias (1 is in the range of X), gamma = sigma and beta = mu held fixed. *)
Theorem obs_4_3_minima_with_bias : forall (batch : Batch) (d : nat) (L : vec -> R) (X : nat -> vec) (W e : vec),
  respects L -> times d X e == one ->
  let y := times d X W in 0 < BatchNorm.c y @ BatchNorm.c y ->
  let gamma := BatchNorm.s 0 y in
  let beta := BatchNorm.mu y in
  @local_min d (fun W => L (times d X W)) W -> @local_min d (fun W => L (BatchNorm.z 0 gamma beta (times d X W))) W.
Proof.
  intros batch d L X W e RL B y C gamma beta M. pose proof (root_pos _ m 0 m_pos (Rle_refl 0) C) as S.
  set (P := fun U => ((gamma / BatchNorm.s 0 (times d X U)) * U
    + (beta - gamma * BatchNorm.mu (times d X U) / BatchNorm.s 0 (times d X U)) * e)%V).
  assert (PW : P W = W).
  { unfold P. change (BatchNorm.s 0 (times d X W)) with gamma. change (BatchNorm.mu (times d X W)) with beta. vec_ext. field.
    change (0 < gamma) in S. lra. }
  assert (XP : forall U, BatchNorm.z 0 gamma beta (times d X U) == times d X (P U)).
  { intros U. rewrite batch_norm_affine. intros i I. change (times d X (P U) i) with (@dot d (X i) (P U)). unfold P. rewrite dot_plus_r, !dot_scale_r.
    unfold vplus, vscale. rewrite <- (B i I). reflexivity. }
  assert (Z : forall U, L (BatchNorm.z 0 gamma beta (times d X U)) = L (times d X (P U))) by (intros U; apply RL, XP).
  unfold local_min. apply (@filter_imp _ (@near d W) (@near_filter d W) (fun U => L (times d X W) <= L (times d X (P U)))).
  - intros U. now rewrite !Z, PW.
  - apply (near_map d d P W (fun U => L (times d X W) <= L (times d X U))); [|now rewrite PW].
    assert (CX : forall i, (i <= @final batch)%nat -> @cont d (fun U => times d X U i) W) by (intros i _; apply c_times).
    assert (CS : @cont d (fun U => / BatchNorm.s 0 (times d X U)) W).
    { apply (c_comp Rinv (fun U => BatchNorm.s 0 (times d X U))); [apply (c_map d batch (times d X) (BatchNorm.s 0) W CX); now apply s_cont|].
      apply continuous_Rinv. change (gamma <> 0). change (0 < gamma) in S. lra. }
    assert (CM : @cont d (fun U => BatchNorm.mu (times d X U)) W) by (apply (c_map d batch (times d X) BatchNorm.mu W CX), mu_cont).
    intros j J. unfold P, vplus, vscale, Rdiv, Rminus. apply c_plus.
    + apply c_mult; [apply c_mult; [apply c_const|exact CS]|now apply c_coord].
    + apply c_mult; [|apply c_const]. apply c_plus; [apply c_const|].
      apply (c_comp Ropp (fun U => gamma * BatchNorm.mu (times d X U) * / BatchNorm.s 0 (times d X U))).
      * apply c_mult; [apply c_mult; [apply c_const|exact CM]|exact CS].
      * apply (continuous_opp (fun x : R => x)), continuous_id.
Qed.

(** Without a bias: m = 3, d = 2, X = ((1,0),(0,0),(0,1)), W* = (0,1), L(z) = (z_0^2 + (z_2 - 1)^2)/2 + z_1. W* is a minimum of the plain
    loss, and the BatchNorm loss falls from it. *)
Theorem obs_4_3_minima_no_bias_false : ~ (forall (batch : Batch) (d : nat) (L : vec -> R) (X : nat -> vec) (W : vec),
  respects L ->
  let y := times d X W in 0 < BatchNorm.c y @ BatchNorm.c y ->
  let gamma := BatchNorm.s 0 y in
  let beta := BatchNorm.mu y in
  @local_min d (fun W => L (times d X W)) W -> @local_min d (fun W => L (BatchNorm.z 0 gamma beta (times d X W))) W).
Proof.
  intros T. pose (X := mat_of [[1; 0]; [0; 0]; [0; 1]]). pose (W := vec_of [0; 1]). pose (y := vec_of [0; 0; 1]).
  pose (A := mat_of [[1; 0; 0]; [0; 0; 0]; [0; 0; 1]]). pose (g := vec_of [0; 1; 0]). pose (L := @loss 2%nat y g A).
  assert (EY : times 1 X W = y).
  { apply functional_extensionality. intros i. unfold times, X, W, y. destruct i as [|[|[|i]]]; numbers; try lra.
    destruct i; numbers; lra. }
  assert (RL : @respects 2%nat L).
  { intros z z' E. unfold L, loss. assert (F : @eqv 2%nat (z - y) (z' - y)) by (intros i I; unfold vminus, vplus; now rewrite (E i I)).
    assert (SA : @self_adjoint 2%nat (mat A)) by (apply mat_self_adjoint; unfold A; check_point).
    now rewrite (dot_eqv _ _ _ _ F (sa_ext _ _ _ SA F)), (dot_eqv g g _ _ (eqv_refl g) F). }
  specialize (T 2%nat 1%nat L X W RL). cbv zeta in T. rewrite EY in T.
  assert (C : 0 < @BatchNorm.c 2%nat y @ BatchNorm.c y) by (unfold y; check_point). specialize (T C).
  set (gamma := @BatchNorm.s 2%nat 0 y) in *. set (beta := @BatchNorm.mu 2%nat y) in *.
  assert (M : @local_min 1%nat (fun W => L (times 1 X W)) W).
  { apply near_all. intros U. rewrite EY. unfold L, loss, times, X, y, g, A. unfold vminus, vopp, vplus, vscale. numbers.
    pose proof (pow2_ge_0 (U 0%nat)). pose proof (pow2_ge_0 (U 1%nat - 1)). nra. }
  specialize (T M). clear M.
  assert (SA : symmetric_matrix A) by (unfold A; check_point).
  pose proof (@quadratic_second_order 2%nat y g A SA) as Q. fold L in Q.
  assert (S : 0 < gamma) by exact (@root_pos _ (@m 2%nat) 0 (@m_pos 2%nat) (Rle_refl 0) C).
  assert (FY : @BatchNorm.z 2%nat 0 gamma beta y = y) by exact (@batch_norm_fixes 2%nat y S).
  rewrite <- FY in Q at 1.
  destruct (@batch_norm_over 2%nat L 0 gamma beta y g (mat A) (le_S _ _ (le_n 1)) (Rle_refl 0) C Q) as (v & B & XX & (F & EF & D)).
  pose proof (near_self _ _ (td_grad _ _ _ _ D)) as GV. cbv beta in GV. rewrite EF in GV. clear D EF F.
  pose proof (min_in_weights 2%nat 1%nat (fun x => L (@BatchNorm.z 2%nat 0 gamma beta x)) X W (vec_of [1; 0]) v T) as K.
  rewrite EY in K. specialize (K GV). clear T GV. unfold times, X in K.
  subst gamma y g A. at_point XX K.
  assert (I : s * / s = 1) by (field; lra).
  assert (J : / s * / s = 9 / 2) by (rewrite <- Rinv_mult; replace (s * s) with (2 / 9) by lra; field).
  unfold Rdiv in K. rewrite I in K. nra.
Qed.
