import { type ListName, lists, rules, type ToggleKey, toggles } from './schedule.ts';

/** Members, or why there are none to be had. */
export type Said = ReadonlySet<string> | 'undefined' | 'failed';

interface Stretch<Value> {
  /** ms since the epoch: it may be in force from here on. */
  readonly from: number;
  readonly value: Value;
  /** It may be in force until here. */
  to: number;
}

/** A value whose changes take a moment: while one is under way, both the old and the new are in force. */
class Timeline<Value> {
  readonly #stretches: Stretch<Value>[];

  constructor(first: Value) {
    this.#stretches = [{ from: 0, value: first, to: Number.POSITIVE_INFINITY }];
  }

  get now(): Value {
    return (this.#stretches.at(-1) as Stretch<Value>).value;
  }

  change(value: Value, began: number, ended: number): void {
    (this.#stretches.at(-1) as Stretch<Value>).to = ended;
    this.#stretches.push({ from: began, value, to: Number.POSITIVE_INFINITY });
  }

  /** The last change is carried out: what was before it is no longer in force. */
  carriedOut(at: number): void {
    const before = this.#stretches.at(-2);
    if (before !== undefined) before.to = at;
  }

  /** Whether it held of any value in force between two moments. */
  some(from: number, to: number, holds: (value: Value) => boolean): boolean {
    return this.#stretches.some(stretch => stretch.from <= to && stretch.to >= from && holds(stretch.value));
  }
}

/**
 * What policy and flag files say, and said when: kept by whoever changes them, without asking the program. A source that
 * restarted empty says nothing new: what its data should be did not change.
 */
export class Truth {
  readonly #said = new Map<ListName, Timeline<Said>>();
  readonly #open = new Map<ToggleKey, Timeline<boolean>>();

  constructor(start: Readonly<Record<ListName, ReadonlySet<string>>>) {
    for (const name of lists) this.#said.set(name, new Timeline<Said>(start[name]));
    for (const key of toggles) this.#open.set(key, new Timeline(true));
  }

  /** What its rule says now. */
  of(toggle: ToggleKey): Said {
    return this.list(rules[toggle]);
  }

  list(name: ListName): Said {
    return (this.#said.get(name) as Timeline<Said>).now;
  }

  isOpen(toggle: ToggleKey): boolean {
    return (this.#open.get(toggle) as Timeline<boolean>).now;
  }

  /** A change that began then and is carried out by `ended` (ms since the epoch), as far as is known. */
  says(name: ListName, said: Said, began: number, ended: number): void {
    (this.#said.get(name) as Timeline<Said>).change(said, began, ended);
  }

  /** The last change of a list is carried out. */
  carriedOut(name: ListName, at: number): void {
    this.#said.get(name)?.carriedOut(at);
  }

  opens(toggle: ToggleKey, open: boolean, began: number, ended: number): void {
    (this.#open.get(toggle) as Timeline<boolean>).change(open, began, ended);
  }

  /** Whether the member had a right to the toggle at any moment between. */
  hadRight(toggle: ToggleKey, member: string, from: number, to: number): boolean {
    const isIn = this.#said.get(rules[toggle])?.some(from, to, said => typeof said !== 'string' && said.has(member));
    return isIn === true && this.#open.get(toggle)?.some(from, to, open => open) === true;
  }

  /** Whether the member had, by a defined answer or by the toggle's file, no right to it at any moment between. */
  hadNoRight(toggle: ToggleKey, member: string, from: number, to: number): boolean {
    const isOut = this.#said.get(rules[toggle])?.some(from, to, said => typeof said !== 'string' && !said.has(member));
    return isOut === true || this.wasClosed(toggle, from, to);
  }

  wasClosed(toggle: ToggleKey, from: number, to: number): boolean {
    return this.#open.get(toggle)?.some(from, to, open => !open) === true;
  }

  /** Who should have it once everything is well; undefined: as it is. */
  shouldHave(toggle: ToggleKey): readonly string[] | undefined {
    if (!this.isOpen(toggle)) return [];
    const said = this.of(toggle);
    return typeof said === 'string' ? undefined : [...said].sort();
  }
}
