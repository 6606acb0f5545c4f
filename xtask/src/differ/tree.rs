//! Generated text with enough of its structure to make it smaller.

/// A piece of generated text.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    /// Stays as it is.
    Text(String),
    /// A whole expression: may be replaced by another one.
    Expr(Vec<Tree>),
    /// Pieces that belong together but are no expression.
    Group(Vec<Tree>),
    /// Pieces of which any may be left out.
    Items(Vec<Tree>, &'static str),
}

/// What an expression is replaced by, to see whether it matters at all.
const LEAVES: [&str; 5] = ["1", "\"a\"", "null", "[]", "{}"];

/// A fixed text.
pub(crate) fn text(text: impl Into<String>) -> Tree {
    Tree::Text(text.into())
}

/// An expression that is one token.
pub(crate) fn leaf(text: impl Into<String>) -> Tree {
    Tree::Expr(vec![Tree::Text(text.into())])
}

impl Tree {
    /// Text of which any line, and then any character, may be left out.
    pub(crate) fn lines(text: &str) -> Tree {
        let line = |l: &str| {
            let chars = l.chars().map(|c| Tree::Text(c.into())).collect();
            Tree::Items(chars, "")
        };
        Tree::Items(text.split_inclusive('\n').map(line).collect(), "")
    }

    /// The whole text.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Tree::Text(text) => out.push_str(text),
            Tree::Expr(parts) | Tree::Group(parts) => parts.iter().for_each(|p| p.write(out)),
            Tree::Items(parts, between) => {
                for (i, part) in parts.iter().enumerate() {
                    if i > 0 {
                        out.push_str(between);
                    }
                    part.write(out);
                }
            }
        }
    }

    /// All trees that are one step smaller, the smallest first.
    pub(crate) fn smaller(&self) -> Vec<Tree> {
        let mut found = Vec::new();
        self.each(&mut |tree| found.push(tree));
        let size = self.render().len();
        let mut sized: Vec<(usize, Tree)> = found
            .into_iter()
            .map(|tree| (tree.render().len(), tree))
            .filter(|(len, _)| *len < size)
            .collect();
        sized.sort_by_key(|(len, _)| *len);
        sized.into_iter().map(|(_, tree)| tree).collect()
    }

    fn each(&self, give: &mut dyn FnMut(Tree)) {
        match self {
            Tree::Text(_) => {}
            Tree::Expr(parts) => {
                LEAVES.iter().for_each(|l| give(leaf(*l)));
                parts.iter().for_each(|p| p.inner(give));
                self.each_part(parts, give);
            }
            Tree::Group(parts) => self.each_part(parts, give),
            Tree::Items(parts, between) => {
                for (from, to) in cuts(parts.len()) {
                    let mut rest = parts[..from].to_vec();
                    rest.extend_from_slice(&parts[to..]);
                    give(Tree::Items(rest, between));
                }
                self.each_part(parts, give);
            }
        }
    }

    /// This tree with one of its parts made smaller.
    fn each_part(&self, parts: &[Tree], give: &mut dyn FnMut(Tree)) {
        for (i, part) in parts.iter().enumerate() {
            part.each(&mut |smaller| {
                let mut parts = parts.to_vec();
                parts[i] = smaller;
                give(match self {
                    Tree::Expr(_) => Tree::Expr(parts),
                    Tree::Items(_, between) => Tree::Items(parts, between),
                    _ => Tree::Group(parts),
                });
            });
        }
    }

    /// The expressions inside.
    fn inner(&self, give: &mut dyn FnMut(Tree)) {
        match self {
            Tree::Text(_) => {}
            Tree::Expr(parts) => {
                give(self.clone());
                parts.iter().for_each(|p| p.inner(give));
            }
            Tree::Group(parts) | Tree::Items(parts, _) => parts.iter().for_each(|p| p.inner(give)),
        }
    }
}

/// Ranges to leave out of a list: the halves, the quarters and so on down to each item.
fn cuts(len: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut step = len;
    while step > 0 {
        let starts = (0..len).step_by(step);
        found.extend(starts.map(|from| (from, (from + step).min(len))));
        step /= 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_trees() {
        let sum = Tree::Expr(vec![leaf("\"a\""), text(" + "), leaf("local.b")]);
        let texts: Vec<String> = sum.smaller().iter().map(Tree::render).collect();
        for expected in ["1", "local.b", "\"a\" + []", "1 + local.b"] {
            assert!(texts.iter().any(|t| t == expected), "{expected}: {texts:?}");
        }
        let mut sorted = texts.clone();
        sorted.sort_by_key(String::len);
        assert_eq!(texts, sorted);
    }

    #[test]
    fn parts_to_leave_out() {
        let lines = Tree::lines("ab\nc\n");
        let texts: Vec<String> = lines.smaller().iter().map(Tree::render).collect();
        for expected in ["", "ab\n", "c\n", "b\nc\n", "abc\n"] {
            assert!(texts.iter().any(|t| t == expected), "{expected}: {texts:?}");
        }
        assert_eq!(cuts(3), [(0, 3), (0, 1), (1, 2), (2, 3)]);
    }
}
