/** The order of tasks that come after one another. */

interface Ordered {
  id: string | null;
  after: readonly string[];
}

/** Parents first, else as they stand; or the ids of a circle, in which none could ever start. */
export function parentsFirst<T extends Ordered>(
  tasks: readonly T[],
): { ordered: T[]; circle: null } | { ordered: null; circle: string[] } {
  const ordered: T[] = [];
  const byId = new Map(tasks.flatMap((task) => (task.id === null ? [] : [[task.id, task]])));
  const path: string[] = [];
  /** A circle that it leads to, or null. */
  const place = (task: T): string[] | null => {
    if (ordered.includes(task)) return null;
    const id = task.id ?? "";
    if (id !== "" && path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    path.push(id);
    for (const parent of task.after) {
      const mate = byId.get(parent);
      const circle = mate === undefined ? null : place(mate);
      if (circle !== null) return circle;
    }
    path.pop();
    ordered.push(task);
    return null;
  };
  for (const task of tasks) {
    const circle = place(task);
    if (circle !== null) return { ordered: null, circle };
  }
  return { ordered, circle: null };
}
