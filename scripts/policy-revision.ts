import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The Rego files of a folder, and the revision that a bundle built from them carries: 16 hex digits of a SHA-256 over
 * their names and contents. OPA rewrites the sources that it puts into a wasm bundle, so they cannot be compared.
 */
export async function policyRevision(
  folder: string,
): Promise<{ readonly files: readonly string[]; readonly revision: string }> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.rego')).sort();
  const hash = createHash('sha256');
  for (const file of files) {
    const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
    hash.update(`${file}\n${Buffer.byteLength(text)}\n${text}`);
  }
  return { files, revision: hash.digest('hex').slice(0, 16) };
}
