/**
 * Control characters, line ends, and the invisible ones that reorder or hide text: they could move a cursor, fake a line
 * or start a workflow command.
 */
const unprintable = /[\p{Cc}\p{Cs}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/gu;

/** Text from outside as one harmless line: runs of white space and line ends become a space, other control characters `?`. */
export function inertLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[ \t\r\n\u2028\u2029]+/g, ' ')
    .trim()
    .replace(unprintable, '?')
    .replaceAll('::', ': :')
    .replaceAll('##[', '## [');
}

/** A character that only breaks up what GitHub would turn into a mention, a reference or a link. */
const breaker = '&#8203;';

/** Everything that means something to Markdown or HTML. `-`, `.`, `+` and `)` mean something only where a line begins. */
const meaningful = /[\\`*_{}[\]<>()#!|~&@:^$="']/g;

/**
 * Text from outside as Markdown (GitHub's) that shows exactly that text: no markup, HTML, table cell, mention, reference,
 * link or workflow command. To be put behind text of ours: the first character of a line is not looked at.
 */
export function inertMarkdown(text: string): string {
  return inertLine(text)
    .replace(meaningful, (character, at: number, line: string) => {
      const code = `&#${character.charCodeAt(0)};`;
      const links = character === ':' ? line[at + 1] === '/' : '@#'.includes(character);
      return links ? code + breaker : code;
    })
    .replace(/\b(GH)-(?=\d)/gi, `$1${breaker}-`)
    .replace(/\b(www)\./gi, `$1${breaker}.`);
}

/** A name from outside in code type where that is safe (then it can be copied), else as inert text. */
export function markdownName(text: string): string {
  return /^[A-Za-z0-9]([A-Za-z0-9._ /-]*[A-Za-z0-9._/-])?$/.test(text) ? `\`${text}\`` : inertMarkdown(text);
}
