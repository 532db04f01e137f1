// What the console does beyond plain pages: colours, passkeys, questions before a removal. No dependencies.
"use strict";

// --- colours, as on the evidence pages --------------------------------------------------------------------------------

(() => {
  const button = document.getElementById("scheme");
  const names = { "": "as the system", light: "light", dark: "dark" };
  const order = ["", "light", "dark"];
  let scheme = localStorage.getItem("sourceprint-scheme") || "";
  const apply = () => {
    if (!(scheme in names)) scheme = "";
    if (scheme) document.documentElement.dataset.scheme = scheme;
    else delete document.documentElement.dataset.scheme;
    button.textContent = `Colours: ${names[scheme]}`;
  };
  button.addEventListener("click", () => {
    scheme = order[(order.indexOf(scheme) + 1) % order.length];
    localStorage.setItem("sourceprint-scheme", scheme);
    apply();
  });
  apply();
  button.hidden = false;
})();

// --- Escape folds what was unfolded, and leads back to where it was ------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.target.matches("input, textarea, select")) return;
  const unfolded = event.target.closest("details[open]");
  if (!unfolded) return;
  unfolded.open = false;
  unfolded.querySelector("summary").focus();
});

// --- passkeys --------------------------------------------------------------------------------------------------------

const post = async (path, body) => {
  const headers = { "Content-Type": "application/json" };
  const csrf = document.querySelector('meta[name="csrf"]');
  if (csrf) headers["X-CSRF-Token"] = csrf.content;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // A proxy that answers in the server's place writes no JSON.
  }
  if (!answer.ok) throw new Error(told.detail || `the server answered ${answer.status}; try again`);
  return told;
};

const create = async (options) =>
  (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })).toJSON();

const sign = async (options) =>
  (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })).toJSON();

const ceremonies = {
  "sign-in": async () => {
    await post("/console/sign-in", { credential: await sign(await post("/console/sign-in/options", {})) });
  },
  join: async (fields) => {
    const token = location.hash.slice(1);
    const credential = await create(await post("/console/join/options", { token }));
    await post("/console/join", { token, credential, ...fields });
  },
  approve: async (fields, place) => {
    const path = `/console/approvals/${place.dataset.id}`;
    await post(path, { credential: await sign(await post(`${path}/options`, {})), ...fields });
  },
  add: async (fields) => {
    await post("/console/passkeys", { credential: await create(await post("/console/passkeys/options", {})), ...fields });
  },
};

const words = (error) => {
  if (error.name === "NotAllowedError") return "Your device did not verify you, or the time was up. Try again.";
  if (error.name === "InvalidStateError") return "This device has a passkey of yours already.";
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) return "This browser is too old for passkeys. Update it.";
  return error.message.charAt(0).toUpperCase() + error.message.slice(1) + (/[.!?]$/.test(error.message) ? "" : ".");
};

for (const place of document.querySelectorAll("[data-ceremony]")) {
  const told = place.querySelector("[data-told]");
  const say = (text, bad) => {
    told.textContent = text;
    told.classList.toggle("bad", bad);
  };
  const button = place.querySelector("button");
  const begin = async (fields) => {
    button.disabled = true;
    say("Waiting for your device…", false);
    try {
      await ceremonies[place.dataset.ceremony](fields, place);
      location.assign(place.dataset.next);
    } catch (error) {
      say(words(error), true);
      button.disabled = false;
      button.focus();
    }
  };
  const form = place.querySelector("[data-begin-form]");
  if (form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      begin(Object.fromEntries(new FormData(form)));
    });
  } else button.addEventListener("click", () => begin({}));
  if (place.dataset.ceremony === "join") {
    button.disabled = true;
    post("/console/join/look", { token: location.hash.slice(1) }).then(
      (found) => {
        place.querySelector("[data-person]").textContent = found.person;
        place.querySelector("[data-organisation]").textContent = found.organisation;
        form.elements.person.value = found.person;
        button.disabled = false;
      },
      (error) => say(words(error), true),
    );
  }
}

// --- files sent as they are, with the other fields in the query -------------------------------------------------------

for (const form of document.querySelectorAll("form[data-upload]")) {
  const told = form.querySelector("[data-told]");
  const faults = form.querySelector("[data-faults]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    const file = fields.get("file");
    fields.delete("file");
    const query = new URLSearchParams(fields);
    const ending = /\.(tsv|txt|xlsx|toml)$/i.exec(file.name);
    query.set("name", `${form.dataset.upload}${ending ? ending[0].toLowerCase() : form.dataset.ending}`);
    button.disabled = true;
    faults.replaceChildren();
    told.classList.remove("bad");
    told.textContent = "Reading the file…";
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      headers["X-CSRF-Token"] = document.querySelector('meta[name="csrf"]').content;
      const answer = await fetch(`${form.getAttribute("action")}?${query}`, { method: "POST", headers, body: file });
      const found = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(found.detail || `the server answered ${answer.status}; try again`);
      location.assign(found.next);
    } catch (error) {
      const [first, ...lines] = error.message.split("\n");
      told.classList.add("bad");
      told.textContent = words(new Error(lines.length ? first.replace(/:$/, "") : first));
      for (const line of lines) {
        const item = document.createElement("li");
        item.textContent = line.trim();
        faults.append(item);
      }
      button.disabled = false;
      button.focus();
    }
  });
}

// --- questions, copies -----------------------------------------------------------------------------------------------

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.confirm)) event.preventDefault();
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
