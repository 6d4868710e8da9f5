import { looksSecret } from './secrets.ts';

/** Headers that never carry a secret. */
const harmless = /^(accept|accept-language|content-type|user-agent)$/i;

/**
 * Turns secrets that stand in clear in the settings of a source or target into references, and collects the names of
 * the variables that have to be set. Nothing else is changed.
 */
export class SecretNames {
  readonly #values = new Map<string, string>();

  /** In the order in which they were met. */
  get names(): string[] {
    return [...this.#values.keys()];
  }

  /** The settings with references. `prefix` starts the names of their variables: `RESTAPI`. */
  replace(settings: Readonly<Record<string, unknown>>, prefix: string): Record<string, unknown> {
    return this.#record(settings, prefix, false);
  }

  #record(record: Readonly<Record<string, unknown>>, prefix: string, headers: boolean): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(record).map(([key, value]) => {
        const secret = headers ? !harmless.test(key) : looksSecret(key);
        return [key, this.#value(value, `${prefix}_${variableName(key)}`, secret, /headers$/i.test(key))];
      }),
    );
  }

  #value(value: unknown, name: string, secret: boolean, headers: boolean): unknown {
    if (typeof value === 'string') return this.#text(value, name, secret);
    if (Array.isArray(value)) return value.map((item, at) => this.#value(item, `${name}_${at + 1}`, secret, false));
    if (typeof value !== 'object' || value === null) return value;
    return this.#record(value as Readonly<Record<string, unknown>>, name, headers);
  }

  #text(text: string, name: string, secret: boolean): string {
    if (text === '') return text;
    if (secret) {
      const [, scheme, rest] = /^((?:bearer|basic|token) +)(\S+)$/i.exec(text) ?? [];
      return scheme !== undefined && rest !== undefined
        ? scheme + this.#reference(name, rest)
        : this.#reference(name, text);
    }
    // What looks like a reference was plain text in the old form and has to stay so.
    if (text.includes('${')) return this.#reference(name, text);
    return this.#address(text, name);
  }

  /** An address with its password, and what in its query looks secret, as references. */
  #address(text: string, name: string): string {
    const scheme = /^[a-z][a-z0-9+.-]*:\/\//i;
    if (!scheme.test(text)) return text;
    return text
      .replace(/^([^:]+:\/\/[^/?#@:]*:)([^/?#@]+)@/, (_, before: string, password: string) => {
        return `${before}${this.#reference(`${name}_PASSWORD`, password)}@`;
      })
      .replace(/([?&])([^=&#]+)=([^&#]+)/g, (whole: string, before: string, key: string, value: string) => {
        if (!looksSecret(key) || value.startsWith('${')) return whole;
        return `${before}${key}=${this.#reference(`${name}_${variableName(key)}`, value)}`;
      });
  }

  #reference(wanted: string, value: string): string {
    let name = wanted;
    for (let next = 2; this.#values.has(name) && this.#values.get(name) !== value; next++) name = `${wanted}_${next}`;
    this.#values.set(name, value);
    return `\${${name}}`;
  }
}

/** `extraHeaders` → `EXTRA_HEADERS` */
export function variableName(text: string): string {
  const words = text.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_');
  return words.replace(/^_+|_+$/g, '').toUpperCase();
}
