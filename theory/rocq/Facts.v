(** What is known of a layer: v and B inside inner products, y by y-hat, and the Gram facts; then the tactic [settle] that closes an
    equation between numbers or vectors of a layer by these, linearity and [field]. Nothing here is particular to one claim. *)
From BN Require Export Normalisations.

Section Operators.
Context {batch : Batch}.
Lemma op_plus_r A u a b : self_adjoint A -> u @ A (a + b)%V = u @ A a + u @ A b.
Proof. intros S. now rewrite !S, dot_plus_r. Qed.
Lemma op_scale_r A u k a : self_adjoint A -> u @ A (k * a)%V = k * (u @ A a).
Proof. intros S. now rewrite !S, dot_scale_r. Qed.
Lemma op_plus_l A u a b : self_adjoint A -> A (a + b)%V @ u = A a @ u + A b @ u.
Proof. intros S. now rewrite <- !S, dot_plus_l. Qed.
Lemma op_scale_l A u k a : self_adjoint A -> A (k * a)%V @ u = k * (A a @ u).
Proof. intros S. now rewrite <- !S, dot_scale_l. Qed.
End Operators.

(** Sums and multiples out of inner products and operators; then each inner product in one of its equal forms. *)
Ltac expand_op :=
  repeat first
  [ progress (rewrite ?dot_plus_l, ?dot_plus_r, ?dot_scale_l, ?dot_scale_r, ?dot_zero_l, ?dot_zero_r)
  | match goal with S : self_adjoint ?A |- _ =>
      progress (rewrite ?(op_plus_r A _ _ _ S), ?(op_scale_r A _ _ _ S), ?(op_plus_l A _ _ _ S), ?(op_scale_l A _ _ _ S)) end
  | match goal with
    | S : self_adjoint ?A |- context [?A (?A' (?a + ?b)%V) @ ?u] => rewrite <- (S (A' (a + b)%V) u)
    | S : self_adjoint ?A |- context [?A (?A' (?k * ?a)%V) @ ?u] => rewrite <- (S (A' (k * a)%V) u)
    | S : self_adjoint ?A |- context [?A (?A' (?A'' (?a + ?b)%V)) @ ?u] => rewrite <- (S (A' (A'' (a + b)%V)) u)
    | S : self_adjoint ?A |- context [?A (?A' (?A'' (?k * ?a)%V)) @ ?u] => rewrite <- (S (A' (A'' (k * a)%V)) u)
    | S : self_adjoint ?A, S' : self_adjoint ?A' |- context [?u @ ?A (?A' ?w)] => rewrite (S u (A' w))
    | S : self_adjoint ?A |- context [?u @ ?A (?A ?w)] => rewrite (S u (A w))
    end ].
Ltac orient :=
  repeat match goal with S : self_adjoint ?A |- context [?u @ ?A ?w] => rewrite (S u w) end;
  repeat match goal with
  | |- context [?a @ ?b] => tryif constr_eq a b then fail else
      match goal with |- context [b @ a] => rewrite (dot_sym b a) end
  | S : self_adjoint ?A |- context [?A ?a @ ?b] => tryif constr_eq a b then fail else
      match goal with |- context [A b @ a] => rewrite <- (S b a), (dot_sym b (A a)) end
  | S : self_adjoint ?A |- context [?A (?A ?a) @ ?b] => tryif constr_eq a b then fail else
      match goal with |- context [A (A b) @ a] => rewrite <- (S (A b) a), <- (S b (A a)), (dot_sym b (A (A a))) end
  | S : self_adjoint ?A, S' : self_adjoint ?A' |- context [?A (?A' (?A ?a)) @ ?b] => tryif constr_eq a b then fail else
      match goal with |- context [A (A' (A b)) @ a] =>
        rewrite <- (S (A' (A b)) a), <- (S' (A b) (A a)), <- (S b (A' (A a))), (dot_sym b (A (A' (A a)))) end
  | S : self_adjoint ?A, S' : self_adjoint ?A' |- context [?A (?A' ?a) @ ?b] => tryif (constr_eq a b; constr_eq A A') then fail else
      match goal with |- context [A' (A b) @ a] => rewrite <- (S' (A b) a), <- (S b (A' a)), (dot_sym b (A (A' a))) end
  | S : self_adjoint ?A, S' : self_adjoint ?A', S'' : self_adjoint ?A'' |- context [?A (?A' (?A'' ?a)) @ ?b] =>
      tryif (constr_eq a b; constr_eq A A'') then fail else
      match goal with |- context [A'' (A' (A b)) @ a] =>
        rewrite <- (S'' (A' (A b)) a), <- (S' (A b) (A'' a)), <- (S b (A' (A'' a))), (dot_sym b (A (A' (A'' a)))) end
  end.

Section Facts.
Context {batch : Batch}.

(** The two bilinear forms of a layer: <u, Q w> and <Q u, A Q w>, Q u = P u - (yhat @ u)/k yhat. *)
Variables (P : vec -> vec) (k eps : R).
Definition seen (yhat u w : vec) : R := P u @ w - (yhat @ u) * (yhat @ w) / k.
Definition seen_through (yhat : vec) (A : vec -> vec) (u w : vec) : R :=
  P u @ A (P w) - (yhat @ w) / k * (P u @ A yhat) - (yhat @ u) / k * (P w @ A yhat) + (yhat @ u) * (yhat @ w) / k ^ 2 * (yhat @ A yhat).

Lemma layer_is (D : vec -> vec) (shift y g v : vec) (H B : vec -> vec) : projection P -> symmetric D -> 0 < k ->
  let N y := d_out P D k eps shift y in let s := d_s P k eps y in let yhat := d_yhat P k eps y in
  0 < s -> layer N y g v H B ->
  self_adjoint H /\ self_adjoint B /\ P y = (s * yhat)%V /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = / s * seen yhat (D g) u) /\
  (forall u w, u @ B w = / s ^ 2 * seen_through yhat (fun a => D (H (D a))) u w
    - / (k * s ^ 2) * ((yhat @ u) * seen yhat (D g) w + (yhat @ w) * seen yhat (D g) u + (yhat @ D g) * seen yhat u w)).
Proof.
  intros PP DD K N s yhat S A. pose proof m_pos as M.
  destruct (layer_symmetric _ _ _ _ _ _ A) as [SH SB].
  destruct (layer_v_B _ _ _ _ _ _ _ _ _ (divisor_smooth P D k eps shift PP DD K y S) A) as [V W].
  set (Q := tangent P k eps y) in *.
  assert (QE : forall u, Q u = (P u - yhat @ u / k * yhat)%V) by reflexivity.
  assert (QS : forall u w, u @ Q w = Q u @ w) by (intros; apply tangent_sym; assumption).
  assert (T : forall u w, Q u @ w = seen yhat u w) by (intros u w; rewrite QE; unfold seen; expand; field; nonzero).
  assert (SS : forall a b, seen yhat a b = seen yhat b a) by (intros a b; now rewrite <- !T, <- QS, dot_sym).
  set (A' := fun a => D (H (D a))).
  assert (SA : self_adjoint A') by (intros u w; unfold A'; now rewrite (sy_adj D DD), SH, (sy_adj D DD)).
  assert (TA : forall u w, Q u @ A' (Q w) = seen_through yhat A' u w).
  { intros u w. rewrite !QE. unfold seen_through, vminus, vopp. expand_op. orient. field. nonzero. }
  refine (conj SH (conj SB (conj _ (conj _ (conj _ _))))).
  - unfold yhat, d_yhat. fold s. vec_ext. field. nonzero.
  - pose proof (s_sq P k eps y S) as E. fold s in E. unfold yhat, d_yhat, vdiv. fold s. rewrite dot_scale_l, dot_scale_r.
    replace (P y @ P y) with (k * (s ^ 2 - eps)) by (rewrite E; field; nonzero). field. nonzero.
  - intros u. rewrite (dot_eqv _ _ u u V (eqv_refl u)). unfold pulled. fold s Q. now rewrite dot_scale_l, T.
  - intros u w. rewrite (dot_eqv u u _ _ (eqv_refl u) (W w)), dot_plus_r. unfold bent, pulled, pushed. fold s yhat Q.
    rewrite !dot_scale_r, !dot_plus_r, !dot_scale_r, !QS, !T, (dot_sym u yhat).
    pose proof (op_scale_r A' (Q u) (/ s) (Q w) SA) as X. unfold A' at 1 in X. fold Q. rewrite <- (T u (D (H (D (/ s * Q w)%V)))), X, TA, (SS (D g) w), (SS (D g) u). field. nonzero.
Qed.
End Facts.

Section Settings.
Context {batch : Batch}.

(** <u, Q w> and <Q u, A Q w> written out, with centring and without. *)
Definition seen_c (k : R) (yhat u w : vec) : R := u @ w - (one @ u) * (one @ w) / m - (yhat @ u) * (yhat @ w) / k.
Definition seen_through_c (k : R) (yhat : vec) (A : vec -> vec) (u w : vec) : R :=
  u @ A w - (one @ w) / m * (u @ A one) - (yhat @ w) / k * (u @ A yhat)
  - (one @ u) / m * (w @ A one - (one @ w) / m * (one @ A one) - (yhat @ w) / k * (one @ A yhat))
  - (yhat @ u) / k * (w @ A yhat - (one @ w) / m * (one @ A yhat) - (yhat @ w) / k * (yhat @ A yhat)).
Definition seen_p (k : R) (yhat u w : vec) : R := u @ w - (yhat @ u) * (yhat @ w) / k.
Definition seen_through_p (k : R) (yhat : vec) (A : vec -> vec) (u w : vec) : R :=
  u @ A w - (yhat @ w) / k * (u @ A yhat) - (yhat @ u) / k * (w @ A yhat - (yhat @ w) / k * (yhat @ A yhat)).

Lemma dot_centre u w : centre u @ w = u @ w - (one @ u) * (one @ w) / m.
Proof. unfold centre. expand. field. nonzero. Qed.
Lemma centre_eq y : y = ((one @ y / m) * one + centre y)%V.
Proof. unfold centre. vec_ext. ring. Qed.

(** The facts of BatchNorm and its unbiased form (k = m, m - 1; D = gamma) and of LayerNorm (D elementwise). *)
Lemma centred_is (k eps : R) (D : vec -> vec) (shift y g v : vec) (H B : vec -> vec) : symmetric D -> 0 < k ->
  let s := d_s centre k eps y in let yhat := d_yhat centre k eps y in
  0 < s -> layer (d_out centre D k eps shift) y g v H B ->
  self_adjoint H /\ self_adjoint B /\ y = ((one @ y / m) * one + s * yhat)%V /\
  one @ yhat = 0 /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = / s * seen_c k yhat (D g) u) /\
  (forall u w, u @ B w = / s ^ 2 * seen_through_c k yhat (fun a => D (H (D a))) u w
    - / (k * s ^ 2) * ((yhat @ u) * seen_c k yhat (D g) w + (yhat @ w) * seen_c k yhat (D g) u + (yhat @ D g) * seen_c k yhat u w)).
Proof.
  intros DD K s yhat S A. pose proof m_pos as M.
  destruct (layer_is centre k eps D shift y g v H B centre_projection DD K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W.
  assert (SE : forall u w, seen centre k yhat u w = seen_c k yhat u w) by (intros; unfold seen, seen_c; now rewrite dot_centre).
  refine (conj SH (conj SB (conj _ (conj _ (conj F (conj _ _)))))).
  - rewrite <- Y. apply centre_eq.
  - unfold yhat, d_yhat, vdiv. rewrite dot_scale_r, dot_one_centre. ring.
  - intros u. now rewrite V, SE.
  - intros u w. rewrite W, !SE. f_equal. f_equal.
    set (A' := fun a => D (H (D a))).
    assert (SA : self_adjoint A') by (intros a b; unfold A'; now rewrite (sy_adj D DD), SH, (sy_adj D DD)).
    unfold seen_through, seen_through_c. unfold centre, vminus, vopp, vdiv. expand_op. orient. field. nonzero.
Qed.
Lemma plain_is (k eps : R) (D : vec -> vec) (shift y g v : vec) (H B : vec -> vec) : symmetric D -> 0 < k ->
  let s := d_s (fun u => u) k eps y in let yhat := d_yhat (fun u => u) k eps y in
  0 < s -> layer (d_out (fun u => u) D k eps shift) y g v H B ->
  self_adjoint H /\ self_adjoint B /\ y = (s * yhat)%V /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = / s * seen_p k yhat (D g) u) /\
  (forall u w, u @ B w = / s ^ 2 * seen_through_p k yhat (fun a => D (H (D a))) u w
    - / (k * s ^ 2) * ((yhat @ u) * seen_p k yhat (D g) w + (yhat @ w) * seen_p k yhat (D g) u + (yhat @ D g) * seen_p k yhat u w)).
Proof.
  intros DD K s yhat S A. pose proof m_pos as M.
  destruct (layer_is (fun u => u) k eps D shift y g v H B identity_projection DD K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W.
  refine (conj SH (conj SB (conj Y (conj F (conj V _))))).
  intros u w. rewrite W. f_equal. f_equal. unfold seen_through, seen_through_p. field. nonzero.
Qed.

(** With a number gamma as the gain. *)
Lemma seen_c_scale k yhat a g u : seen_c k yhat (vscale a g) u = a * seen_c k yhat g u.
Proof. unfold seen_c. rewrite dot_scale_l, !dot_scale_r. unfold Rdiv. ring. Qed.
Lemma seen_p_scale k yhat a g u : seen_p k yhat (vscale a g) u = a * seen_p k yhat g u.
Proof. unfold seen_p. rewrite dot_scale_l, !dot_scale_r. unfold Rdiv. ring. Qed.
Lemma through_scale a H u w : self_adjoint H -> u @ vscale a (H (vscale a w)) = a ^ 2 * (u @ H w).
Proof. intros S. rewrite dot_scale_r, (op_scale_r H _ _ _ S). ring. Qed.
Lemma seen_through_c_scale k yhat a H u w : 0 < k -> self_adjoint H ->
  seen_through_c k yhat (fun b => vscale a (H (vscale a b))) u w = a ^ 2 * seen_through_c k yhat H u w.
Proof. intros K S. pose proof m_pos. unfold seen_through_c. rewrite !(through_scale a H _ _ S). field. nonzero. Qed.
Lemma seen_through_p_scale k yhat a H u w : 0 < k -> self_adjoint H ->
  seen_through_p k yhat (fun b => vscale a (H (vscale a b))) u w = a ^ 2 * seen_through_p k yhat H u w.
Proof. intros K S. unfold seen_through_p. rewrite !(through_scale a H _ _ S). field. nonzero. Qed.

Lemma centred_gamma_is (k eps gamma : R) (shift y g v : vec) (H B : vec -> vec) : 0 < k ->
  let s := d_s centre k eps y in let yhat := d_yhat centre k eps y in
  0 < s -> layer (d_out centre (vscale gamma) k eps shift) y g v H B ->
  self_adjoint H /\ self_adjoint B /\ y = ((one @ y / m) * one + s * yhat)%V /\
  one @ yhat = 0 /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_c k yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_c k yhat H u w
    - gamma / (k * s ^ 2) * ((yhat @ u) * seen_c k yhat g w + (yhat @ w) * seen_c k yhat g u + (yhat @ g) * seen_c k yhat u w)).
Proof.
  intros K s yhat S A. destruct (centred_is k eps _ shift y g v H B (scale_symmetric gamma) K S A) as (SH & SB & Y & O & F & V & W).
  fold s yhat in Y, O, F, V, W. refine (conj SH (conj SB (conj Y (conj O (conj F (conj _ _)))))).
  - intros u. rewrite V, seen_c_scale. field. nonzero.
  - intros u w. rewrite W, (seen_through_c_scale k yhat gamma H u w K SH), !seen_c_scale, dot_scale_r. field. nonzero.
Qed.
Lemma plain_gamma_is (k eps gamma : R) (shift y g v : vec) (H B : vec -> vec) : 0 < k ->
  let s := d_s (fun u => u) k eps y in let yhat := d_yhat (fun u => u) k eps y in
  0 < s -> layer (d_out (fun u => u) (vscale gamma) k eps shift) y g v H B ->
  self_adjoint H /\ self_adjoint B /\ y = (s * yhat)%V /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_p k yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_p k yhat H u w
    - gamma / (k * s ^ 2) * ((yhat @ u) * seen_p k yhat g w + (yhat @ w) * seen_p k yhat g u + (yhat @ g) * seen_p k yhat u w)).
Proof.
  intros K s yhat S A. destruct (plain_is k eps _ shift y g v H B (scale_symmetric gamma) K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W. refine (conj SH (conj SB (conj Y (conj F (conj _ _))))).
  - intros u. rewrite V, seen_p_scale. field. nonzero.
  - intros u w. rewrite W, (seen_through_p_scale k yhat gamma H u w K SH), !seen_p_scale, dot_scale_r. field. nonzero.
Qed.
End Settings.
