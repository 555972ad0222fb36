(** Layers that only rescale and shift: z = scale y, and z = A y + bias with any matrix A. *)
From BN Require Export Weights.

Module Rescaled.
Section Definitions.
Context {batch : Batch} (scale : R) (y : vec).
Definition z := (scale * y)%V.
End Definitions.
End Rescaled.

Module Affine.
Section Definitions.
Context {batch : Batch} (A : vec -> vec) (bias y : vec).
Definition z := (A y + bias)%V.
End Definitions.
End Affine.

Definition rescaled {batch : Batch} (scale : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ layer (Rescaled.z scale) y g v H B.
(** A is a matrix with m rows and m columns. *)
Definition affine_layer {batch : Batch} (A : vec -> vec) (bias y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ (exists rows, forall u, A u = times final rows u) /\ layer (Affine.z A bias) y g v H B.

Section Open.
Context {batch : Batch}.

Lemma linear_smooth_map (A T : vec -> vec) shift y : (forall g u, g @ A u = T g @ u) ->
  (forall c c' t, dcurve c c' t -> dcurve (fun s => A (c s)) (A c') t) -> (forall c c' t, dcurve c c' t -> dcurve (fun s => T (c s)) (T c') t) ->
  vcont A y -> smooth_map (fun x => A x + shift)%V y (fun _ => A) (fun _ => T) (fun _ _ => zero).
Proof.
  intros S DA DT C. split.
  - intros i I. unfold vplus. apply c_plus; [now apply C|apply c_const].
  - apply near_all. intros x c c' t _ D. eapply dcurve_eq; [apply d_plus; [now apply DA|apply d_const]|vec_ext; ring].
  - apply near_all. intros x. exact S.
  - intros c c' u u' t _ _ U. eapply dcurve_eq; [now apply DT|vec_ext; ring].
  - intros g u w. now rewrite dot_zero_l, dot_zero_r.
Qed.
Lemma linear_is (A T : vec -> vec) shift y g v H B : (forall g u, g @ A u = T g @ u) ->
  (forall c c' t, dcurve c c' t -> dcurve (fun s => A (c s)) (A c') t) -> (forall c c' t, dcurve c c' t -> dcurve (fun s => T (c s)) (T c') t) ->
  vcont A y -> layer (fun x => A x + shift)%V y g v H B ->
  self_adjoint H /\ self_adjoint B /\ (forall u, v @ u = g @ A u) /\ (forall u w, u @ B w = A u @ H (A w)).
Proof.
  intros S DA DT C L. destruct (layer_symmetric _ _ _ _ _ _ L) as [SH SB].
  destruct (layer_v_B _ _ _ _ _ _ _ _ _ (linear_smooth_map A T shift y S DA DT C) L) as [V W].
  refine (conj SH (conj SB (conj _ _))).
  - intros u. now rewrite (dot_eqv _ _ u u V (eqv_refl u)), S.
  - intros u w. rewrite (dot_eqv u u _ _ (eqv_refl u) (W w)), dot_plus_r, dot_zero_r, (dot_sym u), <- S, (dot_sym (H _)). ring.
Qed.
Lemma rescaled_facts scale y g v H B : rescaled scale y g v H B ->
  2 <= m /\ self_adjoint H /\ self_adjoint B /\ (forall u, v @ u = scale * (g @ u)) /\ (forall u w, u @ B w = scale ^ 2 * (u @ H w)).
Proof.
  intros (N & L). pose proof (scale_symmetric scale) as D.
  assert (L' : layer (fun x => vscale scale x + zero)%V y g v H B).
  { replace (fun x => vscale scale x + zero)%V with (Rescaled.z scale); [exact L|]. apply functional_extensionality. intros x.
    unfold Rescaled.z. vec_ext. ring. }
  destruct (linear_is (vscale scale) (vscale scale) zero y g v H B (sy_adj _ D) (sy_d _ D) (sy_d _ D)) as (SH & SB & V & W); [|exact L'|].
  - apply (sy_cont _ D (fun x => x)). intros i I. now apply c_coord.
  - refine (conj (m_ge_2 N) (conj SH (conj SB (conj _ _)))); intros.
    + now rewrite V, dot_scale_r.
    + rewrite W, dot_scale_l, (op_scale_r H _ _ _ SH). ring.
Qed.
Lemma affine_layer_facts A bias y g v H B : affine_layer A bias y g v H B ->
  2 <= m /\ self_adjoint H /\ self_adjoint B /\ (forall u, v @ u = g @ A u) /\ (forall u w, u @ B w = A u @ H (A w)).
Proof.
  intros (N & (rows & E) & L). assert (EA : A = times final rows) by (apply functional_extensionality; exact E). subst A.
  destruct (linear_is (times final rows) (transposed rows) bias y g v H B) as (SH & SB & V & W).
  - intros u w. exact (transposed_adj final rows u w).
  - intros c c' t. apply d_times.
  - intros c c' t. apply d_transposed.
  - intros i _. apply c_times.
  - exact L.
  - exact (conj (m_ge_2 N) (conj SH (conj SB (conj V W)))).
Qed.
End Open.

Ltac open_affine :=
  cbv zeta; intros; unfold Rescaled.z, Affine.z in *;
  match goal with
  | St : rescaled _ _ _ _ _ _ |- _ => known (rescaled_facts _ _ _ _ _ _ St); clear St
  | St : affine_layer _ _ _ _ _ _ _ |- _ => known (affine_layer_facts _ _ _ _ _ _ _ St); clear St
  end; pose proof m_pos.
