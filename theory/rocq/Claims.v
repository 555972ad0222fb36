(** What a generated proof uses, beside what opens the layer. *)
From BN Require Export Rates.

(** Hypotheses that say what gamma and beta are, put into the goal. *)
Ltac matched := repeat match goal with E : ?a = ?b |- _ => first [is_var a; lazymatch b with context [a] => fail | _ => subst a end | fail 1] end.

Section Gaps.
Context {batch : Batch}.
Lemma gap_l a b u : a == b -> (b - a)%V @ u = 0.
Proof. intros E. unfold vminus, vopp. rewrite dot_plus_l, dot_scale_l, (dot_eqv a b u u E (eqv_refl u)). ring. Qed.
Lemma gap_r a b u : a == b -> u @ (b - a)%V = 0.
Proof. intros E. rewrite dot_sym. now apply gap_l. Qed.
End Gaps.
(** A term with the gap of two vectors that a hypothesis says are equal. *)
Ltac no_gap :=
  cbv zeta in *; match goal with E : ?a == ?b |- _ => rewrite ?(gap_l a b _ E), ?(gap_r a b _ E); first [ring | right; ring | lra] end.
(** A term that is 0 since a hypothesis says that two numbers are equal. *)
Ltac vanishes := repeat match goal with E : @eq R ?a _ |- context [?a] => rewrite E end; ring.
(** Free operators alone, the layer left closed: symmetric, projectors, and K from weights to the batch beside its transpose. *)
Ltac settle_operators :=
  cbv zeta; intros;
  lazymatch goal with |- _ == _ => let e := fresh "e" in apply dot_all_eqv; intros e | _ => idtac end;
  unfold norm, mean, vminus, vdiv, vopp;
  repeat match goal with |- context [@dot ?d (transposed ?rows ?a) ?b] => rewrite <- (transposed_adj d rows a b) end;
  repeat match goal with |- context [times ?d ?rows (transposed ?rows ?a)] => change (times d rows (transposed rows a)) with (gramian d rows a) end;
  try match goal with |- context [gramian ?d ?rows] =>
    let S := fresh "S" in pose proof (gramian_adj d rows) as S; let K := fresh "K" in set (K := gramian d rows) in *; clearbody K end;
  repeat match goal with P : projector ?A |- _ => lazymatch goal with _ : self_adjoint A |- _ => fail | _ => pose proof (proj1 P) end end;
  expand_op; repeat match goal with P : projector ?A |- context [?A (?A ?u) @ ?w] => rewrite (projector_twice A u w P) end; orient; field; nonzero.
(** The gap between a maximum over inputs and its value at one input. *)
Ltac above :=
  cbv zeta in *; match goal with St : batch_norm _ _ _ _ _ _ _ _ |- _ => destruct (layer_symmetric _ _ _ _ _ _ (proj2 (proj2 (proj2 St)))) end;
  apply Rge_le, Rge_minus, Rle_ge; apply maximum_form; assumption.
