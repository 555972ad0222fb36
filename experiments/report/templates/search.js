"use strict";
// Finds claims: "17", "(17)", "eq 17" an equation; anything else as words, the best hit first: a number or an id, then
// the title, then the paper's words. Groups fold; a long table starts with all but the first folded.
(() => {
  const field = document.getElementById("find"), only = document.getElementById("only"), hits = document.getElementById("hits");
  const groups = [...document.querySelectorAll("#table tbody:not(#hits)")].map((body) => ({
    body, head: body.querySelector("tr.group"), button: body.querySelector("button.fold"),
    rows: [...body.querySelectorAll("tr[data-find]")],
  }));
  const rows = groups.flatMap((group) => group.rows);
  const named = /^(thm|obs|lem|fact)-/;
  const short = { theorem: "thm", lemma: "lem", fact: "fact", figure: "fig", definition: "def", observation: "obs" };
  const score = (row, query, number) => {
    const [id, text] = [row.dataset.id.toLowerCase(), row.dataset.find];
    if (number) return text.split(" ").includes(`eq-${number}`) ? (id === `eq-${number}` ? 9 : named.test(id) ? 5 : 3) : 0;
    const asked = query.replace(/^(theorem|lemma|fact|figure|definition|observation)\s+/, (_, word) => short[word] + "-");
    if (id === asked) return 20;
    const bare = id.replace(/^[a-z]+-/, "");
    if (bare === asked || (named.test(id) && (bare.startsWith(`${asked}.`) || id.startsWith(asked)))) return 12;
    const words = query.split(/\s+/);
    if (!words.every((word) => text.includes(word))) return 0;
    const title = text.slice(0, text.indexOf(" | "));
    return (named.test(id) ? 2 : 1) + (text.includes(query) ? 2 : 0) + (words.every((word) => title.includes(word)) ? 2 : 0);
  };
  const filter = () => {
    const query = field.value.trim().toLowerCase();
    const number = query.match(/^(?:eq(?:uation)?[\s.\-]*)?\(?(\d{1,2})\)?$/);
    const searching = Boolean(query || only.value);
    for (const group of groups) group.rows.forEach((row) => group.body.append(row));
    const found = rows.map((row) => [row, query ? score(row, query, number && number[1]) : 1])
      .filter(([row, points]) => points && (!only.value || row.dataset.verdict === only.value));
    for (const group of groups) {
      group.head.hidden = searching;
      for (const row of group.rows) row.hidden = searching || group.button.getAttribute("aria-expanded") !== "true";
    }
    if (searching) found.sort((a, b) => b[1] - a[1]).forEach(([row]) => { row.hidden = false; hits.append(row); });
    document.getElementById("found").value = searching ? `${found.length} of ${rows.length}` : "";
    document.getElementById("none").hidden = found.length > 0;
  };
  groups.forEach((group, index) => {
    if (rows.length > 40 && index > 0) group.button.setAttribute("aria-expanded", "false");
    group.button.addEventListener("click", () => {
      group.button.setAttribute("aria-expanded", String(group.button.getAttribute("aria-expanded") !== "true"));
      filter();
    });
  });
  field.value = new URLSearchParams(location.search).get("q") || "";
  field.addEventListener("input", filter);
  only.addEventListener("change", filter);
  field.addEventListener("keydown", (event) => {
    const first = document.querySelector("#hits tr");
    if (event.key === "Enter" && field.value && first) first.querySelector("a").click();
  });
  addEventListener("beforeprint", () => rows.forEach((row) => { row.hidden = false; }));
  addEventListener("afterprint", filter);
  filter();
})();
