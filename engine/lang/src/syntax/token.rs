//! The kinds of token.

/// What a token is. Whitespace, comments and newlines are tokens too, so that the tokens of a
/// file cover its every byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Spaces and tabs, or a byte order mark at the start of the file.
    Whitespace,
    /// `# ...`, `// ...` without the newline, or `/* ... */`.
    Comment,
    /// `\n` or `\r\n`.
    Newline,
    /// A name or keyword.
    Ident,
    /// A number literal.
    Number,
    /// `{`
    OBrace,
    /// `}`
    CBrace,
    /// `[`
    OBrack,
    /// `]`
    CBrack,
    /// `(`
    OParen,
    /// `)`
    CParen,
    /// The quote that opens a string.
    OQuote,
    /// The quote that closes a string.
    CQuote,
    /// Literal text of a template, escapes included. In a heredoc at most one line.
    Text,
    /// `<<NAME` or `<<-NAME` with its newline.
    OHeredoc,
    /// The line that ends a heredoc, without its newline.
    CHeredoc,
    /// `${` or `${~`
    Interp,
    /// `%{` or `%{~`
    Control,
    /// `}` or `~}` that ends an interpolation or directive.
    SeqEnd,
    /// `.`
    Dot,
    /// `...`
    Ellipsis,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `::`
    DoubleColon,
    /// `=`
    Equal,
    /// `=>`
    FatArrow,
    /// `?`
    Question,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEq,
    /// `>`
    Greater,
    /// `>=`
    GreaterEq,
    /// `&&`
    AndAnd,
    /// `||`
    OrOr,
    /// `!`
    Bang,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// A character that the language does not use here; reported by the lexer.
    Invalid,
    /// The end of the text; empty and always last.
    Eof,
}

impl TokenKind {
    /// Whether the parser never looks at it, whatever the mode.
    pub(crate) fn is_blank(self) -> bool {
        matches!(self, Self::Whitespace | Self::Comment)
    }
}
