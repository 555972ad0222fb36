(** One shape for every smooth normalisation by a root of a sum of squares: with a projection P (centring, or nothing), a number k > 0
    (m, m - 1, 1), eps >= 0 and a symmetric gain D,

        c = P y,   s = sqrt(c @ c / k + eps),   yhat = c / s,   z = D yhat + shift.

    Derived here, from that and nothing else, with Q u = P u - (yhat @ u)/k yhat:

        v = (1/s) Q (D g),    B u = (1/s^2) Q D H D Q u - 1/(k s^2) ((yhat @ u) Q D g + (Q D g @ u) yhat + (yhat @ D g) Q u). *)
From BN Require Export Calculus.

Section Divisor.
Context {batch : Batch}.

(** A linear map of the batch onto itself that is its own transpose. *)
Record symmetric (A : vec -> vec) : Prop := {
  sy_adj  : self_adjoint A;
  sy_d    : forall c c' t, dcurve c c' t -> dcurve (fun s => A (c s)) (A c') t;
  sy_cont : forall f z, vcont f z -> vcont (fun x => A (f x)) z }.
Record projection (P : vec -> vec) : Prop := {
  pr_sym   : symmetric P;
  pr_plus  : forall u w, P (u + w)%V = (P u + P w)%V;
  pr_scale : forall a u, P (a * u)%V = (a * P u)%V;
  pr_idem  : forall u, P (P u) = P u }.

Lemma identity_projection : projection (fun u => u).
Proof. split; [split|..]; intros; [intros u w; reflexivity|assumption|assumption|reflexivity|reflexivity|reflexivity]. Qed.
Lemma scale_symmetric a : symmetric (vscale a).
Proof.
  split.
  - intros u w. now rewrite dot_scale_l, dot_scale_r.
  - intros c c' t C. now apply d_scale_k.
  - intros f z F i I. unfold vscale. apply c_mult; [apply c_const|now apply F].
Qed.

Definition centre (u : vec) : vec := (u - one @ u / m * one)%V.
Lemma centre_projection : projection centre.
Proof.
  pose proof m_pos. split; [split|..]; unfold centre.
  - intros u w. expand. rewrite (dot_sym u one). field. nonzero.
  - intros c c' t C. unfold vminus, vopp. apply d_plus; [exact C|]. apply d_scale_k.
    eapply dcurve_eq; [apply (d_scale (fun s => one @ c s / m)); [|apply (d_const one)]|].
    + unfold Rdiv. apply (dmul (fun s => one @ c s) (fun _ => / m)); [apply (d_dot _ _ _ _ _ (d_const one t) C)|apply d_k].
    + rewrite dot_zero_l. vec_ext. field. nonzero.
  - intros f z F i I. unfold vminus, vopp, vplus, vscale, Rdiv. apply c_plus; [now apply F|].
    apply c_mult; [apply c_const|]. apply c_mult; [|apply c_const]. apply c_mult; [|apply c_const].
    apply c_dot; [intros j J; apply c_const|exact F].
  - intros u w. rewrite dot_plus_r. vec_ext. field. nonzero.
  - intros a u. rewrite dot_scale_r. vec_ext. field. nonzero.
  - intros u. expand. rewrite dot_one_one. vec_ext. field. nonzero.
Qed.

Lemma dot_one_centre u : one @ centre u = 0.
Proof. unfold centre. expand. rewrite dot_one_one. field. nonzero. Qed.

Variables (P D : vec -> vec) (k eps : R) (shift : vec).
Hypotheses (PP : projection P) (DD : symmetric D) (K : 0 < k).

Definition d_s (y : vec) : R := sqrt (P y @ P y / k + eps).
Definition d_yhat (y : vec) : vec := (P y / d_s y)%V.
Definition d_out (y : vec) : vec := (D (d_yhat y) + shift)%V.

Definition tangent (y u : vec) : vec := (P u - (d_yhat y @ u) / k * d_yhat y)%V.
Definition pushed (y u : vec) : vec := D (/ d_s y * tangent y u)%V.
Definition pulled (y g : vec) : vec := (/ d_s y * tangent y (D g))%V.
Definition bent (y g u : vec) : vec :=
  (- (/ (k * d_s y ^ 2)) * ((d_yhat y @ u) * tangent y (D g) + (tangent y (D g) @ u) * d_yhat y + (d_yhat y @ D g) * tangent y u))%V.

Let psym := sy_adj P (pr_sym P PP).
Let dsym := sy_adj D DD.

Lemma P_yhat y : P (d_yhat y) = d_yhat y.
Proof. unfold d_yhat, vdiv. now rewrite (pr_scale P PP), (pr_idem P PP). Qed.
Lemma yhat_P y u : d_yhat y @ P u = d_yhat y @ u.
Proof. now rewrite psym, P_yhat. Qed.
Lemma tangent_sym y u w : u @ tangent y w = tangent y u @ w.
Proof. unfold tangent. expand. rewrite psym, (dot_sym u (d_yhat y)). field. lra. Qed.
Lemma s_sq y : 0 < d_s y -> d_s y ^ 2 = P y @ P y / k + eps.
Proof.
  intros S. assert (0 < P y @ P y / k + eps).
  { destruct (Rlt_le_dec 0 (P y @ P y / k + eps)) as [|L]; [assumption|].
    unfold d_s in S. rewrite (sqrt_neg_0 _ L) in S. lra. }
  unfold d_s. apply pow2_sqrt. lra.
Qed.
Lemma radicand_pos y : 0 < d_s y -> 0 < P y @ P y / k + eps.
Proof. intros S. rewrite <- (s_sq y S). now apply pow_lt. Qed.

Lemma d_s_derive c c' t : dcurve c c' t -> 0 < d_s (c t) -> is_derive (fun s => d_s (c s)) t (d_yhat (c t) @ c' / k).
Proof.
  intros C S. pose proof (sy_d P (pr_sym P PP) _ _ _ C) as PC. pose proof (d_dot _ _ _ _ _ PC PC) as DD'.
  eapply deq.
  - apply (is_derive_sqrt (fun s => P (c s) @ P (c s) / k + eps)); [|now apply radicand_pos].
    apply dplus; [|apply d_k]. unfold Rdiv. apply (dmul (fun s => P (c s) @ P (c s)) (fun _ => / k)); [exact DD'|apply d_k].
  - fold (d_s (c t)). rewrite (dot_sym (P c')), psym, (pr_idem P PP). unfold d_yhat, vdiv. rewrite dot_scale_l. field. nonzero.
Qed.
Lemma d_yhat_derive c c' t : dcurve c c' t -> 0 < d_s (c t) ->
  dcurve (fun s => d_yhat (c s)) (/ d_s (c t) * tangent (c t) c')%V t.
Proof.
  intros C S. eapply dcurve_eq.
  - unfold d_yhat, vdiv. apply (d_scale (fun s => / d_s (c s))).
    + apply (is_derive_inv (fun s => d_s (c s))); [now apply d_s_derive|lra].
    + exact (sy_d P (pr_sym P PP) _ _ _ C).
  - unfold tangent, d_yhat at 3. vec_ext. field. nonzero.
Qed.
Lemma d_tangent c c' u u' t : dcurve c c' t -> dcurve u u' t -> 0 < d_s (c t) ->
  dcurve (fun s => tangent (c s) (u s))
    (tangent (c t) u' - / (k * d_s (c t)) * ((tangent (c t) (u t) @ c') * d_yhat (c t) + (d_yhat (c t) @ u t) * tangent (c t) c'))%V t.
Proof.
  intros C U S. pose proof (d_yhat_derive c c' t C S) as Y. eapply dcurve_eq.
  - unfold tangent, vminus, vopp. apply d_plus; [exact (sy_d P (pr_sym P PP) _ _ _ U)|]. apply d_scale_k.
    apply (d_scale (fun s => d_yhat (c s) @ u s / k)); [|exact Y]. unfold Rdiv.
    apply (dmul (fun s => d_yhat (c s) @ u s) (fun _ => / k)); [exact (d_dot _ _ _ _ _ Y U)|apply d_k].
  - rewrite dot_scale_l, <- (tangent_sym (c t) c' (u t)), (dot_sym c' (tangent (c t) (u t))).
    set (T := tangent (c t) c'). unfold tangent at 2. fold T. vec_ext. field. nonzero.
Qed.

Lemma c_s z : 0 < d_s z -> cont d_s z.
Proof.
  intros S. unfold d_s. apply (c_comp sqrt (fun y => P y @ P y / k + eps)); [|apply continuous_sqrt].
  apply c_plus; [|apply c_const]. unfold Rdiv. apply c_mult; [|apply c_const].
  apply c_dot; apply (sy_cont P (pr_sym P PP) (fun x => x)); intros i I; now apply c_coord.
Qed.
Lemma c_yhat z : 0 < d_s z -> vcont d_yhat z.
Proof.
  intros S i I. unfold d_yhat, vdiv, vscale. apply c_mult.
  - apply (c_comp Rinv d_s); [now apply c_s|]. apply continuous_Rinv. lra.
  - apply (sy_cont P (pr_sym P PP) (fun x => x)); [|exact I]. intros j J; now apply c_coord.
Qed.
Lemma near_s z : 0 < d_s z -> near z (fun x => 0 < d_s x).
Proof. intros S. apply (c_s z S (fun v => 0 < v)). now apply (open_gt 0). Qed.

Theorem divisor_smooth y : 0 < d_s y -> smooth_map d_out y pushed pulled (bent y).
Proof.
  intros S. split.
  - intros i I. unfold d_out, vplus. apply c_plus; [|apply c_const].
    apply (sy_cont D DD d_yhat); [now apply c_yhat|exact I].
  - apply (filter_imp (fun x => 0 < d_s x)); [|now apply near_s]. intros x X c c' t <- C.
    unfold d_out, pushed. eapply dcurve_eq; [apply d_plus; [apply (sy_d D DD); now apply d_yhat_derive|apply d_const]|].
    vec_ext. ring.
  - apply near_all. intros x g u. unfold pushed, pulled. rewrite dsym, dot_scale_l, dot_scale_r, tangent_sym. reflexivity.
  - intros c c' u u' t <- C U. unfold pulled. eapply dcurve_eq.
    + apply (d_scale (fun s => / d_s (c s))).
      * apply (is_derive_inv (fun s => d_s (c s))); [now apply d_s_derive|lra].
      * apply d_tangent; [exact C|now apply (sy_d D DD)|exact S].
    + unfold bent. vec_ext. field. nonzero.
  - intros g u w. unfold bent. expand. rewrite !(dot_sym u), <- !tangent_sym, !(dot_sym w), <- !tangent_sym.
    rewrite ?(tangent_sym y), ?(dot_sym (D g)). ring.
Qed.
End Divisor.
