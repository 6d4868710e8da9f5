import { describe, expect, it, onTestFinished } from 'vitest';
import { everydayCases } from './contract-everyday.ts';
import type { Case, Facts, Harness } from './contract-harness.ts';
import { lifecycleCases } from './contract-lifecycle.ts';
import { planCases } from './contract-plans.ts';
import { troubleCases } from './contract-trouble.ts';

const cases = { ...everydayCases, ...lifecycleCases, ...planCases, ...troubleCases };

export type CaseName = keyof typeof cases;

export interface ContractOptions {
  open(): Promise<Harness>;
  /** The cases that do not apply to this kind, and why. The suite checks that they really do not. */
  readonly leftOut: Readonly<Partial<Record<CaseName, string>>>;
}

/** The suite that every kind of target has to pass. A case that cannot apply is named with its reason, never skipped. */
export function describeTarget(name: string, options: ContractOptions): void {
  describe(`target contract: ${name}`, () => {
    for (const [title, one] of Object.entries(cases) as [CaseName, Case][]) {
      const why = options.leftOut[title];
      if (why === undefined) {
        it(title, async () => {
          const harness = await opened(options);
          expect(one.applies(factsOf(harness)), 'this kind cannot do that: say why under leftOut').toBe(true);
          await one.run(harness);
        });
      } else {
        it(`${title} (left out: ${why})`, async () => {
          const harness = await opened(options);
          expect(one.applies(factsOf(harness)), 'this kind can do that: it must not be left out').toBe(false);
        });
      }
    }
  });
}

async function opened(options: ContractOptions): Promise<Harness> {
  const harness = await options.open();
  onTestFinished(() => harness.close());
  return harness;
}

function factsOf(harness: Harness): Facts {
  const { target, faults } = harness;
  return { can: target.can, reads: 'read' in target, faults, plants: 'plant' in harness };
}
