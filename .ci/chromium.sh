# A Chromium for the tests of evidence pages, from the distribution. Sourced by .ci/run.
#   find_chromium LOG   finds one, or installs it with apt-get; says what it did. Without a browser it says why, and
#                       returns 0: the tests of pages in a browser then say that they skip.
# `chromium_program` is the browser, or empty; `chromium_tested` holds what to say at the end of the run.

chromium_program=
chromium_tested="in no browser"

find_chromium() {
  local reason
  if reason=$(_find_chromium "$1"); then
    chromium_program=$reason
    chromium_tested="in $(timeout 60 "$chromium_program" --version 2>/dev/null </dev/null || echo "$chromium_program")"
    echo "Chromium: $chromium_program, $chromium_tested"
    return
  fi
  echo "Chromium: not available ($reason); the pages were not tested in a browser"
}

# Prints the browser's program, or why there is none. The names are those that tests/sourceprint/evidence/test_pages_browser.py looks for.
_find_chromium() {
  _chromium_in_path && return
  if ! command -v apt-get >/dev/null; then
    echo "no chromium, chromium-browser or google-chrome is installed, and there is no apt-get"
  elif [[ $(id -u) != 0 ]]; then
    echo "no chromium, chromium-browser or google-chrome is installed, and only root may install one"
  elif ! timeout 300 bash -c 'apt-get -qq update; exec apt-get -qq -y --no-install-recommends install chromium' \
    >"$1" 2>&1 </dev/null; then
    echo "apt-get could not install it: $(tail -n 1 "$1")"
  else
    _chromium_in_path && return
    echo "apt-get installed it, but there is no program of its name"
  fi
  return 1
}

_chromium_in_path() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return
  done
  return 1
}
