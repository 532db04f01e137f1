# nginx for the tests of the documented proxy, from the distribution. Sourced by .ci/run.
#   find_nginx LOG   finds it, or installs it with apt-get; says what it did. Without nginx it says why, and returns 0: the
#                    tests of the proxy then say that they skip.
# `nginx_program` is the server, or empty; `nginx_tested` holds what to say at the end of the run.

nginx_program=
nginx_tested="behind no proxy"

find_nginx() {
  local reason
  if reason=$(_find_nginx "$1"); then
    nginx_program=$reason
    nginx_tested="behind $("$nginx_program" -v 2>&1 </dev/null || echo "$nginx_program")"
    echo "nginx: $nginx_program, $nginx_tested"
    return
  fi
  echo "nginx: not available ($reason); the service was not tested behind a proxy"
}

# Prints the program, or why there is none. Distributions keep it in /usr/sbin, as tests/sourceprint/service/test_proxy.py knows.
_find_nginx() {
  _nginx_in_path && return
  if ! command -v apt-get >/dev/null; then
    echo "nginx is not installed, and there is no apt-get"
  elif [[ $(id -u) != 0 ]]; then
    echo "nginx is not installed, and only root may install it"
  elif ! timeout 300 bash -c 'apt-get -qq update; exec apt-get -qq -y --no-install-recommends install nginx-light' \
    >"$1" 2>&1 </dev/null; then
    echo "apt-get could not install it: $(tail -n 1 "$1")"
  else
    _nginx_in_path && return
    echo "apt-get installed it, but there is no program of its name"
  fi
  return 1
}

_nginx_in_path() {
  PATH=$PATH:/usr/sbin command -v nginx
}
