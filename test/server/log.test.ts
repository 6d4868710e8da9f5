import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/server/log.ts';

const secret = 'canary-4711/secret"';

function recorder(terminal: boolean, level: 'debug' | 'info' = 'info') {
  const lines: string[] = [];
  const log = createLog({ terminal, level, secrets: [secret], stream: { write: text => lines.push(text) } });
  return { lines, log };
}

describe('the log', () => {
  it('writes one JSON object a line, with level, time and fields', () => {
    const { lines, log } = recorder(false);
    log.child({ target: 'local' }).info({ granted: 1 }, 'us-feature local production +1 −0');
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0] ?? '');
    expect(line).toMatchObject({
      level: 'info',
      target: 'local',
      granted: 1,
      msg: 'us-feature local production +1 −0',
    });
    expect(Date.parse(line.time)).toBeGreaterThan(0);
    expect(line).not.toHaveProperty('pid');
    expect(line).not.toHaveProperty('hostname');
  });

  it('keeps below its level quiet', () => {
    const { lines, log } = recorder(false);
    log.debug({}, 'no');
    log.warn({}, 'yes');
    expect(lines).toHaveLength(1);
  });

  it('writes readable lines on a terminal, at once', () => {
    const { lines, log } = recorder(true);
    log.info({ granted: 1 }, 'us-feature local production +1 −0');
    const text = stripVTControlCharacters(lines.join(''));
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: us-feature local production \+1 −0 \{"granted":1\}\n$/);
  });

  it.each([true, false])('never lets a secret out (terminal: %s)', terminal => {
    const { lines, log } = recorder(terminal, 'debug');
    log.info({ token: secret, nested: { header: `Bearer ${secret}` } }, `asked with ${secret}`);
    log.error({ err: new Error(`failed for ${secret}`) }, 'failed');
    log.child({ url: `http://host/?t=${encodeURIComponent(secret)}` }).debug({}, JSON.stringify({ secret }));
    log.warn({ basic: Buffer.from(`me:${secret}`).toString('base64') }, 'refused');
    const all = lines.join('');
    expect(all).toContain('•••');
    expect(all).not.toContain('canary-4711');
    expect(all).not.toContain(Buffer.from(`me:${secret}`).toString('base64').slice(6, 20));
  });

  it.each([true, false])('keeps a line a line (terminal: %s)', terminal => {
    const { lines, log } = recorder(terminal);
    log.info({ key: 'a\nb\u001b[2J' }, 'bad\n::error::fake\u001b[31m key');
    expect(lines.join('').trimEnd().split('\n')).toHaveLength(1);
    expect(lines.join('')).not.toContain('\u001b[2J');
    expect(lines.join('')).not.toContain('\u001b[31m key');
  });

  it('loses nothing when the program ends right after', () => {
    const module = new URL('../../src/server/log.ts', import.meta.url);
    for (const terminal of [true, false]) {
      const script = `import { createLog } from ${JSON.stringify(module.href)};
        const log = createLog({ terminal: ${terminal}, level: 'info', secrets: [], stream: process.stderr });
        for (let i = 0; i < 500; i++) log.info({}, 'line ' + i);`;
      const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
      expect(stderr).toContain('line 499');
      expect(stderr.trimEnd().split('\n')).toHaveLength(500);
    }
  });
});
