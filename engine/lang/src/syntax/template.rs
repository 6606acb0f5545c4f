//! The grammar of templates: strings, heredocs and template files.

use super::parser::{Abort, Mark, Parse, Parser};
use super::token::TokenKind::{self, *};
use super::tree::NodeKind;

/// What ended a run of parts.
enum Stop {
    /// The end of the template.
    End,
    /// A directive that does not begin something: its word and first token. The word was taken.
    Word(&'static str, usize),
}

/// The directive around a run of parts.
#[derive(Clone, Copy)]
struct Around {
    word: &'static str,
    token: usize,
}

impl Parser<'_> {
    /// A string in quotes.
    pub(crate) fn quoted(&mut self, mark: Mark) -> Parse {
        self.bump();
        self.whole(CQuote)?;
        match self.peek_any() {
            CQuote => self.bump_any(),
            // The lexer said already that the line is broken.
            Newline => {}
            _ => self.unterminated(mark)?,
        }
        self.close(NodeKind::Quoted, mark);
        Ok(())
    }

    /// A heredoc.
    pub(crate) fn heredoc(&mut self, mark: Mark) -> Parse {
        self.bump();
        self.whole(CHeredoc)?;
        match self.peek_any() {
            CHeredoc => self.bump_any(),
            _ => self.unterminated(mark)?,
        }
        self.close(NodeKind::Heredoc, mark);
        Ok(())
    }

    /// A template that ends with the text.
    pub(crate) fn bare(&mut self) -> Parse {
        let mark = Mark { node: 0, token: 0 };
        self.whole(Eof)?;
        self.close(NodeKind::Bare, mark);
        Ok(())
    }

    fn unterminated(&mut self, mark: Mark) -> Parse {
        // A byte that is no text ends the string wherever it is.
        let at = match self.peek_any() {
            Invalid if std::mem::replace(&mut self.told_bad, true) => return Err(Abort),
            Invalid => self.pos(),
            _ => mark.token,
        };
        let detail = "The end of this string is missing.";
        self.report("Unterminated template string", detail, at);
        Err(Abort)
    }

    fn whole(&mut self, end: TokenKind) -> Parse {
        match self.parts(end, None)? {
            Stop::End => Ok(()),
            Stop::Word(word, token) => {
                let summary = format!("Unexpected {word} directive");
                let detail = "No directive is open here that it could belong to.";
                self.report_all(&summary, detail, token, self.pos() - 1);
                Err(Abort)
            }
        }
    }

    /// Text and sequences up to the end of the template or a directive that ends the run.
    fn parts(&mut self, end: TokenKind, around: Option<Around>) -> Parse<Stop> {
        let mark = self.mark_here();
        let stop = loop {
            match self.peek_any() {
                Text => self.bump_any(),
                Interp => self.interpolation(end)?,
                Control => {
                    let at = self.pos();
                    if let Some(word) = self.directive(end)? {
                        break Stop::Word(word, at);
                    }
                    continue;
                }
                _ => break Stop::End,
            }
        };
        // The directive that ends the run does not belong to it.
        let end = match stop {
            Stop::Word(_, at) => at,
            Stop::End => self.pos(),
        };
        self.close_at(NodeKind::Parts, mark, end);
        match (&stop, around) {
            (Stop::End, Some(around)) => {
                let Around { word, token } = around;
                let detail = format!("The directive \"{word}\" has no \"end{word}\".");
                self.report("Unexpected end of template", detail, token);
                Err(Abort)
            }
            _ => Ok(stop),
        }
    }

    /// An interpolation in a template that ends with `end`.
    fn interpolation(&mut self, end: TokenKind) -> Parse {
        let mark = self.mark_here();
        self.bump_any();
        self.bracketed(|p| {
            p.expression()?;
            match p.peek() {
                SeqEnd => _ = p.bump(),
                stop @ (Eof | OQuote) if stop == Eof || end == CQuote => {
                    p.report("Unclosed template interpolation sequence", "There is no closing brace for this interpolation.", mark.token);
                    return Err(Abort);
                }
                _ => return p.fail("Extra characters after interpolation expression", "The closing brace of the interpolation is expected here. A literal \"${\" is written \"$${\"."),
            }
            p.close(NodeKind::Interpolation, mark);
            Ok(())
        })
    }

    /// A directive. `if` and `for` are read to their end; the word of any other is given back.
    fn directive(&mut self, end: TokenKind) -> Parse<Option<&'static str>> {
        let mark = self.mark_here();
        self.bump_any();
        let mut word = "";
        self.bracketed(|p| {
            let at = p.next();
            word = match (p.kinds[at], p.word(at)) {
                (Ident, "if") => "if",
                (Ident, "for") => "for",
                (Ident, "else") => "else",
                (Ident, "endif") => "endif",
                (Ident, "endfor") => "endfor",
                _ => return p.fail("Invalid template control keyword", "A directive begins with if, else, endif, for or endfor. A literal \"%{\" is written \"%%{\"."),
            };
            p.bump();
            match word {
                "if" => p.expression()?,
                "for" => p.for_head()?,
                _ => {}
            }
            if p.peek() == SeqEnd {
                p.bump();
                return Ok(());
            }
            p.fail(&format!("Extra characters in {word} marker"), "The closing brace of the directive is expected here.")
        })?;
        let around = Around {
            word,
            token: mark.token,
        };
        match word {
            "if" => {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.if_parts(mark, end, around))?
            }
            "for" => {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.for_parts(mark, end, around))?
            }
            _ => return Ok(Some(word)),
        }
        Ok(None)
    }

    fn for_head(&mut self) -> Parse {
        const SUMMARY: &str = "Invalid 'for' directive";
        if !self.eat(Ident) {
            return self.fail(SUMMARY, "The name of a variable is expected after \"for\".");
        }
        if self.eat(Comma) && !self.eat(Ident) {
            return self.fail(
                SUMMARY,
                "The name of a second variable is expected after the comma.",
            );
        }
        if !self.at_word("in") {
            return self.fail(SUMMARY, "The word \"in\" is expected after the names.");
        }
        self.bump();
        self.expression()
    }

    fn if_parts(&mut self, mark: Mark, end: TokenKind, around: Around) -> Parse {
        let mut in_else = false;
        loop {
            match self.parts(end, Some(around))? {
                Stop::Word("endif", _) => break,
                Stop::Word("else", _) if !in_else => in_else = true,
                Stop::Word(word, token) => return self.misplaced(word, token, around),
                Stop::End => return Err(Abort),
            }
        }
        self.close(NodeKind::If, mark);
        Ok(())
    }

    fn for_parts(&mut self, mark: Mark, end: TokenKind, around: Around) -> Parse {
        match self.parts(end, Some(around))? {
            Stop::Word("endfor", _) => {}
            Stop::Word(word, token) => return self.misplaced(word, token, around),
            Stop::End => return Err(Abort),
        }
        self.close(NodeKind::ForDirective, mark);
        Ok(())
    }

    fn misplaced(&mut self, word: &str, token: usize, around: Around) -> Parse {
        let detail = format!(
            "The directive \"{}\" that is open here cannot be followed by \"{word}\".",
            around.word
        );
        let summary = format!("Unexpected {word} directive");
        self.report_all(&summary, detail, token, self.pos() - 1);
        Err(Abort)
    }
}
