import type { GitHub } from './github.ts';
import type { Marker } from './marker.ts';

/**
 * Keeps one comment of a pull request up to date: ours under that marker, wherever it stands. Throws what the client
 * throws.
 */
export async function putComment(
  { client, repository, author }: GitHub,
  pull: number,
  marker: Marker,
  body: string,
): Promise<'written' | 'unchanged'> {
  const login = await author();
  const pages = client.paginate.iterator('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', {
    ...repository,
    issue_number: pull,
    per_page: 100,
  });
  const text = marker.write(body);
  for await (const { data } of pages) {
    const ours = data.find(comment => comment.user?.login === login && comment.body?.startsWith(marker.start));
    if (ours === undefined) continue;
    if (ours.body?.startsWith(`${marker.start}${marker.signature(body)} `)) return 'unchanged';
    await client.request('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', {
      ...repository,
      comment_id: ours.id,
      body: text,
    });
    return 'written';
  }
  await client.request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', {
    ...repository,
    issue_number: pull,
    body: text,
  });
  return 'written';
}
