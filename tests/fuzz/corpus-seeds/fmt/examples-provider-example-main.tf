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

data "memo_titles" "all" {
  depends_on = [memo_note.greeting]
}

output "ids" {
  value = data.memo_titles.all.ids
}

output "slug" {
  value = provider::memo::slug("To be done")
}
