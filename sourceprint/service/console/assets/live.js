// Progress: what a page marks as live is fetched again while work goes on, as long as somebody may look at it.
"use strict";

(() => {
  const FIRST_MS = 1000;
  const LONGEST_MS = 5000;
  let wait = FIRST_MS;

  const fetched = () =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // it reads pages without running anything in them
      request.open("GET", location.href);
      request.responseType = "document";
      request.setRequestHeader("Accept", "text/html");
      request.setRequestHeader("X-Unattended", "1");
      request.onload = () => resolve(request.response);
      request.onerror = reject;
      request.send();
    });

  const look = async () => {
    const place = document.querySelector("[data-live]");
    if (!place || place.dataset.live !== "on") return;
    if (!document.hidden && !place.contains(document.activeElement)) {
      try {
        const answer = await fetched();
        const news = answer && answer.querySelector("[data-live]");
        if (!news) {
          location.reload(); // the sign-in has ended, or the object is gone: the page says which
          return;
        }
        if (news.isEqualNode(place)) wait = Math.min(LONGEST_MS, wait * 1.5);
        else {
          place.replaceWith(document.importNode(news, true));
          wait = FIRST_MS;
        }
      } catch {
        wait = LONGEST_MS; // the network comes back, or the reader loads the page anew
      }
    }
    setTimeout(look, wait);
  };
  setTimeout(look, wait);
})();
