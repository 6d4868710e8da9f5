import { parse } from 'yaml';
import { intro, outro } from './action-text.ts';

interface ActionFile {
  readonly inputs: Readonly<Record<string, { readonly description: string; readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly description: string }>>;
}

/** `docs/github-action.md`, of the text of `action.yml`. */
export function actionPage(text: string): string {
  const { inputs, outputs } = parse(text) as ActionFile;
  const given = Object.entries(inputs).map(([name, { description, default: value }]) => [
    `\`${name}\``,
    value === undefined ? '' : `\`${value}\``,
    cell(description),
  ]);
  const told = Object.entries(outputs).map(([name, { description }]) => [`\`${name}\``, cell(description)]);
  const parts = [
    intro,
    `## Inputs\n\n${table(['input', 'default', ''], given)}`,
    `## Outputs\n\n${table(['output', ''], told)}`,
    outro,
  ];
  return `${parts.join('\n\n')}\n`;
}

function cell(text: string): string {
  return text.trim().replaceAll('|', '\\|');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}
