(** What a claim says of rates d(expr, x, u), of the gains' gradients and of the loss itself, and the tactic [rates] that differentiates.
    As y moves, z and g = grad L (z) follow; as z moves, yhat = (z - beta one)/gamma and g follow; as yhat moves, z and g. *)
From BN Require Export Inputs.

(** BatchNorm with the gradient of the loss in gamma and in beta. *)
Definition batch_norm_gains {batch : Batch} (eps gamma beta : R) (y g v : vec) (H B : vec -> vec) (dgamma dbeta : R) : Prop :=
  let N := BatchNorm.z eps in
  (1 <= final)%nat /\ 0 <= eps /\ 0 < BatchNorm.c y @ BatchNorm.c y /\ exists L, second_order L (N gamma beta y) g H /\
  second_order (fun x => L (N gamma beta x)) y v B /\
  is_derive (fun t => L (N t beta y)) gamma dgamma /\ is_derive (fun t => L (N gamma t y)) beta dbeta.
(** BatchNorm with the loss L and its gradient G wherever z moves. *)
Definition batch_norm_along {batch : Batch} (eps gamma beta : R) (L : vec -> R) (G : vec -> vec) (y g v : vec) (H B : vec -> vec) : Prop :=
  let N := BatchNorm.z eps gamma beta in
  (1 <= final)%nat /\ 0 <= eps /\ 0 < BatchNorm.c y @ BatchNorm.c y /\ G (N y) = g /\ twice_diff L (N y) G H /\
  second_order (fun x => L (N x)) y v B.

Section Rates.
Context {batch : Batch}.

Lemma batch_norm_gains_facts eps gamma beta y g v H B dgamma dbeta : batch_norm_gains eps gamma beta y g v H B dgamma dbeta ->
  batch_norm eps gamma beta y g v H B /\ dgamma = g @ BatchNorm.yhat eps y /\ dbeta = one @ g.
Proof.
  intros (N & E & C & L & A & A' & G & D). split; [exact (conj N (conj E (conj C (ex_intro _ L (conj A A')))))|].
  destruct A as (F & <- & T). pose proof (near_self _ _ (td_grad _ _ _ _ T)) as X. cbv beta in X. split.
  - rewrite <- (is_derive_unique _ _ _ G). apply is_derive_unique.
    apply (X (fun t => BatchNorm.z eps t beta y) (BatchNorm.yhat eps y) gamma eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply (dmul (fun t => t) (fun _ => BatchNorm.yhat eps y i)); [exact (is_derive_id gamma)|apply d_k]|apply d_k]|].
    unfold Hierarchy.one; simpl. ring.
  - rewrite <- (is_derive_unique _ _ _ D), (dot_sym one). apply is_derive_unique.
    apply (X (fun t => BatchNorm.z eps gamma t y) one beta eq_refl). intros i. unfold BatchNorm.z, vplus, vscale.
    eapply deq; [apply dplus; [apply d_k|apply (dmul (fun t => t) (fun _ => one i)); [exact (is_derive_id beta)|apply d_k]]|].
    unfold one, Hierarchy.one; simpl. ring.
Qed.
Lemma batch_norm_along_facts eps gamma beta L G y g v H B : batch_norm_along eps gamma beta L G y g v H B ->
  batch_norm eps gamma beta y g v H B /\ G (BatchNorm.z eps gamma beta y) = g /\ twice_diff L (BatchNorm.z eps gamma beta y) G H /\
  second_order (fun x => L (BatchNorm.z eps gamma beta x)) y v B.
Proof.
  intros (N & E & C & D & T & A). refine (conj (conj N (conj E (conj C (ex_intro _ L (conj _ A))))) (conj D (conj T A))). now exists G.
Qed.

(** yhat is the same at y and at k y, k > 0. *)
Lemma batch_norm_scaled k y : 0 < k -> BatchNorm.yhat 0 (k * y)%V = BatchNorm.yhat 0 y.
Proof.
  intros K.
  assert (M : BatchNorm.mu (k * y)%V = k * BatchNorm.mu y) by (unfold BatchNorm.mu; rewrite dot_scale_r; unfold Rdiv; ring).
  assert (C : BatchNorm.c (k * y)%V = (k * BatchNorm.c y)%V) by (unfold BatchNorm.c; rewrite M; vec_ext; ring).
  assert (E : BatchNorm.s 0 (k * y)%V = k * BatchNorm.s 0 y).
  { unfold BatchNorm.s. rewrite C, dot_scale_l, dot_scale_r.
    replace (k * (k * (BatchNorm.c y @ BatchNorm.c y)) / m + 0) with (k * k * (BatchNorm.c y @ BatchNorm.c y / m + 0)) by (unfold Rdiv; ring).
    rewrite sqrt_mult_alt by nra. rewrite sqrt_square by lra. reflexivity. }
  unfold BatchNorm.yhat. rewrite C, E. vec_ext. set (s := BatchNorm.s 0 y). set (a := BatchNorm.c y x). rewrite Rinv_mult.
  transitivity (/ k * k * (/ s * a)); [ring|rewrite Rinv_l by lra; ring].
Qed.

(* ---- rules ---- *)
Lemma d_id t : is_derive (fun s : R => s) t 1.
Proof. exact (is_derive_id t). Qed.
Lemma d_plus_k c k c' t : dcurve c c' t -> dcurve (fun s => c s + k)%V c' t.
Proof. intros C. eapply dcurve_eq; [exact (d_plus c c' (fun _ => k) zero t C (d_const k t))|]. vec_ext. ring. Qed.
Lemma dopp (f : R -> R) (t a : R) : is_derive f t a -> is_derive (fun s => - f s) t (- a).
Proof. exact (is_derive_opp f t a). Qed.
Lemma dinv (f : R -> R) (t a : R) : is_derive f t a -> f t <> 0 -> is_derive (fun s => / f s) t (- a / f t ^ 2).
Proof. exact (is_derive_inv f t a). Qed.
Lemma dpow (f : R -> R) (k : nat) (t a : R) : is_derive f t a -> is_derive (fun s => f s ^ k) t (INR k * a * f t ^ pred k).
Proof. exact (is_derive_pow f k t a). Qed.
Lemma dsq (f : R -> R) (t a : R) : is_derive f t a -> is_derive (fun s => f s ^ 2) t (2 * a * f t).
Proof. intros F. eapply deq; [exact (dpow f 2 t a F)|]. simpl. ring. Qed.
Lemma dsqrt (f : R -> R) (t a : R) : is_derive f t a -> 0 < f t -> is_derive (fun s => sqrt (f s)) t (a / (2 * sqrt (f t))).
Proof. exact (is_derive_sqrt f t a). Qed.
Lemma dderive (F : R -> R -> R) (x G : R -> R) (t l : R) : (forall s, is_derive (F s) (x s) (G s)) -> is_derive G t l ->
  is_derive (fun s => Derive (F s) (x s)) t l.
Proof. intros A D. apply (is_derive_ext G); [intros s; symmetry; exact (is_derive_unique _ _ _ (A s))|exact D]. Qed.
Lemma batch_norm_s_d eps c c' t : dcurve c c' t -> 0 < BatchNorm.s eps (c t) ->
  is_derive (fun s => BatchNorm.s eps (c s)) t (BatchNorm.yhat eps (c t) @ c' / m).
Proof. exact (d_s_derive centre m eps centre_projection m_pos c c' t). Qed.
Lemma batch_norm_yhat_d eps c c' t : dcurve c c' t -> 0 < BatchNorm.s eps (c t) ->
  dcurve (fun s => BatchNorm.yhat eps (c s))
    (/ BatchNorm.s eps (c t) * (c' - (one @ c' / m) * one - (BatchNorm.yhat eps (c t) @ c') / m * BatchNorm.yhat eps (c t)))%V t.
Proof. exact (d_yhat_derive centre m eps centre_projection m_pos c c' t). Qed.
Lemma unbiased_yhat_d eps c c' t : (1 <= final)%nat -> dcurve c c' t -> 0 < Unbiased.s eps (c t) ->
  dcurve (fun s => Unbiased.yhat eps (c s))
    (/ Unbiased.s eps (c t) * (c' - (one @ c' / m) * one - (Unbiased.yhat eps (c t) @ c') / (m - 1) * Unbiased.yhat eps (c t)))%V t.
Proof. intros N. exact (d_yhat_derive centre (m - 1) eps centre_projection (m1_pos N) c c' t). Qed.
End Rates.

Ltac at_start :=
  cbv beta; rewrite ?line_0;
  first [assumption | lra | match goal with |- sqrt _ <> 0 => apply Rgt_not_eq, sqrt_lt_R0; assumption end | nonzero].
Ltac differentiate :=
  cbv beta;
  lazymatch goal with
  | |- dcurve (fun _ => ?k) _ _ => apply d_const
  | |- dcurve (fun t => line ?x ?u t) _ _ => apply d_line
  | |- dcurve (line ?x ?u) _ _ => apply d_line
  | |- dcurve (fun t => times ?d ?X (@?c t)) _ _ => eapply (d_times d X c); differentiate
  | |- dcurve (fun t => BatchNorm.yhat ?eps (@?c t)) _ _ => eapply (batch_norm_yhat_d eps c); [differentiate|at_start]
  | N : (1 <= final)%nat |- dcurve (fun t => Unbiased.yhat ?eps (@?c t)) _ _ => eapply (unbiased_yhat_d eps c _ _ N); [differentiate|at_start]
  | |- dcurve (fun t => vplus (@?a t) (@?b t)) _ _ =>
      lazymatch b with (fun _ => ?k) => eapply (d_plus_k a k) | _ => eapply (d_plus a _ b) end; differentiate
  | |- dcurve (fun t => vscale (@?k t) (@?b t)) _ _ => 
      lazymatch k with (fun _ => ?a) => eapply (d_scale_k a b) | _ => eapply (d_scale k _ b) end; differentiate
  | D : twice_diff _ _ ?G _ |- dcurve (fun t => ?G (@?c t)) _ _ =>
      eapply (td_hess _ _ _ _ D c); [cbv beta; rewrite ?line_0; reflexivity|differentiate]
  | |- is_derive (fun _ => ?k) _ _ => apply d_k
  | |- is_derive (fun t => t) _ _ => apply d_id
  | |- is_derive (fun t => Derive (@?F t) (@?x t)) _ _ => eapply (dderive F x); [intros ?; differentiate|differentiate]
  | |- is_derive (fun t => BatchNorm.s ?eps (@?c t)) _ _ => eapply (batch_norm_s_d eps c); [differentiate|at_start]
  | |- is_derive (fun t => dot (@?a t) (@?b t)) _ _ => eapply (d_dot a _ b); differentiate
  | |- is_derive (fun t => @?a t + @?b t) _ _ => eapply (dplus a b); differentiate
  | |- is_derive (fun t => - @?a t) _ _ => eapply (dopp a); differentiate
  | |- is_derive (fun t => @?a t * @?b t) _ _ => 
      lazymatch a with (fun _ => ?k) => eapply (dscale k b) | _ => eapply (dmul a b) end; differentiate
  | |- is_derive (fun t => / @?a t) _ _ => eapply (dinv a); [differentiate|at_start]
  | |- is_derive (fun t => @?a t ^ 2) _ _ => eapply (dsq a); differentiate
  | |- is_derive (fun t => @?a t ^ ?k) _ _ => eapply (dpow a k); differentiate
  | |- is_derive (fun t => sqrt (@?a t)) _ _ => eapply (dsqrt a); [differentiate|at_start]
  end.
Ltac differentiated := unfold mean, norm, vminus, vdiv, vopp, Rminus, Rdiv; differentiate.
Ltac rates :=
  repeat (first
  [ match goal with A : second_order ?F' ?y ?v ?B |- context [rate (fun x => rate ?F x ?w) ?y ?w] =>
      rewrite (second_rate F y v B w A : rate (fun x => rate F x w) y w = w @ B w) end
  | match goal with |- context [vrate ?f ?x ?u] => erewrite (vrate_is f x u) by differentiated end
  | match goal with |- context [rate ?f ?x ?u] => erewrite (rate_is f x u) by differentiated end
  | match goal with |- context [Derive ?f ?x] => erewrite (is_derive_unique f x) by differentiated end
  | match goal with K : context [Derive ?f ?x] |- _ => erewrite (is_derive_unique f x) in K by differentiated end ]; cbv beta);
  rewrite ?line_0.

Ltac started :=
  try lazymatch goal with
  | St : batch_norm ?eps _ _ ?y _ _ _ _ |- _ =>
      let N := fresh "N" in let E := fresh "E" in let C := fresh "C" in
      pose proof (let '(conj N (conj E (conj C _))) := St in conj N (conj C (root_pos _ m eps m_pos E C : 0 < BatchNorm.s eps y))) as (N & C & E);
      unfold BatchNorm.z, BatchNorm.c, BatchNorm.mu in *
  | St : unbiased ?eps _ _ ?y _ _ _ _ |- _ =>
      let N := fresh "N" in let E := fresh "E" in let C := fresh "C" in
      pose proof (let '(conj N (conj E (conj C _))) := St in conj N (root_pos _ (m - 1) eps (m1_pos N) E C : 0 < Unbiased.s eps y)) as (N & E);
      unfold Unbiased.z in *
  end;
  pose proof m_pos;
  lazymatch goal with St : linf_norm _ _ _ _ _ _ _ |- _ => idtac | _ => rates end;
  try match goal with T : twice_diff _ _ ?G _, E : ?G _ = _ |- _ => rewrite ?E; clear E T end;
  try match goal with A : second_order _ ?y ?v ?B |- _ => clear A end.

(** Opens any claim: rates and maxima give way to what they are, then the layer as [open_layer] does. *)
Ltac open_claim :=
  cbv zeta; intros; unfold put in *; cbv beta in *; rewrite ?maximum_transposed in *; repeat rewrite batch_norm_scaled by assumption;
  lazymatch goal with
  | St : batch_norm_gains _ _ _ _ _ _ _ _ _ _ |- _ =>
      let E := fresh "E" in let E' := fresh "E'" in let Base := fresh "Base" in
      destruct (batch_norm_gains_facts _ _ _ _ _ _ _ _ _ _ St) as (Base & E & E'); clear St; rewrite ?E, ?E' in *; clear E E'
  | St : batch_norm_along _ _ _ _ _ _ _ _ _ _ |- _ =>
      let E := fresh "E" in let Base := fresh "Base" in let T := fresh "T" in let A := fresh "A" in
      destruct (batch_norm_along_facts _ _ _ _ _ _ _ _ _ _ St) as (Base & E & T & A); clear St
  | _ => idtac
  end;
  lazymatch goal with
  | |- context [vrate] => started
  | |- context [rate] => started
  | |- context [Derive] => rates
  | _ => idtac
  end;
  lazymatch goal with
  | St : batch_norm_weights _ _ _ _ _ _ _ _ _ _ _ _ |- _ => open_weights; open_layer
  | St : plain_weights _ _ _ _ _ _ _ _ _ |- _ => open_weights
  | St : l2_norm _ _ _ _ _ _ _ _ |- _ => open_norm
  | St : l1_norm _ _ _ _ _ _ _ |- _ => open_norm
  | St : linf_norm _ _ _ _ _ _ _ |- _ => open_norm
  | St : smooth_norm _ _ _ _ _ _ _ _ _ _ |- _ => open_norm
  | St : shared_smooth_norm _ _ _ _ _ _ _ _ _ _ |- _ => open_norm
  | _ => open_layer
  end.
