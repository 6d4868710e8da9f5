const secretKey =
  /token|secret|password|passwd|credential|authorization|api[-_]?key|sdk[-_]?keys?|private[-_]?key|cookie/i;
const headersKey = /headers$/i;
/** Shorter ones are `true`, `prod`, a port: hiding them would hide the message. */
const shortest = 6;
/** A path of at most so many characters is no secret: `/hooks`. */
const longestPath = 8;

/** True for keys under which a secret is expected. */
export function looksSecret(key: string): boolean {
  return secretKey.test(key);
}

/** What must not be shown of the settings of a source or target: tokens, header values, passwords in addresses. */
export function secretsIn(settings: Readonly<Record<string, unknown>>): string[] {
  const found: string[] = [];
  collect(settings, false, text => found.push(text));
  return found;
}

/** An address that is a secret itself, and its path and query, which messages show alone. */
export function addressSecrets(address: string): string[] {
  const url = URL.parse(address);
  const path = url === null ? '' : `${url.pathname}${url.search}`;
  return [address, ...(path.length > longestPath ? [path, url?.pathname ?? path] : [])];
}

/** Which of the values that came in through references are kept for redaction, whatever key they stand under. */
export function worthHiding(values: readonly string[]): string[] {
  return values.filter(value => value.length >= shortest);
}

function collect(value: unknown, secret: boolean, add: (text: string) => void): void {
  if (typeof value === 'string') {
    if (secret) {
      add(value);
      // `Bearer abc`: the token alone may turn up in a message as well.
      const [, credentials] = /^(?:bearer|basic|token)\s+(\S+)$/i.exec(value) ?? [];
      if (credentials !== undefined) add(credentials);
    } else {
      for (const part of urlSecrets(value)) add(part);
    }
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, secret, add);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      collect(item, secret || looksSecret(key) || headersKey.test(key), add);
    }
  }
}

/** The password of an address and the values of its query that look like one. */
function urlSecrets(text: string): string[] {
  if (!text.includes('://')) return [];
  const url = URL.parse(text);
  if (url === null) return [];
  const query = [...url.searchParams].filter(([key]) => looksSecret(key)).map(([, value]) => value);
  return [url.password, safeDecode(url.password), ...query].filter(part => part !== '');
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
