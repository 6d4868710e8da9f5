import { type Members, subtract, union } from '../../domain/members.ts';
import type { WayIn } from '../../domain/listing.ts';
import { type FlagEnvironment, listIn, type RuleView, servesOnly, shareOf, type Variations } from './flag.ts';
import type { SegmentView } from './segment.ts';

/** What is needed to judge one environment of a flag. */
export interface Judged {
  readonly environment: FlagEnvironment;
  readonly variations: Variations;
  readonly contextKind: string;
  /** The segment of that key, if it is one of ours. `missing`: ours by its name, but not there. */
  readonly segment: (key: string) => SegmentView | 'missing' | undefined;
}

/** Who has it by our own means, and every other way in (or out). */
export interface Access {
  readonly members: Members;
  /** The segment through which they are held. */
  readonly group: string | undefined;
  /** The rule that says so. */
  readonly groupRule: RuleView | undefined;
  readonly waysIn: readonly WayIn[];
}

/** Reads what one environment of a flag lets in. Texts hold counts and percentages, never keys of people. */
export function accessOf(judged: Judged): Access {
  const { environment, variations, contextKind, segment } = judged;
  const yes = variations.true.index;
  const no = variations.false.index;
  const waysIn: WayIn[] = [];
  let members = listIn(environment, contextKind, yes);
  const groupRule = environment.rules.find(rule => isGroupRule(rule, yes) && segment(rule.segment ?? '') !== undefined);
  const group = groupRule?.segment;
  const held = group === undefined ? undefined : segment(group);
  if (held !== undefined && held !== 'missing') {
    const listed = held.included.get(contextKind);
    if (listed !== undefined) members = union(listed, members);
    waysIn.push(...segmentWays(held, contextKind));
  }
  for (const list of environment.lists) {
    if (list.variation === yes && list.contextKind !== contextKind) {
      const what = `${keys(list.members.size, list.contextKind)} of another kind ${be(list.members.size)} targeted with true`;
      waysIn.push({ kind: 'targets', what, open: true });
    } else if (list.variation !== yes) {
      const what = `${keys(list.members.size, list.contextKind)} ${be(list.members.size)} targeted with false`;
      waysIn.push({ kind: 'targets', what, open: false });
      if (list.contextKind === contextKind) members = subtract(members, list.members);
    }
  }
  for (const [index, rule] of environment.rules.entries()) {
    if (rule !== groupRule) waysIn.push(ruleWay(rule, index + 1, yes));
  }
  if (!servesOnly(environment.fallthrough, no)) waysIn.push(fallthroughWay(environment, yes));
  if (environment.offVariation !== no) waysIn.push(offWay(environment, yes));
  return { members, group, groupRule, waysIn };
}

/** A rule that serves true to whoever is in one segment, as ours do. */
export function isGroupRule(rule: RuleView, yes: number): boolean {
  return rule.segment !== undefined && !rule.disabled && servesOnly(rule.serves, yes);
}

function ruleWay(rule: RuleView, number: number, yes: number): WayIn {
  const share = shareOf(rule.serves, yes);
  if (rule.disabled) return { kind: 'rule', what: `rule ${number} was added by hand and is disabled`, open: false };
  if (share === 0) return { kind: 'rule', what: `rule ${number} was added by hand and serves false`, open: false };
  const to = share === 1 ? '' : ` to ${percent(share)}`;
  const of = rule.segment === undefined ? '' : ', to a segment';
  return { kind: 'rule', what: `rule ${number} serves true${to}${of}`, open: true };
}

function fallthroughWay({ fallthrough }: FlagEnvironment, yes: number): WayIn {
  const share = shareOf(fallthrough, yes);
  if (share === 0) return { kind: 'fallthrough', what: 'the default is no plain false', open: false };
  const to = share === 1 ? 'everybody' : percent(share);
  return { kind: 'fallthrough', what: `the default serves true to ${to}`, open: true };
}

function offWay({ on, offVariation }: FlagEnvironment, yes: number): WayIn {
  if (offVariation === undefined) {
    return { kind: 'off-variation', what: 'while off, applications serve their own default', open: !on };
  }
  const what = offVariation === yes ? 'while off, it serves true to everybody' : 'while off, it does not serve false';
  return { kind: 'off-variation', what, open: !on };
}

function segmentWays(segment: SegmentView, contextKind: string): WayIn[] {
  const ways: WayIn[] = [];
  const name = `segment ${segment.key}`;
  if (segment.unbounded)
    ways.push({ kind: 'rule', what: `${name} is a big segment, and nobody can see who is in it`, open: true });
  const count = segment.rules.length;
  if (count > 0)
    ways.push({
      kind: 'rule',
      what: `${name} has ${count} ${count === 1 ? 'rule' : 'rules'} added by hand`,
      open: true,
    });
  for (const [kind, members] of segment.included) {
    if (kind === contextKind) continue;
    ways.push({ kind: 'targets', what: `${name} holds ${keys(members.size, kind)} of another kind`, open: true });
  }
  for (const [kind, members] of segment.excluded) {
    ways.push({ kind: 'targets', what: `${name} excludes ${keys(members.size, kind)}`, open: false });
  }
  return ways;
}

function keys(count: number, kind: string): string {
  return `${count} ${kind} ${count === 1 ? 'key' : 'keys'}`;
}

function be(count: number): string {
  return count === 1 ? 'is' : 'are';
}

/** Of a share from 0 to 1: `20 %`, `0.5 %`. */
function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))} %`;
}
