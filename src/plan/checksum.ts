import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../domain/json.ts';
import { isClosed } from './contents.ts';
import type { Draft, Site } from './draft.ts';

/**
 * SHA-256 (hex) over what the commit changes: listings with their metadata, and placements that are new, follow another
 * policy, have another state or close. No members, no answers: a review stays valid while people come and go.
 */
export function checksumOf(sites: readonly Site[]): string {
  const lines = sites.flatMap(site => [...ofListing(site), ...site.drafts.flatMap(ofPlacement)].map(canonicalJson));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

function ofListing(site: Site): readonly Json[] {
  const { first, missing, metadata, metadataCause, retires, live, toggle, key, view } = site;
  const about = { toggle, key, target: view.name };
  const entries: Json[] = [];
  if (first !== undefined) entries.push({ ...about, kind: first, metadata });
  if (missing.length > 0) entries.push({ ...about, kind: 'create', environments: [...missing].sort() });
  if (metadataCause === 'definition') entries.push({ ...about, kind: 'update', metadata });
  if (retires && live?.removed === false) entries.push({ ...about, kind: 'retire', onRemoved: view.onRemoved });
  return entries;
}

function ofPlacement(draft: Draft): readonly Json[] {
  const { role, definitional, audience, ref, site, contents } = draft;
  const { toggle, target, environment } = ref;
  if (!definitional && role !== 'remove') return [];
  const isOwn = role === 'follow' || role === 'off';
  if (!isOwn && isClosed(contents, site.view.can)) return [];
  return [{ toggle, target, environment, key: site.key, kind: role, audience: isOwn ? audience : '' }];
}
