//! Sets of bytes, to pass over many bytes with one question for each.

/// A set of bytes.
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    pub(super) const fn of(bytes: &[u8]) -> Self {
        Self([false; 256]).with(bytes, true)
    }

    pub(super) const fn all_but(bytes: &[u8]) -> Self {
        Self([true; 256]).with(bytes, false)
    }

    const fn with(mut self, bytes: &[u8], member: bool) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self.0[bytes[i] as usize] = member;
            i += 1;
        }
        self
    }

    /// How many bytes at the start belong to the set.
    pub(super) fn prefix_len(&self, bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|&b| !self.0[usize::from(b)]);
        end.unwrap_or(bytes.len())
    }
}
