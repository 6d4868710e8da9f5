import type { Sample } from './sample.ts';

const WIDTH = 900;
const LEFT = 70;
const RIGHT = 150;
const PANEL = 130;
const GAP = 34;
const TOP = 64;
const inner = WIDTH - LEFT - RIGHT;

interface Line {
  readonly name: string;
  readonly color: string;
  readonly of: (sample: Sample) => number;
}

interface Panel {
  readonly title: string;
  /** A value as it stands at the axis. */
  readonly unit: (value: number) => string;
  readonly lines: readonly Line[];
}

const mb = (value: number) => `${(value / 1e6).toFixed(0)} MB`;
const ms = (value: number) => (value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${value.toFixed(0)} ms`);

const PANELS: readonly Panel[] = [
  {
    title: 'Memory of the program',
    unit: mb,
    lines: [
      { name: 'resident', color: '#1f5fa8', of: one => one.resident },
      { name: 'heap used', color: '#3a9a6b', of: one => one.heap },
    ],
  },
  {
    title: 'Open sockets',
    unit: value => value.toFixed(0),
    lines: [{ name: 'sockets', color: '#7a4fa3', of: one => one.sockets }],
  },
  {
    title: 'Delay of the event loop, each second',
    unit: ms,
    lines: [
      { name: 'longest', color: '#c77700', of: one => one.lagMax },
      { name: '99 of 100', color: '#8a8a00', of: one => one.lagP99 },
    ],
  },
  {
    title: 'From a change of policy to the write that shows it',
    unit: ms,
    lines: [
      { name: 'longest', color: '#b3262b', of: one => one.latencyMax },
      { name: 'median', color: '#1f5fa8', of: one => one.latencyP50 },
    ],
  },
];

/** The soak as an SVG of its own: a panel for each thing that must not grow, faults shaded, the worst value of each pixel. */
export function plot(samples: readonly Sample[], title: string, lines: readonly string[]): string {
  const end = Math.max(1, samples.at(-1)?.at ?? 1);
  const top = TOP + lines.length * 16;
  const height = top + PANELS.length * (PANEL + GAP) + 20;
  const x = (at: number) => LEFT + (at / end) * inner;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="28" font-size="16" fill="#111">${escape(title)}</text>`,
    ...lines.map((line, at) => `<text x="${LEFT}" y="${48 + at * 16}">${escape(line)}</text>`),
  ];
  for (const [at, panel] of PANELS.entries()) {
    const y = top + at * (PANEL + GAP);
    parts.push(...drawPanel(panel, samples, { y, x, last: at === PANELS.length - 1, end }));
  }
  parts.push('</svg>', '');
  return parts.join('\n');
}

interface Place {
  readonly y: number;
  readonly x: (at: number) => number;
  readonly last: boolean;
  /** Seconds. */
  readonly end: number;
}

function drawPanel(panel: Panel, samples: readonly Sample[], { y, x, last, end }: Place): string[] {
  const most = Math.max(1, ...panel.lines.flatMap(line => samples.map(line.of).filter(Number.isFinite))) * 1.05;
  const up = (value: number) => y + PANEL - (value / most) * PANEL;
  const parts = [
    `<text x="${LEFT}" y="${y - 6}" fill="#111">${escape(panel.title)}</text>`,
    ...shades(samples).map(
      ({ from, to, name }) =>
        `<rect x="${x(from).toFixed(1)}" y="${y}" width="${(x(to) - x(from)).toFixed(1)}" height="${PANEL}" fill="#f3d9d9"><title>${escape(name)}</title></rect>`,
    ),
    `<path d="M${LEFT} ${y}V${y + PANEL}H${LEFT + inner}" fill="none" stroke="#999"/>`,
  ];
  for (const share of [0.5, 1]) {
    const value = (most / 1.05) * share;
    parts.push(
      `<path d="M${LEFT} ${up(value).toFixed(1)}H${LEFT + inner}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${(up(value) + 4).toFixed(1)}" text-anchor="end">${panel.unit(value)}</text>`,
    );
  }
  if (last) {
    for (const share of [0, 1 / 3, 2 / 3, 1]) {
      const minutes = (end * share) / 60;
      const label = minutes >= 4 || share === 0 ? minutes.toFixed(0) : minutes.toFixed(1);
      parts.push(
        `<text x="${x(end * share).toFixed(1)}" y="${y + PANEL + 16}" text-anchor="middle">${label} min</text>`,
      );
    }
  }
  for (const [at, line] of panel.lines.entries()) {
    parts.push(
      `<path d="${path(samples, line.of, x, up)}" fill="none" stroke="${line.color}" stroke-width="1.2"/>`,
      `<rect x="${LEFT + inner + 12}" y="${y + 4 + at * 18}" width="10" height="10" fill="${line.color}"/>`,
      `<text x="${LEFT + inner + 27}" y="${y + 13 + at * 18}">${escape(line.name)}</text>`,
    );
  }
  return parts;
}

/** At most one point a pixel, the largest of those that share it; nothing where nothing was measured. */
function path(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
  x: (at: number) => number,
  up: (value: number) => number,
): string {
  const largest = new Map<number, number>();
  for (const sample of samples) {
    const value = of(sample);
    if (!Number.isFinite(value)) continue;
    const pixel = Math.round(x(sample.at));
    largest.set(pixel, Math.max(value, largest.get(pixel) ?? value));
  }
  return [...largest].map(([pixel, value], at) => `${at === 0 ? 'M' : 'L'}${pixel} ${up(value).toFixed(1)}`).join('');
}

function shades(samples: readonly Sample[]): { from: number; to: number; name: string }[] {
  const found: { from: number; to: number; name: string }[] = [];
  for (const { at, fault } of samples) {
    const open = found.at(-1);
    if (fault === '') continue;
    if (open?.name === fault && at - open.to < 3) open.to = at;
    else found.push({ from: at, to: at, name: fault });
  }
  return found;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
