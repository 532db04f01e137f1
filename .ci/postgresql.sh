# A PostgreSQL server for the tests of the rights database, on loopback, for the length of one run. Sourced by .ci/run.
#   start_postgresql FOLDER   makes a server in FOLDER and exports SOURCEPRINT_TEST_DATABASE_URL; says what it did. Without a
#                             server it says why, and returns 0: the tests then run on SQLite only, and say that they skip.
#   stop_postgresql           ends the server that was started, if any.
# `postgresql_tested` holds what to say at the end of the run.

postgresql_tested="SQLite only"
postgresql_folder=
postgresql_bin=

start_postgresql() {
  local reason
  if reason=$(_find_postgresql "$1"); then
    postgresql_bin=$reason
    if _run_postgresql "$1"; then
      postgresql_tested="SQLite and $("$postgresql_bin/postgres" --version)"
      echo "PostgreSQL: $("$postgresql_bin/postgres" --version) on 127.0.0.1, for this run"
      return
    fi
    reason="the server does not start: $(tail -n 1 "$1.log" 2>/dev/null)"
  fi
  echo "PostgreSQL: not available ($reason); the data-layer tests ran on SQLite only"
}

stop_postgresql() {
  [[ -n $postgresql_folder ]] || return 0
  _as_postgres "$postgresql_bin/pg_ctl" -D "$postgresql_folder" -m immediate -s stop 2>/dev/null || true
}

# Prints the folder of the server's programs, or why there is none. Distributions keep them out of PATH.
_find_postgresql() {
  _programs_folder && return
  if ! command -v apt-get >/dev/null; then
    echo "initdb and pg_ctl are not installed, and there is no apt-get"
  elif [[ $(id -u) != 0 ]]; then
    echo "initdb and pg_ctl are not installed, and only root may install them"
  elif ! timeout 300 bash -c 'apt-get -qq update; exec apt-get -qq -y --no-install-recommends install postgresql' \
    >"$1.log" 2>&1 </dev/null; then
    echo "apt-get could not install it: $(tail -n 1 "$1.log")"
  else
    _programs_folder && return
    echo "apt-get installed it, but initdb and pg_ctl are not where they were looked for"
  fi
  return 1
}

_programs_folder() {
  local folder
  # The newest by number, not by name: 9 is older than 15. What PATH has may be a wrapper, and comes last.
  while read -r folder; do
    if [[ -x $folder/initdb && -x $folder/pg_ctl && -x $folder/postgres ]]; then
      echo "$folder"
      return
    fi
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5,5nr
    dirname "$(command -v initdb || echo /nowhere/initdb)"
  )
  return 1
}

_run_postgresql() {
  local log=$1.log port attempt
  mkdir "$1" && : >"$log" || return 1
  [[ $(id -u) != 0 ]] || chown "$(_unprivileged)" "$1" || return 1
  _as_postgres "$postgresql_bin/initdb" -D "$1/data" -U sourceprint --auth=trust --encoding=UTF8 --no-locale --no-sync \
    >>"$log" 2>&1 || return 1
  postgresql_folder=$1/data # from here on there may be something to stop
  for attempt in 1 2 3; do # the port that is free now may be taken a moment later
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # Its output must not hold open the pipe that this script may be writing to.
    if _as_postgres "$postgresql_bin/pg_ctl" -D "$1/data" -w -t 60 -l "$1/server.log" start </dev/null >>"$log" 2>&1 \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"; then
      export SOURCEPRINT_TEST_DATABASE_URL="postgresql://sourceprint@127.0.0.1:$port/postgres"
      return
    fi
    echo "attempt $attempt, port $port: $(tail -n 1 "$1/server.log" 2>/dev/null)" >>"$log"
  done
  return 1
}

# The server refuses to run as root.
_as_postgres() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && runuser -u "$(_unprivileged)" -- "$@")
  else
    "$@"
  fi
}

_unprivileged() {
  if id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}
