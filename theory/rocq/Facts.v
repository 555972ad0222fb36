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

(** Sums and multiples out of inner products and symmetric operators, by reflection: [form] is a combination of vectors, [terms] its
    coefficients, operators and vectors, [product] the inner product of two of these, with the operators on the left. *)
Section Forms.
Context {batch : Batch}.
Inductive form :=
  | Atom (u : vec) | Nought | Plus (a b : form) | Scale (k : R) (a : form) | Op (A : vec -> vec) (S : self_adjoint A) (a : form).
Fixpoint value (f : form) : vec :=
  match f with
  | Atom u => u | Nought => zero | Plus a b => value a + value b | Scale k a => k * value a | Op A _ a => A (value a)
  end%V.
Inductive term := Term (factors : list R) (ops : list (vec -> vec)) (u : vec).
Fixpoint joined {T} (a b : list T) : list T := match a with nil => b | cons x l => cons x (joined l b) end.
Fixpoint each {T U} (f : T -> U) (l : list T) : list U := match l with nil => nil | cons x l => cons (f x) (each f l) end.
Fixpoint terms (f : form) : list term :=
  match f with
  | Atom u => cons (Term nil nil u) nil
  | Nought => nil
  | Plus a b => joined (terms a) (terms b)
  | Scale k a => each (fun t => let '(Term c o u) := t in Term (cons k c) o u) (terms a)
  | Op A _ a => each (fun t => let '(Term c o u) := t in Term c (cons A o) u) (terms a)
  end.
Fixpoint times_all (c : list R) (x : R) : R := match c with nil => x | cons k c => k * times_all c x end.
Fixpoint applied (o : list (vec -> vec)) (u : vec) : vec := match o with nil => u | cons A o => A (applied o u) end.
Fixpoint moved (o : list (vec -> vec)) (u : vec) : vec := match o with nil => u | cons A o => moved o (A u) end.
Definition product (s t : term) : R :=
  let '(Term c o u) := s in let '(Term e p w) := t in times_all c (times_all e (moved p (applied o u) @ w)).
Fixpoint total (l : list R) : R := match l with nil => 0 | cons x nil => x | cons x l => x + total l end.
Fixpoint products (a b : list term) : list R :=
  match a with nil => nil | cons s a => joined (each (product s) b) (products a b) end.

Definition one_of (t : term) : vec := let '(Term c o u) := t in (times_all c 1 * applied o u)%V.
Fixpoint all_of (l : list term) : vec := match l with nil => zero | cons t l => (one_of t + all_of l)%V end.
Definition sound (l : list term) : Prop := forall o c u, List.In (Term c o u) l -> List.Forall self_adjoint o.

Lemma joined_all a b : all_of (joined a b) = (all_of a + all_of b)%V.
Proof. induction a as [|t a IH]; simpl; [vec_ext; ring|]. rewrite IH. vec_ext. ring. Qed.
Lemma in_joined {T} (x : T) a b : List.In x (joined a b) -> List.In x a \/ List.In x b.
Proof. induction a; simpl; [tauto|]. intros [|I]; [tauto|]. destruct (IHa I); tauto. Qed.
Lemma in_each {T U} (f : T -> U) y l : List.In y (each f l) -> exists x, y = f x /\ List.In x l.
Proof. induction l; simpl; [tauto|]. intros [<-|I]; [eauto|]. destruct (IHl I) as (x & E & J); eauto. Qed.
Lemma terms_sound f : sound (terms f).
Proof.
  induction f; simpl; intros o c w I.
  - destruct I as [E|[]]. injection E as _ <- _. constructor.
  - contradiction.
  - destruct (in_joined _ _ _ I); eauto.
  - destruct (in_each _ _ _ I) as ([c' o' w'] & E & J). injection E as -> -> ->. eauto.
  - destruct (in_each _ _ _ I) as ([c' o' w'] & E & J). injection E as -> -> ->. constructor; eauto.
Qed.
Lemma sa_zero A : self_adjoint A -> A zero == zero.
Proof. intros S. apply dot_all_eqv. intros e. now rewrite <- S, !dot_zero_l. Qed.
Lemma terms_value f : value f == all_of (terms f).
Proof.
  induction f; simpl.
  - intros i _. unfold one_of. simpl. unfold vplus, vscale, zero. ring.
  - apply eqv_refl.
  - rewrite joined_all. now apply eqv_plus.
  - eapply eqv_trans; [apply eqv_scale; exact IHf|]. clear IHf. induction (terms f) as [|[c o w] l IH]; simpl; intros i I.
    + unfold vscale, zero. ring.
    + unfold vplus at 2. rewrite <- (IH i I). unfold vscale, vplus. ring.
  - eapply eqv_trans; [apply (sa_ext A _ _ S IHf)|]. clear IHf. induction (terms f) as [|[c o w] l IH]; simpl; [now apply sa_zero|].
    eapply eqv_trans; [apply (sa_plus A _ _ S)|]. apply eqv_plus; [|exact IH]. apply (sa_scale A _ _ S).
Qed.
Lemma times_all_scale c x : times_all c x = times_all c 1 * x.
Proof. induction c; simpl; [ring|]. rewrite IHc. ring. Qed.
Lemma moved_dot o u w : List.Forall self_adjoint o -> u @ applied o w = moved o u @ w.
Proof. intros S. revert u. induction S as [|A o SA S IH]; intros u; simpl; [reflexivity|]. now rewrite SA, IH. Qed.
Lemma total_cons x l : total (cons x l) = x + total l.
Proof. destruct l; simpl; ring. Qed.
Lemma total_joined a b : total (joined a b) = total a + total b.
Proof. induction a as [|x a IH]; cbn [joined]; [simpl; ring|]. rewrite !total_cons, IH. ring. Qed.
Lemma total_products a b : sound b -> all_of a @ all_of b = total (products a b).
Proof.
  intros S. induction a as [|s a IH]; simpl; [apply dot_zero_l|]. rewrite dot_plus_l, total_joined, IH. f_equal. clear IH a.
  induction b as [|t b IH]; [apply dot_zero_r|]. cbn [all_of each]. rewrite dot_plus_r, total_cons, IH.
  - f_equal. destruct s as [c o u], t as [e p w]. simpl.
    rewrite dot_scale_l, dot_scale_r, (times_all_scale c (times_all e _)), (times_all_scale e (_ @ _)), (moved_dot p); [ring|]. eapply S. left. reflexivity.
  - intros ? ? ? I. eapply S. right. exact I.
Qed.
Theorem dot_terms a b : value a @ value b = total (products (terms a) (terms b)).
Proof.
  rewrite (dot_eqv _ _ _ _ (terms_value a) (terms_value b)). apply total_products, terms_sound.
Qed.
End Forms.

Ltac form_of n t :=
  match t with
  | vplus ?a ?b => let a := form_of n a in let b := form_of n b in constr:(@Plus n a b)
  | vminus ?a ?b => let a := form_of n a in let b := form_of n b in constr:(@Plus n a (@Scale n (-1) b))
  | vscale ?k ?a => let a := form_of n a in constr:(@Scale n k a)
  | vopp ?a => let a := form_of n a in constr:(@Scale n (-1) a)
  | vdiv ?a ?k => let a := form_of n a in constr:(@Scale n (/ k) a)
  | zero => constr:(@Nought n)
  | ?A ?a => match goal with S : @self_adjoint n A |- _ => let a := form_of n a in constr:(@Op n A S a) end
  | _ => constr:(@Atom n t)
  end.
Ltac is_combination t :=
  match t with vplus _ _ => idtac | vminus _ _ => idtac | vscale _ _ => idtac | vopp _ => idtac | vdiv _ _ => idtac | zero => idtac
  | ?A ?a => match goal with S : self_adjoint A |- _ => is_combination a end end.
Ltac expand_one n a b :=
  first
  [ match constr:((a, b)) with context [@dot n ?c ?d] => expand_one n c d end
  | first [is_combination a | is_combination b];
    let f := form_of n a in let g := form_of n b in
    let r := eval cbv [total products product each joined terms times_all applied moved] in (total (products (terms f) (terms g))) in
    rewrite (dot_terms f g : @dot n a b = r) ].
Ltac expand_op := repeat match goal with |- context [@dot ?n ?a ?b] => expand_one n a b end.
(** One name for each inner product of the goal, whichever of its vectors stands on the left: <A a, b> = <A b, a>. *)
Ltac turned n a b :=
  match a with
  | ?A ?u => match goal with S : @self_adjoint n A |- _ => let E := turned n u (A b) in constr:(eq_trans (eq_sym (S u b)) E) end
  | _ => constr:(@dot_sym n a b)
  end.
Ltac on_left :=
  repeat match goal with S : self_adjoint ?A |- context [?u @ ?A ?w] => rewrite (S u w) end.
Ltac name_products :=
  on_left;
  repeat match goal with |- context [@dot ?n ?a ?b] =>
    tryif constr_eq a b then idtac else (let E := turned n a b in try rewrite <- E);
    let q := fresh "q" in set (q := @dot n a b) in * end.
Ltac orient := name_products; repeat match goal with q := _ @ _ |- _ => subst q end.

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
    - / (k * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - / (k * s ^ 2) * (yhat @ D g) * seen yhat u w).
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
  assert (V' : forall u, v @ u = / s * seen yhat (D g) u).
  { intros u. rewrite (dot_eqv _ _ u u V (eqv_refl u)). unfold pulled. fold s Q. now rewrite dot_scale_l, T. }
  refine (conj SH (conj SB (conj _ (conj _ (conj _ _))))).
  - unfold yhat, d_yhat. fold s. vec_ext. field. nonzero.
  - pose proof (s_sq P k eps y S) as E. fold s in E. unfold yhat, d_yhat, vdiv. fold s. rewrite dot_scale_l, dot_scale_r.
    replace (P y @ P y) with (k * (s ^ 2 - eps)) by (rewrite E; field; nonzero). field. nonzero.
  - exact V'.
  - intros u w. rewrite (dot_eqv u u _ _ (eqv_refl u) (W w)), dot_plus_r. unfold bent, pulled, pushed. fold s yhat Q.
    rewrite !dot_scale_r, !dot_plus_r, !dot_scale_r, !QS, !T, (dot_sym u yhat).
    pose proof (op_scale_r A' (Q u) (/ s) (Q w) SA) as X. unfold A' at 1 in X. fold Q. rewrite <- (T u (D (H (D (/ s * Q w)%V)))), X, TA, !V', (SS (D g) w), (SS (D g) u). field. nonzero.
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
    - / (k * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - / (k * s ^ 2) * (yhat @ D g) * seen_c k yhat u w).
Proof.
  intros DD K s yhat S A. pose proof m_pos as M.
  destruct (layer_is centre k eps D shift y g v H B centre_projection DD K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W.
  assert (SE : forall u w, seen centre k yhat u w = seen_c k yhat u w) by (intros; unfold seen, seen_c; now rewrite dot_centre).
  refine (conj SH (conj SB (conj _ (conj _ (conj F (conj _ _)))))).
  - rewrite <- Y. apply centre_eq.
  - unfold yhat, d_yhat, vdiv. rewrite dot_scale_r, dot_one_centre. ring.
  - intros u. now rewrite V, SE.
  - intros u w. rewrite W, !SE. do 3 f_equal.
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
    - / (k * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - / (k * s ^ 2) * (yhat @ D g) * seen_p k yhat u w).
Proof.
  intros DD K s yhat S A. pose proof m_pos as M.
  destruct (layer_is (fun u => u) k eps D shift y g v H B identity_projection DD K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W.
  refine (conj SH (conj SB (conj Y (conj F (conj V _))))).
  intros u w. rewrite W. do 3 f_equal. unfold seen_through, seen_through_p. field. nonzero.
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
    - / (k * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / (k * s ^ 2) * (yhat @ g) * seen_c k yhat u w).
Proof.
  intros K s yhat S A. destruct (centred_is k eps _ shift y g v H B (scale_symmetric gamma) K S A) as (SH & SB & Y & O & F & V & W).
  fold s yhat in Y, O, F, V, W. refine (conj SH (conj SB (conj Y (conj O (conj F (conj _ _)))))).
  - intros u. rewrite V, seen_c_scale. field. nonzero.
  - intros u w. rewrite W, (seen_through_c_scale k yhat gamma H u w K SH), dot_scale_r. field. nonzero.
Qed.
Lemma plain_gamma_is (k eps gamma : R) (shift y g v : vec) (H B : vec -> vec) : 0 < k ->
  let s := d_s (fun u => u) k eps y in let yhat := d_yhat (fun u => u) k eps y in
  0 < s -> layer (d_out (fun u => u) (vscale gamma) k eps shift) y g v H B ->
  self_adjoint H /\ self_adjoint B /\ y = (s * yhat)%V /\ yhat @ yhat = k * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_p k yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_p k yhat H u w
    - / (k * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / (k * s ^ 2) * (yhat @ g) * seen_p k yhat u w).
Proof.
  intros K s yhat S A. destruct (plain_is k eps _ shift y g v H B (scale_symmetric gamma) K S A) as (SH & SB & Y & F & V & W).
  fold s yhat in Y, F, V, W. refine (conj SH (conj SB (conj Y (conj F (conj _ _))))).
  - intros u. rewrite V, seen_p_scale. field. nonzero.
  - intros u w. rewrite W, (seen_through_p_scale k yhat gamma H u w K SH), dot_scale_r. field. nonzero.
Qed.
End Settings.
