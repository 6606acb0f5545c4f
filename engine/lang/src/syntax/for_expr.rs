//! The grammar of `for` expressions.

use super::parser::{Abort, Mark, Parse, Parser};
use super::token::TokenKind::{self, *};
use super::tree::NodeKind;

impl Parser<'_> {
    fn for_fail<T>(&mut self, detail: &str) -> Parse<T> {
        self.fail("Invalid 'for' expression", detail)
    }

    /// From the word `for` on; newlines mean nothing.
    pub(crate) fn for_expression(&mut self, mark: Mark, end: TokenKind) -> Parse {
        self.bump();
        if !self.eat(Ident) {
            return self.for_fail("The name of a variable is expected after \"for\".");
        }
        if self.eat(Comma) && !self.eat(Ident) {
            return self.for_fail("The name of a second variable is expected after the comma.");
        }
        if !self.at_word("in") {
            return self.for_fail("The word \"in\" is expected after the names.");
        }
        self.bump();
        self.expression()?;
        if !self.eat(Colon) {
            return self.for_fail("A colon is expected after the collection.");
        }
        self.for_result(end)?;
        let condition = self.mark();
        if self.at_word("if") {
            self.bump();
            self.expression()?;
            self.close(NodeKind::ForCondition, condition);
        }
        if !self.eat(end) {
            return self.for_fail("The \"for\" expression should end here.");
        }
        self.close(
            if end == CBrack {
                NodeKind::ForTuple
            } else {
                NodeKind::ForObject
            },
            mark,
        );
        Ok(())
    }

    fn for_result(&mut self, end: TokenKind) -> Parse {
        let first = self.mark();
        self.expression()?;
        let object = end == CBrace;
        match (self.peek() == FatArrow, object) {
            (true, false) => {
                self.report_all(
                    "Invalid 'for' expression",
                    "A key has no place in a tuple; use braces to make an object.",
                    first.token,
                    self.pos() - 1,
                );
                return Err(Abort);
            }
            (false, true) => {
                self.report(
                    "Invalid 'for' expression",
                    "An object needs a key and a value: key => value.",
                    first.token,
                );
                return Err(Abort);
            }
            (false, false) => {}
            (true, true) => {
                self.bump();
                self.expression()?;
            }
        }
        let group = self.mark();
        if self.peek() == Ellipsis {
            if !object {
                return self.for_fail("Grouping with \"...\" has no place in a tuple.");
            }
            self.bump();
            self.close(NodeKind::ForGroup, group);
        }
        Ok(())
    }
}
