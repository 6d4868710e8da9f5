/**
 * The fields of Prometheus Operator's ServiceMonitor and PrometheusRule (monitoring.coreos.com/v1) as its API reference
 * publishes them, as far as a chart like ours would use them: Kubernetes' own schemas do not know its kinds.
 */
const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const duration = {
  type: 'string',
  pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$',
};

function object(properties: Readonly<Record<string, unknown>>, required: readonly string[]): object {
  return { type: 'object', additionalProperties: false, properties, required };
}

function kind(name: string, spec: object): object {
  const metadata = object({ name: text, namespace: text, labels: texts, annotations: texts }, ['name']);
  const head = { apiVersion: { const: 'monitoring.coreos.com/v1' }, kind: { const: name } };
  return object({ ...head, metadata, spec }, ['apiVersion', 'kind', 'metadata', 'spec']);
}

const labelSelector = object(
  {
    matchLabels: texts,
    matchExpressions: {
      type: 'array',
      items: object(
        {
          key: text,
          operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
          values: { type: 'array', items: text },
        },
        ['key', 'operator'],
      ),
    },
  },
  [],
);

const endpoint = object(
  {
    port: text,
    targetPort: { type: ['string', 'integer'] },
    path: text,
    scheme: { enum: ['http', 'https', 'HTTP', 'HTTPS'] },
    params: { type: 'object' },
    interval: duration,
    scrapeTimeout: duration,
    honorLabels: { type: 'boolean' },
    honorTimestamps: { type: 'boolean' },
    followRedirects: { type: 'boolean' },
    authorization: { type: 'object' },
    tlsConfig: { type: 'object' },
    relabelings: { type: 'array' },
    metricRelabelings: { type: 'array' },
  },
  [],
);

const rule = {
  ...object(
    {
      alert: { type: 'string', minLength: 1 },
      record: text,
      expr: { type: 'string', minLength: 1 },
      for: duration,
      keep_firing_for: duration,
      labels: texts,
      annotations: texts,
    },
    ['expr'],
  ),
  oneOf: [{ required: ['alert'] }, { required: ['record'] }],
};

/** By kind. */
export const monitoringSchemas: Readonly<Record<string, object>> = {
  ServiceMonitor: kind(
    'ServiceMonitor',
    object(
      {
        jobLabel: text,
        targetLabels: { type: 'array', items: text },
        podTargetLabels: { type: 'array', items: text },
        selector: labelSelector,
        namespaceSelector: object({ any: { type: 'boolean' }, matchNames: { type: 'array', items: text } }, []),
        endpoints: { type: 'array', minItems: 1, items: endpoint },
        sampleLimit: { type: 'integer' },
      },
      ['selector', 'endpoints'],
    ),
  ),
  PrometheusRule: kind(
    'PrometheusRule',
    object(
      {
        groups: {
          type: 'array',
          items: object({ name: text, interval: duration, rules: { type: 'array', items: rule } }, ['name']),
        },
      },
      ['groups'],
    ),
  ),
};
