/** What may be shipped, by SPDX id: nothing here asks more of whoever passes it on than to keep the notice. */
const shipped: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** What may be used to build and test, and is never passed on. */
const onlyForDevelopment: ReadonlySet<string> = new Set(['MPL-2.0']);

/** Whether a license (an SPDX expression of AND and OR) may be used; without one nothing may. */
export function isAllowed(expression: string | undefined, dev: boolean): boolean {
  if (expression === undefined) return false;
  const plain = expression.replace(/[()]/g, ' ').trim();
  // Parentheses around parts of a mixed expression would need a parser: such a license is looked at by a person.
  if (/ AND /.test(plain) && / OR /.test(plain)) return false;
  const has = (id: string): boolean => shipped.has(id.trim()) || (dev && onlyForDevelopment.has(id.trim()));
  return / OR /.test(plain) ? plain.split(' OR ').some(has) : plain.split(' AND ').every(has);
}
