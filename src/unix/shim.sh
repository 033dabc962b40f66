# The parent of one worker. It waits, records how the worker ended, and does
# nothing else: builtins only, so that there is nothing to crash or to miss.
#
#   sh -c THIS dispatch-shim RUN_DIR [PROGRAM ARGUMENT...]
#
# stdin     the worker's: its prompt, or /dev/null
# stdout/2  the run's log, whose lock everything here inherits
# fd 4      the log, for the worker to have as its stderr
# fd 3      a pipe to whoever launches: a dot, just before the worker's exec
#
# The worker runs in the foreground and signals are caught, not ignored: a
# caught signal is back to normal in the child, an ignored one would stay so.
# RUN_DIR/exit is complete once it ends in a newline; without one there is no
# exit record. Noclobber makes it a thing that happens once.
trap : HUP INT TERM
run=$1
shift
# "Killed", as the shell says of a child, would stand in the log as if the worker had said it.
exec 4>&2 2>/dev/null
/bin/sh -c 'printf "%s\n" "$$" >"$0/pid"; printf . >&3; exec "$@" 3>&-' "$run" "$@" 2>&4 4>&-
code=$?
set -C
printf '%s\n' "$code" >"$run/exit"
