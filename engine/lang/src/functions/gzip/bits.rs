//! Bits to bytes, and the forms of blocks.

use super::huffman::{Code, Codes};
use super::matches::Token;

/// Most bytes that a stored block can have.
const MAX_STORED: usize = 65535;

/// The first literal symbol that is a length.
pub(super) const FIRST_LENGTH: usize = 257;

/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;

/// The order in which a dynamic block gives the lengths of the codes for its code lengths.
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// A sink for bits, lowest first.
pub(super) struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            pending: 0,
            count: 0,
        }
    }

    fn put(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    fn code(&mut self, code: Code) {
        self.put(code.bits.into(), code.len.into());
    }

    /// Fills the last byte up.
    fn align(&mut self) {
        let missing = self.count.next_multiple_of(8) - self.count;
        self.put(0, missing);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }

    pub(super) fn stored_header(&mut self, length: u16, last: bool) {
        self.put(last.into(), 3);
        self.align();
        self.put(length.into(), 16);
        self.put((!length).into(), 16);
    }

    /// Writes a block that does not end the stream in its smallest form. `input` is what the
    /// tokens stand for, if it is still known.
    pub(super) fn block(&mut self, tokens: &[Token], input: Option<&[u8]>) {
        let plan = Plan::new(tokens);
        let stored = input.filter(|i| i.len() <= MAX_STORED);
        let extra = plan.extra_bits();
        let fixed = 3
            + Codes::fixed_literals().cost(&plan.literals)
            + Codes::fixed_offsets().cost(&plan.offsets)
            + extra;
        let dynamic = plan.dynamic_cost() + extra;
        let smallest = fixed.min(dynamic);
        match stored.map(|i| (i, u16::try_from(i.len()))) {
            Some((input, Ok(length))) if (input.len() + 5) * 8 < smallest => {
                self.stored_header(length, false);
                self.bytes.extend_from_slice(input);
            }
            _ if dynamic < fixed => {
                self.dynamic_header(&plan);
                self.tokens(tokens, &plan.literal_codes, &plan.offset_codes);
            }
            _ => {
                self.put(2, 3);
                self.tokens(tokens, Codes::fixed_literals(), Codes::fixed_offsets());
            }
        }
    }

    fn dynamic_header(&mut self, plan: &Plan) {
        self.put(4, 3);
        self.put((plan.literal_codes.used - FIRST_LENGTH) as u32, 5);
        self.put((plan.offset_codes.used - 1) as u32, 5);
        let lengths = plan.length_codes_given();
        self.put((lengths - 4) as u32, 4);
        for symbol in &LENGTH_ORDER[..lengths] {
            self.put(plan.length_codes.codes[*symbol].len.into(), 3);
        }
        for length in &plan.lengths {
            self.code(plan.length_codes.codes[usize::from(length.symbol)]);
            self.put(length.extra.into(), extra_of_length(length.symbol));
        }
    }

    fn tokens(&mut self, tokens: &[Token], literals: &Codes, offsets: &Codes) {
        for token in tokens {
            match *token {
                Token::Literal(byte) => self.code(literals.codes[usize::from(byte)]),
                Token::Match { length, offset } => {
                    let (symbol, extra, count) = length_symbol(length);
                    self.code(literals.codes[FIRST_LENGTH + symbol]);
                    self.put(extra, count);
                    let (symbol, extra, count) = offset_symbol(offset);
                    self.code(offsets.codes[symbol]);
                    self.put(extra, count);
                }
            }
        }
        self.code(literals.codes[END_OF_BLOCK]);
    }
}

/// Symbol of a length (3 to 258), the bits that follow it, and how many these are.
pub(super) fn length_symbol(length: u16) -> (usize, u32, u32) {
    match length {
        258 => (28, 0, 0),
        _ => split(u32::from(length) - 3, 4),
    }
}

/// Symbol of an offset (1 to 32768), the bits that follow it, and how many these are.
pub(super) fn offset_symbol(offset: u16) -> (usize, u32, u32) {
    split(u32::from(offset), 2)
}

/// Classes of doubling width, `per_width` for each width.
fn split(value: u32, per_width: u32) -> (usize, u32, u32) {
    if value < 2 * per_width {
        return (value as usize, 0, 0);
    }
    let extra = value.ilog2() - per_width.ilog2();
    let symbol = extra * per_width + (value >> extra);
    (symbol as usize, value & ((1 << extra) - 1), extra)
}

/// How many bits follow a symbol for code lengths.
fn extra_of_length(symbol: u8) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

/// A symbol for code lengths with what follows it.
struct LengthSymbol {
    symbol: u8,
    extra: u8,
}

/// What a dynamic block would look like.
struct Plan {
    literals: Vec<u32>,
    offsets: Vec<u32>,
    literal_codes: Codes,
    offset_codes: Codes,
    lengths: Vec<LengthSymbol>,
    length_counts: Vec<u32>,
    length_codes: Codes,
}

impl Plan {
    fn new(tokens: &[Token]) -> Self {
        let mut literals = vec![0; 286];
        let mut offsets = vec![0; 30];
        literals[END_OF_BLOCK] = 1;
        for token in tokens {
            match *token {
                Token::Literal(byte) => literals[usize::from(byte)] += 1,
                Token::Match { length, offset } => {
                    literals[FIRST_LENGTH + length_symbol(length).0] += 1;
                    offsets[offset_symbol(offset).0] += 1;
                }
            }
        }
        // At least one offset must have a code.
        if offsets.iter().all(|n| *n == 0) {
            offsets[0] = 1;
        }
        let literal_codes = Codes::new(&literals, 15);
        let offset_codes = Codes::new(&offsets, 15);
        let lengths = run_lengths(literal_codes.lengths().chain(offset_codes.lengths()));
        let mut length_counts = vec![0; 19];
        for length in &lengths {
            length_counts[usize::from(length.symbol)] += 1;
        }
        let length_codes = Codes::new(&length_counts, 7);
        Self {
            literals,
            offsets,
            literal_codes,
            offset_codes,
            lengths,
            length_counts,
            length_codes,
        }
    }

    /// Bits that follow the symbols of lengths and offsets.
    fn extra_bits(&self) -> usize {
        let lengths = self.literals[FIRST_LENGTH..].iter().enumerate();
        let lengths = lengths.map(|(symbol, n)| *n as usize * extra_bits(symbol, 28, 4));
        let offsets = self.offsets.iter().enumerate();
        let offsets = offsets.map(|(symbol, n)| *n as usize * extra_bits(symbol, 30, 2));
        lengths.chain(offsets).sum()
    }

    /// How many lengths of codes for code lengths are given: all up to the last one used.
    fn length_codes_given(&self) -> usize {
        let used = |symbol: &usize| self.length_counts[*symbol] > 0;
        let last = LENGTH_ORDER.iter().rposition(used);
        last.map_or(4, |at| (at + 1).max(4))
    }

    /// Size in bits without the bits that follow symbols.
    fn dynamic_cost(&self) -> usize {
        let follow = |s: &LengthSymbol| extra_of_length(s.symbol) as usize;
        3 + 5
            + 5
            + 4
            + 3 * self.length_codes_given()
            + self.length_codes.cost(&self.length_counts)
            + self.lengths.iter().map(follow).sum::<usize>()
            + self.literal_codes.cost(&self.literals)
            + self.offset_codes.cost(&self.offsets)
    }
}

/// How many bits follow a symbol of `split`; none do from symbol `end` on.
fn extra_bits(symbol: usize, end: usize, per_width: usize) -> usize {
    match symbol {
        s if s >= end => 0,
        s => (s / per_width).saturating_sub(1),
    }
}

/// Code lengths with runs put together.
fn run_lengths(lengths: impl Iterator<Item = u8>) -> Vec<LengthSymbol> {
    let mut out = Vec::new();
    let mut lengths = lengths.peekable();
    while let Some(length) = lengths.next() {
        let mut count = 1;
        while lengths.next_if_eq(&length).is_some() {
            count += 1;
        }
        run(&mut out, length, count);
    }
    out
}

fn run(out: &mut Vec<LengthSymbol>, length: u8, mut count: usize) {
    let mut add = |symbol, extra| out.push(LengthSymbol { symbol, extra });
    if length == 0 {
        while count >= 11 {
            let n = count.min(138);
            add(18, (n - 11) as u8);
            count -= n;
        }
        if count >= 3 {
            add(17, (count - 3) as u8);
            count = 0;
        }
    } else {
        add(length, 0);
        count -= 1;
        while count >= 3 {
            let n = count.min(6);
            add(16, (n - 3) as u8);
            count -= n;
        }
    }
    for _ in 0..count {
        add(length, 0);
    }
}
