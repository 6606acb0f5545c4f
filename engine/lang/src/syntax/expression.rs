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
        let before = self.set_skip_newlines(true);
        let result = rule(self);
        self.set_skip_newlines(before);
        result
    }

    fn arguments(&mut self, mark: Mark, open: usize) -> Parse {
        loop {
            if self.eat(CParen) {
                break;
            }
            self.expression()?;
            let ellipsis = self.next();
            if self.eat(Ellipsis) {
                if !self.eat(CParen) {
                    let detail = "An argument with \"...\" must be the last one.";
                    self.report("Missing closing parenthesis", detail, ellipsis);
                    return Err(Abort);
                }
                self.close(NodeKind::CallExpand, mark);
                return Ok(());
            }
            match self.peek() {
                Comma => _ = self.bump(),
                CParen => {}
                Eof => {
                    self.report_all(
                        "Unterminated function call",
                        "There is no closing parenthesis for this call.",
                        mark.token,
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
        let before = self.set_skip_newlines(true);
        if self.at_word("for") {
            let result = self.for_expression(mark, CBrace);
            self.set_skip_newlines(before);
            return result;
        }
        self.set_skip_newlines(false);
        let mut separated = true;
        loop {
            match self.peek() {
                Newline => _ = self.bump(),
                CBrace => break,
                Eof => {
                    // Tools know the two apart: another item could follow, or not.
                    let summary = match separated {
                        true => "Missing expression",
                        false => "Unterminated object constructor expression",
                    };
                    self.report(summary, "There is no closing brace for this one.", open);
                    return Err(Abort);
                }
                _ => separated = self.object_item()?,
            }
        }
        self.bump();
        self.set_skip_newlines(before);
        self.close(NodeKind::Object, mark);
        Ok(())
    }

    /// Whether a separator follows the item.
    fn object_item(&mut self) -> Parse<bool> {
        let mark = self.mark();
        self.expression()?;
        match self.peek() {
            Equal | Colon => _ = self.bump(),
            Newline | Comma => {
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
            Comma | Newline => {
                self.bump();
                Ok(true)
            }
            CBrace | Eof => Ok(false),
            _ => self.fail(
                "Missing attribute separator",
                "Attributes are separated by newlines or commas.",
            ),
        }
    }
}
