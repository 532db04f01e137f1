// Players of a passage: generated track and recording in step, with a cursor over their spectrograms. No dependencies.
"use strict";

const clock = (seconds) => {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = (tenths % 600) / 10;
  const tail = `${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
};

// --- players ---------------------------------------------------------------------------------------------------------
// Position is seconds from the start of the excerpt of the generated track; the recording is at `ratio` times that.

(() => {
  let playing = null;
  for (const group of document.querySelectorAll(".player")) {
    const section = group.closest("section");
    const [start, length, ratio, there, first, last, left, right] =
      ["start", "length", "ratio", "there", "first", "last", "left", "right"].map((name) => Number(group.dataset[name]));
    const sounds = { track: group.querySelector("audio.track"), recording: group.querySelector("audio.recording") };
    const pace = { track: 1, recording: ratio };
    const names = { track: "generated track", recording: "recording" };
    const [play, other, seek, now] = [".play", ".other", "input", ".now"].map((what) => group.querySelector(what));
    const cursor = section.querySelector(".cursor");
    let which = sounds.track ? "track" : "recording";
    let position = 0;

    const sound = () => sounds[which];
    const draw = () => {
      seek.value = position;
      const [here, away] = [clock(start + position), clock(Math.max(0, there + ratio * position))];
      seek.setAttribute("aria-valuetext", `${here} of the track, ${away} of the recording`);
      now.textContent = `${names[which]}: ${which === "track" ? here : away}`;
      const share = (start + position - first) / (last - first);
      cursor.hidden = share < 0 || share > 1;
      cursor.style.left = `${100 * (left + share * (right - left))}%`;
      play.textContent = sound().paused ? "Play" : "Pause";
      if (other) other.textContent = `Switch to the ${names[which === "track" ? "recording" : "track"]}`;
    };
    const follow = () => {
      if (sound().paused) return;
      position = Math.min(length, sound().currentTime / pace[which]);
      draw();
      if (position >= length) pause();
      else requestAnimationFrame(follow);
    };
    const pause = () => {
      for (const each of Object.values(sounds)) each?.pause();
      if (playing === pause) playing = null;
      draw();
    };
    const go = async () => {
      if (playing && playing !== pause) playing();
      playing = pause;
      if (position >= length - 0.05) position = 0;
      const chosen = sound();
      chosen.currentTime = position * pace[which];
      try {
        await chosen.play();
      } catch {
        // The reader pressed pause, or switched, before it could start.
      }
      draw();
      requestAnimationFrame(follow);
    };
    const toggle = () => (sound().paused ? go() : pause());
    const swap = () => {
      if (!other) return;
      const goes = !sound().paused;
      if (goes) position = Math.min(length, sound().currentTime / pace[which]);
      sound().pause();
      which = which === "track" ? "recording" : "track";
      sound().currentTime = position * pace[which];
      if (goes) go();
      else draw();
    };
    play.addEventListener("click", toggle);
    other?.addEventListener("click", swap);
    seek.addEventListener("input", () => {
      position = Number(seek.value);
      sound().currentTime = position * pace[which];
      draw();
    });
    for (const each of Object.values(sounds)) each?.addEventListener("ended", pause);
    section.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.key === " " && !event.target.closest("button, a, input[type=checkbox], summary")) {
        event.preventDefault();
        toggle();
      } else if (event.key === "s" || event.key === "S") {
        event.preventDefault();
        swap();
      }
    });
    for (const each of Object.values(sounds)) each?.removeAttribute("controls");
    group.querySelector(".plain").hidden = true;
    group.querySelector(".controls").hidden = false;
    group.querySelector(".keys").hidden = false;
    draw();
  }
})();
