import { createHash } from 'node:crypto';

/**
 * The id of a block: 16 hex digits over what has to be decided, so that the same question keeps its id in every target,
 * at every pass and after a restart.
 */
export function blockId(...content: readonly (string | null | readonly string[])[]): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}
