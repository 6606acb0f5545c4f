//! Text to literals and matches with earlier text, lazily: a match is used only if there is no
//! better one a byte later.

use super::bits::Bits;

/// How far back a match can be.
const WINDOW: usize = 1 << 15;
/// Shorter matches are not looked for.
const MIN_MATCH: usize = 4;
const MAX_MATCH: usize = 258;
/// How much is seen ahead, unless the text ends.
const LOOKAHEAD: usize = MIN_MATCH + MAX_MATCH;
/// How many tokens a block has.
const BLOCK: usize = 1 << 14;
const HASH_BITS: u32 = 17;
/// After a match of this length no better one is looked for.
const LAZY: usize = 16;
/// A match of this length ends the search.
const NICE: usize = 128;
/// How many candidates are looked at.
const CHAIN: usize = 128;
/// Matches of the least length are used only if they are not farther away.
const NEAR: usize = 4096;

/// A part of the output.
#[derive(Clone, Copy)]
pub(super) enum Token {
    Literal(u8),
    /// A copy of `length` bytes (3 to 258) from what is `offset` bytes (1 to 32768) before, less
    /// one.
    Match {
        length: u16,
        offset: u16,
    },
}

/// A match: how long, and how far back.
#[derive(Clone, Copy)]
struct Found {
    length: usize,
    offset: usize,
}

/// What stands for no match, whose length is below any other.
const NONE: Found = Found {
    length: MIN_MATCH - 1,
    offset: 0,
};

pub(super) struct Matcher<'a> {
    input: &'a [u8],
    /// The next byte.
    index: usize,
    /// Where the buffer of two windows starts, and where what it holds ends.
    start: usize,
    end: usize,
    /// Where the present block starts; `None` when that is no longer in the buffer.
    block_start: Option<usize>,
    /// For each hash the last place with it, plus one.
    heads: Vec<u32>,
    /// For each place in the window the one before it with the same hash, plus one.
    previous: Vec<u32>,
    tokens: Vec<Token>,
    /// The match at the byte before.
    last: Found,
    /// Whether the byte before is in no token yet.
    pending: bool,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            index: 0,
            start: 0,
            end: 0,
            block_start: Some(0),
            heads: vec![0; 1 << HASH_BITS],
            previous: vec![0; WINDOW],
            tokens: Vec::with_capacity(BLOCK),
            last: NONE,
            pending: false,
        }
    }

    /// Writes the whole input.
    pub(super) fn run(mut self, out: &mut Bits) {
        self.end = self.input.len().min(2 * WINDOW);
        while self.end < self.input.len() {
            while self.end - self.index >= LOOKAHEAD {
                self.step(out);
            }
            // The buffer moves on by one window, and what was in the older half is forgotten.
            self.start += WINDOW;
            self.block_start = self.block_start.filter(|at| *at >= self.start);
            self.end = self.input.len().min(self.start + 2 * WINDOW);
        }
        while self.index < self.end {
            self.step(out);
        }
        if self.pending {
            self.tokens.push(Token::Literal(self.input[self.index - 1]));
        }
        if !self.tokens.is_empty() {
            self.finish_block(self.index, out);
        }
    }

    fn step(&mut self, out: &mut Bits) {
        let candidate = self.insert(self.index);
        let before = std::mem::replace(&mut self.last, NONE);
        let ahead = self.end - self.index;
        if before.length < LAZY
            && ahead > before.length
            && let Some(candidate) = candidate
        {
            self.last = self.longest(candidate, ahead.min(MAX_MATCH));
        }
        if before.length >= MIN_MATCH && self.last.length <= before.length {
            self.tokens.push(Token::Match {
                length: before.length as u16,
                offset: (before.offset - 1) as u16,
            });
            let after = self.index + before.length - 1;
            for index in self.index + 1..after {
                self.insert(index);
            }
            self.index = after;
            self.pending = false;
            self.last = NONE;
            if self.tokens.len() == BLOCK {
                self.finish_block(self.index, out);
            }
            return;
        }
        if self.pending {
            self.tokens.push(Token::Literal(self.input[self.index - 1]));
            if self.tokens.len() == BLOCK {
                self.finish_block(self.index, out);
            }
        }
        self.index += 1;
        self.pending = true;
    }

    /// Notes a place, and gives the one before it with the same hash if it is near enough.
    fn insert(&mut self, index: usize) -> Option<usize> {
        let bytes = self.input[..self.end].get(index..index + MIN_MATCH)?;
        let word = bytes.iter().fold(0u32, |w, b| w << 8 | u32::from(*b));
        let hash = word.wrapping_mul(0x1e35_a7bd) >> (32 - HASH_BITS);
        let head = &mut self.heads[hash as usize];
        self.previous[index % WINDOW] = *head;
        let before = *head as usize;
        *head = index as u32 + 1;
        before.checked_sub(1).filter(|i| *i >= self.oldest(index))
    }

    /// The first place that a match at `index` can be with.
    fn oldest(&self, index: usize) -> usize {
        self.start.max(index.saturating_sub(WINDOW))
    }

    /// The longest match of at most `most` bytes, the nearest of those.
    fn longest(&self, candidate: usize, most: usize) -> Found {
        let here = &self.input[self.index..self.index + most];
        let enough = most.min(NICE);
        let oldest = self.oldest(self.index);
        let mut best = NONE;
        let mut at = candidate;
        for _ in 0..CHAIN {
            let there = &self.input[at..at + most];
            if here[best.length] == there[best.length] {
                let length = common(here, there);
                let offset = self.index - at;
                if length > best.length && (length > MIN_MATCH || offset <= NEAR) {
                    best = Found { length, offset };
                    if length >= enough {
                        break;
                    }
                }
            }
            // The place before one at the edge of the window is overwritten.
            if at + WINDOW == self.index {
                break;
            }
            match (self.previous[at % WINDOW] as usize).checked_sub(1) {
                Some(next) if next >= oldest => at = next,
                _ => break,
            }
        }
        best
    }

    /// Writes the block that ends at `index`.
    fn finish_block(&mut self, index: usize, out: &mut Bits) {
        let input = self.block_start.map(|start| &self.input[start..index]);
        out.block(&self.tokens, input);
        self.tokens.clear();
        self.block_start = Some(index);
    }
}

/// How many bytes are the same from the start.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}
