/** A sentinel holds: a document that is not empty, or a rule that is true. */
export function holds(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** What shows that answers may be believed: behaviour.md §5. */
export interface Proof {
  readonly sentinels: readonly (readonly string[])[];
  /** Looks at them, where the answers do not hold them. */
  look(): Promise<void>;
}

/** Whether the document of that package has a place for each sentinel. */
export function standIn(segments: readonly string[], { sentinels }: Proof): boolean {
  return sentinels.every(
    path => path.length >= segments.length && segments.every((segment, index) => path[index] === segment),
  );
}

/**
 * Whether every sentinel holds in the document of that package. All of it is of one moment, so this says more than a
 * look before and one after.
 */
export function holdIn(document: unknown, segments: readonly string[], { sentinels }: Proof): boolean {
  return sentinels.every(path => holds(valueAt(document, path.slice(segments.length))));
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, segment)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[segment];
  }
  return value;
}
