(** Normalisations that divide by any function with two derivatives, a norm above all (Section 3.3): z = gamma P y / n(y) + shift with a
    projection P (centring). Derived here from that and nothing else, with nu the gradient of n at y and N its Hessian:

        v = (gamma/n) (P g - (yhat @ g) nu),
        u @ B w = (gamma/n)^2 (P u - (nu @ u) yhat) @ H (P w - (nu @ w) yhat) - ((nu @ u) (v @ w) + (nu @ w) (v @ u))/n - (gamma/n) (yhat @ g) (u @ N w). *)
From BN Require Export Weights.

Section Quotient.
Context {batch : Batch}.

(** n has gradient nu and Hessian N at y; continuity is named, as derivatives here are along curves. *)
Definition smooth_at (n : vec -> R) (y nu : vec) (N : vec -> vec) : Prop := cont n y /\ second_order n y nu N.

Variables (P : vec -> vec) (gamma : R) (n : vec -> R) (shift : vec).
Hypothesis PP : projection P.
Let psym := sy_adj P (pr_sym P PP).
Definition q_yhat (y : vec) : vec := (P y / n y)%V.
Definition q_out (y : vec) : vec := (gamma * q_yhat y + shift)%V.

Lemma q_yhat_derive c c' t nu : dcurve c c' t -> has_grad n (c t) nu -> n (c t) <> 0 ->
  dcurve (fun s => q_yhat (c s)) (/ n (c t) * (P c' - (nu @ c') * q_yhat (c t)))%V t.
Proof.
  intros C D Z. eapply dcurve_eq.
  - unfold q_yhat, vdiv. apply (d_scale (fun s => / n (c s))); [|exact (sy_d P (pr_sym P PP) _ _ _ C)].
    apply (is_derive_inv (fun s => n (c s))); [exact (D c c' t eq_refl C)|exact Z].
  - unfold q_yhat. vec_ext. field. exact Z.
Qed.

Variables (y nu : vec) (N : vec -> vec).
Hypotheses (SM : smooth_at n y nu N) (Z : n y <> 0).

Lemma quotient_smooth : exists J T, smooth_map q_out y J T (fun g w => (- / n y * ((nu @ w) * T y g + (T y g @ w) * nu)
    - gamma / n y * (q_yhat y @ g) * N w)%V) /\
  (forall u, J y u = (gamma / n y * (P u - (nu @ u) * q_yhat y))%V) /\ (forall g, T y g = (gamma / n y * (P g - (q_yhat y @ g) * nu))%V).
Proof.
  destruct SM as (CN & G & GE & D).
  exists (fun x u => gamma / n x * (P u - (G x @ u) * q_yhat x))%V, (fun x g => gamma / n x * (P g - (q_yhat x @ g) * G x))%V.
  assert (NZ : near y (fun x => n x <> 0)).
  { apply (CN (fun a => a <> 0)). apply (open_neq 0). exact Z. }
  split; [|split; intros; now rewrite GE]. split.
  - intros i I. unfold q_out, q_yhat, vdiv, vplus, vscale. apply c_plus; [|apply c_const]. apply c_mult; [apply c_const|]. apply c_mult.
    + apply (c_comp Rinv n); [exact CN|]. now apply continuous_Rinv.
    + apply (sy_cont P (pr_sym P PP) (fun x => x)); [|exact I]. intros j J; now apply c_coord.
  - apply (filter_imp (fun x => has_grad n x (G x) /\ n x <> 0)); [|apply filter_and; [exact (td_grad _ _ _ _ D)|exact NZ]].
    intros x [A X] c c' t <- C. unfold q_out. eapply dcurve_eq; [apply d_plus; [apply d_scale_k; apply (q_yhat_derive _ _ _ _ C A X)|apply d_const]|].
    vec_ext. unfold Rdiv. ring.
  - apply near_all. intros x g u. expand. rewrite psym, (dot_sym g (q_yhat x)), (dot_sym (P g) u), (dot_sym u (P g)). ring.
  - intros c c' u u' t E C U. pose proof (near_self _ _ (td_grad _ _ _ _ D)) as A. cbv beta in A. rewrite <- E in A, Z |- *.
    pose proof (td_hess _ _ _ _ D c c' t E C) as GD. rewrite <- GE, <- E.
    pose proof (q_yhat_derive c c' t (G (c t)) C A Z) as YD. eapply dcurve_eq.
    + apply (d_scale (fun s => gamma / n (c s))).
      * unfold Rdiv. apply dscale. apply (is_derive_inv (fun s => n (c s))); [exact (A c c' t eq_refl C)|exact Z].
      * unfold vminus, vopp. apply d_plus; [exact (sy_d P (pr_sym P PP) _ _ _ U)|]. apply d_scale_k.
        apply (d_scale (fun s => q_yhat (c s) @ u s)); [exact (d_dot _ _ _ _ _ YD U)|exact GD].
    + unfold vminus, vopp. expand_op. orient. vec_ext. field. exact Z.
  - intros g u w. pose proof (td_sym _ _ _ _ D : self_adjoint N). unfold vminus, vopp. expand_op. orient. field. exact Z.
Qed.

Lemma quotient_is g v H B : layer q_out y g v H B ->
  self_adjoint H /\ self_adjoint B /\ self_adjoint N /\ P y = (n y * q_yhat y)%V /\
  (forall u, v @ u = gamma / n y * (P g @ u - (q_yhat y @ g) * (nu @ u))) /\
  (forall u w, u @ B w = gamma ^ 2 / n y ^ 2 * ((P u - (nu @ u) * q_yhat y)%V @ H (P w - (nu @ w) * q_yhat y)%V)
    - ((nu @ u) * (v @ w) + (nu @ w) * (v @ u)) / n y - gamma / n y * (q_yhat y @ g) * (u @ N w)).
Proof.
  intros A. destruct (layer_symmetric _ _ _ _ _ _ A) as [SH SB]. destruct quotient_smooth as (J & T & S & EJ & ET).
  destruct (layer_v_B _ _ _ _ _ _ _ _ _ S A) as [V W].
  refine (conj SH (conj SB (conj _ (conj _ (conj _ _))))).
  - destruct SM as (_ & G & _ & D). exact (td_sym _ _ _ _ D).
  - unfold q_yhat. vec_ext. field. exact Z.
  - intros u. rewrite (dot_eqv _ _ u u V (eqv_refl u)), ET. expand. field. exact Z.
  - intros u w. rewrite (dot_eqv u u _ _ (eqv_refl u) (W w)), dot_plus_r.
    pose proof (near_self _ _ (sm_adj _ _ _ _ _ S)) as AD. cbv beta in AD.
    rewrite (dot_sym u (T y _)), <- AD, (dot_sym (H _)), !EJ. set (a := (P u - (nu @ u) * q_yhat y)%V). set (b := (P w - (nu @ w) * q_yhat y)%V).
    rewrite dot_scale_l, (op_scale_r H a _ b SH). unfold vminus, vopp. rewrite !dot_plus_r, !dot_scale_r.
    rewrite !(dot_eqv v _ _ _ V (eqv_refl _)), !(dot_sym u), !dot_plus_l, ?dot_scale_l. rewrite ?(dot_sym nu u), ?(dot_sym (N w) u), ?(dot_sym (T y g) u). field. exact Z.
Qed.
End Quotient.

(** The largest entry, and signs, as the registry's definitions say them. *)
Fixpoint max_n (u : vec) (k : nat) : R := match k with O => u O | S j => Rmax (max_n u j) (u (S j)) end.
Definition vmax {batch : Batch} (u : vec) : R := max_n u final.
Definition vabs (u : vec) : vec := fun i => Rabs (u i).
Definition signs (u : vec) : vec := fun i => sign (u i).

Module L2Norm.
Section Definitions.
Context {batch : Batch} (eps gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition n := sqrt (y @ y / m + eps).
Definition yhat := ((y - mu * one) / n)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End L2Norm.

Module L1Norm.
Section Definitions.
Context {batch : Batch} (gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition sgn := signs y.
Definition n := sgn @ y / m.
Definition yhat := ((y - mu * one) / n)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End L1Norm.

Module LInfNorm.
Section Definitions.
Context {batch : Batch} (gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition n := vmax (vabs y).
Definition yhat := ((y - mu * one) / n)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End LInfNorm.

Module SmoothNorm.
Section Definitions.
Context {batch : Batch} (smooth : vec -> R) (gamma beta : R) (y : vec).
Definition mu := one @ y / m.
Definition n := smooth y.
Definition yhat := ((y - mu * one) / n)%V.
Definition z := (gamma * yhat + beta * one)%V.
End Definitions.
End SmoothNorm.

Module SharedSmoothNorm.
Section Definitions.
Context {batch : Batch} (smooth : vec -> R) (C : vec -> vec) (gamma : R) (y : vec).
Definition n := smooth y.
Definition yhat := (C y / n)%V.
Definition z := (gamma * yhat)%V.
End Definitions.
End SharedSmoothNorm.

Definition l2_norm {batch : Batch} (eps gamma beta : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < y @ y /\ layer (L2Norm.z eps gamma beta) y g v H B.
(** No entry is 0, where |y_i| has no derivative. *)
Definition l1_norm {batch : Batch} (gamma beta : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ (forall i, (i <= final)%nat -> y i <> 0) /\ layer (L1Norm.z gamma beta) y g v H B.
(** One entry is the largest; where two are, the norm has no derivative. *)
Definition largest {batch : Batch} (y : vec) (k : nat) : Prop :=
  (k <= final)%nat /\ forall i, (i <= final)%nat -> i <> k -> Rabs (y i) < Rabs (y k).
Definition linf_norm {batch : Batch} (gamma beta : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ (exists k, largest y k) /\ layer (LInfNorm.z gamma beta) y g v H B.
Definition smooth_norm {batch : Batch} (smooth : vec -> R) (gamma beta : R) (nu : vec) (N : vec -> vec) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ smooth_at smooth y nu N /\ smooth y <> 0 /\ layer (SmoothNorm.z smooth gamma beta) y g v H B.
Definition shared_smooth_norm {batch : Batch} (smooth : vec -> R) (C : vec -> vec) (gamma : R) (nu : vec) (N : vec -> vec) (y g v : vec)
    (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ projection C /\ smooth_at smooth y nu N /\ smooth y <> 0 /\ layer (SharedSmoothNorm.z smooth C gamma) y g v H B.

Ltac in_R := lazymatch goal with |- ?a = ?b => change (@eq R a b) end.
Section Instances.
Context {batch : Batch}.

Lemma has_grad_eqv L x g h : g == h -> has_grad L x g -> has_grad L x h.
Proof. intros E A c c' t X C. rewrite <- (dot_eqv _ _ _ _ E (eqv_refl c')). now apply A. Qed.
Lemma cont_near f h z : near z (fun x => h x = f x) -> cont h z -> cont f z.
Proof. intros E C. unfold cont. rewrite <- (near_self _ _ E). exact (filterlim_ext_loc h f E C). Qed.
(** A function that is linear near y, <nu, x>, has gradient nu and Hessian 0. *)
Lemma linear_smooth f y nu : (exists P : vec -> Prop, near y P /\ forall x, P x -> near x (fun w => nu @ w = f w)) -> smooth_at f y nu (fun _ => zero).
Proof.
  intros (P & NP & E). split.
  - apply (cont_near f (fun w => nu @ w)); [exact (E y (near_self _ _ NP))|].
    apply c_dot; intros i I; [apply c_const|now apply c_coord].
  - exists (fun _ => nu). split; [reflexivity|split].
    + apply (filter_imp P); [|exact NP]. intros x X c c' t A C.
      apply (is_derive_ext_loc (fun s => nu @ c s)); [exact (near_curve x _ c c' t (E x X) A C)|].
      eapply deq; [exact (d_dot _ _ _ _ _ (d_const nu t) C)|]. rewrite dot_zero_l. ring.
    + intros c c' t _ _. apply d_const.
    + intros u w. now rewrite dot_zero_l, dot_zero_r.
Qed.

Lemma smooth_rate f y nu N u : smooth_at f y nu N -> rate (fun x => f x) y u = nu @ u.
Proof. intros (_ & G & <- & D). exact (grad_rate f y (G y) u (near_self _ _ (td_grad _ _ _ _ D))). Qed.
Lemma l2_smooth eps y : 0 <= eps -> 0 < y @ y -> let n := L2Norm.n eps y in
  smooth_at (L2Norm.n eps) y (/ (m * n) * y)%V (fun u => / (m * n) * (u - (y @ u) / (m * n ^ 2) * y))%V.
Proof.
  intros E Q n. pose proof m_pos as M. assert (S : 0 < n) by exact (root_pos _ m eps M E Q). split.
  - exact (c_s (fun u => u) m eps identity_projection y S).
  - exists (fun x => / (m * L2Norm.n eps x) * x)%V. split; [reflexivity|split].
    + apply (filter_imp (fun x => 0 < L2Norm.n eps x)); [|exact (near_s (fun u => u) m eps identity_projection y S)].
      intros x X c c' t <- C. eapply deq; [exact (d_s_derive (fun u => u) m eps identity_projection M c c' t C X)|].
      change (d_s (fun u => u) m eps) with (L2Norm.n eps). unfold d_yhat. change (d_s (fun u => u) m eps) with (L2Norm.n eps).
      unfold vdiv. rewrite !dot_scale_l. field. nonzero.
    + intros c c' t <- C. fold n in S. eapply dcurve_eq.
      * apply (d_scale (fun s => / (m * L2Norm.n eps (c s)))); [|exact C].
        apply (is_derive_inv (fun s => m * L2Norm.n eps (c s))); [|fold n; nra].
        apply dscale. exact (d_s_derive (fun u => u) m eps identity_projection M c c' t C S).
      * fold n. unfold d_yhat. change (d_s (fun u => u) m eps (c t)) with n. unfold vdiv. rewrite dot_scale_l. vec_ext. field. nonzero.
    + intros u w. expand. rewrite (dot_sym u y). field. nonzero.
Qed.

Lemma near_sign y i : (i <= final)%nat -> y i <> 0 -> near y (fun x => sign (x i) = sign (y i)).
Proof.
  intros I Z. apply (c_coord y i I (fun a => sign a = sign (y i))). destruct (Rdichotomy _ _ Z) as [N|N].
  - apply (filter_imp (fun a => a < 0)); [intros a A; now rewrite !sign_eq_m1|now apply (open_lt 0)].
  - apply (filter_imp (fun a => 0 < a)); [intros a A; now rewrite !sign_eq_1|now apply (open_gt 0)].
Qed.
Lemma l1_smooth y : (forall i, (i <= final)%nat -> y i <> 0) -> smooth_at L1Norm.n y (/ m * signs y)%V (fun _ => zero).
Proof.
  intros Z. apply linear_smooth. exists (fun x => forall i, (i <= final)%nat -> sign (x i) = sign (y i)). split.
  - apply (filter_all (near y) final (fun i x => sign (x i) = sign (y i))). intros i I. apply near_sign; [exact I|exact (Z i I)].
  - intros x X. assert (ZX : forall i, (i <= final)%nat -> x i <> 0).
    { intros i I N. pose proof (X i I) as E. rewrite N, sign_0 in E. symmetry in E. destruct (Rdichotomy _ _ (Z i I)) as [K|K];
      [rewrite sign_eq_m1 in E by exact K|rewrite sign_eq_1 in E by exact K]; lra. }
    apply (filter_imp (fun w => forall i, (i <= final)%nat -> sign (w i) = sign (x i))).
    + intros w W. unfold L1Norm.n, L1Norm.sgn. rewrite dot_scale_l, (dot_eqv (signs y) (signs w) w w); [field; nonzero| |apply eqv_refl].
      intros i I. unfold signs. now rewrite (W i I), (X i I).
    + apply (filter_all (near x) final (fun i w => sign (w i) = sign (x i))). intros i I. apply near_sign; [exact I|exact (ZX i I)].
Qed.
Lemma signs_sq y : (forall i, (i <= final)%nat -> y i <> 0) -> signs y @ signs y = m.
Proof.
  intros Z. rewrite <- dot_one_one. apply sum_n_ext_loc. intros i I. unfold signs, one.
  enough (E : sign (y i) * sign (y i) = 1 * 1) by exact E.
  destruct (Rdichotomy _ _ (Z i I)) as [K|K]; [rewrite sign_eq_m1 by exact K|rewrite sign_eq_1 by exact K]; ring.
Qed.
Lemma abs_sign a : sign a * a = Rabs a.
Proof.
  destruct (Rtotal_order a 0) as [N|[->|N]]; [rewrite sign_eq_m1, Rabs_left by exact N|rewrite Rabs_R0|rewrite sign_eq_1, Rabs_pos_eq by lra]; ring.
Qed.
Lemma l1_pos y : (forall i, (i <= final)%nat -> y i <> 0) -> 0 < L1Norm.n y.
Proof.
  intros Z. apply Rdiv_lt_0_compat; [|exact m_pos]. unfold L1Norm.sgn, signs, dot, sum.
  assert (K : forall k, (k <= final)%nat -> 0 < sum_n (fun i => sign (y i) * y i) k).
  { induction k; intros I; [rewrite sum_O|rewrite sum_Sn; apply Rplus_lt_0_compat; [apply IHk; lia|]]; rewrite abs_sign;
    apply Rabs_pos_lt, Z, I. }
  now apply K.
Qed.

Definition unit_k (k : nat) : vec := fun i => if Nat.eqb i k then 1 else 0.
Lemma dot_unit k u : (k <= final)%nat -> unit_k k @ u = u k.
Proof.
  unfold dot, sum. intros I.
  assert (A : forall j, (j < k)%nat -> sum_n (fun i => unit_k k i * u i) j = 0).
  { induction j; intros J; [rewrite sum_O|rewrite sum_Sn, IHj by lia; unfold plus; simpl]; unfold unit_k;
    [destruct (Nat.eqb_spec 0 k)|destruct (Nat.eqb_spec (S j) k)]; try lia; in_R; ring. }
  assert (B : forall j, (k <= j)%nat -> sum_n (fun i => unit_k k i * u i) j = u k).
  { induction j; intros J.
    - rewrite sum_O. unfold unit_k. replace k with O by lia. simpl. in_R. ring.
    - rewrite sum_Sn. unfold plus; simpl. destruct (Nat.eq_dec k (S j)) as [->|D].
      + rewrite A by lia. unfold unit_k. rewrite Nat.eqb_refl. in_R. ring.
      + rewrite IHj by lia. unfold unit_k. destruct (Nat.eqb_spec (S j) k); [lia|in_R; ring]. }
  now apply B.
Qed.
Lemma max_n_is u k n : (k <= n)%nat -> (forall i, (i <= n)%nat -> u i <= u k) -> max_n u n = u k.
Proof.
  induction n; intros K A; simpl; [now replace k with O by lia|].
  destruct (Nat.eq_dec k (S n)) as [->|D].
  - apply Rmax_right. assert (Q : forall j, (j <= n)%nat -> max_n u j <= u (S n)).
    { induction j; intros J; simpl; [apply A; lia|apply Rmax_lub; [apply IHj; lia|apply A; lia]]. }
    now apply Q.
  - rewrite IHn by (intros; try apply A; lia). apply Rmax_left. apply A; lia.
Qed.
Lemma largest_is y k : largest y k -> LInfNorm.n y = sign (y k) * y k.
Proof.
  intros [K A]. rewrite abs_sign. unfold LInfNorm.n, vmax. rewrite (max_n_is (vabs y) k final K); [reflexivity|].
  intros i I. unfold vabs. destruct (Nat.eq_dec i k) as [->|D]; [lra|]. specialize (A i I D). lra.
Qed.
Lemma largest_not_zero y k : (1 <= final)%nat -> largest y k -> y k <> 0.
Proof.
  intros N [K A] Z. rewrite Z, Rabs_R0 in A. destruct (Nat.eq_dec k 0) as [->|D].
  - pose proof (A 1%nat ltac:(lia) ltac:(lia)). pose proof (Rabs_pos (y 1%nat)). lra.
  - pose proof (A 0%nat ltac:(lia) ltac:(lia)). pose proof (Rabs_pos (y 0%nat)). lra.
Qed.
Lemma near_largest y k : largest y k -> near y (fun x => largest x k).
Proof.
  intros [K A]. apply (filter_imp (fun x => forall i, (i <= final)%nat -> i <> k -> Rabs (x i) < Rabs (x k))); [intros x X; exact (conj K X)|].
  apply (filter_all (near y) final (fun i x => i <> k -> Rabs (x i) < Rabs (x k))). intros i I.
  destruct (Nat.eq_dec i k) as [->|D]; [apply near_all; intros x X; now destruct X|].
  assert (C : cont (fun x => Rabs (x k) + - Rabs (x i)) y).
  { apply c_plus; [|apply (c_comp Ropp (fun x => Rabs (x i))); [|apply (continuous_opp (fun a : R => a)), continuous_id]];
    apply (c_comp Rabs); try (now apply c_coord); apply continuous_Rabs. }
  specialize (A i I D). pose proof (C (fun a => 0 < a) ltac:(apply (open_gt 0); cbv beta; lra)) as Q.
  apply (filter_imp (fun x => 0 < Rabs (x k) + - Rabs (x i))); [|exact Q]. intros x X _. lra.
Qed.
Lemma linf_smooth y k : (1 <= final)%nat -> largest y k -> smooth_at LInfNorm.n y (sign (y k) * unit_k k)%V (fun _ => zero).
Proof.
  intros N A. pose proof (largest_not_zero y k N A) as Z. apply linear_smooth.
  exists (fun x => largest x k /\ sign (x k) = sign (y k)). split.
  - apply filter_and; [now apply near_largest|]. apply near_sign; [exact (proj1 A)|exact Z].
  - intros x [X E]. apply (filter_imp (fun w => largest w k /\ sign (w k) = sign (x k))).
    + intros w [W F]. rewrite (largest_is w k W), dot_scale_l, (dot_unit k w (proj1 A)), F, E. reflexivity.
    + apply filter_and; [now apply near_largest|]. apply near_sign; [exact (proj1 A)|exact (largest_not_zero x k N X)].
Qed.

(** What is known of v, B and y; [nu u] is the rate of n along u, [nn u w] its Hessian. *)
Definition seen_q (gamma n : R) (nu : vec -> R) (yhat g u : vec) : R := gamma / n * (g @ u - one @ g * (one @ u) / m - yhat @ g * nu u).
Definition through_q (nu : vec -> R) (yhat : vec) (H : vec -> vec) (u w : vec) : R :=
  u @ H w - one @ w / m * (u @ H one) - nu w * (u @ H yhat) - one @ u / m * (w @ H one) - nu u * (w @ H yhat)
  + one @ u / m * (one @ w / m) * (one @ H one) + (one @ u / m * nu w + nu u * (one @ w / m)) * (one @ H yhat) + nu u * nu w * (yhat @ H yhat).
Definition known_q (gamma n : R) (nu : vec -> R) (nn : vec -> vec -> R) (yhat g v : vec) (H B : vec -> vec) : Prop :=
  (forall u, v @ u = seen_q gamma n nu yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / n ^ 2 * through_q nu yhat H u w
    - (nu u * (v @ w) + nu w * (v @ u)) / n - gamma / n * (yhat @ g) * nn u w).
Lemma centred_quotient n gamma beta y nu N g v H B (nu' : vec -> R) (nn : vec -> vec -> R) : smooth_at n y nu N -> n y <> 0 ->
  layer (q_out centre gamma n (beta * one)%V) y g v H B -> (forall u, nu @ u = nu' u) -> (forall u w, u @ N w = nn u w) ->
  let mu := one @ y / m in let yhat := ((y - mu * one) / n y)%V in
  self_adjoint H /\ self_adjoint B /\ self_adjoint N /\ y = (mu * one + n y * yhat)%V /\ one @ yhat = 0 /\ known_q gamma (n y) nu' nn yhat g v H B.
Proof.
  intros S Z A E F mu yhat. destruct (quotient_is centre gamma n _ centre_projection y nu N S Z g v H B A) as (SH & SB & SN & Y & V & W).
  change (q_yhat centre n y) with yhat in V, W, Y. pose proof m_pos as M.
  assert (V' : forall u, v @ u = seen_q gamma (n y) nu' yhat g u).
  { intros u. rewrite V, dot_centre, E. unfold seen_q. reflexivity. }
  refine (conj SH (conj SB (conj SN (conj _ (conj _ (conj V' _)))))).
  - rewrite <- Y. apply centre_eq.
  - unfold yhat, vdiv. rewrite dot_scale_r. change (y - mu * one)%V with (centre y). rewrite dot_one_centre. ring.
  - intros u w. rewrite W, F, !E. f_equal. f_equal. unfold through_q, centre, vminus, vopp. f_equal. expand_op. orient. field. nonzero.
Qed.

Lemma l2_norm_facts eps gamma beta y g v H B : l2_norm eps gamma beta y g v H B ->
  let mu := L2Norm.mu y in let n := L2Norm.n eps y in let yhat := L2Norm.yhat eps y in
  2 <= m /\ 0 < n /\ self_adjoint H /\ self_adjoint B /\ y = (mu * one + n * yhat)%V /\ one @ yhat = 0 /\
  yhat @ yhat = m * (1 - (eps + mu ^ 2) / n ^ 2) /\
  known_q gamma n (fun u => (mu * (one @ u) + n * (yhat @ u)) / (m * n))
    (fun u w => (u @ w - (mu * (one @ u) + n * (yhat @ u)) * (mu * (one @ w) + n * (yhat @ w)) / (m * n ^ 2)) / (m * n)) yhat g v H B.
Proof.
  intros (N & E & C & A) mu n yhat. pose proof m_pos as M. assert (S : 0 < n) by exact (root_pos _ m eps M E C).
  assert (Y : y = (mu * one + n * yhat)%V) by (unfold yhat, L2Norm.yhat; fold mu n; vec_ext; field; lra).
  assert (YU : forall u, y @ u = mu * (one @ u) + n * (yhat @ u)) by (intros u; rewrite Y at 1; now rewrite dot_plus_l, !dot_scale_l).
  destruct (centred_quotient (L2Norm.n eps) gamma beta y _ _ g v H B
    (fun u => (mu * (one @ u) + n * (yhat @ u)) / (m * n))
    (fun u w => (u @ w - (mu * (one @ u) + n * (yhat @ u)) * (mu * (one @ w) + n * (yhat @ w)) / (m * n ^ 2)) / (m * n))
    (l2_smooth eps y E C) ltac:(fold n; lra) A) as (SH & SB & _ & _ & O & K).
  - intros u. fold n. rewrite dot_scale_l, YU. field. nonzero.
  - intros u w. fold n. expand. rewrite (dot_sym u y), !YU. field. nonzero.
  - refine (conj (m_ge_2 N) (conj S (conj SH (conj SB (conj Y (conj O (conj _ K))))))).
    assert (Q : y @ y = m * (n ^ 2 - eps)).
    { unfold n, L2Norm.n. rewrite pow2_sqrt; [field; nonzero|]. assert (0 < y @ y / m) by now apply Rdiv_lt_0_compat. lra. }
    rewrite Y, !dot_plus_l, !dot_plus_r, !dot_scale_l, !dot_scale_r, (dot_sym yhat one), dot_one_one in Q.
    change (one @ yhat = 0) in O. rewrite O in Q. apply Rmult_eq_reg_l with (n ^ 2); [|nra]. field_simplify; nra.
Qed.
Lemma l1_norm_facts gamma beta y g v H B : l1_norm gamma beta y g v H B ->
  let mu := L1Norm.mu y in let sgn := L1Norm.sgn y in let n := L1Norm.n y in let yhat := L1Norm.yhat y in
  2 <= m /\ 0 < n /\ self_adjoint H /\ self_adjoint B /\ y = (mu * one + n * yhat)%V /\ one @ yhat = 0 /\
  sgn @ sgn = m /\ sgn @ yhat = m - mu * (sgn @ one) / n /\
  known_q gamma n (fun u => sgn @ u / m) (fun _ _ => 0) yhat g v H B.
Proof.
  intros (N & Z & A) mu sgn n yhat. pose proof m_pos as M. pose proof (l1_pos y Z) as S. fold n in S.
  destruct (centred_quotient L1Norm.n gamma beta y _ _ g v H B (fun u => sgn @ u / m) (fun _ _ => 0) (l1_smooth y Z) ltac:(fold n; lra) A)
    as (SH & SB & _ & Y & O & K).
  - intros u. rewrite dot_scale_l. unfold sgn, L1Norm.sgn. field. lra.
  - intros u w. apply dot_zero_r.
  - refine (conj (m_ge_2 N) (conj S (conj SH (conj SB (conj Y (conj O (conj (signs_sq y Z) (conj _ K)))))))).
    assert (E : sgn @ y = m * n) by (unfold n, L1Norm.n, sgn; field; lra).
    rewrite Y, dot_plus_r, !dot_scale_r in E at 1. change ((y - (one @ y / m) * one) / L1Norm.n y)%V with yhat in E. fold n mu in E.
    apply Rmult_eq_reg_l with n; [|lra]. change (one @ y / m) with mu in E. field_simplify; lra.
Qed.
Lemma linf_norm_facts gamma beta y g v H B : linf_norm gamma beta y g v H B ->
  let mu := LInfNorm.mu y in let n := LInfNorm.n y in let yhat := LInfNorm.yhat y in
  exists top, smooth_at LInfNorm.n y top (fun _ => zero) /\
  2 <= m /\ 0 < n /\ self_adjoint H /\ self_adjoint B /\ y = (mu * one + n * yhat)%V /\ one @ yhat = 0 /\
  top @ top = 1 /\ top @ yhat = 1 - mu * (top @ one) / n /\
  known_q gamma n (fun u => top @ u) (fun _ _ => 0) yhat g v H B.
Proof.
  intros (N & (k & L) & A) mu n yhat. pose proof m_pos as M. set (top := (sign (y k) * unit_k k)%V).
  pose proof (largest_not_zero y k N L) as Z. pose proof (linf_smooth y k N L) as SM. fold top in SM.
  assert (S : 0 < n) by (unfold n; rewrite (largest_is y k L), abs_sign; now apply Rabs_pos_lt).
  exists top. split; [exact SM|].
  destruct (centred_quotient LInfNorm.n gamma beta y _ _ g v H B (fun u => top @ u) (fun _ _ => 0) SM ltac:(fold n; lra) A)
    as (SH & SB & _ & Y & O & K).
  - reflexivity.
  - intros u w. apply dot_zero_r.
  - refine (conj (m_ge_2 N) (conj S (conj SH (conj SB (conj Y (conj O (conj _ (conj _ K)))))))).
    + unfold top. rewrite dot_scale_l, dot_scale_r, (dot_unit k _ (proj1 L)). unfold unit_k. rewrite Nat.eqb_refl.
      destruct (Rdichotomy _ _ Z) as [Q|Q]; [rewrite sign_eq_m1 by exact Q|rewrite sign_eq_1 by exact Q]; ring.
    + assert (E : top @ y = n) by (unfold top, n; now rewrite (largest_is y k L), dot_scale_l, (dot_unit k _ (proj1 L))).
      rewrite Y, dot_plus_r, !dot_scale_r in E at 1. change ((y - (one @ y / m) * one) / LInfNorm.n y)%V with yhat in E. fold n mu in E.
      apply Rmult_eq_reg_l with n; [|lra]. change (one @ y / m) with mu in E. field_simplify; lra.
Qed.
Lemma smooth_norm_facts smooth gamma beta nu N y g v H B : smooth_norm smooth gamma beta nu N y g v H B ->
  let mu := SmoothNorm.mu y in let n := SmoothNorm.n smooth y in let yhat := SmoothNorm.yhat smooth y in
  2 <= m /\ n <> 0 /\ self_adjoint H /\ self_adjoint B /\ self_adjoint N /\ y = (mu * one + n * yhat)%V /\ one @ yhat = 0 /\
  known_q gamma n (fun u => nu @ u) (fun u w => u @ N w) yhat g v H B.
Proof.
  intros (K & S & Z & A) mu n yhat.
  destruct (centred_quotient smooth gamma beta y nu N g v H B (fun u => nu @ u) (fun u w => u @ N w) S Z A) as (SH & SB & SN & Y & O & Q);
    [reflexivity|reflexivity|]. exact (conj (m_ge_2 K) (conj Z (conj SH (conj SB (conj SN (conj Y (conj O Q))))))).
Qed.
Lemma shared_smooth_norm_facts smooth C gamma nu N y g v H B : shared_smooth_norm smooth C gamma nu N y g v H B ->
  let n := SharedSmoothNorm.n smooth y in let yhat := SharedSmoothNorm.yhat smooth C y in
  2 <= m /\ n <> 0 /\ self_adjoint H /\ self_adjoint B /\ self_adjoint N /\ self_adjoint C /\ (forall u, C (C u) = C u) /\ C yhat = yhat /\
  (forall u, v @ u = gamma / n * (C g @ u - yhat @ g * (nu @ u))) /\
  (forall u w, u @ B w = gamma ^ 2 / n ^ 2 *
      (C u @ H (C w) - nu @ w * (C u @ H yhat) - nu @ u * (C w @ H yhat) + nu @ u * (nu @ w) * (yhat @ H yhat))
    - (nu @ u * (v @ w) + nu @ w * (v @ u)) / n
    - gamma / n * (yhat @ g) * (u @ N w)).
Proof.
  intros (K & P & S & Z & A) n yhat.
  assert (A' : layer (q_out C gamma smooth zero) y g v H B).
  { replace (q_out C gamma smooth zero) with (SharedSmoothNorm.z smooth C gamma); [exact A|].
    apply functional_extensionality. intros x. unfold q_out. change (q_yhat C smooth x) with (SharedSmoothNorm.yhat smooth C x).
    unfold SharedSmoothNorm.z. vec_ext. ring. }
  destruct (quotient_is C gamma smooth zero P y nu N S Z g v H B A') as (SH & SB & SN & Y & V & W).
  change (q_yhat C smooth y) with yhat in V, W. change (smooth y) with n in V, W, Z.
  refine (conj (m_ge_2 K) (conj Z (conj SH (conj SB (conj SN (conj (sy_adj C (pr_sym C P)) (conj (pr_idem C P) (conj _ (conj V _))))))))).
  - unfold yhat, SharedSmoothNorm.yhat, vdiv. now rewrite (pr_scale C P), (pr_idem C P).
  - intros u w. rewrite W. f_equal. f_equal. f_equal. unfold vminus, vopp. expand_op. orient. ring.
Qed.
End Instances.

(** Products that are known of two vectors, such as <sgn, yhat>. *)
Ltac cross ::=
  repeat match goal with
  | E : ?a @ ?b = _ |- context [?b @ ?a] => tryif constr_eq a b then fail else rewrite (dot_sym b a)
  | E : ?a @ ?b = _ |- context [?a @ ?b] => rewrite E
  end.
Ltac open_norm :=
  cbv zeta; intros; unfold L2Norm.z, L1Norm.z, LInfNorm.z, SmoothNorm.z, SharedSmoothNorm.z in *;
  match goal with
  | St : l2_norm ?eps ?gamma ?beta ?y _ _ _ _ |- _ =>
      known (l2_norm_facts _ _ _ _ _ _ _ _ St); clear St; call (L2Norm.yhat eps y) yhat; call (L2Norm.n eps y) n; call (L2Norm.mu y) mu
  | St : l1_norm ?gamma ?beta ?y _ _ _ _ |- _ =>
      known (l1_norm_facts _ _ _ _ _ _ _ St); clear St; call (L1Norm.yhat y) yhat; call (L1Norm.n y) n; call (L1Norm.mu y) mu; call (L1Norm.sgn y) sgn
  | St : linf_norm ?gamma ?beta ?y _ _ _ _ |- _ =>
      let top := fresh "top" in let Sm := fresh "Sm" in let Q := fresh "Q" in
      destruct (linf_norm_facts _ _ _ _ _ _ _ St) as (top & Sm & Q); clear St;
      rewrite ?(fun u => smooth_rate _ _ _ _ u Sm) in *; clear Sm; known Q;
      call (LInfNorm.yhat y) yhat; call (LInfNorm.n y) n; call (LInfNorm.mu y) mu
  | St : smooth_norm ?smooth ?gamma ?beta _ _ ?y _ _ _ _ |- _ =>
      known (smooth_norm_facts _ _ _ _ _ _ _ _ _ _ St); clear St;
      call (SmoothNorm.yhat smooth y) yhat; call (SmoothNorm.n smooth y) n; call (SmoothNorm.mu y) mu
  | St : shared_smooth_norm ?smooth ?C ?gamma _ _ ?y _ _ _ _ |- _ =>
      known (shared_smooth_norm_facts _ _ _ _ _ _ _ _ _ _ St); clear St;
      call (SharedSmoothNorm.yhat smooth C y) yhat; call (SharedSmoothNorm.n smooth y) n
  end;
  unfold known_q in *; repeat match goal with K : _ /\ _ |- _ => let a := fresh "K" in let b := fresh "K" in destruct K as [a b] end;
  unfold seen_q, through_q in *; cbv beta in *;
  repeat match goal with Y : ?y = (_ + _)%V |- _ => is_var y; subst y end;
  assert (0 < m) by lra.
