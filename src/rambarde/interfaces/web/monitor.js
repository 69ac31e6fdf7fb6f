"use strict";
// Each section that has changed is put in place; the others stay, so that nobody who reads one loses their place.
const state = document.getElementById("connection");
const heard = document.getElementById("heard");
let last = Date.now();
function say(text) { if (state.textContent !== text) state.textContent = text; }
function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const section of fresh.querySelectorAll("section[id]")) {
    const old = document.getElementById(section.id);
    if (old && old.innerHTML !== section.innerHTML) old.innerHTML = section.innerHTML;
  }
  const alarm = fresh.getElementById("news");
  if (alarm && heard.textContent !== alarm.textContent) heard.textContent = alarm.textContent;
  last = Date.now();
  say("Live.");
}
const source = new EventSource("/monitor/events");
source.addEventListener("view", (event) => show(JSON.parse(event.data)));
source.addEventListener("trouble", (event) => { last = Date.now(); say(JSON.parse(event.data)); });
source.onerror = () => say("The connection is lost; the numbers are old. It is tried again.");
setInterval(() => { if (Date.now() - last > 20000) say("Nothing has come for 20 seconds; the numbers are old."); }, 5000);
