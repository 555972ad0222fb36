"use strict";
// Filters the verdict table: "17", "(17)", "eq 17" find an equation; anything else is looked for as text.
(() => {
  const field = document.getElementById("find"), only = document.getElementById("only");
  const rows = [...document.querySelectorAll("#table tbody tr")];
  const filter = () => {
    const query = field.value.trim().toLowerCase();
    const number = query.match(/^(?:eq(?:uation)?[\s.\-]*)?\(?(\d{1,2})\)?$/);
    let shown = 0;
    for (const row of rows) {
      const text = row.dataset.find;
      const hit = !query || (number ? text.split(" ").includes(`eq-${number[1]}`) || text.startsWith(query) : query.split(/\s+/).every((word) => text.includes(word)));
      row.hidden = !(hit && (!only.value || row.dataset.verdict === only.value));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("found").value = query || only.value ? `${shown} of ${rows.length}` : "";
    document.getElementById("none").hidden = shown > 0;
  };
  field.addEventListener("input", filter);
  only.addEventListener("change", filter);
  field.addEventListener("keydown", (event) => {
    const first = rows.find((row) => !row.hidden);
    if (event.key === "Enter" && field.value && first) first.querySelector("a").click();
  });
  filter();
})();
