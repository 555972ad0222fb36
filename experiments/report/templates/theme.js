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
  addEventListener("DOMContentLoaded", () => {
    // Every heading with an id leads to itself, and what stands beside a copy button can be copied.
    for (const heading of document.querySelectorAll("h2[id], h3[id]")) {
      if (heading.querySelector("a")) continue;
      const link = Object.assign(document.createElement("a"), { className: "anchor", href: `#${heading.id}`, textContent: "#" });
      link.setAttribute("aria-label", `Link to: ${heading.textContent}`);
      heading.append(" ", link);
    }
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", async () => {
        const text = button.parentElement.querySelector("pre").textContent;
        try { await navigator.clipboard.writeText(text); } catch {
          const area = Object.assign(document.createElement("textarea"), { value: text });
          document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
        }
        button.textContent = "Copied";
      });
    }
  });
  // On paper everything is open.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((item) => { item.open = true; }));
})();
