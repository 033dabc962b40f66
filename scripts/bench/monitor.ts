/** The original skill's monitor, word for word but for the folder, which is its argument here. */
export const monitorLoop = `#!/bin/bash
IPC_DIR="$1"
TIMEOUT=1800  # 30 minutes
START=$(date +%s)
shopt -s nullglob
while true; do
  [ -f "$IPC_DIR/.done" ] && exit 0
  for q in "$IPC_DIR"/*.question; do
    seq=$(basename "$q" .question)
    [ ! -f "$IPC_DIR/\${seq}.answer" ] && exit 0
  done
  ELAPSED=$(( $(date +%s) - START ))
  [ "$ELAPSED" -ge "$TIMEOUT" ] && exit 1
  sleep 3
done
`;
