# Who may use which feature, by what is known of each user in data.json.
# Everybody who left (`active: false`) is out of every rule.
#
# METADATA
# title: Audiences of the example's toggles
# entrypoint: true
package app.rbac

import rego.v1

# Where the new checkout is allowed to be sold.
us_users contains id if {
	some id, user in active
	user.country == "US"
}

# Everybody who works here, for trying things out.
employees contains id if {
	some id, user in active
	"employee" in user.roles
}

# Support and operations, who have to answer for what the assistant says.
support_staff contains id if {
	some id, user in active
	some role in user.roles
	role in {"support", "operations"}
}

# The input names the plans, so that one rule serves every toggle that is sold by plan:
# `input: { plans: [pro, enterprise] }`.
on_plan contains id if {
	some id, user in active
	user.plan in input.plans
}

# Who asked for early access. Nobody yet: an audience that is empty, not undefined.
early_access contains id if {
	some id in data.early_access
	active[id]
}

active[id] := user if {
	some id, user in data.users
	object.get(user, "active", true)
}
