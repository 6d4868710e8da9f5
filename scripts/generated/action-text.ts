/** What stands around the tables of `docs/github-action.md`. */
export const intro = `<!-- Generated from action.yml: npm run generate -->
# The GitHub Action

Flag files are reviewed like code, so the review shows what matters: who gains and who loses which toggle, where, and why.
Without \`command\` the event decides. It needs no installation: \`dist-action/\` holds it as one bundle, committed with the
sources that it is built of (\`npm run build:action\`) and checked against them in CI.

| event | what is done |
| --- | --- |
| \`pull_request\` | \`validate\`, then \`plan\` |
| \`push\` to the default branch | \`apply\` |
| \`push\` to another branch, \`merge_group\` | \`validate\` |
| \`schedule\` | \`stale\` |

\`\`\`yaml
on: pull_request
permissions: {}
jobs:
  review:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write # the comment; without it the plan is in the step summary only
    steps:
      - uses: actions/checkout@v6
        with:
          fetch-depth: 2 # the merge and its first parent, which is the base branch
          persist-credentials: false
      - uses: OWNER/optoggles@VERSION
        env: # secrets that may read, by the names that optoggles.yaml uses
          OPA_TOKEN: \${{ secrets.OPA_TOKEN }}
\`\`\`

\`\`\`yaml
on:
  push:
    branches: [main]
permissions: {}
concurrency:
  group: flags-apply
  cancel-in-progress: false
jobs:
  apply:
    runs-on: ubuntu-latest
    environment: flags # protected: it has the secrets that may write
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v6
        with:
          persist-credentials: false
      - uses: OWNER/optoggles@VERSION
        env:
          OPA_TOKEN: \${{ secrets.OPA_TOKEN }}
          LAUNCHDARKLY_TOKEN: \${{ secrets.LAUNCHDARKLY_TOKEN }}
\`\`\``;

export const outro = `## validate

Needs no secret and no network, so it is safe on forks. What is wrong is an annotation on its line: the first ten errors
and the first ten warnings of a step, which is all that GitHub shows; the log and the step summary have the rest. Told is
what the pull request touches or causes. An expired toggle is a warning. A pull request that leads an entry of \`sources\`,
\`targets\`, \`flags\` or \`notify\` to another host is refused, because tokens, users or news would be sent there.

A packed bundle with Rego files beside it, of a source or of \`rules\`, is built again where \`opa\` is on the path; a
\`policy.wasm\` that differs is an error. Build it with the same version of OPA, from its folder, from the configuration's or
from the root.

## plan

Compares the pull request with its base branch. The base is the first parent of the checked out merge (\`fetch-depth: 2\`),
or a folder where a step before this one checked it out (\`base-path\`), which is faster in a very large repository. The configuration with its addresses and secret
names, and \`rules\`, are those of the base; flag files are those of the pull request. Policy and data in the repository (sources of type
\`bundle\` and \`static\`) are evaluated before and after. Each user who gains or loses a toggle has one reason:

- *by definition*: a flag file of this pull request;
- *by policy or data*: a bundle, its data or a list of this pull request;
- *pending anyway*: it would happen without this pull request too.

On top stands what weakens protection: a looser guard, sentinels that go, another \`onRemoved\`, \`allowEmpty\`, \`adopt\`. What
the guard would block, what is held and what a target refuses follow. Users are counted; \`show-users: names\` names them,
for everybody who may read the pull request.

One comment is kept up to date, found by its hidden first line, which names instance and configuration. It is written
only when it changed. Where a permission is missing (as from a fork), a rate limit is reached or the repository has no
issues, there is a warning, and the plan is in the step summary. What is longer than a comment may be is cut, with a link
to the summary.

Where the job cannot reach policy, \`server\` lets a running instance make the plan, and \`snapshot\` is a file with what
policy answered some time ago, without names: [when CI cannot reach policy](gitops.md#when-ci-cannot-reach-policy).

Where secrets are missing nothing is asked, and where a source or target cannot be reached it is said; then definitions
are compared and the audience is unknown. That fails nothing.

## Rules

\`\`\`rego
package optoggles

deny contains message if {
	some change in input.changes
	input.toggles[change.toggle].type == "kill-switch"
	some user in change.grantedUsers
	not user in data.staff
	message := sprintf("%s: somebody outside staff would have this kill switch", [change.toggle])
}
\`\`\`

\`deny\` fails the check, \`warn\` warns; both are sets of messages, shown as they are, so name nobody in them. \`input\` is the
plan as \`schemas/plan.schema.json\` describes it, with users' names, and \`toggles\`: by key, what each file says (\`name\`,
\`owner\`, \`type\`, \`created\`, \`expires\`, \`state\`, \`contextKind\`, \`environments\`). \`names\` is false where a snapshot or a running
instance made the plan, which tell no names, and \`complete\` where not every audience is known: a rule about names sees
nobody then, so let it deny \`not input.names\` and \`not input.complete\` if that is too little. They run in a thread with limits on time
(\`timeout\`) and memory (1 GiB). Rules that cannot be asked fail the check. Without a plan they are not asked.

## apply

Brings the targets to the full state of what was checked out; a run that was skipped does no harm, because the next one
does its work. \`checksum\` refuses changes by definition other than those reviewed. What was not done is an annotation on the
file of its toggle, and the step ends as \`optoggles apply\` does: 1 something failed, 3 the guard blocked something, 4 some
toggles are held, 64 wrong use. \`approve\` lets blocks through by their ids. It never runs for a pull request.
With \`server\` the running instance is brought to the commit instead, and the step ends as that did.

Two runs at once end in the same state. What the guard counts over its window, and toggles whose last good definition is
in force, need \`stateDir\`: a runner starts without it, and then the guard judges by what the targets show.

## stale

Toggles past their \`expires\`, without an owner, or older than 90 days without \`expires\`: one issue per owner
(\`permissions: issues: write\`), changed in place, closed when nothing is left, opened again only for something new. Nothing
is ever switched off. It ends well whatever it finds.

## What it trusts

Names, descriptions and errors come from anybody: in comments, summaries, issues and logs they show as text and do
nothing. Links out of the checkout are refused. Secrets are masked before anything is logged. \`pull_request_target\` is
refused, because it would give secrets to what strangers wrote.`;
