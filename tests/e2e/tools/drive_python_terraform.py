"""Drives a configuration with python-terraform and prints what it has seen as JSON."""

import json
import sys

from python_terraform import IsFlagged, IsNotFlagged, Terraform

tf = Terraform(working_dir=sys.argv[1], variables={"names": ["a", "b"]})
seen = {"init": tf.init()[0]}
# The exit code tells that there are changes.
seen["plan"] = tf.plan(no_color=IsFlagged, out="saved.plan")[0]
code, shown, _ = tf.cmd("show", "saved.plan", json=IsFlagged, no_color=IsNotFlagged)
changes = json.loads(shown)["resource_changes"]
seen["planned"] = [code, sorted(c["address"] for c in changes)]
seen["apply"] = tf.apply(skip_plan=True)[0]
seen["outputs"] = tf.output()
seen["nothing to do"] = tf.plan()[0]
seen["list"] = sorted(tf.cmd("state list")[1].split())
tf.read_state_file("terraform.tfstate")
seen["state"] = [tf.tfstate.version, sorted(tf.tfstate.outputs)]
seen["taint"] = tf.cmd("taint", "terraform_data.each[\"a\"]")[0]
seen["tainted"] = tf.plan()[0]
seen["refused"] = tf.plan(var={"names": ["too long"]})[0]
seen["workspaces"] = [
    tf.create_workspace("other")[0],
    tf.show_workspace()[1].strip(),
    tf.set_workspace("default")[0],
    tf.delete_workspace("other")[0],
]
seen["destroy"] = tf.destroy(force=None, auto_approve=IsFlagged)[0]
seen["left"] = tf.cmd("state list")[1]
print(json.dumps(seen, indent=1, sort_keys=True))
