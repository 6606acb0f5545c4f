//! The grammar of what follows a term: attributes, indexes, splats.

use super::parser::{Abort, Mark, Parse, Parser};
use super::token::TokenKind::*;
use super::tree::NodeKind;

const NAME_EXPECTED: &str = "The name of an attribute is expected after a dot.";

impl Parser<'_> {
    /// What follows a term: attributes, indexes, splats.
    pub(crate) fn steps(&mut self, mark: Mark) -> Parse {
        loop {
            match self.peek() {
                Dot => {
                    self.bump();
                    if self.peek() == Star {
                        self.bump();
                        self.attribute_splat(mark)?;
                    } else {
                        self.dot_step(mark)?;
                    }
                }
                OBrack => {
                    self.bump();
                    if self.bracket_step(mark)? {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// After the dot.
    fn dot_step(&mut self, mark: Mark) -> Parse {
        match self.peek() {
            Ident => {
                self.bump();
                self.close(NodeKind::GetAttr, mark);
                Ok(())
            }
            Number => {
                let at = self.next();
                if !self.word(at).bytes().all(|b| b.is_ascii_digit()) {
                    return self.fail("Invalid legacy index syntax", "Two indexes cannot follow each other like this; write them in brackets: [0][0].");
                }
                self.bump();
                self.close(NodeKind::LegacyIndex, mark);
                Ok(())
            }
            _ => self.fail("Invalid attribute name", NAME_EXPECTED),
        }
    }

    /// After `.*`: only attributes and legacy indexes belong to it.
    fn attribute_splat(&mut self, mark: Mark) -> Parse {
        let item = self.close_empty(NodeKind::SplatItem);
        while self.peek() == Dot {
            let before = self.pos() - 1;
            self.bump();
            if !matches!(self.peek(), Star | Ident | Number) {
                self.report("Invalid attribute name", NAME_EXPECTED, before);
                return Err(Abort);
            }
            if self.peek() == Star {
                return self.fail(
                    "Nested splat expression not allowed",
                    "Write the inner splat as [*].",
                );
            }
            self.dot_step(item)?;
        }
        self.close(NodeKind::Splat, mark);
        Ok(())
    }

    /// After the bracket. True if that was a full splat, which takes all that follows.
    fn bracket_step(&mut self, mark: Mark) -> Parse<bool> {
        // A star and its bracket stand on one line, unless there are brackets around.
        let splat = self.peek() == Star;
        let around = self.skip_newlines();
        match splat {
            true => _ = self.bump(),
            false => {
                self.set_skip_newlines(true);
                self.expression()?;
            }
        }
        if !self.eat(CBrack) {
            let (summary, detail) = match splat {
                true => (
                    "Missing close bracket on splat index",
                    "A closing bracket is expected after the star.",
                ),
                false => (
                    "Missing close bracket on index",
                    "A closing bracket is expected after the index.",
                ),
            };
            return self.fail(summary, detail);
        }
        self.set_skip_newlines(around);
        if !splat {
            self.close(NodeKind::Index, mark);
            return Ok(false);
        }
        let item = self.close_empty(NodeKind::SplatItem);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.steps(item))?;
        self.close(NodeKind::Splat, mark);
        Ok(true)
    }
}
