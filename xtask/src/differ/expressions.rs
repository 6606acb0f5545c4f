//! Random expressions, most of them with a sensible type.

use super::functions::{FUNCTIONS, samples};
use super::numbers::call;
use super::random::Random;
use super::tree::{Tree, leaf, text};

/// What an expression is meant to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Want {
    Number,
    Text,
    Bool,
    List,
    Map,
    Set,
    Any,
}

const WANTS: [Want; 7] = [
    Want::Number,
    Want::Text,
    Want::Bool,
    Want::List,
    Want::Map,
    Want::Set,
    Want::Any,
];

/// Names of local values, by what they are.
const NUMBERS: [&str; 4] = ["n", "half", "minus", "pin"];
const TEXTS: [&str; 9] = [
    "a", "digits", "empty", "lines", "umlaut", "noname", "secret", "greeting", "a",
];
const BOOLS: [&str; 2] = ["yes", "yes"];
const LISTS: [&str; 11] = [
    "words",
    "numbers",
    "nothing",
    "holes",
    "nolist",
    "nested",
    "matrix",
    "pair",
    "tuple",
    "passwords",
    "words",
];
const MAPS: [&str; 10] = [
    "tags", "sizes", "nomaps", "nomap", "people", "thing", "object", "keys", "mixed", "tags",
];
const SETS: [&str; 3] = ["unique", "counts", "nosets"];

/// An expression.
pub(crate) fn generate(random: &mut Random) -> Tree {
    let want = WANTS[random.below(WANTS.len())];
    let depth = 1 + random.below(4);
    Generator {
        random,
        names: vec![],
    }
    .expression(want, depth)
}

struct Generator<'a> {
    random: &'a mut Random,
    /// Iteration variables of the `for` around.
    names: Vec<String>,
}

fn expr(parts: impl IntoIterator<Item = Tree>) -> Tree {
    Tree::Expr(parts.into_iter().collect())
}

impl Generator<'_> {
    fn expression(&mut self, want: Want, depth: usize) -> Tree {
        // Now and then not what is wanted.
        let want = match self.random.chance(6) || want == Want::Any {
            true => WANTS[self.random.below(6)],
            false => want,
        };
        if depth == 0 || self.random.chance(10) {
            return self.simple(want);
        }
        let next = depth - 1;
        match self.random.below(20) {
            0 => self.conditional(want, next),
            1 => expr([text("("), self.expression(want, next), text(")")]),
            2 => self.member(next),
            3..=5 => self.call(next),
            _ => match want {
                Want::Number => self.arithmetic(next),
                Want::Text => self.template(next),
                Want::Bool => self.logic(next),
                Want::List => self.list(next),
                Want::Map | Want::Any => self.map(next),
                Want::Set => call("toset", vec![self.expression(Want::List, next)]),
            },
        }
    }

    fn simple(&mut self, want: Want) -> Tree {
        if !self.names.is_empty() && self.random.chance(40) {
            let at = self.random.below(self.names.len());
            return leaf(self.names[at].clone());
        }
        if self.random.chance(4) {
            return leaf("null");
        }
        let named = self.random.chance(60);
        let names: &[&str] = match want {
            Want::Number if named => &NUMBERS,
            Want::Text if named => &TEXTS,
            Want::Bool if named => &BOOLS,
            Want::List | Want::Any => &LISTS,
            Want::Map => &MAPS,
            Want::Set => &SETS,
            Want::Number => {
                return leaf(
                    self.random
                        .pick(&["0", "1", "2", "3", "-1", "2.5", "10", "1e3"]),
                );
            }
            Want::Bool => return leaf(self.random.pick(&["true", "false"])),
            Want::Text => return self.quoted(),
        };
        leaf(format!("local.{}", self.random.pick(names)))
    }

    fn quoted(&mut self) -> Tree {
        let texts = [
            "", "a", "alpha", "1", "true", "name", "x y", "a,b", "10.5", "l", "é", "\\n",
            "\\t\\\"", "$${a}", "%%{b}", "\\u00e9", "e\\u0301", "-", "$", "%", "env",
        ];
        leaf(format!("\"{}\"", self.random.pick(&texts)))
    }

    fn any(&mut self, depth: usize) -> Tree {
        self.expression(Want::Any, depth)
    }

    fn arithmetic(&mut self, depth: usize) -> Tree {
        if self.random.chance(15) {
            return expr([text("-"), self.expression(Want::Number, depth)]);
        }
        let op = self
            .random
            .pick(&[" + ", " - ", " * ", " / ", " % ", "+", "-"]);
        let left = self.expression(Want::Number, depth);
        expr([left, text(op), self.expression(Want::Number, depth)])
    }

    fn logic(&mut self, depth: usize) -> Tree {
        match self.random.below(6) {
            0 => expr([text("!"), self.expression(Want::Bool, depth)]),
            1 | 2 => {
                let op = self.random.pick(&[" && ", " || "]);
                let left = self.expression(Want::Bool, depth);
                expr([left, text(op), self.expression(Want::Bool, depth)])
            }
            3 => {
                let op = self.random.pick(&[" < ", " > ", " <= ", " >= "]);
                let left = self.expression(Want::Number, depth);
                expr([left, text(op), self.expression(Want::Number, depth)])
            }
            _ => {
                let op = self.random.pick(&[" == ", " != "]);
                let want = WANTS[self.random.below(WANTS.len())];
                let left = self.expression(want, depth);
                expr([left, text(op), self.expression(want, depth)])
            }
        }
    }

    fn conditional(&mut self, want: Want, depth: usize) -> Tree {
        let condition = self.expression(Want::Bool, depth.min(1));
        let then = self.expression(want, depth);
        expr([
            condition,
            text(" ? "),
            then,
            text(" : "),
            self.expression(want, depth),
        ])
    }

    /// A part of a value.
    fn member(&mut self, depth: usize) -> Tree {
        match self.random.below(8) {
            0 => {
                let attribute = self.random.pick(&[
                    ".name", ".env", ".size", ".tags", ".zoe", ".labels", ".open", ".closed",
                    ".list", ".a",
                ]);
                expr([self.expression(Want::Map, depth), text(attribute)])
            }
            1 => expr([
                self.expression(Want::Map, depth),
                text("["),
                self.expression(Want::Text, depth),
                text("]"),
            ]),
            2 => {
                let index = self.random.pick(&[
                    ".0", ".1", "[0]", "[1]", "[-1]", "[0.5]", "[\"0\"]", ".0.1", "[null]",
                ]);
                expr([self.expression(Want::List, depth), text(index)])
            }
            3 => expr([
                self.expression(Want::List, depth),
                text("["),
                self.expression(Want::Number, depth),
                text("]"),
            ]),
            4..=6 => {
                let splat = self.random.pick(&[
                    "[*]",
                    ".*",
                    "[*].name",
                    ".*.name",
                    "[*].tags[0]",
                    ".*.tags[0]",
                    "[*][0]",
                    ".*.0",
                    "[*].tags[*]",
                    "[*].a.b",
                    "[*].port",
                ]);
                let of = [Want::List, Want::List, Want::Set, Want::Any][self.random.below(4)];
                expr([self.expression(of, depth), text(splat)])
            }
            _ => expr([self.any(depth), text(".name")]),
        }
    }

    fn call(&mut self, depth: usize) -> Tree {
        let (name, letters) = FUNCTIONS[self.random.below(FUNCTIONS.len())];
        let letters: Vec<char> = letters.chars().collect();
        let mut args = Vec::new();
        for (i, letter) in letters.iter().enumerate() {
            match letter {
                '?' => {}
                '*' => {
                    for _ in 0..self.random.below(3) {
                        args.push(self.argument(letters[i - 1], depth));
                    }
                }
                _ if letters.get(i + 1) == Some(&'?') && self.random.chance(50) => {}
                _ => args.push(self.argument(*letter, depth)),
            }
        }
        if self.random.chance(3) {
            args.pop();
        }
        if self.random.chance(3) {
            args.push(self.any(0));
        }
        if self.random.chance(5) {
            let all = self.expression(Want::List, depth.min(1));
            let mut parts = vec![text(format!("{name}(")), all, text("...)")];
            if let Some(first) = args.into_iter().next().filter(|_| self.random.chance(50)) {
                parts.splice(1..1, [first, text(", ")]);
            }
            return Tree::Expr(parts);
        }
        call(name, args)
    }

    fn argument(&mut self, letter: char, depth: usize) -> Tree {
        let of = |want| (want, depth);
        let (want, depth) = match letter {
            's' => of(Want::Text),
            'n' => of(Want::Number),
            'b' => of(Want::Bool),
            'l' => of(Want::List),
            'm' => of(Want::Map),
            'e' if self.random.chance(50) => of(Want::Set),
            'e' => of(Want::List),
            'a' => of(Want::Any),
            'i' if self.random.chance(80) => {
                return leaf(self.random.pick(&[
                    "0", "1", "2", "3", "-1", "4", "8", "16", "1.5", "100", "local.n",
                ]));
            }
            'i' => of(Want::Number),
            'L' => {
                let items = (0..self.random.below(4))
                    .map(|_| self.expression(Want::List, depth))
                    .collect();
                return expr([text("["), Tree::Items(items, ", "), text("]")]);
            }
            _ if self.random.chance(90) => {
                return leaf(format!("\"{}\"", self.random.pick(samples(letter))));
            }
            _ => of(Want::Text),
        };
        self.expression(want, depth)
    }

    fn list(&mut self, depth: usize) -> Tree {
        if self.random.chance(40) {
            return self.for_expr(depth, false);
        }
        let want = WANTS[self.random.below(WANTS.len())];
        let count = self.random.below(4);
        let items = (0..count).map(|_| self.expression(want, depth)).collect();
        let (between, end) = match self.random.below(4) {
            0 => (",\n", ",\n]"),
            1 => (",", " ]"),
            _ => (", ", "]"),
        };
        let end = if count == 0 { "]" } else { end };
        expr([text("["), Tree::Items(items, between), text(end)])
    }

    fn map(&mut self, depth: usize) -> Tree {
        if self.random.chance(40) {
            return self.for_expr(depth, true);
        }
        let want = WANTS[self.random.below(WANTS.len())];
        let items = (0..self.random.below(4)).map(|_| {
            let key = match self.random.below(6) {
                0 => self.quoted(),
                1 => expr([
                    text("("),
                    self.expression(Want::Text, depth.min(1)),
                    text(")"),
                ]),
                2 => leaf(
                    self.random
                        .pick(&["1", "true", "null", "a-b", "for_each", "1.5", "if"]),
                ),
                _ => leaf(self.random.pick(&["a", "b", "name", "env", "x"])),
            };
            let equals = self.random.pick(&[" = ", ": ", "="]);
            Tree::Group(vec![key, text(equals), self.expression(want, depth)])
        });
        let items: Vec<Tree> = items.collect();
        let between = self.random.pick(&[", ", "\n", ",\n"]);
        expr([text("{ "), Tree::Items(items, between), text(" }")])
    }

    fn for_expr(&mut self, depth: usize, object: bool) -> Tree {
        let of = [Want::List, Want::Map, Want::Set][self.random.below(3)];
        let source = self.expression(of, depth);
        let before = self.names.len();
        let value = ["v", "w", "x"][before.min(2)];
        let mut names = value.to_owned();
        if self.random.chance(50) {
            let key = ["k", "i", "j"][before.min(2)];
            names = format!("{key}, {value}");
            self.names.push(key.into());
        }
        self.names.push(value.into());
        let open = if object { "{" } else { "[" };
        let mut parts = vec![text(format!("{open}for {names} in ")), source, text(" : ")];
        if object {
            parts.extend([self.expression(Want::Text, depth.min(1)), text(" => ")]);
        }
        parts.push(self.any(depth));
        if object && self.random.chance(30) {
            parts.push(text("..."));
        }
        if self.random.chance(35) {
            let condition = self.expression(Want::Bool, depth.min(2));
            parts.push(Tree::Items(
                vec![Tree::Group(vec![text(" if "), condition])],
                "",
            ));
        }
        parts.push(text(if object { "}" } else { "]" }));
        self.names.truncate(before);
        Tree::Expr(parts)
    }

    fn template(&mut self, depth: usize) -> Tree {
        let count = 1 + self.random.below(3);
        let mut parts = vec![text("\"")];
        let inside = (0..count).map(|_| self.piece(depth)).collect();
        parts.push(Tree::Items(inside, ""));
        parts.push(text("\""));
        Tree::Expr(parts)
    }

    /// A literal, an interpolation or a directive of a template.
    pub(super) fn piece(&mut self, depth: usize) -> Tree {
        let open = self.random.pick(&["{", "{", "{", "{~", "{ "]);
        let close = self.random.pick(&["}", "}", "}", "~}", " }"]);
        match self.random.below(8) {
            0..=2 => {
                let literals = [
                    "a", " ", "b c ", " \\n ", "$", "%", "$$", "é", "\\t", "  x", "$${", "%%{",
                    "}", "\\\\",
                ];
                text(self.random.pick(&literals))
            }
            3 => self.if_directive(open, close, depth),
            4 => self.for_directive(open, close, depth),
            _ => {
                let want = match self.random.chance(75) {
                    true => [Want::Text, Want::Number, Want::Bool][self.random.below(3)],
                    false => Want::Any,
                };
                let inner = self.expression(want, depth);
                Tree::Group(vec![text(format!("${open}")), inner, text(close)])
            }
        }
    }

    fn if_directive(&mut self, open: &str, close: &str, depth: usize) -> Tree {
        let depth = depth.saturating_sub(1);
        let condition = self.expression(Want::Bool, depth);
        let mut parts = vec![text(format!("%{open}if ")), condition, text(close)];
        parts.push(Tree::Items(
            (0..self.random.below(3))
                .map(|_| self.piece(depth))
                .collect(),
            "",
        ));
        if self.random.chance(50) {
            parts.push(text(format!("%{open}else{close}")));
            parts.push(Tree::Items(
                (0..self.random.below(3))
                    .map(|_| self.piece(depth))
                    .collect(),
                "",
            ));
        }
        parts.push(text(format!("%{open}endif{close}")));
        Tree::Group(parts)
    }

    fn for_directive(&mut self, open: &str, close: &str, depth: usize) -> Tree {
        let depth = depth.saturating_sub(1);
        let of = [Want::List, Want::Map, Want::Set][self.random.below(3)];
        let source = self.expression(of, depth);
        let before = self.names.len();
        let name = ["v", "w", "x"][before.min(2)];
        self.names.push(name.into());
        let head = match self.random.chance(50) {
            true => {
                self.names.push("k".into());
                format!("%{open}for k, {name} in ")
            }
            false => format!("%{open}for {name} in "),
        };
        let body = (0..1 + self.random.below(2))
            .map(|_| self.piece(depth))
            .collect();
        self.names.truncate(before);
        let end = text(format!("%{open}endfor{close}"));
        Tree::Group(vec![
            text(head),
            source,
            text(close),
            Tree::Items(body, ""),
            end,
        ])
    }
}
