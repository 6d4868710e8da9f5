/** Takes a text, gives it back with every secret replaced by `•••`. */
export type Redactor = (text: string) => string;

/** Shorter ones would blacken ordinary words and protect nothing. */
const shortestSecret = 4;
/** A piece of base64 below this length occurs in innocent text. */
const shortestPiece = 6;
const mask = '•••';

/**
 * Makes a redactor of the configured secrets (those of 4 characters and more). Each is found as it is, percent-encoded,
 * as inside a JSON string, and in base64, also where it is only a part of what was encoded (`user:secret`).
 */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length >= shortestSecret) for (const form of formsOf(secret)) forms.add(form);
  }
  if (forms.size === 0) return text => text;
  // The longest first: of two secrets that begin alike the longer one goes whole.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  const any = new RegExp(longestFirst.map(literal).join('|'), 'g');
  // `includes` is a plain memory search: most texts hold no secret and never meet the expression.
  return text => (longestFirst.some(form => text.includes(form)) ? text.replace(any, mask) : text);
}

/** A redactor that learns: of secrets that came later too. */
export interface LearningRedactor {
  readonly redact: Redactor;
  learn(secrets: Iterable<string>): void;
}

/** Starts with these secrets; an old one is hidden for as long as the process lives. */
export function createLearningRedactor(secrets: Iterable<string>): LearningRedactor {
  const known = new Set(secrets);
  let current = createRedactor(known);
  return {
    redact: text => current(text),
    learn(more) {
      for (const secret of more) known.add(secret);
      current = createRedactor(known);
    },
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function formsOf(secret: string): string[] {
  const percent = percentEncoded(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    json,
    // A JSON text inside a JSON text, as when an answer is quoted in a log line.
    JSON.stringify(json).slice(1, -1),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()),
    percent.replaceAll('%20', '+'),
    ...base64Pieces(Buffer.from(secret)),
  ];
}

function percentEncoded(secret: string): string {
  return encodeURIComponent(secret.toWellFormed());
}

/** What base64 shows of the bytes at each of the three places they can have in a group, without what neighbors decide. */
function base64Pieces(bytes: Buffer): string[] {
  const pieces: string[] = [];
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    const piece = encoded.slice(Math.ceil((before * 8) / 6), end);
    if (piece.length >= shortestPiece) pieces.push(piece, piece.replaceAll('-', '+').replaceAll('_', '/'));
  }
  const whole = bytes.toString('base64');
  return [...pieces, whole, bytes.toString('base64url')];
}
