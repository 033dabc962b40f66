# A run of several steps, in the shim's hands: its ground is made before the worker
# is started there, and its check comes after a worker that has ended well.
#
#   sh -c THIS dispatch-steps BEFORE CWD AFTER [PROGRAM ARGUMENT...]
#
# BEFORE, AFTER  shell lines, or nothing. The worker's exit code is the run's; where
# BEFORE fails there is no worker, and its code is.
trap : HUP INT TERM
before=$1 cwd=$2 after=$3
shift 3
if [ -n "$before" ]; then eval "$before" </dev/null || exit; fi
cd "$cwd" || exit
[ -n "$after" ] || exec "$@"
"$@"
code=$?
if [ "$code" = 0 ]; then eval "$after" </dev/null; fi
exit "$code"
