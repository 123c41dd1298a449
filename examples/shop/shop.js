"use strict";
// A shop front in one file: it shows products, posts what the shopper does, asks for the list anew.

const byId = (id) => document.getElementById(id);
let before = [];

async function ask(method, path, body) {
  const headers = {};
  const key = byId("key").value.trim();
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(`..${path}`, { method, headers, body: body && JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.code}: ${told.detail} ${told.remedy}`);
  return told;
}

function element(name, kind, text = "") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

function colour(category) {
  let hue = 0;
  for (const letter of category || "") hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hue} 35% 45%)`;
}

function card(item, listId, told = "") {
  const { title, price, category_id: category } = item.metadata;
  const made = element("li", "card");
  const picture = element("div", "picture", title.slice(0, 1));
  picture.style.background = colour(category);
  const buttons = element("div", "buttons");
  for (const [words, type] of [["Look", "view"], ["Add to cart", "add_to_cart"]]) {
    const button = element("button", type, words);
    button.type = "button";
    button.setAttribute("aria-label", `${words}: ${title}`);
    button.addEventListener("click", () => tried(() => act(item, type, listId)));
    buttons.append(button);
  }
  made.append(picture, element("div", "title", title));
  made.append(element("div", "price", price === null ? "" : price.toFixed(2)));
  if (item.reason) made.append(element("div", "reason", item.reason));
  if (told) made.append(element("div", "moved", told));
  made.append(buttons);
  return made;
}

function moved(item, place) {
  const was = before.indexOf(item.item_id);
  if (!before.length || was === place) return "";
  return was < 0 ? "new" : was > place ? `up ${was - place}` : "";
}

async function act(item, type, listId) {
  const user = byId("user").value;
  const event = { user_id: user, item_id: item.item_id, event_type: type, timestamp: Date.now() };
  if (listId) event.recommendation_id = listId;
  const began = performance.now();
  await ask("POST", "/events", event);
  const taken = Math.round(performance.now() - began);
  byId("sent").prepend(element("li", "", `${type} ${item.metadata.title} · on disk in ${taken} ms`));
  await recommend();
  const like = await ask(
    "GET", `/items/${encodeURIComponent(item.item_id)}/similar?n_items=5&include_metadata=true`);
  byId("similar-part").hidden = false;
  byId("similar").replaceChildren(...like.items.map((one) => card(one, like.recommendation_id)));
}

async function recommend() {
  const began = performance.now();
  const body = { user_id: byId("user").value, n_items: 10, include_metadata: true };
  const list = await ask("POST", "/recommendations", body);
  const cards = list.items.map((item, place) => {
    const told = moved(item, place);
    const made = card(item, list.recommendation_id, told);
    made.classList.toggle("is-new", told === "new");
    return made;
  });
  byId("recommended").replaceChildren(...cards);
  before = list.items.map((item) => item.item_id);
  const how = list.degraded ? `degraded: ${list.degraded_parts.join(", ")}` : "all is well";
  const took = Math.round(performance.now() - began);
  byId("state").textContent = `${list.model} · ${took} ms · ${how} · ${list.recommendation_id}`;
}

async function open() {
  before = [];
  byId("sent").replaceChildren();
  byId("similar-part").hidden = true;
  const shelf = await ask("GET", "/popular?n_items=20&include_metadata=true");
  byId("popular").replaceChildren(
    ...shelf.items.map((item) => card({ ...item, reason: "" }, shelf.recommendation_id)));
  await recommend();
}

async function tried(doing) {
  try {
    await doing();
  } catch (error) {
    byId("state").textContent = error.message;
  }
}

byId("who").addEventListener("submit", (event) => {
  event.preventDefault();
  tried(open);
});
byId("user").value = `visitor-${Math.random().toString(36).slice(2, 8)}`;
tried(open);
