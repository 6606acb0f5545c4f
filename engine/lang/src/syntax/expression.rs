//! The grammar of expressions.

use super::parser::{Abort, Mark, Parse, Parser};
use super::token::TokenKind::{self, *};
use super::tree::NodeKind;

/// How tightly a binary operator binds; `None` for any other token.
fn binding(kind: TokenKind) -> Option<u8> {
    Some(match kind {
        OrOr => 1,
        AndAnd => 2,
        EqualEqual | NotEqual => 3,
        Less | LessEq | Greater | GreaterEq => 4,
        Plus | Minus => 5,
        Star | Slash | Percent => 6,
        _ => return None,
    })
}

impl Parser<'_> {
    /// A whole expression.
    pub(crate) fn expression(&mut self) -> Parse {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.conditional())
    }

    fn conditional(&mut self) -> Parse {
        let mark = self.mark();
        self.binary(1)?;
        if !self.eat(Question) {
            return Ok(());
        }
        self.expression()?;
        if !self.eat(Colon) {
            return self.fail(
                "Missing false expression in conditional",
                "A conditional has two results: condition ? result if true : result if false.",
            );
        }
        self.expression()?;
        self.close(NodeKind::Conditional, mark);
        Ok(())
    }

    fn binary(&mut self, at_least: u8) -> Parse {
        let mark = self.mark();
        self.postfix()?;
        while let Some(level) = binding(self.peek()).filter(|&level| level >= at_least) {
            self.bump();
            self.binary(level + 1)?;
            self.close(NodeKind::Binary, mark);
        }
        Ok(())
    }

    fn postfix(&mut self) -> Parse {
        let mark = self.mark();
        self.term()?;
        self.steps(mark)
    }

    fn term(&mut self) -> Parse {
        let mark = self.mark();
        match self.peek() {
            Number => self.number(mark),
            Ident => self.name(mark),
            OQuote => self.quoted(mark),
            OHeredoc => self.heredoc(mark),
            Minus | Bang => {
                self.bump();
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.postfix())?;
                self.close(NodeKind::Unary, mark);
                Ok(())
            }
            OParen => self.paren(mark),
            OBrack => self.tuple(mark),
            OBrace => self.object(mark),
            Eof => self.fail(
                "Missing expression",
                "The text ends where an expression is expected.",
            ),
            _ => self.fail("Invalid expression", "An expression is expected here."),
        }
    }

    fn number(&mut self, mark: Mark) -> Parse {
        let text = self.word(mark.token);
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let exponents = text.bytes().filter(|b| matches!(b, b'e' | b'E')).count();
        let points = text.bytes().filter(|&b| b == b'.').count();
        if exponents > 1 || points > 1 || points != mantissa.matches('.').count() {
            return self.fail(
                "Invalid number literal",
                "A number is written like 12, 1.5 or 6.02e23.",
            );
        }
        self.bump();
        self.close(NodeKind::Number, mark);
        Ok(())
    }

    fn name(&mut self, mark: Mark) -> Parse {
        self.bump();
        let mut scoped = false;
        while self.eat(DoubleColon) {
            scoped = true;
            if !self.eat(Ident) {
                return self.fail(
                    "Missing function name",
                    "The name of a function is expected after \"::\".",
                );
            }
        }
        if self.peek() == OParen {
            return self.call(mark);
        }
        if scoped {
            return self.fail(
                "Missing open parenthesis",
                "The name of a function must be followed by its arguments in parentheses.",
            );
        }
        self.close(NodeKind::Name, mark);
        Ok(())
    }

    fn call(&mut self, mark: Mark) -> Parse {
        let open = self.bump();
        self.bracketed(|p| p.arguments(mark, open))
    }

    /// Runs a rule in which newlines mean nothing.
    pub(crate) fn bracketed(&mut self, rule: impl FnOnce(&mut Self) -> Parse) -> Parse {
        let before = std::mem::replace(&mut self.skip_newlines, true);
        let result = rule(self);
        self.skip_newlines = before;
        result
    }

    fn arguments(&mut self, mark: Mark, open: usize) -> Parse {
        loop {
            if self.eat(CParen) {
                break;
            }
            self.expression()?;
            if self.eat(Ellipsis) {
                if !self.eat(CParen) {
                    return self.fail(
                        "Missing closing parenthesis",
                        "An argument with \"...\" must be the last one.",
                    );
                }
                self.close(NodeKind::CallExpand, mark);
                return Ok(());
            }
            match self.peek() {
                Comma => _ = self.bump(),
                CParen => {}
                Eof => {
                    self.report(
                        "Unterminated function call",
                        "There is no closing parenthesis for this call.",
                        open,
                    );
                    return Err(Abort);
                }
                _ => {
                    return self.fail(
                        "Missing argument separator",
                        "Arguments are separated by commas.",
                    );
                }
            }
        }
        self.close(NodeKind::Call, mark);
        Ok(())
    }

    fn paren(&mut self, mark: Mark) -> Parse {
        self.bump();
        self.bracketed(|p| {
            p.expression()?;
            if !p.eat(CParen) {
                return p.fail(
                    "Unbalanced parentheses",
                    "A closing parenthesis is expected here.",
                );
            }
            p.close(NodeKind::Paren, mark);
            Ok(())
        })
    }

    fn tuple(&mut self, mark: Mark) -> Parse {
        let open = self.bump();
        self.bracketed(|p| {
            if p.at_word("for") {
                return p.for_expression(mark, CBrack);
            }
            while !p.eat(CBrack) {
                p.expression()?;
                match p.peek() {
                    Comma => _ = p.bump(),
                    CBrack => {}
                    Eof => {
                        p.report(
                            "Unterminated tuple constructor expression",
                            "There is no closing bracket for this one.",
                            open,
                        );
                        return Err(Abort);
                    }
                    _ => return p.fail("Missing item separator", "Items are separated by commas."),
                }
            }
            p.close(NodeKind::Tuple, mark);
            Ok(())
        })
    }

    fn object(&mut self, mark: Mark) -> Parse {
        let open = self.bump();
        let before = std::mem::replace(&mut self.skip_newlines, true);
        if self.at_word("for") {
            let result = self.for_expression(mark, CBrace);
            self.skip_newlines = before;
            return result;
        }
        self.skip_newlines = false;
        loop {
            match self.peek() {
                Newline => _ = self.bump(),
                CBrace => break,
                Eof => {
                    self.report(
                        "Unterminated object constructor expression",
                        "There is no closing brace for this one.",
                        open,
                    );
                    return Err(Abort);
                }
                _ => self.object_item()?,
            }
        }
        self.bump();
        self.skip_newlines = before;
        self.close(NodeKind::Object, mark);
        Ok(())
    }

    fn object_item(&mut self) -> Parse {
        let mark = self.mark();
        self.expression()?;
        match self.peek() {
            Equal | Colon => _ = self.bump(),
            Newline | Comma | CBrace => {
                return self.fail(
                    "Missing attribute value",
                    "A key must be followed by an equals sign and a value.",
                );
            }
            _ => {
                return self.fail(
                    "Missing key/value separator",
                    "An equals sign is expected between a key and its value.",
                );
            }
        }
        self.expression()?;
        self.close(NodeKind::ObjectItem, mark);
        match self.peek() {
            Comma | Newline => _ = self.bump(),
            CBrace | Eof => {}
            _ => {
                return self.fail(
                    "Missing attribute separator",
                    "Attributes are separated by newlines or commas.",
                );
            }
        }
        Ok(())
    }

    fn for_fail<T>(&mut self, detail: &str) -> Parse<T> {
        self.fail("Invalid 'for' expression", detail)
    }

    /// From the word `for` on; newlines mean nothing.
    fn for_expression(&mut self, mark: Mark, end: TokenKind) -> Parse {
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
                return self
                    .for_fail("A key has no place in a tuple; use braces to make an object.");
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

    /// What follows a term: attributes, indexes, splats.
    fn steps(&mut self, mark: Mark) -> Parse {
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
            _ => self.fail(
                "Invalid attribute name",
                "The name of an attribute is expected after a dot.",
            ),
        }
    }

    /// After `.*`: only attributes and legacy indexes belong to it.
    fn attribute_splat(&mut self, mark: Mark) -> Parse {
        let item = self.mark();
        self.close(NodeKind::SplatItem, item);
        while self.peek() == Dot {
            self.bump();
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
        let before = std::mem::replace(&mut self.skip_newlines, true);
        let splat = self.peek() == Star;
        match splat {
            true => _ = self.bump(),
            false => self.expression()?,
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
        self.skip_newlines = before;
        if !splat {
            self.close(NodeKind::Index, mark);
            return Ok(false);
        }
        let item = self.mark();
        self.close(NodeKind::SplatItem, item);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.steps(item))?;
        self.close(NodeKind::Splat, mark);
        Ok(true)
    }
}
