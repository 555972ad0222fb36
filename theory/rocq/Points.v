(** Exact points: a batch, a gradient and a Hessian given by their coordinates, at which a printed statement fails. *)
From BN Require Export Losses.
From Coq Require Export List.
Import ListNotations.

Section Point.
Context {batch : Batch}.
Lemma batch_norm_s_sq eps gamma beta y g v H B : batch_norm eps gamma beta y g v H B ->
  BatchNorm.s eps y ^ 2 = BatchNorm.c y @ BatchNorm.c y / m + eps.
Proof.
  intros (N & E & C & A). unfold BatchNorm.s. apply pow2_sqrt.
  assert (0 < BatchNorm.c y @ BatchNorm.c y / m) by (apply Rdiv_lt_0_compat; [exact C|exact m_pos]). lra.
Qed.
Lemma dot_c y u : BatchNorm.c y @ u = y @ u - (one @ y) * (one @ u) / m.
Proof. exact (dot_centre y u). Qed.
Lemma yhat_dot eps y u : BatchNorm.yhat eps y @ u = / BatchNorm.s eps y * (y @ u - (one @ y) * (one @ u) / m).
Proof. unfold BatchNorm.yhat, vdiv. now rewrite dot_scale_l, dot_c. Qed.
Lemma c_sq y : BatchNorm.c y @ BatchNorm.c y = y @ y - (one @ y) ^ 2 / m.
Proof.
  rewrite dot_c, (dot_sym y (BatchNorm.c y)), dot_c. replace (one @ BatchNorm.c y) with 0; [unfold Rdiv; ring|].
  symmetry. exact (dot_one_centre y).
Qed.
End Point.

(** The inner products of vectors that are given by coordinates. *)
Ltac numbers :=
  repeat (progress (unfold dot, sum, m, final, mat, mat_of, vec_of, one; rewrite ?sum_Sn, ?sum_O; unfold plus; simpl)).
Ltac check_point := first [unfold final; lia | lra | rewrite c_sq; numbers; lra | intros i j; destruct i as [|[|[|[|]]]]; destruct j as [|[|[|[|]]]]; reflexivity].
(** Opens a statement K about a layer at a point, X being the setting: v, B and y-hat give way to coordinates; s remains, with Q its square. *)
Ltac at_point X K :=
  let Q := fresh "Q" in let F := fresh "F" in
  pose proof (batch_norm_s_sq _ _ _ _ _ _ _ _ X) as Q; rewrite c_sq in Q;
  let M := fresh "M" in let S := fresh "S" in let G := fresh "G" in let SH := fresh "SH" in let SB := fresh "SB" in let C := fresh "C" in
  let Y := fresh "Y" in let O := fresh "O" in let F := fresh "F" in let V := fresh "V" in let W := fresh "W" in
  pose proof (batch_norm_facts _ _ _ _ _ _ _ _ X) as (M & S & G & SH & SB & C & Y & O & F & V & W); cbv zeta in *;
  revert K; unfold vminus, vdiv, vopp; expand_op; repeat (progress take_out);
  match type of X with @batch_norm ?b ?eps _ _ ?y _ _ _ _ =>
    repeat first [rewrite (@yhat_dot b eps y) | match goal with |- context [?a @ @BatchNorm.yhat b eps y] => rewrite (@dot_sym b a (@BatchNorm.yhat b eps y)) end]; call (@BatchNorm.s b eps y) s end;
  clear C Y O F V W G; revert Q; numbers; intros Q K.
