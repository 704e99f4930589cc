// Looks every second whether anything happened and, if so, draws the live sections again.
"use strict";

const INTERVAL_MS = 1000;
let last = Number(document.body.dataset.last);
let faults = "";

async function newest() {
  const ledger = await fetch(`/standin/ledger?since=${last}&limit=1`);
  const state = await fetch("/standin/faults");
  return { ledger: await ledger.json(), faults: await state.text() };
}

async function redraw() {
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement?.id;
  for (const section of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(section.id);
    if (next && next.innerHTML !== section.innerHTML) section.innerHTML = next.innerHTML;
  }
  last = Number(fresh.body.dataset.last);
  // Whoever works with the keyboard stays where they were, if that button still exists.
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
}

async function look() {
  try {
    const now = await newest();
    // After a reset the numbers begin again, so `last` may be ahead of the ledger.
    const isNew = now.ledger.entries.length > 0 || now.ledger.last < last;
    if (isNew || (faults && faults !== now.faults)) await redraw();
    faults = now.faults;
  } catch {
    document.getElementById("live").textContent = "暂时连不上替身，稍后自动重试。";
  }
  setTimeout(look, INTERVAL_MS);
}

setTimeout(look, INTERVAL_MS);
