import type { Members } from '../domain/members.ts';
import type { Draft } from './draft.ts';
import type { Limits } from './limits.ts';
import type { Stakes } from './stakes.ts';

/** A placement with what the guard knows of it. */
export interface Judged {
  readonly draft: Draft;
  readonly stakes: Stakes;
  readonly after: Members;
  readonly limits: Limits;
  /** The id of the block that it would have: made when asked, because it needs the answer's hash. */
  readonly id: () => string;
}
