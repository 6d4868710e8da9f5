/** Actions by commit, with the release that it is. */
const checkout = 'actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0';

export interface WorkflowOptions {
  /** What `uses:` names: `acme/optoggles@0123…`, or `./` in the action's own repository. */
  readonly action: string;
  /** The branch that is applied. */
  readonly branch: string;
}

/** The workflows of a repository of flag files, by path. */
export function starterWorkflows(options: WorkflowOptions): Readonly<Record<string, string>> {
  return {
    '.github/workflows/flags-pr.yml': pullRequest(options),
    '.github/workflows/flags-apply.yml': apply(options),
    '.github/workflows/flags-stale.yml': stale(options),
  };
}

function pullRequest({ action, branch }: WorkflowOptions): string {
  return `# What a pull request changes: checked, and shown in a comment. Writes to no flag platform.
name: Flags, review
on:
  pull_request:
    branches: [${branch}]
permissions: {}
concurrency:
  group: flags-review-\${{ github.ref }}
  cancel-in-progress: true
jobs:
  review:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      contents: read
      pull-requests: write # the comment
    steps:
      - uses: ${checkout}
        with:
          fetch-depth: 2 # the base branch, to compare with
          persist-credentials: false
      - uses: ${action}
        with:
          command: validate
      - uses: ${action}
        with:
          command: plan
        # Credentials that can read and nothing else, by the names that optoggles.yaml has. Pull requests from forks get
        # none: they are validated, and who gains or loses what is unknown.
        # env:
        #   LAUNCHDARKLY_TOKEN: \${{ secrets.LAUNCHDARKLY_READ_TOKEN }}
`;
}

function apply({ action, branch }: WorkflowOptions): string {
  return `# What was merged is applied, all of it. Runs wait for each other; what the guard blocked is let through by hand.
name: Flags, apply
on:
  push:
    branches: [${branch}]
  workflow_dispatch:
    inputs:
      approve:
        description: Ids of what the guard blocked, with spaces between them
        default: ''
permissions: {}
concurrency:
  group: flags-apply
  cancel-in-progress: false
jobs:
  apply:
    if: github.ref == 'refs/heads/${branch}'
    runs-on: ubuntu-latest
    timeout-minutes: 30
    environment: flags # protect it: required reviewers, this branch alone; its secrets can write
    permissions:
      contents: read
    steps:
      - uses: ${checkout}
        with:
          persist-credentials: false
      - uses: ${action}
        with:
          command: apply
          approve: \${{ inputs.approve }}
        # env:
        #   LAUNCHDARKLY_TOKEN: \${{ secrets.LAUNCHDARKLY_TOKEN }}
`;
}

function stale({ action }: WorkflowOptions): string {
  return `# Toggles that are over, without an owner, or old: an issue for each owner. Switches nothing off.
name: Flags, stale
on:
  schedule:
    - cron: '17 6 * * 1'
  workflow_dispatch:
permissions: {}
concurrency:
  group: flags-stale
  cancel-in-progress: false
jobs:
  stale:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      contents: read
      issues: write
    steps:
      - uses: ${checkout}
        with:
          persist-credentials: false
      - uses: ${action}
        with:
          command: stale
`;
}
