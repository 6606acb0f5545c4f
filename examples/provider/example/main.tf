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
