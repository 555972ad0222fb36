(** What a claim supposes of a layer, and the tactics that open it. In each setting some loss L has gradient g and Hessian H at z, and v
    and B are gradient and Hessian of the composed loss at y; the batch has at least two rows and is not constant (or not zero).

    [settle] closes an equation between numbers or between vectors. *)
From BN Require Export Facts.

Definition batch_norm {batch : Batch} (eps gamma beta : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < BatchNorm.c y @ BatchNorm.c y /\ layer (BatchNorm.z eps gamma beta) y g v H B.
Definition unbiased {batch : Batch} (eps gamma beta : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < Unbiased.c y @ Unbiased.c y /\ layer (Unbiased.z eps gamma beta) y g v H B.
Definition layer_norm {batch : Batch} (eps : R) (D : vec -> vec) (bias y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < LayerNorm.c y @ LayerNorm.c y /\ symmetric D /\ layer (LayerNorm.z eps D bias) y g v H B.
Definition rms_norm {batch : Batch} (eps gamma : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < y @ y /\ layer (RMSNorm.z eps gamma) y g v H B.
Definition rms_norm_elementwise {batch : Batch} (eps : R) (D : vec -> vec) (bias y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 <= eps /\ 0 < y @ y /\ symmetric D /\ layer (RMSNormElementwise.z eps D bias) y g v H B.
Definition scale_norm {batch : Batch} (gamma : R) (y g v : vec) (H B : vec -> vec) : Prop :=
  (1 <= final)%nat /\ 0 < y @ y /\ layer (ScaleNorm.z gamma) y g v H B.

Section Open.
Context {batch : Batch}.

Lemma root_pos a k eps : 0 < k -> 0 <= eps -> 0 < a -> 0 < sqrt (a / k + eps).
Proof. intros K E A. apply sqrt_lt_R0. assert (0 < a / k) by now apply Rdiv_lt_0_compat. lra. Qed.
Lemma sigma_sq a k eps : 0 < k -> 0 <= eps -> 0 < a ->
  0 < sqrt (sqrt (a / k + eps) ^ 2 - eps) /\ sqrt (sqrt (a / k + eps) ^ 2 - eps) ^ 2 = sqrt (a / k + eps) ^ 2 - eps.
Proof.
  intros K E A. assert (0 < a / k) by now apply Rdiv_lt_0_compat. rewrite (pow2_sqrt (a / k + eps)) by lra.
  split; [apply sqrt_lt_R0; lra|apply pow2_sqrt; lra].
Qed.
Lemma m1_pos : (1 <= final)%nat -> 0 < m - 1.
Proof. intros N. pose proof (m_ge_2 N). lra. Qed.

Lemma batch_norm_facts eps gamma beta y g v H B : batch_norm eps gamma beta y g v H B ->
  let mu := BatchNorm.mu y in let s := BatchNorm.s eps y in let yhat := BatchNorm.yhat eps y in
  2 <= m /\ 0 < s /\ (0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps) /\
  self_adjoint H /\ self_adjoint B /\ BatchNorm.c y = (s * yhat)%V /\ y = (mu * one + s * yhat)%V /\
  one @ yhat = 0 /\ yhat @ yhat = m * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_c m yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_c m yhat H u w
    - / (m * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / (m * s ^ 2) * (yhat @ g) * seen_c m yhat u w).
Proof.
  intros (N & E & C & A) mu s yhat. pose proof (root_pos _ m eps m_pos E C) as S.
  destruct (centred_gamma_is m eps gamma (beta * one)%V y g v H B m_pos S A) as (SH & SB & Y & O & F & V & W).
  refine (conj (m_ge_2 N) (conj S (conj (sigma_sq _ m eps m_pos E C) (conj SH (conj SB (conj _ (conj Y (conj O (conj F (conj V W)))))))))).
  unfold yhat, BatchNorm.yhat. fold s. unfold s, BatchNorm.s. vec_ext. field. nonzero.
Qed.

Lemma unbiased_facts eps gamma beta y g v H B : unbiased eps gamma beta y g v H B ->
  let mu := Unbiased.mu y in let s := Unbiased.s eps y in let yhat := Unbiased.yhat eps y in
  2 <= m /\ 0 < s /\ (0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps) /\
  self_adjoint H /\ self_adjoint B /\ Unbiased.c y = (s * yhat)%V /\ y = (mu * one + s * yhat)%V /\
  one @ yhat = 0 /\ yhat @ yhat = (m - 1) * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_c (m - 1) yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_c (m - 1) yhat H u w
    - / ((m - 1) * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / ((m - 1) * s ^ 2) * (yhat @ g) * seen_c (m - 1) yhat u w).
Proof.
  intros (N & E & C & A) mu s yhat. pose proof (m1_pos N) as K. pose proof (root_pos _ (m - 1) eps K E C) as S.
  destruct (centred_gamma_is (m - 1) eps gamma (beta * one)%V y g v H B K S A) as (SH & SB & Y & O & F & V & W).
  refine (conj (m_ge_2 N) (conj S (conj (sigma_sq _ (m - 1) eps K E C) (conj SH (conj SB (conj _ (conj Y (conj O (conj F (conj V W)))))))))).
  unfold yhat, Unbiased.yhat. fold s. unfold s, Unbiased.s. vec_ext. field. nonzero.
Qed.

Lemma layer_norm_facts eps D bias y g v H B : layer_norm eps D bias y g v H B ->
  let mu := LayerNorm.mu y in let s := LayerNorm.s eps y in let yhat := LayerNorm.yhat eps y in
  2 <= m /\ 0 < s /\ (0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps) /\
  self_adjoint H /\ self_adjoint B /\ LayerNorm.c y = (s * yhat)%V /\ y = (mu * one + s * yhat)%V /\
  one @ yhat = 0 /\ yhat @ yhat = m * (1 - eps / s ^ 2) /\ self_adjoint D /\
  (forall u, v @ u = / s * seen_c m yhat (D g) u) /\
  (forall u w, u @ B w = / s ^ 2 * seen_through_c m yhat (fun a => D (H (D a))) u w
    - / (m * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - / (m * s ^ 2) * (yhat @ D g) * seen_c m yhat u w).
Proof.
  intros (N & E & C & DD & A) mu s yhat. pose proof (root_pos _ m eps m_pos E C) as S.
  destruct (centred_is m eps D bias y g v H B DD m_pos S A) as (SH & SB & Y & O & F & V & W).
  refine (conj (m_ge_2 N) (conj S (conj (sigma_sq _ m eps m_pos E C) (conj SH (conj SB (conj _ (conj Y (conj O (conj F (conj (sy_adj D DD)
    (conj V W))))))))))).
  unfold yhat, LayerNorm.yhat. fold s. unfold s, LayerNorm.s. vec_ext. field. nonzero.
Qed.

Lemma rms_norm_facts eps gamma y g v H B : rms_norm eps gamma y g v H B ->
  let s := RMSNorm.s eps y in let yhat := RMSNorm.yhat eps y in
  2 <= m /\ 0 < s /\ (0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps) /\
  self_adjoint H /\ self_adjoint B /\ y = (s * yhat)%V /\ yhat @ yhat = m * (1 - eps / s ^ 2) /\
  (forall u, v @ u = gamma / s * seen_p m yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / s ^ 2 * seen_through_p m yhat H u w
    - / (m * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / (m * s ^ 2) * (yhat @ g) * seen_p m yhat u w).
Proof.
  intros (N & E & C & A) s yhat. pose proof (root_pos _ m eps m_pos E C) as S.
  assert (A' : layer (d_out (fun u => u) (vscale gamma) m eps zero) y g v H B).
  { replace (d_out (fun u => u) (vscale gamma) m eps zero) with (RMSNorm.z eps gamma); [exact A|].
    apply functional_extensionality. intros x. unfold d_out. change (d_yhat (fun u => u) m eps x) with (RMSNorm.yhat eps x).
    unfold RMSNorm.z. vec_ext. ring. }
  destruct (plain_gamma_is m eps gamma zero y g v H B m_pos S A') as (SH & SB & Y & F & V & W).
  exact (conj (m_ge_2 N) (conj S (conj (sigma_sq _ m eps m_pos E C) (conj SH (conj SB (conj Y (conj F (conj V W)))))))).
Qed.

Lemma rms_norm_elementwise_facts eps D bias y g v H B : rms_norm_elementwise eps D bias y g v H B ->
  let s := RMSNormElementwise.s eps y in let yhat := RMSNormElementwise.yhat eps y in
  2 <= m /\ 0 < s /\ (0 < sqrt (s ^ 2 - eps) /\ sqrt (s ^ 2 - eps) ^ 2 = s ^ 2 - eps) /\
  self_adjoint H /\ self_adjoint B /\ y = (s * yhat)%V /\ yhat @ yhat = m * (1 - eps / s ^ 2) /\ self_adjoint D /\
  (forall u, v @ u = / s * seen_p m yhat (D g) u) /\
  (forall u w, u @ B w = / s ^ 2 * seen_through_p m yhat (fun a => D (H (D a))) u w
    - / (m * s) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - / (m * s ^ 2) * (yhat @ D g) * seen_p m yhat u w).
Proof.
  intros (N & E & C & DD & A) s yhat. pose proof (root_pos _ m eps m_pos E C) as S.
  destruct (plain_is m eps D bias y g v H B DD m_pos S A) as (SH & SB & Y & F & V & W).
  exact (conj (m_ge_2 N) (conj S (conj (sigma_sq _ m eps m_pos E C) (conj SH (conj SB (conj Y (conj F (conj (sy_adj D DD) (conj V W))))))))).
Qed.

Lemma scale_norm_facts gamma y g v H B : scale_norm gamma y g v H B ->
  let n := ScaleNorm.n y in let yhat := ScaleNorm.yhat y in
  2 <= m /\ 0 < n /\ self_adjoint H /\ self_adjoint B /\ y = (n * yhat)%V /\ yhat @ yhat = 1 /\
  (forall u, v @ u = gamma / n * seen_p 1 yhat g u) /\
  (forall u w, u @ B w = gamma ^ 2 / n ^ 2 * seen_through_p 1 yhat H u w
    - / (1 * n) * ((yhat @ u) * (v @ w) + (yhat @ w) * (v @ u)) - gamma / (1 * n ^ 2) * (yhat @ g) * seen_p 1 yhat u w).
Proof.
  intros (N & C & A) n yhat. assert (E : forall x, d_s (fun u => u) 1 0 x = ScaleNorm.n x).
  { intros x. unfold d_s, ScaleNorm.n. f_equal. field. }
  assert (S : 0 < d_s (fun u => u) 1 0 y) by (rewrite E; now apply sqrt_lt_R0).
  assert (A' : layer (d_out (fun u => u) (vscale gamma) 1 0 zero) y g v H B).
  { replace (d_out (fun u => u) (vscale gamma) 1 0 zero) with (ScaleNorm.z gamma); [exact A|].
    apply functional_extensionality. intros x. unfold d_out, d_yhat. rewrite E. unfold ScaleNorm.z, ScaleNorm.yhat. vec_ext. ring. }
  destruct (plain_gamma_is 1 0 gamma zero y g v H B Rlt_0_1 S A') as (SH & SB & Y & F & V & W).
  assert (EY : d_yhat (fun u => u) 1 0 y = yhat) by (unfold d_yhat; now rewrite E).
  rewrite EY in Y, F, V, W. rewrite E in S, Y, F, V, W. fold n in S, Y, F, V, W.
  refine (conj (m_ge_2 N) (conj S (conj SH (conj SB (conj Y (conj _ (conj V W))))))).
  rewrite F. field. nonzero.
Qed.
End Open.

Ltac seen_out := unfold seen_c, seen_through_c, seen_p, seen_through_p; cbv beta.
Ltac cross := idtac.
Ltac gram :=
  rewrite ?dot_one_one;
  repeat match goal with
  | O : one @ ?yhat = 0 |- _ => progress (rewrite ?(dot_sym yhat one), ?O)
  | F : ?yhat @ ?yhat = _ |- _ => progress (rewrite ?F)
  end; cross.
(** What v is orthogonal to: 1 where the mean is taken out, y-hat where eps = 0. *)
Ltac orthogonal :=
  match goal with V : forall u, ?v @ u = _ |- _ =>
    try (assert (v @ one = 0) by (rewrite V; seen_out; expand_op; orient; gram; field; nonzero));
    try match goal with F : ?yhat @ ?yhat = _ |- _ => assert (v @ yhat = 0) by (rewrite V; seen_out; expand_op; orient; gram; field; nonzero) end
  end.

(** [open_layer]: afterwards y is a combination of one and yhat, v and B are known inside inner products, s, yhat, mu are variables. *)
Tactic Notation "call" constr(t) ident(x) := let x := fresh x in set (x := t) in *; clearbody x.
Ltac eliminate_eps :=
  match goal with E : ?sigma ^ 2 = ?s ^ 2 - ?eps |- _ =>
    tryif is_var eps then (assert (eps = s ^ 2 - sigma ^ 2) by lra; subst eps; clear E)
    else (clear E; match goal with F : ?a @ ?a = ?k * (1 - 0 / s ^ 2) |- _ =>
      replace (k * (1 - 0 / s ^ 2)) with k in F by (field; lra) end) end.
Ltac known P :=
  let Q := fresh "Q" in pose proof P as Q; cbv zeta in *;
  repeat match goal with K : _ /\ _ |- _ => let a := fresh "K" in let b := fresh "K" in destruct K as [a b] end.
Ltac divided y Yhat S eps :=
  call Yhat yhat; call (sqrt (S ^ 2 - eps)) sigma; call S s; match goal with Y : y = _ |- _ => subst y end; eliminate_eps.
Ltac centred y c Yhat S eps Mu := match goal with C : c = _ |- _ => rewrite ?C in *; clear C end; call Mu mu; divided y Yhat S eps.
Ltac open_layer :=
  cbv zeta; intros;
  unfold BatchNorm.z, Unbiased.z, LayerNorm.z, RMSNorm.z, RMSNormElementwise.z, ScaleNorm.z in *;
  match goal with
  | St : batch_norm ?eps ?gamma ?beta ?y ?g ?v ?H ?B |- _ =>
      known (batch_norm_facts _ _ _ _ _ _ _ _ St); clear St;
      centred y (BatchNorm.c y) (BatchNorm.yhat eps y) (BatchNorm.s eps y) eps (BatchNorm.mu y)
  | St : unbiased ?eps ?gamma ?beta ?y ?g ?v ?H ?B |- _ =>
      known (unbiased_facts _ _ _ _ _ _ _ _ St); clear St;
      centred y (Unbiased.c y) (Unbiased.yhat eps y) (Unbiased.s eps y) eps (Unbiased.mu y)
  | St : layer_norm ?eps ?D ?bias ?y ?g ?v ?H ?B |- _ =>
      known (layer_norm_facts _ _ _ _ _ _ _ _ St); clear St;
      centred y (LayerNorm.c y) (LayerNorm.yhat eps y) (LayerNorm.s eps y) eps (LayerNorm.mu y)
  | St : rms_norm ?eps ?gamma ?y ?g ?v ?H ?B |- _ =>
      known (rms_norm_facts _ _ _ _ _ _ _ St); clear St; divided y (RMSNorm.yhat eps y) (RMSNorm.s eps y) eps
  | St : rms_norm_elementwise ?eps ?D ?bias ?y ?g ?v ?H ?B |- _ =>
      known (rms_norm_elementwise_facts _ _ _ _ _ _ _ _ St); clear St;
      divided y (RMSNormElementwise.yhat eps y) (RMSNormElementwise.s eps y) eps
  | St : scale_norm ?gamma ?y ?g ?v ?H ?B |- _ =>
      known (scale_norm_facts _ _ _ _ _ _ St); clear St;
      call (ScaleNorm.yhat y) yhat; call (ScaleNorm.n y) n; match goal with Y : y = _ |- _ => subst y end
  | _ => idtac
  end;
  pose proof m_pos; try assert (0 < m - 1) by lra; try orthogonal.

(** Takes v and B out of every inner product of the goal. *)
Ltac take_out :=
  repeat match goal with
  | SB : self_adjoint ?B, W : forall u w, u @ ?B w = _ |- context [?B ?a @ ?b] => lazymatch b with B _ => fail | _ => rewrite <- (SB a b) end
  | SA : self_adjoint ?A, W : forall u w, u @ ?B w = _ |- context [?A (?B ?a)] =>
      match goal with |- context [?b @ A (B a)] => rewrite (SA b (B a)) | |- context [A (B a) @ ?b] => rewrite <- (SA (B a) b) end
  | W : forall u w, u @ ?B w = _ |- context [?u @ ?B ?w] => rewrite (W u w)
  | Z : ?v @ ?u = 0 |- context [?v @ ?u] => rewrite Z
  | Z : ?v @ ?u = 0 |- context [?u @ ?v] => rewrite (dot_sym u v), Z
  | V : forall u, ?v @ u = _ |- context [?v @ ?u] => rewrite (V u)
  | V : forall u, ?v @ u = _ |- context [?u @ ?v] => rewrite (dot_sym u v), (V u)
  | SA : self_adjoint ?A, V : forall u, ?v @ u = _ |- context [?u @ ?A ?v] => rewrite (SA u v)
  | SA : self_adjoint ?A, SA' : self_adjoint ?A' |- context [?u @ ?A (?A' ?w)] => rewrite (SA u (A' w))
  | SA : self_adjoint ?A |- context [?u @ ?A (?A ?w)] => rewrite (SA u (A w))
  | SA : self_adjoint ?A, V : forall u, ?v @ u = _ |- context [?A ?v @ ?u] => rewrite <- (SA v u)
  | SA : self_adjoint ?A, V : forall u, ?v @ u = _ |- context [?A (?A' ?v) @ ?u] => rewrite <- (SA (A' v) u)
  | SA : self_adjoint ?A, V : forall u, ?v @ u = _ |- context [?A (?A' (?A'' ?v)) @ ?u] => rewrite <- (SA (A' (A'' v)) u)
  end; seen_out.
Ltac reduce := unfold norm, mean, vminus, vdiv, vopp; expand_op; repeat (progress take_out); gram.
(** The root of |y - mu|^2 is sqrt(m) s; then m is written as the square of its root, where a goal speaks of the root. *)
Ltac root_m :=
  repeat match goal with S : 0 < ?s, F : ?yhat @ ?yhat = m |- context [sqrt ?x] =>
    lazymatch x with m => fail | _ => idtac end;
    replace x with (s ^ 2 * m) by (field; nonzero); rewrite (sqrt_mult_alt (s ^ 2) m), (sqrt_pow2 s) by (first [lra | apply pow2_ge_0]) end;
  try match goal with |- context [sqrt m] =>
    let r := fresh "r" in let E := fresh "E" in
    assert (E : sqrt m ^ 2 = m) by (apply pow2_sqrt; lra); assert (0 < sqrt m) by (apply sqrt_lt_R0; lra);
    set (r := sqrt m) in *; clearbody r; rewrite <- E in *; clear E end.
Ltac close := reduce; root_m; name_products; repeat match goal with q := _ @ _ |- _ => clearbody q end; field; nonzero.
(** What both sides say of B is first tried with B left closed; of v and B, with v left closed: all that is used of it is what it is
    orthogonal to. *)
Ltac settle :=
  lazymatch goal with
  | |- _ == _ => let e := fresh "e" in apply dot_all_eqv; intros e
  | _ => idtac
  end;
  first
  [ lazymatch goal with W : forall u w, u @ ?B w = _ |- ?l = ?r =>
      lazymatch l with context [B] => lazymatch r with context [B] => clear W; close end end end
  | lazymatch goal with V : forall u, ?v @ u = _, W : forall u w, u @ ?B w = _ |- _ =>
      lazymatch goal with |- context [B] => lazymatch goal with |- context [v] => clear V; close end end end
  | close ].

(** [positive] and [nonneg]: what is built of squares, of products and quotients of such, and of what the context knows. *)
Ltac positive :=
  first [assumption | lra | match goal with
  | |- 0 < _ * _ => apply Rmult_lt_0_compat; positive
  | |- 0 < _ / _ => apply Rdiv_lt_0_compat; positive
  | |- 0 < / _ => apply Rinv_0_lt_compat; positive
  | |- 0 < _ ^ 2 => apply pow2_gt_0; assumption
  | |- 0 < _ ^ _ => apply pow_lt; positive
  | |- 0 < sqrt _ => apply sqrt_lt_R0; positive
  | |- 0 < _ + _ => apply Rplus_lt_le_0_compat; [positive|nonneg]
  end]
with nonneg :=
  first [assumption | match goal with
  | |- 0 <= _ ^ 2 => apply pow2_ge_0
  | |- 0 <= ?a ^ 4 => replace (a ^ 4) with ((a ^ 2) ^ 2) by ring; apply pow2_ge_0
  | |- 0 <= ?u @ ?u => apply dot_sq_pos
  | |- 0 <= (?a @ ?a) * (?b @ ?b) - (?a @ ?b) ^ 2 => pose proof (cauchy_schwarz a b); lra
  | |- 0 <= sqrt _ => apply sqrt_pos
  | |- 0 <= Rabs _ => apply Rabs_pos
  | |- 0 <= _ ^ _ => apply pow_le; nonneg
  | |- 0 <= _ * _ => apply Rmult_le_pos; nonneg
  | |- 0 <= _ / _ => apply Rmult_le_pos; [nonneg|apply Rlt_le, Rinv_0_lt_compat; positive]
  | |- 0 <= _ + _ => apply Rplus_le_le_0_compat; nonneg
  end | lra].
(** What a hypothesis psd A says of the products in the goal; of a sum of operators, psd (fun u => ...), the goal itself. *)
Ltac psd_terms :=
  repeat match goal with P : psd ?A |- context [?u @ ?A ?u] =>
    lazymatch goal with _ : 0 <= u @ A u |- _ => fail | _ => pose proof (P u) end end.
Ltac psd_term := match goal with P : psd _ |- 0 <= ?u @ _ => exact (P u) end.
