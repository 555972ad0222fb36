(** Lemma 4.5, the distance from an initialisation to the closest optimum: true for a layer with a bias whose gamma and beta match W*,
    false without a bias. *)
From BN Require Import Minima Rates Obs_4_3.
Import ListNotations.

(** BatchNorm does not change when y is multiplied by k > 0. *)
Lemma batch_norm_scale_invariant {batch : Batch} gamma beta k y : 0 < k -> BatchNorm.z 0 gamma beta (k * y)%V = BatchNorm.z 0 gamma beta y.
Proof. intros K. unfold BatchNorm.z. now rewrite batch_norm_scaled. Qed.

(** For every W0 with <W0, W*> > 0 and every closest optimum of the BatchNorm network. *)
Theorem lem_4_5_with_bias : forall (batch : Batch) (d : nat) (L : vec -> R) (X : nat -> vec) (W0 Wstar What e : vec),
  respects L -> times d X e == one ->
  let y := times d X Wstar in 0 < BatchNorm.c y @ BatchNorm.c y ->
  let gamma := BatchNorm.s 0 y in
  let beta := BatchNorm.mu y in
  let optimum := @local_min d (fun W => L (BatchNorm.z 0 gamma beta (times d X W))) in
  @local_min d (fun W => L (times d X W)) Wstar -> 0 < W0 @[d] Wstar ->
  optimum What -> (forall W, optimum W -> (W0 - What)%V @[d] (W0 - What)%V <= (W0 - W)%V @[d] (W0 - W)%V) ->
  (W0 - What)%V @[d] (W0 - What)%V
    <= (W0 - Wstar)%V @[d] (W0 - Wstar)%V - 1 / (Wstar @[d] Wstar) * (Wstar @[d] Wstar - (Wstar @[d] W0)) ^ 2.
Proof.
  intros batch d L X W0 Wstar What e RL B y C gamma beta optimum M P _ Closest.
  pose proof (root_pos _ m 0 m_pos (Rle_refl 0) C) as S. change (0 < gamma) in S.
  assert (OW : optimum Wstar) by exact (obs_4_3_minima_with_bias batch d L X Wstar e RL B C M).
  assert (PW : 0 < @dot d Wstar Wstar).
  { destruct (Rle_lt_or_eq_dec _ _ (@dot_sq_pos d Wstar)) as [|Z]; [assumption|exfalso].
    pose proof (@cauchy_schwarz d W0 Wstar) as Q. rewrite <- Z in Q. nra. }
  set (k := @dot d W0 Wstar / @dot d Wstar Wstar). assert (K : 0 < k) by now apply Rdiv_lt_0_compat.
  pose proof (fun U => times_scale d X k U) as TS.
  assert (OK : optimum (k * Wstar)%V).
  { assert (N : @near d Wstar (fun U => L (BatchNorm.z 0 gamma beta (times d X Wstar)) <= L (BatchNorm.z 0 gamma beta (times d X U))
        /\ 0 < BatchNorm.s 0 (times d X U))).
    { apply (@filter_and _ (@near d Wstar) (@near_filter d Wstar)); [exact OW|].
      apply (near_map d batch (times d X) Wstar (fun x => 0 < BatchNorm.s 0 x)); [intros i _; apply c_times|].
      exact (near_s centre m 0 centre_projection y S). }
    unfold optimum, local_min. rewrite TS, (batch_norm_scale_invariant gamma beta k (times d X Wstar) K).
    assert (E : (/ k * (k * Wstar))%V = Wstar) by (vec_ext; field; lra).
    apply (@filter_imp _ (@near d (k * Wstar)%V) (@near_filter d _) (fun U => L (BatchNorm.z 0 gamma beta (times d X Wstar))
      <= L (BatchNorm.z 0 gamma beta (times d X (/ k * U)%V)) /\ 0 < BatchNorm.s 0 (times d X (/ k * U)%V))).
    - intros U [Q SU]. rewrite <- (batch_norm_scale_invariant gamma beta k (times d X (/ k * U)%V) K), <- TS in Q.
      replace (k * (/ k * U))%V with U in Q; [exact Q|vec_ext; field; lra].
    - apply (near_map d d (fun U => / k * U)%V (k * Wstar)%V (fun U => L (BatchNorm.z 0 gamma beta (times d X Wstar))
        <= L (BatchNorm.z 0 gamma beta (times d X U)) /\ 0 < BatchNorm.s 0 (times d X U))); [|now rewrite E].
      intros i I. unfold vscale. apply (@c_mult d); [apply c_const|now apply c_coord]. }
  pose proof (Closest _ OK) as Q. eapply Rle_trans; [exact Q|]. right. unfold vminus, vopp, k.
  rewrite !(@dot_plus_l d), !(@dot_plus_r d), !(@dot_scale_l d), !(@dot_scale_r d), (@dot_sym d Wstar W0). field. lra.
Qed.

(** Without a bias: m = 3, d = 2, X = ((0,0),(1,0),(0,1)), W0 = W* = (1,0), L(z) = |z - y|^2/2 + z_0. The right side is 0, and no optimum
    of the BatchNorm network is that close. *)
Theorem lem_4_5_no_bias_false : ~ (forall (batch : Batch) (d : nat) (L : vec -> R) (X : nat -> vec) (W0 Wstar : vec),
  respects L ->
  let y := times d X Wstar in 0 < BatchNorm.c y @ BatchNorm.c y ->
  let gamma := BatchNorm.s 0 y in
  let beta := BatchNorm.mu y in
  let optimum := @local_min d (fun W => L (BatchNorm.z 0 gamma beta (times d X W))) in
  @local_min d (fun W => L (times d X W)) Wstar -> 0 < W0 @[d] Wstar ->
  exists What, optimum What /\ (W0 - What)%V @[d] (W0 - What)%V
    <= (W0 - Wstar)%V @[d] (W0 - Wstar)%V - 1 / (Wstar @[d] Wstar) * (Wstar @[d] Wstar - (Wstar @[d] W0)) ^ 2).
Proof.
  intros T. pose (X := mat_of [[0; 0]; [1; 0]; [0; 1]]). pose (W := vec_of [1; 0]). pose (y := vec_of [0; 1; 0]).
  pose (A := mat_of [[1; 0; 0]; [0; 1; 0]; [0; 0; 1]]). pose (g := vec_of [1; 0; 0]). pose (L := @loss 2%nat y g A).
  assert (EY : times 1 X W = y).
  { apply functional_extensionality. intros i. unfold times, X, W, y. destruct i as [|[|[|i]]]; numbers; try lra.
    destruct i; numbers; lra. }
  assert (SA : symmetric_matrix A) by (unfold A; check_point).
  assert (RL : @respects 2%nat L).
  { intros z z' E. unfold L, loss. assert (F : @eqv 2%nat (z - y) (z' - y)) by (intros i I; unfold vminus, vplus; now rewrite (E i I)).
    now rewrite (dot_eqv _ _ _ _ F (sa_ext _ _ _ (@mat_self_adjoint 2%nat A SA) F)), (dot_eqv g g _ _ (eqv_refl g) F). }
  specialize (T 2%nat 1%nat L X W W RL). cbv zeta in T. rewrite EY in T.
  assert (C : 0 < @BatchNorm.c 2%nat y @ BatchNorm.c y) by (unfold y; check_point). specialize (T C).
  set (gamma := @BatchNorm.s 2%nat 0 y) in *. set (beta := @BatchNorm.mu 2%nat y) in *.
  assert (M : @local_min 1%nat (fun W => L (times 1 X W)) W).
  { apply near_all. intros U. rewrite EY. unfold L, loss, times, X, y, g, A. unfold vminus, vopp, vplus, vscale. numbers.
    pose proof (pow2_ge_0 (U 0%nat - 1)). pose proof (pow2_ge_0 (U 1%nat)). nra. }
  assert (P : 0 < @dot 1%nat W W) by (unfold W; numbers; lra).
  destruct (T M P) as (V & OV & D). clear T M.
  assert (E : @eqv 1%nat V W).
  { assert (Z : @dot 1%nat (W - V) (W - V) = 0).
    { apply Rle_antisym; [|apply dot_sq_pos]. eapply Rle_trans; [exact D|]. right. unfold W, vminus, vopp, vplus, vscale. numbers. field. }
    intros i I. pose proof (dot_sq_zero _ Z i I) as Q. unfold vminus, vopp, vplus, vscale, zero in Q. lra. }
  assert (OW : @local_min 1%nat (fun W => L (@BatchNorm.z 2%nat 0 gamma beta (times 1 X W))) W).
  { apply (@local_min_eqv 1%nat _ V W); [|exact E|exact OV]. intros U U' EU. apply RL. apply batch_norm_respects.
    intros i I. unfold times. now rewrite (@dot_eqv 1%nat _ _ _ _ (eqv_refl (X i)) EU). }
  clear D OV E V.
  pose proof (@quadratic_second_order 2%nat y g A SA) as Q. fold L in Q.
  assert (S : 0 < gamma) by exact (@root_pos _ (@m 2%nat) 0 (@m_pos 2%nat) (Rle_refl 0) C).
  assert (FY : @BatchNorm.z 2%nat 0 gamma beta y = y) by exact (@batch_norm_fixes 2%nat y S).
  rewrite <- FY in Q at 1.
  destruct (@batch_norm_over 2%nat L 0 gamma beta y g (mat A) (le_S _ _ (le_n 1)) (Rle_refl 0) C Q) as (v & B & XX & (F & EF & D)).
  pose proof (near_self _ _ (td_grad _ _ _ _ D)) as GV. cbv beta in GV. rewrite EF in GV. clear D EF F.
  pose proof (min_in_weights 2%nat 1%nat (fun x => L (@BatchNorm.z 2%nat 0 gamma beta x)) X W (vec_of [0; 1]) v OW) as K.
  rewrite EY in K. specialize (K GV). clear OW GV. unfold times, X in K.
  subst gamma y g A. at_point XX K.
  assert (I : s * / s = 1) by (field; lra).
  assert (J : / s * / s = 9 / 2) by (rewrite <- Rinv_mult; replace (s * s) with (2 / 9) by lra; field).
  unfold Rdiv in K. rewrite I in K. nra.
Qed.
