/** The parts of `docs/configuration.md` that no schema can say. The examples are loaded by a test. */

export const exampleConfig = `version: 1
instance: acme-prod
bind: "127.0.0.1:8080"
flags: flags
stateDir: .optoggles
sources:
  - id: example-opal
    type: opal
    url: http://opal-client:7000
    token: \${OPAL_CLIENT_TOKEN:-}
    advertisedAddress: optoggles:8080
targets:
  - name: rest
    type: restapi
    endpointUrl: https://flags.internal/toggles
    extraHeaders: { Authorization: "Bearer \${FLAGS_TOKEN}" }
    environment: production
drift: { interval: 10m, reopen: false }
guard: { maxRevokedShare: 0.3, alwaysAllowedRevocations: 5 }
adminTokens: [{ name: oncall, token: "\${OPTOGGLES_ADMIN_TOKEN:-}" }]
`;

export const exampleFlag = `key: us-feature
name: US only feature
description: Shown to people who live in the US.
owner: team-growth
type: release
created: 2026-11-01
expires: 2027-02-01
usersPolicy: { source: example-opal, package: app.rbac, rule: us_users }
environments:
  production: {}
`;

export const intro = `# Configuration

<!-- Made by \`npm run generate\` from the schemas in src/load and of each kind. Do not edit. -->

Two kinds of file: the configuration, \`optoggles.yaml\`, and one flag file per toggle. Both are YAML 1.2 without
aliases, duplicate keys and custom tags. \`optoggles validate\` checks all of them without a secret and without a
network; every error says where, what, and what to do. Editors check them too:

\`\`\`yaml
# yaml-language-server: $schema=node_modules/optoggles/schemas/config.schema.json
\`\`\`

## optoggles.yaml

Looked for as \`./optoggles.yaml\`, \`./config.yaml\`, \`/etc/optoggles/config.yaml\`, unless \`--config\` names one. At most
1 MB. It is read at start; a change is reported as waiting for a restart. Paths are relative to its folder and stay
inside it; only \`stateDir\` may be absolute.

\`\`\`yaml
${exampleConfig}\`\`\`

**References.** In this file, and nowhere else, a text may hold \`\${NAME}\` (an environment variable, which has to be set
and not empty), \`\${NAME:-default}\` (the default where it is not set or empty) or \`\${file:path}\` (the content of a file
without its last line break; read again when it changes). They are replaced when the program runs; what comes in is never read as YAML or as a
reference again. \`flags\`, \`guard\` and the names, types, environments and packages of sources and targets are written
out: flag files are checked against them. In \`{ … }\` and \`[ … ]\` put a text with a reference in quotes.

**Durations** are a whole number with \`ms\`, \`s\`, \`m\` or \`h\`: \`30s\`, \`5m\`; \`audit.keep\` is in days, \`400d\`. A bare
number is refused.

\`tls\` and \`serve\` are reserved.`;

export const flagIntro = `## Flag files

One per toggle: \`flags/<key>.yaml\`, in folders below too. At most 256 kB each, 50,000 of them, nested 20 levels deep.
Names that start with \`.\` are skipped. A symbolic link is followed while it stays inside the folder, as the links of a
Kubernetes ConfigMap do. A file that does not validate never removes its toggle: the last good definition stays in
force. Whether a file is valid never depends on the clock: past \`expires\` there is a warning.

\`\`\`yaml
${exampleFlag}\`\`\``;

export const outro = `## OPToggles' old config.yaml

A file with \`target\` and \`toggles\` and without \`version\` is read in the old form: keys in any case except inside \`spec\`
and header names, at most 100 aliases, nothing substituted. Flags that exist are taken over (as with \`adopt: true\`),
flags switched off by hand are switched on again (\`drift.reopen: true\`), and the instance is a hash of the sources and
the target. \`OPTOGGLES_ADMIN_TOKEN\` in the environment is the admin token. \`optoggles migrate\` writes the new form.`;
