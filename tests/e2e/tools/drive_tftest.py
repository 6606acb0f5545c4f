"""Tests a module with tftest, as its readme does, and prints what it has seen as JSON."""

import json
import sys

import tftest

VARIABLES = {"names": '["a", "b"]'}

tf = tftest.TerraformTest(sys.argv[1], binary="terraform")
tf.setup(init_vars={}, cleanup_on_exit=True)
plan = tf.plan(output=True, tf_vars=VARIABLES)
planned = {
    "format": plan.format_version,
    "resources": sorted(plan.resources),
    "modules": {k: sorted(m.resources) for k, m in plan.modules.items()},
    "input": plan.modules["module.inner"].resources["terraform_data.inner"]["values"]["input"],
    "outputs": dict(plan.outputs),
    "variables": dict(plan.variables),
}
tf.apply(tf_vars=VARIABLES)
output = tf.output()
state = tf.state_pull()
applied = {
    "outputs": dict(output),
    "sensitive": output.sensitive,
    "state": sorted(state.resources),
}
try:
    tf.plan(tf_vars={"names": '["too long"]'})
    refused = False
except tftest.TerraformTestError as error:
    refused = "Invalid value for variable" in str(error)
again = tf.plan(output=True, tf_vars=VARIABLES)
changes = {k: c["change"]["actions"] for k, c in again.resource_changes.items()}
tf.destroy(tf_vars=VARIABLES)
left = sorted(tf.state_pull().resources)
seen = {"planned": planned, "applied": applied, "refused": refused, "changes": changes, "left": left}
print(json.dumps(seen, indent=1, sort_keys=True))
