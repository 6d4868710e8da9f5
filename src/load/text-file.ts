import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Problem, ProblemError } from '../domain/problem.ts';

/** behaviour.md §8 */
export const flagFileLimit = 256 * 1024;
export const configLimit = 1024 * 1024;

// Everything YAML 1.2 does not call printable, but for what UTF-8 decoding refuses anyway.
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * The text of a file of at most `limit` bytes, without a byte order mark. `file` is its name in messages.
 * Throws a ProblemError (with place) for what is too large, no regular file, no UTF-8 or holds control characters;
 * errors of the file system pass as they are.
 */
export async function readTextFile(path: string, file: string, limit: number): Promise<string> {
  const found = await stat(path);
  if (!found.isFile()) {
    throw new ProblemError(
      at(file, {
        code: 'not-a-file',
        message: `${file} is not a regular file.`,
        hint: 'Put a plain YAML file there.',
      }),
    );
  }
  if (found.size > limit) throw new ProblemError(tooLarge(file, found.size, limit));
  return readKnownFile(path, file, limit);
}

/**
 * The same for a path that was just seen to be a regular file. Synchronous: 10,000 small files take 0.07 s of processor
 * time this way and 0.3 s or more through the thread pool.
 */
export function readKnownFile(path: string, file: string, limit: number): string {
  const bytes = readFileSync(path);
  if (bytes.length > limit) throw new ProblemError(tooLarge(file, bytes.length, limit));
  return decodeText(bytes, file);
}

/** Bytes as text without a byte order mark. Throws a ProblemError for what is no text. */
export function decodeText(bytes: Buffer, file: string): string {
  if (!isUtf8(bytes)) {
    throw new ProblemError(
      at(file, { code: 'not-text', message: 'The file is not UTF-8 text.', hint: 'Save it as UTF-8.' }),
    );
  }
  const decoded = bytes.toString('utf8');
  const text = decoded.startsWith('\ufeff') ? decoded.slice(1) : decoded;
  const bad = unprintable.exec(text);
  if (bad === null) return text;
  const before = text.slice(0, bad.index);
  const line = before.split('\n').length;
  const code = bad[0].charCodeAt(0).toString(16).padStart(4, '0');
  throw new ProblemError({
    code: 'not-text',
    message: `The file holds the control character U+${code.toUpperCase()}.`,
    hint: 'Remove it; inside double quotes it may be written as an escape.',
    at: { file, line, column: bad.index - before.lastIndexOf('\n') },
  });
}

/** Says how large a file may be. */
export function tooLarge(file: string, size: number, limit: number): Problem {
  return at(file, {
    code: 'file-too-large',
    message: `The file has ${size} bytes, more than the ${limit} that are read.`,
    hint: 'Split it or make it smaller.',
  });
}

function at(file: string, problem: Problem): Problem {
  return { ...problem, at: { file, line: 1, column: 1 } };
}
