(** Every normalisation that divides by a root, as its definition and nothing else; each line is the text that the registry holds.

    [layer N y g v H B]: some loss L has gradient g and Hessian H at z = N y, and v and B are gradient and Hessian of L o N at y.
    What v and B are is derived from the definition, for all losses at once: Facts.v. *)
From BN Require Export Divisor.

Definition layer {batch : Batch} (N : vec -> vec) (y g v : vec) (H B : vec -> vec) : Prop :=
  exists L, second_order L (N y) g H /\ second_order (fun x => L (N x)) y v B.

Lemma layer_symmetric {batch : Batch} N y g v H B : layer N y g v H B -> self_adjoint H /\ self_adjoint B.
Proof. intros (L & (G & _ & T) & (F & _ & T')). split; [exact (td_sym _ _ _ _ T)|exact (td_sym _ _ _ _ T')]. Qed.
Lemma layer_v_B {batch : Batch} N y J T K g v H B : smooth_map N y J T K -> layer N y g v H B ->
  v == T y g /\ (forall w, B w == T y (H (J y w)) + K g w).
Proof. intros S (L & A & A'). exact (v_and_B N y J T K L g H v B S A A'). Qed.

Module BatchNorm.
Section Definitions.
Context {batch : Batch} (eps gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition c := (y - mu * one)%V.
Definition s := sqrt (c @ c / m + eps).
Definition yhat := (c / s)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End BatchNorm.

Module Unbiased.
Section Definitions.
Context {batch : Batch} (eps gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition c := (y - mu * one)%V.
Definition s := sqrt (c @ c / (m - 1) + eps).
Definition yhat := (c / s)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End Unbiased.

Module LayerNorm.
Section Definitions.
Context {batch : Batch} (eps : R) (D : vec -> vec) (bias y : vec).
Definition mu := one @ y / m.
Definition c := (y - mu * one)%V.
Definition s := sqrt (c @ c / m + eps).
Definition yhat := (c / s)%V.
Definition z := (D yhat + bias)%V.
End Definitions.
End LayerNorm.

Module RMSNorm.
Section Definitions.
Context {batch : Batch} (eps gamma : R) (y : vec).
Definition s := sqrt (y @ y / m + eps).
Definition yhat := (y / s)%V.
Definition z := (gamma * yhat)%V.
End Definitions.
End RMSNorm.

Module RMSNormElementwise.
Section Definitions.
Context {batch : Batch} (eps : R) (D : vec -> vec) (bias y : vec).
Definition s := sqrt (y @ y / m + eps).
Definition yhat := (y / s)%V.
Definition z := (D yhat + bias)%V.
End Definitions.
End RMSNormElementwise.

Module ScaleNorm.
Section Definitions.
Context {batch : Batch} (gamma : R) (y : vec).
Definition n := sqrt (y @ y).
Definition yhat := (y / n)%V.
Definition z := (gamma * yhat)%V.
End Definitions.
End ScaleNorm.
