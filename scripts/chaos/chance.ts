/** Chance that can be repeated: the same seed always makes the same choices. */

export class Chance {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** Choices of their own for a part of a plan: what one part draws changes no other. */
  for(part: string): Chance {
    let hash = 2166136261 ^ this.seed;
    for (const char of part) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619);
    return new Chance(hash);
  }

  /** From 0 up to, but not including, 1: mulberry32. */
  share(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.share() * (most - least + 1));
  }

  /** True so often: 0.25 is one time in four. */
  is(share: number): boolean {
    return this.share() < share;
  }

  of<T>(list: readonly T[]): T {
    return list[Math.floor(this.share() * list.length)]!;
  }

  /** One of these names, each as often as its number says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.share() * total;
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
    return entries.at(-1)![0];
  }
}
