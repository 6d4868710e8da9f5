import { readFileSync } from 'node:fs';

interface PageFile {
  readonly url: string;
  readonly type: string;
  readonly body: Buffer;
}

/** The status page: static, without data. The files lie beside this module, in the sources and in the built package. */
export function readPage(): { readonly html: Buffer; readonly files: readonly PageFile[] } {
  const read = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url));
  return {
    html: read('index.html'),
    files: [
      { url: '/page.js', type: 'text/javascript; charset=utf-8', body: read('page.js') },
      { url: '/page.css', type: 'text/css; charset=utf-8', body: read('page.css') },
    ],
  };
}
