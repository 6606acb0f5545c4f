//! Directed graphs without cycles, as much of them as drawing takes.

/// A graph of numbered nodes, every one of which comes after those that it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dag {
    /// For each node the nodes that it needs, all of them with lower numbers.
    needs: Vec<Vec<usize>>,
}

impl Dag {
    /// Adds a node that needs others.
    pub(super) fn push(&mut self, mut needs: Vec<usize>) -> usize {
        // The nearest first.
        needs.sort_unstable_by(|a, b| b.cmp(a));
        needs.dedup();
        self.needs.push(needs);
        self.needs.len() - 1
    }

    /// What a node needs.
    pub(super) fn needs(&self, node: usize) -> &[usize] {
        &self.needs[node]
    }

    /// Without the edges that say nothing new: those to a node that is needed by another one
    /// that is needed, too.
    pub(super) fn reduced(&self) -> Self {
        let mut marks = Marks {
            wanted: vec![usize::MAX; self.needs.len()],
            seen: vec![usize::MAX; self.needs.len()],
        };
        let needs = (0..self.needs.len()).map(|node| self.direct(node, &mut marks));
        Self {
            needs: needs.collect(),
        }
    }

    /// The edges of one node that are not implied.
    fn direct(&self, node: usize, marks: &mut Marks) -> Vec<usize> {
        let needs = &self.needs[node];
        let Some(&lowest) = needs.last() else {
            return Vec::new();
        };
        for &need in needs {
            marks.wanted[need] = node;
        }
        let mut direct = Vec::new();
        let mut missing = needs.len();
        let mut stack = Vec::new();
        for &need in needs {
            if marks.seen[need] != node {
                direct.push(need);
                marks.seen[need] = node;
                missing -= 1;
                stack.push(need);
            }
            while missing > 0 {
                let Some(next) = stack.pop() else { break };
                // What lies before all that is needed here leads to none of it.
                for &n in self.needs[next].iter().filter(|&&n| n >= lowest) {
                    if marks.seen[n] != node {
                        marks.seen[n] = node;
                        missing -= usize::from(marks.wanted[n] == node);
                        stack.push(n);
                    }
                }
            }
        }
        direct
    }

    /// Only the nodes that `keep` says; what led through others leads on. Also gives the old
    /// number of each node.
    pub(super) fn kept(&self, keep: impl Fn(usize) -> bool) -> (Self, Vec<usize>) {
        let mut kept = Self::default();
        let mut old = Vec::new();
        // For each node what stands for it: itself if it is kept, else what it leads to.
        let mut stands: Vec<Vec<usize>> = Vec::with_capacity(self.needs.len());
        for (node, needs) in self.needs.iter().enumerate() {
            let mut through: Vec<usize> = needs.iter().flat_map(|&n| &stands[n]).copied().collect();
            through.sort_unstable();
            through.dedup();
            if keep(node) {
                stands.push(vec![kept.push(through)]);
                old.push(node);
            } else {
                stands.push(through);
            }
        }
        (kept, old)
    }
}

/// What is known of each node while the edges of one are looked at: the last one that...
struct Marks {
    /// ...needs it.
    wanted: Vec<usize>,
    /// ...it was reached from.
    seen: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag(needs: &[&[usize]]) -> Dag {
        let mut dag = Dag::default();
        for needs in needs {
            dag.push(needs.to_vec());
        }
        dag
    }

    #[test]
    fn implied_edges_go() {
        let check = |needs: &[&[usize]], expect: &[&[usize]]| {
            assert_eq!(dag(needs).reduced(), dag(expect));
        };
        check(&[], &[]);
        check(&[&[], &[0], &[0, 1]], &[&[], &[0], &[1]]);
        check(
            &[&[], &[], &[0], &[2], &[3, 0, 1]],
            &[&[], &[], &[0], &[2], &[3, 1]],
        );
        // Two ways of the same length.
        check(&[&[], &[0], &[0], &[1, 2, 0]], &[&[], &[0], &[0], &[1, 2]]);
    }

    #[test]
    fn reduction_keeps_what_is_reached() {
        // Any graph: number n needs the divisors of n.
        let mut all = Dag::default();
        for n in 0usize..200 {
            all.push((1..n).filter(|d| n % d == 0).collect());
        }
        let reduced = all.reduced();
        for n in 2usize..200 {
            let expect: Vec<usize> = (2..=n)
                .rev()
                .filter(|p| n % p == 0 && (2..*p).all(|d| p % d != 0))
                .map(|p| n / p)
                .collect();
            let mut found = reduced.needs(n).to_vec();
            found.sort_unstable();
            assert_eq!(found, expect, "{n}");
        }
    }

    #[test]
    fn ways_through_others_stay() {
        let all = dag(&[&[], &[0], &[1], &[2], &[1, 3]]);
        let (kept, old) = all.kept(|n| n % 2 == 0);
        assert_eq!(old, [0, 2, 4]);
        assert_eq!(kept, dag(&[&[], &[0], &[0, 1]]));
    }
}
