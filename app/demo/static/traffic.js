// Shows new traffic without a reload. The list says nothing aloud: it changes too often for that.
const frame = document.getElementById("traffic");
const EVERY = 2000;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(frame.dataset.from, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const was = frame.querySelector("ol")?.dataset.last;
  if (page.querySelector("ol")?.dataset.last !== was) {
    frame.replaceChildren(...page.body.childNodes);
  }
}

setInterval(() => refresh().catch(() => {}), EVERY);
