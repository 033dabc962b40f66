/**
 * Fake agents, named after what they do. Each is a shell script that takes the
 * prompt as its last argument, as any `command` of a config does.
 */

/** Words that the agents are written in. */
export const prelude = `
plan=\${DISPATCH_TASK_DIR:-.}/plan.md
ipc=\${DISPATCH_TASK_DIR:-.}/ipc
# Ticks the first open item, by replacing the file as editors do.
tick() { sed '0,/- \\[ \\]/s//- [x]/' "$plan" >"$plan.new" && mv "$plan.new" "$plan"; }
tick_all() { sed 's/- \\[ \\]/- [x]/' "$plan" >"$plan.new" && mv "$plan.new" "$plan"; }
mark() { sed "0,/- \\[ \\]/s//- [$1]/" "$plan" >"$plan.new" && mv "$plan.new" "$plan"; }
# Waits until the test opens the gate.
gate() { mkfifo "$GATES/$1.new" && mv "$GATES/$1.new" "$GATES/$1" && read -r _ <"$GATES/$1"; rm -f "$GATES/$1"; }
# As an agent does it: asks, and runs whatever command it is given instead of an answer.
ask() {
  reply=$(dispatch ask "$@" 2>&1); code=$?
  while [ $code -eq 124 ]; do
    echo "told: $reply" >&2
    next=\${reply##*run: dispatch }
    reply=$(dispatch $next 2>&1); code=$?
  done
  echo "$reply"
  return $code
}
`;

export const agents = {
  finishes: `tick_all; echo "all done" ; touch "$ipc/.done"`,
  finishes_with_output: `echo "the findings" >"$DISPATCH_TASK_DIR/output.md"; tick_all`,
  asks: `
    answer=$(ask "Which colour?" --option red --option blue) || exit 7
    echo "painted $answer" >"$DISPATCH_TASK_DIR/output.md"
    tick_all`,
  asks_twice: `
    first=$(ask "First?"); tick
    second=$(ask "Second?"); tick_all
    echo "$first then $second" >"$DISPATCH_TASK_DIR/output.md"`,
  asks_by_files: `
    printf 'By hand?\\n' >"$ipc/q.tmp"; mv "$ipc/q.tmp" "$ipc/001.question"
    gate answered
    cat "$ipc/001.answer" >"$DISPATCH_TASK_DIR/output.md"
    touch "$ipc/001.done"; tick_all; touch "$ipc/.done"`,
  gives_up: `
    reply=$(ask "Anybody there?") && { tick_all; exit 0; }
    echo "$reply"
    echo "what I know" >"$DISPATCH_TASK_DIR/context.md"
    mark '?'`,
  never_ends: `echo started; gate never`,
  waits: `gate go; tick_all`,
  ends_without_ticking: `echo "I think I am finished"`,
  half_done: `tick; echo "stopping here"`,
  fails: `echo "something broke" >&2; exit 1`,
  fails_an_item: `tick; mark '!'; sed 's/^- \\[!\\].*/&\\n  the disk is on fire/' "$plan" >"$plan.new"; mv "$plan.new" "$plan"`,
  floods: `dd if=/dev/zero bs=1M count=40 2>/dev/null | tr '\\0' 'x'; echo; echo "last words"; tick_all`,
  forks: `setsid sh -c 'gate_file=$GATES/child; mkfifo "$gate_file"; read -r _ <"$gate_file"' >/dev/null 2>&1 & tick_all`,
  starts_tools: `
    setsid sh -c 'setsid sleep 1000 & sleep 1000' >/dev/null 2>&1 &
    env -i setsid sleep 1001 &
    gate never`,
  ignores_term: `trap '' TERM INT HUP; while :; do gate never; done`,
  rewrites: `
    old=$(cat "$plan"); gate noted
    printf '%s\\n' "$old" >"$plan.new"; mv "$plan.new" "$plan"
    gate rewritten; tick_all`,
  rewords: `printf '# Mine\\n- [x] quite another thing\\n- [x] and one more\\n' >"$plan"`,
  drops_items: `printf '# Mine\\n- [x] Only this\\n' >"$plan"`,
  deletes_plan: `rm "$plan"`,
  shows_environment: `env >"$DISPATCH_TASK_DIR/output.md"; pwd >>"$DISPATCH_TASK_DIR/output.md"; tick_all`,
  shows_prompt: `for last; do :; done; printf '%s' "$last" >"$DISPATCH_TASK_DIR/output.md"; tick_all`,
  dispatches: `dispatch run --model finishes "more work" >"$DISPATCH_TASK_DIR/output.md" 2>&1; echo "exit $?" >>"$DISPATCH_TASK_DIR/output.md"; tick_all`,
} as const;
