import type { Json, JsonObject } from '../domain/json.ts';
import { type Difference, difference, type Members, noMembers, sameMembers } from '../domain/members.ts';

const none: Difference = { added: noMembers, removed: noMembers };

/** Differences of one plan: each pair of sets is merged once, however many placements share it. */
export class Differences {
  readonly #known = new Map<Members, Map<Members, Difference>>();

  /** What `to` has more than `from`, and what it has less. */
  between(from: Members, to: Members): Difference {
    if (sameMembers(from, to)) return none;
    if (from.size === 0) return { added: to, removed: noMembers };
    if (to.size === 0) return { added: noMembers, removed: from };
    let known = this.#known.get(from);
    if (known === undefined) {
      known = new Map();
      this.#known.set(from, known);
    }
    let found = known.get(to);
    if (found === undefined) {
      found = difference(from, to);
      known.set(to, found);
    }
    return found;
  }

  /** What is in `from` and not in `what`. */
  without(from: Members, what: Members): Members {
    return from.size === 0 || what.size === 0 ? from : this.between(from, what).removed;
  }
}

const foundSame = new WeakMap<object, object>();

/** True for equal metadata; a pair found equal is remembered, because most are compared at every plan. */
export function sameMetadata(one: JsonObject, other: JsonObject): boolean {
  if (one === other || foundSame.get(one) === other) return true;
  const same = sameJson(one, other);
  if (same) foundSame.set(one, other);
  return same;
}

function sameJson(one: Json, other: Json): boolean {
  if (one === other) return true;
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((value, index) => sameJson(value, other[index]));
  }
  const [a, b] = [one as JsonObject, other as JsonObject];
  const keys = Object.keys(a).filter(key => a[key] !== undefined);
  if (keys.length !== Object.keys(b).filter(key => b[key] !== undefined).length) return false;
  return keys.every(key => {
    const value = Object.hasOwn(b, key) ? b[key] : undefined;
    return value !== undefined && sameJson(a[key] as Json, value);
  });
}
