/** `<!-- file: path -->`, and the block of code that follows it, if there is one already. */
const embedded = /<!-- file: (\S+) -->\n(?:\n```[a-z]*\n[\s\S]*?\n```\n)?/g;

/** The files that a page shows in full. */
export function embeddedFiles(page: string): readonly string[] {
  return [...page.matchAll(embedded)].map(([, path]) => path ?? '');
}

/** The page with each embedded file as it is now. `read` gives a file's text. */
export function withEmbedded(page: string, read: (path: string) => string): string {
  return page.replace(embedded, (_, path: string) => {
    const language = path.slice(path.lastIndexOf('.') + 1);
    return `<!-- file: ${path} -->\n\n\`\`\`${language}\n${read(path).trimEnd()}\n\`\`\`\n`;
  });
}
