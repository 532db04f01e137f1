// Keys of the review queue: one letter follows a way or presses a button of the page. They can be switched off.
"use strict";

(() => {
  const told = document.getElementById("keys");
  const button = document.getElementById("keys-switch");
  const rows = [...document.querySelectorAll("[data-row]")];
  let on = localStorage.getItem("sourceprint-keys") !== "off";

  const apply = () => {
    if (!button) return;
    button.textContent = on ? told.dataset.on : told.dataset.off;
    button.setAttribute("aria-pressed", String(on));
    button.hidden = false;
  };
  const move = (step) => {
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))].focus();
  };
  const press = (target) => {
    const comment = document.querySelector("[data-comment]");
    if ("needsComment" in target.dataset && !comment.value.trim()) {
      document.querySelector("[data-told]").textContent = `Say why in the comment, then press ${target.textContent}.`;
      comment.focus();
      return;
    }
    target.click();
  };

  if (button) {
    button.addEventListener("click", () => {
      on = !on;
      localStorage.setItem("sourceprint-keys", on ? "on" : "off");
      apply();
    });
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape" && typing) {
      event.target.blur();
      return;
    }
    if (!on || typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (rows.length && (event.key === "j" || event.key === "k")) {
      move(event.key === "j" ? 1 : -1);
      event.preventDefault();
      return;
    }
    const comment = document.querySelector("[data-comment]");
    if (event.key === "m" && comment) {
      comment.focus();
      event.preventDefault();
      return;
    }
    if (!/^[a-z]$/.test(event.key)) return;
    const target = document.querySelector(`[data-key~="${event.key}"]`);
    if (target) {
      event.preventDefault();
      press(target);
    }
  });
  apply();
})();
