"use strict";
// The reader's theme: the system's until the button is pressed; remembered where storage is allowed.
(() => {
  const root = document.documentElement;
  const stored = (() => { try { return localStorage.getItem("bnverify-theme"); } catch { return null; } })();
  if (stored) root.dataset.theme = stored;
  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector(".toggle");
    if (!button) return;
    const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const label = () => { button.textContent = dark() ? "Light" : "Dark"; };
    label();
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("bnverify-theme", root.dataset.theme); } catch { /* storage is forbidden: this page only */ }
      label();
    });
  });
  // On paper everything is open, and a formula that is wider than the text is set smaller.
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((item) => { item.open = true; });
    document.querySelectorAll(".display").forEach((box) => {
      const formula = box.querySelector("math > *");
      const width = formula ? formula.getBoundingClientRect().width : 0;
      if (width > 620) box.style.fontSize = `${Math.max(60, Math.floor(62000 / width))}%`;
    });
  });
  addEventListener("afterprint", () => document.querySelectorAll(".display").forEach((box) => { box.style.fontSize = ""; }));
})();
