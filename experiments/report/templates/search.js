"use strict";
// Filters the verdict table: "17", "(17)", "eq 17" find an equation; anything else is looked for as text.
// Groups fold; a long table starts with all but the first folded, and a search opens what it finds.
(() => {
  const field = document.getElementById("find"), only = document.getElementById("only");
  const groups = [...document.querySelectorAll("#table tbody")].map((body) => ({
    head: body.querySelector("tr.group"), button: body.querySelector("button.fold"),
    rows: [...body.querySelectorAll("tr[data-find]")],
  }));
  const rows = groups.flatMap((group) => group.rows);
  const filter = () => {
    const query = field.value.trim().toLowerCase();
    const number = query.match(/^(?:eq(?:uation)?[\s.\-]*)?\(?(\d{1,2})\)?$/);
    const searching = Boolean(query || only.value);
    let shown = 0;
    for (const group of groups) {
      let here = 0;
      for (const row of group.rows) {
        const text = row.dataset.find;
        const hit = !query || (number ? text.split(" ").includes(`eq-${number[1]}`) : query.split(/\s+/).every((word) => text.includes(word)));
        const found = hit && (!only.value || row.dataset.verdict === only.value);
        here += found ? 1 : 0;
        row.hidden = searching ? !found : group.button.getAttribute("aria-expanded") !== "true";
      }
      group.head.hidden = searching && here === 0;
      shown += here;
    }
    document.getElementById("found").value = searching ? `${shown} of ${rows.length}` : "";
    document.getElementById("none").hidden = shown > 0;
  };
  groups.forEach((group, index) => {
    if (rows.length > 40 && index > 0) group.button.setAttribute("aria-expanded", "false");
    group.button.addEventListener("click", () => {
      group.button.setAttribute("aria-expanded", String(group.button.getAttribute("aria-expanded") !== "true"));
      filter();
    });
  });
  field.addEventListener("input", filter);
  only.addEventListener("change", filter);
  field.addEventListener("keydown", (event) => {
    const first = rows.find((row) => !row.hidden);
    if (event.key === "Enter" && field.value && first) first.querySelector("a").click();
  });
  addEventListener("beforeprint", () => rows.forEach((row) => { row.hidden = false; }));
  addEventListener("afterprint", filter);
  filter();
})();
