"""Reads {kubernetes, manifests, expressions} on stdin; says what Kubernetes' schemas and PromQL's grammar think of them."""

import json
import sys

import kubernetes_validate
import promql_parser


def check_manifest(manifest, version):
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return "unknown"
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    return None


def selectors(expression):
    try:
        tree = promql_parser.parse(expression)
    except ValueError as error:
        return str(error)
    found = []
    groups = []

    def enter(node):
        if isinstance(node, promql_parser.AggregateExpr):
            groups.append([str(label) for label in node.modifier.labels] if node.modifier else [])
        if isinstance(node, promql_parser.VectorSelector):
            matchers = [
                {"name": one.name, "op": str(one.op), "value": one.value} for one in node.matchers.matchers
            ]
            by = sorted({label for group in groups for label in group})
            found.append({"metric": node.name, "matchers": matchers, "by": by})

    def leave(node):
        if isinstance(node, promql_parser.AggregateExpr):
            groups.pop()

    promql_parser.walk(tree, enter, leave)
    return found


asked = json.load(sys.stdin)
json.dump(
    {
        "manifests": [check_manifest(one, asked["kubernetes"]) for one in asked["manifests"]],
        "expressions": [selectors(one) for one in asked["expressions"]],
    },
    sys.stdout,
)
