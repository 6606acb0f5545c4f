# A configuration for the provider of this example. No registry has it: build it at the root of the
# repository with
#
#     cargo build -p terraform-provider-memo
#
# and say where it is in a file such as ~/memo.tfrc, by the absolute path of the directory:
#
#     provider_installation {
#       dev_overrides {
#         "examples/memo" = "/path/to/muster/target/debug"
#       }
#       direct {}
#     }
#
# Then `TF_CLI_CONFIG_FILE=~/memo.tfrc muster plan` works here at once, without `muster init`.

terraform {
  required_providers {
    memo = {
      source = "examples/memo"
    }
  }
}

provider "memo" {
  folder = "memos"
}

resource "memo_note" "greeting" {
  title = "Greeting"
  text  = "Hello, world."
}

ephemeral "memo_pass" "archive" {
  holder = "archive"
}

resource "memo_note" "sealed" {
  title           = "Sealed"
  seal_wo         = ephemeral.memo_pass.archive.token
  seal_wo_version = 1
}

data "memo_titles" "all" {
  depends_on = [memo_note.greeting, memo_note.sealed]
}

output "ids" {
  value = data.memo_titles.all.ids
}

output "slug" {
  value = provider::memo::slug("To be done")
}
