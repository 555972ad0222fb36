(** Local minima, in activations and in the weights of a layer y = X W without a bias. *)
From BN Require Export Points Weights.

Definition local_min {batch : Batch} (F : vec -> R) (z : vec) : Prop := near z (fun x => F z <= F x).
(** L is a function on R^m: it reads the coordinates of the batch alone. *)
Definition respects {batch : Batch} (L : vec -> R) : Prop := forall z z', z == z' -> L z = L z'.

Section Minima.
Context {batch : Batch}.

Lemma min_on_line (phi : R -> R) l e : 0 < e -> (forall t, Rabs t < e -> phi 0 <= phi t) -> is_derive phi 0 l -> l = 0.
Proof.
  intros E M D. apply is_derive_Reals in D.
  destruct (Req_dec l 0) as [|N]; [assumption|exfalso].
  destruct (D (Rabs l) (Rabs_pos_lt l N)) as [d Hd]. set (h := Rmin d e / 2).
  assert (P : 0 < Rmin d e) by (apply Rmin_pos; [apply cond_pos|exact E]).
  pose proof (Rmin_l d e). pose proof (Rmin_r d e).
  destruct (Rlt_le_dec 0 l) as [Q|Q].
  - assert (A : - h <> 0) by (unfold h; lra). assert (B : Rabs (- h) < d) by (rewrite Rabs_Ropp, Rabs_pos_eq; unfold h; lra).
    specialize (Hd (- h) A B). rewrite Rplus_0_l, (Rabs_pos_eq l) in Hd by lra. apply Rabs_def2 in Hd as [_ Hd].
    assert (0 < (phi (- h) - phi 0) / - h) by lra.
    assert (G : phi 0 <= phi (- h)) by (apply M; rewrite Rabs_Ropp, Rabs_pos_eq; unfold h; lra).
    assert ((phi (- h) - phi 0) / - h <= 0); [|lra].
    replace ((phi (- h) - phi 0) / - h) with (- ((phi (- h) - phi 0) * / h)) by (unfold h; field; lra).
    assert (0 <= (phi (- h) - phi 0) * / h); [|lra]. apply Rmult_le_pos; [lra|]. apply Rlt_le, Rinv_0_lt_compat. unfold h; lra.
  - assert (A : h <> 0) by (unfold h; lra). assert (B : Rabs h < d) by (rewrite Rabs_pos_eq; unfold h; lra).
    specialize (Hd h A B). rewrite Rplus_0_l, (Rabs_left l) in Hd by lra. apply Rabs_def2 in Hd as [Hd _].
    assert (G : phi 0 <= phi h) by (apply M; rewrite Rabs_pos_eq; unfold h; lra).
    assert (0 <= (phi h - phi 0) / h); [|lra]. apply Rmult_le_pos; [lra|]. apply Rlt_le, Rinv_0_lt_compat. unfold h; lra.
Qed.
Lemma local_min_line F z w l : local_min F z -> is_derive (fun t => F (line z w t)) 0 l -> l = 0.
Proof.
  intros M D. pose proof (near_curve z _ _ _ 0 M (line_0 z w) (d_line z w 0)) as [e E].
  apply (min_on_line (fun t => F (line z w t)) l e (cond_pos e)); [|exact D].
  intros t T. rewrite line_0. apply E. unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. now rewrite Ropp_0, Rplus_0_r.
Qed.
Lemma local_min_stationary F z v : local_min F z -> has_grad F z v -> v == zero.
Proof.
  intros M G. apply dot_sq_zero. exact (local_min_line F z v _ M (G _ _ 0 (line_0 z v) (d_line z v 0))).
Qed.
Lemma local_min_eqv F z z' : respects F -> z == z' -> local_min F z -> local_min F z'.
Proof.
  intros RF E [e M]. exists e. intros x X. rewrite <- (RF z z' E). apply M. intros i I. now rewrite (E i I); apply X.
Qed.

(** BatchNorm fixes y where gamma = sigma and beta = mu, and is continuous there. *)
Lemma batch_norm_fixes y : 0 < BatchNorm.s 0 y -> BatchNorm.z 0 (BatchNorm.s 0 y) (BatchNorm.mu y) y = y.
Proof.
  intros S. unfold BatchNorm.z, BatchNorm.yhat, BatchNorm.c. set (s := BatchNorm.s 0 y) in *. vec_ext. field. lra.
Qed.
Lemma batch_norm_affine gamma beta y :
  BatchNorm.z 0 gamma beta y = ((gamma / BatchNorm.s 0 y) * y + (beta - gamma * BatchNorm.mu y / BatchNorm.s 0 y) * one)%V.
Proof. unfold BatchNorm.z, BatchNorm.yhat, BatchNorm.c. vec_ext. unfold Rdiv. ring. Qed.
Lemma batch_norm_cont gamma beta y : 0 < BatchNorm.s 0 y -> vcont (BatchNorm.z 0 gamma beta) y.
Proof.
  intros S. exact (sm_cont _ _ _ _ _ (divisor_smooth centre (vscale gamma) m 0 (beta * one)%V centre_projection (scale_symmetric gamma) m_pos y S)).
Qed.
Lemma batch_norm_respects gamma beta y y' : y == y' -> BatchNorm.z 0 gamma beta y == BatchNorm.z 0 gamma beta y'.
Proof.
  intros E. assert (M : BatchNorm.mu y = BatchNorm.mu y').
  { unfold BatchNorm.mu. now rewrite (dot_eqv one one y y' (eqv_refl one) E). }
  assert (C : BatchNorm.c y == BatchNorm.c y').
  { intros i I. unfold BatchNorm.c, vminus, vopp, vplus, vscale. now rewrite M, (E i I). }
  assert (S : BatchNorm.s 0 y = BatchNorm.s 0 y') by (unfold BatchNorm.s; now rewrite (dot_eqv _ _ _ _ C C)).
  intros i I. unfold BatchNorm.z, BatchNorm.yhat, vplus, vdiv, vscale. now rewrite S, (C i I).
Qed.
Lemma s_cont y : 0 < BatchNorm.s 0 y -> cont (BatchNorm.s 0) y.
Proof. exact (c_s centre m 0 centre_projection y). Qed.
Lemma mu_cont y : cont BatchNorm.mu y.
Proof.
  unfold BatchNorm.mu, Rdiv. apply (c_mult (fun y => one @ y)); [|apply c_const].
  apply c_dot; intros i I; [apply c_const|now apply c_coord].
Qed.
End Minima.

(** A gradient at y gives the derivative along a direction of the weights, which is 0 at a minimum. *)
Lemma min_in_weights (n d : Batch) F X W e v :
  @local_min d (fun U => F (times d X U)) W -> @has_grad n F (times d X W) v -> @dot n v (times d X e) = 0.
Proof.
  intros M G. apply (@local_min_line d (fun U => F (times d X U)) W e _ M).
  apply (is_derive_ext (fun t => F (line (times d X W) (times d X e) t))); [intros t; now rewrite times_line|].
  exact (G _ _ 0 (line_0 _ _) (d_line _ _ 0)).
Qed.
