// A phone for the demo until the mini-program is there: a small client of the real /api/v1.
const main = document.getElementById("main");
const doors = main.dataset.doors; // what WeChat itself would do for the mini-program
const at = (id) => document.getElementById(id);
const EVERY = 4000;
const GLUCOSE = "15074-8";
const STATES = { completed: "已完成", missed: "已错过", cancelled: "已取消" };
const RELATIONS = { self: "本人", child: "孩子", parent: "父母", spouse: "配偶", other: "家人" };
let token = "";
let people = [];
let patient = null;
let now = new Date(); // the hospital's time: the demo may have moved it
let unsure = null; // a measurement the hospital asks about, sent again when pressed again

function el(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made[key] = value;
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.filter((one) => one !== null));
  return made;
}

const say = (words) => { at("said").textContent = words; };

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: {
      Accept: "application/json",
      ...(body && { "Content-Type": "application/json" }),
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: body && JSON.stringify(body),
  });
  const told = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(told.title || "没有成功，请再试一次"), told);
  return told;
}

const api = (method, path, body) => call(method, `/api/v1${path}`, body);
const mine = (method, path, body) => api(method, `/patients/${patient.id}${path}`, body);
const attempt = (work) => (event) => {
  event?.preventDefault();
  say("");
  Promise.resolve(work(event)).catch((problem) => say(problem.message));
};
const shown = (moment) =>
  new Date(moment).toLocaleString("zh-CN", {
    timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit",
  });
const named = (title) => el("span", { class: "unseen" }, `：${title}`);

async function signIn() {
  const { code } = await call("POST", `${doors}/code`);
  ({ token, people } = await api("POST", "/sessions", { code }));
  if (!people.length) throw new Error("这个微信还没有关联就诊人");
  await show(people.find((one) => one.is_current) || people[0]);
}

async function show(person) {
  patient = person;
  await api("PUT", "/me/current-person", { patient: person.id });
  at("people").hidden = people.length < 2;
  const buttons = at("people").querySelectorAll("button");
  if (!buttons.length) {
    at("people").querySelector("div").append(...people.map((one) =>
      el("button", { type: "button", "data-id": one.id, onclick: attempt(() => show(one)) },
        `${RELATIONS[one.relation]} ${one.name}`)));
  }
  for (const button of at("people").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === person.id));
  }
  at("work").hidden = true;
  at("advice").textContent = "";
  unsure = null;
  await refresh();
}

async function refresh() {
  await seeWeChat();
  await Promise.all([listTasks(), listMessages()]);
}

// Leaves a list alone while nothing changed, so that focus stays where it is.
function fill(id, items, empty) {
  const fresh = el("ul", {}, ...(items.length ? items : [el("li", {}, empty)]));
  if (at(id).innerHTML !== fresh.innerHTML) at(id).replaceChildren(...fresh.childNodes);
}

async function seeWeChat() {
  const told = await call("GET", `${doors}/notifications`);
  now = new Date(told.now);
  fill("notes", told.notifications.map((one) =>
    el("li", {}, el("p", { class: "small" }, shown(one.at)), el("strong", {}, one.title),
      ...one.lines.map((line) => el("p", {}, line)))), "还没有通知。");
}

async function listTasks() {
  const { tasks } = await mine("GET", "/tasks");
  fill("today", tasks.map((task) => {
    const isOpen = ["ready", "in-progress"].includes(task.status);
    return el("li", {}, el("strong", {}, task.title),
      el("p", { class: "small" }, `${shown(task.due_at)} 之前`),
      isOpen
        ? el("button", { type: "button", class: "primary", "data-id": task.id }, "去做", named(task.title))
        : el("p", {}, STATES[task.status] || "还没到时间"));
  }), "今天没有任务。");
}

async function listMessages() {
  const { messages } = await mine("GET", "/inbox");
  fill("inbox", messages.slice(0, 8).map((one) =>
    el("li", {}, el("p", { class: "small" }, `${shown(one.at)} ${one.opened_at ? "已读" : "未读"}`),
      el("strong", {}, one.title), el("p", {}, one.text),
      one.opened_at ? null
        : el("button", { type: "button", "data-id": one.id }, "我看到了", named(one.title)))),
    "还没有消息。");
}

function onPress(list, work) {
  at(list).addEventListener("click", (event) => {
    const button = event.target.closest("button[data-id]");
    if (button) attempt(() => work(button.dataset.id))();
  });
}

onPress("today", async (id) => {
  const task = await mine("GET", `/tasks/${id}`);
  if (task.measurement?.code === GLUCOSE) {
    const asked = at("glucose").querySelector(`[value="${task.measurement.context}"]`);
    if (asked) asked.checked = true;
    at("value").focus();
    return;
  }
  const words = [task.why, task.instructions, ...(task.article?.paragraphs || [])];
  const done = async () => {
    await mine("POST", `/tasks/${id}/complete`, {});
    await finish("已完成，谢谢您。");
  };
  at("work-title").textContent = task.title;
  at("work-body").replaceChildren(
    ...words.filter(Boolean).map((one) => el("p", {}, one)),
    task.questionnaire ? form(task.questionnaire, id)
      : el("button", { type: "button", class: "primary", onclick: attempt(done) },
        task.article ? "我读完了" : "完成了"),
  );
  at("work").hidden = false;
  at("work-title").focus();
});

onPress("inbox", async (id) => {
  await mine("POST", `/inbox/${id}/read`, {});
  await listMessages();
  main.focus();
});

async function finish(words) {
  at("work").hidden = true;
  say(words);
  main.focus();
  await refresh();
}

function form(questionnaire, task) {
  const send = async (event) => {
    const answers = {};
    const given = new FormData(event.target);
    for (const { link_id, type } of questionnaire.items) {
      const answer = given.get(link_id);
      if (!answer) continue;
      const isNumber = type === "integer" || type === "decimal";
      answers[link_id] = type === "boolean" ? answer === "true" : isNumber ? Number(answer) : answer;
    }
    const told = await mine("POST", "/responses", {
      reference: crypto.randomUUID(), questionnaire: questionnaire.key, task, answers,
    });
    await finish(told.advice || "问卷已提交，谢谢您。");
  };
  return el("form", { onsubmit: attempt(send) }, ...questionnaire.items.map(question),
    el("button", { class: "primary" }, "提交问卷"));
}

function question({ link_id, text, type, is_required, options, minimum, maximum }) {
  const yesNo = [{ code: "true", text: "有" }, { code: "false", text: "没有" }];
  if (type === "boolean" || type === "choice") {
    return el("fieldset", {}, el("legend", {}, text), ...(type === "choice" ? options : yesNo).map(
      (one) => el("label", { class: "choice" }, el("input", {
        type: "radio", name: link_id, value: one.code, required: is_required,
      }), ` ${one.text}`)));
  }
  const bounds = type === "text" ? {} : { type: "number", step: "any", min: minimum, max: maximum };
  return el("p", {}, el("label", { for: `q-${link_id}` }, text), el("input", {
    id: `q-${link_id}`, name: link_id, required: is_required, autocomplete: "off", ...bounds,
  }));
}

at("glucose").onsubmit = attempt(async (event) => {
  const given = new FormData(event.target);
  const value = given.get("value").trim().toUpperCase();
  await seeWeChat(); // for the hospital's time
  const body = unsure?.value === value ? { ...unsure, confirmed: true } : {
    reference: crypto.randomUUID(), code: GLUCOSE, value, unit: "mmol/L",
    context: given.get("context"), effective_at: now.toISOString(), is_own_reading: true,
  };
  try {
    const told = await mine("POST", "/observations", body);
    unsure = null;
    event.target.reset();
    at("advice").textContent = told.advice;
    await refresh();
  } catch (problem) {
    unsure = problem.type?.endsWith("implausible-value") ? body : null;
    at("advice").textContent = problem.message + (unsure ? "。确认无误请再按一次“提交血糖”。" : "");
  }
});

at("accept").onclick = attempt(async () => {
  const { answers } = await call("POST", `${doors}/accept`);
  const { rights } = await api("POST", "/subscriptions", { reference: crypto.randomUUID(), answers });
  say(`已接受提醒，每类还可以收到 ${Math.min(...rights.map((one) => one.left))} 条。`);
});

attempt(signIn)();
setInterval(() => patient && !document.hidden && refresh().catch(() => {}), EVERY);
