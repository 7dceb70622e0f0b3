# Sourced by scripts/test-guest-lab and test-guest-vhost-user: what a lab of guests can leave, and how such a script ends a run. The caller sets `work`, a
# folder of its own, and `pid`, the run that it started; empty for none.

# A run that gets SIGTERM removes its lab.
cleanup() {
	if [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null; then
		for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 1; done
		kill -9 "$pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}

processes() { # name of the lab, words of their command lines
  for process in /proc/[0-9]*; do
    if { tr "\0" " " < "$process/cmdline"; } 2>/dev/null | grep -F "/run/linerate/$1/" | grep -q "$2"; then echo "process ${process#/proc/}"; fi
  done
}

traces() { # name of the lab: namespaces with taps and bridges, a folder with keys and sockets, processes
  ip netns list | grep -F "lr-$1-" || true
  ls -d "/run/linerate/$1" 2>/dev/null || true
  processes "$1" .
}

wait_for_none() { # name of the lab: whether nothing of it is left within 10 s
  for _ in $(seq 50); do [ -z "$(traces "$1")" ] && return; sleep 0.2; done
  return 1
}
