//! Random configurations: what is applied is as configured, and in the order of dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use muster_plan::{Event, Mode, Operation};
use muster_planner::Options;

use crate::lab::{Lab, lines};

/// A small generator of numbers that are random enough.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How many instances there are, and what they are told apart by.
#[derive(Clone, Copy)]
enum Repeat {
    No,
    Count(u64),
    Each(u64),
}

#[derive(Clone)]
struct Thing {
    name: u64,
    size: u64,
    repeat: Repeat,
    /// In a module of its own, so that references lead through a variable and an output.
    module: bool,
    first: bool,
    needs: BTreeSet<u64>,
    depends_on: BTreeSet<u64>,
}

/// Things by number; a thing needs only such as have a lower rank.
type Things = BTreeMap<u64, Thing>;

fn generate(random: &mut Random, old: Option<&Things>) -> Things {
    let mut things = Things::new();
    let count = 1 + random.below(15);
    // Ranks differ from run to run, so that references turn round.
    let mut ranked: Vec<u64> = (0..15).collect();
    if old.is_none() || random.one_in(3) {
        for i in (1..ranked.len()).rev() {
            ranked.swap(i, random.below(i as u64 + 1) as usize);
        }
    }
    for (rank, &number) in ranked.iter().take(count as usize).enumerate() {
        let mut thing = Thing {
            name: 0,
            size: random.below(3),
            repeat: match random.below(4) {
                0 => Repeat::Count(random.below(4)),
                1 => Repeat::Each(random.below(4)),
                _ => Repeat::No,
            },
            module: number % 4 == 0,
            first: random.one_in(5),
            needs: BTreeSet::new(),
            depends_on: BTreeSet::new(),
        };
        if let Some(before) = old.and_then(|o| o.get(&number)) {
            thing.name = before.name + u64::from(random.one_in(3));
            if random.one_in(2) {
                thing.repeat = before.repeat;
            }
        }
        for _ in 0..random.below(3).min(rank as u64) {
            let other = ranked[random.below(rank as u64) as usize];
            let set = if random.one_in(4) {
                &mut thing.depends_on
            } else {
                &mut thing.needs
            };
            set.insert(other);
        }
        things.insert(number, thing);
    }
    things
}

/// The ids of a thing, as a list.
fn ids(number: u64, thing: &Thing) -> String {
    let at = if thing.module {
        format!("module.m{number}.ids")
    } else {
        splat(number, thing)
    };
    match (thing.module, thing.repeat) {
        (true, Repeat::No) | (false, _) => at,
        (true, Repeat::Count(_)) => format!("flatten(module.m{number}[*].ids)"),
        (true, Repeat::Each(_)) => format!("flatten([for m in module.m{number} : m.ids])"),
    }
}

fn splat(number: u64, thing: &Thing) -> String {
    match thing.repeat {
        Repeat::No => format!("[fake_thing.t{number}.id]"),
        Repeat::Count(_) => format!("fake_thing.t{number}[*].id"),
        Repeat::Each(_) => format!("values(fake_thing.t{number})[*].id"),
    }
}

fn repetition(repeat: Repeat) -> (String, &'static str) {
    match repeat {
        Repeat::No => (String::new(), ""),
        Repeat::Count(n) => (format!("  count = {n}\n"), "-${count.index}"),
        Repeat::Each(n) => {
            let keys: Vec<String> = (0..n).map(|k| format!("\"k{k}\"")).collect();
            (
                format!("  for_each = toset([{}])\n", keys.join(", ")),
                "-${each.key}",
            )
        }
    }
}

fn render(things: &Things) -> String {
    let mut root = String::new();
    for (&number, thing) in things {
        let (repeat, suffix) = repetition(thing.repeat);
        let lists: Vec<String> = thing.needs.iter().map(|n| ids(*n, &things[n])).collect();
        let input = format!("flatten([{}])", lists.join(", "));
        let depends: Vec<String> = thing
            .depends_on
            .iter()
            .map(|n| {
                if things[n].module {
                    format!("module.m{n}")
                } else {
                    format!("fake_thing.t{n}")
                }
            })
            .collect();
        let depends = format!("  depends_on = [{}]\n", depends.join(", "));
        let name = format!("n{number}v{}{suffix}", thing.name);
        let first = if thing.first {
            "  lifecycle { create_before_destroy = true }\n"
        } else {
            ""
        };
        if thing.module {
            let source = if thing.first { "./first" } else { "./plain" };
            let _ = write!(
                root,
                "module \"m{number}\" {{\n  source = \"{source}\"\n{repeat}{depends}  name = \"{name}\"\n  size = {}\n  input = {input}\n}}\n",
                thing.size
            );
        } else {
            let _ = write!(
                root,
                "resource \"fake_thing\" \"t{number}\" {{\n{repeat}{depends}{first}  name = \"{name}\"\n  size = {}\n  input = {input}\n}}\n",
                thing.size
            );
        }
        let _ = writeln!(
            root,
            "output \"o{number}\" {{ value = {} }}",
            ids(number, thing)
        );
    }
    for (dir, first) in [("plain", "false"), ("first", "true")] {
        let _ = write!(
            root,
            r#"-- {dir}/main.tf --
variable "name" {{ type = string }}
variable "size" {{ type = number }}
variable "input" {{ type = list(string) }}
resource "fake_thing" "in" {{
  name  = var.name
  size  = var.size
  input = var.input
  lifecycle {{ create_before_destroy = {first} }}
}}
output "ids" {{ value = [fake_thing.in.id] }}
"#
        );
    }
    root
}

/// Number of the thing that an address belongs to.
fn number(addr: &muster_addr::InstanceAddr) -> u64 {
    let text = addr.to_string();
    let digits = text
        .trim_start_matches("module.m")
        .trim_start_matches("fake_thing.t");
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().unwrap()
}

/// Positions among the events where things of each number begin and end to be made or changed,
/// or destroyed: first begin and last end.
fn spans(events: &[Event], made: bool) -> BTreeMap<u64, (usize, usize)> {
    let mut found: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        let (Event::Started {
            addr, operation, ..
        }
        | Event::Finished {
            addr, operation, ..
        }) = event
        else {
            continue;
        };
        if matches!(operation, Operation::Create | Operation::Update) == made {
            let span = found.entry(number(addr)).or_insert((i, i));
            span.1 = i;
        }
    }
    found
}

fn everything(thing: &Thing) -> impl Iterator<Item = &u64> {
    thing.needs.iter().chain(&thing.depends_on)
}

/// What is made comes after what it needs, what is destroyed after what needed it.
fn check_order(events: &[Event], old: &Things, new: &Things, story: &str) {
    let made = spans(events, true);
    for (number, thing) in new {
        for need in everything(thing) {
            if let (Some(own), Some(other)) = (made.get(number), made.get(need)) {
                assert!(other.1 < own.0, "{number} is made before {need}\n{story}");
            }
        }
    }
    let gone = spans(events, false);
    for (number, thing) in old {
        for need in everything(thing) {
            if let (Some(own), Some(other)) = (gone.get(number), gone.get(need)) {
                assert!(
                    own.1 < other.0,
                    "{need} is destroyed before {number}\n{story}"
                );
            }
        }
    }
}

fn run(seed: u64) {
    let mut random = Random(seed);
    let mut lab = Lab::default();
    let mut old = Things::new();
    let mut story = format!("seed {seed}");
    for step in 0..3 {
        let things = generate(&mut random, (step > 0).then_some(&old));
        let config = render(&things);
        let _ = write!(story, "\n======== {step}\n{config}");
        let found = lab.plan_with(&config, Options::default());
        assert!(found.diags.is_empty(), "{:?}\n{story}", found.diags);
        lab.take_events();
        let found = lab.carry_out(&config, found.plan.unwrap());
        assert!(found.is_empty(), "{found:?}\n{story}");
        check_order(&lab.take_events(), &old, &things, &story);
        let again = lab.plan(&config);
        assert_eq!(lines(&again), Vec::<String>::new(), "{story}");
        assert!(again.is_empty(), "{story}");
        assert!(again.steps.is_empty() || again.steps.iter().all(|s| s.kind.change().is_none()));
        let stored: usize = lab
            .state
            .resources
            .values()
            .map(|r| r.instances.len())
            .sum();
        assert_eq!(stored, lab.world().objects.len(), "{story}");
        old = things;
    }
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    let config = render(&old);
    lab.take_events();
    let found = lab.try_apply(&config, destroy);
    assert!(found.is_empty(), "{found:?}\n{story}");
    check_order(&lab.take_events(), &old, &Things::new(), &story);
    lab.check_state("");
    assert!(lab.world().objects.is_empty(), "{story}");
}

#[test]
fn random_configurations_come_true() {
    for seed in 0..60 {
        run(seed);
    }
}
