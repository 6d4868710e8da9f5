import { createHash } from 'node:crypto';
import type { Redactor } from '../lib/redact.ts';
import type { Status } from '../sync/view.ts';

interface StatusText {
  readonly body: Buffer;
  readonly etag: string;
}

/** Makes the text of a status once, however often it is asked for: the engine gives the same object until it changes. */
export function statusTexts(redact: Redactor): (status: Status) => StatusText {
  let last: { readonly status: Status; readonly text: StatusText } | undefined;
  return status => {
    if (last?.status !== status) last = { status, text: textOf(status, redact) };
    return last.text;
  };
}

function textOf(status: Status, redact: Redactor): StatusText {
  // Messages were made without secrets; this is the second lock.
  const json = JSON.stringify(status, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value));
  const body = Buffer.from(json);
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
