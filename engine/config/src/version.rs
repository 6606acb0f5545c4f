//! Versions and constraints on them: `1.11.4`, `>= 1.2, < 2.0`, `~> 1.1`.

use std::cmp::Ordering;
use std::fmt;

/// A version: numbers, an optional pre-release, and build metadata that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The numbers; at least three, missing ones are zero.
    segments: Vec<u64>,
    /// The part after `-`; empty when there is none.
    pre: String,
}

/// A comma-separated list of conditions, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints(Vec<Constraint>);

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Constraint {
    op: Op,
    version: Version,
    /// How many numbers were written: `~> 1.2` and `~> 1.2.0` differ.
    written: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Pessimistic,
}

/// A text that is no version or constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionError {
    /// The part that was not understood.
    pub text: String,
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a version or version constraint", self.text)
    }
}

impl std::error::Error for VersionError {}

impl Version {
    /// Parses `1`, `1.2`, `v1.2.3`, `1.2.3-beta1+build`.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        parse_version(text.trim()).map(|(version, _)| version)
    }

    /// Whether this is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let len = self.segments.len().max(other.segments.len());
        let at = |v: &Self, i: usize| v.segments.get(i).copied().unwrap_or(0);
        (0..len)
            .map(|i| at(self, i).cmp(&at(other, i)))
            .find(|o| o.is_ne())
            .unwrap_or_else(|| compare_pre(&self.pre, &other.pre))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, n) in self.segments.iter().enumerate() {
            write!(f, "{}{n}", if i > 0 { "." } else { "" })?;
        }
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        Ok(())
    }
}

impl Constraints {
    /// Parses a list of conditions. Every part must be there: an empty text is an error.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        text.split(',')
            .map(parse_constraint)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether all conditions hold. A pre-release is only allowed by a condition that names a
    /// pre-release of the same numbers.
    pub fn allow(&self, version: &Version) -> bool {
        self.0.iter().all(|c| c.allows(version))
    }

    /// Whether a version of a provider may be used. Providers are stricter than [`Self::allow`]: a
    /// pre-release has to be named by an `=` condition, and `~> 1` means `~> 1.0`.
    pub fn allow_provider(&self, version: &Version) -> bool {
        let named = || {
            let mut exact = self.0.iter().filter(|c| c.op == Op::Equal);
            exact.any(|c| c.version == *version)
        };
        (!version.is_prerelease() || named()) && self.0.iter().all(|c| c.allows_provider(version))
    }

    /// Whether a version of a module may be used: a pre-release has to be named by an `=`
    /// condition.
    pub fn allow_module(&self, version: &Version) -> bool {
        self.allow(version) && (!version.is_prerelease() || self.allow_provider(version))
    }

    /// Whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All conditions of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// The form of dependency lock files: each condition once, sorted by version and operator, with
/// all numbers written out.
impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Constraint> = self.0.iter().collect();
        sorted.sort_by(|a, b| {
            let versions = a.version.cmp(&b.version);
            versions.then_with(|| a.rank().cmp(&b.rank()))
        });
        sorted.dedup_by(|a, b| a.version == b.version && a.rank() == b.rank());
        for (i, constraint) in sorted.into_iter().enumerate() {
            write!(f, "{}{constraint}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.op {
            Op::Equal => "",
            Op::NotEqual => "!= ",
            Op::Greater => "> ",
            Op::GreaterEqual => ">= ",
            Op::Less => "< ",
            Op::LessEqual => "<= ",
            Op::Pessimistic => "~> ",
        };
        if self.op == Op::Pessimistic && self.written < 3 {
            let at = |i: usize| self.version.segments.get(i).copied().unwrap_or(0);
            write!(f, "{sign}{}.{}", at(0), at(1))?;
            return match self.version.pre.as_str() {
                "" => Ok(()),
                pre => write!(f, "-{pre}"),
            };
        }
        write!(f, "{sign}{}", self.version)
    }
}

impl Constraint {
    /// The place among conditions with the same version.
    fn rank(&self) -> u8 {
        match self.op {
            Op::Greater => 0,
            Op::GreaterEqual => 1,
            Op::Equal => 2,
            Op::Pessimistic if self.written >= 3 => 3,
            Op::Pessimistic => 4,
            Op::LessEqual => 5,
            Op::Less => 6,
            Op::NotEqual => 7,
        }
    }

    /// The condition alone, with pre-releases as versions like any other.
    fn allows_provider(&self, version: &Version) -> bool {
        match self.op {
            Op::Equal => version == &self.version,
            Op::NotEqual => version != &self.version,
            Op::Greater => version > &self.version,
            Op::GreaterEqual => version >= &self.version,
            Op::Less => version < &self.version,
            Op::LessEqual => version <= &self.version,
            Op::Pessimistic => {
                let fixed = self.written.max(2) - 1;
                let head = |v: &Version| v.segments.iter().take(fixed).copied().collect::<Vec<_>>();
                version >= &self.version && head(version) == head(&self.version)
            }
        }
    }

    fn allows(&self, version: &Version) -> bool {
        let same_numbers = version.segments == self.version.segments;
        let pre_fits = match (version.is_prerelease(), self.version.is_prerelease()) {
            (true, true) => same_numbers,
            (true, false) => matches!(self.op, Op::NotEqual),
            _ => true,
        };
        match self.op {
            Op::Equal => version == &self.version,
            Op::NotEqual => version != &self.version,
            Op::Greater => pre_fits && version > &self.version,
            Op::GreaterEqual => pre_fits && version >= &self.version,
            Op::Less => pre_fits && version < &self.version,
            Op::LessEqual => pre_fits && version <= &self.version,
            Op::Pessimistic => pre_fits && self.allows_pessimistic(version),
        }
    }

    /// `~> 1.2.3`: not less, and all numbers but the last written one are the same.
    fn allows_pessimistic(&self, version: &Version) -> bool {
        let fixed = self.written.saturating_sub(1);
        let at = |v: &Version, i: usize| v.segments.get(i).copied().unwrap_or(0);
        version >= &self.version && (0..fixed).all(|i| at(version, i) == at(&self.version, i))
    }
}

fn parse_constraint(text: &str) -> Result<Constraint, VersionError> {
    const OPS: [(&str, Op); 7] = [
        ("!=", Op::NotEqual),
        (">=", Op::GreaterEqual),
        ("<=", Op::LessEqual),
        ("~>", Op::Pessimistic),
        (">", Op::Greater),
        ("<", Op::Less),
        ("=", Op::Equal),
    ];
    let text = text.trim();
    let (op, rest) = OPS
        .iter()
        .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (*op, rest)))
        .unwrap_or((Op::Equal, text));
    let (version, written) = parse_version(rest.trim())?;
    Ok(Constraint {
        op,
        version,
        written,
    })
}

fn parse_version(text: &str) -> Result<(Version, usize), VersionError> {
    let error = || VersionError {
        text: text.to_owned(),
    };
    let body = text.strip_prefix('v').unwrap_or(text);
    let body = match body.split_once('+') {
        Some((body, build)) if is_suffix(build) => body,
        Some(_) => return Err(error()),
        None => body,
    };
    let (numbers, pre) = match body.split_once('-') {
        Some((numbers, pre)) if is_suffix(pre) => (numbers, pre),
        Some(_) => return Err(error()),
        None => (body, ""),
    };
    let mut segments = Vec::new();
    for part in numbers.split('.') {
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        segments.push(part.parse().map_err(|_| error())?);
    }
    let written = segments.len();
    segments.resize(written.max(3), 0);
    Ok((
        Version {
            segments,
            pre: pre.to_owned(),
        },
        written,
    ))
}

fn is_suffix(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'~'))
}

/// A release is greater than its pre-releases; parts compare as numbers where both are.
fn compare_pre(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut xs, mut ys) = (a.split('.'), b.split('.'));
    loop {
        let order = match (xs.next(), ys.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(constraints: &str, version: &str, expect: bool) {
        let parsed = Constraints::parse(constraints).unwrap();
        let allowed = parsed.allow(&Version::parse(version).unwrap());
        assert_eq!(allowed, expect, "{constraints} with {version}");
    }

    #[test]
    fn conditions_hold_as_written() {
        check("1.2.3", "1.2.3", true);
        check("= 1.2", "1.2.0", true);
        check(">= 1.0, != 1.11.4", "1.11.4", false);
        check(">=1.0,<2", "1.11.4", true);
        check("< 1.11.4", "1.11.4", false);
        check("> 1.9", "1.10.0", true);
    }

    #[test]
    fn the_last_written_number_may_grow() {
        check("~> 1.2", "1.9.0", true);
        check("~> 1.2", "2.0.0", false);
        check("~> 1.2.3", "1.2.9", true);
        check("~> 1.2.3", "1.3.0", false);
        check("~> 1.2.3", "1.2.2", false);
        check("~> 1", "7.0.0", true);
    }

    #[test]
    fn pre_releases_are_asked_for_by_name() {
        check(">= 1.0", "1.1.0-beta", false);
        check(">= 1.1.0-alpha", "1.1.0-beta", true);
        check("1.1.0-beta", "1.1.0-beta", true);
        assert!(Version::parse("1.0.0-rc2").unwrap() < Version::parse("1.0.0").unwrap());
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "foo",
            ">=",
            "1..2",
            "1.2,",
            "=> 1",
            "1.2.3-",
            "99999999999999999999",
        ] {
            assert!(Constraints::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn providers_have_rules_of_their_own() {
        let check = |constraints: &str, version: &str, expect: bool| {
            let parsed = Constraints::parse(constraints).unwrap();
            let allowed = parsed.allow_provider(&Version::parse(version).unwrap());
            assert_eq!(allowed, expect, "{constraints} with {version}");
        };
        check("~> 1", "1.9.0", true);
        check("~> 1", "2.0.0", false);
        check(">= 2.0.0-beta1", "2.0.0-beta2", false);
        check("2.0.0-beta2", "2.0.0-beta2", true);
        check(">= 2.0.0-beta1, 2.0.0-beta2", "2.0.0-beta2", true);
        check("!= 1.0.0", "2.0.0-beta2", false);
        check("~> 1.2.3", "1.2.9", true);
        check("~> 1.2.3", "1.3.0", false);
    }

    #[test]
    fn pre_releases_of_modules_are_named_exactly() {
        let check = |constraints: &str, version: &str, expect: bool| {
            let parsed = Constraints::parse(constraints).unwrap();
            let allowed = parsed.allow_module(&Version::parse(version).unwrap());
            assert_eq!(allowed, expect, "{constraints} with {version}");
        };
        check(">= 2.1.0-beta1", "2.1.0-beta1", false);
        check("2.1.0-beta1", "2.1.0-beta1", true);
        check("~> 1", "7.0.0", true);
        check("> 1, < 2", "2.0.0", false);
    }

    #[test]
    fn constraints_print_as_lock_files_have_them() {
        let check = |text: &str, expect: &str| {
            assert_eq!(Constraints::parse(text).unwrap().to_string(), expect);
        };
        check("1", "1.0.0");
        check("~> 1", "~> 1.0");
        check("~>1.0,~>1", "~> 1.0");
        check(
            "~> 1.0, >= 1.0, > 0.9, < 2, != 1.5, <= 3.0, = 1.1.0",
            "> 0.9.0, >= 1.0.0, ~> 1.0, 1.1.0, != 1.5.0, < 2.0.0, <= 3.0.0",
        );
        check(
            "!= 1.0.0, > 1.0.0, >= 1.0.0, ~> 1.0, < 3, <=3, !=3",
            "> 1.0.0, >= 1.0.0, ~> 1.0, != 1.0.0, <= 3.0.0, < 3.0.0, != 3.0.0",
        );
        check(
            ">= 2.0.0, <= 2.0.0, 2.0.0, ~> 2.0.0, ~> 2.0",
            ">= 2.0.0, 2.0.0, ~> 2.0.0, ~> 2.0, <= 2.0.0",
        );
        check(">= 1.0.0-beta1, >= 1", ">= 1.0.0-beta1, >= 1.0.0");
    }
}
