(** The hypotheses of every further setting can be met: a quadratic loss has all that they ask for, at any g and symmetric matrix A. *)
From BN Require Export Losses Rates.

Section Met.
Context {batch : Batch}.
Variables (eps gamma beta : R) (y g : vec) (A : nat -> vec).
Hypotheses (N : (1 <= final)%nat) (E : 0 <= eps) (C : 0 < BatchNorm.c y @ BatchNorm.c y) (SA : symmetric_matrix A).

Theorem batch_norm_along_met : exists L G v B, batch_norm_along eps gamma beta L G y g v (mat A) B.
Proof.
  destruct (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as (G & EG & D).
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C (ex_intro _ G (conj EG D))) as (v & B & _ & S).
  exists (loss (BatchNorm.z eps gamma beta y) g A), G, v, B. exact (conj N (conj E (conj C (conj EG (conj D S))))).
Qed.
Theorem batch_norm_gains_met : exists v B dgamma dbeta, batch_norm_gains eps gamma beta y g v (mat A) B dgamma dbeta.
Proof.
  pose proof (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as Q.
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C Q) as (v & B & _ & S).
  assert (X : has_grad (loss (BatchNorm.z eps gamma beta y) g A) (BatchNorm.z eps gamma beta y) g).
  { destruct Q as (G & <- & D). exact (near_self _ _ (td_grad _ _ _ _ D)). }
  exists v, B, (g @ BatchNorm.yhat eps y), (g @ one).
  refine (conj N (conj E (conj C (ex_intro _ _ (conj Q (conj S (conj _ _))))))).
  - apply (X (fun t => BatchNorm.z eps t beta y) (BatchNorm.yhat eps y) gamma eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply (dmul (fun t => t) (fun _ => BatchNorm.yhat eps y i)); [apply d_id|apply d_k]|apply d_k]|]. ring.
  - apply (X (fun t => BatchNorm.z eps gamma t y) one beta eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply d_k|apply (dmul (fun t => t) (fun _ => one i)); [apply d_id|apply d_k]]|]. ring.
Qed.
Theorem smooth_norm_met n nu K : smooth_at n y nu K -> n y <> 0 -> exists v B, smooth_norm n gamma beta nu K y g v (mat A) B.
Proof.
  intros S Z. destruct (quotient_smooth centre gamma n (beta * one)%V centre_projection y nu K S Z) as (J & T & M & _).
  destruct (layer_met _ _ _ _ _ g A M SA) as (v & B & X). exists v, B. exact (conj N (conj S (conj Z X))).
Qed.
Theorem l2_norm_met : 0 < y @ y -> exists v B, l2_norm eps gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (l2_smooth eps y E P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. exact (root_pos _ m eps m_pos E P).
  - exists v, B. exact (conj N (conj E (conj P X))).
Qed.
Theorem l1_norm_met : (forall i, (i <= final)%nat -> y i <> 0) -> exists v B, l1_norm gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (l1_smooth y P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. exact (l1_pos y P).
  - exists v, B. exact (conj N (conj P X)).
Qed.
Theorem linf_norm_met k : largest y k -> exists v B, linf_norm gamma beta y g v (mat A) B.
Proof.
  intros P. destruct (smooth_norm_met _ _ _ (linf_smooth y k N P)) as (v & B & _ & _ & _ & X).
  - apply Rgt_not_eq. rewrite (largest_is y k P), abs_sign. apply Rabs_pos_lt. exact (largest_not_zero y k N P).
  - exists v, B. exact (conj N (conj (ex_intro _ k P) X)).
Qed.
End Met.

Theorem batch_norm_weights_met : forall (batch : Batch) (eps gamma beta : R) (d : nat) (rows : nat -> vec) (W g : vec) (A : nat -> vec),
  (1 <= final)%nat -> 0 <= eps -> 0 < BatchNorm.c (times d rows W) @ BatchNorm.c (times d rows W) -> symmetric_matrix A ->
  exists v B dW HW, batch_norm_weights eps gamma beta d rows W g v (mat A) B dW HW.
Proof.
  intros batch eps gamma beta d rows W g A N E C SA. set (y := times d rows W) in *.
  pose proof (quadratic_second_order (BatchNorm.z eps gamma beta y) g A SA) as Q.
  destruct (batch_norm_over _ eps gamma beta y g (mat A) N E C Q) as (v & B & _ & S).
  exists v, B, (transposed rows v), (fun w => transposed rows (B (times d rows w))).
  refine (conj N (conj E (conj C (ex_intro _ _ (conj Q (conj S _)))))).
  exact (weights_second_order d rows (fun x => loss (BatchNorm.z eps gamma beta y) g A (BatchNorm.z eps gamma beta x)) W v B S).
Qed.
