import { describe, expect, it } from 'vitest';
import { readPage } from '../../src/server/page.ts';

const page = readPage();
const html = page.html.toString();
const script = page.files.find(({ url }) => url === '/page.js')?.body.toString() ?? '';

describe('the status page', () => {
  it('has nothing that its content security policy forbids', () => {
    expect(html).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\bsrc=)|https?:|<img|<iframe/);
    expect(html.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="/page.css"', 'src="/page.js"', 'href="/api/status"']);
  });

  it('shows what it gets as text only', () => {
    expect(script).toContain('textContent');
    expect(script).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|\.href|\.src\b/,
    );
  });

  it('finds each element that the script asks for', () => {
    const ids = [...script.matchAll(/byId\('([^']+)'\)/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(10);
    for (const id of ids) expect(html).toContain(`id="${id}"`);
  });

  it('has a label for each field and a head for each column', () => {
    for (const [, id] of html.matchAll(/<(?:input|select) id="([^"]+)"/g)) expect(html).toContain(`for="${id}"`);
    expect(html).not.toMatch(/<th(?![^>]*scope="col")[ >]/);
  });
});
