"""Runs parliament over policies, and fails on what it finds.

Usage: policies.py FILE...

parliament judges each statement by itself. An action that needs several kinds of
resource (RunInstances: an instance, an image, a subnet and more) can be allowed by
several statements with a condition each, which is the only way to say them: such a
finding counts only if no statement of the policy covers the kind that is missing.
"""

import json
import sys

import parliament

# What parliament's community rules say and is meant so, by issue, with the reason.
MEANT = {
    # Launching machines with a role is what the control plane is for. The role is one,
    # by ARN, and may write metrics and logs: nothing is gained by it.
    "PRIVILEGE_ESCALATION",
    "PERMISSIONS_MANAGEMENT_ACTIONS",
}


def items(value):
    return value if isinstance(value, list) else [value]


def covered(policy, action, kind):
    """Whether a statement of the policy allows the action on this kind of resource."""
    service, _, name = action.partition(":")
    for statement in policy["Statement"]:
        if any(a.lower() == f"{service}:{name}".lower() for a in items(statement["Action"])):
            resources = items(statement["Resource"])
            # What is about no kind of resource needs all of them, and not just any.
            if "*" in resources or kind != "*" and any(parliament.is_arn_match("object", kind, r) for r in resources):
                return True
    return False


def findings(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    policy = json.loads(text)
    for finding in parliament.analyze_policy_string(text, include_community_auditors=True).findings:
        if finding.issue in MEANT:
            continue
        if finding.issue == "RESOURCE_MISMATCH":
            missing = [m for m in finding.detail if not covered(policy, m["action"], m["required_format"])]
            if not missing:
                continue
            finding.detail = missing
        yield finding


def main(paths):
    bad = 0
    for path in paths:
        for finding in findings(path):
            bad += 1
            print(f"{path}: {finding.issue}: {finding.detail} {finding.location}", file=sys.stderr)
    if not paths:
        print("policies.py: no policy was named", file=sys.stderr)
        bad = 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
