# Go and its packages for transparency logs, from the distribution, as an outside reader in the tests. Sourced by .ci/run.
#   find_go LOG   finds them, or installs them with apt-get; says what it did. Without Go it says why, and returns 0: the
#                 tests of the outside reader then say that they skip.
# `go_program` is the compiler, or empty; `go_tested` holds what to say at the end of the run.

go_program=
go_tested="by Sourceprint alone"

find_go() {
  local reason
  if reason=$(_find_go "$1"); then
    go_program=$reason
    go_tested="by Sourceprint, and by golang.org/x/mod with $("$go_program" version 2>/dev/null </dev/null || echo "$go_program")"
    echo "Go: $go_program, with golang.org/x/mod"
    return
  fi
  echo "Go: not available ($reason); logs were read by Sourceprint alone"
}

# Prints the compiler, or why there is none. The folder is the one that tests/sourceprint/transparency/test_outside_reader.py looks in.
_find_go() {
  _go_with_packages && return
  if ! command -v apt-get >/dev/null; then
    echo "go or golang.org/x/mod is not installed, and there is no apt-get"
  elif [[ $(id -u) != 0 ]]; then
    echo "go or golang.org/x/mod is not installed, and only root may install them"
  elif ! timeout 300 bash -c 'apt-get -qq update; exec apt-get -qq -y --no-install-recommends install golang-go golang-golang-x-mod-dev' \
    >"$1" 2>&1 </dev/null; then
    echo "apt-get could not install them: $(tail -n 1 "$1")"
  else
    _go_with_packages && return
    echo "apt-get installed them, but go or golang.org/x/mod is not where it was looked for"
  fi
  return 1
}

_go_with_packages() {
  [[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]] && command -v go
}
