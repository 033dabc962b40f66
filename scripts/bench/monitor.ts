/** Waiting as the original skill's monitor does: a look every three seconds, for half an hour; its argument is the mailbox. */
export const monitorLoop = `#!/bin/bash
until=$(( $(date +%s) + 1800 ))
while [ "$(date +%s)" -lt "$until" ]; do
  [ -e "$1/.done" ] && exit 0
  for question in "$1"/*.question; do
    number=$(basename "$question" .question)
    [ -e "$question" ] && [ ! -e "$1/$number.answer" ] && exit 0
  done
  sleep 3
done
exit 1
`;
