// Files to the API: each is the body of one request, with its own idempotency key, and with its progress on the page.
"use strict";

for (const form of document.querySelectorAll("form[data-send]")) {
  const [files, list, told] = ["[data-files]", "[data-sent]", "[data-told]"].map((one) => form.querySelector(one));
  const button = form.querySelector("button");
  const say = (text, bad) => {
    told.textContent = text;
    told.classList.toggle("bad", bad);
  };
  const csrf = document.querySelector('meta[name="csrf"]').content;

  const address = (file) => {
    const query = new URLSearchParams();
    if ("named" in form.dataset) query.set("name", file.name);
    const kinds = [];
    for (const [name, value] of new FormData(form)) {
      if (typeof value !== "string" || !value.trim()) continue;
      if (name === "evidence") kinds.push(value);
      else if (name === "artist" || name === "tag") {
        for (const one of value.split("\n")) if (one.trim()) query.append(name, one.trim());
      } else query.set(name, name === "isrc" ? value.trim().toUpperCase() : value.trim());
    }
    if (kinds.length) query.set("evidence", kinds.join(","));
    return `${form.dataset.send}?${query}`;
  };

  const sent = (file, key, bar) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch tells nothing of the way of a body
      request.open("POST", address(file));
      request.responseType = "json";
      for (const [name, value] of Object.entries({
        Accept: "application/json", "Content-Type": "application/octet-stream", "X-CSRF-Token": csrf, "Idempotency-Key": key,
      })) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) [bar.max, bar.value] = [event.total, event.loaded];
      };
      request.onerror = () => reject(new Error("the connection broke; submit again: a file that arrived is one job"));
      request.onload = () => {
        if (request.status < 300) resolve(request.response.id);
        else reject(new Error(request.response?.detail || `the server answered ${request.status}; try again`));
      };
      request.send(file);
    });

  const keys = new Map(); // a file that is sent again after a refusal is the same request
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    list.replaceChildren();
    const ids = [];
    let refused = 0;
    for (const [at, file] of [...files.files].entries()) {
      say(`Sending ${at + 1} of ${files.files.length}…`, false);
      const line = document.createElement("li");
      const [name, bar] = [document.createElement("span"), document.createElement("progress")];
      name.textContent = file.name;
      bar.setAttribute("aria-label", file.name);
      line.append(name, bar);
      list.append(line);
      const same = `${address(file)} ${file.size} ${file.lastModified}`;
      if (!keys.has(same)) keys.set(same, crypto.randomUUID());
      try {
        ids.push(await sent(file, keys.get(same), bar));
        name.textContent = `${file.name}: submitted`;
      } catch (error) {
        refused += 1;
        name.textContent = `${file.name}: ${error.message}`;
        name.className = "alert";
      }
      bar.remove();
    }
    if (!refused && ids.length === 1) location.assign(`${form.dataset.page}${ids[0]}`);
    else if (!refused) location.assign(form.dataset.list);
    else {
      say(`${ids.length} submitted, ${refused} refused`, true);
      button.disabled = false;
      button.focus();
    }
  });
}
