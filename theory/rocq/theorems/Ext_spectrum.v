(** For a linear loss, H v = 0, the vector m sigma lambda v - |v|^2 yhat is an eigenvector of B, where lambda is the larger root of
    m sigma^2 lambda^2 + gamma <g, yhat> lambda = |v|^2. The registry's certificate is a sum of vectors. *)
From BN Require Import Settings.

Theorem ext_spectrum_linear_loss : forall (batch : Batch) (gamma beta : R) (y g v : vec) (H B : vec -> vec),
  batch_norm 0 gamma beta y g v H B ->
  let yhat := BatchNorm.yhat 0 y in
  let sigma := BatchNorm.s 0 y in
  (H v)%V == zero ->
  (B (m * sigma * ((- (gamma * (g @ yhat) / (m * sigma ^ 2)) + sqrt ((- (gamma * (g @ yhat) / (m * sigma ^ 2))) ^ 2 + 4 * (v @ v) / (m * sigma ^ 2))) / 2) * v - (v @ v) * yhat)%V)%V == ((- (gamma * (g @ yhat) / (m * sigma ^ 2)) + sqrt ((- (gamma * (g @ yhat) / (m * sigma ^ 2))) ^ 2 + 4 * (v @ v) / (m * sigma ^ 2))) / 2 * (m * sigma * ((- (gamma * (g @ yhat) / (m * sigma ^ 2)) + sqrt ((- (gamma * (g @ yhat) / (m * sigma ^ 2))) ^ 2 + 4 * (v @ v) / (m * sigma ^ 2))) / 2) * v - (v @ v) * yhat))%V.
Proof.
  intros batch gamma beta y g v H B X yhat sigma Z.
  destruct (batch_norm_facts _ _ _ _ _ _ _ _ X) as (M & S & _ & SH & SB & _ & _ & O & F & V & W). clear X.
  fold yhat sigma in S, O, F, V, W. clearbody yhat sigma.
  pose proof m_pos as P. replace (m * (1 - 0 / sigma ^ 2)) with m in F by (field; lra).
  assert (HV : forall u, u @ H v = 0) by (intros u; now rewrite (dot_eqv u u _ _ (eqv_refl u) Z), dot_zero_r).
  assert (V1 : one @ v = 0) by (rewrite dot_sym, V; unfold seen_c; rewrite dot_one_one, (dot_sym yhat one), O, (dot_sym g); field; lra).
  assert (V2 : yhat @ v = 0) by (rewrite dot_sym, V; unfold seen_c; rewrite F, O, (dot_sym g); field; lra).
  set (q := v @ v) in *. set (a := g @ yhat) in *.
  match goal with |- context [sqrt ?x] => set (D := x) end.
  assert (PD : 0 <= D).
  { apply Rplus_le_le_0_compat; [apply pow2_ge_0|]. apply Rmult_le_pos; [|apply Rlt_le, Rinv_0_lt_compat; nra].
    apply Rmult_le_pos; [lra|apply dot_sq_pos]. }
  set (lam := (- (gamma * a / (m * sigma ^ 2)) + sqrt D) / 2).
  assert (K : m * sigma ^ 2 * lam ^ 2 + gamma * a * lam = q).
  { assert (R2 : sqrt D ^ 2 = D) by now apply pow2_sqrt. unfold lam, D in *. field_simplify_eq; [|nonzero].
    set (r := sqrt _) in *. field_simplify_eq in R2; [|nonzero]. nra. }
  clearbody lam. set (w := (m * sigma * lam * v - q * yhat)%V).
  assert (WO : one @ w = 0) by (unfold w; expand; rewrite V1, O; ring).
  assert (WY : yhat @ w = - q * m) by (unfold w; expand; rewrite V2, F; ring).
  assert (WV : forall u, w @ u = m * sigma * lam * (v @ u) - q * (yhat @ u)) by (intros u; unfold w; expand; ring).
  assert (HW : forall u, u @ H w = - q * (u @ H yhat)).
  { intros u. unfold w, vminus, vopp. rewrite (op_plus_r H _ _ _ SH), !(op_scale_r H _ _ _ SH), HV. ring. }
  assert (HW' : forall u, w @ H u = - q * (u @ H yhat)) by (intros u; now rewrite SH, dot_sym, HW).
  apply dot_all_eqv. intros e. rewrite dot_scale_l, (dot_sym (B w)), W, WV.
  assert (T : seen_through_c m yhat H e w = 0) by (unfold seen_through_c; rewrite WO, WY, !HW, !HW'; field; lra).
  assert (E : seen_c m yhat e w = m * sigma * lam * (v @ e)).
  { unfold seen_c. rewrite WO, WY, (dot_sym e w), WV. field. lra. }
  rewrite T, E, <- (dot_sym g yhat), (dot_sym v w), WV, V2, WY. fold a q. rewrite <- K. field. nonzero.
Qed.
