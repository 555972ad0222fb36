(** Fact C.2: the Jacobians of the normalised outputs, equations (1) and (2), as derivatives along every curve through y with velocity b. *)
From BN Require Import Points.

Definition moves {batch : Batch} (f : vec -> vec) (y b r : vec) : Prop :=
  forall c t, c t = y -> dcurve c b t -> forall i, (i <= final)%nat -> is_derive (fun s => f (c s) i) t (r i).

Lemma moves_eqv {batch : Batch} f y b r r' : r == r' -> moves f y b r -> moves f y b r'.
Proof. intros E M c t C D i I. rewrite <- (E i I). now apply M. Qed.

Theorem fact_C_2_line_1 : forall (batch : Batch) (y b : vec), 0 < BatchNorm.c y @ BatchNorm.c y ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  moves (BatchNorm.yhat 0) y b ((b - (one @ b) / m * one - (yhat @ b) / m * yhat) / sigma).
Proof.
  intros batch y b C sigma yhat c t <- D i I.
  pose proof (d_yhat_derive centre m 0 centre_projection m_pos c b t D (root_pos _ m 0 m_pos (Rle_refl 0) C) i) as X.
  exact X.
Qed.

Theorem fact_C_2_line_2 : forall (batch : Batch) (gamma beta : R) (y b : vec), 0 < BatchNorm.c y @ BatchNorm.c y ->
  let sigma := BatchNorm.s 0 y in
  let yhat := BatchNorm.yhat 0 y in
  moves (BatchNorm.z 0 gamma beta) y b (gamma / sigma * (b - (one @ b) / m * one - (yhat @ b) / m * yhat)).
Proof.
  intros batch gamma beta y b C sigma yhat c t E D i I. pose proof (fact_C_2_line_1 batch y b C c t E D i I) as X. fold sigma yhat in X.
  unfold BatchNorm.z, vplus at 1, vscale at 1 2. eapply deq; [apply dplus; [apply dscale; exact X|apply d_k]|].
  unfold vdiv, vscale. unfold Rdiv. ring.
Qed.
