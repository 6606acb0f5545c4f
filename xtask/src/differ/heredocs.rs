//! Random heredocs and quoted templates, with markers and white space in odd places.

use super::random::Random;
use super::tree::{Tree, text};

/// An expression that is, or contains, a heredoc or a template.
pub(crate) fn generate(random: &mut Random) -> Tree {
    let mut writer = Writer {
        random,
        out: String::new(),
        names: 0,
    };
    if writer.random.chance(20) {
        writer.pieces(3);
        let inside = Tree::lines(&writer.out);
        return Tree::Group(vec![text("\""), inside, text("\"")]);
    }
    let marker = writer.random.pick(&["EOT", "EOT", "EOT", "E", "a-b", "é"]);
    let dash = writer.random.pick(&["", "-", "-"]);
    let line_end = writer.random.pick(&["\n", "\n", "\n", "\n", "\r\n"]);
    let blank = if writer.random.chance(3) { " " } else { "" };
    let open = format!("<<{dash}{marker}{blank}{line_end}");
    for _ in 0..writer.random.below(5) {
        writer.line(marker, line_end);
    }
    let close = writer.close(marker);
    let body = Tree::lines(&writer.out);
    let (before, after) = match random.below(8) {
        0 => ("[", "\n]"),
        1 => ("upper(", "\n)"),
        2 => ("{ a = ", "\n}"),
        3 => ("[1, ", "\n, 2]"),
        _ => ("", ""),
    };
    Tree::Group(vec![
        text(before),
        text(open),
        body,
        text(close),
        text(after),
    ])
}

struct Writer<'a> {
    random: &'a mut Random,
    out: String,
    /// How many iteration variables there are.
    names: usize,
}

const INDENTS: [&str; 9] = ["", "", "  ", "  ", "    ", "\t", " ", "      ", " \t"];

impl Writer<'_> {
    fn put(&mut self, choices: &[&str]) {
        self.out.push_str(self.random.pick(choices));
    }

    fn line(&mut self, marker: &str, line_end: &str) {
        self.put(&INDENTS);
        match self.random.below(20) {
            0 => {
                let after = self.random.pick(&["x", " x", ")", ",", "\"", "é"]);
                self.out.push_str(marker);
                self.out.push_str(after);
            }
            1..=3 => {}
            _ => self.pieces(2),
        }
        if self.random.chance(15) {
            self.put(&[" ", "  ", "\t", "\r", " "]);
        }
        let odd = self.random.chance(4);
        self.out.push_str(if odd { "\r\n" } else { line_end });
    }

    fn close(&mut self, marker: &str) -> String {
        let indent = match self.random.chance(60) {
            true => self.random.pick(&INDENTS),
            false => "",
        };
        let after = match self.random.chance(4) {
            true => self.random.pick(&[" ", "\r", "\t", ")"]),
            false => "",
        };
        format!("{indent}{marker}{after}")
    }

    fn pieces(&mut self, depth: usize) {
        for _ in 0..1 + self.random.below(3) {
            self.piece(depth);
        }
    }

    fn piece(&mut self, depth: usize) {
        match self.random.below(12) {
            0..=3 => self.literal(),
            4..=6 => self.interpolation(),
            7 if depth > 0 => self.choice(depth - 1),
            8 if depth > 0 => self.repetition(depth - 1),
            9 => self.put(&[" ", "  ", "\t", "\n", "\n  ", "\n\n", "\r\n    "]),
            10 if self.random.chance(15) => self.stray(),
            _ => self.put(&["a", "b c", "é", "x: 1"]),
        }
    }

    fn literal(&mut self) {
        self.put(&[
            "word",
            "a b",
            "$",
            "%",
            "$$",
            "%%",
            "~",
            "{",
            "}",
            "$${a}",
            "%%{b}",
            "$$${local.n}",
            "$$$${a}",
            "%%%%{a}",
            "\\n",
            "\\\"",
            "\\",
            "\\u00e9",
            "\\t",
            "# c",
            "// c",
            "/* c */",
            "'",
            "<<EOT",
            "<<",
            "é",
            "e\u{301}",
            "\u{1f469}\u{200d}\u{1f467}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "~}",
            "{~",
            "$ {",
            "EOT",
            "E",
            "\u{b}",
            "=",
            "%{",
            "${",
        ]);
    }

    fn open(&mut self, sign: char) {
        self.out.push(sign);
        self.put(&["{", "{", "{", "{~", "{ ", "{~ ", "{\n"]);
    }

    fn shut(&mut self) {
        self.put(&["}", "}", "}", "~}", " }", " ~}", "\n}"]);
    }

    fn interpolation(&mut self) {
        self.open('$');
        if self.names > 0 && self.random.chance(50) {
            let name = format!("v{}", self.random.below(self.names));
            self.out.push_str(&name);
        } else {
            self.put(&[
                "local.a",
                "local.n",
                "local.lines",
                "local.empty",
                "1 + 2",
                "\"q\"",
                "\"${local.a}\"",
                "\" \"",
                "\"\\n\"",
                "true ? \"a\" : \"b\"",
                "local.words[0]",
                "join(\",\", local.words)",
                "/* c */ local.a",
                "[]",
                "null",
                "\"}\"",
                "{ a = \"b\" }.a",
                "upper(\"x\n\")",
                "<<E\nin\nE\n",
                "# c\nlocal.a",
                "",
            ]);
        }
        self.shut();
    }

    fn choice(&mut self, depth: usize) {
        self.open('%');
        self.put(&[
            "if local.yes",
            "if false",
            "if local.n > 3",
            "if !local.yes",
            "if null",
            "if",
        ]);
        self.shut();
        self.pieces(depth);
        if self.random.chance(50) {
            self.word("else");
            self.pieces(depth);
        }
        self.word("endif");
    }

    fn repetition(&mut self, depth: usize) {
        self.open('%');
        let name = self.names;
        self.names += 1;
        let key = if self.random.chance(30) { "k, " } else { "" };
        self.out.push_str(&format!("for {key}v{name} in "));
        self.put(&[
            "local.words",
            "[1, 2]",
            "[]",
            "local.tags",
            "local.unique",
            "[\"\\n\", \" \"]",
            "1",
        ]);
        self.shut();
        self.pieces(depth);
        self.word("endfor");
        self.names -= 1;
    }

    fn word(&mut self, word: &str) {
        self.open('%');
        self.out.push_str(word);
        self.shut();
    }

    /// A part of a directive without the others.
    fn stray(&mut self) {
        let word = self.random.pick(&[
            "else",
            "endif",
            "endfor",
            "if true",
            "for x in []",
            "for",
            "end",
            "elseif true",
            "",
        ]);
        self.word(word);
    }
}
