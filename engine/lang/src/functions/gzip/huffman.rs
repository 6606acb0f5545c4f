//! Huffman codes of limited length.

use std::sync::LazyLock;

/// The code of a symbol.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    /// The bits, the first one lowest.
    pub(super) bits: u16,
    /// How many; none when the symbol has no code.
    pub(super) len: u8,
}

/// A code for each symbol.
pub(super) struct Codes {
    pub(super) codes: Vec<Code>,
    /// How many symbols there are up to the last that has a code.
    pub(super) used: usize,
}

impl Codes {
    /// The shortest codes of at most `limit` bits for symbols that occur so many times. At least
    /// one must occur.
    pub(super) fn new(counts: &[u32], limit: usize) -> Self {
        let mut symbols: Vec<usize> = (0..counts.len()).filter(|s| counts[*s] > 0).collect();
        let mut lengths = vec![0; counts.len()];
        if symbols.len() <= 2 {
            for symbol in &symbols {
                lengths[*symbol] = 1;
            }
            return Self::of_lengths(&lengths);
        }
        // The sort is stable: the lower of two symbols with equal counts stays in front.
        symbols.sort_by_key(|s| counts[*s]);
        let sorted: Vec<u32> = symbols.iter().map(|s| counts[*s]).collect();
        let mut rest = symbols.as_slice();
        for (length, count) in (1u8..).zip(length_counts(&sorted, limit)) {
            let (longer, these) = rest.split_at(rest.len() - count);
            for symbol in these {
                lengths[*symbol] = length;
            }
            rest = longer;
        }
        Self::of_lengths(&lengths)
    }

    /// The canonical codes of these lengths.
    fn of_lengths(lengths: &[u8]) -> Self {
        let mut codes = vec![Code::default(); lengths.len()];
        let mut next = 0u16;
        for len in 1..=15 {
            next <<= 1;
            for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| **l == len) {
                let bits = next.reverse_bits() >> (16 - u32::from(len));
                *code = Code { bits, len };
                next += 1;
            }
        }
        let last = lengths.iter().rposition(|l| *l > 0);
        Self {
            codes,
            used: last.map_or(0, |at| at + 1),
        }
    }

    /// Literals of a block without codes of its own.
    pub(super) fn fixed_literals() -> &'static Self {
        static FIXED: LazyLock<Codes> = LazyLock::new(|| {
            let length = |symbol| match symbol {
                0..144 | 280.. => 8,
                144..256 => 9,
                _ => 7,
            };
            Codes::of_lengths(&(0..288).map(length).collect::<Vec<_>>())
        });
        &FIXED
    }

    /// Offsets of a block without codes of its own.
    pub(super) fn fixed_offsets() -> &'static Self {
        static FIXED: LazyLock<Codes> = LazyLock::new(|| Codes::of_lengths(&[5; 30]));
        &FIXED
    }

    /// Bits that symbols take that occur so many times.
    pub(super) fn cost(&self, counts: &[u32]) -> usize {
        let each = counts.iter().zip(&self.codes);
        each.map(|(n, code)| *n as usize * usize::from(code.len))
            .sum()
    }

    /// The lengths of the codes up to the last symbol that has one.
    pub(super) fn lengths(&self) -> impl Iterator<Item = u8> {
        self.codes[..self.used].iter().map(|c| c.len)
    }
}

/// How many symbols get a code of 1, 2, ... bits, by the package-merge algorithm. Among equal
/// weights packages come before symbols.
fn length_counts(weights: &[u32], limit: usize) -> Vec<usize> {
    let limit = limit.min(weights.len() - 1);
    // For each level, whether each of its items in order of weight is a symbol.
    let mut levels: Vec<Vec<bool>> = Vec::with_capacity(limit);
    let mut below: Vec<u64> = Vec::new();
    for _ in 0..limit {
        let mut packages = below
            .chunks_exact(2)
            .map(|pair| pair[0] + pair[1])
            .peekable();
        let mut symbols = weights.iter().map(|w| u64::from(*w)).peekable();
        let mut merged = Vec::with_capacity(2 * weights.len());
        let mut level = Vec::with_capacity(2 * weights.len());
        loop {
            let symbol = match (symbols.peek(), packages.peek()) {
                (Some(symbol), Some(package)) => symbol < package,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            merged.extend(if symbol {
                symbols.next()
            } else {
                packages.next()
            });
            level.push(symbol);
        }
        levels.push(level);
        below = merged;
    }
    // A symbol has as many bits as there are levels in which it is taken.
    let mut taken = 2 * weights.len() - 2;
    let mut at_least = Vec::with_capacity(limit + 1);
    for level in levels.iter().rev() {
        let symbols = level[..taken].iter().filter(|s| **s).count();
        at_least.push(symbols);
        taken = 2 * (taken - symbols);
    }
    at_least.push(0);
    at_least.windows(2).map(|w| w[0] - w[1]).collect()
}
