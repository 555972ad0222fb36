(** The hypotheses can be met: at any z, any g and any symmetric matrix A are gradient and Hessian of the quadratic loss
    [loss z g A]; and then the composed loss has a v and a B, for every normalisation here. Every exact point uses this. *)
From BN Require Export Settings.

Section Quadratic.
Context {batch : Batch}.

Definition mat (A : nat -> vec) (w : vec) : vec := fun i => A i @ w.
Definition symmetric_matrix (A : nat -> vec) : Prop := forall i j, A i j = A j i.
Definition loss (z0 g : vec) (A : nat -> vec) (z : vec) : R := / 2 * ((z - z0) @ mat A (z - z0)%V) + g @ (z - z0).

Lemma mat_self_adjoint A : symmetric_matrix A -> self_adjoint (mat A).
Proof.
  intros S u w. unfold mat, dot at 1 3.
  transitivity (sum (fun i => sum (fun j => u i * (A i j * w j)))); [apply sum_ext; intros; symmetry; apply sum_scale|].
  transitivity (sum (fun j => sum (fun i => u i * (A i j * w j)))); [exact (sum_n_switch (fun i j => u i * (A i j * w j)) final final)|].
  apply sum_ext; intros j. rewrite Rmult_comm. unfold dot. rewrite <- sum_scale. apply sum_ext; intros i. rewrite (S i j). ring.
Qed.
Lemma d_mat A c c' t : dcurve c c' t -> dcurve (fun s => mat A (c s)) (mat A c') t.
Proof. intros C i. eapply deq; [exact (d_dot _ _ _ _ _ (d_const (A i) t) C)|]. rewrite dot_zero_l. unfold mat. ring. Qed.

Theorem quadratic_second_order z0 g A : symmetric_matrix A -> second_order (loss z0 g A) z0 g (mat A).
Proof.
  intros SA. pose proof (mat_self_adjoint A SA) as S. exists (fun z => mat A (z - z0) + g)%V. split.
  - unfold vminus. vec_ext. unfold mat. replace (A x @ _) with (A x @ zero); [rewrite dot_zero_r; ring|].
    f_equal. vec_ext. ring.
  - split.
    + apply near_all. intros z c c' t <- C.
      assert (D : dcurve (fun s => c s - z0)%V c' t).
      { unfold vminus. eapply dcurve_eq; [apply d_plus; [exact C|apply d_const]|vec_ext; ring]. }
      eapply deq.
      * unfold loss. apply dplus; [apply dscale; exact (d_dot _ _ _ _ _ D (d_mat A _ _ _ D))|exact (d_dot _ _ _ _ _ (d_const g t) D)].
      * rewrite dot_plus_l, dot_zero_l, (S (c t - z0)%V c'), (dot_sym c'). field.
    + intros c c' t _ C.
      assert (D : dcurve (fun s => c s - z0)%V c' t).
      { unfold vminus. eapply dcurve_eq; [apply d_plus; [exact C|apply d_const]|vec_ext; ring]. }
      eapply dcurve_eq; [apply d_plus; [exact (d_mat A _ _ _ D)|apply d_const]|vec_ext; ring].
    + exact S.
Qed.

Lemma layer_met N y J T K g A : smooth_map N y J T K -> symmetric_matrix A -> exists v B, layer N y g v (mat A) B.
Proof.
  intros S SA. destruct (quadratic_second_order (N y) g A SA) as (G & E & D).
  pose proof (hess_through N y J T K (loss (N y) g A) G (mat A) S D) as X.
  exists (T y (G (N y))), (fun w => T y (mat A (J y w)) + K (G (N y)) w)%V, (loss (N y) g A).
  split; [now exists G|]. eexists; split; [|exact X]. reflexivity.
Qed.

(** BatchNorm over a given loss: the composed loss has a gradient v and a Hessian B. *)
Theorem batch_norm_over L eps gamma beta y g H : (1 <= final)%nat -> 0 <= eps -> 0 < BatchNorm.c y @ BatchNorm.c y ->
  second_order L (BatchNorm.z eps gamma beta y) g H ->
  exists v B, batch_norm eps gamma beta y g v H B /\ second_order (fun x => L (BatchNorm.z eps gamma beta x)) y v B.
Proof.
  intros N E C (G & <- & D). pose proof (root_pos _ m eps m_pos E C) as S.
  pose proof (hess_through _ y _ _ _ L G H (divisor_smooth centre (vscale gamma) m eps (beta * one)%V centre_projection
    (scale_symmetric gamma) m_pos y S) D) as X.
  change (d_out centre (vscale gamma) m eps (beta * one)%V) with (BatchNorm.z eps gamma beta) in X.
  eexists _, _. assert (Q : second_order (fun x => L (BatchNorm.z eps gamma beta x)) y _ _) by (eexists; split; [reflexivity|exact X]).
  split; [|exact Q]. refine (conj N (conj E (conj C (ex_intro _ L (conj _ Q))))). now exists G.
Qed.

Theorem batch_norm_met eps gamma beta y g A : (1 <= final)%nat -> 0 <= eps -> 0 < BatchNorm.c y @ BatchNorm.c y -> symmetric_matrix A ->
  exists v B, batch_norm eps gamma beta y g v (mat A) B.
Proof.
  intros N E C SA. pose proof (root_pos _ m eps m_pos E C) as S.
  destruct (layer_met _ _ _ _ _ g A (divisor_smooth centre (vscale gamma) m eps (beta * one)%V centre_projection (scale_symmetric gamma) m_pos y S) SA)
    as (v & B & X). exists v, B. exact (conj N (conj E (conj C X))).
Qed.
End Quadratic.

(** A vector by its coordinates. *)
Definition vec_of (u : list R) : vec := fun i => List.nth i u 0.
Definition mat_of (A : list (list R)) : nat -> vec := fun i => vec_of (List.nth i A nil).
