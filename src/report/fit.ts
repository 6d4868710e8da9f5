/**
 * Parts of Markdown as one text of at most `most` bytes, the first ones first; where not all have room, whole lines of the
 * next one and `more` at the end. A part that is folded is there or not.
 */
export function fitMarkdown(parts: readonly string[], most: number, more: string): string {
  const whole = parts.join('\n');
  if (Buffer.byteLength(whole) <= most) return whole;
  let room = most - Buffer.byteLength(more) - 2;
  const kept: string[] = [];
  for (const part of parts) {
    const size = Buffer.byteLength(part) + 1;
    if (size <= room) {
      kept.push(part);
      room -= size;
      continue;
    }
    if (!part.startsWith('<details')) kept.push(firstLines(part, room));
    break;
  }
  return `${kept.filter(part => part !== '').join('\n')}\n${more}`;
}

function firstLines(part: string, room: number): string {
  let short = '';
  let left = room;
  for (const line of part.split('\n')) {
    left -= Buffer.byteLength(line) + 1;
    if (left < 1) break;
    short += `${line}\n`;
  }
  return short;
}
