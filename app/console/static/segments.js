// Keeps sentence and count of the builder up to date while somebody types. Without it the same
// form does the same: 更新人数 asks the server for the whole page.

const form = document.getElementById("builder");
const shown = form?.querySelector("[data-result]");
const PAUSE = 500; // milliseconds after the last change

let timer;
let asking;

function line(className, text) {
  const made = document.createElement("p");
  made.className = className;
  made.textContent = text;
  return made;
}

function size(count) {
  const made = document.createElement("p");
  const number = document.createElement("strong");
  made.className = "big";
  number.className = "count";
  number.textContent = count.toLocaleString("en-US");
  made.append(number, " 人");
  return made;
}

async function refresh() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.count, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
      signal: asking.signal,
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    if (told.sentence === null) {
      shown.replaceChildren(line("empty", told.problem));
    } else if (told.count === null) {
      shown.replaceChildren(line("small", told.problem), line("sentence", told.sentence));
    } else {
      shown.replaceChildren(size(told.count), line("sentence", told.sentence));
    }
  } catch (error) {
    if (error.name !== "AbortError") {
      shown.replaceChildren(line("small", "没有连上服务器，请按“更新人数”再试"));
    }
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

if (shown) {
  for (const part of form.querySelectorAll(".conditions")) {
    part.addEventListener("input", later);
    part.addEventListener("change", later);
  }
}
