# Who may use which feature, by what data.example.users knows of them.
package app.rbac

import rego.v1

us_users contains id if {
	some id, user in data.example.users
	user.location.country == "US"
}

# True once the data is there: what OPToggles waits for.
default ready := false

ready if count(data.example.users) > 0
