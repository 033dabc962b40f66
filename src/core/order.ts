/** The order of tasks that come after one another. */

interface Ordered {
  id: string | null;
  after: readonly string[];
}

/** Parents first, else as they stand; or the ids of a circle, in which none could ever start. */
export function parentsFirst<T extends Ordered>(
  tasks: readonly T[],
): { ordered: T[]; circle: null } | { ordered: null; circle: string[] } {
  const byId = new Map(tasks.flatMap((task) => (task.id === null ? [] : [[task.id, task]])));
  const ordered = new Set<T>();
  for (const first of tasks) {
    // By hand: a chain can be longer than calls can be nested.
    const path: { task: T; parents: Iterator<string> }[] = [];
    const onPath = new Set<T>();
    const enter = (task: T) => {
      if (ordered.has(task)) return;
      path.push({ task, parents: task.after[Symbol.iterator]() });
      onPath.add(task);
    };
    enter(first);
    for (let last; (last = path.at(-1)) !== undefined;) {
      const { value, done } = last.parents.next();
      const mate = done ? undefined : byId.get(value);
      if (done) {
        ordered.add(last.task);
        onPath.delete(last.task);
        path.pop();
      } else if (mate !== undefined && onPath.has(mate)) {
        const ids = path.map(({ task }) => task.id ?? "");
        return { ordered: null, circle: [...ids.slice(ids.indexOf(value)), value] };
      } else if (mate !== undefined) enter(mate);
    }
  }
  return { ordered: [...ordered], circle: null };
}
