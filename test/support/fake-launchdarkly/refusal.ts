/** An answer that says no, in LaunchDarkly's shape `{code, message}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly more: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

/** 400, the wording is the fake's unless a source is given where it is thrown. */
export function invalid(message: string): Refusal {
  return new Refusal(400, 'invalid_request', message);
}

export function notFound(message: string): Refusal {
  return new Refusal(404, 'not_found', message);
}

/** Shape and wording from launchdarkly/ldcli pull request 87. */
export function forbidden(action: string, resource: string): Refusal {
  return new Refusal(403, 'forbidden', 'Access to the requested resource was denied', {
    reason: { effect: 'deny' },
    access: { action, resource },
  });
}

/** Code and wording from launchdarkly/ldcli issue 581. */
export function approvalNeeded(action: string): Refusal {
  return new Refusal(
    405,
    'method_not_allowed',
    `Flag configuration updates require approval: action '${action}' not allowed`,
  );
}
