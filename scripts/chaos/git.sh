#!/bin/sh
# Git, as a storm has it: first on its PATH. One that is aimed at is ended, or ends
# whoever has called it; all others are git itself.
#
#   CHAOS_AIM, aims/all   files of one line: CALL WHEN WHOM SKIP SECONDS
#
# CALL     the subcommand; of a worktree: worktree-add, worktree-remove, …
# WHEN     before it has done anything, after it has done all, during it: so many SECONDS later
# WHOM     self: git; parent: its caller, while git goes on; both
# SKIP     so many such calls go well first
call='' value=''
for word do
  if [ -n "$value" ]; then value=''; continue; fi
  case $word in
  -c | -C) value=yes ;;
  -*) ;;
  worktree) call=$word ;;
  *) call=${call:+$call-}$word; break ;;
  esac
done
aimed=''
for file in "${CHAOS_AIM:-}" "$CHAOS_GROUND/aims/all"; do
  [ -f "$file" ] && read -r wanted when whom skip seconds <"$file" 2>/dev/null || continue
  [ "$wanted" = "$call" ] || continue
  if [ "$skip" -gt 0 ]; then
    echo "$wanted $when $whom $((skip - 1)) $seconds" >"$file.$$" && mv "$file.$$" "$file"
  elif mv "$file" "$file.taken.$$" 2>/dev/null; then
    aimed=yes
    break
  fi
done
[ -n "$aimed" ] || exec "$REAL_GIT" "$@"
echo "$call $when $whom $PWD" >>"$CHAOS_GROUND/aimed"
is_ours() { tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | grep -qx "CHAOS_TOKEN=$CHAOS_TOKEN"; }
end_parent() { if [ "$whom" != self ] && is_ours "$PPID"; then kill -9 "$PPID"; fi; }
case $when in
before)
  end_parent
  [ "$whom" = parent ] || kill -9 $$
  exec "$REAL_GIT" "$@"
  ;;
after)
  "$REAL_GIT" "$@"
  code=$?
  end_parent
  [ "$whom" = parent ] || kill -9 $$
  exit $code
  ;;
during)
  exec 9<&0
  "$REAL_GIT" "$@" <&9 9<&- &
  child=$!
  sleep "$seconds"
  end_parent
  if [ "$whom" != parent ]; then
    kill -9 "$child"
    kill -9 $$
  fi
  wait "$child"
  ;;
esac
